"""The process that has claimed a job, and indexes that keep statements from reading the backlog."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("stellary_jobs", sa.Column("claimed_by", sa.Integer(), nullable=True))
    op.drop_index("ix_stellary_jobs_due_at_id", "stellary_jobs")
    op.create_index("ix_stellary_jobs_kind_due_at_id", "stellary_jobs", ["kind", "due_at", "id"])
    op.create_index(
        "ix_stellary_jobs_claimed_by",
        "stellary_jobs",
        ["claimed_by"],
        sqlite_where=sa.text("claimed_by IS NOT NULL"),
        postgresql_where=sa.text("claimed_by IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_stellary_jobs_claimed_by", "stellary_jobs")
    op.drop_index("ix_stellary_jobs_kind_due_at_id", "stellary_jobs")
    op.create_index("ix_stellary_jobs_due_at_id", "stellary_jobs", ["due_at", "id"])
    op.drop_column("stellary_jobs", "claimed_by")
