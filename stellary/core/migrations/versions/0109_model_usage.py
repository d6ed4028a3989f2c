"""The usage of language models by workspace and day, mission and draft, and the keys of workspaces."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import add_column

revision = "0109"
down_revision = "0108"

_COLUMNS = (
    ("stellary_agent_missions", "tool_counts"),
    ("stellary_agent_missions", "usage"),
    ("stellary_project_drafts", "usage"),
)


def upgrade() -> None:
    for table, column in _COLUMNS:
        add_column(table, sa.Column(column, sa.Text()))
    identifier = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")
    op.create_table(
        "stellary_model_usage",
        sa.Column("workspace_id", identifier, nullable=False),
        sa.Column("day", sa.DateTime(timezone=True), nullable=False),
        sa.Column("purpose", sa.String(20), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("input_tokens", sa.Integer(), nullable=False),
        sa.Column("output_tokens", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "day", "purpose", "model", name="pk_stellary_model_usage"),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["stellary_workspaces.id"],
            name="fk_stellary_model_usage_workspace_id",
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "stellary_model_keys",
        sa.Column("workspace_id", identifier, nullable=False),
        sa.Column("provider", sa.String(60), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "provider", name="pk_stellary_model_keys"),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["stellary_workspaces.id"],
            name="fk_stellary_model_keys_workspace_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_stellary_model_usage_day", "stellary_model_usage", ["day"])


def downgrade() -> None:
    op.drop_table("stellary_model_keys")
    op.drop_table("stellary_model_usage")
    for table, column in _COLUMNS:
        op.drop_column(table, column)
