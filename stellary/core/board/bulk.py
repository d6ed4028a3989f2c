"""Bulk operations on cards: create or update up to 500 cards, all or none. Section Cards of the API reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from stellary.contract.cards import (
    CREATE_CARDS,
    UPDATE_CARDS,
    Card,
    CardChange,
    CreateCards,
    UpdateCards,
)
from stellary.contract.custom_fields import CustomField
from stellary.contract.errors import Conflict
from stellary.contract.fields import replace_fields
from stellary.contract.refs import ProjectRef
from stellary.contract.wire import UNSET, invalid
from stellary.core.board import access
from stellary.core.board.cards import INSERT, queue_numbers
from stellary.core.board.changes.card_moves import CardWithPosition, lock_cards, write_cards
from stellary.core.board.changes.card_references import check_references
from stellary.core.board.order import ordering
from stellary.core.board.order.deleted_cards import move_deleted_cards
from stellary.core.board.order.locks import lock_columns
from stellary.core.board.rows import card_rows
from stellary.core.board.rules import cards as rules
from stellary.core.board.rules.custom_fields import check_required
from stellary.core.board.rules.positions import GAP, ColumnOrder
from stellary.core.board.rules.references import unknown
from stellary.core.db.direct_connection import queue_rows
from stellary.core.kernel.events import CardCreated, CardEvent, CardUpdated
from stellary.core.kernel.unit import UnitOfWork, serves


@serves(CREATE_CARDS)
def create_cards(uow: UnitOfWork, ref: ProjectRef, request: CreateCards) -> list[Card]:
    """Create cards, each at the end of its column, in the order of the request."""
    loaded = access.project(uow, ref)
    requests = [(f"cards[{index}].", item) for index, item in enumerate(request.cards)]
    fields = check_references(uow, loaded.row.workspace_id, loaded.row.id, requests)
    read_numbers = queue_numbers(uow, loaded.row.id, len(requests))
    columns = lock_columns(uow, loaded.row.id, {item.column_id for _, item in requests})
    number, required_fields = read_numbers()
    ends = ordering.find_column_ends(uow, columns)
    new_cards: list[tuple[Card, int]] = []
    for path, item in requests:
        column = columns.get(item.column_id)
        if column is None:
            raise unknown(f"{path}columnId")
        point = ends[column.id]
        card = rules.build_card(
            uow,
            item,
            id=uow.new_id(),
            number=number + len(new_cards),
            project_id=loaded.row.id,
            project_key=loaded.row.key,
            column=column,
            order=point.order,
            path=path,
            fields=fields,
        )
        check_required(required_fields, card.custom_fields, path)
        new_cards.append((card, point.position))
        ends[column.id] = ordering.InsertionPoint(point.position + GAP, point.order + 1)
    # Checked last, so that an invalid request is reported before a full column.
    for (path, item), (card, _) in zip(requests, new_cards, strict=True):
        rules.check_room(columns[item.column_id], (card.order or 0) + 1, path)
    queue_rows(uow.connection, INSERT, [card_rows.row(card, position) for card, position in new_cards])
    for column in columns.values():
        ordering.index_changes(uow, column, ends[column.id].order)
    ids = {"workspace_id": loaded.row.workspace_id, "project_id": loaded.row.id}
    for card, _ in new_cards:
        uow.emit(CardCreated(**ids, card=card, column=columns[card.column_id].name))
    return [card for card, _ in new_cards]


@serves(UPDATE_CARDS)
def update_cards(uow: UnitOfWork, ref: ProjectRef, request: UpdateCards) -> list[Card]:
    """Update cards one after the other, in the order of the request."""
    loaded = access.project(uow, ref)
    requests = [(f"cards[{index}].", item) for index, item in enumerate(request.cards)]
    _check_once(request.cards)
    fields = check_references(uow, loaded.row.workspace_id, loaded.row.id, requests)
    columns: Mapping[str, rules.LockedColumn] = {}
    if any(rules.changes_position(change) for change in request.cards):
        columns = lock_columns(uow, loaded.row.id)
    cards = lock_cards(uow, loaded.row.id, [change.id for change in request.cards])
    for path, change in requests:
        if change.id not in cards:
            raise unknown(f"{path}id")
        uow.record_dependency("card", change.id, cards[change.id].card.version)
    column_ids = {locked.card.column_id for locked in cards.values()}
    column_ids |= columns.keys() & {
        change.column_id for change in request.cards if change.column_id is not UNSET
    }
    orders = ordering.load_column_orders(uow, loaded.row.id, column_ids)
    return _CardUpdates(uow, loaded.row.workspace_id, loaded.row.id, columns, orders, cards, fields).apply(
        requests
    )


def _check_once(changes: Sequence[CardChange]) -> None:
    ids: set[str] = set()
    for index, change in enumerate(changes):
        if change.id in ids:
            raise invalid((f"cards[{index}].id", "must be named once"))
        ids.add(change.id)


@attrs.frozen
class _CardUpdates:
    """Updates of locked cards, which are applied in memory and written together.

    Attributes:
        uow: The unit of work.
        workspace_id, project_id: The workspace and the project of the cards.
        columns: The locked columns of the project; empty if no position changes.
        orders: The order of the cards in the columns that are left or entered.
        cards: The locked cards, by id.
        fields: The custom fields that the requests name, by id.
        placed: The ids of the cards that have been moved.
        steps: The old and the new order of each card that has been moved or archived.
    """

    uow: UnitOfWork
    workspace_id: str
    project_id: str
    columns: Mapping[str, rules.LockedColumn]
    orders: Mapping[str, ColumnOrder]
    cards: Mapping[str, CardWithPosition]
    fields: Mapping[str, CustomField]
    placed: set[str] = attrs.field(init=False, factory=set)
    steps: dict[str, tuple[int | None, int | None]] = attrs.field(init=False, factory=dict)

    def apply(self, requests: Sequence[tuple[str, CardChange]]) -> list[Card]:
        """Apply the changes, and return the updated cards.

        Raises:
            Invalid: A change names a resource that does not exist, or contradicts itself.
            Conflict: A column is full, or the card that ``before`` or ``after`` names is not in the column.
        """
        anchors = (
            (path + name, id)
            for path, change in requests
            for name, id in (("before", change.before), ("after", change.after))
        )
        ordering.check_anchors(self.uow, self.project_id, anchors)
        order_by_id = self._get_order_by_id()
        before = [
            replace_fields(self.cards[change.id].card, order=order_by_id.get(change.id))
            for _, change in requests
        ]
        after = [
            self._apply_change(path, change, card)
            for (path, change), card in zip(requests, before, strict=True)
        ]
        return self._write(before, after)

    def _get_order_by_id(self) -> dict[str, int]:
        return {
            id: order for column_order in self.orders.values() for id, order in column_order.orders().items()
        }

    def _apply_change(self, path: str, change: CardChange, before: Card) -> Card:
        column = None if change.column_id is UNSET else self.columns.get(change.column_id)
        if column is None and change.column_id is not UNSET:
            raise unknown(f"{path}columnId")
        entered = column if column and column.id != before.column_id else None
        target = rules.find_target_position(before, change, path)
        after = rules.apply_update(self.uow, before, change, entered, path=path, fields=self.fields)
        old_order = None if before.archived else self.orders[before.column_id].order_of(before.id)
        if not before.archived and (target or after.archived):
            self.orders[before.column_id].remove(before.id)
        if target:
            column_order = self.orders[after.column_id]
            if entered or before.archived:
                rules.check_room(self.columns[after.column_id], len(column_order) + 1, path)
            column_order.insert(before.id, _index(column_order, target))
            self.placed.add(before.id)
            self.steps[before.id] = old_order, column_order.order_of(before.id)
        elif after.archived and not before.archived:
            self.steps[before.id] = old_order, None
        return after

    def _write(self, before: Sequence[Card], after: Sequence[Card]) -> list[Card]:
        order_by_id = self._get_order_by_id()
        positions = {
            id: new for column_order in self.orders.values() for id, new in column_order.positions().items()
        }
        moves = {
            column_id: column_order.list_moves(positions) for column_id, column_order in self.orders.items()
        }
        updated_cards, changed_cards = [], []
        for old_card, new_card in zip(before, after, strict=True):
            order = order_by_id.get(old_card.id)
            # A card whose position changed only because of other cards does not count as changed.
            base = (
                old_card
                if old_card.id in self.placed or order is None
                else replace_fields(old_card, order=order)
            )
            card = rules.increment_version(base, new_card, order, self.uow.now)
            updated_cards.append(card)
            if card is not base:
                changed_cards.append((card, positions.pop(old_card.id, self.cards[old_card.id].position)))
                self._emit_events(base, card)
            elif len(set(self.steps.get(card.id, ()))) > 1:
                # The card was moved, and has the same order as before because other cards moved as well.
                self._emit_events(card, card)
        write_cards(self.uow, changed_cards)
        ordering.write_positions(self.uow, positions)
        for column_id, column_moves in moves.items():
            move_deleted_cards(self.uow, self.project_id, column_id, column_moves)
        for column in self.columns.values():
            if column.id in self.orders:
                ordering.index_changes(self.uow, column, len(self.orders[column.id]))
        return updated_cards

    def _emit_events(self, before: Card, after: Card) -> None:
        """Emit the events of a card, with its order right before and after its own change.

        A client that applies the events one after the other then has the cards in their final order.
        """
        old_order, new_order = self.steps.get(before.id, (before.order, after.order))
        before, after = replace_fields(before, order=old_order), replace_fields(after, order=new_order)
        names = [self.columns[card.column_id].name for card in (before, after) if self.columns]
        events: list[CardEvent] = rules.build_events(before, after, self.workspace_id, *names)
        ids = {"workspace_id": self.workspace_id, "project_id": self.project_id}
        # The card returned to its old place while other cards moved; its version has changed nevertheless.
        for event in events or [CardUpdated(**ids, card=after, before=before, changed=("order",))]:
            self.uow.emit(event)


def _index(column_order: ColumnOrder, target: rules.TargetPosition) -> int:
    if not isinstance(target, rules.AdjacentPosition):
        return target.index if isinstance(target, rules.IndexPosition) else len(column_order)
    order = column_order.order_of(target.card_id)
    if order is None:
        raise Conflict(f"{target.field} is not in that column", code="not_in_column")
    return order + target.after
