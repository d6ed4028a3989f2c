"""Rules of imports: conversion of a file to rows. All references are resolved before anything is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import attrs

from stellary.contract.cards import Card, CreateCard
from stellary.contract.columns import Column
from stellary.contract.comments import Comment
from stellary.contract.custom_fields import CustomField
from stellary.contract.fields import build_value, convert, replace_fields
from stellary.contract.labels import DEFAULT_COLOR, Label
from stellary.contract.project_imports import (
    IN_ALL_MAX,
    ImportedCard,
    ImportedColumn,
    ImportedComment,
    ImportedPerson,
    ImportedScope,
    ImportProject,
    NotCarried,
)
from stellary.contract.scope_views import SetView
from stellary.contract.scopes import Scope
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import invalid, utc
from stellary.core.board.rules import cards as card_rules
from stellary.core.board.rules import custom_fields as field_rules
from stellary.core.board.rules.cards import LockedColumn
from stellary.core.board.rules.fields import check_dates, moment, value_or
from stellary.core.board.rules.import_losses import list_losses
from stellary.core.board.rules.import_relations import build_relations
from stellary.core.board.rules.positions import GAP
from stellary.core.board.rules.scopes import Settings, apply_view, views
from stellary.core.db.base import IdSource

Row = dict[str, object]
NAME_MAX = 100


class EntryWithId(Protocol):
    """An entry of the file that other entries may refer to."""

    @property
    def id(self) -> str | Unset: ...


class EntryWithName(Protocol):
    """An entry of the file whose name must be unique."""

    @property
    def name(self) -> str: ...


@attrs.frozen
class Importer:
    """The user who imports a file, and the new project.

    Attributes:
        name, email: The name and e-mail address of the importer, who is the author of comments without one.
        project_id: The id of the new project.
        assignees: The ids of people with access to the workspace, by e-mail address as the file writes it.
        new_id: Generates ids.
        now: The time of the import.
    """

    user_id: str
    name: str
    email: str
    project_id: str
    assignees: Mapping[str, str]
    new_id: IdSource
    now: datetime

    def ids(self, count: int) -> list[str]:
        return [self.new_id() for _ in range(count)]


@attrs.frozen
class ImportPlan:
    """The rows that an import inserts. Cards have their positions, and comments the addresses of their authors."""

    scopes: Sequence[Scope]
    columns: Sequence[Column]
    labels: Sequence[Label]
    custom_fields: Sequence[CustomField]
    cards: Sequence[tuple[Card, int]]
    comments: Sequence[tuple[Comment, str | None]]
    relations: Sequence[Row]
    last_number: int
    not_carried: Sequence[NotCarried]


def plan_import(file: ImportProject, by: Importer, default_scope: str) -> ImportPlan:
    """Return the plan of an import: the rows to create, and the items that cannot be imported.

    Args:
        file: The file to import.
        by: The importing user.
        default_scope: The name of the scope of a file without scopes.

    Raises:
        Invalid: The file refers to an entry that it does not have, contradicts itself, or has unsupported values.
    """
    scopes = _scopes(file.scopes or [ImportedScope(name=default_scope)], by)
    columns = _columns(file.columns or (), file.scopes or (), scopes, by)
    labels = _labels(file, by)
    fields = _fields(file, by)
    cards = file.cards or []
    card_ids = by.ids(len(cards))
    card_positions = list(_cards(file, card_ids, columns, labels, fields, by))
    edges, outside = build_relations(cards, index_ids(cards, "cards"), card_ids)
    creation = {"created_by_id": by.user_id, "created_at": by.now}
    return ImportPlan(
        scopes=scopes,
        columns=columns,
        labels=labels,
        custom_fields=list(fields),
        cards=card_positions,
        comments=list(_comments(cards, card_ids, by)),
        relations=[{"id": by.new_id(), **attrs.asdict(edge), **creation} for edge in edges],
        last_number=max([file.project.last_number, *(card.number for card, _ in card_positions)]),
        not_carried=[*outside, *list_losses(file, by.assignees, by.email)],
    )


# ---------------------------------------------------------------------------------------------- entries with ids


def index_ids(entries: Sequence[EntryWithId], path: str) -> dict[str, int]:
    """Return the indexes of entries with an id, by that id.

    Args:
        entries: Entries of one list of the file.
        path: The path of that list.

    Raises:
        Invalid: Two entries have the same id.
    """
    indexes: dict[str, int] = {}
    for index, entry in enumerate(entries):
        if entry.id and indexes.setdefault(entry.id, index) != index:
            raise invalid((f"{path}[{index}].id", f"must not be that of {path}[{indexes[entry.id]}] as well"))
    return indexes


def resolve_reference(indexes: Mapping[str, int], id: str, path: str, part: str) -> int:
    """Return the index of the entry that a reference in the file names.

    Args:
        indexes: The indexes of the entries that can be named, by id.
        id: The id that the reference names.
        path: The path of the reference.
        part: The name of the list for the error, such as ``columns``.

    Raises:
        Invalid: There is no entry with that id.
    """
    index = indexes.get(id)
    if index is None:
        raise invalid((path, f"must be the id of one of the file's {part}"))
    return index


def _check_names(entries: Sequence[EntryWithName], path: str) -> None:
    first_indexes: dict[str, int] = {}
    for index, entry in enumerate(entries):
        first = first_indexes.setdefault(entry.name.casefold(), index)
        if first != index:
            raise invalid((f"{path}[{index}].name", f"must not be that of {path}[{first}] as well"))


def _scopes(scopes: Sequence[ImportedScope], by: Importer) -> list[Scope]:
    defaults = [index for index, scope in enumerate(scopes) if scope.is_default] or [0]
    if len(defaults) > 1:
        raise invalid((f"scopes[{defaults[1]}].isDefault", "must be true for one scope only"))
    new_scopes: list[Scope] = []
    for scope_index, scope in enumerate(scopes):
        settings: Settings = {}
        for view_index, view in enumerate(scope.views or ()):
            remembered = SetView(type=view.type, settings=view.settings)
            settings = apply_view(
                scope.active_view, settings, remembered, f"scopes[{scope_index}].views[{view_index}]."
            )[1]
        new_scope = build_value(
            Scope,
            scope,
            id=by.new_id(),
            project_id=by.project_id,
            order=scope_index,
            is_default=scope_index == defaults[0],
            views=views(settings),
            columns=[],
            created_at=by.now,
            updated_at=by.now,
        )
        check_dates(new_scope.start_date, new_scope.due_date, f"scopes[{scope_index}].startDate")
        new_scopes.append(new_scope)
    return new_scopes


def _columns(
    columns: Sequence[ImportedColumn],
    scopes: Sequence[ImportedScope],
    new_scopes: Sequence[Scope],
    by: Importer,
) -> list[Column]:
    scope_indexes = index_ids(scopes, "scopes")
    default = next(scope for scope in new_scopes if scope.is_default)
    counts = Counter[str]()
    new_columns: list[Column] = []
    for column_index, column in enumerate(columns):
        scope = default
        if column.scope_id:
            scope = new_scopes[
                resolve_reference(
                    scope_indexes, column.scope_id, f"columns[{column_index}].scopeId", "scopes"
                )
            ]
        new_columns.append(
            build_value(
                Column,
                column,
                id=by.new_id(),
                project_id=by.project_id,
                scope_id=scope.id,
                order=counts[scope.id],
                card_count=0,
                created_at=by.now,
                updated_at=by.now,
            )
        )
        counts[scope.id] += 1
    return new_columns


def _labels(file: ImportProject, by: Importer) -> list[Label]:
    entries = file.labels or []
    _check_names(entries, "labels")
    return [
        build_value(
            Label,
            label,
            id=by.new_id(),
            project_id=by.project_id,
            color=label.color or DEFAULT_COLOR,
            created_at=by.now,
            updated_at=by.now,
        )
        for label in entries
    ]


def _fields(file: ImportProject, by: Importer) -> list[CustomField]:
    entries = file.custom_fields or []
    _check_names(entries, "customFields")
    return [
        field_rules.build_field(
            field, id=by.new_id(), project_id=by.project_id, now=by.now, path=f"customFields[{index}]."
        )
        for index, field in enumerate(entries)
    ]


# ---------------------------------------------------------------------------------------------- cards


def _cards(
    file: ImportProject,
    ids: Sequence[str],
    columns: Sequence[Column],
    labels: Sequence[Label],
    fields: Sequence[CustomField],
    by: Importer,
) -> Iterator[tuple[Card, int]]:
    cards = file.cards or []
    column_indexes = index_ids(file.columns or (), "columns")
    label_indexes = index_ids(file.labels or (), "labels")
    fields_by_id = {
        id: fields[index] for id, index in index_ids(file.custom_fields or (), "customFields").items()
    }
    numbers = _numbers(cards, file.project.last_number)
    orders, position_counts = Counter[str](), Counter[str]()
    for card_index, card_entry in enumerate(cards):
        path = f"cards[{card_index}]."
        column = columns[_column_of(card_entry, column_indexes, len(columns), path)]
        for id in card_entry.custom_fields or ():
            if id not in fields_by_id:
                raise invalid(
                    (f"{path}customFields.{id[:100]}", "must be the id of one of the file's custom fields")
                )
        card = card_rules.build_card(
            convert(
                CreateCard,
                card_entry,
                assignee_id=by.assignees.get(card_entry.assignee or ""),
                label_ids=[
                    labels[resolve_reference(label_indexes, id, f"{path}labelIds[{index}]", "labels")].id
                    for index, id in enumerate(card_entry.label_ids or ())
                ],
            ),
            id=ids[card_index],
            number=numbers[card_index],
            project_id=by.project_id,
            # Rows do not store a card's key, and the project's key is not known yet.
            project_key="",
            column=LockedColumn(
                column.id, column.name, column.scope_id, column.card_status, column.wip_limit
            ),
            order=orders[column.id],
            created_by_id=by.user_id,
            new_id=by.new_id,
            now=by.now,
            path=path,
            fields=fields_by_id,
        )
        created_at, completed_at = _times(card_entry, card, by.now, path)
        yield (
            replace_fields(
                card,
                archived=card_entry.archived,
                custom_fields={fields_by_id[id].id: value for id, value in card.custom_fields.items()},
                comment_count=len(card_entry.comments or ()),
                created_at=created_at,
                completed_at=completed_at,
            ),
            GAP * position_counts[column.id],
        )
        orders[column.id] += not card_entry.archived
        position_counts[column.id] += 1


def _column_of(card: ImportedCard, column_indexes: Mapping[str, int], count: int, path: str) -> int:
    if card.column_id:
        if card.column_index is not UNSET:
            raise invalid((f"{path}columnIndex", "must not be given together with columnId"))
        return resolve_reference(column_indexes, card.column_id, f"{path}columnId", "columns")
    if isinstance(card.column_index, Unset):
        raise invalid((f"{path}columnIndex", "is required unless columnId is given"))
    if card.column_index >= count:
        raise invalid(
            (f"{path}columnIndex", f"must be the index of one of the file's {count} columns, from 0")
        )
    return card.column_index


def _numbers(cards: Sequence[ImportedCard], last: int) -> list[int]:
    """Return the number of each card: its own, or the next unused one."""
    first_indexes: dict[int, int] = {}
    for card_index, card in enumerate(cards):
        if card.number and first_indexes.setdefault(card.number, card_index) != card_index:
            first = first_indexes[card.number]
            raise invalid((f"cards[{card_index}].number", f"must not be that of cards[{first}] as well"))
    free = iter(range(max([last, *first_indexes]) + 1, 2**31))
    return [card.number or next(free) for card in cards]


def _times(card: ImportedCard, new_card: Card, now: datetime, path: str) -> tuple[datetime, datetime | None]:
    """Return the times of creation and completion; future times of the file become ``now``."""
    completed = moment(card.completed_at, None)
    if completed and new_card.status != "done":
        raise invalid((f"{path}completedAt", "must not be given unless status is done"))
    if completed and card.created_at and completed < utc(card.created_at):
        raise invalid((f"{path}completedAt", "must not be before createdAt"))
    completed_at = min(completed or now, now)
    created_at = min(moment(card.created_at, None) or completed_at, now)
    return created_at, completed_at if new_card.status == "done" else None


def _comments(
    cards: Sequence[ImportedCard], ids: Sequence[str], by: Importer
) -> Iterator[tuple[Comment, str | None]]:
    if sum(len(card.comments or ()) for card in cards) > IN_ALL_MAX:
        raise invalid(("cards", f"must not have more than {IN_ALL_MAX} comments in all"))
    for card_id, card in zip(ids, cards, strict=True):
        for comment in card.comments or ():
            yield _comment(comment, card_id, by)


def _comment(entry: ImportedComment, card_id: str, by: Importer) -> tuple[Comment, str | None]:
    created_at = min(moment(entry.created_at, None) or by.now, by.now)
    updated_at = min(moment(entry.updated_at, None) or created_at, by.now)
    author = entry.author or ImportedPerson(name=by.name, email=by.email)
    email = value_or(author.email, None)
    comment = build_value(
        Comment,
        entry,
        id=by.new_id(),
        card_id=card_id,
        # The importer is responsible for the comment: the authors that a file names are not verified.
        author_id=by.user_id,
        author_name=by.name,
        imported_from=(author.name or email or by.name)[:NAME_MAX],
        created_at=created_at,
        updated_at=max(created_at, updated_at),
    )
    return comment, email
