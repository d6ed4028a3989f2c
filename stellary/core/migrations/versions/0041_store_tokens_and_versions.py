"""The tokens by which a store of files belongs to a database; a trigger of SQLite that increments the versions of cards."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stellary.core.board.tables import VERSION_TRIGGER

revision = "0041"
down_revision = "0040"


def upgrade() -> None:
    op.create_table(
        "stellary_store_tokens",
        sa.Column("token", sa.String(32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token", name="pk_stellary_store_tokens"),
    )
    if op.get_context().dialect.name == "sqlite":
        op.execute(VERSION_TRIGGER)


def downgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        op.execute("DROP TRIGGER stellary_cards_version")
    op.drop_table("stellary_store_tokens")
