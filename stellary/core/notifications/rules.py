"""Rules of notifications: the content of activities, their recipients, and mentions. Pure functions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, get_args

import attrs

from stellary.contract.activities import ActivityType
from stellary.contract.automations import Automation
from stellary.contract.cards import CardStatus
from stellary.core.kernel import events
from stellary.core.knowledge.rules.plain_text import AT_SIGNS


def _find_named_events() -> Iterator[tuple[type[events.Event], ActivityType]]:
    """Yield the events that are named like their activity type: ``CardCreated`` is a ``card_created``."""
    for activity_type in get_args(ActivityType):
        event_type = vars(events).get(activity_type.title().replace("_", ""))
        if event_type is not None:
            yield event_type, activity_type


TYPES: Final[Mapping[type[events.Event], ActivityType]] = {
    **dict(_find_named_events()),
    events.CardReturned: "card_moved",
    events.CardUnassigned: "card_assigned",
    events.CommentCreated: "comment_added",
    events.ProjectMemberAdded: "member_added",
    events.ProjectMemberRemoved: "member_removed",
    events.ProjectMemberLeft: "member_removed",
    events.ItemNoticeGiven: "notice_given",
    events.DocumentRevised: "document_updated",
    events.DocumentCommentCreated: "document_comment_added",
    events.ChangesRequested: "document_changes_requested",
    events.ContentRestored: "item_restored",
}
"""The activity type of each event: the nine of section Activity Types of the API reference, and additional ones."""

PURGED: Final = "purged"
"""What activities contain in place of the texts of an item that was deleted for good."""

OF_PILOTAGE: Final = frozenset(
    activity_type
    for activity_type in get_args(ActivityType)
    if activity_type.partition("_")[0] in ("mission", "priority", "todo", "decision", "doc", "action")
)
"""The types of activities that happen in pilotage."""


MemberEvent = events.ProjectMemberAdded | events.ProjectMemberRemoved
ProjectChange = events.ProjectCreated | events.ProjectUpdated


@attrs.frozen
class FlowChange:
    """An activity that can move a card, or the deletion of a column.

    Attributes:
        item: The deleted column; None for other changes.
        was_done: Whether a deleted card was done.
        changes: The changes of fields if the estimate is among them, or a move has changed ``completedAt``; otherwise None.
        column_id, is_done, archived, estimate, card_created_at: The card as it is now; None if it does not exist.
    """

    id: str
    type: ActivityType
    at: datetime
    card_id: str | None
    entity_id: str | None
    meta: Mapping[str, object]
    item: Mapping[str, object] | None
    was_done: bool
    changes: Sequence[Mapping[str, object]] | None
    column_id: str | None
    is_done: bool | None
    archived: bool | None
    estimate: float | None
    card_created_at: datetime | None


# ---------------------------------------------------------------------------------------------- content


def card_meta(
    event: events.CardEvent, names: Mapping[str, str], mentioned: Iterable[str] = ()
) -> dict[str, object]:
    """Return the meta of a card's activity, with names, since ids mean nothing to people.

    The text of a comment is left out, since no copy may remain outside of the trash when the comment is deleted.

    Args:
        event: The event.
        names: Names of users by id.
        mentioned: The ids of users that it newly mentions.

    Raises:
        TypeError: The type of the event is not listed here.
    """
    meta: dict[str, object] = {"cardKey": event.card.key, "cardTitle": event.card.title, **_statuses(event)}
    meta |= _flow(event)
    match event:
        case events.CardUpdated():
            meta["changed"] = list(event.changed)
        case events.CardAssigned():
            meta["assignee"] = names.get(event.card.assignee_id or "")
            meta["formerAssignee"] = names.get(event.before.assignee_id or "")
        case events.CommentCreated() | events.CommentUpdated():
            meta["commentId"] = event.comment.id
        case events.NoticeGiven():
            meta["message"] = event.message
        case events.CommentDeleted():
            meta["commentId"] = event.comment_id
        case events.AttachmentAdded() | events.AttachmentRemoved():
            meta |= {"attachmentId": event.attachment.id, "fileName": event.attachment.original_name}
        case events.RelationAdded() | events.RelationRemoved():
            meta |= {
                "relation": event.type,
                "otherCardId": event.other.id,
                "otherCardKey": event.other.key,
                "otherCardTitle": event.other.title,
            }
        case (
            events.CardCreated()
            | events.CardMoved()
            | events.CardReturned()
            | events.CardTransferred()
            | events.CardArchived()
            | events.CardUnassigned()
            | events.CardDeleted()
        ):
            pass
        case _:
            raise TypeError(f"there is no meta of {type(event).__name__}")
    if mentioned:
        meta["mentioned"] = sorted(names[user_id] for user_id in mentioned)
    return meta


def _flow(event: events.CardEvent) -> dict[str, object]:
    """Return the columns that an unarchived card enters and leaves, from which a cumulative flow is computed.

    The move and the deletion of an archived card are marked as ``archived``, since they change no column's number of cards.
    """
    to_column: dict[str, object] = {"toColumnId": event.card.column_id}
    match event:
        case events.CardCreated():
            return {"toColumn": event.column, **to_column}
        case events.CardMoved():
            names = {"fromColumn": event.from_column, "toColumn": event.to_column}
            flow = {**names, "fromColumnId": event.before.column_id, **to_column}
            # An order says something only in its column, so it is recorded even if both numbers are equal.
            return (
                {**flow, "archived": True} if event.before.archived else {**flow, "toOrder": event.card.order}
            )
        case events.CardArchived():
            return {"fromColumnId": event.card.column_id}
        case events.CardDeleted():
            archived = {"archived": True} if event.card.archived else {}
            return {"fromColumnId": event.card.column_id, **archived}
        case events.CardUpdated() if event.before.archived and not event.card.archived:
            return to_column
        case _:
            return {}


def _statuses(event: events.CardEvent) -> dict[str, str]:
    """Return the card's status before and after, if it has changed; new cards begin as ``open``.

    Statistics about the duration of work use it, so each change of a status is recorded.
    """
    before: CardStatus = event.card.status
    match event:
        case events.CardCreated():
            before = "open"
        case events.CardMoved():
            before = event.before.status
        case events.CardUpdated() if "status" in event.changed:
            before = event.before.status
        case _:
            pass
    return {} if event.card.status == before else {"fromStatus": before, "toStatus": event.card.status}


def member_meta(event: MemberEvent, names: Mapping[str, str], project: str | None) -> dict[str, object]:
    """Return the meta of a change of a project's members.

    Args:
        event: The change.
        names: The names of users, by id.
        project: The name of the project; None if it is not known.
    """
    return {"member": names.get(event.user_id), "project": project}


def project_meta(event: ProjectChange) -> dict[str, object]:
    """Return the meta of a project's creation or update."""
    meta: dict[str, object] = {"project": event.project.name}
    return meta | ({"changed": list(event.changed)} if isinstance(event, events.ProjectUpdated) else {})


