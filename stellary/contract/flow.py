"""Flow: the movement of cards over time, computed from the record of changes."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from stellary.contract.endpoint import reads
from stellary.contract.limits import Range
from stellary.contract.policies import BOARD_READ
from stellary.contract.refs import ProjectRef, ScopeRef
from stellary.contract.scope_views import Day, DayCount, TimeTaken
from stellary.contract.wire import UNSET, Request, Unset, Value

DAYS_MAX = 366
CARDS_LISTED = 100
SEED_MAX = 2**31 - 1
FlowUnit = Literal["count", "estimate"]


class ColumnFlow(Value):
    """The unarchived cards in a column at the end of each day.

    Attributes:
        counts: The number of cards, or the sum of their estimates.
        name: Its current name; for a deleted column, the last one.
    """

    id: str
    name: str
    counts: list[float]


class TimePercentiles(TimeTaken):
    """A duration measured over several cards.

    Attributes:
        p85_seconds, p95_seconds: The duration that 85 % and 95 % of the cards did not exceed; None if no card was measured.
    """

    p85_seconds: int | None
    p95_seconds: int | None


class CardInProgress(Value):
    """An unarchived card with the status ``in_progress``.

    Attributes:
        since: The time at which it first became ``in_progress``; if that is not recorded, the time of its creation.
        age_seconds: The time since then.
    """

    card_id: str
    key: str
    title: str
    column_id: str
    since: datetime
    age_seconds: int


class Forecast(Value):
    """A simulation of the remaining work: each trial repeats completed days, chosen at random, until all cards are done.

    Attributes:
        seed: The seed of the random numbers.
        trials: The number of trials.
        p50, p85, p95: The day on which that percentage of the trials was done; None if it is more than 1,000 days ahead, or
            if no card was completed on the days of the flow.
    """

    seed: int
    trials: int
    p50: Day | None
    p85: Day | None
    p95: Day | None


class BoardFlow(Value):
    """The flow of a board. Days are in UTC.

    Attributes:
        unit: The unit of ``columns``, ``total``, ``done``, ``remaining`` and ``forecast``: cards, or their estimates. A card without
            an estimate counts as 0.
        complete_since: The first day on which the record is complete; the numbers of earlier days leave out changes that are
            not recorded, or not any more. None if nothing is recorded.
        days: The days, without gaps.
        columns: The columns that had cards on these days, by position, then those that were deleted.
        total: The number of cards that are not archived, or done, at the end of each day.
        done: The number of cards that are done, archived or not.
        remaining: The number of cards that are neither archived nor done.
        completed_per_day: The cards that were completed on each day, and were still done at the end of the last day.
        completed_per_week: The same by week; ``day`` is its Monday. The first and the last week may have fewer days.
        lead_time: The time from the creation of these cards to their completion.
        cycle_time: The time from when a card first became ``in_progress`` to its completion, where that time is recorded.
        in_progress: The cards that are in progress now, the oldest first, at most 100.
        forecast: When the cards that remained at the end of the last day may be done, if work continues as on these days.
    """

    unit: FlowUnit
    complete_since: Day | None
    days: list[Day]
    columns: list[ColumnFlow]
    total: list[float]
    done: list[float]
    remaining: list[float]
    completed_per_day: list[DayCount]
    completed_per_week: list[DayCount]
    lead_time: TimePercentiles
    cycle_time: TimePercentiles
    in_progress: list[CardInProgress]
    forecast: Forecast


class GetFlow(Request):
    """The days of the flow, at most 366.

    Attributes:
        since: The first day in UTC. Default: 29 days before ``until``.
        until: The last day. Default: today.
        unit: ``count`` (the default) counts cards, ``estimate`` adds up their estimates, as they were on each day.
        seed: The seed of the forecast: the same seed gives the same forecast. Default: 0.
    """

    since: date | Unset = UNSET
    until: date | Unset = UNSET
    unit: FlowUnit = "count"
    seed: Annotated[int, Range(0, SEED_MAX)] = 0


_SUMMARY = "cards by column and day, burn-up and burn-down, throughput, lead and cycle times, and a forecast."

GET_PROJECT_FLOW = reads(
    "projects.flow",
    ProjectRef,
    "flow",
    summary=f"Get the flow of a project: {_SUMMARY}",
    takes=GetFlow,
    returns=BoardFlow,
    policy=BOARD_READ,
)
GET_SCOPE_FLOW = reads(
    "scopes.flow",
    ScopeRef,
    "flow",
    summary=f"Get the flow of a scope: {_SUMMARY}",
    takes=GetFlow,
    returns=BoardFlow,
    policy=BOARD_READ,
)
