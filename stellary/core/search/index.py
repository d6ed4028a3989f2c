"""The index: kept by what happens, in the transaction in which it happens."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
from sqlalchemy import Insert, bindparam, delete, insert, select, update

from stellary.core.board import search_entries
from stellary.core.kernel.events import (
    CardCreated,
    CardUpdated,
    CommentAdded,
    CommentDeleted,
    CommentUpdated,
    DocumentWritten,
    Event,
    ProjectCreated,
    ProjectImported,
    ProjectUpdated,
)
from stellary.core.kernel.search_sources import Entry
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.knowledge import findable as knowledge
from stellary.core.search.rules import folded
from stellary.core.search.tables import entries

_NAMES = [column.name for column in entries.columns]
_GIVEN = {column.name: bindparam(column.name, type_=column.type) for column in entries.columns}
# What has been made may be gone by the end of the unit; then there is nothing to find, and nothing to hang it on.
_INSERT_OF_CARD = insert(entries).from_select(
    _NAMES, select(*_GIVEN.values()).where(search_entries.card_exists(_GIVEN["card_id"]))
)
_INSERT_OF_PROJECT = insert(entries).from_select(
    _NAMES, select(*_GIVEN.values()).where(search_entries.project_exists(_GIVEN["project_id"]))
)
_INSERT_OF_DOCUMENT = insert(entries).from_select(
    _NAMES, select(*_GIVEN.values()).where(knowledge.document_is_there(_GIVEN["document_id"]))
)
_THE_ONE = (entries.c.workspace_id == bindparam("_workspace_id"), entries.c.id == bindparam("_id"))
_UPDATE = update(entries).where(*_THE_ONE)
_DELETE = delete(entries).where(*_THE_ONE)


@attrs.define
class _Changes:
    """What is to be done to the index: of several changes of one thing the last one."""

    made: dict[str, Entry] = attrs.field(factory=dict)
    changed: dict[str, Entry] = attrs.field(factory=dict)
    gone: dict[str, str] = attrs.field(factory=dict)

    def make(self, entry: Entry) -> None:
        self.made[entry.id] = entry

    def change(self, entry: Entry) -> None:
        (self.made if entry.id in self.made else self.changed)[entry.id] = entry

    def take(self, id: str, workspace_id: str) -> None:
        if self.made.pop(id, None) is None:
            self.changed.pop(id, None)
            self.gone[id] = workspace_id


def keep(uow: UnitOfWork, events: Sequence[Event]) -> None:
    """Write what has been said, and take out what has been taken back, unless it goes with something else."""
    changes = _Changes()
    for event in events:
        _NOTED[type(event)](uow, changes, event)
    made: dict[Insert, list[dict[str, Any]]] = defaultdict(list)
    for entry in changes.made.values():
        made[_insert_of(entry)].append(_row(entry))
    for statement, rows in made.items():
        # One row is an ordinary statement; several take the drivers' long way round.
        uow.connection.execute(statement, rows if len(rows) > 1 else rows[0])
    if changes.changed:
        rows = [
            {"_id": row.pop("id"), "_workspace_id": row.pop("workspace_id"), **row}
            for row in map(_row, changes.changed.values())
        ]
        uow.connection.execute(_UPDATE, rows)
    if changes.gone:
        gone = [{"_id": id, "_workspace_id": workspace_id} for id, workspace_id in changes.gone.items()]
        uow.connection.execute(_DELETE, gone)


def _insert_of(entry: Entry) -> Insert:
    if entry.card_id:
        return _INSERT_OF_CARD
    return _INSERT_OF_DOCUMENT if entry.document_id else _INSERT_OF_PROJECT


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "workspace_id": entry.workspace_id,
        "id": entry.id,
        "kind": entry.kind,
        "organization_id": entry.organization_id,
        "project_id": entry.project_id,
        "card_id": entry.card_id,
        "document_id": entry.document_id,
        "title": folded(entry.title),
        "body": folded(entry.text),
    }


# ---------------------------------------------------------------------------------------------- what each event does


def _project_created(uow: UnitOfWork, changes: _Changes, event: ProjectCreated) -> None:
    changes.make(search_entries.project_entry(event.project))


def _project_updated(uow: UnitOfWork, changes: _Changes, event: ProjectUpdated) -> None:
    if not {"name", "description"}.isdisjoint(event.changed):
        changes.change(search_entries.project_entry(event.project))


def _project_imported(uow: UnitOfWork, changes: _Changes, event: ProjectImported) -> None:
    for entry in search_entries.list_project_entries(uow, event.workspace_id, event.project_id):
        changes.make(entry)


def _card_created(uow: UnitOfWork, changes: _Changes, event: CardCreated) -> None:
    changes.make(search_entries.card_entry(event.workspace_id, event.card))


def _card_updated(uow: UnitOfWork, changes: _Changes, event: CardUpdated) -> None:
    # Most changes are of what nobody searches for, and cost nothing here.
    if not {"title", "description", "checklist"}.isdisjoint(event.changed):
        changes.change(search_entries.card_entry(event.workspace_id, event.card))


def _comment_added(uow: UnitOfWork, changes: _Changes, event: CommentAdded) -> None:
    changes.make(search_entries.comment_entry(event.workspace_id, event.project_id, event.comment))


def _comment_updated(uow: UnitOfWork, changes: _Changes, event: CommentUpdated) -> None:
    changes.change(search_entries.comment_entry(event.workspace_id, event.project_id, event.comment))


def _comment_deleted(uow: UnitOfWork, changes: _Changes, event: CommentDeleted) -> None:
    changes.take(event.comment_id, event.workspace_id)


def _document_written(uow: UnitOfWork, changes: _Changes, event: DocumentWritten) -> None:
    entry = knowledge.document_entry(event)
    (changes.make if event.is_new else changes.change)(entry)


_NOTED: Mapping[type[Event], Callable[[UnitOfWork, _Changes, Any], None]] = {
    ProjectCreated: _project_created,
    ProjectUpdated: _project_updated,
    ProjectImported: _project_imported,
    CardCreated: _card_created,
    CardUpdated: _card_updated,
    CommentAdded: _comment_added,
    CommentUpdated: _comment_updated,
    CommentDeleted: _comment_deleted,
    DocumentWritten: _document_written,
}
"""What each event does to the index."""
