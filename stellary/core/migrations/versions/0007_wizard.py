"""Project drafts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

# As they were at the time: what the code calls these today may become something else.
ID = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")
MOMENT = sa.DateTime(timezone=True)
JSON = sa.Text()


def upgrade() -> None:
    op.create_table(
        "stellary_project_drafts",
        sa.Column("id", ID, nullable=False),
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("context_documents", JSON, nullable=False),
        sa.Column("stage", sa.String(length=20), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("asked", JSON, nullable=False),
        sa.Column("open_ids", JSON, nullable=False),
        sa.Column("answers", JSON, nullable=False),
        sa.Column("readiness_score", sa.Integer(), nullable=False),
        sa.Column("missing", JSON, nullable=False),
        sa.Column("roadmap", JSON, nullable=True),
        sa.Column("feedback", JSON, nullable=False),
        sa.Column("project_id", ID, nullable=True),
        sa.Column("created_by_id", ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["stellary_workspaces.id"],
            name="fk_stellary_project_drafts_workspace_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["stellary_projects.id"],
            name="fk_stellary_project_drafts_project_id",
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["stellary_users.id"], name="fk_stellary_project_drafts_created_by_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_stellary_project_drafts"),
    )
    for columns in (["project_id"], ["created_by_id"], ["workspace_id", "id"]):
        op.create_index(
            f"ix_stellary_project_drafts_{'_'.join(columns)}", "stellary_project_drafts", columns
        )


def downgrade() -> None:
    op.drop_table("stellary_project_drafts")
