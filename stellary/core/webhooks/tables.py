"""The schema of webhooks: where what happens is told, and the messages, which are the outbox and the log."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, text

from stellary.core.db.base import IdType, Json, UtcDateTime, metadata

webhooks = Table(
    "stellary_webhooks",
    metadata,
    Column("id", IdType, primary_key=True),
    Column("workspace_id", IdType, ForeignKey("stellary_workspaces.id", ondelete="CASCADE"), nullable=False),
    Column("url", Text, nullable=False),
    Column("events", Json, nullable=False),
    # As it is: to sign takes the key itself.
    Column("secret", String(100), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created_by_id", IdType, ForeignKey("stellary_users.id"), nullable=False, index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    # The job that sends its messages at the moment. It is free if that job is gone or its claim has ended.
    Column("sending_job_id", IdType),
    # The retry schedule: how often in a row its receiver has failed, since when, and when it is tried again.
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("failing_since", UtcDateTime),
    Column("retry_at", UtcDateTime),
    Index("ix_stellary_webhooks_workspace_id_id", "workspace_id", "id"),
)

deliveries = Table(
    "stellary_webhook_deliveries",
    metadata,
    Column("id", IdType, primary_key=True),
    Column("webhook_id", IdType, ForeignKey("stellary_webhooks.id", ondelete="CASCADE"), nullable=False),
    Column("event", String(40), nullable=False),
    # The exact text that is signed and sent, the same at each try.
    Column("payload", Text, nullable=False),
    Column("status", String(20), nullable=False),
    Column("attempts", Json, nullable=False),
    # Since it was asked for, for the first time or again.
    Column("tries", Integer, nullable=False),
    # When it was asked for, for the first time or again.
    Column("queued_at", UtcDateTime),
    Column("next_attempt_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_stellary_webhook_deliveries_webhook_id_id", "webhook_id", "id"),
    Index(
        "ix_stellary_webhook_deliveries_pending",
        "webhook_id",
        "next_attempt_at",
        "id",
        sqlite_where=text("status = 'pending'"),
        postgresql_where=text("status = 'pending'"),
    ),
)
