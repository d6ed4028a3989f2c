"""The schema of webhooks: the webhooks, and their messages, which are both the outbox and the delivery log."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, text

from stellary.core.db.base import IdType, Json, UtcDateTime, item_table, metadata, parent_key, partial_index

webhooks = item_table(
    "stellary_webhooks",
    Column("workspace_id", IdType, parent_key("stellary_workspaces.id"), nullable=False),
    Column("url", Text, nullable=False),
    Column("events", Json, nullable=False),
    # In plain text, since signing needs the key.
    Column("secret", String(100), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created_by_id", IdType, ForeignKey("stellary_users.id"), nullable=False, index=True),
    # The job that sends its messages. The webhook can be claimed if the job is deleted or its claim has expired.
    Column("sending_job_id", IdType),
    # The retry schedule: the consecutive failures of the receiver, the time of the first, and the time of the
    # next attempt.
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("failing_since", UtcDateTime),
    Column("retry_at", UtcDateTime),
    # When the admins were last notified that the receiver has failed for a day.
    Column("noticed_at", UtcDateTime),
    Index("ix_stellary_webhooks_workspace_id_id", "workspace_id", "id"),
)

HAS_BODY = text("status = 'succeeded' AND payload <> ''")
"""The condition of messages whose body will be deleted."""

deliveries = Table(
    "stellary_webhook_deliveries",
    metadata,
    Column("id", IdType, primary_key=True),
    Column("webhook_id", IdType, parent_key("stellary_webhooks.id"), nullable=False),
    Column("event", String(40), nullable=False),
    # The exact text that is signed and sent, the same at each attempt. Empty a day later, if it was delivered.
    Column("payload", Text, nullable=False),
    Column("status", String(20), nullable=False),
    Column("attempts", Json, nullable=False),
    # The number of attempts since sending was last requested.
    Column("tries", Integer, nullable=False),
    # When sending was last requested.
    Column("queued_at", UtcDateTime),
    Column("next_attempt_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_stellary_webhook_deliveries_webhook_id_id", "webhook_id", "id"),
    partial_index(
        "ix_stellary_webhook_deliveries_pending",
        "webhook_id",
        "next_attempt_at",
        "id",
        where="status = 'pending'",
    ),
    # For the deletion of old messages.
    partial_index("ix_stellary_webhook_deliveries_sent", "created_at", where="status <> 'pending'"),
    # For the deletion of bodies.
    partial_index("ix_stellary_webhook_deliveries_bodies", "created_at", where=HAS_BODY),
)
