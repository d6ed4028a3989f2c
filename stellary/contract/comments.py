"""Comments on cards. Section Comments of the API reference."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from stellary.contract.endpoint import Ok, creates, deletes, lists, updates
from stellary.contract.limits import Length
from stellary.contract.paging import Paged
from stellary.contract.policies import BOARD_AUTHOR, BOARD_READ, BOARD_WRITE
from stellary.contract.refs import CardRef, CommentRef
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, Value, request, value

COMMENT_MAX = 2000
CommentText = Annotated[str, Length(1, COMMENT_MAX)]


@value
class Comment(Value):
    """What somebody has said about a card; ``@name`` in it tells that person.

    Attributes:
        author_id: Who has posted it here; of a comment that an import has brought, whoever imported it.
        author_name: What that person is called; of an imported one ``Jane Doe (imported by Ann)``.
        imported_from: Whose words an imported one holds, as the file said; nobody here has checked it. None for what
            was posted here.
    """

    id: str
    card_id: str
    author_id: str
    author_name: str
    imported_from: str | None = None
    content: str
    created_at: datetime
    updated_at: datetime


@request
class CreateComment(Request):
    """A comment to be.

    Attributes:
        content: 1-2000 characters; ``@name`` tells that person.
    """

    content: CommentText


@request
class UpdateComment(Request):
    """What is not named stays."""

    content: CommentText | Unset = UNSET


LIST_COMMENTS = lists(
    "comments.list",
    CardRef,
    "comments",
    summary="List the comments on a card, oldest first.",
    takes=Paged,
    item=Comment,
    policy=BOARD_READ,
)
CREATE_COMMENT = creates(
    "comments.create",
    CardRef,
    "comments",
    summary="Comment on a card.",
    takes=CreateComment,
    returns=Comment,
    policy=BOARD_WRITE,
)
UPDATE_COMMENT = updates(
    "comments.update",
    CommentRef,
    summary="Change what a comment says. Its author or a workspace admin.",
    takes=UpdateComment,
    returns=Comment,
    policy=BOARD_AUTHOR,
)
DELETE_COMMENT = deletes(
    "comments.delete",
    CommentRef,
    summary="Delete a comment. Its author or a workspace admin.",
    returns=Ok,
    policy=BOARD_AUTHOR,
)

ENDPOINTS = (LIST_COMMENTS, CREATE_COMMENT, UPDATE_COMMENT, DELETE_COMMENT)
