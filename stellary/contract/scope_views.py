"""Scope views: the contents of a scope in each of its views. Section Scope Views of the API reference."""

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
from stellary.contract.wire import UNSET, Request, Unset, Value

SETTINGS_MAX = 50
SETTINGS_BYTES_MAX = 10_000
DAYS_SHOWN = 30

Day = Annotated[str, Pattern("[0-9]{4}-[0-9]{2}-[0-9]{2}", "must be a day such as 2026-04-01")]
"""A day in UTC."""


class KanbanColumn(Value):
    """A column and its unarchived cards."""

    column: Column
    cards: list[Card]


class KanbanView(Value):
    """The board: the unarchived cards in their columns.

    Attributes:
        columns: Ordered by position, and so are the cards in each.
    """

    columns: list[KanbanColumn]


class ListView(Value):
    """The unarchived cards as a list.

    Attributes:
        cards: Ordered by column, then by position.
    """

    cards: list[Card]


class CalendarDay(Value):
    """A day and the cards due on it.

    Attributes:
        cards: Ordered by column, then by position.
    """

    day: Day
    cards: list[Card]


class CalendarView(Value):
    """The unarchived cards, grouped by their due day in UTC.

    Attributes:
        days: The days with due cards, earliest first.
        without_due_date: The number of cards without a due date.
    """

    days: list[CalendarDay]
    without_due_date: int


class ScopeBar(Value):
    """A scope on the roadmap.

    Attributes:
        start: The scope's start date; if it has none, the earlier of its cards' first date and its due date. None if it
            has none of these.
        end: The scope's due date; if it has none, the later of its cards' last date and its start date. None if it has
            none of these.
        cards: The number of unarchived cards.
        percent_done: The percentage of these that are done, 0 to 100, rounded down.
        estimate: The sum of their estimates; None if none of them is estimated.
    """

    scope_id: str
    name: str
    start: datetime | None
    end: datetime | None
    cards: int
    percent_done: int
    estimate: float | None = None


class CardBar(Value):
    """A card on the roadmap.

    Attributes:
        start, end: The card's start and due date. If the card has only one of them, both fields have that one.
    """

    card_id: str
    key: str
    title: str
    column_id: str
    status: CardStatus
    assignee_id: str | None
    start: datetime
    end: datetime


class RoadmapView(Value):
    """Scopes and cards as bars over time.

    Attributes:
        scopes: All scopes of the project, in order, for context.
        cards: The unarchived cards of this scope that have a date, ordered by start, then by end.
        undated: The number of unarchived cards without a date.
    """

    scopes: list[ScopeBar]
    cards: list[CardBar]
    undated: int


class AssigneeCount(Value):
    """The number of cards assigned to a user. ``user_id`` is None for unassigned cards."""

    user_id: str | None
    name: str | None
    cards: int


class LabelCount(Value):
    """The number of cards with a label. ``label_id`` is None for cards without labels."""

    label_id: str | None
    name: str | None
    color: str | None
    cards: int


class DayCount(Value):
    """The number of cards completed on a day in UTC."""

    day: Day
    cards: int


class TimeTaken(Value):
    """A duration measured over several cards.

    Attributes:
        median_seconds: The median, in seconds; None if no card was measured.
        cards: The number of cards measured.
    """

    median_seconds: int | None
    cards: int


class StatsView(Value):
    """Statistics of a scope. Counts cover unarchived cards; completions include cards archived since.

    Attributes:
        cards: The number of cards.
        by_column: All columns, in order.
        by_assignee: Most cards first; unassigned cards are last.
        by_label: All labels of the project, then cards without labels. A card counts once for each of its labels.
        completed_per_day: The last 30 days, ending today.
        lead_time: The time from a card's creation to its completion, over the cards completed in these 30 days.
        cycle_time: The time from when a card first became ``in_progress`` to its completion, over the cards completed
            in these 30 days for which that time is recorded.
        estimate: The sum of the estimates of the cards; None if none of them is estimated.
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
    estimate: float | None = None


class ViewData(Value):
    """The contents of the requested view; the fields of the other views are None."""

    kanban: KanbanView | None = None
    list: ListView | None = None
    calendar: CalendarView | None = None
    roadmap: RoadmapView | None = None
    stats: StatsView | None = None


class ScopeViews(Value):
    """The views of a scope.

    Attributes:
        active_view: The view in which the scope opens for everyone.
        data: The contents of the view requested with ``type``; None if ``type`` was omitted.
    """

    active_view: ViewType
    views: list[ScopeView]
    data: ViewData | None


class GetViews(Request):
    """Options for reading the views.

    Attributes:
        type: Also return the contents of this view.
    """

    type: ViewType | Unset = UNSET


class SetView(Request):
    """The fields to change. Omitted fields keep their values.

    Attributes:
        active_view: The view in which the scope opens for everyone from now on.
        type: The view that ``settings`` belong to; not valid without them. Default: the active view, after the change.
        settings: Settings to merge into the stored ones; None removes one. At most 50 settings and 10 000 bytes of
            JSON.
    """

    active_view: ViewType | Unset = UNSET
    type: ViewType | Unset = UNSET
    settings: dict[str, Any] | Unset = UNSET


GET_VIEWS = reads(
    "scopes.views",
    ScopeRef,
    "views",
    summary="Get the views of a scope and which one is active; with `type`, also the contents of that view.",
    takes=GetViews,
    returns=ScopeViews,
    policy=BOARD_READ,
)
SET_VIEW = updates(
    "scopes.set_view",
    ScopeRef,
    "views",
    summary="Switch the active view of a scope, or update the settings of a view.",
    takes=SetView,
    returns=ScopeViews,
    policy=BOARD_WRITE,
)
