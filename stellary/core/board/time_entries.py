"""Time entries of cards, and timers, of which the primary key of their table allows one for each user."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import String, bindparam, cast, delete, func, insert, or_, select

from stellary.contract.endpoint import Ok
from stellary.contract.errors import Conflict
from stellary.contract.fields import build_value, update_value
from stellary.contract.refs import CardRef, FlatCardRef, ProjectRef, TimeEntryRef
from stellary.contract.time_entries import (
    CREATE_TIME_ENTRY,
    DELETE_TIME_ENTRY,
    EXPORT_TIME,
    EXPORTED_MAX,
    FIRST_DAY,
    GET_CARD_TIME,
    LIST_PROJECT_TIME,
    LIST_TIME_ENTRIES,
    MINUTES_MAX,
    START_TIMER,
    STOP_TIMER,
    UPDATE_TIME_ENTRY,
    CardTime,
    CreateTimeEntry,
    ExportTime,
    ListTimeEntries,
    StopTimer,
    TimeEntry,
    Timer,
    UpdateTimeEntry,
)
from stellary.contract.wire import UNSET, Listing, Paged, Unset, invalid
from stellary.core.accounts import people
from stellary.core.accounts.audience import name_of, sees
from stellary.core.accounts.project_sight import is_visible
from stellary.core.board import access
from stellary.core.board.row_types import ProjectRow, TimeEntryRow
from stellary.core.board.rules.fields import new_item
from stellary.core.board.rules.references import unknown
from stellary.core.board.tables import cards, projects, relations, time_entries, timers
from stellary.core.db.base import IdType, is_given
from stellary.core.db.row_fields import RowFields
from stellary.core.db.row_types import Query, RowType
from stellary.core.kernel.item_changes import emit_change
from stellary.core.kernel.paging import Pages, belongs_to
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.kernel.writes import NoColumns, StoredItems, refuse_duplicate

_CARD = (
    select(projects.c.key + "-" + cast(cards.c.number, String), cards.c.title)
    .join_from(cards, projects)
    .where(cards.c.id == time_entries.c.card_id)
)
_KEY, _TITLE = (
    _CARD.with_only_columns(column, maintain_column_froms=True).scalar_subquery()
    for column in _CARD.selected_columns
)
ITEMS = StoredItems(
    TimeEntry,
    time_entries,
    "Time entry",
    NoColumns,
    selected={"user_name": name_of(time_entries.c.user_id), "card_key": _KEY, "card_title": _TITLE},
)
_TIMERS = RowFields(Timer, timers)
_ID = bindparam("_id", type_=IdType)
_ROWS = select(*ITEMS.columns)
_ONE = Query(TimeEntryRow, _ROWS.where(time_entries.c.id == _ID))
_OF_CARD = Pages(
    TimeEntryRow,
    _ROWS.where(belongs_to(time_entries.c.card_id, _ID)),
    time_entries.c.id,
    container=time_entries.c.card_id,
)
_USER_ID = bindparam("user_id", type_=IdType)
_FILTERS = (
    time_entries.c.day >= bindparam("from_", type_=String),
    time_entries.c.day <= bindparam("to", type_=String),
    or_(_USER_ID.is_(None), time_entries.c.user_id == _USER_ID),
)
_OF_PROJECT = _ROWS.where(belongs_to(time_entries.c.project_id, _ID))
_NEWEST = Pages(
    TimeEntryRow,
    _OF_PROJECT,
    time_entries.c.id,
    newest_first=True,
    container=time_entries.c.project_id,
    residual=_FILTERS,
)
_BY_USER = (
    select(time_entries.c.id)
    .where(time_entries.c.project_id == _ID, time_entries.c.user_id == _USER_ID)
    .limit(1)
)
_BY_DAY = Query(
    TimeEntryRow,
    _OF_PROJECT.where(*_FILTERS).order_by(time_entries.c.day, time_entries.c.id).limit(EXPORTED_MAX + 1),
)
_TIMERS_OF_CARD = Query(
    RowType,
    select(timers)
    .where(timers.c.card_id == _ID, sees(timers.c.user_id, bindparam("_workspace_id", type_=IdType)))
    .order_by(timers.c.user_id),
)
_START = insert(timers)
_STOP = delete(timers).where(is_given(timers.c.user_id)).returning(*timers.c)
_STOP_HERE = _STOP.where(timers.c.card_id == _ID)
# Waits for a transfer. PostgreSQL repeats a subquery, but not a join, for a row that it had to wait for.
_WORKSPACE_ID = select(projects.c.workspace_id).where(projects.c.id == cards.c.project_id).scalar_subquery()
_PLACE = (
    select(cards.c.project_id, _WORKSPACE_ID.label("workspace_id"))
    .where(cards.c.id == _ID)
    .with_for_update(read=True, key_share=True, of=cards)
)
_below = select(cards.c.id).where(cards.c.id == _ID).cte("below", recursive=True)
# UNION instead of UNION ALL, so that a cycle would end.
_below = _below.union(
    select(relations.c.target_id).where(relations.c.source_id == _below.c.id, relations.c.type == "parent_of")
)
_SUMS = (
    select(time_entries.c.card_id == _ID, func.sum(time_entries.c.minutes))
    .join_from(_below, time_entries, time_entries.c.card_id == _below.c.id)
    .join(projects)
    .where(is_given(projects.c.workspace_id), is_visible(projects.c.id))
    .group_by(time_entries.c.card_id == _ID)
)
_HEADS = ("day", "card", "title", "user", "userId", "minutes", "note")
_CALCULATED = ("=", "+", "-", "@", "\t", "\r")
"""The beginnings of cells that spreadsheets may calculate."""


@serves(LIST_TIME_ENTRIES)
def list_time_entries(uow: UnitOfWork, ref: CardRef, request: Paged) -> Listing[TimeEntry]:
    """Return the time entries of a card, oldest first."""
    return _OF_CARD.fetch(uow, request, ITEMS.to_value, _id=access.card(uow, ref).card.id)


@serves(CREATE_TIME_ENTRY)
def create_time_entry(uow: UnitOfWork, ref: CardRef, request: CreateTimeEntry) -> TimeEntry:
    """Record time of the caller."""
    loaded = access.lock_card(uow, access.card(uow, ref))
    return _insert(uow, loaded.roles.workspace_id, loaded.card.project_id, loaded.card.id, request)


@serves(UPDATE_TIME_ENTRY)
def update_time_entry(uow: UnitOfWork, ref: TimeEntryRef, request: UpdateTimeEntry) -> TimeEntry:
    """Change a time entry."""
    loaded = access.time_entry(uow, ref)
    before = _read(uow, loaded.row.id)
    after = update_value(before, request, uow.now)
    _check_day(uow, after.day)
    ITEMS.update(uow, before, after)
    emit_change(uow, loaded.roles.workspace_id, before, after)
    return after


@serves(DELETE_TIME_ENTRY)
def delete_time_entry(uow: UnitOfWork, ref: TimeEntryRef) -> Ok:
    """Delete a time entry."""
    loaded = access.time_entry(uow, ref)
    entry = _read(uow, loaded.row.id)
    ITEMS.delete(uow, entry)
    emit_change(uow, loaded.roles.workspace_id, entry, None)
    return Ok()


@serves(GET_CARD_TIME)
def get_card_time(uow: UnitOfWork, ref: FlatCardRef) -> CardTime:
    """Return the sums of the time entries of a card, and its timers."""
    loaded = access.card_with_sight(uow, ref)
    parameters = {"_id": loaded.card.id, "_workspace_id": loaded.roles.workspace_id}
    sums: dict[bool, int] = dict(
        row[:] for row in uow.connection.execute(_SUMS, parameters | loaded.roles.sight.parameters)
    )
    running = [_TIMERS.to_value(row) for row in _TIMERS_OF_CARD.all(uow.connection, parameters)]
    return CardTime(own_minutes=sums.get(True, 0), total_minutes=sum(sums.values()), timers=running)


@serves(START_TIMER)
def start_timer(uow: UnitOfWork, ref: CardRef) -> Timer:
    """Start the caller's timer. One that runs already becomes a time entry, if the caller still sees its card.

    Raises:
        Conflict: Another request has started it at the same time, or it runs in a project to which the token has no access.
    """
    card = access.card(uow, ref).card
    running = uow.connection.execute(_STOP, {"_user_id": uow.user_id}).first()
    place = None if running is None else uow.connection.execute(_PLACE, {"_id": running.card_id}).first()
    if running is not None and place is not None:
        bound_to = uow.actor.token_project_ids
        if bound_to is not None and place.project_id not in bound_to:
            raise Conflict(
                "your timer runs in a project to which this token has no access", code="timer_elsewhere"
            )
        if people.queue_members(uow, place.workspace_id, [uow.user_id], place.project_id)():
            entry = _measure(uow, running.started_at)
            _insert(uow, place.workspace_id, place.project_id, running.card_id, entry)
    return _start(uow, card.id)


@serves(STOP_TIMER)
def stop_timer(uow: UnitOfWork, ref: CardRef, request: StopTimer) -> TimeEntry:
    """Stop the caller's timer on a card, and record its time.

    Raises:
        Conflict: The caller's timer does not run on this card.
    """
    loaded = access.lock_card(uow, access.card(uow, ref))
    card = loaded.card
    running = uow.connection.execute(_STOP_HERE, {"_user_id": uow.user_id, "_id": card.id}).first()
    if running is None:
        raise Conflict("your timer does not run on this card", code="no_timer")
    entry = _measure(uow, running.started_at, request.note)
    return _insert(uow, loaded.roles.workspace_id, card.project_id, card.id, entry)


@serves(LIST_PROJECT_TIME)
def list_project_time(uow: UnitOfWork, ref: ProjectRef, request: ListTimeEntries) -> Listing[TimeEntry]:
    """Return the time entries of a project, newest first."""
    project = access.project(uow, ref).row
    parameters = _read_filters(request)
    listing = _NEWEST.fetch(uow, request, ITEMS.to_value, _id=project.id, **parameters)
    _check_user(uow, project, request, listing.items)
    return listing


@serves(EXPORT_TIME)
def export_time(uow: UnitOfWork, ref: ProjectRef, request: ExportTime) -> str:
    """Return the time entries of a project as CSV.

    Raises:
        Invalid: There are more than ``EXPORTED_MAX``.
    """
    project = access.project(uow, ref).row
    rows = _BY_DAY.all(uow.connection, {"_id": project.id, **_read_filters(request)})
    _check_user(uow, project, request, rows)
    if len(rows) > EXPORTED_MAX:
        raise invalid(("from", f"must be later: there are more than {EXPORTED_MAX:,} time entries"))
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(_HEADS)
    for row in rows:
        cells = (row.day, row.card_key, row.card_title, row.user_name, row.user_id, row.minutes, row.note)
        writer.writerow(map(_to_cell, cells))
    return file.getvalue()


def _insert(
    uow: UnitOfWork, workspace_id: str | None, project_id: str, card_id: str, request: CreateTimeEntry
) -> TimeEntry:
    """Insert a time entry of the caller on a card that the caller may change."""
    day = request.day or uow.now.astimezone(UTC).date().isoformat()
    _check_day(uow, day)
    entry = build_value(
        TimeEntry,
        request,
        project_id=project_id,
        card_id=card_id,
        user_id=uow.user_id,
        day=day,
        note=request.note or None,
        card_key="",
        card_title="",
        user_name="",
        **new_item(uow),
    )
    ITEMS.insert(uow, entry)
    entry = _read(uow, entry.id)
    emit_change(uow, workspace_id, None, entry)
    return entry


def _start(uow: UnitOfWork, card_id: str) -> Timer:
    timer = Timer(user_id=uow.user_id, card_id=card_id, started_at=uow.now)
    with refuse_duplicate(uow, "another request has already started your timer", "timer_started"):
        uow.connection.execute(_START, _TIMERS.to_row(timer))
    return timer


def _measure(uow: UnitOfWork, started_at: datetime, note: str | Unset | None = UNSET) -> CreateTimeEntry:
    """Return the time entry of a timer that is stopped now."""
    minutes = round((uow.now - started_at).total_seconds() / 60)
    day = started_at.astimezone(UTC).date().isoformat()
    return CreateTimeEntry(minutes=min(max(minutes, 1), MINUTES_MAX), day=day, note=note)


def _read(uow: UnitOfWork, id: str) -> TimeEntry:
    row = _ONE.first(uow.connection, {"_id": id})
    return ITEMS.to_value(access.require_row(row, "Time entry"))


def _check_day(uow: UnitOfWork, day: str) -> None:
    tomorrow = (uow.now.astimezone(UTC).date() + timedelta(1)).isoformat()
    if not FIRST_DAY <= _read_day("day", day) <= tomorrow:
        raise invalid(("day", f"must be from {FIRST_DAY} to {tomorrow}"))


def _read_day(field: str, day: str) -> str:
    try:
        return date.fromisoformat(day).isoformat()
    except ValueError:
        raise invalid((field, "must be a day such as 2026-04-01")) from None


def _read_filters(request: ExportTime | ListTimeEntries) -> Mapping[str, str | None]:
    """Return the parameters of ``_FILTERS``."""
    first = FIRST_DAY if request.from_ is UNSET else _read_day("from", request.from_)
    last = date.max.isoformat() if request.to is UNSET else _read_day("to", request.to)
    if last < first:
        raise invalid(("to", "must not be before from"))
    return {"from_": first, "to": last, "user_id": None if request.user_id is UNSET else request.user_id}


def _check_user(
    uow: UnitOfWork, project: ProjectRow, request: ExportTime | ListTimeEntries, entries: Sequence[object]
) -> None:
    """Check the user of a request without results. A former member is accepted only with entries in the project."""
    if request.user_id is UNSET or entries or people.reaches(uow, project.workspace_id, request.user_id):
        return
    parameters = {"_id": project.id, "user_id": request.user_id}
    if uow.connection.execute(_BY_USER, parameters).first() is None:
        raise unknown("userId")


def _to_cell(content: object) -> object:
    """Return a cell of CSV that no spreadsheet calculates."""
    return f"'{content}" if isinstance(content, str) and content.startswith(_CALCULATED) else content