def pilotage_meta(event: events.PilotageChanged) -> dict[str, object]:
    """Return the meta of an activity in pilotage."""
    meta: dict[str, object] = {"id": event.thing_id, "title": event.title}
    return meta | ({"changed": list(event.changed)} if event.changed else {})


def import_meta(event: events.ProjectImported) -> dict[str, object]:
    """Return the meta of an import: one activity, however many cards it has."""
    counts = {"project": event.name, "columns": event.columns, "cards": event.cards}
    return {**counts, "columnCards": [dict(column) for column in event.column_cards]}


def trash_meta(event: events.TrashEvent) -> dict[str, object]:
    """Return the meta of an item that was restored or purged; the name of a purged item is erased."""
    meta: dict[str, object] = {
        "kind": event.kind,
        "itemId": event.item_id,
        "name": PURGED if isinstance(event, events.ItemPurged) else event.name,
        "key": event.key,
    }
    return meta | dict(event.meta) if isinstance(event, events.ItemRestored) else meta


def document_meta(event: events.DocumentEvent) -> dict[str, object]:
    """Return the meta of a document's activity.

    Raises:
        TypeError: The type of the event is not listed here.
    """
    document = event.document
    if isinstance(event, events.DocumentTransferredOut):
        return {"documentId": document.id}
    meta: dict[str, object] = {
        "documentId": document.id,
        "documentTitle": document.title,
        "docType": document.doc_type,
        "status": document.status,
    }
    match event:
        case events.DocumentUpdated():
            meta |= {"changed": list(event.changed), "formerStatus": event.before}
        case events.DocumentSubmitted():
            meta["number"] = event.number
        case events.DocumentReviewed():
            meta |= {"number": event.number, "notes": document.review_notes}
        case events.DocumentCommentEvent():
            meta["commentId"] = event.comment.id
        case events.DocumentCreated() | events.DocumentRevised() | events.DocumentDeleted():
            pass
        case _:
            raise TypeError(f"there is no meta of {type(event).__name__}")
    return meta


