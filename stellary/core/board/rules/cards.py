"""Cards: what one becomes when it is made or changed, and what has happened then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, TypeVar

import attrs

from stellary.contract.cards import Card, CardStatus, CreateCard, UpdateCard
from stellary.contract.custom_fields import CustomField
from stellary.contract.errors import Conflict
from stellary.contract.unset import UNSET
from stellary.contract.wire import camel, invalid, wire_fields
from stellary.core.board.rules.checklists import is_complete, progress, replaced
from stellary.core.board.rules.custom_fields import NO_FIELDS, with_values
from stellary.core.board.rules.fields import check_dates, given, moment
from stellary.core.board.rules.position_index import PositionIndex
from stellary.core.db.base import IdSource
from stellary.core.kernel.events import (
    CardArchived,
    CardAssigned,
    CardEvent,
    CardMoved,
    CardUpdated,
    ChecklistCompleted,
)

T = TypeVar("T")

_SAID_BY_OTHERS = frozenset(
    {"version", "updated_at", "checklist_progress", "comment_count", "attachment_count"}
)
_SAID_BY_MOVING = frozenset({"column_id", "scope_id", "order", "status", "completed_at"})
_FIELDS = tuple(field.name for field in wire_fields(Card).values())
_ALL = attrgetter(*_FIELDS)


@attrs.frozen
class LockedColumn:
    """A column, as far as it matters to the cards in it."""

    id: str
    name: str
    scope_id: str
    card_status: CardStatus | None
    wip_limit: int | None
    directory: PositionIndex | None = None


@attrs.frozen
class EndPosition:
    """Wanted: the last place of the column."""


@attrs.frozen
class IndexPosition:
    """Wanted: that index among the column's unarchived cards, or the end if there are fewer."""

    index: int


@attrs.frozen
class AdjacentPosition:
    """Wanted: the place right before, or right after, another card of the column; ``field`` named it."""

    card_id: str
    after: bool
    field: str


TargetPosition = EndPosition | IndexPosition | AdjacentPosition

KEEPS_PLACE: Final = None


def names_place(request: UpdateCard) -> bool:
    """Whether a request is about where a card stands."""
    return any(
        found is not UNSET
        for found in (request.column_id, request.order, request.before, request.after, request.archived)
    )


def wish(before: Card, request: UpdateCard, path: str = "") -> TargetPosition | None:
    """Where in its column a card wants to stand; None if it stays where it is, or is archived and stands nowhere.

    ``before`` and ``after`` beat ``order``. A card that is moved to a column, or comes back to the board, and names
    no place, goes to the end.

    Raises:
        Invalid: Both ``before`` and ``after`` are named, or the card itself.
    """
    if request.before is not UNSET and request.after is not UNSET:
        raise invalid((path + "before", "must not be given together with after"))
    if before.id in (request.before, request.after):
        raise invalid((path + ("before" if request.before else "after"), "must be another card"))
    if given(request.archived, before.archived):
        return KEEPS_PLACE
    if request.before is not UNSET:
        return AdjacentPosition(request.before, False, path + "before")
    if request.after is not UNSET:
        return AdjacentPosition(request.after, True, path + "after")
    if request.order is not UNSET:
        return IndexPosition(request.order)
    return EndPosition() if request.column_id is not UNSET or before.archived else KEEPS_PLACE


def created(
    request: CreateCard,
    *,
    id: str,
    number: int,
    project_id: str,
    project_key: str,
    stage: LockedColumn,
    order: int,
    created_by_id: str,
    new_id: IdSource,
    now: datetime,
    path: str = "",
    fields: Mapping[str, CustomField] = NO_FIELDS,
) -> Card:
    """The card that a request makes. Its status is the one it names, else its column's, else ``open``.

    Raises:
        Invalid: It would start after it is due, or a custom field cannot have that value.
    """
    status = request.status or stage.card_status or "open"
    start, due = moment(request.start_date, None), moment(request.due_date, None)
    check_dates(start, due, f"{path}startDate")
    checklist = replaced(request.checklist or (), (), new_id, f"{path}checklist")
    return Card(
        id=id,
        key=f"{project_key}-{number}",
        number=number,
        title=request.title,
        description=given(request.description, None),
        project_id=project_id,
        scope_id=stage.scope_id,
        column_id=stage.id,
        order=order,
        archived=False,
        status=status,
        priority=given(request.priority, None),
        start_date=start,
        due_date=due,
        completed_at=now if status == "done" else None,
        assignee_id=given(request.assignee_id, None),
        created_by_id=created_by_id,
        label_ids=_without_twins(request.label_ids or ()),
        custom_fields=with_values({}, request.custom_fields, fields, f"{path}customFields."),
        checklist=checklist,
        checklist_progress=progress(checklist),
        comment_count=0,
        attachment_count=0,
        version=1,
        created_at=now,
        updated_at=now,
    )


