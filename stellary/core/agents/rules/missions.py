"""Progress of missions, and whether they make any. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from stellary.contract.agent_missions import MissionProgress

HIDDEN: Final = "This text may name items of projects that you do not see."
"""What readers get in place of the text of a mission."""
_PLAIN: Final = ("status", "number", "usage", "tool", "outcome", "proposalId", "action")
"""The fields of log entries that name no item."""


def hide_text(text: str | None) -> str | None:
    """Return the text that stands for another one, if there is one."""
    return HIDDEN if text else text


def hide_names(data: Mapping[str, Any]) -> dict[str, object]:
    """Return the data of a log entry without what may name items: its texts, and the parameters of a call."""
    return {
        name: value if name in _PLAIN else {} if name == "params" else hide_text(value)
        for name, value in data.items()
    }


def progress(
    status: str, turns: int, logged: int, waiting: int, undecided: int, message: Mapping[str, str] | None
) -> MissionProgress:
    """Return the progress of a mission.

    Args:
        status: The mission's status.
        turns: The number of turns of its brain.
        logged: The number of calls in the log.
        waiting: The number of calls that are not made yet.
        undecided: The number of logged calls that are pending proposals.
        message: The data of the last message in the log, or None.
    """
    done, total = logged - undecided, logged + waiting
    percent = 100 if status == "completed" else done * 100 // total if total else 0
    return MissionProgress(
        turns=turns, done=done, total=total, percent=percent, message=message["text"] if message else None
    )


def count_repetitions(before: Sequence[Mapping[str, object]], calls: Sequence[Mapping[str, object]]) -> int:
    """Return the number of turns in a row that had the same calls, the last one included.

    Args:
        before: The calls of the turn before.
        calls: The calls of the last turn.
    """
    if not calls or [_what(call) for call in before] != [_what(call) for call in calls]:
        return 1
    repetitions = before[0].get("repetitions")
    return repetitions + 1 if isinstance(repetitions, int) else 2


def _what(call: Mapping[str, object]) -> tuple[object, object]:
    return call["name"], call["params"]
