"""Search: full-text search in a workspace, best match first."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from stellary.contract.endpoint import lists
from stellary.contract.limits import Id, Items, Length
from stellary.contract.policies import BOARD_READ
from stellary.contract.refs import WorkspaceRef
from stellary.contract.wire import UNSET, Paged, PageLimit, Unset, Value

QUERY_MAX = 200
WORDS_MAX = 32

FoundKind = Literal["card", "comment", "project", "document", "document_comment"]


class Hit(Value):
    """A search result.

    Attributes:
        id: The id of the card, comment, project or document.
        title: The title of the card, project or document; for a comment, that of its card or document.
        snippet: About 200 characters of plain text around the match, with ``…`` where text was cut. None if there is no
            text besides the title, and for documents larger than 256 kB.
        project_id: The project that contains it; None for a document that belongs to no project.
        card_id, card_key: The card, for a card or a comment on one.
        document_id: The document, for a document or a comment on one.
        archived: Whether the card or project is archived.
    """

    kind: FoundKind
    id: str
    title: str
    snippet: str | None
    project_id: str | None
    card_id: str | None
    card_key: str | None
    document_id: str | None
    archived: bool
    created_at: datetime
    updated_at: datetime


class Search(Paged):
    """The search query and its filters. The best match comes first; among equal matches, the newest.

    A page looks through at most 1,000 items, so in a large workspace it can have fewer hits than its limit, or none, before
    the last page.

    Attributes:
        limit: 1 to 500. Default: 50; unlike other lists, this one is always paged.
        q: 1-200 characters, at most 32 words. All words must occur, in any order, also inside longer words; words in
            quotes must occur together. Case, accents and punctuation are ignored.
        kind: Only results of this kind; can be repeated. Default: all kinds.
        project_id: Only results in this project.
        archived: True for archived results only, false for unarchived results only. Default: both.
    """

    limit: PageLimit = 50
    q: Annotated[str, Length(1, QUERY_MAX)]
    kind: Annotated[list[FoundKind], Items(1, 10)] | Unset = UNSET
    project_id: Id | Unset = UNSET
    archived: bool | Unset = UNSET


SEARCH = lists(
    "search.query",
    WorkspaceRef,
    "search",
    summary="Search the cards, comments, projects and documents of a workspace, best match first.",
    takes=Search,
    item=Hit,
    policy=BOARD_READ,
)