def find_named_people(event: events.CardEvent) -> set[str]:
    """Return the ids of the users whose names the activity contains."""
    if isinstance(event, (events.CardCreated, events.CardDeleted)):
        return {event.card.assignee_id} if event.card.assignee_id else set()
    if not isinstance(event, (events.CardAssigned, events.CardTransferred)):
        return set()
    return {user_id for user_id in (event.card.assignee_id, event.before.assignee_id) if user_id}


def item_meta(event: events.ItemChanged | events.OrganizationItemChanged) -> dict[str, object]:
    """Return the meta of an activity about an item."""
    return {"id": event.item_id, "name": event.name, **event.meta}


def find_entity(
    event: events.ProjectEvent
    | events.DocumentEvent
    | events.PilotageChanged
    | events.ItemChanged
    | events.ItemNoticeGiven
    | events.TrashEvent,
) -> tuple[str, str | None]:
    """Return the kind and the id of the item that an event is about."""
    match event:
        case events.CommentCreated() | events.CommentUpdated():
            return "comment", event.comment.id
        case events.CommentDeleted():
            return "comment", event.comment_id
        case events.AttachmentAdded() | events.AttachmentRemoved():
            return "attachment", event.attachment.id
        case events.RelationAdded() | events.RelationRemoved():
            return "relation", event.relation_id
        case events.CardEvent() | events.CardTransferredOut():
            return "card", event.card.id
        case events.ProjectMemberAdded() | events.ProjectMemberRemoved():
            return "member", event.user_id
        case events.ProjectEvent():
            return "project", event.project_id
        case events.DocumentEvent():
            return (
                ("document_comment", event.comment.id)
                if isinstance(event, events.DocumentCommentEvent)
                else ("document", event.document.id)
            )
        case events.PilotageChanged():
            return event.type.partition("_")[0], event.thing_id
        case _:
            return event.kind, event.item_id


# ---------------------------------------------------------------------------------------------- recipients


_CONCERNS_CARD: Final[frozenset[type[events.CardEvent]]] = frozenset(
    {
        events.CardCreated,
        events.CardUpdated,
        events.CardMoved,
        events.CardTransferred,
        events.CardArchived,
        events.CardAssigned,
        events.CommentCreated,
        events.AttachmentAdded,
        events.AttachmentRemoved,
        events.RelationAdded,
        events.RelationRemoved,
    }
)
"""The events of which the assignee, the creator and the commenters of the card are notified."""


