"""The schema of accounts: users, organizations, workspaces, who belongs to them, and their tokens."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    false,
)

from stellary.core.db.base import (
    IdType,
    Json,
    UtcDateTime,
    item_table,
    metadata,
    parent_key,
    partial_index,
    record_table,
)

users = item_table(
    "stellary_users",
    Column("email", String(254), nullable=False),
    # The form in which addresses are compared, regardless of case. Some letters become three when folded.
    Column("email_key", String(762), nullable=False, unique=True),
    Column("name", String(100), nullable=False),
    # Null for a user of the host of an embedded core, who cannot log in with a password.
    Column("password_hash", String(100)),
    Column("external_id", String(200), unique=True),
    # The workspace of an agent. No foreign key, since the row is kept while something refers to it.
    Column("agent_of_id", IdType, index=True),
    # The number of password changes. A login with a lower number is rejected.
    Column("token_generation", Integer, nullable=False),
    # Null unless the owner of the address still has to confirm it.
    Column("unverified_since", UtcDateTime),
    # Null unless the host has deactivated the account.
    Column("deactivated_at", UtcDateTime),
)

organizations = item_table(
    "stellary_organizations",
    Column("name", String(100), nullable=False),
    Column("slug", String(60), nullable=False, unique=True),
    Column("owner_id", IdType, ForeignKey("stellary_users.id"), nullable=False, index=True),
    # The entry in the trash; null unless the organization was deleted. Its slug is then one that no path can contain.
    Column("trash_id", IdType),
)

organization_members = record_table(
    "stellary_organization_members",
    Column("organization_id", IdType, parent_key("stellary_organizations.id"), primary_key=True),
    Column("user_id", IdType, parent_key("stellary_users.id"), primary_key=True, index=True),
    Column("role", String(10), nullable=False),
)

workspaces = item_table(
    "stellary_workspaces",
    Column("organization_id", IdType, parent_key("stellary_organizations.id"), nullable=False),
    Column("name", String(100), nullable=False),
    Column("slug", String(60), nullable=False),
    Column("owner_id", IdType, ForeignKey("stellary_users.id"), nullable=False, index=True),
    Column("is_personal", Boolean, nullable=False),
    # The name of the current cycle of its pilotage.
    Column("pilotage_cycle", String(50), nullable=False, server_default="v1"),
    # Whether the workspace ever had an automation or a webhook; if not, events need no query for subscribers.
    Column("has_listeners", Boolean, nullable=False, server_default=false()),
    # Whether it has had a rule for changes that most workspaces have no rules for.
    Column("has_change_rules", Boolean, nullable=False, server_default=false()),
    # Whether it has had a guest; if not, all members see the same projects, except private ones.
    Column("has_guests", Boolean, nullable=False, server_default=false()),
    # Whether anybody has ever watched or muted something in it.
    Column("has_watches", Boolean, nullable=False, server_default=false()),
    # The entry in the trash of the workspace or its organization; null unless one of them was deleted.
    Column("trash_id", IdType),
    UniqueConstraint("organization_id", "slug"),
    # For the workspaces that were deleted with their organization, when it is restored.
    partial_index("ix_stellary_workspaces_trash_id", "trash_id", "id", where="trash_id IS NOT NULL"),
    partial_index("uq_stellary_workspaces_owner_id_personal", "owner_id", unique=True, where="is_personal"),
)

workspace_members = record_table(
    "stellary_workspace_members",
    Column("workspace_id", IdType, parent_key("stellary_workspaces.id"), primary_key=True),
    Column("user_id", IdType, parent_key("stellary_users.id"), primary_key=True, index=True),
    Column("role", String(10), nullable=False),
    Column("pilotage_role", String(10), nullable=False),
)

private_projects = Table(
    "stellary_private_projects",
    metadata,
    # No foreign key: a deleted project stays private, as far as its traces are concerned.
    Column("project_id", IdType, primary_key=True),
    Column("workspace_id", IdType, parent_key("stellary_workspaces.id"), nullable=False, index=True),
)

invitations = record_table(
    "stellary_invitations",
    Column("workspace_id", IdType, parent_key("stellary_workspaces.id"), nullable=False),
    Column("email", String(254), nullable=False),
    Column("email_key", String(762), nullable=False),
    Column("role", String(10), nullable=False),
    # A digest; the secret itself is only in the e-mail.
    Column("token_digest", String(64), nullable=False, unique=True),
    Column("invited_by_id", IdType, ForeignKey("stellary_users.id"), nullable=False),
    # No foreign key: the project may be deleted before the invitation is accepted.
    Column("project_id", IdType),
    Column("project_role", String(10)),
    Column("expires_at", UtcDateTime, nullable=False),
    UniqueConstraint("workspace_id", "email_key"),
    # For the invitations to one address, in all workspaces.
    Index("ix_stellary_invitations_email_key", "email_key"),
)

api_tokens = record_table(
    "stellary_api_tokens",
    Column("user_id", IdType, parent_key("stellary_users.id"), nullable=False),
    Column("name", String(100), nullable=False),
    Column("prefix", String(20), nullable=False),
    Column("token_digest", String(64), nullable=False, unique=True),
    Column("scopes", Json, nullable=False),
    # The only projects that the token reaches; null for all.
    Column("project_ids", Json),
    Column("expires_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
    # Of an OAuth grant, which its program renews: see ``oauth_grants``. Null for other tokens.
    Column("grant_digests", Json),
    Column("renewals", Integer),
    Column("renewable_until", UtcDateTime, index=True),
    Index("ix_stellary_api_tokens_user_id_id", "user_id", "id"),
)

sessions = record_table(
    "stellary_sessions",
    # The ``jti`` of its JWT.
    Column("id", String(64), primary_key=True),
    Column("user_id", IdType, parent_key("stellary_users.id"), nullable=False),
    # The token generation of the user at the login.
    Column("generation", Integer, nullable=False),
    Column("device", String(100)),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
    Column("ended_at", UtcDateTime),
    Index("ix_stellary_sessions_user_id_id", "user_id", "id"),
)

second_factors = record_table(
    "stellary_second_factors",
    Column("user_id", IdType, parent_key("stellary_users.id"), primary_key=True),
    # Encrypted with the key that signs logins, since checking a code needs the secret; see ``second_factors``.
    Column("secret", String(64), nullable=False),
    # The time step of the last code that was used: no code of that step or an earlier one is accepted again.
    Column("last_step", BigInteger, nullable=False),
    # Null until the user has proved with a code that an app has the secret.
    Column("confirmed_at", UtcDateTime),
)

recovery_codes = Table(
    "stellary_recovery_codes",
    metadata,
    Column("user_id", IdType, parent_key("stellary_users.id"), primary_key=True),
    # The code itself is shown once and not stored.
    Column("code_digest", String(64), primary_key=True),
)

identities = record_table(
    "stellary_identities",
    # The URL of an OpenID Connect provider, and the id of the user there.
    Column("issuer", String(255), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("id", IdType, nullable=False),
    Column("user_id", IdType, parent_key("stellary_users.id"), nullable=False),
    Index("ix_stellary_identities_user_id_id", "user_id", "id"),
)

email_tokens = record_table(
    "stellary_email_tokens",
    Column("user_id", IdType, parent_key("stellary_users.id"), nullable=False),
    # What the link in the email is for.
    Column("purpose", String(20), nullable=False),
    # The token itself is mailed and not stored.
    Column("token_digest", String(64), nullable=False, unique=True),
    # The address that the link confirms; null if it is for something else.
    Column("email", String(254)),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
    Index("ix_stellary_email_tokens_user_id_purpose", "user_id", "purpose"),
)

login_attempts = Table(
    "stellary_login_attempts",
    metadata,
    # A digest of the counted subject: an account, an IP address, or both.
    Column("key", String(64), primary_key=True),
    # For an account with an address, the key of the account, by which its addresses are limited. No foreign
    # key, since the account need not exist.
    Column("account", String(64), index=True),
    Column("failures", Integer, nullable=False),
    Column("window_ends_at", UtcDateTime, nullable=False),
    # The time until which the address counts as known to the account.
    Column("known_until", UtcDateTime),
    partial_index("ix_stellary_login_attempts_unknown", "window_ends_at", where="known_until IS NULL"),
    partial_index("ix_stellary_login_attempts_known", "known_until", where="known_until IS NOT NULL"),
)
