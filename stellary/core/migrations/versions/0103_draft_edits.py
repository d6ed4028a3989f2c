"""The steps that undo edits of a draft's roadmap."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import add_column

revision = "0103"
down_revision = "0102"


def upgrade() -> None:
    """Add the column."""
    add_column("stellary_project_drafts", sa.Column("edits", sa.Text(), nullable=False, server_default="[]"))


def downgrade() -> None:
    """Remove the column."""
    op.drop_column("stellary_project_drafts", "edits")
