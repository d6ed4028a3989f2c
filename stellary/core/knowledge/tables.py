"""The schema of knowledge: documents, and what they said when they were submitted."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from stellary.core.db.base import IdType, Json, UtcDateTime, metadata

documents = Table(
    "stellary_documents",
    metadata,
    Column("id", IdType, primary_key=True),
    Column(
        "organization_id", IdType, ForeignKey("stellary_organizations.id", ondelete="CASCADE"), nullable=False
    ),
    # Where it was made, and is changed: those of an organization are read in all of its workspaces.
    Column("workspace_id", IdType, ForeignKey("stellary_workspaces.id", ondelete="CASCADE"), nullable=False),
    # What it belongs to. Of a scope also the project, so that it goes with either.
    Column("context_type", String(20), nullable=False),
    Column("context_id", IdType, nullable=False),
    Column("project_id", IdType, ForeignKey("stellary_projects.id", ondelete="CASCADE"), index=True),
    Column("scope_id", IdType, ForeignKey("stellary_scopes.id", ondelete="CASCADE"), index=True),
    # Who deletes a document lifts what is below it; what goes with its project leaves roots behind in other places.
    Column("parent_id", IdType, ForeignKey("stellary_documents.id", ondelete="SET NULL"), index=True),
    Column("title", String(200), nullable=False),
    Column("doc_type", String(20), nullable=False),
    Column("content", Json, nullable=False),
    Column("tags", Json, nullable=False),
    # The tags as they are compared, each between line feeds.
    Column("tag_keys", Text, nullable=False),
    Column("status", String(20), nullable=False),
    # How often it was submitted: the number of its newest version.
    Column("submissions", Integer, nullable=False),
    Column("author_id", IdType, ForeignKey("stellary_users.id"), nullable=False),
    Column("reviewer_id", IdType, ForeignKey("stellary_users.id")),
    Column("review_notes", Text),
    Column("submitted_at", UtcDateTime),
    Column("reviewed_at", UtcDateTime),
    # Whose change was told last, and when: who saves every few seconds is told of once in a while.
    Column("told_of_id", IdType, nullable=False),
    Column("told_at", UtcDateTime, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_stellary_documents_workspace_id_id", "workspace_id", "id"),
    Index("ix_stellary_documents_organization_id_context_type_id", "organization_id", "context_type", "id"),
)

versions = Table(
    "stellary_document_versions",
    metadata,
    Column("id", IdType, primary_key=True),
    Column("document_id", IdType, ForeignKey("stellary_documents.id", ondelete="CASCADE"), nullable=False),
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
