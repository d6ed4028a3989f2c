"""Reactions: the one table "when this happened, these react", settled before the commit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stellary.core.board import departures
from stellary.core.events import (
    AttachmentAdded,
    AttachmentRemoved,
    CardArchived,
    CardAssigned,
    CardCreated,
    CardDeleted,
    CardMoved,
    CardUpdated,
    CommentAdded,
    CommentDeleted,
    CommentUpdated,
    Event,
    ProjectCreated,
    ProjectImported,
    ProjectMemberAdded,
    ProjectMemberRemoved,
    ProjectUpdated,
    RelationAdded,
    RelationRemoved,
    WorkspaceLeft,
)
from stellary.core.notifications import activity
from stellary.core.unit import UnitOfWork

Reaction = Callable[[UnitOfWork, Sequence[Any]], None]
"""What reacts gets all events of its kinds at once, in their order: what is done in bulk is told in bulk."""

REACTIONS: Mapping[type[Event], tuple[Reaction, ...]] = {
    CardCreated: (activity.record,),
    CardUpdated: (activity.record,),
    CardMoved: (activity.record,),
    CardArchived: (activity.record,),
    CardAssigned: (activity.record,),
    CardDeleted: (activity.record,),
    CommentAdded: (activity.record,),
    CommentUpdated: (activity.record,),
    CommentDeleted: (activity.record,),
    AttachmentAdded: (activity.record,),
    AttachmentRemoved: (activity.record,),
    RelationAdded: (activity.record,),
    RelationRemoved: (activity.record,),
    ProjectCreated: (activity.record,),
    ProjectUpdated: (activity.record,),
    ProjectImported: (activity.record,),
    ProjectMemberAdded: (activity.record,),
    ProjectMemberRemoved: (activity.record,),
    WorkspaceLeft: (departures.leave_boards, activity.forget),
}
"""Who reacts to what, in that order."""


def settle(uow: UnitOfWork) -> None:
    """Let everything that has happened in the unit be reacted to; reactions may make more happen."""
    settled = 0
    while settled < len(uow.events):
        wave = uow.events[settled:]
        settled += len(wave)
        due: dict[Reaction, list[Event]] = defaultdict(list)
        for event in wave:
            for react in REACTIONS.get(type(event), ()):
                due[react].append(event)
        for react, events in due.items():
            react(uow, events)
