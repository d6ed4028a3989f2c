"""Updates of the index, in the transaction of each event."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
from sqlalchemy import Insert, Integer, Text, bindparam, delete, func, insert, select, update

from stellary.contract.documents import DocumentSummary
from stellary.core.board import search_entries
from stellary.core.board.order.ordering import find_card_ids
from stellary.core.db.base import is_given
from stellary.core.db.direct_connection import queue_rows
from stellary.core.kernel import events
from stellary.core.kernel.search_sources import SearchEntry
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.knowledge import search_entries as knowledge
from stellary.core.search.rules import fold
from stellary.core.search.tables import entries

_COLUMNS = [column for column in entries.columns if column.name != "prefixes"]
_NAMES = [column.name for column in _COLUMNS]
_CARD_FIELDS = frozenset({"title", "description", "checklist"})
_PARAMETERS = {column.name: bindparam(column.name, type_=column.type) for column in _COLUMNS}
_INSERT = insert(entries)
# If an item is created and deleted in the same transaction, no row is inserted.
_INSERT_OF_CARD, _INSERT_OF_PROJECT, _INSERT_OF_DOCUMENT = (
    _INSERT.from_select(_NAMES, select(*_PARAMETERS.values()).where(has_container))
    for has_container in (
        search_entries.card_exists(_PARAMETERS["card_id"]),
        search_entries.project_exists(_PARAMETERS["project_id"]),
        knowledge.document_exists(_PARAMETERS["document_id"]),
    )
)
_THIS_ENTRY = (is_given(entries.c.workspace_id), is_given(entries.c.id))
_UPDATE = update(entries).where(*_THIS_ENTRY)
_DELETE = delete(entries).where(*_THIS_ENTRY)
_MOVE = update(entries).where(is_given(entries.c.document_id))
# The title of a card begins with its key, folded: `` eng 12 fix the login ``.
_RENAME_KEY = (
    update(entries)
    .where(is_given(entries.c.workspace_id), is_given(entries.c.project_id), entries.c.kind == "card")
    .values(
        title=bindparam("_new", type_=Text)
        + func.substr(entries.c.title, bindparam("_after", type_=Integer)),
        is_indexed=False,
    )
)


@attrs.define
class _IndexChanges:
    """The changes of the index. Of several changes of an item, only the last one is kept."""

    imported: list[SearchEntry] = attrs.field(factory=list)
    created: dict[str, SearchEntry] = attrs.field(factory=dict)
    changed: dict[str, SearchEntry] = attrs.field(factory=dict)
    deleted: dict[str, str] = attrs.field(factory=dict)

    def create(self, entry: SearchEntry) -> None:
        self.created[entry.id] = entry

    def change(self, entry: SearchEntry) -> None:
        (self.created if entry.id in self.created else self.changed)[entry.id] = entry

    def delete(self, id: str, workspace_id: str) -> None:
        if self.created.pop(id, None) is None:
            self.changed.pop(id, None)
            self.deleted[id] = workspace_id


def update_index(uow: UnitOfWork, new_events: Sequence[events.Event]) -> None:
    """Insert, update and delete entries for some events.

    Entries of deleted projects, cards and documents are deleted with them.

    Args:
        new_events: The events of the unit, in order.
    """
    changes = _IndexChanges()
    for event in new_events:
        _HANDLERS[type(event)](uow, changes, event)
    rows_by_statement: dict[Insert, list[dict[str, Any]]] = defaultdict(list)
    for entry in changes.created.values():
        rows_by_statement[_insert_of(entry)].append(_row(entry))
    if changes.imported:
        rows_by_statement[_INSERT] = [_row(entry) for entry in changes.imported]
    for statement, rows in rows_by_statement.items():
        queue_rows(uow.connection, statement, rows)
    if changes.changed:
        rows = [
            {"_workspace_id": entry.workspace_id, "_id": entry.id, **_texts(entry)}
            for entry in changes.changed.values()
        ]
        queue_rows(uow.connection, _UPDATE, rows)
    if changes.deleted:
        deleted_rows = [
            {"_id": id, "_workspace_id": workspace_id} for id, workspace_id in changes.deleted.items()
        ]
        queue_rows(uow.connection, _DELETE, deleted_rows)


def _insert_of(entry: SearchEntry) -> Insert:
    if entry.card_id:
        return _INSERT_OF_CARD
    return _INSERT_OF_DOCUMENT if entry.document_id else _INSERT_OF_PROJECT


def _row(entry: SearchEntry) -> dict[str, Any]:
    return {
        "workspace_id": entry.workspace_id,
        "id": entry.id,
        "kind": entry.kind,
        "organization_id": entry.organization_id,
        "project_id": entry.project_id,
        "card_id": entry.card_id,
        "document_id": entry.document_id,
        **_texts(entry),
    }


def _texts(entry: SearchEntry) -> dict[str, object]:
    """Return what a change of an item writes: its other columns are in indexes, which SQLite would write again."""
    return {"title": fold(entry.title), "body": fold(entry.text), "is_indexed": False}


# ---------------------------------------------------------------------------------------------- changes of each event


def _project_created(uow: UnitOfWork, changes: _IndexChanges, event: events.ProjectCreated) -> None:
    changes.create(search_entries.project_entry(event.project))


def _project_updated(uow: UnitOfWork, changes: _IndexChanges, event: events.ProjectUpdated) -> None:
    if not {"name", "description"}.isdisjoint(event.changed):
        changes.change(search_entries.project_entry(event.project))


def _project_imported(uow: UnitOfWork, changes: _IndexChanges, event: events.ProjectImported) -> None:
    entry = search_entries.load_project_entry(uow, event.workspace_id, event.project_id)
    if entry is not None:
        changes.create(entry)
    if event.key != event.indexed_key:
        uow.connection.execute(
            _RENAME_KEY,
            {
                "_workspace_id": event.workspace_id,
                "_project_id": event.project_id,
                "_new": fold(event.key),
                "_after": len(fold(event.indexed_key)) + 1,
            },
        )


def _cards_imported(uow: UnitOfWork, changes: _IndexChanges, event: events.CardsImported) -> None:
    imported = [
        search_entries.card_entry(event.workspace_id, card, f"{event.project_key}-{card.number}")
        for card in event.cards
    ]
    imported += [
        search_entries.comment_entry(event.workspace_id, event.project_id, comment)
        for comment in event.comments
    ]
    # One statement for all cards, instead of a condition in the INSERT of each entry.
    existing_ids = find_card_ids(
        uow, event.project_id, {entry.card_id for entry in imported if entry.card_id}
    )
    changes.imported += [entry for entry in imported if entry.card_id in existing_ids]


def _card_changed(
    uow: UnitOfWork,
    changes: _IndexChanges,
    event: events.CardCreated | events.CardUpdated | events.CardTransferred,
) -> None:
    # Most changes only affect fields that are not searched.
    if isinstance(event, events.CardUpdated) and _CARD_FIELDS.isdisjoint(event.changed):
        return
    entry = search_entries.card_entry(event.workspace_id, event.card)
    # The entries of the comments of a card have followed it to another project; its own begins with its key.
    (changes.create if isinstance(event, events.CardCreated) else changes.change)(entry)


def _comment_changed(
    uow: UnitOfWork, changes: _IndexChanges, event: events.CommentCreated | events.CommentUpdated
) -> None:
    entry = search_entries.comment_entry(event.workspace_id, event.project_id, event.comment)
    (changes.create if isinstance(event, events.CommentCreated) else changes.change)(entry)


def _comment_deleted(uow: UnitOfWork, changes: _IndexChanges, event: events.CommentDeleted) -> None:
    changes.delete(event.comment_id, event.workspace_id)


def _document_written(uow: UnitOfWork, changes: _IndexChanges, event: events.DocumentWritten) -> None:
    entry = knowledge.document_entry(event)
    (changes.create if event.is_new else changes.change)(entry)
    for comment in event.comments:
        changes.create(
            attrs.evolve(entry, kind="document_comment", id=comment.id, title="", text=comment.content)
        )
    if event.is_moved:
        place = {"organization_id": event.organization_id, "project_id": event.project_id}
        uow.connection.execute(_MOVE, {"_document_id": event.document_id, **place})


def _document_left(uow: UnitOfWork, changes: _IndexChanges, event: events.DocumentTransferredOut) -> None:
    workspace_id, project_id = event.place
    place = {"workspace_id": workspace_id, "organization_id": None, "project_id": project_id}
    queue_rows(uow.connection, _MOVE, [{"_document_id": event.document.id, **place}])


def _document_comment_changed(
    uow: UnitOfWork, changes: _IndexChanges, event: events.DocumentCommentEvent
) -> None:
    entry = knowledge.comment_entry(event.document, event.comment.id, event.comment.content)
    if isinstance(event, events.DocumentCommentDeleted):
        changes.delete(entry.id, entry.workspace_id)
    else:
        (changes.create if isinstance(event, events.DocumentCommentCreated) else changes.change)(entry)


def _item_restored(uow: UnitOfWork, changes: _IndexChanges, event: events.ItemRestored) -> None:
    # The entries of projects, cards and documents are restored with them.
    if event.kind == "comment":
        for entry in search_entries.list_comment_entries(uow, event.workspace_id, event.item_id):
            changes.create(entry)
    elif isinstance(event.item, DocumentSummary) and event.kind == "document_comment":
        content = knowledge.load_comment(uow, event.item_id)
        changes.create(knowledge.comment_entry(event.item, event.item_id, content))
    elif event.new_name is not None and event.kind == "project":
        for entry in search_entries.list_project_entries(uow, event.workspace_id, event.item_id):
            changes.change(entry)


_HANDLERS: Mapping[type[events.Event], Callable[[UnitOfWork, _IndexChanges, Any], None]] = {
    events.ProjectCreated: _project_created,
    events.ProjectUpdated: _project_updated,
    events.ProjectImported: _project_imported,
    events.CardsImported: _cards_imported,
    events.CardCreated: _card_changed,
    events.CardUpdated: _card_changed,
    events.CardTransferred: _card_changed,
    events.CommentCreated: _comment_changed,
    events.CommentUpdated: _comment_changed,
    events.CommentDeleted: _comment_deleted,
    events.DocumentWritten: _document_written,
    events.DocumentTransferredOut: _document_left,
    events.DocumentCommentCreated: _document_comment_changed,
    events.DocumentCommentUpdated: _document_comment_changed,
    events.DocumentCommentDeleted: _document_comment_changed,
    events.ItemRestored: _item_restored,
}
"""The function that applies each event to the index."""
