"""The indexes of the open cards of a person by due date, and of the documents that wait for a review."""

from alembic import op

from stellary.core.migrations.operations import create_index

revision = "0107"
down_revision = "0105"

_CARDS, _DOCUMENTS = "ix_stellary_cards_assigned_due_date", "ix_stellary_documents_pending_review"


def upgrade() -> None:
    create_index(
        _CARDS,
        "stellary_cards",
        ["assignee_id", "due_date", "project_id"],
        where="archived = false AND status <> 'done' AND due_date IS NOT NULL",
    )
    create_index(_DOCUMENTS, "stellary_documents", ["workspace_id"], where="status = 'pending_review'")


def downgrade() -> None:
    op.drop_index(_DOCUMENTS, "stellary_documents")
    op.drop_index(_CARDS, "stellary_cards")
