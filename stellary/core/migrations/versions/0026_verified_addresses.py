"""The time since which the owner of an account has to confirm the address. Accounts that exist already need not."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stellary.core.db.base import UtcDateTime
from stellary.core.migrations.operations import add_column

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    add_column("stellary_users", sa.Column("unverified_since", UtcDateTime()))


def downgrade() -> None:
    op.drop_column("stellary_users", "unverified_since")
