"""The review workflow of a document, as one table of transitions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from stellary.contract.documents import DocumentStatus, ReviewStatus
from stellary.contract.errors import Conflict, Forbidden

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
