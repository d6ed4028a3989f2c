"""Guests of workspaces, and invitations into projects."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import add_column, refuse_if_any

revision = "0110"
down_revision = "0109"

_ID = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")


def upgrade() -> None:
    add_column(
        "stellary_workspaces", sa.Column("has_guests", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    add_column("stellary_invitations", sa.Column("project_id", _ID))
    add_column("stellary_invitations", sa.Column("project_role", sa.String(10)))


def downgrade() -> None:
    for table in ("stellary_workspace_members", "stellary_organization_members", "stellary_invitations"):
        refuse_if_any(table, "role = 'guest'", "give guests another role, or remove them")
    refuse_if_any("stellary_invitations", "project_id IS NOT NULL", "revoke the invitations into projects")
    op.drop_column("stellary_invitations", "project_role")
    op.drop_column("stellary_invitations", "project_id")
    op.drop_column("stellary_workspaces", "has_guests")
