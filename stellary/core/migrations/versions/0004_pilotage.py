"""Pilotage: missions, priorities, todos, decisions, docs, actions."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

# As they were then: a later change of the code's own types is a later migration.
ID = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def _create(name: str, *columns: sa.Column[Any], people: tuple[str, ...] = ()) -> None:
    table = f"stellary_pilotage_{name}"
    op.create_table(
        table,
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        *columns,
        sa.Column("created_by_id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        *(
            sa.ForeignKeyConstraint([person], ["stellary_users.id"], name=f"fk_{table}_{person}")
            for person in ("created_by_id", *people)
        ),
        _of_workspace(table),
        sa.PrimaryKeyConstraint("workspace_id", "number", name=f"pk_{table}"),
    )


def _of_workspace(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["workspace_id"], ["stellary_workspaces.id"], name=f"fk_{table}_workspace_id", ondelete="CASCADE"
    )


def upgrade() -> None:
    _create(
        "missions",
        sa.Column("objective", sa.String(length=500), nullable=False),
        sa.Column("module", sa.String(length=100)),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("blocked_reason", sa.String(length=200)),
        sa.Column("completed_at", MOMENT),
    )
    _create(
        "priorities",
        sa.Column("label", sa.String(length=500), nullable=False),
        sa.Column("module", sa.String(length=100)),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("completed_at", MOMENT),
    )
    _create(
        "todos",
        sa.Column("label", sa.String(length=500), nullable=False),
        sa.Column("mission_number", sa.Integer()),
        sa.Column("priority_number", sa.Integer()),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("completed_at", MOMENT),
    )
    _create(
        "decisions",
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("impact", sa.Text()),
    )
    _create(
        "docs",
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("owner", sa.String(length=100)),
        sa.Column("source_type", sa.String(length=20)),
    )
    _create(
        "actions",
        sa.Column("action_type", sa.String(length=100), nullable=False),
        sa.Column("explanation", sa.String(length=500), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("reviewed_by_id", ID),
        sa.Column("review_reason", sa.String(length=200)),
        sa.Column("reviewed_at", MOMENT),
        sa.Column("applied_by_id", ID),
        sa.Column("applied_at", MOMENT),
        people=("reviewed_by_id", "applied_by_id"),
    )
    op.create_index(
        "ix_stellary_pilotage_actions_workspace_id_status_number",
        "stellary_pilotage_actions",
        ["workspace_id", "status", "number"],
    )
    op.create_table(
        "stellary_pilotage_numbers",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        _of_workspace("stellary_pilotage_numbers"),
        sa.PrimaryKeyConstraint("workspace_id", "kind", name="pk_stellary_pilotage_numbers"),
    )
    op.add_column(
        "stellary_workspaces",
        sa.Column("pilotage_cycle", sa.String(length=50), nullable=False, server_default="v1"),
    )
    op.create_index(
        "ix_stellary_activities_outside_projects",
        "stellary_activities",
        ["workspace_id", "id"],
        sqlite_where=sa.text("project_id IS NULL"),
        postgresql_where=sa.text("project_id IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_stellary_activities_outside_projects", "stellary_activities")
    op.drop_column("stellary_workspaces", "pilotage_cycle")
    for name in ("numbers", "actions", "docs", "decisions", "todos", "priorities", "missions"):
        op.drop_table(f"stellary_pilotage_{name}")
