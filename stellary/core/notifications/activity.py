"""Activities: recorded in the transaction of their events, with a row for each recipient.

The events of a unit are recorded together: 500 cards created in bulk take as many statements as one card.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, cast

import attrs
from sqlalchemy import BindParameter, Select, bindparam, delete, insert, literal, select, union, update

from stellary.contract.activities import ActivityType
from stellary.contract.cards import Card
from stellary.contract.notifications import NotificationKind
from stellary.contract.proposed_actions import ProposedAction
from stellary.contract.wire import Value
from stellary.core.accounts.audience import by_ids, reviewers, with_access_flag
from stellary.core.accounts.people import KNOWN_AUDIENCE, load_people, queue_members, reaches
from stellary.core.accounts.project_sight import is_shared, select_action_reviewers
from stellary.core.accounts.users import digest_address
from stellary.core.board.queries.item_names import load_item_names
from stellary.core.board.queries.recipient_queries import (
    select_commenters,
    select_project_members,
    select_project_name,
)
from stellary.core.db.base import IdType, is_given
from stellary.core.db.direct_connection import queue_rows
from stellary.core.db.row_types import Query
from stellary.core.kernel import events
from stellary.core.kernel.events import ActivitiesRecorded
from stellary.core.kernel.signals import of_workspace
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.knowledge.comments import select_document_commenters
from stellary.core.notifications import channels, messages, rules, watches
from stellary.core.notifications.changes import (
    StoredChange,
    build_change,
    find_referenced_ids,
    list_card_changes,
    list_item_changes,
    merge_changes,
    to_json,
)
from stellary.core.notifications.row_types import RevisedActivityRow
from stellary.core.notifications.tables import (
    APART_FROM_CARDS,
    activities,
    notifications,
    organization_activities,
)
from stellary.core.notifications.via import find_agent_id, find_via

IDS_MAX = 5_000

_WORKSPACE_ID: BindParameter[str] = bindparam("_workspace_id")
_PROJECT_ID: BindParameter[str] = bindparam("_project_id")
_NO_CARD = literal("", IdType).label("card_id")


def _people_statement(*queries: Select[Any]) -> Select[Any]:
    """Build a statement for users by id and from other queries: id, card, name, access to the workspace."""
    by_id = by_ids(bindparam("_user_ids", expanding=True), _NO_CARD)
    people = union(by_id, *queries).subquery()
    return with_access_flag(people, people.c.id, _WORKSPACE_ID)


_CARD_PEOPLE = _people_statement(select_commenters(bindparam("_card_ids", expanding=True)))
_DOCUMENT_PEOPLE = _people_statement(
    select_document_commenters(bindparam("_document_id", type_=IdType)).add_columns(_NO_CARD)
)
_PROJECT_PEOPLE = _people_statement(select_project_members(_PROJECT_ID).add_columns(_NO_CARD)).add_columns(
    select_project_name(_PROJECT_ID).label("project")
)
_REVIEWERS = reviewers(_WORKSPACE_ID)
_ACTION_REVIEWERS = select_action_reviewers(_WORKSPACE_ID)
_INSERT_ACTIVITIES = insert(activities)
_INSERT_ORGANIZATION = insert(organization_activities)
# The record is among the last few minutes of the workspace, so the index is read from its end.
_LAST_SAVE = Query(
    RevisedActivityRow,
    select(activities.c.seq, activities.c.changes, activities.c.meta)
    .where(
        is_given(activities.c.workspace_id),
        APART_FROM_CARDS,
        is_given(activities.c.entity_id, "document_id"),
        activities.c.type.in_(("document_created", "document_updated")),
        is_given(activities.c.actor_id),
    )
    .order_by(activities.c.id.desc())
    .limit(1),
)
_UPDATE_SAVE = update(activities).where(is_given(activities.c.seq))
_DELETE = delete(notifications).where(
    is_given(notifications.c.user_id), notifications.c.workspace_id == _WORKSPACE_ID
)


_WITH_COMMENT = (
    events.CommentCreated,
    events.CommentUpdated,
    events.DocumentCommentCreated,
    events.DocumentCommentUpdated,
)
_OtherEvent = (
    rules.MemberEvent
    | rules.ProjectChange
    | events.ProjectImported
    | events.CardTransferredOut
    | events.DocumentEvent
    | events.PilotageChanged
    | events.ItemChanged
    | events.ItemNoticeGiven
    | events.TrashEvent
)
"""The recorded events that are not about a card."""


@attrs.frozen
class _Entry:
    """An activity to record, and its recipients."""

    event: events.CardEvent | _OtherEvent
    meta: dict[str, object]
    recipients: list[str]
    changes: list[StoredChange] = attrs.field(factory=list)
    item: Value | None = None
    mentioned_ids: Collection[str] = ()

    @property
    def type(self) -> ActivityType:
        if isinstance(self.event, (events.ItemChanged, events.PilotageChanged)):
            return self.event.type
        return rules.TYPES[type(self.event)]

    def list_kinds(self) -> list[tuple[str, str, NotificationKind]]:
        """Return the workspace, the recipient and the kind of each notification."""
        kinds = {id: messages.find_kind(self.event, id, self.mentioned_ids) for id in self.recipients}
        return [(self.event.workspace_id, *item) for item in kinds.items()]

    @property
    def address_digest(self) -> str | None:
        if isinstance(self.event, events.ItemChanged) and self.event.kind == "invitation":
            return digest_address(self.event.name)
        return None

    @property
    def project_id(self) -> str | None:
        return None if isinstance(self.event, events.PilotageChanged) else self.event.project_id

    @property
    def project_ids(self) -> set[str]:
        """The projects that a recipient has to see, or an empty id: relations name cards of two projects."""
        ids = {self.project_id or ""}
        if isinstance(self.event, (events.RelationAdded, events.RelationRemoved)):
            ids.add(self.event.other.project_id)
        return ids

    @property
    def card(self) -> Card | None:
        return self.event.card if isinstance(self.event, (events.CardEvent, events.ItemRestored)) else None


def record(uow: UnitOfWork, unit_events: Sequence[events.CardEvent | _OtherEvent]) -> None:
    """Record the activities of events, and notify their recipients.

    Args:
        unit_events: The events of the unit, in order.
    """
    by_workspace: dict[str, list[events.CardEvent]] = defaultdict(list)
    for event in unit_events:
        if isinstance(event, events.CardEvent):
            by_workspace[event.workspace_id].append(event)
    card_entries = {
        id(entry.event): entry
        for workspace_id, card_events in by_workspace.items()
        for entry in _card_entries(uow, workspace_id, card_events)
    }
    # Streams send the activities in the order of the events.
    entries = [
        card_entries[id(event)] if isinstance(event, events.CardEvent) else _build_entry(uow, event)
        for event in unit_events
    ]
    _leave_out_strangers(uow, entries)
    for workspace_id in by_workspace:
        mentions = {
            (entry.project_id or "", card.id, user_id)
            for entry in entries
            if entry.event.workspace_id == workspace_id and (card := entry.card) is not None
            for user_id in {*entry.mentioned_ids} & {*entry.recipients}
        }
        watches.add_mentioned(uow, workspace_id, mentions)
    numbered_entries = [(uow.new_id(), entry) for entry in entries]
    agent_ids = {
        agent_id for entry in entries if (agent_id := find_agent_id(uow.actor, entry.event)) is not None
    }
    agent_names = {id: person.name for id, person in load_people(uow, sorted(agent_ids)).items()}
    activity_rows = [
        _activity_row(uow, activity_id, entry, agent_names) for activity_id, entry in numbered_entries
    ]
    inserted_rows = [
        {**row, "address_digest": entry.address_digest}
        for row, entry in zip(activity_rows, entries, strict=True)
    ]
    queue_rows(uow.connection, _INSERT_ACTIVITIES, inserted_rows)
    channels.notify(
        uow, ((id, *recipient) for id, entry in numbered_entries for recipient in entry.list_kinds())
    )
    watched: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for activity_id, entry in numbered_entries:
        if (
            isinstance(entry.event, events.CardEvent)
            and entry.event.workspace_id not in uow.workspaces_without_watches
            and rules.has_watchers(entry.event)
        ):
            watched[entry.event.project_id][activity_id] = entry.recipients
    for project_id, notified in watched.items():
        watches.add_changes(uow, project_id, notified)
    cards = {card.id: card for entry in entries if (card := entry.card) is not None}
    comments = {event.comment.id: event.comment for event in unit_events if isinstance(event, _WITH_COMMENT)}
    for workspace_id in dict.fromkeys(event.workspace_id for event in unit_events):
        uow.send_on_commit(of_workspace(workspace_id))
        if workspace_id not in uow.workspaces_without_subscribers:
            workspace_rows = tuple(row for row in activity_rows if row["workspace_id"] == workspace_id)
            uow.emit(
                ActivitiesRecorded(
                    workspace_id=workspace_id, rows=workspace_rows, cards=cards, comments=comments
                )
            )


def _leave_out_strangers(uow: UnitOfWork, entries: Sequence[_Entry]) -> None:
    """Leave out the recipients who do not see the project of an activity. Its meta names those who were mentioned."""
    users_by_project: dict[tuple[str, str], set[str]] = defaultdict(set)
    for entry in entries:
        workspace_id = entry.event.workspace_id
        for project_id in entry.project_ids if entry.recipients else ():
            if not is_shared(uow, workspace_id, project_id or None):
                users_by_project[workspace_id, project_id].update(entry.recipients)
    if not users_by_project:
        return
    hidden_from = {
        project_id: user_ids - queue_members(uow, workspace_id, user_ids, project_id)().keys()
        for (workspace_id, project_id), user_ids in users_by_project.items()
    }
    for entry in entries:
        strangers = set[str]().union(*(hidden_from.get(id, ()) for id in entry.project_ids))
        strangers.intersection_update(entry.recipients)
        if not strangers:
            continue
        entry.recipients[:] = [user_id for user_id in entry.recipients if user_id not in strangers]
        mentioned = cast("list[str]", entry.meta.get("mentioned", []))
        people_by_id = load_people(uow, strangers if mentioned else ())
        names = {person.name for person in people_by_id.values()} & {*mentioned}
        if names:
            entry.meta["mentioned"] = [name for name in mentioned if name not in names]
            entry.meta["notReached"] = sorted(names)


def _build_entry(uow: UnitOfWork, event: _OtherEvent) -> _Entry:
    """Build the entry of an event that is not about a card."""
    if isinstance(event, events.DocumentEvent):
        return _document_entry(uow, event)
    if isinstance(event, rules.ProjectChange):
        before = event.before if isinstance(event, events.ProjectUpdated) else None
        changes = list_item_changes(before, event.project)
        return _Entry(event, rules.project_meta(event), [], changes, event.project)
    if isinstance(event, events.ItemChanged):
        changes = list_item_changes(event.before, event.after)
        recipient_id = rules.find_rule_owner(event, uow.user_id)
        if recipient_id is None and (member_id := rules.find_added_member(event)) != uow.user_id:
            recipient_id = member_id
        recipients = []
        if recipient_id is not None and reaches(uow, event.workspace_id, recipient_id):
            recipients = [recipient_id]
        return _Entry(event, rules.item_meta(event), recipients, changes, event.after or event.before)
    if isinstance(event, events.ItemNoticeGiven):
        recipients = sorted(queue_members(uow, event.workspace_id, event.user_ids)())
        ids = event.named_projects
        projects = {} if ids is None else {"namedProjects": dict.fromkeys(ids, True)}
        return _Entry(event, {"name": event.name, "message": event.message, **projects}, recipients)
    if isinstance(event, events.CardTransferredOut):
        # Without the card and its title: readers may not see where it is now. Its history has left with it, so that no column
        # has lost a card.
        return _Entry(event, {"cardKey": event.card.key}, [])
    if isinstance(event, events.TrashEvent):
        return _trash_entry(event)
    if isinstance(event, events.PilotageChanged):
        changes = list_item_changes(event.before, event.after)
        item = event.after or event.before
        recipients = _pilotage_recipients(uow, event)
        return _Entry(event, rules.pilotage_meta(event), recipients, changes, item)
    return _people_entry(uow, event)


def _activity_row(
    uow: UnitOfWork, activity_id: str, entry: _Entry, agent_names: Mapping[str, str]
) -> dict[str, object]:
    entity, entity_id = rules.find_entity(entry.event)
    card = entry.card
    return {
        "id": activity_id,
        "workspace_id": entry.event.workspace_id,
        "project_id": entry.project_id,
        "card_id": None if card is None else card.id,
        "actor_id": uow.user_id,
        "type": entry.type,
        "entity": entity,
        "entity_id": entity_id,
        "changes": entry.changes or None,
        "via": find_via(uow.actor, entry.event, agent_names),
        "item": None if entry.item is None else to_json(entry.item),
        "meta": entry.meta,
        "created_at": uow.now,
    }


def delete_notifications(uow: UnitOfWork, departures: Sequence[events.WorkspaceLeft]) -> None:
    """Delete the notifications of users who left a workspace.

    Args:
        departures: The users who have left a workspace.
    """
    uow.connection.execute(
        _DELETE, [{"_user_id": event.user_id, "_workspace_id": event.workspace_id} for event in departures]
    )


def _card_entries(
    uow: UnitOfWork, workspace_id: str, card_events: Sequence[events.CardEvent]
) -> Iterator[_Entry]:
    """Build the entries of card events in a workspace. If only the actor could be notified, no user is looked up."""
    # Nobody watches or mutes a card that is just being created.
    cards = {
        (event.project_id, event.card.id)
        for event in card_events
        if rules.has_watchers(event)
        and not (isinstance(event, events.CardCreated) and event.card.created_by_id == uow.user_id)
    }
    levels = watches.load_levels(uow, workspace_id, cards)
    concerned = [
        (
            rules.find_card_recipients(event, levels[event.card.id]),
            rules.find_excluded(event, uow.user_id),
            rules.has_commenters(event),
        )
        for event in card_events
    ]
    user_ids = set[str]().union(
        *(candidates - excluded for candidates, excluded, _ in concerned),
        *map(rules.find_named_people, card_events),
    )
    commented_card_ids = {
        event.card.id
        for event, (_, _, has_commenters) in zip(card_events, concerned, strict=True)
        if has_commenters
    }
    referenced_ids = set[str]().union(*map(find_referenced_ids, card_events))
    project_ids = {event.project_id for event in card_events}
    project_ids |= {
        event.before.project_id for event in card_events if isinstance(event, events.CardTransferred)
    }
    names = load_item_names(uow, project_ids, referenced_ids)
    visible_to: set[str] = set()
    by_card: dict[str, set[str]] = defaultdict(set)
    for user_id in user_ids:
        # Usually the assignee, whose name the service has already loaded.
        name = uow.members.get((workspace_id, user_id))
        if name is not None:
            names[user_id] = name
            visible_to.add(user_id)
    people_ids, card_ids = sorted(user_ids - names.keys()), sorted(commented_card_ids)
    # The deletion of a column can move 100,000 cards, and the number of parameters of a statement is limited.
    while people_ids or card_ids:
        parameters = {"_user_ids": people_ids[:IDS_MAX], "_card_ids": card_ids[:IDS_MAX]}
        rows = uow.connection.execute(_CARD_PEOPLE, {**parameters, "_workspace_id": workspace_id})
        for user_id, card_id, name, sees in rows:
            names[user_id] = name
            by_card[card_id].add(user_id)
            if sees:
                visible_to.add(user_id)
        people_ids, card_ids = people_ids[IDS_MAX:], card_ids[IDS_MAX:]
    ids_by_handle: Mapping[str, set[str]] = {}
    if any(map(rules.may_mention, card_events)):
        ids_by_handle = _load_handles(uow, workspace_id, names)
    for event, (candidates, excluded, has_commenters) in zip(card_events, concerned, strict=True):
        if has_commenters:
            candidates.update(by_card[event.card.id])
        mentioned_ids = rules.find_new_mentions(event, ids_by_handle) if ids_by_handle else set[str]()
        meta = rules.card_meta(event, names, mentioned_ids)
        muted = rules.find_muted(event, levels[event.card.id])
        recipients = ((candidates & visible_to) - muted | mentioned_ids) - excluded
        changes = list_card_changes(event, names)
        item = getattr(event, "attachment", None)
        yield _Entry(event, meta, sorted(recipients), changes, item, mentioned_ids)


def _load_handles(uow: UnitOfWork, workspace_id: str, names: dict[str, str]) -> Mapping[str, set[str]]:
    """Return the ids of users by the handles that mention them, and add their names to ``names``."""
    ids_by_handle: dict[str, set[str]] = defaultdict(set)
    by_first_name: dict[str, set[str]] = defaultdict(set)
    parameters = {"_workspace_id": workspace_id, "_user_id": uow.user_id}
    for user_id, name, email in uow.connection.execute(KNOWN_AUDIENCE, parameters):
        names[user_id] = name
        for handle in rules.handles(name, email):
            ids_by_handle[handle].add(user_id)
        first_name = rules.first_name(name)
        if first_name is not None:
            by_first_name[first_name].add(user_id)
    # An ambiguous first name mentions no one, and a user whose whole name is Jane takes precedence.
    unique = {
        first_name: ids
        for first_name, ids in by_first_name.items()
        if len(ids) == 1 and first_name not in ids_by_handle
    }
    return {**ids_by_handle, **unique}


def _pilotage_recipients(uow: UnitOfWork, event: events.PilotageChanged) -> list[str]:
    """Return the reviewers of an action that waits for them, or the user who proposed one that is decided now; never the actor."""
    candidates = set[str]()
    if isinstance(event.after, ProposedAction) and event.after.status == "suggested":
        candidates.update(
            uow.connection.execute(_ACTION_REVIEWERS, {"_workspace_id": event.workspace_id}).scalars()
        )
    user_id = event.concerned_id
    is_listed = user_id in {uow.user_id, *candidates}
    if user_id is not None and not is_listed and reaches(uow, event.workspace_id, user_id):
        candidates.add(user_id)
    return rules.recipients(candidates, uow.user_id)


def _document_entry(uow: UnitOfWork, event: events.DocumentEvent) -> _Entry:
    """Build the entry of a document event, for its author or its reviewers."""
    if isinstance(event, events.DocumentTransferredOut):
        # As of a card: without the document and its title.
        return _Entry(event, rules.document_meta(event), [])
    parameters: dict[str, object] = {"_workspace_id": event.workspace_id}
    is_comment = isinstance(event, events.DocumentCommentCreated)
    if isinstance(event, events.DocumentSubmitted):
        candidates = set(uow.connection.execute(_REVIEWERS, parameters).scalars())
    else:
        candidates = rules.find_document_recipients(event) - {uow.user_id}
        if candidates or is_comment:
            parameters |= {"_user_ids": sorted(candidates)}
            if is_comment:
                of_document = {**parameters, "_document_id": event.document.id}
                rows = uow.connection.execute(_DOCUMENT_PEOPLE, of_document)
            else:
                rows = uow.connection.execute(_CARD_PEOPLE, {**parameters, "_card_ids": []})
            candidates = {row.id for row in rows if row.sees}
    mentioned = _find_mentioned(uow, event)
    changes = list_item_changes(event.old, event.new)
    recipients = rules.recipients(candidates | mentioned.keys(), uow.user_id)
    meta = rules.document_meta(event) | ({"mentioned": sorted(mentioned.values())} if mentioned else {})
    return _Entry(event, meta, recipients, changes, event.document, mentioned)


def _find_mentioned(uow: UnitOfWork, event: events.DocumentEvent) -> dict[str, str]:
    """Return the names of the users that a document or a comment on it newly mentions, by id.

    Args:
        event: The event. If its text has no mentions, no user is looked up.
    """
    if not rules.may_mention(event):
        return {}
    names: dict[str, str] = {}
    ids_by_handle = _load_handles(uow, event.workspace_id, names)
    return {user_id: names[user_id] for user_id in rules.find_new_mentions(event, ids_by_handle)}


def _trash_entry(event: events.TrashEvent) -> _Entry:
    """Build the entry of an item that was restored or purged. No one is notified."""
    meta = rules.trash_meta(event)
    if not isinstance(event, events.ItemRestored):
        return _Entry(event, meta, [])
    changes = []
    if event.new_name is not None:
        field, old_name = ("key", event.key) if event.kind == "project" else ("name", event.name)
        changes = [build_change(field, old_name, event.new_name)]
    return _Entry(event, meta, [], changes, event.item)


def _people_entry(uow: UnitOfWork, event: rules.MemberEvent | events.ProjectImported) -> _Entry:
    """Build the entry of a membership or import event, for the project's members and the users it names."""
    ids = event.user_ids if isinstance(event, events.ProjectImported) else (event.user_id,)
    parameters = {"_workspace_id": event.workspace_id, "_project_id": event.project_id}
    rows = uow.connection.execute(_PROJECT_PEOPLE, {**parameters, "_user_ids": list(ids)}).fetchall()
    recipients = rules.recipients({row.id for row in rows if row.sees}, uow.user_id)
    if isinstance(event, events.ProjectImported):
        return _Entry(event, rules.import_meta(event), recipients)
    if isinstance(event, events.ProjectMemberLeft):
        recipients = []
    names = {row.id: row.name for row in rows}
    meta = rules.member_meta(event, names, rows[0].project if rows else None)
    own_name = {id: name for id, name in names.items() if id == event.user_id}
    if isinstance(event, events.ProjectMemberAdded):
        change = build_change("userId", None, event.user_id, own_name)
        return _Entry(event, meta, recipients, [change], event.member)
    return _Entry(event, meta, recipients, [build_change("userId", event.user_id, None, own_name)])


