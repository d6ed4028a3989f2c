"""Indexes of filtered lists: the activities of a project by actor and by type, and the cards of an assignee in a project."""

from __future__ import annotations

from alembic import op

from stellary.core.migrations.operations import create_index

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    for column in ("actor_id", "type"):
        name = f"ix_stellary_activities_project_id_{column}_id"
        create_index(name, "stellary_activities", ["project_id", column, "id"])
    create_index(
        "ix_stellary_cards_assignee_id_project_id_id", "stellary_cards", ["assignee_id", "project_id", "id"]
    )
    op.drop_index("ix_stellary_cards_assignee_id", "stellary_cards", if_exists=True)


def downgrade() -> None:
    create_index("ix_stellary_cards_assignee_id", "stellary_cards", ["assignee_id"])
    op.drop_index("ix_stellary_cards_assignee_id_project_id_id", "stellary_cards", if_exists=True)
    for column in ("type", "actor_id"):
        op.drop_index(f"ix_stellary_activities_project_id_{column}_id", "stellary_activities", if_exists=True)
