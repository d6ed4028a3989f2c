"""The items of activities, as event streams send them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import add_column

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    add_column("stellary_activities", sa.Column("item", sa.Text()))


def downgrade() -> None:
    op.drop_column("stellary_activities", "item")
