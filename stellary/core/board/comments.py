"""Comments on cards. Section Comments of the API reference."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, insert, select, update

from stellary.contract.comments import (
    CREATE_COMMENT,
    DELETE_COMMENT,
    LIST_COMMENTS,
    UPDATE_COMMENT,
    Comment,
    CreateComment,
    UpdateComment,
)
from stellary.contract.endpoint import Ok
from stellary.contract.errors import NotFound
from stellary.contract.fields import get_set_fields, replace_fields, update_value
from stellary.contract.paging import Listing, Paged
from stellary.contract.refs import CardRef, CommentRef
from stellary.core.accounts.audience import name_of
from stellary.core.board import access
from stellary.core.board.row_types import CommentRow
from stellary.core.board.tables import cards, comments
from stellary.core.db.row_fields import RowFields
from stellary.core.db.row_types import Query
from stellary.core.kernel import trash
from stellary.core.kernel.events import CommentCreated, CommentDeleted, CommentUpdated
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.kernel.writes import delete_row

_FIELDS = RowFields(Comment, comments, selected={"author_name": name_of(comments.c.author_id)})
_COMMENTS = select(*_FIELDS.columns).where(comments.c.card_id == bindparam("_card_id"))
_LIST = Pages(CommentRow, _COMMENTS, comments.c.id)
_ONE = Query(CommentRow, _COMMENTS.where(comments.c.id == bindparam("_id")))
_INSERT = insert(comments)
_UPDATE = update(comments).where(comments.c.id == bindparam("_id"))
_DELETE = delete(comments).where(comments.c.id == bindparam("_id"))
# The version stays: a comment does not conflict with a change of the card.
_COUNT = (
    update(cards)
    .where(cards.c.id == bindparam("_card_id"))
    .values(comment_count=cards.c.comment_count + bindparam("_more"), updated_at=bindparam("_now"))
    .returning(cards.c.comment_count)
)


@serves(LIST_COMMENTS)
def list_comments(uow: UnitOfWork, ref: CardRef, request: Paged) -> Listing[Comment]:
    """Return the comments of a card, oldest first."""
    card = access.card(uow, ref).card
    return _LIST.fetch(uow, request, _comment, _card_id=card.id)


@serves(CREATE_COMMENT)
def create_comment(uow: UnitOfWork, ref: CardRef, request: CreateComment) -> Comment:
    """Comment on a card."""
    at = access.card(uow, ref)
    count = _count(uow, at.card.id, 1)
    id = uow.new_id()
    keys = {"id": id, "card_id": at.card.id, "author_id": uow.user_id}
    times = {"created_at": uow.now, "updated_at": uow.now}
    uow.connection.execute(_INSERT, {**get_set_fields(request, Comment), **keys, **times})
    comment = _read(uow, at.card.id, id)
    uow.emit(
        CommentCreated(
            workspace_id=at.roles.workspace_id or "",
            project_id=at.card.project_id,
            card=replace_fields(at.card, comment_count=count, updated_at=uow.now),
            comment=comment,
        )
    )
    return comment


@serves(UPDATE_COMMENT)
def update_comment(uow: UnitOfWork, ref: CommentRef, request: UpdateComment) -> Comment:
    """Change the content of a comment."""
    at = access.comment(uow, ref)
    before = _read(uow, at.card.id, at.row.comment_id)
    after = update_value(before, request, uow.now)
    if after is not before:
        changes = _FIELDS.to_changes(before, after)
        if not uow.connection.execute(_UPDATE, {"_id": after.id, **changes}).rowcount:
            raise NotFound("Comment not found")
        ids = {"workspace_id": at.roles.workspace_id or "", "project_id": at.card.project_id}
        uow.emit(CommentUpdated(**ids, card=at.card, comment=after, before=before.content))
    return after


@serves(DELETE_COMMENT)
def delete_comment(uow: UnitOfWork, ref: CommentRef) -> Ok:
    """Move a comment to the trash."""
    at = access.comment(uow, ref)
    # Locked first, as when a card is deleted, so that two units never wait for each other.
    access.lock_card(uow, at)
    trash.put(
        uow,
        comments,
        kind="comment",
        item_id=at.row.comment_id,
        name=at.card.title,
        key=at.card.key,
        author_id=at.row.author_id,
        organization_id=at.roles.organization_id,
        workspace_id=at.roles.workspace_id,
        project_id=at.card.project_id,
    )
    delete_row(uow, _DELETE, {"_id": at.row.comment_id}, "Comment")
    count = _count(uow, at.card.id, -1)
    uow.emit(
        CommentDeleted(
            workspace_id=at.roles.workspace_id or "",
            project_id=at.card.project_id,
            card=replace_fields(at.card, comment_count=count, updated_at=uow.now),
            comment_id=at.row.comment_id,
            author_id=at.row.author_id,
        )
    )
    return Ok()


def _count(uow: UnitOfWork, card_id: str, delta: int) -> int:
    """Change the comment count of a card, and return it. The update locks the card's row."""
    change = {"_card_id": card_id, "_more": delta, "_now": uow.now}
    row = access.require_row(uow.connection.execute(_COUNT, change).first(), "Card")
    return int(row.comment_count)


def _read(uow: UnitOfWork, card_id: str, comment_id: str) -> Comment:
    row = _ONE.first(uow.connection, {"_card_id": card_id, "_id": comment_id})
    return _comment(access.require_row(row, "Comment"))


def _comment(row: CommentRow) -> Comment:
    importer, imported_from = row.author_name, row.imported_from["name"] if row.imported_from else None
    # The authors of imported comments are not verified, so the importer is named as well.
    name = f"{imported_from} (imported by {importer})" if imported_from else importer
    return _FIELDS.to_value(row, author_name=name, imported_from=imported_from)


def comment_row(comment: Comment, email: str | None) -> dict[str, object]:
    """Return the row of an imported comment.

    Args:
        comment: The comment.
        email: The e-mail address of its author, as the file has it.
    """
    author = {"name": comment.imported_from, "email": email}
    return _FIELDS.to_row(comment, imported_from=author)
