"""The schema of pilotage: six tables of items that are numbered per workspace, and the counters of numbers."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from stellary.core.db.base import IdType, Json, UtcDateTime, metadata, parent_key


def _build_table(name: str, *parts: Column[Any] | Index) -> Table:
    """Build a table whose key is a workspace and a number."""
    return Table(
        f"stellary_pilotage_{name}",
        metadata,
        Column("workspace_id", IdType, parent_key("stellary_workspaces.id"), primary_key=True),
        Column("number", Integer, primary_key=True, autoincrement=False),
        *parts,
        Column("created_by_id", IdType, ForeignKey("stellary_users.id"), nullable=False),
        Column("created_at", UtcDateTime, nullable=False),
        Column("updated_at", UtcDateTime, nullable=False),
    )


missions = _build_table(
    "missions",
    Column("objective", String(500), nullable=False),
    Column("module", String(100)),
    Column("status", String(20), nullable=False),
    Column("blocked_reason", String(200)),
    Column("completed_at", UtcDateTime),
)

priorities = _build_table(
    "priorities",
    Column("label", String(500), nullable=False),
    Column("module", String(100)),
    Column("status", String(20), nullable=False),
    Column("completed_at", UtcDateTime),
)

todos = _build_table(
    "todos",
    Column("label", String(500), nullable=False),
    # Numbers in the same workspace. No foreign keys, since ON DELETE SET NULL would also clear the workspace.
    Column("mission_number", Integer),
    Column("priority_number", Integer),
    Column("status", String(20), nullable=False),
    Column("completed_at", UtcDateTime),
)

decisions = _build_table(
    "decisions",
    Column("title", String(500), nullable=False),
    Column("impact", Text),
)

docs = _build_table(
    "docs",
    Column("title", String(500), nullable=False),
    Column("owner", String(100)),
    Column("source_type", String(20)),
)

actions = _build_table(
    "actions",
    Column("action_type", String(100), nullable=False),
    Column("explanation", String(500), nullable=False),
    Column("payload", Json, nullable=False),
    # The payload with ids in place of names.
    Column("resolved_payload", Json),
    Column("status", String(20), nullable=False),
    Column("reviewed_by_id", IdType, ForeignKey("stellary_users.id")),
    Column("review_reason", String(200)),
    Column("reviewed_at", UtcDateTime),
    Column("applied_by_id", IdType, ForeignKey("stellary_users.id")),
    Column("applied_at", UtcDateTime),
    # The result of the action, once it was applied.
    Column("result", Json),
    Index("ix_stellary_pilotage_actions_workspace_id_status_number", "workspace_id", "status", "number"),
)

references = Table(
    "stellary_action_references",
    metadata,
    Column("id", IdType, primary_key=True),
    Column("workspace_id", IdType, parent_key("stellary_workspaces.id"), nullable=False),
    # The rule, or the number of the proposed action, that needs the item.
    Column("automation_id", IdType, parent_key("stellary_automations.id"), index=True),
    Column("action_number", Integer),
    # ``conditions`` or ``action``.
    Column("part", String(20), nullable=False),
    Column("kind", String(20), nullable=False),
    # No foreign key: the item may be in the trash. Empty for a name that could not be resolved.
    Column("item_id", String(24), nullable=False),
    # The last name of a missing item, or the reason why a name could not be resolved.
    Column("name", Text),
    # The project that a missing item was in, empty for none; null if it is unknown. Only who sees it may read the name.
    Column("project_id", IdType),
    Column("is_alternative", Boolean, nullable=False),
    Column("missing", Boolean, nullable=False),
    Index("ix_stellary_action_references_item_id", "item_id"),
    Index("ix_stellary_action_references_workspace_id_action_number", "workspace_id", "action_number"),
)
"""The items that rules and proposed actions need."""

numbers = Table(
    "stellary_pilotage_numbers",
    metadata,
    Column("workspace_id", IdType, parent_key("stellary_workspaces.id"), primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("last", Integer, nullable=False),
)
"""The last number of each kind; numbers are never reused."""
