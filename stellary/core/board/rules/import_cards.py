"""The rows of the cards and comments that an import creates from a project file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

import attrs

from stellary.contract.cards import Card, CreateCard
from stellary.contract.columns import Column
from stellary.contract.comments import Comment, DocumentComment
from stellary.contract.custom_fields import CustomField
from stellary.contract.fields import build_value, convert, replace_fields
from stellary.contract.project_imports import (
    IN_ALL_MAX,
    ImportedCard,
    ImportedComment,
    ImportedDocument,
    ImportedPerson,
)
from stellary.contract.recurrences import CardRecurrence, Recurrence
from stellary.contract.wire import UNSET, Unset, invalid, utc
from stellary.core.board.rules import cards as card_rules
from stellary.core.board.rules.fields import moment, value_or
from stellary.core.board.rules.import_references import Importer, index_values, resolve_reference
from stellary.core.board.rules.positions import GAP
from stellary.core.board.rules.recurrences import is_over, start_series

NAME_MAX = 100
C = TypeVar("C", Comment, DocumentComment)


@attrs.frozen
class CardTargets:
    """The parts of the new project that cards of the file refer to.

    Attributes:
        columns: The columns of the project, in the order of the file.
        column_indexes: The indexes of the columns, by their ids in the file.
        label_ids: The new ids of labels, by their ids in the file.
        fields: The custom fields, by their ids in the file.
    """

    columns: Sequence[Column]
    column_indexes: Mapping[str, int]
    label_ids: Mapping[str, str]
    fields: Mapping[str, CustomField]


@attrs.frozen
class ColumnCounts:
    """The numbers of cards that an import has put into columns so far, by column id: all cards, and unarchived ones."""

    all_cards: Counter[str] = attrs.field(factory=Counter)
    unarchived: Counter[str] = attrs.field(factory=Counter)


def plan_cards(
    entries: Sequence[ImportedCard],
    ids: Sequence[str],
    targets: CardTargets,
    by: Importer,
    last_number: int,
    counts: ColumnCounts,
) -> Iterator[tuple[Card, int]]:
    """Yield cards with their positions, each after the cards that its column already has.

    Args:
        entries: The cards, as the file has them.
        ids: Their new ids.
        targets: The parts of the project that they refer to.
        by: The importing user.
        last_number: The highest number that is not free.
        counts: The numbers of cards of each column, to which the cards are added.

    Raises:
        Invalid: A card refers to something that the file does not have, or contradicts itself.
    """
    numbers = _numbers(entries, last_number)
    columns = [
        card_rules.LockedColumn(column.id, column.name, column.scope_id, column.card_status, column.wip_limit)
        for column in targets.columns
    ]
    for index, (entry, id, number) in enumerate(zip(entries, ids, numbers, strict=True)):
        path = f"cards[{index}]."
        column = columns[_column_of(entry, targets.column_indexes, len(columns), path)]
        card = _build_card(entry, id, number, column, counts.unarchived[column.id], targets, by, path)
        yield card, GAP * counts.all_cards[column.id]
        counts.unarchived[column.id] += not entry.archived
        counts.all_cards[column.id] += 1


def _build_card(
    entry: ImportedCard,
    id: str,
    number: int,
    column: card_rules.LockedColumn,
    order: int,
    targets: CardTargets,
    by: Importer,
    path: str,
) -> Card:
    for field_id in entry.custom_fields or ():
        if field_id not in targets.fields:
            raise invalid(
                (f"{path}customFields.{field_id[:100]}", "must be the id of one of the file's custom fields")
            )
    label_ids = [
        resolve_reference(targets.label_ids, label_id, f"{path}labelIds[{index}]", "labels")
        for index, label_id in enumerate(entry.label_ids or ())
    ]
    card = card_rules.build_card(
        by,
        convert(
            CreateCard,
            entry,
            assignee_id=by.assignees.get(entry.assignee or ""),
            label_ids=label_ids,
            recurrence=UNSET,
        ),
        id=id,
        number=number,
        project_id=by.project_id,
        project_key="",  # Rows do not store a card's key, and the project's key is not known yet.
        column=column,
        order=order,
        path=path,
        fields=targets.fields,
    )
    created_at, completed_at = _times(entry, card, by.now, path)
    return replace_fields(
        card,
        archived=entry.archived,
        custom_fields={targets.fields[field_id].id: value for field_id, value in card.custom_fields.items()},
        comment_count=len(entry.comments or ()),
        recurrence=_build_recurrence(entry, column, targets, by, path),
        created_at=created_at,
        completed_at=completed_at,
    )


def _build_recurrence(
    entry: ImportedCard, column: card_rules.LockedColumn, targets: CardTargets, by: Importer, path: str
) -> CardRecurrence | None:
    if not entry.recurrence:
        return None
    index = targets.column_indexes.get(entry.recurrence.column_id or "")
    request = convert(Recurrence, entry.recurrence, until=UNSET, column_id=UNSET)
    recurrence = start_series(by, request, (column if index is None else targets.columns[index]).id, path)
    recurrence = replace_fields(recurrence, until=moment(entry.recurrence.until))
    return None if is_over(recurrence, by.now) else recurrence


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
    given_numbers = index_values((card.number for card in cards), "cards", "number")
    free = iter(range(max([last, *given_numbers]) + 1, 2**31))
    return [card.number or next(free) for card in cards]


def _times(card: ImportedCard, new_card: Card, now: datetime, path: str) -> tuple[datetime, datetime | None]:
    """Return the times of creation and completion; future times of the file become ``now``."""
    completed = moment(card.completed_at)
    if completed and new_card.status != "done":
        raise invalid((f"{path}completedAt", "must not be given unless status is done"))
    if completed and card.created_at and completed < utc(card.created_at):
        raise invalid((f"{path}completedAt", "must not be before createdAt"))
    completed_at = min(completed or now, now)
    created_at = min(moment(card.created_at) or completed_at, now)
    return created_at, completed_at if new_card.status == "done" else None


def check_comment_count(entries: Sequence[ImportedCard | ImportedDocument], path: str) -> None:
    """Check that the items of a file do not have too many comments.

    Args:
        entries: The items, as the file has them.
        path: The path of their list.

    Raises:
        Invalid: There are too many comments.
    """
    if sum(len(entry.comments or ()) for entry in entries) > IN_ALL_MAX:
        raise invalid((path, f"must not have more than {IN_ALL_MAX} comments in all"))


def plan_comments(
    kind: type[C],
    item: str,
    entries: Sequence[ImportedCard | ImportedDocument],
    ids: Sequence[str],
    by: Importer,
) -> Iterator[tuple[C, str | None]]:
    """Yield the comments of cards or documents, with the addresses of their authors.

    Args:
        kind: The class of the comments.
        item: What they are on: ``card`` or ``document``.
        entries: The items, as the file has them.
        ids: Their new ids.
        by: The importing user.

    Raises:
        Invalid: There are too many comments.
    """
    check_comment_count(entries, f"{item}s")
    for id, entry in zip(ids, entries, strict=True):
        for comment in entry.comments or ():
            yield _comment(kind, comment, {f"{item}_id": id}, by)


def _comment(
    kind: type[C], entry: ImportedComment, item: Mapping[str, str], by: Importer
) -> tuple[C, str | None]:
    created_at = min(moment(entry.created_at) or by.now, by.now)
    updated_at = min(moment(entry.updated_at) or created_at, by.now)
    author = entry.author or ImportedPerson(name=by.name, email=by.email)
    email = value_or(author.email, None)
    comment = build_value(
        kind,
        entry,
        id=by.new_id(),
        **item,
        # The importer is responsible for the comment: the authors that a file names are not verified.
        author_id=by.user_id,
        author_name=by.name,
        imported_from=(author.name or email or by.name)[:NAME_MAX],
        created_at=created_at,
        updated_at=max(created_at, updated_at),
    )
    return comment, email
