"""The rules of notifications: what is told of an event, whom it concerns, and whom a text mentions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, get_args

from stellary.contract.activities import ActivityType
from stellary.contract.cards import CardStatus
from stellary.core.kernel.events import (
    AttachmentAdded,
    AttachmentRemoved,
    CardArchived,
    CardAssigned,
    CardCreated,
    CardDeleted,
    CardEvent,
    CardMoved,
    CardUpdated,
    ChangesRequested,
    CommentAdded,
    CommentDeleted,
    CommentUpdated,
    DocumentApproved,
    DocumentCreated,
    DocumentDeleted,
    DocumentEvent,
    DocumentReviewed,
    DocumentSubmitted,
    DocumentUpdated,
    Event,
    NoticeGiven,
    PilotageChanged,
    ProjectCreated,
    ProjectImported,
    ProjectMemberAdded,
    ProjectMemberRemoved,
    ProjectUpdated,
    RelationAdded,
    RelationRemoved,
)

TYPES: Final[Mapping[type[Event], ActivityType]] = {
    CardCreated: "card_created",
    CardUpdated: "card_updated",
    CardMoved: "card_moved",
    CardArchived: "card_archived",
    CardDeleted: "card_deleted",
    CardAssigned: "card_assigned",
    CommentAdded: "comment_added",
    ProjectMemberAdded: "member_added",
    ProjectMemberRemoved: "member_removed",
    CommentUpdated: "comment_updated",
    CommentDeleted: "comment_deleted",
    NoticeGiven: "notice_given",
    AttachmentAdded: "attachment_added",
    AttachmentRemoved: "attachment_removed",
    RelationAdded: "relation_added",
    RelationRemoved: "relation_removed",
    ProjectCreated: "project_created",
    ProjectUpdated: "project_updated",
    ProjectImported: "project_imported",
    DocumentCreated: "document_created",
    DocumentUpdated: "document_updated",
    DocumentDeleted: "document_deleted",
    DocumentSubmitted: "document_submitted",
    DocumentApproved: "document_approved",
    ChangesRequested: "document_changes_requested",
}
"""Which event becomes which activity: the nine of section Activity Types of the API reference, and ours."""

OF_PILOTAGE: Final = frozenset(
    each
    for each in get_args(ActivityType)
    if each.partition("_")[0] in ("mission", "priority", "todo", "decision", "doc", "action")
)
"""The types of activities that happen in pilotage."""

MemberEvent = ProjectMemberAdded | ProjectMemberRemoved
ProjectChange = ProjectCreated | ProjectUpdated


# ---------------------------------------------------------------------------------------------- what is told


def card_meta(event: CardEvent, names: Mapping[str, str], mentioned: Iterable[str] = ()) -> dict[str, Any]:
    """What a person reads of something that has happened to a card: names, since ids say nothing.

    What a comment says is left out: once the comment is deleted, it must stand nowhere else.

    Args:
        event: The event.
        names: Of people, by id.
        mentioned: The ids of those whom it mentions newly.
    """
    told: dict[str, Any] = {"cardKey": event.card.key, "cardTitle": event.card.title, **_statuses(event)}
    match event:
        case CardMoved():
            told |= {"fromColumn": event.from_column, "toColumn": event.to_column}
        case CardUpdated():
            told["changed"] = list(event.changed)
        case CardAssigned():
            told["assignee"] = names.get(event.card.assignee_id or "")
            told["formerAssignee"] = names.get(event.before.assignee_id or "")
        case CommentAdded() | CommentUpdated():
            told["commentId"] = event.comment.id
        case NoticeGiven():
            told["message"] = event.message
        case CommentDeleted():
            told["commentId"] = event.comment_id
        case AttachmentAdded() | AttachmentRemoved():
            told |= {"attachmentId": event.attachment.id, "fileName": event.attachment.original_name}
        case RelationAdded() | RelationRemoved():
            told |= {
                "relation": event.type,
                "otherCardId": event.other.id,
                "otherCardKey": event.other.key,
                "otherCardTitle": event.other.title,
            }
        case _:
            pass
    if mentioned:
        told["mentioned"] = sorted(names[each] for each in mentioned)
    return told


def _statuses(event: CardEvent) -> dict[str, str]:
    """The status that a card has left, and the one that it has from then on; what is made begins as ``open``.

    How long work takes is told by this, so that it is on record wherever a status changes.
    """
    before: CardStatus = event.card.status
    match event:
        case CardCreated():
            before = "open"
        case CardMoved():
            before = event.before.status
        case CardUpdated() if "status" in event.changed:
            before = event.before.status
        case _:
            pass
    return {} if event.card.status == before else {"fromStatus": before, "toStatus": event.card.status}


def member_meta(event: MemberEvent, names: Mapping[str, str], project: str | None) -> dict[str, Any]:
    """What a person reads of somebody's joining a project, or leaving it."""
    return {"member": names.get(event.user_id), "project": project}


def project_meta(event: ProjectChange) -> dict[str, Any]:
    """What a person reads of a project that was made or changed."""
    told: dict[str, Any] = {"project": event.project.name}
    return told | ({"changed": list(event.changed)} if isinstance(event, ProjectUpdated) else {})