def record_organization(uow: UnitOfWork, changes: Sequence[events.OrganizationItemChanged]) -> None:
    """Record the activities of organizations, which have no streams, webhooks and notifications.

    Args:
        changes: The changes.
    """
    rows = [
        {
            "id": uow.new_id(),
            "organization_id": event.organization_id,
            "actor_id": uow.user_id,
            "type": event.type,
            "entity": event.kind,
            "entity_id": event.item_id,
            "changes": list_item_changes(event.before, event.after) or None,
            "via": find_via(uow.actor, event, {}),
            "meta": rules.item_meta(event),
            "created_at": uow.now,
        }
        for event in changes
    ]
    uow.connection.execute(_INSERT_ORGANIZATION, rows)


def merge_revisions(uow: UnitOfWork, revisions: Sequence[events.DocumentRevised]) -> None:
    """Add further changes of documents, which one person saves repeatedly, to the last records of their changes.

    A document without such a record, such as one that was just imported, gets one, and so does a change that mentions
    users.

    Args:
        revisions: The changes.
    """
    for event in revisions:
        parameters = {"_workspace_id": event.workspace_id, "_document_id": event.document.id}
        row = _LAST_SAVE.first(uow.connection, {**parameters, "_actor_id": uow.user_id})
        if row is None or event.old is None or event.new is None or _find_mentioned(uow, event):
            record(uow, [event])
            continue
        changes = merge_changes(row.changes or (), event.old, event.new)
        changed = row.meta.get("changed")
        meta = dict(row.meta)
        if isinstance(changed, list):
            meta["changed"] = list(dict.fromkeys([*changed, *event.changed]))
        uow.connection.execute(
            _UPDATE_SAVE,
            {"_seq": row.seq, "changes": changes or None, "meta": meta, "item": to_json(event.document)},
        )
