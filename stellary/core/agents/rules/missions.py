"""How far a mission is. Values in, values out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stellary.contract.agent_missions import MissionProgress


def progress(
    status: str, turns: int, logged: int, waiting: int, undecided: int, message: Mapping[str, Any] | None
) -> MissionProgress:
    """Return how far a mission is.

    Args:
        status: Of the mission.
        turns: How often the agent was asked what to do next.
        logged: How many of its calls are in the log.
        waiting: How many calls are still to be made.
        undecided: How many of the logged ones are proposals that nobody has decided.
        message: The data of the last message in the log.
    """
    done, total = logged - undecided, logged + waiting
    percent = 100 if status == "completed" else done * 100 // total if total else 0
    return MissionProgress(
        turns=turns, done=done, total=total, percent=percent, message=message["text"] if message else None
    )
