"""The time at which a host deactivated an account."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stellary.core.db.base import UtcDateTime
from stellary.core.migrations.operations import add_column

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    add_column("stellary_users", sa.Column("deactivated_at", UtcDateTime()))


def downgrade() -> None:
    op.drop_column("stellary_users", "deactivated_at")
