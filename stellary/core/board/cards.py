"""Cards, one at a time. Section Cards of the API reference."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from sqlalchemy import bindparam, delete, insert, select, update

from stellary.contract.cards import (
    CREATE_CARD,
    DELETE_CARD,
    GET_CARD,
    UPDATE_CARD,
    Card,
    CreateCard,
    UpdateCard,
)
from stellary.contract.custom_fields import CustomField
from stellary.contract.endpoint import Ok
from stellary.contract.errors import NotFound
from stellary.contract.refs import CardRef, ColumnRef
from stellary.contract.unset import UNSET
from stellary.core.board import access, card_rows, field_rows, ordering
from stellary.core.board.card_references import check_references
from stellary.core.board.locks import lock_columns, retry_transaction, uses_row_locks
from stellary.core.board.recipient_queries import commenter_ids
from stellary.core.board.rules import cards as rules
from stellary.core.board.rules.cards import EndPosition, LockedColumn
from stellary.core.board.rules.custom_fields import check_required
from stellary.core.board.rules.references import unknown
from stellary.core.board.tables import cards, projects
from stellary.core.kernel.events import CardCreated, CardDeleted
from stellary.core.kernel.unit import UnitOfWork, serves

_NUMBERS = (
    update(projects)
    .where(projects.c.id == bindparam("_project_id"))
    .values(last_number=projects.c.last_number + bindparam("_count"))
    .returning(
        projects.c.last_number,
        # Asked here, so that a project without such fields pays no statement for them.
        select(field_rows.has_required(bindparam("_project_id"))).scalar_subquery().label("has_required"),
    )
)
INSERT = insert(cards)
_UPDATE = update(cards).where(cards.c.id == bindparam("_id"), cards.c.version == bindparam("_version"))
_DELETE = delete(cards).where(cards.c.id == bindparam("_id"))


@serves(CREATE_CARD)
def create_card(uow: UnitOfWork, ref: ColumnRef, request: CreateCard) -> Card:
    """Make a card at the end of a column."""
    at = access.column(uow, ref)
    workspace_id = at.roles.workspace_id or ""
    fields = check_references(uow, workspace_id, ref.project_id, [("", request)])
    number, required = take_numbers(uow, ref.project_id, 1)
    stage = lock_columns(uow, ref.project_id, [ref.column_id]).get(ref.column_id)
    if stage is None:
        raise NotFound("Column not found")
    spot = ordering.find_insertion_point(uow, stage, EndPosition(), ref.project_id)
    made = rules.created(
        request,
        id=uow.new_id(),
        number=number,
        project_id=ref.project_id,
        project_key=at.row.project_key,
        stage=stage,
        order=spot.order,
        created_by_id=uow.user_id,
        new_id=uow.new_id,
        now=uow.now,
        fields=fields,
    )
    check_required(required, made.custom_fields)
    rules.check_room(stage, spot.order + 1)
    uow.connection.execute(INSERT, card_rows.row(made, spot.position))
    ordering.index_insertion(uow, stage, spot)
    uow.emit(CardCreated(workspace_id=workspace_id, project_id=made.project_id, card=made))
    return made


def take_numbers(uow: UnitOfWork, project_id: str, count: int) -> tuple[int, list[CustomField]]:
    """Take the next numbers of a project, which are given to no other card ever.

    Take them before the columns are locked, in every unit: one that makes cards in two columns would otherwise hold the
    numbers while it waits for the second column, whose holder waits for the numbers.

    Returns:
        The first of them, and the custom fields of which every new card needs a value.

    Raises:
        NotFound: The project was deleted in the meantime.
    """
    row = uow.connection.execute(_NUMBERS, {"_project_id": project_id, "_count": count}).first()
    if row is None:
        raise NotFound("Project not found")
    fields = field_rows.project_fields(uow, project_id) if row.has_required else []
    return row.last_number - count + 1, [field for field in fields if field.required]


@serves(GET_CARD)
def get_card(uow: UnitOfWork, ref: CardRef) -> Card:
    """One card."""
    return access.card(uow, ref).card


@serves(UPDATE_CARD)
def update_card(uow: UnitOfWork, ref: CardRef, request: UpdateCard) -> Card:
    """Change what is named; a card that is moved gets its place among those that stand there by then."""
    at = access.card(uow, ref)
    fields = check_references(uow, at.roles.workspace_id or "", ref.project_id, [("", request)])
    stages = _hold_stages(uow, at.card, request)
    change = _Update(uow, at.roles.workspace_id or "", request, stages, fields)
    made = None
    if not uses_row_locks(uow) or all(stage.directory is None for stage in stages.values()):
        # Mostly nobody else is at the same card, so that it need not be read again.
        made = change.made(at, held=not uses_row_locks(uow))
    if made is None:
        made = change.made(access.lock_card(uow, at), held=True)
    if made is None:
        # Somebody has moved it while we waited for the column where it was. What is held cannot be let go.
        retry_transaction(uow)
    assert made is not None
    return made


def _hold_stages(uow: UnitOfWork, card: Card, request: UpdateCard) -> dict[str, LockedColumn]:
    """The columns that a card leaves and enters, if it is to have another place."""
    if not rules.names_place(request):
        return {}
    columns = {card.column_id} | ({request.column_id} if request.column_id is not UNSET else set())
    return lock_columns(uow, card.project_id, columns)


@attrs.frozen
class _Update:
    """A change that is asked of a card.

    Attributes:
        uow: The unit.
        workspace_id: Where it happens.
        request: What is asked; what it refers to is there.
        stages: The columns that are left and entered, held; none if the card stays where it is.
        fields: The custom fields that are named, by id.
    """

    uow: UnitOfWork
    workspace_id: str
    request: UpdateCard
    stages: Mapping[str, LockedColumn]
    fields: Mapping[str, CustomField]

    def made(self, at: access.LoadedCard, *, held: bool) -> Card | None:
        """Make the change, and the card that it leads to.

        Args:
            at: The card.
            held: Whether the card is that by now, and nobody else changes it.

        Returns:
            None if it stands in a column that is not held, or turns out to be another one by now.
        """
        before = at.card
        if rules.names_place(self.request) and before.column_id not in self.stages:
            return None
        entered = self._entered(before)
        wish = rules.wish(before, self.request)
        if wish is None:
            self._check_anchors(before.project_id)
        after = rules.changed(
            before, self.request, entered, new_id=self.uow.new_id, now=self.uow.now, fields=self.fields
        )
        self.uow.require_version(before.version)
        order = None if after.archived else before.order
        spot = None
        if wish is not None:
            spot = self._spot(at, self.stages[after.column_id], wish)
            order = spot.order
        after = rules.settled(before, after, order, self.uow.now)
        if after is before:
            return before if held or wish is None else None
        if not self._write(at, after, spot):
            return None
        names = (self.stages[before.column_id].name, entered.name) if entered else ()
        for event in rules.events(before, after, self.workspace_id, *names):
            self.uow.emit(event)
        return after

    def _write(self, at: access.LoadedCard, after: Card, spot: ordering.InsertionPoint | None) -> bool:
        """Write the card and where it stands; False if somebody else has changed it."""
        before = at.card
        changes = card_rows.differences(before, after, None if spot is None else spot.position)
        written = {"_id": before.id, "_version": before.version, **changes}
        if not self.uow.connection.execute(_UPDATE, written).rowcount:
            return False
        if not before.archived and (after.archived or after.column_id != before.column_id):
            ordering.index_removal(self.uow, self.stages[before.column_id], at.position)
        if spot is not None:
            ordering.index_insertion(self.uow, self.stages[after.column_id], spot)
        return True

    def _entered(self, before: Card) -> LockedColumn | None:
        if self.request.column_id is UNSET:
            return None
        stage = self.stages.get(self.request.column_id)
        if stage is None:
            raise unknown("columnId")
        return stage if stage.id != before.column_id else None

    def _check_anchors(self, project_id: str) -> None:
        """Where a card is to stand that stands nowhere matters to nobody; that it names what is not there does."""
        named = {"before": self.request.before, "after": self.request.after}
        anchors = {name: id for name, id in named.items() if id is not UNSET}
        there = ordering.are_there(self.uow, project_id, set(anchors.values()))
        for name, id in anchors.items():
            if id not in there:
                raise unknown(name)

    def _spot(
        self, at: access.LoadedCard, into: LockedColumn, wish: rules.TargetPosition
    ) -> ordering.InsertionPoint:
        before = at.card
        stands_there = into.id == before.column_id and not before.archived
        position = at.position if stands_there else None
        spot = ordering.find_insertion_point(self.uow, into, wish, before.project_id, before.id, position)
        if into.wip_limit is not None and not stands_there:
            others = (
                spot.order if wish == EndPosition() else ordering.count_others(self.uow, into.id, before.id)
            )
            rules.check_room(into, others + 1)
        return spot


@serves(DELETE_CARD)
def delete_card(uow: UnitOfWork, ref: CardRef) -> Ok:
    """Delete a card with what hangs on it. Its number is given to no other one."""
    at = access.card(uow, ref)
    stages = {}
    if uses_row_locks(uow) or at.row.directory is not None:
        stages = lock_columns(uow, at.card.project_id, [at.card.column_id])
        at = access.lock_card(uow, at)
        if at.card.column_id not in stages:
            retry_transaction(uow)
    uow.require_version(at.card.version)
    stage = None if at.card.archived else stages.get(at.card.column_id)
    event = CardDeleted(
        workspace_id=at.roles.workspace_id or "",
        project_id=at.card.project_id,
        card=at.card,
        commenter_ids=commenter_ids(uow, at.card.id),
    )
    uow.connection.execute(_DELETE, {"_id": at.card.id})
    if stage is not None:
        ordering.index_removal(uow, stage, at.position)
    uow.emit(event)
    return Ok()
