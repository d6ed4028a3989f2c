"""What of knowledge search finds: documents, as they go into the index and as hits show them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import ColumnElement, bindparam, case, func, or_, select

from stellary.contract.policies import DOCUMENT_READ
from stellary.contract.search import Hit
from stellary.core.kernel.events import DocumentWritten
from stellary.core.kernel.search_sources import Cut, Entry, Source
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.knowledge.rules.plain_text import plain_text
from stellary.core.knowledge.tables import documents

SHOWN_MAX = 256 << 10
"""A page of hits may name 500 documents of a megabyte: of larger ones than that no piece is shown."""

_SHOWN = select(
    documents.c.id,
    documents.c.title,
    documents.c.project_id,
    documents.c.created_at,
    documents.c.updated_at,
    documents.c.tags,
    case((func.length(documents.c.content) <= SHOWN_MAX, documents.c.content)).label("content"),
).where(
    documents.c.organization_id == bindparam("_organization_id"),
    or_(documents.c.workspace_id == bindparam("_workspace_id"), documents.c.context_type == "organization"),
    documents.c.id.in_(bindparam("_ids", expanding=True)),
)


def document_entry(event: DocumentWritten) -> Entry:
    """What a document says: its title, its text, its tags."""
    return Entry(
        kind="document",
        id=event.document_id,
        workspace_id=event.workspace_id,
        organization_id=event.organization_id,
        project_id=event.project_id,
        document_id=event.document_id,
        title=event.title,
        text=_text(event.content, event.tags),
    )


def document_is_there(document_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """The condition that a document is there."""
    return select(documents.c.id).where(documents.c.id == document_id).exists()


def _show(
    uow: UnitOfWork, organization_id: str, workspace_id: str, ids: Collection[str], cut: Cut
) -> Mapping[str, Hit]:
    place = {"_organization_id": organization_id, "_workspace_id": workspace_id, "_ids": list(ids)}
    return {
        row.id: Hit(
            kind="document",
            id=row.id,
            title=row.title,
            snippet=None if row.content is None else cut(_text(row.content, row.tags)),
            project_id=row.project_id,
            card_id=None,
            card_key=None,
            archived=False,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        for row in uow.connection.execute(_SHOWN, place)
    }


def _text(content: Any, tags: Collection[str]) -> str:
    return "\n".join(filter(None, (plain_text(content), " ".join(tags))))


SOURCES = (Source("document", DOCUMENT_READ, _show),)
"""What search finds of knowledge."""
