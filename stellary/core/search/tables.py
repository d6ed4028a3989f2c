"""The schema of the index: one row for each item that can be found, with folded texts."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, String, Table, Text

from stellary.core.db.base import IdType, metadata

entries = Table(
    "stellary_search_entries",
    metadata,
    # A search reads exactly the rows of its workspace.
    Column(
        "workspace_id", IdType, ForeignKey("stellary_workspaces.id", ondelete="CASCADE"), primary_key=True
    ),
    # The id of the item.
    Column("id", IdType, primary_key=True),
    Column("kind", String(20), nullable=False),
    # Set for items that are found in all workspaces of the organization.
    Column(
        "organization_id", IdType, ForeignKey("stellary_organizations.id", ondelete="CASCADE"), index=True
    ),
    # An entry is deleted with the item that it belongs to.
    Column("project_id", IdType, ForeignKey("stellary_projects.id", ondelete="CASCADE"), index=True),
    Column("card_id", IdType, ForeignKey("stellary_cards.id", ondelete="CASCADE"), index=True),
    Column("document_id", IdType, ForeignKey("stellary_documents.id", ondelete="CASCADE"), index=True),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
)
