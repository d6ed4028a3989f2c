"""The schema of agents: settings, tokens, missions, proposals and audit entries."""

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
    false,
)

from stellary.core.db.base import IdType, Json, UtcDateTime, metadata, parent_key, partial_index, record_table

agents = Table(
    "stellary_agents",
    metadata,
    # The id of its user row, which stays when the agent is deleted.
    Column("id", IdType, ForeignKey("stellary_users.id"), primary_key=True),
    Column("workspace_id", IdType, parent_key("stellary_workspaces.id"), nullable=False),
    Column("name", String(100), nullable=False),
    Column("slug", String(60), nullable=False),
    Column("description", Text),
    Column("autonomy_mode", String(20), nullable=False),
    Column("tools", Json, nullable=False),
    # Null: all projects of the workspace.
    Column("project_ids", Json),
    Column("max_actions", Integer, nullable=False),
    Column("window_seconds", Integer, nullable=False),
    # The current rate limit window.
    Column("window_began_at", UtcDateTime, nullable=False),
    Column("window_actions", Integer, nullable=False),
    Column("runtime", String(20), nullable=False),
    Column("model", String(200)),
    Column("status", String(20), nullable=False),
    Column("created_by_id", IdType, ForeignKey("stellary_users.id"), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("workspace_id", "slug"),
    Index("ix_stellary_agents_workspace_id_id", "workspace_id", "id"),
)

agent_tokens = record_table(
    "stellary_agent_tokens",
    Column("agent_id", IdType, parent_key("stellary_agents.id"), nullable=False),
    Column("name", String(100), nullable=False),
    Column("prefix", String(20), nullable=False),
    Column("token_digest", String(64), nullable=False, unique=True),
    Column("created_by_id", IdType, ForeignKey("stellary_users.id"), nullable=False),
    Column("expires_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
    Index("ix_stellary_agent_tokens_agent_id_id", "agent_id", "id"),
)

missions = record_table(
    "stellary_agent_missions",
    Column("workspace_id", IdType, parent_key("stellary_workspaces.id"), nullable=False),
    Column("agent_id", IdType, parent_key("stellary_agents.id"), nullable=False),
    Column("card_id", IdType, parent_key("stellary_cards.id"), nullable=False),
    Column("project_id", IdType, nullable=False),
    Column("prompt", Text, nullable=False),
    Column("status", String(20), nullable=False),
    Column("autonomy_mode", String(20), nullable=False),
    # Whether a comment or an assignment started it: then it is answered on the card.
    Column("is_delegated", Boolean, nullable=False, server_default=false()),
    Column("result", Text),
    Column("error", Text),
    Column("created_by_id", IdType, ForeignKey("stellary_users.id"), nullable=False),
    # The number of steps, by which a worker notices that another one has continued the mission.
    Column("step", Integer, nullable=False),
    # The brain's own state, and the calls of the current turn.
    Column("history", Json),
    Column("calls", Json, nullable=False),
    Column("turns", Integer, nullable=False),
    # The numbers of calls by tool, and what its model has used, in wire format; null before the first call.
    Column("tool_counts", Json),
    Column("usage", Json),
    # The ids of the projects that its calls have read or changed, whose items its texts may name, as keys; null if unknown.
    Column("named_projects", Json),
    # The number of the newest entry of its log.
    Column("last_entry", Integer, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Index("ix_stellary_agent_missions_agent_id_id", "agent_id", "id"),
    Index("ix_stellary_agent_missions_card_id_id", "card_id", "id"),
    # At most one mission per card is running or waits for approval.
    partial_index(
        "uq_stellary_agent_missions_card_id_active",
        "card_id",
        unique=True,
        where="status IN ('running', 'awaiting_approval')",
    ),
    # They stay with the agent when their card leaves the workspace.
    info={"of_workspace": True},
)

mission_log = Table(
    "stellary_agent_mission_log",
    metadata,
    Column("mission_id", IdType, parent_key("stellary_agent_missions.id"), primary_key=True),
    # Counts from 1. Writers lock the mission, so entries become visible in the order of their numbers.
    Column("number", Integer, primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("data", Json, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

proposals = record_table(
    "stellary_agent_proposals",
    Column("workspace_id", IdType, parent_key("stellary_workspaces.id"), nullable=False),
    Column("agent_id", IdType, parent_key("stellary_agents.id"), nullable=False),
    Column("mission_id", IdType, parent_key("stellary_agent_missions.id")),
    # The call of a mission's turn that the proposal represents.
    Column("call_id", String(100)),
    Column("action", String(100), nullable=False),
    Column("params", Json, nullable=False),
    # The API call, if it is not an action: {"ref", "body", "file"}.
    Column("call", Json),
    # The key of an uploaded file, so that it is not swept.
    Column("blob_key", String(40), index=True),
    Column("summary", Text, nullable=False),
    # The versions of the items that it depends on.
    Column("seen", Json, nullable=False),
    # The ids of the projects whose items it names, as keys; null if they are not known.
    Column("named_projects", Json),
    Column("status", String(20), nullable=False),
    Column("reason", Text),
    Column("decided_by_id", IdType, ForeignKey("stellary_users.id")),
    Column("decided_at", UtcDateTime),
    Column("result", Json),
    Index("ix_stellary_agent_proposals_workspace_id_id", "workspace_id", "id"),
    # Pending proposals are the newest of a list that begins with the oldest.
    Index("ix_stellary_agent_proposals_workspace_id_status_id", "workspace_id", "status", "id"),
    Index("ix_stellary_agent_proposals_mission_id_id", "mission_id", "id"),
    Index("ix_stellary_agent_proposals_agent_id_status", "agent_id", "status"),
)

audit = record_table(
    "stellary_agent_audit",
    Column("agent_id", IdType, parent_key("stellary_agents.id"), nullable=False),
    # No foreign keys, since entries outlive the missions and proposals they name.
    Column("mission_id", IdType),
    Column("tool", String(100), nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("reason", Text),
    Column("on_behalf_of_id", IdType, nullable=False),
    Column("proposal_id", IdType),
    Index("ix_stellary_agent_audit_agent_id_id", "agent_id", "id"),
    Index("ix_stellary_agent_audit_created_at", "created_at"),
)
