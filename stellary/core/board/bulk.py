"""Cards in bulk: up to 500 made or changed at once, all or none. Section Cards of the API reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
from stellary.contract.refs import ProjectRef
from stellary.contract.unset import UNSET
from stellary.contract.wire import invalid
from stellary.core.board import access, card_rows, ordering
from stellary.core.board.card_moves import Held, lock_cards, write_cards
from stellary.core.board.card_references import check_references
from stellary.core.board.cards import INSERT, take_numbers
from stellary.core.board.locks import lock_columns
from stellary.core.board.rules import cards as rules
from stellary.core.board.rules.cards import AdjacentPosition, IndexPosition, LockedColumn, TargetPosition
from stellary.core.board.rules.custom_fields import check_required
from stellary.core.board.rules.positions import GAP, ColumnOrder
from stellary.core.board.rules.references import unknown
from stellary.core.kernel.events import CardCreated
from stellary.core.kernel.unit import UnitOfWork, serves


@serves(CREATE_CARDS)
def create_cards(uow: UnitOfWork, ref: ProjectRef, request: CreateCards) -> list[Card]:
    """Make cards, each at the end of its column, in the order given."""
    at = access.project(uow, ref)
    asked = [(f"cards[{index}].", each) for index, each in enumerate(request.cards)]
    fields = check_references(uow, at.row.workspace_id, at.row.id, asked)
    number, required = take_numbers(uow, at.row.id, len(asked))
    stages = lock_columns(uow, at.row.id, {each.column_id for _, each in asked})
    ends = ordering.find_column_ends(uow, stages)
    made: list[tuple[Card, int]] = []
    for path, each in asked:
        stage = stages.get(each.column_id)
        if stage is None:
            raise unknown(f"{path}columnId")
        spot = ends[stage.id]
        card = rules.created(
            each,
            id=uow.new_id(),
            number=number + len(made),
            project_id=at.row.id,
            project_key=at.row.key,
            stage=stage,
            order=spot.order,
            created_by_id=uow.user_id,
            new_id=uow.new_id,
            now=uow.now,
            path=path,
            fields=fields,
        )
        check_required(required, card.custom_fields, path)
        made.append((card, spot.position))
        ends[stage.id] = ordering.InsertionPoint(spot.position + GAP, spot.order + 1)
    # All of them have been found right by then: what cannot be is told before what has no room.
    for (path, each), (card, _) in zip(asked, made, strict=True):
        rules.check_room(stages[each.column_id], (card.order or 0) + 1, path)
    uow.connection.execute(INSERT, [card_rows.row(card, position) for card, position in made])
    for stage in stages.values():
        ordering.index_changes(uow, stage, ends[stage.id].order)
    for card, _ in made:
        uow.emit(CardCreated(workspace_id=at.row.workspace_id, project_id=at.row.id, card=card))
    return [card for card, _ in made]


@serves(UPDATE_CARDS)
def update_cards(uow: UnitOfWork, ref: ProjectRef, request: UpdateCards) -> list[Card]:
    """Change cards in the order given, as if one after the other."""
    at = access.project(uow, ref)
    asked = [(f"cards[{index}].", each) for index, each in enumerate(request.cards)]
    _check_once(request.cards)
    fields = check_references(uow, at.row.workspace_id, at.row.id, asked)
    stages: Mapping[str, LockedColumn] = {}
    if any(rules.names_place(each) for each in request.cards):
        stages = lock_columns(uow, at.row.id)
    held = lock_cards(uow, at.row.id, [each.id for each in request.cards])
    for path, each in asked:
        if each.id not in held:
            raise unknown(f"{path}id")
        uow.record_dependency("card", each.id, held[each.id].card.version)
    columns = {each.card.column_id for each in held.values()}
    columns |= stages.keys() & {each.column_id for each in request.cards if each.column_id is not UNSET}
    lines = ordering.load_column_orders(uow, at.row.id, columns)
    return _Changes(uow, at.row.workspace_id, at.row.id, stages, lines, held, fields).made(asked)


def _check_once(changes: Sequence[CardChange]) -> None:
    seen: set[str] = set()
    for index, each in enumerate(changes):
        if each.id in seen:
            raise invalid((f"cards[{index}].id", "must be named once"))
        seen.add(each.id)


class _Changes:
    """Changes of cards that are held, decided on lists and written at the end.

    Args:
        uow: The unit.
        workspace_id, project_id: Where the cards are.
        stages: The columns of the project; none if no card gets another place.
        lines: Who stands in the columns that are left or entered.
        held: The cards, by id.
        fields: The custom fields that are named, by id.
    """

    def __init__(
        self,
        uow: UnitOfWork,
        workspace_id: str,
        project_id: str,
        stages: Mapping[str, LockedColumn],
        lines: Mapping[str, ColumnOrder],
        held: Mapping[str, Held],
        fields: Mapping[str, CustomField],
    ) -> None:
        self.uow = uow
        self.workspace_id = workspace_id
        self.project_id = project_id
        self.stages = stages
        self.lines = lines
        self.held = held
        self.fields = fields
        self.placed: set[str] = set()

    def made(self, asked: Sequence[tuple[str, CardChange]]) -> list[Card]:
        """Make the changes, and the answer to each.

        Raises:
            Invalid: One refers to what is not there, or contradicts itself.
            Conflict: A column is full, or a card does not stand where another is to stand beside it.
        """
        self._check_anchors(asked)
        places = self._places()
        before = [rules.altered(self.held[each.id].card, order=places.get(each.id)) for _, each in asked]
        after = [self._changed(path, each, card) for (path, each), card in zip(asked, before, strict=True)]
        return self._written(before, after)

    def _check_anchors(self, asked: Sequence[tuple[str, CardChange]]) -> None:
        anchors = [
            (path + name, id)
            for path, each in asked
            for name, id in (("before", each.before), ("after", each.after))
            if id is not UNSET
        ]
        there = ordering.are_there(self.uow, self.project_id, {id for _, id in anchors})
        for field, id in anchors:
            if id not in there:
                raise unknown(field)

    def _places(self) -> dict[str, int]:
        return {id: place for line in self.lines.values() for id, place in line.places().items()}

    def _changed(self, path: str, change: CardChange, before: Card) -> Card:
        stage = None if change.column_id is UNSET else self.stages.get(change.column_id)
        if stage is None and change.column_id is not UNSET:
            raise unknown(f"{path}columnId")
        entered = stage if stage and stage.id != before.column_id else None
        wish = rules.wish(before, change, path)
        after = rules.changed(
            before,
            change,
            entered,
            new_id=self.uow.new_id,
            now=self.uow.now,
            path=path,
            fields=self.fields,
        )
        if not before.archived and (wish or after.archived):
            self.lines[before.column_id].take(before.id)
        if wish:
            line = self.lines[after.column_id]
            if entered or before.archived:
                rules.check_room(self.stages[after.column_id], len(line) + 1, path)
            line.put(before.id, _index(line, wish))
            self.placed.add(before.id)
        return after

    def _written(self, before: Sequence[Card], after: Sequence[Card]) -> list[Card]:
        places = self._places()
        positions = {id: new for line in self.lines.values() for id, new in line.positions().items()}
        answers, written = [], []
        for was, becomes in zip(before, after, strict=True):
            order = places.get(was.id)
            # A card that others have pushed on has not changed itself.
            old = was if was.id in self.placed or order is None else rules.altered(was, order=order)
            card = rules.settled(old, becomes, order, self.uow.now)
            answers.append(card)
            if card is not old:
                written.append((card, positions.pop(was.id, self.held[was.id].position)))
                self._tell(old, card)
        write_cards(self.uow, written)
        ordering.rewrite(self.uow, positions)
        for stage in self.stages.values():
            if stage.id in self.lines:
                ordering.index_changes(self.uow, stage, len(self.lines[stage.id]))
        return answers

    def _tell(self, before: Card, after: Card) -> None:
        names = [self.stages[card.column_id].name for card in (before, after) if self.stages]
        for event in rules.events(before, after, self.workspace_id, *names):
            self.uow.emit(event)


def _index(line: ColumnOrder, wish: TargetPosition) -> int:
    if not isinstance(wish, AdjacentPosition):
        return wish.index if isinstance(wish, IndexPosition) else len(line)
    place = line.place(wish.card_id)
    if place is None:
        raise Conflict(f"{wish.field} is not in that column", code="not_in_column")
    return place + wish.after
