"""Many cards at once: read and held together, written together; and all cards of columns that are given up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import attrs
from sqlalchemy import Select, bindparam, select, update

from stellary.contract.cards import Card, UpdateCard
from stellary.core.board import card_rows, ordering
from stellary.core.board.rules import cards as rules
from stellary.core.board.rules.cards import LockedColumn
from stellary.core.board.rules.positions import GAP
from stellary.core.board.tables import cards, projects
from stellary.core.kernel.unit import UnitOfWork

_CARDS: Select[Any] = (
    select(projects.c.key, cards.c.position, *card_rows.STORED)
    .join_from(cards, projects, projects.c.id == cards.c.project_id)
    .where(cards.c.project_id == bindparam("_project_id"))
    .order_by(cards.c.id)
    .with_for_update(key_share=True, of=cards)
)
_NAMED = _CARDS.where(cards.c.id.in_(bindparam("_ids", expanding=True)))
_OF_COLUMNS = _CARDS.where(cards.c.column_id.in_(bindparam("_column_ids", expanding=True)))
_WRITE = update(cards).where(cards.c.id == bindparam("_id"))
_UNWRITTEN = (
    "id",
    "number",
    "project_id",
    "created_by_id",
    "created_at",
    "comment_count",
    "attachment_count",
)


@attrs.frozen
class CardWithPosition:
    """A card that is held, and its position; ``card.order`` is not counted."""

    card: Card
    position: int


def lock_cards(uow: UnitOfWork, project_id: str, ids: Sequence[str]) -> dict[str, CardWithPosition]:
    """Hold cards of a project until the unit ends, as they are by now; those that are there, by id."""
    rows = uow.connection.execute(_NAMED, {"_project_id": project_id, "_ids": list(ids)})
    return {held.card.id: held for held in map(_held, rows)}


def _held(row: Sequence[Any]) -> CardWithPosition:
    return CardWithPosition(card_rows.card(row[2:], row[0], None), row[1])


def write_cards(uow: UnitOfWork, written: Iterable[tuple[Card, int]]) -> None:
    """Write what has become of cards, each with its position, in one batch."""
    rows = []
    for card, position in written:
        row = card_rows.row(card, position)
        rows.append({"_id": card.id} | {name: row[name] for name in row if name not in _UNWRITTEN})
    if rows:
        uow.connection.execute(_WRITE, rows)


def lock_cards_of_columns(
    uow: UnitOfWork, project_id: str, column_ids: Sequence[str]
) -> list[CardWithPosition]:
    """Hold all cards of columns that are held: column by column, each by place, and then what is archived."""
    place = {column_id: index for index, column_id in enumerate(column_ids)}
    rows = uow.connection.execute(_OF_COLUMNS, {"_project_id": project_id, "_column_ids": list(column_ids)})
    return sorted(
        map(_held, rows),
        key=lambda held: (held.card.archived, place[held.card.column_id], held.position, held.card.id),
    )


def empty_columns(
    uow: UnitOfWork, workspace_id: str, sources: Sequence[LockedColumn], target: LockedColumn, project_id: str
) -> None:
    """Move all cards of columns to the end of another one, in their order; archived ones stay archived.

    All these columns are held.

    Raises:
        Conflict: The other column does not take so many.
    """
    names = {column.id: column.name for column in sources}
    found = lock_cards_of_columns(uow, project_id, list(names))
    last = ordering.find_insertion_point(uow, target, rules.EndPosition(), project_id)
    standing = sum(not held.card.archived for held in found)
    if standing:
        rules.check_room(target, last.order + standing)
    written = []
    for index, held in enumerate(found):
        before = rules.replace_fields(held.card, order=None if held.card.archived else index)
        after = rules.apply_update(before, UpdateCard(), target, new_id=uow.new_id, now=uow.now)
        order = None if after.archived else last.order + index
        after = rules.increment_version(before, after, order, uow.now)
        written.append((after, last.position + GAP * index))
        for event in rules.build_events(before, after, workspace_id, names[before.column_id], target.name):
            uow.emit(event)
    write_cards(uow, written)
    ordering.index_changes(uow, target, last.order + standing)
