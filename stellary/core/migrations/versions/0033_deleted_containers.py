"""Deleted workspaces and organizations, which can be restored; an index of the activities about people."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import add_column, create_index, drop_index, refuse_if_any

revision = "0033"
down_revision = "0032"

_ID = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")
_TABLES = ("stellary_organizations", "stellary_workspaces")


def upgrade() -> None:
    add_column("stellary_trash", sa.Column("slug", sa.String(60)))
    for table in _TABLES:
        add_column(table, sa.Column("trash_id", _ID))
    create_index(
        "ix_stellary_workspaces_trash_id",
        "stellary_workspaces",
        ["trash_id", "id"],
        where="trash_id IS NOT NULL",
    )
    create_index(
        "ix_stellary_activities_people",
        "stellary_activities",
        ["entity", "entity_id"],
        where="entity IN ('invitation', 'member', 'workspace_member')",
    )


def downgrade() -> None:
    for table in _TABLES:
        refuse_if_any(table, "trash_id IS NOT NULL", "restore or purge the deleted workspaces and organizations")
    drop_index("ix_stellary_activities_people")
    drop_index("ix_stellary_workspaces_trash_id")
    for table in _TABLES:
        op.drop_column(table, "trash_id")
    op.drop_column("stellary_trash", "slug")
