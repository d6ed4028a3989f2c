"""Time entries: the time that people have spent on cards, and their timers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from stellary.contract.endpoint import Collection, acts, creates, lists, reads
from stellary.contract.limits import Id, Length, Named, Range
from stellary.contract.policies import BOARD_READ, TIME_AUTHOR, TIME_WRITE
from stellary.contract.refs import CardRef, FlatCardRef, ProjectRef, TimeEntryRef
from stellary.contract.scope_views import Day
from stellary.contract.wire import UNSET, DatedItem, Paged, PageLimit, Request, Unset, Value

MINUTES_MAX = 1440
EXPORTED_MAX = 10_000
FIRST_DAY = "2000-01-01"

Minutes = Annotated[int, Range(1, MINUTES_MAX)]
Note = Annotated[str, Length(1, 500)]


class TimeEntry(DatedItem):
    """The time that a user has spent on a card on one day.

    Attributes:
        user_name: The user's name.
        card_key, card_title: The key and the title of the card.
    """

    project_id: str
    card_id: str
    card_key: str
    card_title: str
    user_id: str
    user_name: str
    minutes: int
    day: Day
    note: str | None


class Timer(Value):
    """A running timer, of which each user has at most one."""

    user_id: str
    card_id: str
    started_at: datetime


class CardTime(Value):
    """The time that was spent on a card.

    Attributes:
        own_minutes: The sum of its time entries.
        total_minutes: The same, with those of the cards below it (relation ``parent_of``) that the caller sees.
        timers: The running timers on the card.
    """

    own_minutes: int
    total_minutes: int
    timers: list[Timer]


class CreateTimeEntry(Request):
    """The fields of a new time entry of the caller.

    Attributes:
        minutes: 1 to 1440.
        day: From 2000-01-01 to tomorrow, in UTC. Default: today.
        note: 1-500 characters.
    """

    minutes: Minutes
    day: Day | Unset = UNSET
    note: Note | Unset | None = UNSET


class UpdateTimeEntry(Request):
    """The fields to change. Omitted fields keep their values; ``None`` clears the note."""

    minutes: Minutes | Unset = UNSET
    day: Day | Unset = UNSET
    note: Note | Unset | None = UNSET


class StopTimer(Request):
    """The note of the time entry.

    Attributes:
        note: 1-500 characters.
    """

    note: Note | Unset | None = UNSET


class ListTimeEntries(Paged):
    """Filters for the time entries of a project, the newest first.

    Attributes:
        limit: 1 to 500. Default: 100; this list is always paged.
        from_: Only entries of this day or later. In JSON ``from``.
        to: Only entries of this day or earlier.
        user_id: Only entries of this user.
    """

    limit: PageLimit = 100
    from_: Annotated[Day, Named("from")] | Unset = UNSET
    to: Day | Unset = UNSET
    user_id: Id | Unset = UNSET


class ExportTime(Request):
    """Filters for the exported time entries.

    Attributes:
        from_: Only entries of this day or later. In JSON ``from``.
        to: Only entries of this day or earlier.
        user_id: Only entries of this user.
    """

    from_: Annotated[Day, Named("from")] | Unset = UNSET
    to: Day | Unset = UNSET
    user_id: Id | Unset = UNSET


_TIME_ENTRIES = Collection(CardRef, "time-entries", TimeEntryRef, TimeEntry)
LIST_TIME_ENTRIES = _TIME_ENTRIES.lists(
    "time_entries.list",
    summary="List the time entries of a card, oldest first.",
    policy=BOARD_READ,
)
CREATE_TIME_ENTRY = _TIME_ENTRIES.creates(
    "time_entries.create",
    summary="Record time that you have spent on a card.",
    takes=CreateTimeEntry,
    policy=TIME_WRITE,
)
UPDATE_TIME_ENTRY = _TIME_ENTRIES.updates(
    "time_entries.update",
    summary="Update a time entry.",
    takes=UpdateTimeEntry,
    policy=TIME_AUTHOR,
)
DELETE_TIME_ENTRY = _TIME_ENTRIES.deletes(
    "time_entries.delete",
    summary="Delete a time entry.",
    policy=TIME_AUTHOR,
)
GET_CARD_TIME = reads(
    "time_entries.total",
    FlatCardRef,
    "time-entries/total",
    summary="Get the time that was spent on a card and on the cards below it, and the timers that run on it.",
    returns=CardTime,
    policy=BOARD_READ,
)
START_TIMER = acts(
    "time_entries.start",
    CardRef,
    "time-entries/start",
    summary="Start your timer on a card. If it runs already, on any card, it is stopped first.",
    returns=Timer,
    policy=TIME_WRITE,
)
STOP_TIMER = creates(
    "time_entries.stop",
    CardRef,
    "time-entries/stop",
    summary="Stop your timer on a card, and record its time, 1 to 1440 minutes, on the day on which it was started.",
    takes=StopTimer,
    returns=TimeEntry,
    policy=TIME_WRITE,
)
LIST_PROJECT_TIME = lists(
    "time_entries.list_all",
    ProjectRef,
    "time-entries",
    summary="List the time entries of a project, newest first.",
    takes=ListTimeEntries,
    item=TimeEntry,
    policy=BOARD_READ,
)
EXPORT_TIME = reads(
    "time_entries.export",
    ProjectRef,
    "time-entries/export",
    summary="Get at most 10,000 time entries of a project as CSV, by day. Cells that a spreadsheet would calculate begin with an apostrophe.",
    takes=ExportTime,
    returns=str,
    policy=BOARD_READ,
    media="text/csv",
)
