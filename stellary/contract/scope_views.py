"""Scope views: what a scope looks like in each of its views. Section Scope Views of the API reference."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from stellary.contract.cards import Card, CardStatus, PriorityCounts, StatusCounts
from stellary.contract.columns import Column, ColumnCount
from stellary.contract.endpoint import reads, updates
from stellary.contract.limits import Pattern
from stellary.contract.policies import BOARD_READ, BOARD_WRITE
from stellary.contract.refs import ScopeRef
from stellary.contract.scopes import ScopeView, ViewType
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, Value, request, value

SETTINGS_MAX = 50
SETTINGS_BYTES_MAX = 10_000
DAYS_SHOWN = 30

Day = Annotated[str, Pattern("[0-9]{4}-[0-9]{2}-[0-9]{2}", "must be a day such as 2026-04-01")]
"""A day in UTC."""


@value
class KanbanColumn(Value):
    """A column, and who stands in it."""

    column: Column
    cards: list[Card]


@value
class KanbanView(Value):
    """The board: the cards that are not archived, in their columns.

    Attributes:
        columns: By place; their cards by place as well.
    """

    columns: list[KanbanColumn]


@value
class ListView(Value):
    """The cards that are not archived, one below the other.

    Attributes:
        cards: By column and then by place.
    """

    cards: list[Card]


@value
class CalendarDay(Value):
    """A day on which cards are due.

    Attributes:
        cards: By column and then by place.
    """

    day: Day
    cards: list[Card]


@value
class CalendarView(Value):
    """The cards that are not archived, by the day in UTC on which they are due.

    Attributes:
        days: Those on which something is due, the earliest first.
        without_due_date: How many cards are due on none.
    """

    days: list[CalendarDay]
    without_due_date: int


@value
class ScopeBar(Value):
    """A scope on the roadmap.

    Attributes:
        start, end: Its own dates; where it has no start, or is due at no time, the first and the last date among its
            cards and the other one; None if there is none either.
        cards: How many are not archived.
        percent_done: Of these, rounded down.
    """

    scope_id: str
    name: str
    start: datetime | None
    end: datetime | None
    cards: int
    percent_done: int


@value
class CardBar(Value):
    """A card on the roadmap.

    Attributes:
        start, end: Its start and due date; of a card that has only one of them, that one twice.
    """

    card_id: str
    key: str
    title: str
    column_id: str
    status: CardStatus
    assignee_id: str | None
    start: datetime
    end: datetime


@value
class RoadmapView(Value):
    """Scopes and cards as bars over time.

    Attributes:
        scopes: All of the project, by place, so that one sees what lies beside this one.
        cards: Those of this scope that have a date and are not archived, by start, then by end.
        undated: How many others there are that are not archived.
    """

    scopes: list[ScopeBar]
    cards: list[CardBar]
    undated: int


@value
class AssigneeCount(Value):
    """How many cards somebody is assigned to; nobody if ``user_id`` is None."""

    user_id: str | None
    name: str | None
    cards: int


@value
class LabelCount(Value):
    """How many cards bear a label; none at all if ``label_id`` is None."""

    label_id: str | None
    name: str | None
    color: str | None
    cards: int


@value
class DayCount(Value):
    """How many cards were completed on a day in UTC."""

    day: Day
    cards: int


@value
class TimeTaken(Value):
    """How long cards have taken.

    Attributes:
        median_seconds: The middle one; None if there is no card to tell of.
        cards: Of how many it is known.
    """

    median_seconds: int | None
    cards: int


@value
class StatsView(Value):
    """The scope in numbers. Cards are counted that are not archived; what was completed counts even if it is by now.

    Attributes:
        cards: How many there are.
        by_column: All columns, by place.
        by_assignee: Who has most first; last the cards of nobody.
        by_label: All labels of the project; last the cards without any. A card counts for each of its labels.
        completed_per_day: The last 30 days, today the last of them.
        lead_time: From when a card was made to when it was done, of those completed on these days.
        cycle_time: From when a card was first ``in_progress`` to when it was done, of those completed on these days
            of which that is on record.
    """

    cards: int
    by_status: StatusCounts
    by_column: list[ColumnCount]
    by_priority: PriorityCounts
    by_assignee: list[AssigneeCount]
    by_label: list[LabelCount]
    completed_per_day: list[DayCount]
    lead_time: TimeTaken
    cycle_time: TimeTaken


@value
class ViewData(Value):
    """What a view shows: the one that was asked for; the others are None."""

    kanban: KanbanView | None = None
    list: ListView | None = None
    calendar: CalendarView | None = None
    roadmap: RoadmapView | None = None
    stats: StatsView | None = None


@value
class ScopeViews(Value):
    """The views of a scope.

    Attributes:
        active_view: In which everybody finds it.
        data: What the view of the ``type`` that was asked for shows; None if none was.
    """

    active_view: ViewType
    views: list[ScopeView]
    data: ViewData | None


@request
class GetViews(Request):
    """What to tell beside the views that there are.

    Attributes:
        type: The view of which to tell what it shows.
    """

    type: ViewType | Unset = UNSET


@request
class SetView(Request):
    """What is not named stays.

    Attributes:
        active_view: In which everybody finds the scope from now on.
        type: Which view the ``settings`` are of; if not given, the one that is active after that.
        settings: Those that are named change, None takes one away: 50 at most, and 10 000 bytes of JSON.
    """

    active_view: ViewType | Unset = UNSET
    type: ViewType | Unset = UNSET
    settings: dict[str, Any] | Unset = UNSET


GET_VIEWS = reads(
    "scopes.views",
    ScopeRef,
    "views",
    summary="The views of a scope, which of them is active, and with `type` what one shows.",
    takes=GetViews,
    returns=ScopeViews,
    policy=BOARD_READ,
)
SET_VIEW = updates(
    "scopes.set_view",
    ScopeRef,
    "views",
    summary="Switch the active view of a scope, or change the settings of a view.",
    takes=SetView,
    returns=ScopeViews,
    policy=BOARD_WRITE,
)

ENDPOINTS = (GET_VIEWS, SET_VIEW)
