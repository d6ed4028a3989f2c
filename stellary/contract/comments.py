"""Comments on cards and documents. Section Comments of the API reference."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from stellary.contract.endpoint import Collection
from stellary.contract.limits import Length
from stellary.contract.policies import (
    BOARD_READ,
    COMMENT_AUTHOR,
    COMMENT_WRITE,
    DOCUMENT_READ,
)
from stellary.contract.refs import CardRef, CommentRef, DocumentCommentRef, DocumentRef
from stellary.contract.wire import UNSET, Request, Unset, Value

COMMENT_MAX = 2000
CommentText = Annotated[str, Length(1, COMMENT_MAX)]


class Comment(Value):
    """A comment on a card. ``@name`` in the text notifies that user.

    Attributes:
        author_id: The id of the user or agent that posted the comment; for an imported comment, of the user who
            imported it.
        author_name: The author's name; for an imported comment ``Jane Doe (imported by Ann)``.
        imported_from: The author's name as given in the imported file; it is not verified. None for a comment posted
            here.
    """

    id: str
    card_id: str
    author_id: str
    author_name: str
    imported_from: str | None = None
    content: str
    created_at: datetime
    updated_at: datetime


class DocumentComment(Value):
    """A comment on a document. ``@name`` in the text notifies that user.

    Attributes:
        author_id, author_name, imported_from: As in a comment on a card.
    """

    id: str
    document_id: str
    author_id: str
    author_name: str
    imported_from: str | None = None
    content: str
    created_at: datetime
    updated_at: datetime


class CreateComment(Request):
    """The text of a new comment.

    Attributes:
        content: 1-2000 characters. ``@name`` notifies that user.
    """

    content: CommentText


class UpdateComment(Request):
    """The fields to change. Omitted fields keep their values."""

    content: CommentText | Unset = UNSET


_COMMENTS = Collection(CardRef, "comments", CommentRef, Comment)
_DOCUMENT_COMMENTS = Collection(DocumentRef, "comments", DocumentCommentRef, DocumentComment)
LIST_COMMENTS = _COMMENTS.lists(
    "comments.list",
    summary="List the comments on a card, oldest first.",
    policy=BOARD_READ,
)
CREATE_COMMENT = _COMMENTS.creates(
    "comments.create",
    summary="Post a comment on a card.",
    takes=CreateComment,
    policy=COMMENT_WRITE,
)
UPDATE_COMMENT = _COMMENTS.updates(
    "comments.update",
    summary="Update a comment.",
    takes=UpdateComment,
    policy=COMMENT_AUTHOR,
)
DELETE_COMMENT = _COMMENTS.deletes(
    "comments.delete",
    summary="Delete a comment.",
    policy=COMMENT_AUTHOR,
)
LIST_DOCUMENT_COMMENTS = _DOCUMENT_COMMENTS.lists(
    "document_comments.list",
    summary="List the comments on a document, oldest first.",
    policy=DOCUMENT_READ,
)
CREATE_DOCUMENT_COMMENT = _DOCUMENT_COMMENTS.creates(
    "document_comments.create",
    summary="Post a comment on a document.",
    takes=CreateComment,
    policy=COMMENT_WRITE,
)
UPDATE_DOCUMENT_COMMENT = _DOCUMENT_COMMENTS.updates(
    "document_comments.update",
    summary="Update a comment on a document.",
    takes=UpdateComment,
    policy=COMMENT_AUTHOR,
)
DELETE_DOCUMENT_COMMENT = _DOCUMENT_COMMENTS.deletes(
    "document_comments.delete",
    summary="Delete a comment on a document.",
    policy=COMMENT_AUTHOR,
)
