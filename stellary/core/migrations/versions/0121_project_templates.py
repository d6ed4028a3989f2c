"""Templates of workspaces."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0121"
down_revision = "0120"


def upgrade() -> None:
    identifier = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")
    op.create_table(
        "stellary_project_templates",
        sa.Column("id", identifier, primary_key=True),
        sa.Column(
            "workspace_id",
            identifier,
            sa.ForeignKey("stellary_workspaces.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("name_key", sa.String(300), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("columns", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("card_count", sa.Integer(), nullable=False),
        sa.Column("file", sa.LargeBinary(), nullable=False),
        sa.Column("created_by_id", identifier, sa.ForeignKey("stellary_users.id"), nullable=False),
        sa.UniqueConstraint(
            "workspace_id", "name_key", name="uq_stellary_project_templates_workspace_id_name_key"
        ),
    )


def downgrade() -> None:
    op.drop_table("stellary_project_templates")
