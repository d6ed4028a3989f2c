"""The schema of automations: rules, traces, and the due dates for which an event was emitted."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from stellary.core.db.base import IdType, Json, UtcDateTime, item_table, metadata, parent_key, partial_index

automations = item_table(
    "stellary_automations",
    Column("project_id", IdType, parent_key("stellary_projects.id"), nullable=False),
    Column("name", String(100), nullable=False),
    Column("trigger", String(40), nullable=False),
    Column("conditions", Json, nullable=False),
    Column("action_type", String(100), nullable=False),
    Column("action_params", Json, nullable=False),
    # The actions after the first one, as ``{"type", "params"}``.
    Column("further_actions", Json, nullable=False, server_default="[]"),
    # ``AutomationSchedule`` for the trigger ``schedule``.
    Column("schedule", Json),
    Column("next_run_at", UtcDateTime),
    Column("enabled", Boolean, nullable=False),
    Column("owner_id", IdType, ForeignKey("stellary_users.id"), nullable=False, index=True),
    # The rule reacts to due dates, and runs at times of its schedule, after this time only.
    Column("armed_at", UtcDateTime, nullable=False),
    # When the owner was last notified that the rule fails.
    Column("noticed_at", UtcDateTime),
    Index("ix_stellary_automations_project_id_id", "project_id", "id"),
    partial_index("ix_stellary_automations_next_run_at", "next_run_at", where="next_run_at IS NOT NULL"),
    # For the lookup of rules at each change of a card.
    Index("ix_stellary_automations_trigger_project_id", "trigger", "project_id"),
)

traces = Table(
    "stellary_automation_traces",
    metadata,
    Column("id", IdType, primary_key=True),
    Column("automation_id", IdType, parent_key("stellary_automations.id"), nullable=False),
    # No foreign keys below, since traces outlive their cards and users.
    Column("event_id", IdType, nullable=False),
    Column("event", String(40), nullable=False),
    Column("chain_id", IdType, nullable=False),
    Column("depth", Integer, nullable=False),
    Column("actor_id", IdType, nullable=False),
    Column("triggered_by_id", IdType),
    Column("card_id", IdType),
    Column("card_key", String(20)),
    Column("card_title", String(500)),
    Column("result", String(20), nullable=False),
    Column("error", Text),
    Column("step", Integer),
    Column("duration_ms", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    # A rule acts on an event once, even if two processes try to.
    UniqueConstraint("automation_id", "event_id"),
    Index("ix_stellary_automation_traces_automation_id_id", "automation_id", "id"),
    Index("ix_stellary_automation_traces_chain_id", "chain_id"),
    Index("ix_stellary_automation_traces_created_at", "created_at"),
)

due_dates = Table(
    "stellary_due_dates_reached",
    metadata,
    Column("card_id", IdType, parent_key("stellary_cards.id"), primary_key=True),
    Column("due_date", UtcDateTime, primary_key=True),
)
"""Due dates for which an event was emitted, so that each has one event."""