def pilotage_meta(event: PilotageChanged) -> dict[str, Any]:
    """What a person reads of something that has happened in pilotage."""
    told: dict[str, Any] = {"id": event.thing_id, "title": event.title}
    return told | ({"changed": list(event.changed)} if event.changed else {})


def import_meta(event: ProjectImported) -> dict[str, Any]:
    """What a person reads of a project that was imported: one line, however many cards it has."""
    return {"project": event.name, "columns": event.columns, "cards": event.cards}


def document_meta(event: DocumentEvent) -> dict[str, Any]:
    """What a person reads of something that has happened to a document."""
    document = event.document
    told: dict[str, Any] = {
        "documentId": document.id,
        "documentTitle": document.title,
        "docType": document.doc_type,
        "status": document.status,
    }
    match event:
        case DocumentUpdated():
            told |= {"changed": list(event.changed), "formerStatus": event.before}
        case DocumentSubmitted():
            told["number"] = event.number
        case DocumentReviewed():
            told |= {"number": event.number, "notes": document.review_notes}
        case _:
            pass
    return told


def named_people(event: CardEvent) -> set[str]:
    """The ids of people whose names stand in the meta."""
    if not isinstance(event, CardAssigned):
        return set()
    return {each for each in (event.card.assignee_id, event.before.assignee_id) if each}


# ---------------------------------------------------------------------------------------------- whom it concerns


def concerned(event: CardEvent) -> set[str]:
    """Whom something that has happened to a card concerns at first sight: its assignee and its creator.

    An assignee who no longer is one is told that. Those who commented on the card come beside, and those who are
    mentioned. That a comment was corrected or deleted concerns nobody.
    """
    if isinstance(event, CommentUpdated | CommentDeleted):
        return set()
    if isinstance(event, NoticeGiven):
        return set(event.user_ids)
    found = {event.card.assignee_id, event.card.created_by_id}
    match event:
        case CardAssigned():
            found.add(event.before.assignee_id)
        case CardDeleted():
            found.update(event.commenter_ids)
        case _:
            pass
    return {each for each in found if each}


def concerned_by_document(event: DocumentEvent) -> set[str]:
    """Whom something that has happened to a document concerns, beside the reviewers of what was submitted.

    Its author, if it was reviewed, deleted, or changed so that its review has come to nothing; and who had submitted it.
    """
    match event:
        case DocumentReviewed():
            return {event.document.author_id, event.submitted_by_id}
        case DocumentDeleted():
            return {event.document.author_id}
        case DocumentUpdated() if event.document.status != event.before:
            return {event.document.author_id}
        case _:
            return set()


def has_commenters(event: CardEvent) -> bool:
    """Whether the card has comments, other than the one that is told of."""
    if isinstance(event, CardDeleted | CommentUpdated | CommentDeleted | NoticeGiven):
        return False
    return event.card.comment_count > (1 if isinstance(event, CommentAdded) else 0)


def spared(event: CardEvent, actor_id: str) -> set[str]:
    """Who need not be notified of an event: whoever did it. Of a notice nobody is spared, since a rule gives it on
    behalf of its owner, who may well be meant.
    """
    return set() if isinstance(event, NoticeGiven) else {actor_id}


def recipients(seeing: set[str], actor_id: str) -> list[str]:
    """Who is notified, of those whom it concerns and who see where it happened: nobody of what they did themselves."""
    return sorted(seeing - {actor_id})


# ---------------------------------------------------------------------------------------------- mentions

_MENTION = re.compile(r"(?<![\w.+-])@([^\s@][^@\n]{0,99})")
"""What may be a mention: not the middle of an e-mail address. Each character is looked at by one match at most."""

_END = re.compile(r"(?!\w|[.+-]\w)")
"""Where a mention may end: ``@jane.doe`` is nobody called ``jane``, but ``@jane.`` and ``@jane's`` are."""

_WORD = re.compile(r"\w+")


_AT = ("@", "\ufe6b", "\uff20")
"""What folds to an ``@``: most texts have none, and need not be folded to know that."""


def said(event: CardEvent) -> tuple[str, str]:
    """What a text that can mention somebody has said before the event, and what it says since."""
    match event:
        case CommentAdded():
            return "", event.comment.content
        case CommentUpdated():
            return event.before, event.comment.content
        case CardCreated():
            return "", event.card.description or ""
        case CardUpdated() if "description" in event.changed:
            return event.before.description or "", event.card.description or ""
        case _:
            return "", ""


def may_mention(event: CardEvent) -> bool:
    """Whether it is worth knowing who could be mentioned."""
    text = said(event)[1]
    return any(at in text for at in _AT) and _MENTION.search(_folded(text)) is not None


def newly_mentioned(event: CardEvent, people: Mapping[str, Iterable[str]]) -> set[str]:
    """The ids of those whom a text mentions since the event, and has not mentioned before.

    Args:
        event: The event.
        people: Ids by handle.
    """
    before, after = said(event)
    return mentioned(after, people) - mentioned(before, people)


def handles(name: str, email: str) -> set[str]:
    """By what somebody can be mentioned: the name, and what stands before the ``@`` of the e-mail address."""
    return {_folded(name), _folded(email.rpartition("@")[0])} - {""}


def first_name(name: str) -> str | None:
    """Return the handle that is the first word of a name with several; it mentions somebody who alone has it."""
    words = _folded(name).split()
    return words[0] if len(words) > 1 else None


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
