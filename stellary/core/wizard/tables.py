"""The schema of the wizard: drafts of projects."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Text

from stellary.core.db.base import IdType, Json, item_table, parent_key

drafts = item_table(
    "stellary_project_drafts",
    Column("workspace_id", IdType, parent_key("stellary_workspaces.id"), nullable=False),
    Column("name", String(100), nullable=False),
    Column("description", Text),
    # The following columns are in wire format: they are read and written as a whole, and never searched.
    Column("context_documents", Json, nullable=False),
    Column("stage", String(20), nullable=False),
    Column("round", Integer, nullable=False),
    # All questions so far, including open ones.
    Column("asked", Json, nullable=False),
    # The ids of the open questions.
    Column("open_ids", Json, nullable=False),
    Column("answers", Json, nullable=False),
    Column("readiness_score", Integer, nullable=False),
    Column("missing", Json, nullable=False),
    Column("roadmap", Json),
    Column("feedback", Json, nullable=False),
    # The steps that undo the last edits, newest last.
    Column("edits", Json, nullable=False, server_default="[]"),
    # What the model that plans has used, in wire format; null before its first call.
    Column("usage", Json),
    Column("visibility", String(10), nullable=False, server_default="workspace"),
    Column("project_id", IdType, ForeignKey("stellary_projects.id", ondelete="SET NULL"), index=True),
    Column("created_by_id", IdType, ForeignKey("stellary_users.id"), nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Index("ix_stellary_project_drafts_workspace_id_id", "workspace_id", "id"),
)
