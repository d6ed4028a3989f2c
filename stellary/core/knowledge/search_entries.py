"""The entries of documents and their comments in the search index, and the sources of their hits."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Table, case, func, literal, select

from stellary.contract.documents import DocumentSummary
from stellary.contract.policies import DOCUMENT_READ
from stellary.contract.rich_text import Node
from stellary.contract.search import FoundKind, Hit
from stellary.core.db.base import Json, is_among, is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.events import DocumentWritten
from stellary.core.kernel.search_sources import MakeSnippet, SearchEntry, SearchSource
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.knowledge.listing import VISIBLE_HERE
from stellary.core.knowledge.row_types import DocumentHitRow
from stellary.core.knowledge.rules.plain_text import plain_text
from stellary.core.knowledge.tables import comments, documents

SNIPPET_SOURCE_MAX = 256 << 10
"""The largest content from which a snippet is made, in bytes: a page of hits may contain 500 documents of a megabyte."""


def _select_hits(table: Table, **columns: ColumnElement[Any]) -> Query[DocumentHitRow]:
    """Build the statement for documents, or comments on them, by id."""
    rows = select(
        documents.c.title,
        documents.c.project_id,
        documents.c.id.label("document_id"),
        table.c.id,
        table.c.created_at,
        table.c.updated_at,
        *(column.label(name) for name, column in columns.items()),
    )
    is_wanted = is_among(table.c.id)
    source = documents if table is documents else documents.join(table)
    return Query(DocumentHitRow, rows.select_from(source).where(*VISIBLE_HERE, is_wanted))


_CONTENT = select(comments.c.content).where(is_given(comments.c.id))


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


def comment_entry(document: DocumentSummary, id: str, content: str) -> SearchEntry:
    """Return the search entry of a comment, which has no title.

    Args:
        document: The document.
        id: The comment.
        content: Its text.
    """
    return SearchEntry(
        kind="document_comment",
        id=id,
        workspace_id=document.workspace_id,
        organization_id=document.context_id if document.context_type == "organization" else None,
        project_id=document.project_id,
        document_id=document.id,
        title="",
        text=content,
    )


def load_comment(uow: UnitOfWork, id: str) -> str:
    """Return the text of a comment.

    Args:
        id: The comment.
    """
    content: str = uow.connection.execute(_CONTENT, {"_id": id}).scalar_one()
    return content


def document_exists(document_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that a document exists."""
    return select(documents.c.id).where(documents.c.id == document_id).exists()


def _build_source(kind: FoundKind, query: Query[DocumentHitRow]) -> SearchSource:
    def load_hits(
        uow: UnitOfWork,
        organization_id: str,
        workspace_id: str,
        ids: Collection[str],
        make_snippet: MakeSnippet,
    ) -> Mapping[str, Hit]:
        parameters = {"_organization_id": organization_id, "_workspace_id": workspace_id, "_ids": list(ids)}
        return {
            row.id: Hit(
                kind=kind,
                id=row.id,
                title=row.title,
                snippet=None if row.content is None else make_snippet(_text(row.content, row.tags)),
                project_id=row.project_id,
                card_id=None,
                card_key=None,
                document_id=row.document_id,
                archived=False,
                created_at=row.created_at,
                updated_at=row.updated_at,
            )
            for row in query.all(uow.connection, parameters)
        }

    return SearchSource(kind, DOCUMENT_READ, load_hits)


def _text(content: Node | str, tags: Collection[str]) -> str:
    text = content if isinstance(content, str) else plain_text(content)
    return "\n".join(filter(None, (text, " ".join(tags))))


_snippet_source = case((func.length(documents.c.content) <= SNIPPET_SOURCE_MAX, documents.c.content))
SOURCES = (
    _build_source("document", _select_hits(documents, content=_snippet_source, tags=documents.c.tags)),
    _build_source(
        "document_comment", _select_hits(comments, content=comments.c.content, tags=literal([], Json))
    ),
)
"""The search sources of documents."""
