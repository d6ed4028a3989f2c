"""Second factors of logins, and their recovery codes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"

_ID = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "stellary_second_factors",
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("secret", sa.String(length=64), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["stellary_users.id"], name="fk_stellary_second_factors_user_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", name="pk_stellary_second_factors"),
    )
    op.create_table(
        "stellary_recovery_codes",
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("code_digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["stellary_users.id"], name="fk_stellary_recovery_codes_user_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "code_digest", name="pk_stellary_recovery_codes"),
    )


def downgrade() -> None:
    op.drop_table("stellary_recovery_codes")
    op.drop_table("stellary_second_factors")
