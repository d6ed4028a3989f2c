"""The rules of pilotage: short ids, what a change brings along, what may become of a proposed action, what a state shows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypeVar

import attrs

from stellary.contract.active_docs import ActiveDoc
from stellary.contract.errors import Conflict
from stellary.contract.pilotage import Decision, Mission, PilotagePriority, Todo
from stellary.contract.pilotage_state import StateIntent, StateProfile
from stellary.contract.proposed_actions import ProposedActionStatus
from stellary.contract.wire import invalid

S = TypeVar("S", Mission, Todo)

NOWHERE = 0
"""The number that nothing has."""

# ---------------------------------------------------------------------------------------------- ids


Kind = Literal["mission", "priority", "todo", "decision", "doc", "action"]
_PREFIXES: Final[Mapping[Kind, str]] = {
    "mission": "m",
    "priority": "p",
    "todo": "t",
    "decision": "d",
    "doc": "doc",
    "action": "act",
}


def short_id(kind: Kind, number: int) -> str:
    """``m-001``; from a thousand on as long as it has to be."""
    return f"{_PREFIXES[kind]}-{number:03d}"


def number_of(kind: Kind, said: str) -> int:
    """The number in a short id; what is spelled otherwise names nothing."""
    found = re.fullmatch(r"[a-z]+-([0-9]{3,9})", said)
    if found is None or short_id(kind, int(found[1])) != said:
        return NOWHERE
    return int(found[1])


# ---------------------------------------------------------------------------------------------- changes


def with_completion(asked: Mapping[str, Any], status: str, now: datetime) -> dict[str, Any]:
    """A change, and since when the thing is done, where that changes with its status.

    Args:
        asked: What is to change.
        status: As it was.
        now: The moment.
    """
    after = asked.get("status", status)
    if after == status:
        return dict(asked)
    return {**asked, "completed_at": now if after == "done" else None}


def with_blocked_reason(asked: Mapping[str, Any], status: str) -> dict[str, Any]:
    """A change of a mission, without a reason once it is no longer blocked; a blank reason is none.

    Args:
        asked: What is to change.
        status: As it was.

    Raises:
        Invalid: What blocks it is told of a mission that is to be something else.
        Conflict: The same of one that is not blocked.
    """
    after = asked.get("status", status)
    reason = (asked.get("blocked_reason") or "").strip() or None
    if after == "blocked":
        return {**asked, "blocked_reason": reason} if "blocked_reason" in asked else dict(asked)
    if reason is not None:
        if "status" in asked:
            raise invalid(("blockedReason", "must be null unless the status is blocked"))
        raise Conflict("the mission is not blocked: blockedReason has no place in it", code="not_blocked")
    return {**asked, "blocked_reason": None}


# ---------------------------------------------------------------------------------------------- proposed actions

BEFORE: Final[Mapping[ProposedActionStatus, ProposedActionStatus]] = {
    "approved": "suggested",
    "rejected": "suggested",
    "applied": "approved",
}
"""What a proposed action must be to become what. Nothing else happens to one, but that an approval ends with the access
of whoever gave it, and the action is ``suggested`` again.
"""

OPEN: Final = frozenset(BEFORE.values())
"""What is still to be decided, or done."""


def not_from(status: ProposedActionStatus, to: ProposedActionStatus) -> Conflict:
    """The 409 to who wants an action to become what it cannot."""
    return Conflict(
        f"only an action that is {BEFORE[to]} can be {to}; this one is {status}", code="invalid_transition"
    )


# ---------------------------------------------------------------------------------------------- the state


@attrs.frozen
class Shown:
    """What a state shows."""

    missions: Sequence[Mission]
    active_priorities: Sequence[PilotagePriority]
    todos: Sequence[Todo]
    decisions: Sequence[Decision]
    active_docs: Sequence[ActiveDoc]


RUNNING: Final = frozenset({"in_progress", "blocked"})
"""What a mission is that was launched and is not done."""

_RANKS: Final[Mapping[StateIntent, Sequence[str]]] = {
    "weekly_review": ("done", "blocked", "in_progress", "to_launch", "todo"),
    "daily_execution": ("in_progress", "blocked", "to_launch", "todo", "done"),
    "sprint_planning": ("to_launch", "todo", "blocked", "in_progress", "done"),
}
"""Which status comes first. Within a status, what was made first; in a review, what was changed last."""


def profiled(found: Shown, profile: StateProfile) -> Shown:
    """What a profile shows: all of it; todos and running missions; or decisions and what is done."""
    missions, todos = found.missions, found.todos
    if profile == "execution":
        return Shown([each for each in missions if each.status in RUNNING], [], todos, [], [])
    if profile == "revue":
        done = [each for each in missions if each.status == "done"]
        return Shown(done, [], [each for each in todos if each.status == "done"], found.decisions, [])
    return found


def ordered(found: Shown, intent: StateIntent) -> Shown:
    """The same in the order of an intent. What comes in is in the order in which it was made.

    Decisions that were made last come first, unless all is to be as it was made.
    """
    if intent == "context_only":
        return found
    latest = intent == "weekly_review"
    return Shown(
        _ranked(found.missions, _RANKS[intent], latest),
        found.active_priorities,
        _ranked(found.todos, _RANKS[intent], latest),
        found.decisions[::-1],
        found.active_docs,
    )


def _ranked(found: Sequence[S], ranks: Sequence[str], latest: bool) -> list[S]:
    changed = sorted(found, key=lambda each: each.updated_at, reverse=True) if latest else found
    return sorted(changed, key=lambda each: ranks.index(each.status))
