"""The schema of the index: one row for each item that can be found, with folded texts, and the prefixes of their words."""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    Column,
    Index,
    String,
    Table,
    Text,
    event,
    false,
    text,
)

from stellary.core.db.base import IdType, metadata, parent_key, partial_index
from stellary.core.search.prefixes import TRIGGERS

IS_FRESH = text("is_indexed = false")
IS_FRESH_IN_ORGANIZATION = text("is_indexed = false AND organization_id IS NOT NULL")

entries = Table(
    "stellary_search_entries",
    metadata,
    Column("workspace_id", IdType, parent_key("stellary_workspaces.id"), primary_key=True),
    # The id of the item.
    Column("id", IdType, primary_key=True),
    Column("kind", String(20), nullable=False),
    # Set for items that are found in all workspaces of the organization.
    Column("organization_id", IdType, parent_key("stellary_organizations.id")),
    # An entry is deleted with the item that it belongs to.
    Column("project_id", IdType, parent_key("stellary_projects.id")),
    Column("card_id", IdType, parent_key("stellary_cards.id"), index=True),
    Column("document_id", IdType, parent_key("stellary_documents.id")),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    # The numbers of the prefixes of the words that are in the table of prefixes, separated by commas.
    Column("prefixes", Text, nullable=False, server_default=text("''")),
    # Whether these are the prefixes of the current texts. A job writes those of new and changed entries.
    Column("is_indexed", Boolean, nullable=False, server_default=false()),
    Index("ix_stellary_search_entries_project_id_id", "project_id", "id"),
    # Most entries are of cards, which have neither.
    partial_index("ix_stellary_search_entries_of_documents", "document_id", where="document_id IS NOT NULL"),
    partial_index(
        "ix_stellary_search_entries_of_organizations",
        "organization_id",
        "id",
        where="organization_id IS NOT NULL",
    ),
    # SQLite prefers the index with the most columns that a statement compares.
    partial_index("ix_stellary_search_entries_fresh", "is_indexed", "workspace_id", "id", where=IS_FRESH),
    partial_index(
        "ix_stellary_search_entries_fresh_in_organization",
        "is_indexed",
        "organization_id",
        "id",
        where=IS_FRESH_IN_ORGANIZATION,
    ),
)

prefixes = Table(
    "stellary_search_prefixes",
    metadata,
    Column("prefix", BigInteger, primary_key=True, autoincrement=False),
    # No foreign key, since the triggers also delete the prefixes, without a second index.
    Column("entry_id", IdType, primary_key=True),
    sqlite_with_rowid=False,
    info={"derived": True},
)
"""The entries by the prefixes of their words, in order of creation. Triggers keep it: see ``prefixes``."""

for _dialect, _triggers in TRIGGERS.items():
    for _trigger in _triggers:
        _statement = DDL(_trigger.replace("%", "%%"))  # type: ignore[no-untyped-call]
        event.listen(entries, "after_create", _statement.execute_if(dialect=_dialect))
