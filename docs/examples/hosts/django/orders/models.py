"""The users and the orders of the shop."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models


class UserManager(BaseUserManager):
    """A manager that creates users with an address in place of a user name."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user: User = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractUser):
    """A user, who logs in with an address."""

    username = None
    email = models.EmailField(unique=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()


# --8<-- [start:order]
class Order(models.Model):
    """An order, whose delivery is a card of the board."""

    customer = models.ForeignKey(User, models.PROTECT)
    product = models.CharField(max_length=100)
    card = models.OneToOneField("stellary.Card", models.PROTECT)


# --8<-- [end:order]
