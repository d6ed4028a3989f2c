"""Documents and their versions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

# As they were at the time: what the code calls these today may become something else.
ID = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")
MOMENT = sa.DateTime(timezone=True)
JSON = sa.Text()


def _key(table: str, column: str, to: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}", ondelete=ondelete)


def upgrade() -> None:
    documents, versions = "stellary_documents", "stellary_document_versions"
    op.create_table(
        documents,
        sa.Column("id", ID, nullable=False),
        sa.Column("organization_id", ID, nullable=False),
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("context_type", sa.String(length=20), nullable=False),
        sa.Column("context_id", ID, nullable=False),
        sa.Column("project_id", ID, nullable=True),
        sa.Column("scope_id", ID, nullable=True),
        sa.Column("parent_id", ID, nullable=True),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("doc_type", sa.String(length=20), nullable=False),
        sa.Column("content", JSON, nullable=False),
        sa.Column("tags", JSON, nullable=False),
        sa.Column("tag_keys", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("submissions", sa.Integer(), nullable=False),
        sa.Column("author_id", ID, nullable=False),
        sa.Column("reviewer_id", ID, nullable=True),
        sa.Column("review_notes", sa.Text(), nullable=True),
        sa.Column("submitted_at", MOMENT, nullable=True),
        sa.Column("reviewed_at", MOMENT, nullable=True),
        sa.Column("told_of_id", ID, nullable=False),
        sa.Column("told_at", MOMENT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        _key(documents, "organization_id", "stellary_organizations", "CASCADE"),
        _key(documents, "workspace_id", "stellary_workspaces", "CASCADE"),
        _key(documents, "project_id", "stellary_projects", "CASCADE"),
        _key(documents, "scope_id", "stellary_scopes", "CASCADE"),
        _key(documents, "parent_id", documents, "SET NULL"),
        _key(documents, "author_id", "stellary_users"),
        _key(documents, "reviewer_id", "stellary_users"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{documents}"),
    )
    for columns in (
        ["project_id"],
        ["scope_id"],
        ["parent_id"],
        ["workspace_id", "id"],
        ["organization_id", "context_type", "id"],
    ):
        op.create_index(f"ix_{documents}_{'_'.join(columns)}", documents, columns)
    op.create_table(
        versions,
        sa.Column("id", ID, nullable=False),
        sa.Column("document_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("doc_type", sa.String(length=20), nullable=False),
        sa.Column("content", JSON, nullable=False),
        sa.Column("tags", JSON, nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("submitted_by_id", ID, nullable=False),
        sa.Column("submitted_at", MOMENT, nullable=False),
        sa.Column("reviewer_id", ID, nullable=True),
        sa.Column("review_notes", sa.Text(), nullable=True),
        sa.Column("reviewed_at", MOMENT, nullable=True),
        _key(versions, "document_id", documents, "CASCADE"),
        _key(versions, "submitted_by_id", "stellary_users"),
        _key(versions, "reviewer_id", "stellary_users"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{versions}"),
        sa.UniqueConstraint("document_id", "number", name=f"uq_{versions}_document_id_number"),
    )
    op.create_index(f"ix_{versions}_document_id_id", versions, ["document_id", "id"])


def downgrade() -> None:
    op.drop_table("stellary_document_versions")
    op.drop_table("stellary_documents")
