"""Comments on documents. Section Comments of the API reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select

from stellary.contract.comments import (
    CREATE_DOCUMENT_COMMENT,
    DELETE_DOCUMENT_COMMENT,
    LIST_DOCUMENT_COMMENTS,
    UPDATE_DOCUMENT_COMMENT,
    CreateComment,
    DocumentComment,
    UpdateComment,
)
from stellary.contract.endpoint import Ok
from stellary.contract.refs import DocumentCommentRef, DocumentRef
from stellary.contract.wire import Listing, Paged
from stellary.core.board.rows.comment_rows import CommentRows
from stellary.core.db.base import is_among
from stellary.core.kernel.events import DocumentCommentCreated, DocumentCommentDeleted, DocumentCommentUpdated
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.knowledge import access, rows
from stellary.core.knowledge.documents import event_location
from stellary.core.knowledge.tables import comments, documents

ROWS = CommentRows(DocumentComment, comments, comments.c.document_id, "document_comment")
"""The rows of comments on documents."""

_PLACES = select(comments.c.id, documents.c.workspace_id, documents.c.project_id).join_from(
    comments, documents, documents.c.id == comments.c.document_id
)
_PLACES_OF = _PLACES.where(is_among(comments.c.id))


def read_current_comments(
    connection: Connection, places: Mapping[str, tuple[str, str | None]]
) -> dict[str, DocumentComment]:
    """Return comments as they are now, by id, unless their document has another place.

    Args:
        connection: A connection to the database.
        places: The workspace and the project in which the reader sees the document of each comment.
    """
    rows = connection.execute(_PLACES_OF, {"_ids": list(places)}) if places else ()
    return ROWS.read_current(connection, [id for id, *place in rows if places[id] == tuple(place)])


def select_document_commenters(document_id: ColumnElement[str]) -> Select[Any]:
    """Return a statement for the user ids of a document's commenters."""
    return select(comments.c.author_id).where(comments.c.document_id == document_id)


@serves(LIST_DOCUMENT_COMMENTS)
def list_document_comments(uow: UnitOfWork, ref: DocumentRef, request: Paged) -> Listing[DocumentComment]:
    """Return the comments on a document, oldest first."""
    return ROWS.fetch(uow, request, access.document_summary(uow, ref).row.id)


@serves(CREATE_DOCUMENT_COMMENT)
def create_document_comment(uow: UnitOfWork, ref: DocumentRef, request: CreateComment) -> DocumentComment:
    """Comment on a document. Its version stays: a comment does not conflict with a change of the document."""
    document = rows.SUMMARY_FIELDS.to_value(access.document_summary(uow, ref).row)
    place = event_location(document)
    comment = ROWS.insert(uow, request, document.id, **place)
    uow.emit(DocumentCommentCreated(**place, document=document, comment=comment))
    return comment


@serves(UPDATE_DOCUMENT_COMMENT)
def update_document_comment(
    uow: UnitOfWork, ref: DocumentCommentRef, request: UpdateComment
) -> DocumentComment:
    """Change the content of a comment."""
    row = access.comment(uow, ref).row
    document = rows.SUMMARY_FIELDS.to_value(row)
    place = event_location(document)
    before, after = ROWS.update(uow, request, document.id, row.comment_id, **place)
    if after is not before:
        uow.emit(DocumentCommentUpdated(**place, document=document, comment=after, before=before.content))
    return after


@serves(DELETE_DOCUMENT_COMMENT)
def delete_document_comment(uow: UnitOfWork, ref: DocumentCommentRef) -> Ok:
    """Move a comment to the trash."""
    loaded = access.comment(uow, ref)
    document, id = rows.SUMMARY_FIELDS.to_value(loaded.row), loaded.row.comment_id
    place = event_location(document)
    # The document is locked first, as when it is deleted, so that two units never wait for each other.
    comment = ROWS.read(uow, document.id, id, **place)
    project_id = document.project_id
    ROWS.delete(uow, loaded.roles, id, comment.author_id, name=document.title, project_id=project_id)
    uow.emit(DocumentCommentDeleted(**place, document=document, comment=comment))
    return Ok()
