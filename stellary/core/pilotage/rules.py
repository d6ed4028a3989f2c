"""Rules of pilotage: short ids, changes, proposed actions, and the state. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, TypeVar

import attrs

from stellary.contract.active_docs import ActiveDoc
from stellary.contract.errors import Conflict
from stellary.contract.pilotage import Decision, Mission, PilotagePriority, Todo
from stellary.contract.pilotage_state import StateIntent, StateProfile
from stellary.contract.proposed_actions import ProposedActionStatus
from stellary.contract.wire import invalid

S = TypeVar("S", Mission, Todo)

NOWHERE = 0
"""A number that no item has."""

# ---------------------------------------------------------------------------------------------- ids


PilotageKind = Literal["mission", "priority", "todo", "decision", "doc", "action"]
_PREFIXES: Final[Mapping[PilotageKind, str]] = {
    "mission": "m",
    "priority": "p",
    "todo": "t",
    "decision": "d",
    "doc": "doc",
    "action": "act",
}


def short_id(kind: PilotageKind, number: int) -> str:
    """Return a short id such as ``m-001``, with more digits from 1,000 on.

    Args:
        kind: The kind of the item, which determines the prefix.
        number: The number of the item in its workspace, from 1.
    """
    return f"{_PREFIXES[kind]}-{number:03d}"


def parse_short_id(kind: PilotageKind, text: str) -> int:
    """Return the number of a short id; ``NOWHERE`` if it is malformed.

    Args:
        kind: The kind of the item, which determines the prefix.
        text: The id as the caller has sent it.
    """
    match = re.fullmatch(r"[a-z]+-([0-9]{3,9})", text)
    if match is None or short_id(kind, int(match[1])) != text:
        return NOWHERE
    return int(match[1])


# ---------------------------------------------------------------------------------------------- changes


def with_completion(changes: Mapping[str, object], status: str, now: datetime) -> dict[str, object]:
    """Return changes, with ``completed_at`` added if the status changes.

    Args:
        changes: The requested changes.
        status: The status before.
        now: The time.
    """
    after = changes.get("status", status)
    if after == status:
        return dict(changes)
    return {**changes, "completed_at": now if after == "done" else None}


def with_blocked_reason(changes: Mapping[str, object], status: str) -> dict[str, object]:
    """Return changes of a mission. If it will not be blocked, its reason is cleared; a blank reason becomes None.

    Args:
        changes: The requested changes.
        status: The status before.

    Raises:
        Invalid: A reason comes with another status than ``blocked``.
        Conflict: A reason comes without a status, and the mission is not blocked.
    """
    after = changes.get("status", status)
    reason = str(changes.get("blocked_reason") or "").strip() or None
    if after == "blocked":
        return {**changes, "blocked_reason": reason} if "blocked_reason" in changes else dict(changes)
    if reason is not None:
        if "status" in changes:
            raise invalid(("blockedReason", "must be null unless the status is blocked"))
        raise Conflict("the mission is not blocked, so it cannot have a blockedReason", code="not_blocked")
    return {**changes, "blocked_reason": None}


# ---------------------------------------------------------------------------------------------- proposed actions

BEFORE: Final[Mapping[ProposedActionStatus, ProposedActionStatus]] = {
    "approved": "suggested",
    "rejected": "suggested",
    "applied": "approved",
}
"""The status that a change to another status requires. Besides these, an approved action becomes ``suggested`` again
when its approver leaves the workspace.
"""

OPEN: Final = frozenset(BEFORE.values())
"""The statuses of actions that are to be reviewed or applied."""


def transition_error(status: ProposedActionStatus, new_status: ProposedActionStatus) -> Conflict:
    """Return the error for a status that the action cannot change to at the moment.

    Args:
        status: The status of the action.
        new_status: The status that was requested.
    """
    return Conflict(
        f"only an action that is {BEFORE[new_status]} can be {new_status}; this one is {status}",
        code="invalid_transition",
    )


# ---------------------------------------------------------------------------------------------- the state


@attrs.frozen
class StateItems:
    """The items that a state shows."""

    missions: Sequence[Mission]
    active_priorities: Sequence[PilotagePriority]
    todos: Sequence[Todo]
    decisions: Sequence[Decision]
    active_docs: Sequence[ActiveDoc]


RUNNING: Final = frozenset({"in_progress", "blocked"})
"""The statuses of missions that were launched and are not done."""

_RANKS: Final[Mapping[StateIntent, Sequence[str]]] = {
    "weekly_review": ("done", "blocked", "in_progress", "to_launch", "todo"),
    "daily_execution": ("in_progress", "blocked", "to_launch", "todo", "done"),
    "sprint_planning": ("to_launch", "todo", "blocked", "in_progress", "done"),
}
"""The order of statuses. Within a status, the oldest comes first; in a review, the last changed."""


def apply_profile(items: StateItems, profile: StateProfile) -> StateItems:
    """Return the items that a profile shows: all items, todos with running missions, or decisions with finished items.

    Args:
        items: All items of the pilotage.
        profile: The profile of the request.
    """
    missions, todos = items.missions, items.todos
    if profile == "execution":
        return StateItems([item for item in missions if item.status in RUNNING], [], todos, [], [])
    if profile == "revue":
        done = [item for item in missions if item.status == "done"]
        return StateItems(done, [], [item for item in todos if item.status == "done"], items.decisions, [])
    return items


def apply_intent(items: StateItems, intent: StateIntent) -> StateItems:
    """Return the items in the order of an intent, given in the order of creation.

    Decisions are newest first, unless the order of creation is kept.

    Args:
        items: The items, in the order of creation.
        intent: The intent of the request.
    """
    if intent == "context_only":
        return items
    latest = intent == "weekly_review"
    return StateItems(
        _sort_by_status(items.missions, _RANKS[intent], latest),
        items.active_priorities,
        _sort_by_status(items.todos, _RANKS[intent], latest),
        items.decisions[::-1],
        items.active_docs,
    )


def _sort_by_status(items: Sequence[S], ranks: Sequence[str], latest: bool) -> list[S]:
    by_date = sorted(items, key=lambda item: item.updated_at, reverse=True) if latest else items
    return sorted(by_date, key=lambda item: ranks.index(item.status))
