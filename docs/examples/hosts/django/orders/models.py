"""The clerks of the shop, who are its users, and the orders that they take."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models

from stellary.contrib.django.models import Card


class UserManager(BaseUserManager["User"]):
    """A manager that creates users with an address in place of a user name."""

    def create_user(self, email: str, password: str | None = None, **fields: object) -> User:
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A clerk, who logs in to the admin with an address."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=100)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)

    USERNAME_FIELD = "email"
    # The types of Django expect the manager of all models.
    objects: ClassVar[UserManager] = UserManager()  # pyright: ignore[reportIncompatibleVariableOverride]

    def get_full_name(self) -> str:
        """Return the name, which is that of the account as well."""
        return self.name


# --8<-- [start:order]
class Order(models.Model):
    """An order, whose delivery is a card of the board."""

    clerk = models.ForeignKey(User, models.PROTECT)
    product = models.CharField(max_length=100)
    card = models.OneToOneField(Card, models.PROTECT)


# --8<-- [end:order]
