"""The rules of documents: tags, updates, reviews, and the reporting of changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from stellary.contract.documents import DocumentStatus, DocumentSummary, ReviewStatus, UpdateDocument
from stellary.contract.errors import Conflict, Forbidden
from stellary.contract.fields import find_changed_fields, replace_fields, update_value
from stellary.contract.rich_text import Node
from stellary.contract.wire import invalid

Move = Literal["submit", "approve", "request_changes", "edit"]

MOVES: Final[Mapping[Move, Mapping[DocumentStatus, DocumentStatus]]] = {
    "submit": {"draft": "pending_review", "changes_requested": "pending_review"},
    "approve": {"pending_review": "approved"},
    "request_changes": {"pending_review": "changes_requested"},
    "edit": {
        "draft": "draft",
        "pending_review": "draft",
        "approved": "draft",
        "changes_requested": "changes_requested",
    },
}
"""The status after a move, by the move and the current status. A transition that is not listed is a 409."""

REVIEWS: Final[Mapping[ReviewStatus, Move]] = {"approved": "approve", "changes_requested": "request_changes"}
"""The move of a reviewer, by the status in the request."""

_DONE: Final[Mapping[Move, str]] = {
    "submit": "submitted for review",
    "approve": "approved",
    "request_changes": "sent back with changes requested",
    "edit": "edited",
}


def next_status(status: DocumentStatus, move: Move) -> DocumentStatus:
    """Return the status of a document after a step of the review workflow.

    Args:
        status: The current status.
        move: The step: ``submit``, ``approve`` and so on.

    Raises:
        Conflict: The step is not possible from the current status.
    """
    result = MOVES[move].get(status)
    if result is None:
        raise Conflict(f"a document whose status is {status} cannot be {_DONE[move]}", code="illegal_move")
    return result


def check_reviewer(move: Move, *, is_author: bool, is_alone: bool) -> None:
    """Check that a reviewer does not approve their own document, unless no other member could.

    Args:
        move: The step of the review.
        is_author: Whether the caller has written the document.
        is_alone: Whether no other member could review it.

    Raises:
        Forbidden: The author approves the document.
    """
    if move == "approve" and is_author and not is_alone:
        raise Forbidden("authors cannot approve their own documents", code="own_document")


REPORT_INTERVAL: Final = timedelta(minutes=10)


class StoredDocument(DocumentSummary):
    """A document with all its columns.

    Attributes:
        tag_keys: The tags in the form that filters compare.
        submissions: The number of submissions.
        reported_by_id, reported_at: The author and the time of the last change that was reported.
    """

    organization_id: str
    scope_id: str | None
    content: Node
    tag_keys: str
    submissions: int
    reported_by_id: str
    reported_at: datetime


_BOOKKEEPING: Final = frozenset({"reported_by_id", "reported_at", "version", "updated_at"})
"""The fields that change with any other field."""

NOT_REVIEWED: Final[Mapping[str, None]] = dict.fromkeys(
    ("reviewer_id", "reviewer_name", "review_notes", "submitted_at", "reviewed_at")
)
"""The fields about reviews, for a document that was never submitted."""


def check_tags(tags: Sequence[str], path: str = "tags") -> None:
    """Check that each tag is on one line, and occurs once, regardless of case.

    Args:
        tags: The tags of the request.
        path: The path of the list, for the message of an error.

    Raises:
        Invalid: A tag has several lines, or occurs twice.
    """
    seen: set[str] = set()
    for index, tag in enumerate(tags):
        if "\n" in tag:
            raise invalid((f"{path}[{index}]", "must be on one line"))
        if tag.casefold() in seen:
            raise invalid((f"{path}[{index}]", "must not be given twice"))
        seen.add(tag.casefold())


def tag_keys(tags: Sequence[str]) -> str:
    """Return the tags in the form that filters compare: in lower case, each between line feeds."""
    return "".join(f"\n{tag.casefold()}\n" for tag in tags)


def apply_update(
    before: StoredDocument, request: UpdateDocument, resolved: Mapping[str, object], now: datetime
) -> StoredDocument:
    """Return a document with an update applied. A new title or content is an edit in the review workflow.

    Args:
        before: The document before the update.
        request: The request.
        resolved: The fields that the service has computed from the request: content, parent, context.
        now: The time of the update.

    Returns:
        The updated document; ``before`` itself if no field changes.
    """
    fields = {"content": before.content, "context_type": before.context_type, "context_id": before.context_id}
    after = update_value(before, request, now, **{**fields, **resolved})
    if after is before:
        return before
    if (after.title, after.content) != (before.title, before.content):
        after = replace_fields(after, status=next_status(before.status, "edit"))
    return replace_fields(after, tag_keys=tag_keys(after.tags))


def is_news(before: StoredDocument, after: StoredDocument, user_id: str, now: datetime) -> bool:
    """Return whether a change is reported. If one person saves repeatedly, it is reported every ten minutes.

    Args:
        before: The stored document, with its last reported change.
        after: The document with the changes.
        user_id: The user who makes the change.
        now: The time of the change.
    """
    changed = set(find_changed_fields(before, after)) - _BOOKKEEPING
    if changed == {"content"} and before.reported_by_id == user_id:
        return now - before.reported_at >= REPORT_INTERVAL
    return bool(changed)
