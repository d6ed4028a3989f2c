"""The schema of pilotage: six kinds of things, each numbered in its workspace, and the numbers that were given."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from stellary.core.db.base import IdType, Json, UtcDateTime, metadata


def _numbered(name: str, *parts: Column[Any] | Index) -> Table:
    """A table whose rows are known by their workspace and a number."""
    return Table(
        f"stellary_pilotage_{name}",
        metadata,
        Column(
            "workspace_id", IdType, ForeignKey("stellary_workspaces.id", ondelete="CASCADE"), primary_key=True
        ),
        Column("number", Integer, primary_key=True, autoincrement=False),
        *parts,
        Column("created_by_id", IdType, ForeignKey("stellary_users.id"), nullable=False),
        Column("created_at", UtcDateTime, nullable=False),
        Column("updated_at", UtcDateTime, nullable=False),
    )


missions = _numbered(
    "missions",
    Column("objective", String(500), nullable=False),
    Column("module", String(100)),
    Column("status", String(20), nullable=False),
    Column("blocked_reason", String(200)),
    Column("completed_at", UtcDateTime),
)

priorities = _numbered(
    "priorities",
    Column("label", String(500), nullable=False),
    Column("module", String(100)),
    Column("status", String(20), nullable=False),
    Column("completed_at", UtcDateTime),
)

todos = _numbered(
    "todos",
    Column("label", String(500), nullable=False),
    # Of the same workspace. No foreign keys: they would have to let go of the workspace together with the number.
    Column("mission_number", Integer),
    Column("priority_number", Integer),
    Column("status", String(20), nullable=False),
    Column("completed_at", UtcDateTime),
)

decisions = _numbered(
    "decisions",
    Column("title", String(500), nullable=False),
    Column("impact", Text),
)

docs = _numbered(
    "docs",
    Column("title", String(500), nullable=False),
    Column("owner", String(100)),
    Column("source_type", String(20)),
)

actions = _numbered(
    "actions",
    Column("action_type", String(100), nullable=False),
    Column("explanation", String(500), nullable=False),
    Column("payload", Json, nullable=False),
    Column("status", String(20), nullable=False),
    Column("reviewed_by_id", IdType, ForeignKey("stellary_users.id")),
    Column("review_reason", String(200)),
    Column("reviewed_at", UtcDateTime),
    Column("applied_by_id", IdType, ForeignKey("stellary_users.id")),
    Column("applied_at", UtcDateTime),
    # What it has answered once it was applied.
    Column("result", Json),
    Index("ix_stellary_pilotage_actions_workspace_id_status_number", "workspace_id", "status", "number"),
)

numbers = Table(
    "stellary_pilotage_numbers",
    metadata,
    Column(
        "workspace_id", IdType, ForeignKey("stellary_workspaces.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("kind", String(20), primary_key=True),
    Column("last", Integer, nullable=False),
)
"""The number of the newest thing of a kind: given with it in one transaction, and never again."""
