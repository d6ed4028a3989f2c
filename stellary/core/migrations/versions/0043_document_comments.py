"""Comments on documents."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"

_ID = sa.String(length=24).with_variant(sa.String(length=24, collation="C"), "postgresql")
_TABLE = "stellary_document_comments"


def upgrade() -> None:
    op.create_table(
        _TABLE,
        sa.Column("id", _ID, nullable=False),
        sa.Column("document_id", _ID, nullable=False),
        sa.Column("author_id", _ID, nullable=False),
        sa.Column("imported_from", sa.Text(), nullable=True),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["stellary_documents.id"],
            name=op.f(f"fk_{_TABLE}_document_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["author_id"], ["stellary_users.id"], name=op.f(f"fk_{_TABLE}_author_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{_TABLE}")),
    )
    op.create_index(op.f(f"ix_{_TABLE}_document_id_id"), _TABLE, ["document_id", "id"])


def downgrade() -> None:
    op.drop_table(_TABLE)
