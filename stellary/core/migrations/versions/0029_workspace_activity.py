"""The index of the activity of workspaces, which replaces the one of activities outside of projects."""

from __future__ import annotations

from stellary.core.migrations.operations import create_index, drop_index

revision = "0029"
down_revision = "0028"

_TABLE = "stellary_activities"


def upgrade() -> None:
    create_index(
        f"ix_{_TABLE}_apart_from_cards",
        _TABLE,
        ["workspace_id", "id"],
        where="entity NOT IN ('card', 'comment', 'attachment', 'relation')",
    )
    drop_index(f"ix_{_TABLE}_outside_projects")


def downgrade() -> None:
    create_index(f"ix_{_TABLE}_outside_projects", _TABLE, ["workspace_id", "id"], where="project_id IS NULL")
    drop_index(f"ix_{_TABLE}_apart_from_cards")
