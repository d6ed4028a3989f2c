"""The notifications that channels have yet to deliver, and when users want them to be delivered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import add_column

revision = "0117"
down_revision = "0116"


def upgrade() -> None:
    add_column("stellary_notifications", sa.Column("kind", sa.String(20)))
    identifier = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")
    op.create_table(
        "stellary_deliveries",
        sa.Column("user_id", identifier, nullable=False),
        sa.Column("channel", sa.String(52), nullable=False),
        sa.Column("notification_id", identifier, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_digest", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "channel", "notification_id", name="pk_stellary_deliveries"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["stellary_users.id"], name="fk_stellary_deliveries_user_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_stellary_deliveries_due_at", "stellary_deliveries", ["due_at"])
    op.create_table(
        "stellary_notification_preferences",
        sa.Column("user_id", identifier, nullable=False),
        sa.Column("choices", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_stellary_notification_preferences"),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["stellary_users.id"],
            name="fk_stellary_notification_preferences_user_id",
            ondelete="CASCADE",
        ),
    )


def downgrade() -> None:
    op.drop_table("stellary_notification_preferences")
    op.drop_table("stellary_deliveries")
    op.drop_column("stellary_notifications", "kind")