def find_card_recipients(event: events.CardEvent, levels: Mapping[str, str] | None = None) -> set[str]:
    """Return the ids of the users that a card's event concerns directly: its assignee, its creator and its watchers.

    A former assignee is included. Commenters and mentioned users are added by the caller. Corrections and deletions
    of comments concern no one, nor do consequences of a restoration or of the removal of an assignee.

    Args:
        event: The event.
        levels: The levels of the users who watch or mute the card. Default: none.

    Raises:
        TypeError: The type of the event is not listed here.
    """
    user_ids = {event.card.assignee_id, event.card.created_by_id}
    match event:
        case (
            events.CommentUpdated()
            | events.CommentDeleted()
            | events.CardReturned()
            | events.CardUnassigned()
        ):
            return set()
        case events.NoticeGiven():
            return set(event.user_ids)
        case events.CardAssigned():
            user_ids.add(event.before.assignee_id)
        case events.CardDeleted():
            user_ids.update(event.commenter_ids)
        case _ if type(event) not in _CONCERNS_CARD:
            raise TypeError(f"there are no recipients of {type(event).__name__}")
    watchers = {user_id for user_id, level in (levels or {}).items() if level != "mute"}
    return watchers | {user_id for user_id in user_ids if user_id}


def has_watchers(event: events.CardEvent) -> bool:
    """Return whether users who watch the card are notified of an event."""
    return type(event) in _CONCERNS_CARD or isinstance(event, events.CardDeleted)


def find_muted(event: events.CardEvent, levels: Mapping[str, str]) -> set[str]:
    """Return the ids of the users who are not notified, since they have muted the card or its project.

    Notices of rules, and assignments to the user, are not muted.

    Args:
        event: The event.
        levels: The levels of the users who watch or mute the card.
    """
    muted = {user_id for user_id, level in levels.items() if level == "mute"}
    if isinstance(event, events.NoticeGiven):
        return set()
    if isinstance(event, (events.CardAssigned, events.CardCreated)):
        muted.discard(event.card.assignee_id or "")
    return muted


def find_rule_owner(event: events.ItemChanged, actor_id: str) -> str | None:
    """Return the id of the owner of a rule that is newly broken, works again, or was switched off; None for other changes.

    The owner may be the actor of the first two, since they are consequences of another change.

    Args:
        event: The event.
        actor_id: The user or agent who caused it.
    """
    before, after = event.before, event.after
    if not (isinstance(before, Automation) and isinstance(after, Automation)):
        return None
    is_stopped = before.enabled and not after.enabled and after.owner_id != actor_id
    return after.owner_id if is_stopped or before.broken != after.broken else None


def find_added_member(event: events.ItemChanged) -> str | None:
    """Return the id of the user who has become a member of a workspace or an organization; None for other changes."""
    if event.type == "organization_member_added":
        return str(event.meta["userId"])
    return event.item_id if event.type == "workspace_member_added" else None


def find_document_recipients(event: events.DocumentEvent) -> set[str]:
    """Return the ids of the users that a document's event concerns, except reviewers of a submission.

    These are the author, if the document was reviewed, deleted, or changed so that its review is void; the user who
    submitted it; and of a comment the author and the latest reviewer. Commenters are added by the caller.

    Raises:
        TypeError: The type of the event is not listed here.
    """
    match event:
        case events.DocumentCommentCreated():
            document = event.document
            return {document.author_id, *([document.reviewer_id] if document.reviewer_id else [])}
        case events.DocumentReviewed():
            return {event.document.author_id, event.submitted_by_id}
        case events.DocumentDeleted():
            return {event.document.author_id}
        case events.DocumentUpdated():
            return {event.document.author_id} if event.document.status != event.before else set()
        case (
            events.DocumentCreated()
            | events.DocumentTransferredOut()
            | events.DocumentSubmitted()
            | events.DocumentCommentUpdated()
            | events.DocumentCommentDeleted()
        ):
            return set()
        case _:
            raise TypeError(f"there are no recipients of {type(event).__name__}")


def has_commenters(event: events.CardEvent) -> bool:
    """Return whether the event concerns commenters, and the card has comments other than the event's own."""
    own_count = 1 if isinstance(event, events.CommentCreated) else 0
    return type(event) in _CONCERNS_CARD and event.card.comment_count > own_count


