"""Cards, one at a time. Section Cards of the API reference."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, insert, update

from stellary.contract.cards import (
    CREATE_CARD,
    DELETE_CARD,
    GET_CARD,
    UPDATE_CARD,
    Card,
    CreateCard,
    UpdateCard,
)
from stellary.contract.endpoint import Ok
from stellary.contract.errors import NotFound
from stellary.contract.refs import CardRef, ColumnRef
from stellary.contract.unset import UNSET
from stellary.core.board import access, card_rows, ordering
from stellary.core.board.card_references import check_references
from stellary.core.board.concerned import commenter_ids
from stellary.core.board.holds import begin_again, hold_columns
from stellary.core.board.rules import cards as rules
from stellary.core.board.rules.cards import AtEnd, Stage
from stellary.core.board.rules.references import unknown
from stellary.core.board.tables import cards, projects
from stellary.core.events import CardCreated, CardDeleted
from stellary.core.unit import UnitOfWork, serves

_NUMBERS = (
    update(projects)
    .where(projects.c.id == bindparam("_project_id"))
    .values(last_number=projects.c.last_number + bindparam("_count"))
    .returning(projects.c.last_number)
)
INSERT = insert(cards)
_UPDATE = update(cards).where(cards.c.id == bindparam("_id"))
_DELETE = delete(cards).where(cards.c.id == bindparam("_id"))


@serves(CREATE_CARD)
def create_card(uow: UnitOfWork, ref: ColumnRef, request: CreateCard) -> Card:
    """Make a card at the end of a column."""
    at = access.column(uow, ref)
    workspace_id = at.standing.workspace_id or ""
    fields = check_references(uow, workspace_id, ref.project_id, [("", request)])
    number = take_numbers(uow, ref.project_id, 1)
    stage = hold_columns(uow, ref.project_id, [ref.column_id]).get(ref.column_id)
    if stage is None:
        raise NotFound("Column not found")
    spot = ordering.find_spot(uow, stage, "", ref.project_id, AtEnd())
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
    rules.check_room(stage, spot.order + 1)
    uow.connection.execute(INSERT, card_rows.row(made, spot.position))
    uow.happened(CardCreated(workspace_id=workspace_id, project_id=made.project_id, card=made))
    return made


def take_numbers(uow: UnitOfWork, project_id: str, count: int) -> int:
    """Take the next numbers of a project, which are given to no other card ever. The first of them."""
    last: int | None = uow.connection.execute(_NUMBERS, {"_project_id": project_id, "_count": count}).scalar()
    if last is None:
        raise NotFound("Project not found")
    return last - count + 1


@serves(GET_CARD)
def get_card(uow: UnitOfWork, ref: CardRef) -> Card:
    """One card."""
    return access.card(uow, ref).card


@serves(UPDATE_CARD)
def update_card(uow: UnitOfWork, ref: CardRef, request: UpdateCard) -> Card:
    """Change what is named; a card that is moved gets its place among those that stand there by then."""
    at = access.card(uow, ref)
    workspace_id = at.standing.workspace_id or ""
    fields = check_references(uow, workspace_id, ref.project_id, [("", request)])
    at, stages = _held(uow, at, request)
    before = at.card
    stage = None if request.column_id is UNSET else stages.get(request.column_id)
    if stage is None and request.column_id is not UNSET:
        raise unknown("columnId")
    entered = stage if stage and stage.id != before.column_id else None
    wish = rules.wish(before, request)
    if wish is None:
        _check_anchors(uow, request, ref.project_id)
    after = rules.changed(before, request, entered, new_id=uow.new_id, now=uow.now, fields=fields)
    uow.require_version(before.version)
    order, position = None if after.archived else before.order, None
    if wish is not None:
        into = stages[after.column_id]
        spot = ordering.find_spot(uow, into, before.id, ref.project_id, wish)
        if entered or before.archived:
            _check_room(uow, into, before, spot, wish)
        order, position = spot.order, spot.position
    after = rules.settled(before, after, order, uow.now)
    if after is before:
        return before
    uow.connection.execute(_UPDATE, {"_id": before.id, **card_rows.differences(before, after, position)})
    names = (stages[before.column_id].name, entered.name) if entered else ()
    for event in rules.events(before, after, workspace_id, *names):
        uow.happened(event)
    return after


def _held(uow: UnitOfWork, at: access.CardAt, request: UpdateCard) -> tuple[access.CardAt, dict[str, Stage]]:
    """The card as it is by now, held; with the columns that it leaves and enters if it is to have another place."""
    if not rules.names_place(request):
        return access.hold_card(uow, at), {}
    columns = {at.card.column_id} | ({request.column_id} if request.column_id is not UNSET else set())
    stages = hold_columns(uow, at.card.project_id, columns)
    at = access.hold_card(uow, at)
    if at.card.column_id not in stages:
        # Somebody has moved it while we waited for the column where it was. What is held cannot be let go.
        begin_again(uow)
    return at, stages


def _check_anchors(uow: UnitOfWork, request: UpdateCard, project_id: str) -> None:
    """Where a card is to stand that stands nowhere matters to nobody; that it names what is not there does."""
    named = {"before": request.before, "after": request.after}
    anchors = {name: id for name, id in named.items() if id is not UNSET}
    there = ordering.are_there(uow, project_id, set(anchors.values()))
    for name, id in anchors.items():
        if id not in there:
            raise unknown(name)


def _check_room(uow: UnitOfWork, stage: Stage, before: Card, spot: ordering.Spot, wish: rules.Wish) -> None:
    if stage.wip_limit is None:
        return
    others = spot.order if wish == AtEnd() else ordering.count_others(uow, stage.id, before.id)
    rules.check_room(stage, others + 1)


@serves(DELETE_CARD)
def delete_card(uow: UnitOfWork, ref: CardRef) -> Ok:
    """Delete a card with what hangs on it. Its number is given to no other one."""
    at = access.hold_card(uow, access.card(uow, ref))
    uow.require_version(at.card.version)
    event = CardDeleted(
        workspace_id=at.standing.workspace_id or "",
        project_id=at.card.project_id,
        card=at.card,
        commenter_ids=commenter_ids(uow, at.card.id),
    )
    uow.connection.execute(_DELETE, {"_id": at.card.id})
    uow.happened(event)
    return Ok()
