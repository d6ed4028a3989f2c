"""Private drafts of projects: those of private projects are private from now on."""

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import add_column, refuse_if_any, update_in_batches

revision = "0125"
down_revision = "0124"

_DRAFTS = "stellary_project_drafts"


def upgrade() -> None:
    add_column(
        _DRAFTS, sa.Column("visibility", sa.String(10), nullable=False, server_default="workspace")
    )
    update_in_batches(
        _DRAFTS,
        "visibility = 'private'",
        "visibility = 'workspace' AND project_id IN (SELECT project_id FROM stellary_private_projects)",
    )


def downgrade() -> None:
    refuse_if_any(
        _DRAFTS,
        "visibility = 'private' AND project_id IS NULL",
        "execute or delete these drafts, which everyone in their workspaces would see",
    )
    op.drop_column(_DRAFTS, "visibility")
