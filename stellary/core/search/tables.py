"""The schema of the index: one row for each thing that can be found, in the form in which texts are compared."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, String, Table, Text

from stellary.core.db.base import IdType, metadata

entries = Table(
    "stellary_search_entries",
    metadata,
    # All of a workspace is read at a search, and nothing of another one.
    Column(
        "workspace_id", IdType, ForeignKey("stellary_workspaces.id", ondelete="CASCADE"), primary_key=True
    ),
    # That of the thing itself.
    Column("id", IdType, primary_key=True),
    Column("kind", String(20), nullable=False),
    # In all of whose workspaces it is found, if not only in its own.
    Column(
        "organization_id", IdType, ForeignKey("stellary_organizations.id", ondelete="CASCADE"), index=True
    ),
    # An entry goes with what it belongs to, however that goes.
    Column("project_id", IdType, ForeignKey("stellary_projects.id", ondelete="CASCADE"), index=True),
    Column("card_id", IdType, ForeignKey("stellary_cards.id", ondelete="CASCADE"), index=True),
    Column("document_id", IdType, ForeignKey("stellary_documents.id", ondelete="CASCADE"), index=True),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
)
