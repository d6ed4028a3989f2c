"""The tables of the help desk."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, MetaData, String, Table, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The base of all tables, with the metadata that Alembic compares with the database."""


class User(Base):
    """A user, who logs in with an address."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    password_hash: Mapped[str] = mapped_column(String(200))
    is_staff: Mapped[bool] = mapped_column(default=False)
    is_active: Mapped[bool] = mapped_column(default=True)


# --8<-- [start:ticket]
# The table of the core, in a metadata of its own: Alembic must not create it.
CARDS = Table("stellary_cards", MetaData(), Column("id", String(24), primary_key=True))


class Ticket(Base):
    """A ticket, whose work is a card of the board."""

    __tablename__ = "tickets"
    __table_args__ = (UniqueConstraint("customer_id", "subject"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey(User.id))
    subject: Mapped[str] = mapped_column(String(100))
    is_closed: Mapped[bool] = mapped_column(default=False)
    project_id: Mapped[str] = mapped_column(String(24))
    card_id: Mapped[str] = mapped_column(ForeignKey(CARDS.c.id), unique=True)


# --8<-- [end:ticket]
