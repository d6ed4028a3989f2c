"""Tokens of file stores; a trigger of SQLite that increments versions of cards; an index of the bodies of webhook messages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stellary.core.board.tables import VERSION_TRIGGER
from stellary.core.migrations.operations import create_index, drop_index

revision = "0041"
down_revision = "0040"


_BODIES = "ix_stellary_webhook_deliveries_bodies"
_DELIVERIES = "stellary_webhook_deliveries"


def upgrade() -> None:
    create_index(_BODIES, _DELIVERIES, ["created_at"], where="status = 'succeeded' AND payload <> ''")
    op.create_table(
        "stellary_store_tokens",
        sa.Column("token", sa.String(32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token", name="pk_stellary_store_tokens"),
    )
    if op.get_context().dialect.name == "sqlite":
        op.execute(VERSION_TRIGGER)


def downgrade() -> None:
    drop_index(_BODIES)
    if op.get_context().dialect.name == "sqlite":
        op.execute("DROP TRIGGER stellary_cards_version")
    op.drop_table("stellary_store_tokens")
