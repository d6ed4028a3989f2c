"""The tables of the workshop: users and repairs."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, String, Table
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

BICYCLE_MAX = 100


class Base(DeclarativeBase):
    """The base of the models."""


# --8<-- [start:models]
# The core creates this table. The workshop only refers to its key.
cards = Table("stellary_cards", Base.metadata, Column("id", String(24), primary_key=True))


class User(Base):
    """A user, who logs in with an address and a password."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    is_staff: Mapped[bool] = mapped_column(default=False)
    is_active: Mapped[bool] = mapped_column(default=True)


class Repair(Base):
    """A repair that a customer has ordered. Its card shows how far it is."""

    __tablename__ = "repairs"

    id: Mapped[int] = mapped_column(primary_key=True)
    bicycle: Mapped[str] = mapped_column(String(BICYCLE_MAX), unique=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey(User.id))
    card_id: Mapped[str] = mapped_column(ForeignKey(cards.c.id))
    customer: Mapped[User] = relationship()


TABLES = [Base.metadata.tables[model.__tablename__] for model in (User, Repair)]
"""The tables that the workshop creates itself."""
# --8<-- [end:models]
