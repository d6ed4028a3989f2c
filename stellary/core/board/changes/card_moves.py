"""Cards in bulk: locked together, written together, and moved out of columns that are deleted."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Any

import attrs
from sqlalchemy import Select, select

from stellary.contract.cards import Card, UpdateCard
from stellary.contract.fields import replace_fields
from stellary.core.board.order import ordering
from stellary.core.board.rows import card_rows
from stellary.core.board.rules import cards as rules
from stellary.core.board.rules.positions import GAP
from stellary.core.board.tables import cards, projects
from stellary.core.db.base import is_among, is_given
from stellary.core.kernel.unit import UnitOfWork

_CARDS: Select[Any] = (
    select(projects.c.key, cards.c.position, *card_rows.STORED)
    .join_from(cards, projects)
    .where(is_given(cards.c.project_id))
    .order_by(cards.c.id)
    .with_for_update(key_share=True, of=cards)
)
_CARDS_BY_ID = _CARDS.where(is_among(cards.c.id))
_OF_COLUMNS = _CARDS.where(is_among(cards.c.column_id))
IMMUTABLE = (
    "id",
    "number",
    "project_id",
    "created_by_id",
    "created_at",
    "comment_count",
    "attachment_count",
)
"""The columns that changes within a project keep."""


@attrs.frozen
class CardWithPosition:
    """A locked card and its position; ``card.order`` is None."""

    card: Card
    position: int


def lock_cards(uow: UnitOfWork, project_id: str, ids: Sequence[str]) -> dict[str, CardWithPosition]:
    """Lock cards of a project until the transaction ends, and return their current state by id.

    Args:
        project_id: The project of the cards.
        ids: The ids of the cards; those of other projects are missing in the result.
    """
    rows = uow.connection.execute(_CARDS_BY_ID, {"_project_id": project_id, "_ids": list(ids)})
    return {locked.card.id: locked for locked in map(_row_to_card, rows)}


def _row_to_card(row: Sequence[Any]) -> CardWithPosition:
    return CardWithPosition(card_rows.card(row[2:], row[0], None), row[1])


def write_cards(
    uow: UnitOfWork, changed_cards: Iterable[tuple[Card, int]], excluded: Container[str] = IMMUTABLE
) -> None:
    """Write the new state of cards, each with its position, in one batch.

    Args:
        changed_cards: The cards, each with its position in its column.
        excluded: The columns that are not written. Default: those that changes within a project keep.
    """
    rows = []
    for card, position in changed_cards:
        row = card_rows.row(card, position)
        rows.append({"_id": card.id} | {name: row[name] for name in row if name not in excluded})
    if rows:
        uow.connection.execute(card_rows.UPDATE, rows)


def lock_cards_of_columns(
    uow: UnitOfWork, project_id: str, column_ids: Sequence[str]
) -> list[CardWithPosition]:
    """Lock all cards of locked columns; return them by column and position, archived cards last.

    Args:
        project_id: The project of the columns.
        column_ids: The columns, in the order of the result.
    """
    column_indexes = {column_id: index for index, column_id in enumerate(column_ids)}
    rows = uow.connection.execute(_OF_COLUMNS, {"_project_id": project_id, "_column_ids": list(column_ids)})
    return sorted(
        map(_row_to_card, rows),
        key=lambda locked: (
            locked.card.archived,
            column_indexes[locked.card.column_id],
            locked.position,
            locked.card.id,
        ),
    )


def empty_columns(
    uow: UnitOfWork,
    workspace_id: str,
    sources: Sequence[rules.LockedColumn],
    target: rules.LockedColumn,
    project_id: str,
) -> dict[str, object]:
    """Move all cards of locked columns to the end of another locked column, in their order.

    Archived cards stay archived.

    Args:
        workspace_id: The workspace, for the events.
        sources: The columns to empty.
        target: The column that gets the cards.
        project_id: The project of all columns.

    Returns:
        The former place and status of each card, by its id, for the trash.

    Raises:
        Conflict: The other column has not enough room.
    """
    names = {column.id: column.name for column in sources}
    locked_cards = lock_cards_of_columns(uow, project_id, list(names))
    end = ordering.find_insertion_point(uow, target, rules.EndPosition(), project_id)
    unarchived_count = sum(not locked.card.archived for locked in locked_cards)
    if unarchived_count:
        rules.check_room(target, end.order + unarchived_count)
    changed_cards, moves = [], dict[str, object]()
    for index, locked in enumerate(locked_cards):
        before = replace_fields(locked.card, order=None if locked.card.archived else index)
        after = rules.apply_update(uow, before, UpdateCard(), target)
        order = None if after.archived else end.order + index
        after = rules.increment_version(before, after, order, uow.now)
        changed_cards.append((after, end.position + GAP * index))
        for event in rules.build_events(before, after, workspace_id, names[before.column_id], target.name):
            uow.emit(event)
        moves[after.id] = {
            "columnId": before.column_id,
            "position": locked.position,
            "status": before.status,
            "completedAt": before.completed_at,
            "movedTo": target.id,
            "movedStatus": after.status,
        }
    write_cards(uow, changed_cards)
    ordering.index_changes(uow, target, end.order + unarchived_count)
    return moves
