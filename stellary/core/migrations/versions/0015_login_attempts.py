"""Login attempts: failures, and the addresses that an account has used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "stellary_login_attempts",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=64)),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("window_ends_at", MOMENT, nullable=False),
        sa.Column("known_until", MOMENT),
        sa.PrimaryKeyConstraint("key", name="pk_stellary_login_attempts"),
    )
    op.create_index("ix_stellary_login_attempts_account", "stellary_login_attempts", ["account"])


def downgrade() -> None:
    op.drop_table("stellary_login_attempts")
