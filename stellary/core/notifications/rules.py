"""The rules of notifications: what is told of an event, whom it concerns, and whom a comment mentions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from stellary.contract.notifications import ActivityType
from stellary.core.events import (
    CardArchived,
    CardAssigned,
    CardCreated,
    CardDeleted,
    CardEvent,
    CardMoved,
    CardUpdated,
    CommentAdded,
    ProjectEvent,
    ProjectMemberAdded,
    ProjectMemberRemoved,
)

TYPES: Final[Mapping[type[ProjectEvent], ActivityType]] = {
    CardCreated: "card_created",
    CardUpdated: "card_updated",
    CardMoved: "card_moved",
    CardArchived: "card_archived",
    CardDeleted: "card_deleted",
    CardAssigned: "card_assigned",
    CommentAdded: "comment_added",
    ProjectMemberAdded: "member_added",
    ProjectMemberRemoved: "member_removed",
}
"""Which event becomes which activity. Section Activity Types of the API reference."""

MemberEvent = ProjectMemberAdded | ProjectMemberRemoved


# ---------------------------------------------------------------------------------------------- what is told


def card_meta(event: CardEvent, names: Mapping[str, str]) -> dict[str, Any]:
    """What a person reads of something that has happened to a card: names, since ids say nothing.

    What a comment says is left out: once the comment is deleted, it must stand nowhere else.

    Args:
        event: The event.
        names: Of people, by id.
    """
    told: dict[str, Any] = {"cardKey": event.card.key, "cardTitle": event.card.title}
    match event:
        case CardMoved():
            told |= {"fromColumn": event.from_column, "toColumn": event.to_column}
        case CardUpdated():
            told["changed"] = list(event.changed)
        case CardAssigned():
            told["assignee"] = names.get(event.card.assignee_id or "")
            told["formerAssignee"] = names.get(event.before.assignee_id or "")
        case CommentAdded():
            told["commentId"] = event.comment.id
        case _:
            pass
    return told


def member_meta(event: MemberEvent, names: Mapping[str, str], project: str | None) -> dict[str, Any]:
    """What a person reads of somebody's joining a project, or leaving it."""
    return {"member": names.get(event.user_id), "project": project}


def named_people(event: CardEvent) -> set[str]:
    """The ids of people whose names stand in the meta."""
    if not isinstance(event, CardAssigned):
        return set()
    return {each for each in (event.card.assignee_id, event.before.assignee_id) if each}


# ---------------------------------------------------------------------------------------------- whom it concerns


def concerned(event: CardEvent) -> set[str]:
    """Whom something that has happened to a card concerns at first sight: its assignee and its creator.

    An assignee who no longer is one is told that. Those who commented on the card come beside, and those whom the
    comment mentions.
    """
    found = {event.card.assignee_id, event.card.created_by_id}
    match event:
        case CardAssigned():
            found.add(event.before.assignee_id)
        case CardDeleted():
            found.update(event.commenter_ids)
        case _:
            pass
    return {each for each in found if each}


def has_commenters(event: CardEvent) -> bool:
    """Whether the card has comments, other than the one that is told of."""
    if isinstance(event, CardDeleted):
        return False
    return event.card.comment_count > (1 if isinstance(event, CommentAdded) else 0)


def recipients(seeing: set[str], actor_id: str) -> list[str]:
    """Who is notified, of those whom it concerns and who see where it happened: nobody of what they did themselves."""
    return sorted(seeing - {actor_id})


# ---------------------------------------------------------------------------------------------- mentions

_MENTION = re.compile(r"(?<![\w.+-])@([^\s@][^@\n]{0,99})")
"""What may be a mention: not the middle of an e-mail address. Each character is looked at by one match at most."""

_END = re.compile(r"(?!\w|[.+-]\w)")
"""Where a mention may end: ``@jane.doe`` is nobody called ``jane``, but ``@jane.`` and ``@jane's`` are."""

_WORD = re.compile(r"\w+")


def may_mention(event: CardEvent) -> bool:
    """Whether it is worth knowing who could be mentioned."""
    return isinstance(event, CommentAdded) and _MENTION.search(_folded(event.comment.content)) is not None


def handles(name: str, email: str) -> set[str]:
    """By what somebody can be mentioned: the name, and what stands before the ``@`` of the e-mail address."""
    return {_folded(name), _folded(email.rpartition("@")[0])} - {""}


def mentioned(text: str, people: Mapping[str, Iterable[str]]) -> set[str]:
    """The ids of those whom ``@name`` in a text means, without regard to case.

    The longest name wins: ``@Jane Doe`` is not also ``@Jane``. Who bears the same name is mentioned too.

    Args:
        text: Of any length; the time grows with it and no faster.
        people: Ids by handle.
    """
    found: set[str] = set()
    beginnings = set(map(_beginning, people))
    for said in set(_MENTION.findall(_folded(text))):
        if _beginning(said) not in beginnings:
            continue
        for handle in _readings(said):
            if handle in people:
                found.update(people[handle])
                break
    return found


def _readings(said: str) -> Iterator[str]:
    """What follows an ``@``, by all the lengths at which it may end, the longest first."""
    ends = [found.start() for found in _END.finditer(said)]
    return (said[:end] for end in reversed(ends))


def _beginning(handle: str) -> str:
    """The word with which a handle begins, or nothing."""
    found = _WORD.match(handle)
    return found[0] if found else ""


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
