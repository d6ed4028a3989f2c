"""The results of applied actions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("stellary_pilotage_actions", sa.Column("result", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("stellary_pilotage_actions", "result")
