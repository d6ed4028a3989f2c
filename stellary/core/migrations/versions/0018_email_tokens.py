"""The tokens of links in emails, such as those to reset a password."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

# As it was at the time.
ID = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "stellary_email_tokens",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["stellary_users.id"], name="fk_stellary_email_tokens_user_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_stellary_email_tokens"),
        sa.UniqueConstraint("token_digest", name="uq_stellary_email_tokens_token_digest"),
    )
    op.create_index("ix_stellary_email_tokens_expires_at", "stellary_email_tokens", ["expires_at"])
    op.create_index(
        "ix_stellary_email_tokens_user_id_purpose", "stellary_email_tokens", ["user_id", "purpose"]
    )


def downgrade() -> None:
    op.drop_table("stellary_email_tokens")
