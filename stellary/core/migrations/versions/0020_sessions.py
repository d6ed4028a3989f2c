"""The sessions of users: one for each login."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

# As it was at the time.
USER_ID = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "stellary_sessions",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("user_id", USER_ID, nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("device", sa.String(length=100), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["stellary_users.id"], name="fk_stellary_sessions_user_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_stellary_sessions"),
    )
    op.create_index("ix_stellary_sessions_expires_at", "stellary_sessions", ["expires_at"])
    op.create_index("ix_stellary_sessions_user_id_id", "stellary_sessions", ["user_id", "id"])


def downgrade() -> None:
    op.drop_table("stellary_sessions")
