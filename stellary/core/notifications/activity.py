"""Activity: what has happened, recorded in the transaction in which it happens, with a row for each person concerned.

A wave of events is recorded at once: 500 cards that are made together take as many statements as one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
from sqlalchemy import BindParameter, Select, bindparam, delete, insert, literal, union

from stellary.contract.activities import ActivityType
from stellary.core.accounts.audience import audience, by_ids, introduced, reviewers
from stellary.core.accounts.people import reaches
from stellary.core.board.recipient_queries import commenters, project_name, project_people
from stellary.core.db.base import IdType
from stellary.core.kernel.events import (
    ActivitiesRecorded,
    CardEvent,
    DocumentEvent,
    DocumentSubmitted,
    PilotageChanged,
    ProjectEvent,
    ProjectImported,
    WorkspaceLeft,
)
from stellary.core.kernel.signals import of_workspace
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.notifications import rules
from stellary.core.notifications.rules import MemberEvent, ProjectChange
from stellary.core.notifications.tables import activities, notifications

AT_ONCE = 5_000

_WORKSPACE_ID: BindParameter[str] = bindparam("_workspace_id")
_PROJECT_ID: BindParameter[str] = bindparam("_project_id")
_NO_CARD = literal("", IdType).label("card_id")


def _known(*others: Select[Any]) -> Select[Any]:
    """A statement about those whose ids are given, and about others: who they are, on account of which card."""
    given = by_ids(bindparam("_user_ids", expanding=True), _NO_CARD)
    found = union(given, *others).subquery()
    return introduced(found, found.c.id, _WORKSPACE_ID)


_AROUND_CARDS = _known(commenters(bindparam("_card_ids", expanding=True)))
_AROUND_PROJECT = _known(project_people(_PROJECT_ID).add_columns(_NO_CARD)).add_columns(
    project_name(_PROJECT_ID).label("project")
)
_AUDIENCE = audience(_WORKSPACE_ID)
_REVIEWERS = reviewers(_WORKSPACE_ID)
_RECORD = insert(activities)
_NOTIFY = insert(notifications)
_FORGET = delete(notifications).where(
    notifications.c.user_id == bindparam("_user_id"), notifications.c.workspace_id == _WORKSPACE_ID
)


@attrs.frozen
class _News:
    """An event as it will be told, and to whom."""

    event: ProjectEvent | DocumentEvent | PilotageChanged
    meta: dict[str, Any]
    recipients: list[str]

    @property
    def type(self) -> ActivityType:
        return self.event.type if isinstance(self.event, PilotageChanged) else rules.TYPES[type(self.event)]

    @property
    def project_id(self) -> str | None:
        return None if isinstance(self.event, PilotageChanged) else self.event.project_id

    @property
    def card_id(self) -> str | None:
        return self.event.card.id if isinstance(self.event, CardEvent) else None


def record(
    uow: UnitOfWork,
    events: Sequence[
        CardEvent | MemberEvent | ProjectChange | ProjectImported | DocumentEvent | PilotageChanged
    ],
) -> None:
    """Record activities, and notify whom they concern."""
    by_workspace: dict[str, list[CardEvent]] = defaultdict(list)
    news: list[_News] = []
    for event in events:
        if isinstance(event, CardEvent):
            by_workspace[event.workspace_id].append(event)
        elif isinstance(event, DocumentEvent):
            news.append(_of_document(uow, event))
        elif isinstance(event, ProjectChange):
            news.append(_News(event, rules.project_meta(event), []))
        elif isinstance(event, PilotageChanged):
            news.append(_News(event, rules.pilotage_meta(event), _concerned(uow, event)))
        else:
            news.append(_of_people(uow, event))
    news += [each for here in by_workspace.values() for each in _of_cards(uow, here)]
    told = [(uow.new_id(), each) for each in news]
    recorded: list[dict[str, Any]] = [
        {
            "id": activity_id,
            "workspace_id": each.event.workspace_id,
            "project_id": each.project_id,
            "card_id": each.card_id,
            "actor_id": uow.user_id,
            "type": each.type,
            "meta": each.meta,
            "created_at": uow.now,
        }
        for activity_id, each in told
    ]
    uow.connection.execute(_RECORD, recorded)
    rows = [
        {
            "id": uow.new_id(),
            "user_id": user_id,
            "activity_id": activity_id,
            "workspace_id": each.event.workspace_id,
            "read_at": None,
            "created_at": uow.now,
        }
        for activity_id, each in told
        for user_id in each.recipients
    ]
    if rows:
        uow.connection.execute(_NOTIFY, rows)
    for workspace_id in dict.fromkeys(each["workspace_id"] for each in recorded):
        uow.send_on_commit(of_workspace(workspace_id))
        here = tuple(each for each in recorded if each["workspace_id"] == workspace_id)
        uow.emit(ActivitiesRecorded(workspace_id=workspace_id, rows=here))


def forget(uow: UnitOfWork, events: Sequence[WorkspaceLeft]) -> None:
    """Take from those who have left a workspace what they were told of it."""
    uow.connection.execute(
        _FORGET, [{"_user_id": each.user_id, "_workspace_id": each.workspace_id} for each in events]
    )


def _of_cards(uow: UnitOfWork, events: Sequence[CardEvent]) -> Iterator[_News]:
    """Events in one workspace. Nobody is looked up where nobody but the actor can be concerned."""
    named = set[str]().union(*map(rules.named_people, events))
    at_first_sight = set[str]().union(
        *(rules.concerned(event) - rules.spared(event, uow.user_id) for event in events)
    )
    commented = {event.card.id for event in events if rules.has_commenters(event)}
    names: dict[str, str] = {}
    seeing: set[str] = set()
    by_card: dict[str, set[str]] = defaultdict(set)
    workspace_id = events[0].workspace_id
    for user_id in named | at_first_sight:
        # Mostly whoever is assigned, whom the change itself has asked after.
        name = uow.members.get((workspace_id, user_id))
        if name is not None:
            names[user_id] = name
            seeing.add(user_id)
    people_ids, card_ids = sorted((named | at_first_sight) - names.keys()), sorted(commented)
    # A column that is given up may send 100,000 cards away at once, and a statement takes so many parameters only.
    while people_ids or card_ids:
        wanted = {"_user_ids": people_ids[:AT_ONCE], "_card_ids": card_ids[:AT_ONCE]}
        rows = uow.connection.execute(_AROUND_CARDS, {**wanted, "_workspace_id": workspace_id})
        for user_id, card_id, name, sees in rows:
            names[user_id] = name
            by_card[card_id].add(user_id)
            if sees:
                seeing.add(user_id)
        people_ids, card_ids = people_ids[AT_ONCE:], card_ids[AT_ONCE:]
    handles: Mapping[str, set[str]] = {}
    if any(map(rules.may_mention, events)):
        handles = _handles(uow, workspace_id, names)
    for event in events:
        whom = rules.concerned(event)
        if rules.has_commenters(event):
            whom |= by_card[event.card.id]
        mentioned = rules.newly_mentioned(event, handles)
        meta = rules.card_meta(event, names, mentioned)
        told = (whom & seeing | mentioned) - rules.spared(event, uow.user_id)
        yield _News(event, meta, sorted(told))


def _handles(uow: UnitOfWork, workspace_id: str, names: dict[str, str]) -> Mapping[str, set[str]]:
    """The ids of all who see the workspace, by what they can be mentioned with; their names are noted beside."""
    found: dict[str, set[str]] = defaultdict(set)
    by_first_name: dict[str, set[str]] = defaultdict(set)
    for user_id, name, email in uow.connection.execute(_AUDIENCE, {"_workspace_id": workspace_id}):
        names[user_id] = name
        for handle in rules.handles(name, email):
            found[handle].add(user_id)
        first = rules.first_name(name)
        if first is not None:
            by_first_name[first].add(user_id)
    # Between two Janes nothing is guessed, and somebody who is called just Jane comes first.
    unique = {first: ids for first, ids in by_first_name.items() if len(ids) == 1 and first not in found}
    return {**found, **unique}


def _concerned(uow: UnitOfWork, event: PilotageChanged) -> list[str]:
    """Whoever has proposed what is decided now; if that is somebody else who still sees the workspace."""
    whom = event.concerned_id
    if whom is None or whom == uow.user_id or not reaches(uow, event.workspace_id, whom):
        return []
    return [whom]


def _of_document(uow: UnitOfWork, event: DocumentEvent) -> _News:
    """What concerns whoever wrote a document, or is to review it. Mostly nobody but the actor is looked for."""
    place = {"_workspace_id": event.workspace_id}
    if isinstance(event, DocumentSubmitted):
        whom = set(uow.connection.execute(_REVIEWERS, place).scalars())
    else:
        whom = rules.concerned_by_document(event) - {uow.user_id}
        if whom:
            wanted = {"_user_ids": sorted(whom), "_card_ids": []}
            rows = uow.connection.execute(_AROUND_CARDS, {**wanted, **place})
            whom = {row.id for row in rows if row.sees}
    return _News(event, rules.document_meta(event), rules.recipients(whom, uow.user_id))


def _of_people(uow: UnitOfWork, event: MemberEvent | ProjectImported) -> _News:
    """What concerns the members of a project, and whoever else is named."""
    ids = event.user_ids if isinstance(event, ProjectImported) else (event.user_id,)
    place = {"_workspace_id": event.workspace_id, "_project_id": event.project_id}
    rows = uow.connection.execute(_AROUND_PROJECT, {**place, "_user_ids": list(ids)}).fetchall()
    whom = rules.recipients({row.id for row in rows if row.sees}, uow.user_id)
    if isinstance(event, ProjectImported):
        return _News(event, rules.import_meta(event), whom)
    names = {row.id: row.name for row in rows}
    return _News(event, rules.member_meta(event, names, rows[0].project if rows else None), whom)
