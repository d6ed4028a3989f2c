"""The indexes of search entries by document and by organization leave out the entries of cards, which have neither."""

from alembic import op

from stellary.core.migrations.operations import create_index, drop_index

revision = "0130"
down_revision = "0129"

_TABLE = "stellary_search_entries"
_DOCUMENTS = "ix_stellary_search_entries_of_documents"
_ORGANIZATIONS = "ix_stellary_search_entries_of_organizations"


def upgrade() -> None:
    create_index(_DOCUMENTS, _TABLE, ["document_id"], where="document_id IS NOT NULL")
    create_index(_ORGANIZATIONS, _TABLE, ["organization_id", "id"], where="organization_id IS NOT NULL")
    drop_index("ix_stellary_search_entries_document_id")
    drop_index("ix_stellary_search_entries_organization_id_id")


def downgrade() -> None:
    create_index("ix_stellary_search_entries_document_id", _TABLE, ["document_id"])
    create_index("ix_stellary_search_entries_organization_id_id", _TABLE, ["organization_id", "id"])
    op.drop_index(_DOCUMENTS, _TABLE)
    op.drop_index(_ORGANIZATIONS, _TABLE)
