"""The index of proposals by their status."""

from __future__ import annotations

from stellary.core.migrations.operations import create_index, drop_index

revision = "0038"
down_revision = "0037"

_NAME = "ix_stellary_agent_proposals_workspace_id_status_id"


def upgrade() -> None:
    create_index(_NAME, "stellary_agent_proposals", ["workspace_id", "status", "id"])


def downgrade() -> None:
    drop_index(_NAME)