def changed(
    before: Card,
    request: UpdateCard,
    stage: LockedColumn | None,
    *,
    new_id: IdSource,
    now: datetime,
    path: str = "",
    fields: Mapping[str, CustomField] = NO_FIELDS,
) -> Card:
    """What a card becomes by a request, all but its place and version, which ``settled`` gives it.

    A card that enters a column takes the column's status, unless the request names one. ``completed_at`` is the moment
    at which it became ``done``, for as long as it is.

    Args:
        before: The card as it is.
        request: What is to change.
        stage: The column that it enters; None if it stays in its own.
        new_id: Makes the ids of checklist items.
        now: The moment.
        path: Where the request stands in a larger one: ``cards[3].``.
        fields: The custom fields that it names, as far as the project has them.

    Raises:
        Invalid: It would start after it is due, the checklist names an item that is not there, or a custom field
            cannot have that value.
    """
    status = request.status or (stage and stage.card_status) or before.status
    completed_at = None if status != "done" else before.completed_at or now
    checklist = before.checklist
    if request.checklist is not UNSET:
        checklist = replaced(request.checklist, before.checklist, new_id, f"{path}checklist")
    start, due = moment(request.start_date, before.start_date), moment(request.due_date, before.due_date)
    if (start, due) != (before.start_date, before.due_date):
        check_dates(start, due, path + ("startDate" if request.start_date else "dueDate"))
    return altered(
        before,
        title=given(request.title, before.title),
        description=given(request.description, before.description),
        column_id=stage.id if stage else before.column_id,
        scope_id=stage.scope_id if stage else before.scope_id,
        archived=given(request.archived, before.archived),
        status=status,
        priority=given(request.priority, before.priority),
        start_date=start,
        due_date=due,
        completed_at=completed_at,
        assignee_id=given(request.assignee_id, before.assignee_id),
        label_ids=before.label_ids if request.label_ids is UNSET else _without_twins(request.label_ids),
        custom_fields=with_values(
            before.custom_fields, request.custom_fields, fields, f"{path}customFields."
        ),
        checklist=checklist,
        checklist_progress=progress(checklist),
    )


def settled(before: Card, after: Card, order: int | None, now: datetime) -> Card:
    """The changed card at its place: a version later, or the card itself if nothing is different."""
    if order == before.order and not set(differing(before, after)) - {"order"}:
        return before
    return altered(after, order=order, version=before.version + 1, updated_at=now)


def altered(card: Card, **changes: Any) -> Card:
    """The card with some fields changed."""
    return Card(**(dict(zip(_FIELDS, _ALL(card), strict=True)) | changes))


def differing(before: Card, after: Card) -> list[str]:
    """The fields in which two states of a card differ."""
    return [name for name in _FIELDS if getattr(before, name) != getattr(after, name)]


def check_room(stage: LockedColumn, count: int, path: str = "") -> None:
    """A column takes as many unarchived cards as its limit says; those that are in it already may stay.

    Args:
        stage: The column that is entered.
        count: How many would be in it.
        path: Where the request stands in a larger one.

    Raises:
        Conflict: It would be one too many.
    """
    if stage.wip_limit is not None and count > stage.wip_limit:
        where = f"{path.rstrip('.')}: " if path else ""
        raise Conflict(
            f"{where}the column {stage.name!r} is full: it takes {stage.wip_limit} cards", code="wip_limit"
        )


# ---------------------------------------------------------------------------------------------- what has happened


def events(
    before: Card, after: Card, workspace_id: str, from_column: str = "", to_column: str = ""
) -> list[CardEvent]:
    """What has happened to a card between two states.

    Another column is a move, and what the move brought with it (place, status) is part of it. To be archived and to
    be assigned are told for themselves. Whatever else is different is an update.
    """
    fields = set(differing(before, after)) - _SAID_BY_OTHERS
    place = {"workspace_id": workspace_id, "project_id": after.project_id}
    found: list[CardEvent] = []
    if "column_id" in fields:
        fields -= _SAID_BY_MOVING
        found.append(
            CardMoved(**place, card=after, before=before, from_column=from_column, to_column=to_column)
        )
    if "archived" in fields and after.archived:
        fields -= {"archived", "order"}
        found.append(CardArchived(**place, card=after))
    if "assignee_id" in fields:
        fields.discard("assignee_id")
        found.append(CardAssigned(**place, card=after, before=before))
    if fields:
        names = tuple(camel(name) for name in _FIELDS if name in fields)
        found.append(CardUpdated(**place, card=after, before=before, changed=names))
    if "checklist" in fields and is_complete(after.checklist) and not is_complete(before.checklist):
        found.append(ChecklistCompleted(**place, card=after))
    return found


# ---------------------------------------------------------------------------------------------- fields


def _without_twins(ids: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(ids))
