"""Comments on cards. Section Comments of the API reference."""

from __future__ import annotations

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
from stellary.contract.fields import replace_fields
from stellary.contract.refs import CardRef, CommentRef
from stellary.contract.wire import Listing, Paged
from stellary.core.board import access
from stellary.core.board.changes.card_changes import change_count
from stellary.core.board.rows.comment_rows import CommentRows
from stellary.core.board.tables import cards, comments
from stellary.core.kernel.events import CommentCreated, CommentDeleted, CommentUpdated
from stellary.core.kernel.unit import UnitOfWork, serves

ROWS = CommentRows(Comment, comments, comments.c.card_id, "comment")
"""The rows of comments on cards."""


@serves(LIST_COMMENTS)
def list_comments(uow: UnitOfWork, ref: CardRef, request: Paged) -> Listing[Comment]:
    """Return the comments of a card, oldest first."""
    return ROWS.fetch(uow, request, access.card(uow, ref).card.id)


@serves(CREATE_COMMENT)
def create_comment(uow: UnitOfWork, ref: CardRef, request: CreateComment) -> Comment:
    """Comment on a card."""
    loaded = access.card(uow, ref)
    count = change_count(uow, cards.c.comment_count, loaded.card.id, loaded.card.project_id, 1)
    comment = ROWS.insert(uow, request, loaded.card.id)
    card = replace_fields(loaded.card, comment_count=count, updated_at=uow.now)
    uow.emit(CommentCreated(**loaded.place, card=card, comment=comment))
    return comment


@serves(UPDATE_COMMENT)
def update_comment(uow: UnitOfWork, ref: CommentRef, request: UpdateComment) -> Comment:
    """Change the content of a comment."""
    loaded = access.comment(uow, ref)
    card_id, project_id = loaded.card.id, loaded.card.project_id
    before, after = ROWS.update(uow, request, card_id, ref.comment_id, project_id=project_id)
    if after is not before:
        uow.emit(CommentUpdated(**loaded.place, card=loaded.card, comment=after, before=before.content))
    return after


@serves(DELETE_COMMENT)
def delete_comment(uow: UnitOfWork, ref: CommentRef) -> Ok:
    """Move a comment to the trash."""
    loaded = access.comment(uow, ref)
    # Locked first, as when a card is deleted, so that two units never wait for each other.
    access.lock_card(uow, loaded)
    card, id, author_id = loaded.card, ref.comment_id, loaded.row.author_id
    ROWS.delete(uow, loaded.roles, id, author_id, name=card.title, project_id=card.project_id, key=card.key)
    count = change_count(uow, cards.c.comment_count, card.id, card.project_id, -1)
    card = replace_fields(card, comment_count=count, updated_at=uow.now)
    uow.emit(CommentDeleted(**loaded.place, card=card, comment_id=id, author_id=author_id))
    return Ok()
