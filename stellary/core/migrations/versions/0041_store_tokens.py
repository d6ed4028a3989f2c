"""The tokens by which a store of files belongs to a database."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0038"


def upgrade() -> None:
    op.create_table(
        "stellary_store_tokens",
        sa.Column("token", sa.String(32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token", name="pk_stellary_store_tokens"),
    )


def downgrade() -> None:
    op.drop_table("stellary_store_tokens")
