"""Smaller indexes for the filters of the activity feed: without activities about cards, and of one in 64."""

from __future__ import annotations

from stellary.core.migrations.operations import create_index, drop_index

revision = "0027"
down_revision = "0026"

_TABLE = "stellary_activities"


def upgrade() -> None:
    create_index(
        f"ix_{_TABLE}_other_entities", _TABLE, ["project_id", "entity", "id"], where="entity <> 'card'"
    )
    create_index(
        f"ix_{_TABLE}_sampled_times", _TABLE, ["project_id", "created_at"], where="(seq & 63) = 0"
    )
    for columns in ("project_id_entity_id", "project_id_created_at"):
        drop_index(f"ix_{_TABLE}_{columns}")


def downgrade() -> None:
    create_index(f"ix_{_TABLE}_project_id_entity_id", _TABLE, ["project_id", "entity", "id"])
    create_index(f"ix_{_TABLE}_project_id_created_at", _TABLE, ["project_id", "created_at"])
    for columns in ("other_entities", "sampled_times"):
        drop_index(f"ix_{_TABLE}_{columns}")
