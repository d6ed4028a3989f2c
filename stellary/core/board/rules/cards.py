"""Rules of cards: building a card, applying updates, and the events that a change emits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, TypeVar

import attrs

from stellary.contract.cards import Card, CardStatus, CreateCard, UpdateCard
from stellary.contract.custom_fields import CustomField
from stellary.contract.errors import Conflict
from stellary.contract.fields import (
    build_value,
    field_names,
    find_changed_fields,
    get_set_fields,
    replace_fields,
)
from stellary.contract.wire import UNSET, camel, invalid
from stellary.core.board.rules.checklists import is_complete, progress, replace_items
from stellary.core.board.rules.custom_fields import NO_FIELDS, apply_values
from stellary.core.board.rules.fields import Author, check_dates, value_or
from stellary.core.board.rules.position_index import PositionIndex
from stellary.core.board.rules.recurrences import start_series, update_series
from stellary.core.kernel.events import (
    CardArchived,
    CardAssigned,
    CardEvent,
    CardMoved,
    CardUpdated,
    ChecklistCompleted,
)

T = TypeVar("T")

_CHANGED_BY_OTHER_EVENTS = frozenset(
    {"version", "updated_at", "checklist_progress", "comment_count", "attachment_count"}
)
_CHANGED_BY_MOVE = frozenset({"column_id", "scope_id", "order", "status", "completed_at"})


@attrs.frozen
class LockedColumn:
    """A column whose row is locked, with the fields that affect its cards."""

    id: str
    name: str
    scope_id: str
    card_status: CardStatus | None
    wip_limit: int | None
    position_index: PositionIndex | None = None


@attrs.frozen
class EndPosition:
    """The end of the column."""


@attrs.frozen
class IndexPosition:
    """An index among the unarchived cards of the column, or its end if there are fewer."""

    index: int


@attrs.frozen
class AdjacentPosition:
    """The position right before or right after another card of the column, which the request names in ``field``."""

    card_id: str
    after: bool
    field: str


TargetPosition = EndPosition | IndexPosition | AdjacentPosition

KEEPS_POSITION: Final = None


def changes_position(request: UpdateCard) -> bool:
    """Return whether a request can change the position of a card."""
    return any(
        value is not UNSET
        for value in (request.column_id, request.order, request.before, request.after, request.archived)
    )


def find_target_position(before: Card, request: UpdateCard, path: str = "") -> TargetPosition | None:
    """Return the position in the column that a request specifies.

    ``before`` and ``after`` take precedence over ``order``. A card that is moved to a column or unarchived without a
    position goes to the end.

    Args:
        before: The card before the update.
        request: The update.
        path: The path of the update in a larger request, such as ``cards[3].``.

    Returns:
        None if the card keeps its position, or is archived and has none.

    Raises:
        Invalid: The request has both ``before`` and ``after``, or names the card itself.
    """
    if request.before is not UNSET and request.after is not UNSET:
        raise invalid((path + "before", "must not be given together with after"))
    if before.id in (request.before, request.after):
        raise invalid((path + ("before" if request.before else "after"), "must be another card"))
    if value_or(request.archived, before.archived):
        return KEEPS_POSITION
    if request.before is not UNSET:
        return AdjacentPosition(request.before, False, path + "before")
    if request.after is not UNSET:
        return AdjacentPosition(request.after, True, path + "after")
    if request.order is not UNSET:
        return IndexPosition(request.order)
    return EndPosition() if request.column_id is not UNSET or before.archived else KEEPS_POSITION


def build_card(
    by: Author,
    request: CreateCard,
    *,
    id: str,
    number: int,
    project_id: str,
    project_key: str,
    column: LockedColumn,
    order: int,
    path: str = "",
    fields: Mapping[str, CustomField] = NO_FIELDS,
) -> Card:
    """Build the card that a request creates.

    Its status is the one of the request, otherwise the status of its column, otherwise ``open``.

    Args:
        by: The user or agent who creates it. The principal owns the recurrence.
        request: The fields of the card.
        id: The id of the card.
        number: Its number in the project.
        project_id: The id of its project.
        project_key: The key of its project, which is the first part of its own key.
        column: The column that it is created in.
        order: Its index in the column.
        path: The path of the request in a larger one, such as ``cards[3].``.
        fields: The custom fields that the request names, as far as the project has them.

    Raises:
        Invalid: The start date is after the due date, or a custom field value or the recurrence is invalid.
    """
    status = request.status or column.card_status or "open"
    checklist = replace_items(request.checklist or (), (), by.new_id, f"{path}checklist")
    recurrence = None
    if request.recurrence:
        recurrence = start_series(by, request.recurrence, column.id, path)
    card = build_value(
        Card,
        request,
        id=id,
        key=f"{project_key}-{number}",
        number=number,
        project_id=project_id,
        scope_id=column.scope_id,
        column_id=column.id,
        order=order,
        archived=False,
        status=status,
        completed_at=by.now if status == "done" else None,
        created_by_id=by.user_id,
        label_ids=_deduplicate(request.label_ids or ()),
        custom_fields=apply_values({}, request.custom_fields, fields, f"{path}customFields."),
        checklist=checklist,
        checklist_progress=progress(checklist),
        comment_count=0,
        attachment_count=0,
        recurrence=recurrence,
        version=1,
        created_at=by.now,
        updated_at=by.now,
    )
    check_dates(card.start_date, card.due_date, f"{path}startDate")
    return card


def apply_update(
    by: Author,
    before: Card,
    request: UpdateCard,
    column: LockedColumn | None,
    *,
    path: str = "",
    fields: Mapping[str, CustomField] = NO_FIELDS,
) -> Card:
    """Return a card with an update applied, except for its order and version (see ``increment_version``).

    A card that enters a column takes the column's status, unless the request has one. ``completed_at`` is the time at
    which the card became ``done``, as long as it is ``done``.

    Args:
        by: The user or agent who updates it. The principal owns a recurrence that the request sets.
        before: The card before the update.
        request: The update.
        column: The column that the card enters; None if it stays in its column.
        path: The path of the request in a larger one, such as ``cards[3].``.
        fields: The custom fields that it names, as far as the project has them.

    Raises:
        Invalid: The start date is after the due date, the checklist names an item that does not exist, or a custom
            field value or the recurrence is invalid.
    """
    status = request.status or (column and column.card_status) or before.status
    completed_at = None if status != "done" else before.completed_at or by.now
    checklist = before.checklist
    if request.checklist is not UNSET:
        checklist = replace_items(request.checklist, before.checklist, by.new_id, f"{path}checklist")
    special = {
        "column_id": column.id if column else before.column_id,
        "scope_id": column.scope_id if column else before.scope_id,
        "order": before.order,
        "status": status,
        "completed_at": completed_at,
        "label_ids": before.label_ids if request.label_ids is UNSET else _deduplicate(request.label_ids),
        "custom_fields": apply_values(
            before.custom_fields, request.custom_fields, fields, f"{path}customFields."
        ),
        "checklist": checklist,
        "checklist_progress": progress(checklist),
        "recurrence": before.recurrence,
    }
    after = replace_fields(before, **{**get_set_fields(request, Card), **special})
    if before.recurrence or request.recurrence:
        recurrence = update_series(by, before, after, request, path)
        after = replace_fields(after, recurrence=recurrence)
    if (after.start_date, after.due_date) != (before.start_date, before.due_date):
        check_dates(
            after.start_date, after.due_date, path + ("startDate" if request.start_date else "dueDate")
        )
    return after


def increment_version(before: Card, after: Card, order: int | None, now: datetime) -> Card:
    """Return the updated card with its order and the next version, or the same card if nothing changed.

    Args:
        before: The stored card.
        after: The card with the changes of the request.
        order: The new order in the column; None for an archived card.
        now: The time of the change.
    """
    if order == before.order and not set(find_changed_fields(before, after)) - {"order"}:
        return before
    return replace_fields(after, order=order, version=before.version + 1, updated_at=now)


def check_room(column: LockedColumn, count: int, path: str = "") -> None:
    """Check that a column has room for more unarchived cards; cards that are in it already may stay.

    Args:
        column: The column that is entered.
        count: The number of unarchived cards that it would have.
        path: The path of the request in a larger one, such as ``cards[3].``.

    Raises:
        Conflict: ``count`` exceeds the limit of the column.
    """
    if column.wip_limit is not None and count > column.wip_limit:
        where = f"{path.rstrip('.')}: " if path else ""
        raise Conflict(
            f"{where}the column {column.name!r} is full: it takes {column.wip_limit} cards", code="wip_limit"
        )


# ---------------------------------------------------------------------------------------------- events


def build_events(
    before: Card, after: Card, workspace_id: str, from_column: str = "", to_column: str = ""
) -> list[CardEvent]:
    """Return the events for a change of a card.

    A change of column is a move, which includes the changes of order and status that come with it. Archiving and
    assigning have events of their own. All other changes are an update.

    Args:
        before: The card before the change.
        after: The card after it.
        workspace_id: The workspace of the card.
        from_column: The name of the column that a moved card has left.
        to_column: The name of the column that it has entered.
    """
    fields = set(find_changed_fields(before, after)) - _CHANGED_BY_OTHER_EVENTS
    ids = {"workspace_id": workspace_id, "project_id": after.project_id}
    events: list[CardEvent] = []
    if "column_id" in fields:
        fields -= _CHANGED_BY_MOVE
        events.append(
            CardMoved(**ids, card=after, before=before, from_column=from_column, to_column=to_column)
        )
    if "archived" in fields and after.archived:
        fields -= {"archived", "order"}
        events.append(CardArchived(**ids, card=after, before=before))
    if "assignee_id" in fields:
        fields.discard("assignee_id")
        events.append(CardAssigned(**ids, card=after, before=before))
    if fields:
        names = tuple(camel(name) for name in field_names(Card) if name in fields)
        events.append(CardUpdated(**ids, card=after, before=before, changed=names))
    if "checklist" in fields and is_complete(after.checklist) and not is_complete(before.checklist):
        events.append(ChecklistCompleted(**ids, card=after))
    return events


# ---------------------------------------------------------------------------------------------- fields


def _deduplicate(ids: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(ids))
