"""Turns of workspaces in the queue of jobs, and drafts that are planned by a job."""

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import add_column, create_index, drop_index, refuse_if_any

revision = "0120"
down_revision = "0118"

_TAKES_TURNS = "workspace_id IS NOT NULL"
_INDEXES = (
    ("ix_stellary_jobs_kind_turn_id", ["kind", "turn", "id"], _TAKES_TURNS),
    ("ix_stellary_jobs_kind_workspace_id_turn", ["kind", "workspace_id", "turn"], _TAKES_TURNS),
    ("ix_stellary_jobs_kind_turn_claimed", ["kind", "turn"], f"{_TAKES_TURNS} AND claim_id IS NOT NULL"),
)


def upgrade() -> None:
    identifier = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")
    add_column("stellary_jobs", sa.Column("workspace_id", identifier))
    add_column("stellary_jobs", sa.Column("turn", sa.Integer()))
    for name, columns, where in _INDEXES:
        create_index(name, "stellary_jobs", columns, where=where)


def downgrade() -> None:
    refuse_if_any("stellary_project_drafts", "stage = 'planning'", "wait for these drafts, or delete them")
    for name, _, _ in _INDEXES:
        drop_index(name)
    op.drop_column("stellary_jobs", "turn")
    op.drop_column("stellary_jobs", "workspace_id")
