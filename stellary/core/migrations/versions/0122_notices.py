"""Notices about failing rules and webhooks, and reminders."""

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import add_column, create_index, drop_index

revision = "0122"
down_revision = "0121"

_TABLES = ("stellary_automations", "stellary_webhooks")
_STARTING = "ix_stellary_cards_assigned_start_date"


def upgrade() -> None:
    for table in _TABLES:
        add_column(table, sa.Column("noticed_at", sa.DateTime(timezone=True)))
    add_column("stellary_notification_preferences", sa.Column("reminded_on", sa.String(10)))
    add_column("stellary_notification_preferences", sa.Column("reminded_at", sa.DateTime(timezone=True)))
    columns = ["assignee_id", "start_date"]
    where = "archived = false AND status <> 'done' AND start_date IS NOT NULL"
    create_index(_STARTING, "stellary_cards", columns, where=where)


def downgrade() -> None:
    drop_index(_STARTING)
    for name in ("reminded_at", "reminded_on"):
        op.drop_column("stellary_notification_preferences", name)
    for table in _TABLES:
        op.drop_column(table, "noticed_at")
