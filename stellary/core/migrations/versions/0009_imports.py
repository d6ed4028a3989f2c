"""The author's name of imported comments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("stellary_comments", sa.Column("imported_from", sa.Text()))


def downgrade() -> None:
    op.drop_column("stellary_comments", "imported_from")
