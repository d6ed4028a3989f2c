"""The entries of documents in the search index, and the source of document hits."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import ColumnElement, bindparam, case, func, or_, select

from stellary.contract.policies import DOCUMENT_READ
from stellary.contract.rich_text import Node
from stellary.contract.search import Hit
from stellary.core.db.row_types import Query
from stellary.core.kernel.events import DocumentWritten
from stellary.core.kernel.search_sources import MakeSnippet, SearchEntry, SearchSource
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.knowledge import rows
from stellary.core.knowledge.row_types import DocumentHitRow
from stellary.core.knowledge.rules.plain_text import plain_text
from stellary.core.knowledge.tables import documents

SNIPPET_SOURCE_MAX = 256 << 10
"""The largest content from which a snippet is made, in bytes: a page of hits may contain 500 documents of a megabyte."""

_SELECT_HITS = Query(
    DocumentHitRow,
    select(
        documents.c.id,
        documents.c.title,
        documents.c.project_id,
        documents.c.created_at,
        documents.c.updated_at,
        documents.c.tags,
        case((func.length(documents.c.content) <= SNIPPET_SOURCE_MAX, documents.c.content)).label("content"),
    ).where(
        documents.c.organization_id == bindparam("_organization_id"),
        or_(documents.c.workspace_id == bindparam("_workspace_id"), rows.OF_ORGANIZATION),
        documents.c.id.in_(bindparam("_ids", expanding=True)),
    ),
)


def document_entry(event: DocumentWritten) -> SearchEntry:
    """Return the search entry of a document: its title, text and tags."""
    return SearchEntry(
        kind="document",
        id=event.document_id,
        workspace_id=event.workspace_id,
        organization_id=event.organization_id,
        project_id=event.project_id,
        document_id=event.document_id,
        title=event.title,
        text=_text(event.content, event.tags),
    )


def document_exists(document_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that a document exists."""
    return select(documents.c.id).where(documents.c.id == document_id).exists()


def _load_hits(
    uow: UnitOfWork, organization_id: str, workspace_id: str, ids: Collection[str], make_snippet: MakeSnippet
) -> Mapping[str, Hit]:
    parameters = {"_organization_id": organization_id, "_workspace_id": workspace_id, "_ids": list(ids)}
    return {
        row.id: Hit(
            kind="document",
            id=row.id,
            title=row.title,
            snippet=None if row.content is None else make_snippet(_text(row.content, row.tags)),
            project_id=row.project_id,
            card_id=None,
            card_key=None,
            archived=False,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        for row in _SELECT_HITS.all(uow.connection, parameters)
    }


def _text(content: Node, tags: Collection[str]) -> str:
    return "\n".join(filter(None, (plain_text(content), " ".join(tags))))


SOURCES = (SearchSource("document", DOCUMENT_READ, _load_hits),)
"""The source of document hits."""
