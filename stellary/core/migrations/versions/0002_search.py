"""Indexes for the feeds of projects and cards."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_index("ix_stellary_activities_project_id_id", "stellary_activities", ["project_id", "id"])
    op.create_index("ix_stellary_activities_card_id_id", "stellary_activities", ["card_id", "id"])


def downgrade() -> None:
    op.drop_index("ix_stellary_activities_card_id_id", "stellary_activities")
    op.drop_index("ix_stellary_activities_project_id_id", "stellary_activities")
