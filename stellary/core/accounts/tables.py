"""The schema of accounts: users, organizations, workspaces, who belongs to them, and their tokens."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    false,
    text,
)

from stellary.core.db.base import IdType, Json, UtcDateTime, metadata

users = Table(
    "stellary_users",
    metadata,
    Column("id", IdType, primary_key=True),
    Column("email", String(254), nullable=False),
    # Addresses are unique without regard to case; this is the form that is compared. Some letters fold into three.
    Column("email_key", String(762), nullable=False, unique=True),
    Column("name", String(100), nullable=False),
    # Null for a user whom the host of an embedded core has mapped: there is nothing to log in with.
    Column("password_hash", String(100)),
    Column("external_id", String(200), unique=True),
    # Of the name that an agent goes by: where it works. No foreign key: it goes once what bears it is gone.
    Column("agent_of_id", IdType, index=True),
    # Counts the changes of the password: a login of an earlier count is refused, to the very moment.
    Column("token_generation", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

organizations = Table(
    "stellary_organizations",
    metadata,
    Column("id", IdType, primary_key=True),
    Column("name", String(100), nullable=False),
    Column("slug", String(60), nullable=False, unique=True),
    Column("owner_id", IdType, ForeignKey("stellary_users.id"), nullable=False, index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

organization_members = Table(
    "stellary_organization_members",
    metadata,
    Column(
        "organization_id",
        IdType,
        ForeignKey("stellary_organizations.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column(
        "user_id", IdType, ForeignKey("stellary_users.id", ondelete="CASCADE"), primary_key=True, index=True
    ),
    Column("role", String(10), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

workspaces = Table(
    "stellary_workspaces",
    metadata,
    Column("id", IdType, primary_key=True),
    Column(
        "organization_id", IdType, ForeignKey("stellary_organizations.id", ondelete="CASCADE"), nullable=False
    ),
    Column("name", String(100), nullable=False),
    Column("slug", String(60), nullable=False),
    Column("owner_id", IdType, ForeignKey("stellary_users.id"), nullable=False, index=True),
    Column("is_personal", Boolean, nullable=False),
    # What it calls the current cycle of its pilotage.
    Column("pilotage_cycle", String(50), nullable=False, server_default="v1"),
    # Whether an automation or a webhook was ever created in it; if not, changes need not look for subscribers.
    Column("has_listeners", Boolean, nullable=False, server_default=false()),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("organization_id", "slug"),
)

workspace_members = Table(
    "stellary_workspace_members",
    metadata,
    Column(
        "workspace_id", IdType, ForeignKey("stellary_workspaces.id", ondelete="CASCADE"), primary_key=True
    ),
    Column(
        "user_id", IdType, ForeignKey("stellary_users.id", ondelete="CASCADE"), primary_key=True, index=True
    ),
    Column("role", String(10), nullable=False),
    Column("pilotage_role", String(10), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

invitations = Table(
    "stellary_invitations",
    metadata,
    Column("id", IdType, primary_key=True),
    Column("workspace_id", IdType, ForeignKey("stellary_workspaces.id", ondelete="CASCADE"), nullable=False),
    Column("email", String(254), nullable=False),
    Column("email_key", String(762), nullable=False),
    Column("role", String(10), nullable=False),
    # The secret itself is mailed and kept nowhere.
    Column("token_digest", String(64), nullable=False, unique=True),
    Column("invited_by_id", IdType, ForeignKey("stellary_users.id"), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("workspace_id", "email_key"),
)

api_tokens = Table(
    "stellary_api_tokens",
    metadata,
    Column("id", IdType, primary_key=True),
    Column("user_id", IdType, ForeignKey("stellary_users.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(100), nullable=False),
    Column("prefix", String(20), nullable=False),
    Column("token_digest", String(64), nullable=False, unique=True),
    Column("scopes", Json, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_stellary_api_tokens_user_id_id", "user_id", "id"),
)

login_attempts = Table(
    "stellary_login_attempts",
    metadata,
    # A digest of what is counted: an account and an address of the network, or one of the two.
    Column("key", String(64), primary_key=True),
    # Of an account and an address: the account's own key, so that few addresses of each are remembered. No foreign
    # key: whether there is such an account must not matter.
    Column("account", String(64), index=True),
    Column("failures", Integer, nullable=False),
    Column("window_ends_at", UtcDateTime, nullable=False),
    # Until when the account counts as having been used from the address.
    Column("known_until", UtcDateTime),
)

ONE_PERSONAL_WORKSPACE = Index(
    "uq_stellary_workspaces_owner_id_personal",
    workspaces.c.owner_id,
    unique=True,
    sqlite_where=text("is_personal"),
    postgresql_where=text("is_personal"),
)
