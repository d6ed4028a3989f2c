"""The review of a document: one table of what leads where."""

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
"""By what is done, and by the status that a document has: the one that it has then. What is not here is a 409."""

REVIEWS: Final[Mapping[ReviewStatus, Move]] = {"approved": "approve", "changes_requested": "request_changes"}
"""What a reviewer does, by the status that the reviewer asks for."""

_DONE: Final[Mapping[Move, str]] = {
    "submit": "submitted for review",
    "approve": "approved",
    "request_changes": "sent back with changes requested",
    "edit": "edited",
}


def moved(status: DocumentStatus, move: Move) -> DocumentStatus:
    """The status of a document after a move.

    Raises:
        Conflict: From where it is, that does not lead anywhere.
    """
    found = MOVES[move].get(status)
    if found is None:
        raise Conflict(f"a document whose status is {status} cannot be {_DONE[move]}", code="illegal_move")
    return found


def check_reviewer(move: Move, *, is_author: bool, is_alone: bool) -> None:
    """Nobody approves a document of their own, unless there is nobody else who could.

    Raises:
        Forbidden: Somebody would.
    """
    if move == "approve" and is_author and not is_alone:
        raise Forbidden("authors cannot approve their own documents", code="own_document")
