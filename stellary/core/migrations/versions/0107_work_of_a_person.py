"""The index of the open cards of a person by due date."""

from alembic import op

from stellary.core.migrations.operations import create_index

revision = "0107"
down_revision = "0100"

_INDEX, _CARDS = "ix_stellary_cards_assigned_due_date", "stellary_cards"


def upgrade() -> None:
    create_index(
        _INDEX,
        _CARDS,
        ["assignee_id", "due_date", "project_id"],
        where="archived = false AND status <> 'done' AND due_date IS NOT NULL",
    )


def downgrade() -> None:
    op.drop_index(_INDEX, _CARDS)
