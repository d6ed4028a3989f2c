"""Search: what of a workspace says something, the best first."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from stellary.contract.endpoint import lists
from stellary.contract.limits import Id, Items, Length, Range
from stellary.contract.paging import LIMIT_MAX, Paged
from stellary.contract.policies import BOARD_READ
from stellary.contract.refs import WorkspaceRef
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Value, request, value

QUERY_MAX = 200
WORDS_MAX = 32

FoundKind = Literal["card", "comment", "project", "document"]


@value
class Hit(Value):
    """Something that says what was asked for.

    Attributes:
        id: Of the card, the comment, the project or the document.
        title: Of the project, the document, the card, or of the card that was commented on.
        snippet: The place where it says so: at most about 200 characters of plain text, with ``…`` where there is
            more. None where there is no text beside the title, and of a document larger than 256 kB.
        project_id: Where it is; None of a document that belongs to no project.
        card_id, card_key: Of a card or a comment.
        archived: Whether the card is archived, or the project.
    """

    kind: FoundKind
    id: str
    title: str
    snippet: str | None
    project_id: str | None
    card_id: str | None
    card_key: str | None
    archived: bool
    created_at: datetime
    updated_at: datetime


@request
class Search(Paged):
    """What to search for, and where; what is found is listed best first, and the newest first among equals.

    Attributes:
        limit: 1 to 500, 50 if not given: this list is never complete by itself.
        q: 1-200 characters, 32 words: all of them must be found, wherever they stand, be it inside of longer words; words
            between quotes must stand together. Neither case nor accents nor punctuation matter.
        kind: What to look for, may be given several times; everything if not given.
        project_id: Only in that project.
        archived: Only what is archived, or only what is not.
    """

    limit: Annotated[int, Range(1, LIMIT_MAX)] = 50
    q: Annotated[str, Length(1, QUERY_MAX)]
    kind: Annotated[list[FoundKind], Items(1, 10)] | Unset = UNSET
    project_id: Id | Unset = UNSET
    archived: bool | Unset = UNSET


SEARCH = lists(
    "search.query",
    WorkspaceRef,
    "search",
    summary="Search the cards, comments, projects and documents of a workspace, the best hit first.",
    takes=Search,
    item=Hit,
    policy=BOARD_READ,
)

ENDPOINTS = (SEARCH,)
