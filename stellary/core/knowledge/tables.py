"""The tables of knowledge: documents, their submitted versions, and the comments on them."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from stellary.core.db.base import IdType, Json, UtcDateTime, item_table, metadata, parent_key, partial_index

documents = item_table(
    "stellary_documents",
    Column("organization_id", IdType, parent_key("stellary_organizations.id"), nullable=False),
    # The workspace in which it was created and is changed. Documents of the organization are readable in all its workspaces.
    Column("workspace_id", IdType, parent_key("stellary_workspaces.id"), nullable=False),
    # The context that it belongs to. For a scope also the project, so that it is deleted with either.
    Column("context_type", String(20), nullable=False),
    Column("context_id", IdType, nullable=False),
    Column("project_id", IdType, parent_key("stellary_projects.id"), index=True),
    Column("scope_id", IdType, parent_key("stellary_scopes.id"), index=True),
    # Deleting a document moves its children up; SET NULL applies if it is deleted together with its project.
    Column("parent_id", IdType, ForeignKey("stellary_documents.id", ondelete="SET NULL"), index=True),
    Column("title", String(200), nullable=False),
    Column("doc_type", String(20), nullable=False),
    Column("content", Json, nullable=False),
    Column("tags", Json, nullable=False),
    # The tags in lower case for filters, each between line feeds.
    Column("tag_keys", Text, nullable=False),
    Column("status", String(20), nullable=False),
    # The number of submissions, which is the number of its newest version.
    Column("submissions", Integer, nullable=False),
    Column("author_id", IdType, ForeignKey("stellary_users.id"), nullable=False),
    Column("reviewer_id", IdType, ForeignKey("stellary_users.id")),
    Column("review_notes", Text),
    Column("submitted_at", UtcDateTime),
    Column("reviewed_at", UtcDateTime),
    # The last change that was reported: its author and time. Frequent saves are reported only from time to time.
    Column("reported_by_id", IdType, nullable=False),
    Column("reported_at", UtcDateTime, nullable=False),
    Column("version", Integer, nullable=False),
    Index("ix_stellary_documents_workspace_id_id", "workspace_id", "id"),
    partial_index("ix_stellary_documents_pending_review", "workspace_id", where="status = 'pending_review'"),
    Index("ix_stellary_documents_organization_id_context_type_id", "organization_id", "context_type", "id"),
)

versions = Table(
    "stellary_document_versions",
    metadata,
    Column("id", IdType, primary_key=True),
    Column("document_id", IdType, parent_key("stellary_documents.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("title", String(200), nullable=False),
    Column("doc_type", String(20), nullable=False),
    Column("content", Json, nullable=False),
    Column("tags", Json, nullable=False),
    Column("status", String(20), nullable=False),
    Column("submitted_by_id", IdType, ForeignKey("stellary_users.id"), nullable=False),
    Column("submitted_at", UtcDateTime, nullable=False),
    Column("reviewer_id", IdType, ForeignKey("stellary_users.id")),
    Column("review_notes", Text),
    Column("reviewed_at", UtcDateTime),
    UniqueConstraint("document_id", "number"),
    Index("ix_stellary_document_versions_document_id_id", "document_id", "id"),
)

comments = item_table(
    "stellary_document_comments",
    Column("document_id", IdType, parent_key("stellary_documents.id"), nullable=False),
    # As in the table of the comments on cards.
    Column("author_id", IdType, ForeignKey("stellary_users.id"), nullable=False),
    Column("imported_from", Json),
    Column("content", Text, nullable=False),
    Index("ix_stellary_document_comments_document_id_id", "document_id", "id"),
)
