"""Reactions: the one table "when this happened, these react", settled before the commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stellary.core.board import departures
from stellary.core.events import Event, WorkspaceLeft
from stellary.core.unit import UnitOfWork

REACTIONS: Mapping[type[Event], tuple[Callable[[UnitOfWork, Any], None], ...]] = {
    WorkspaceLeft: (departures.leave_boards,),
}
"""Who reacts to what, in that order."""


def settle(uow: UnitOfWork) -> None:
    """Let everything that has happened in the unit be reacted to; reactions may make more happen."""
    settled = 0
    while settled < len(uow.events):
        event = uow.events[settled]
        settled += 1
        for react in REACTIONS.get(type(event), ()):
            react(uow, event)
