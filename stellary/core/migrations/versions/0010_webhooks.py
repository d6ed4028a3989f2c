"""Webhooks, and the messages that they send."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

# As they were at the time: what the code calls these today may become something else.
ID = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")
MOMENT = sa.DateTime(timezone=True)
JSON = sa.Text()


def upgrade() -> None:
    op.create_table(
        "stellary_webhooks",
        sa.Column("id", ID, nullable=False),
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", JSON, nullable=False),
        sa.Column("secret", sa.String(length=100), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_by_id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["stellary_workspaces.id"],
            name="fk_stellary_webhooks_workspace_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["stellary_users.id"], name="fk_stellary_webhooks_created_by_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_stellary_webhooks"),
    )
    op.create_index("ix_stellary_webhooks_created_by_id", "stellary_webhooks", ["created_by_id"])
    op.create_index("ix_stellary_webhooks_workspace_id_id", "stellary_webhooks", ["workspace_id", "id"])
    op.create_table(
        "stellary_webhook_deliveries",
        sa.Column("id", ID, nullable=False),
        sa.Column("webhook_id", ID, nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("attempts", JSON, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["webhook_id"],
            ["stellary_webhooks.id"],
            name="fk_stellary_webhook_deliveries_webhook_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_stellary_webhook_deliveries"),
    )
    op.create_index(
        "ix_stellary_webhook_deliveries_webhook_id_id", "stellary_webhook_deliveries", ["webhook_id", "id"]
    )


def downgrade() -> None:
    op.drop_table("stellary_webhook_deliveries")
    op.drop_table("stellary_webhooks")
