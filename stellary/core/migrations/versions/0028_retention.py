"""Indexes by which old rows are found."""

from __future__ import annotations

from stellary.core.migrations.operations import create_index, drop_index

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    for name, table, column, where in (
        ("notifications_read_at", "notifications", "read_at", "read_at IS NOT NULL"),
        ("webhook_deliveries_sent", "webhook_deliveries", "created_at", "status <> 'pending'"),
        ("automation_traces_created_at", "automation_traces", "created_at", None),
        ("agent_audit_created_at", "agent_audit", "created_at", None),
        ("jobs_given_up", "jobs", "created_at", "due_at IS NULL"),
        ("login_attempts_unknown", "login_attempts", "window_ends_at", "known_until IS NULL"),
        ("login_attempts_known", "login_attempts", "known_until", "known_until IS NOT NULL"),
    ):
        create_index(f"ix_stellary_{name}", f"stellary_{table}", [column], where=where)


def downgrade() -> None:
    for name in (
        "notifications_read_at",
        "webhook_deliveries_sent",
        "automation_traces_created_at",
        "agent_audit_created_at",
        "jobs_given_up",
        "login_attempts_unknown",
        "login_attempts_known",
    ):
        drop_index(f"ix_stellary_{name}")
