"""Agents, their tokens, missions, proposals and audit log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

# As they were at the time: what the code calls these today may become something else.
ID = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")
MOMENT = sa.DateTime(timezone=True)
JSON = sa.Text()


def upgrade() -> None:
    op.add_column("stellary_users", sa.Column("agent_of_id", ID))
    op.create_index("ix_stellary_users_agent_of_id", "stellary_users", ["agent_of_id"])
    op.create_table(
        "stellary_agents",
        sa.Column("id", ID, nullable=False),
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("slug", sa.String(length=60), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("autonomy_mode", sa.String(length=20), nullable=False),
        sa.Column("tools", JSON, nullable=False),
        sa.Column("project_ids", JSON, nullable=True),
        sa.Column("max_actions", sa.Integer(), nullable=False),
        sa.Column("window_seconds", sa.Integer(), nullable=False),
        sa.Column("window_began_at", MOMENT, nullable=False),
        sa.Column("window_actions", sa.Integer(), nullable=False),
        sa.Column("runtime", sa.String(length=20), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("created_by_id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["created_by_id"], ["stellary_users.id"], name="fk_stellary_agents_created_by_id"),
        sa.ForeignKeyConstraint(["id"], ["stellary_users.id"], name="fk_stellary_agents_id"),
        sa.ForeignKeyConstraint(["workspace_id"], ["stellary_workspaces.id"], name="fk_stellary_agents_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_stellary_agents"),
        sa.UniqueConstraint("workspace_id", "slug", name="uq_stellary_agents_workspace_id_slug"),
    )
    op.create_index("ix_stellary_agents_workspace_id_id", "stellary_agents", ["workspace_id", "id"])
    op.create_table(
        "stellary_agent_tokens",
        sa.Column("id", ID, nullable=False),
        sa.Column("agent_id", ID, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("prefix", sa.String(length=20), nullable=False),
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("created_by_id", ID, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("last_used_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["stellary_agents.id"], name="fk_stellary_agent_tokens_agent_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["created_by_id"], ["stellary_users.id"], name="fk_stellary_agent_tokens_created_by_id"),
        sa.PrimaryKeyConstraint("id", name="pk_stellary_agent_tokens"),
        sa.UniqueConstraint("token_digest", name="uq_stellary_agent_tokens_token_digest"),
    )
    op.create_index("ix_stellary_agent_tokens_agent_id_id", "stellary_agent_tokens", ["agent_id", "id"])
    op.create_table(
        "stellary_agent_missions",
        sa.Column("id", ID, nullable=False),
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("agent_id", ID, nullable=False),
        sa.Column("card_id", ID, nullable=False),
        sa.Column("project_id", ID, nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("autonomy_mode", sa.String(length=20), nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_by_id", ID, nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("history", JSON, nullable=True),
        sa.Column("calls", JSON, nullable=False),
        sa.Column("turns", sa.Integer(), nullable=False),
        sa.Column("last_entry", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT, nullable=True),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["stellary_agents.id"], name="fk_stellary_agent_missions_agent_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["card_id"], ["stellary_cards.id"], name="fk_stellary_agent_missions_card_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["created_by_id"], ["stellary_users.id"], name="fk_stellary_agent_missions_created_by_id"),
        sa.ForeignKeyConstraint(["workspace_id"], ["stellary_workspaces.id"], name="fk_stellary_agent_missions_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_stellary_agent_missions"),
    )
    op.create_index("ix_stellary_agent_missions_agent_id_id", "stellary_agent_missions", ["agent_id", "id"])
    op.create_index("ix_stellary_agent_missions_card_id_id", "stellary_agent_missions", ["card_id", "id"])
    at_work = sa.text("status IN ('running', 'awaiting_approval')")
    op.create_index("uq_stellary_agent_missions_card_id_at_work", "stellary_agent_missions", ["card_id"], unique=True, sqlite_where=at_work, postgresql_where=at_work)
    op.create_table(
        "stellary_agent_mission_log",
        sa.Column("mission_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("data", JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["mission_id"], ["stellary_agent_missions.id"], name="fk_stellary_agent_mission_log_mission_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("mission_id", "number", name="pk_stellary_agent_mission_log"),
    )
    op.create_table(
        "stellary_agent_proposals",
        sa.Column("id", ID, nullable=False),
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("agent_id", ID, nullable=False),
        sa.Column("mission_id", ID, nullable=True),
        sa.Column("call_id", sa.String(length=100), nullable=True),
        sa.Column("action", sa.String(length=100), nullable=False),
        sa.Column("params", JSON, nullable=False),
        sa.Column("call", JSON, nullable=True),
        sa.Column("blob_key", sa.String(length=40), nullable=True),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("seen", JSON, nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("decided_by_id", ID, nullable=True),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("result", JSON, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["stellary_agents.id"], name="fk_stellary_agent_proposals_agent_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["decided_by_id"], ["stellary_users.id"], name="fk_stellary_agent_proposals_decided_by_id"),
        sa.ForeignKeyConstraint(["mission_id"], ["stellary_agent_missions.id"], name="fk_stellary_agent_proposals_mission_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["stellary_workspaces.id"], name="fk_stellary_agent_proposals_workspace_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_stellary_agent_proposals"),
    )
    op.create_index("ix_stellary_agent_proposals_agent_id_status", "stellary_agent_proposals", ["agent_id", "status"])
    op.create_index("ix_stellary_agent_proposals_blob_key", "stellary_agent_proposals", ["blob_key"])
    op.create_index("ix_stellary_agent_proposals_mission_id_id", "stellary_agent_proposals", ["mission_id", "id"])
    op.create_index("ix_stellary_agent_proposals_workspace_id_id", "stellary_agent_proposals", ["workspace_id", "id"])
    op.create_table(
        "stellary_agent_audit",
        sa.Column("id", ID, nullable=False),
        sa.Column("agent_id", ID, nullable=False),
        sa.Column("mission_id", ID, nullable=True),
        sa.Column("tool", sa.String(length=100), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("on_behalf_of_id", ID, nullable=False),
        sa.Column("proposal_id", ID, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["stellary_agents.id"], name="fk_stellary_agent_audit_agent_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_stellary_agent_audit"),
    )
    op.create_index("ix_stellary_agent_audit_agent_id_id", "stellary_agent_audit", ["agent_id", "id"])


def downgrade() -> None:
    op.drop_table("stellary_agent_audit")
    op.drop_table("stellary_agent_proposals")
    op.drop_table("stellary_agent_mission_log")
    op.drop_table("stellary_agent_missions")
    op.drop_table("stellary_agent_tokens")
    op.drop_table("stellary_agents")
    op.drop_index("ix_stellary_users_agent_of_id", "stellary_users")
    op.drop_column("stellary_users", "agent_of_id")
