"""The tables of the call center: tenants, their members, the audit, pages and reports."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import DateTime, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Role = Literal["lead", "agent", "trainee"]
SLUG_MAX = 40
ROLES: tuple[Role, ...] = ("lead", "agent", "trainee")


class Base(DeclarativeBase):
    """The base of the models."""


# --8<-- [start:tenant]
class Tenant(Base):
    """A company. Its organization in the core has the same slug.

    Attributes:
        workspace_id: The workspace of the core in which its tickets are.
        project_id: The project of the core with its tickets.
    """

    __tablename__ = "tenants"
    # The keys of jobs and the external ids of accounts contain the id, so it is not given to another tenant later.
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(SLUG_MAX), unique=True)
    is_suspended: Mapped[bool] = mapped_column(default=False)
    workspace_id: Mapped[str] = mapped_column(String(24), default="", index=True)
    project_id: Mapped[str] = mapped_column(String(24), default="")

    @property
    def owner_id(self) -> str:
        return build_owner_id(self.id)


class Member(Base):
    """A person who works for a tenant. Somebody who works for two tenants is two members.

    Attributes:
        user_id: The account in the core.
        key_digest: The SHA-256 of the member's API key.
        pager: The number to which notifications are sent; empty for none.
        page_types: The types of activities for which they are sent, separated by spaces.
    """

    __tablename__ = "members"
    __table_args__ = (UniqueConstraint("tenant_id", "email"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey(Tenant.id, ondelete="CASCADE"))
    email: Mapped[str]
    role: Mapped[str]
    user_id: Mapped[str] = mapped_column(String(24), default="", index=True)
    key_digest: Mapped[str] = mapped_column(String(64), unique=True)
    is_locked: Mapped[bool] = mapped_column(default=False)
    pager: Mapped[str] = mapped_column(default="")
    page_types: Mapped[str] = mapped_column(default="card_assigned")


# --8<-- [end:tenant]


def build_owner_id(tenant_id: int) -> str:
    """Return the external id of the account that owns the organization of a tenant, and belongs to nobody."""
    return f"tenant-{tenant_id}"


class AuditEntry(Base):
    """A change of a ticket, written in the transaction of the change."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey(Tenant.id, ondelete="CASCADE"), index=True)
    member_id: Mapped[int | None]
    event: Mapped[str]
    card_id: Mapped[str]
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=lambda: datetime.now(UTC))


class Page(Base):
    """A page that was sent; the unique key keeps a repeated delivery from sending it twice."""

    __tablename__ = "pages"

    notification_id: Mapped[str] = mapped_column(primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey(Member.id, ondelete="CASCADE"), index=True)
    text: Mapped[str]


class Report(Base):
    """The number of open tickets at one time."""

    __tablename__ = "reports"

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey(Tenant.id, ondelete="CASCADE"), index=True)
    open_tickets: Mapped[int]
