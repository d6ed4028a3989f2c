"""One retry schedule per webhook, and one job per webhook in place of one per message."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import create_index

revision = "0014"
down_revision = "0013"

ID = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")
MOMENT = sa.DateTime(timezone=True)

# The id of the webhook serves as that of its job: no job has it.
_JOBS = """
    INSERT INTO stellary_jobs (id, kind, payload, due_at, attempts, created_at)
    SELECT id, 'webhooks.deliver', '{"webhookId":"' || id || '"}', updated_at, 0, updated_at
    FROM stellary_webhooks WHERE EXISTS (
        SELECT 1 FROM stellary_webhook_deliveries AS d
        WHERE d.webhook_id = stellary_webhooks.id AND d.status = 'pending'
    )
"""
# Before, each message had a job.
_JOBS_BEFORE = """
    INSERT INTO stellary_jobs (id, kind, payload, due_at, attempts, created_at)
    SELECT id, 'webhooks.deliver', '{"deliveryId":"' || id || '"}', next_attempt_at, 0, created_at
    FROM stellary_webhook_deliveries WHERE status = 'pending'
"""


def upgrade() -> None:
    create_index(
        "ix_stellary_webhook_deliveries_pending",
        "stellary_webhook_deliveries",
        ["webhook_id", "next_attempt_at", "id"],
        where="status = 'pending'",
    )
    op.add_column("stellary_webhooks", sa.Column("sending_job_id", ID, nullable=True))
    op.add_column(
        "stellary_webhooks", sa.Column("failures", sa.Integer(), nullable=False, server_default=sa.text("0"))
    )
    op.add_column("stellary_webhooks", sa.Column("failing_since", MOMENT, nullable=True))
    op.add_column("stellary_webhooks", sa.Column("retry_at", MOMENT, nullable=True))
    op.add_column("stellary_webhook_deliveries", sa.Column("queued_at", MOMENT, nullable=True))
    op.execute("UPDATE stellary_webhook_deliveries SET queued_at = created_at WHERE status = 'pending'")
    op.execute("DELETE FROM stellary_jobs WHERE kind = 'webhooks.deliver'")
    # As text it would take the colon for a parameter.
    op.get_bind().exec_driver_sql(_JOBS)


def downgrade() -> None:
    op.execute("DELETE FROM stellary_jobs WHERE kind = 'webhooks.deliver'")
    # As text it would take the colon for a parameter.
    op.get_bind().exec_driver_sql(_JOBS_BEFORE)
    op.drop_column("stellary_webhook_deliveries", "queued_at")
    op.drop_column("stellary_webhooks", "retry_at")
    op.drop_column("stellary_webhooks", "failing_since")
    op.drop_column("stellary_webhooks", "failures")
    op.drop_column("stellary_webhooks", "sending_job_id")
    op.drop_index("ix_stellary_webhook_deliveries_pending", "stellary_webhook_deliveries")