def find_excluded(event: events.CardEvent, actor_id: str) -> set[str]:
    """Return the ids of users who are not notified of an event, which is only the actor.

    For a notice, the result is empty: a rule sends it on behalf of its owner, who may be a recipient.

    Args:
        event: The event.
        actor_id: The user or agent who caused it.
    """
    return set() if isinstance(event, events.NoticeGiven) else {actor_id}


def recipients(seeing: set[str], actor_id: str) -> list[str]:
    """Return the recipients: the users with access to the item, except the actor.

    Args:
        seeing: The ids of the users with access to the item.
        actor_id: The user or agent who caused the event.
    """
    return sorted(seeing - {actor_id})


# ---------------------------------------------------------------------------------------------- mentions

_MENTION = re.compile(r"(?<![\w.+-])@([^\s@][^@\n]{0,99})")
"""A possible mention, not the middle of an e-mail address. Each character is part of one match at most."""

_END = re.compile(r"(?!\w|[.+-]\w)")
"""A possible end of a mention: ``@jane.doe`` does not mention ``jane``, but ``@jane.`` and ``@jane's`` do."""

_WORD = re.compile(r"\w+")


def find_text_change(event: events.CardEvent | events.DocumentEvent) -> tuple[str, str]:
    """Return the text that can mention users, before and after the event."""
    match event:
        case events.CommentCreated() | events.DocumentCommentCreated():
            return "", event.comment.content
        case events.CommentUpdated() | events.DocumentCommentUpdated():
            return event.before, event.comment.content
        case events.CardCreated():
            return "", event.card.description or ""
        case events.CardUpdated() if "description" in event.changed:
            return event.before.description or "", event.card.description or ""
        case events.DocumentEvent():
            return event.texts
        case _:
            return "", ""


def may_mention(event: events.CardEvent | events.DocumentEvent) -> bool:
    """Return whether a text might mention users, so that their handles have to be loaded."""
    text = find_text_change(event)[1]
    # Most texts have no such character, and then need not be folded.
    return any(sign in text for sign in AT_SIGNS) and _MENTION.search(_fold(text)) is not None


def find_new_mentions(
    event: events.CardEvent | events.DocumentEvent, people: Mapping[str, Iterable[str]]
) -> set[str]:
    """Return the ids of users that a text mentions after the event, but not before.

    Args:
        event: The event.
        people: Ids by handle.
    """
    before, after = find_text_change(event)
    return find_mentions(after, people) - find_mentions(before, people)


def handles(name: str, email: str) -> set[str]:
    """Return the handles that mention a user: the name, and the local part of the e-mail address.

    Args:
        name: The name of the user.
        email: The e-mail address of the user.
    """
    return {_fold(name), _fold(email.rpartition("@")[0])} - {""}


def first_name(name: str) -> str | None:
    """Return the first word of a name with several, which mentions the user if no other has it."""
    words = _fold(name).split()
    return words[0] if len(words) > 1 else None


def find_mentions(text: str, people: Mapping[str, Iterable[str]]) -> set[str]:
    """Return the ids of users that ``@name`` in a text mentions, without regard to case.

    The longest name wins: ``@Jane Doe`` does not mention ``@Jane``. Users with the same name are all mentioned.

    Args:
        text: A text of any length; the time is linear in it.
        people: Ids by handle.
    """
    mentioned_ids: set[str] = set()
    if not people:
        return mentioned_ids
    first_words = set(map(_first_word, people))
    for candidate in set(_MENTION.findall(_fold(text))):
        if _first_word(candidate) not in first_words:
            continue
        for handle in _list_readings(candidate):
            if handle in people:
                mentioned_ids.update(people[handle])
                break
    return mentioned_ids


def _list_readings(candidate: str) -> Iterator[str]:
    """Yield the possible handles after an ``@``, the longest first."""
    ends = [match.start() for match in _END.finditer(candidate)]
    return (candidate[:end] for end in reversed(ends))


def _first_word(handle: str) -> str:
    """Return the first word of a handle, or an empty string."""
    match = _WORD.match(handle)
    return match[0] if match else ""


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
