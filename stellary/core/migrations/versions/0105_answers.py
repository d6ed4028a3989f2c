"""Missions that a comment or an assignment started, which are answered on their card.

Those of before are not: what started them is not known any more.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import add_column

revision = "0105"
down_revision = "0104"

_TABLE = "stellary_agent_missions"


def upgrade() -> None:
    """Add the column."""
    add_column(_TABLE, sa.Column("is_delegated", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column(_TABLE, "is_delegated")
