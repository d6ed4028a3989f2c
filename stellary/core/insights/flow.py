"""The flow of projects and scopes, computed from the record of changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, timedelta
from heapq import nsmallest
from random import Random

from stellary.contract.flow import (
    CARDS_LISTED,
    DAYS_MAX,
    GET_PROJECT_FLOW,
    GET_SCOPE_FLOW,
    BoardFlow,
    CardInProgress,
    ColumnFlow,
    Forecast,
    GetFlow,
)
from stellary.contract.refs import ProjectRef, ScopeRef
from stellary.contract.scope_views import DAYS_SHOWN, DayCount
from stellary.contract.wire import UNSET, invalid, utc
from stellary.core.board import access
from stellary.core.board.queries import card_counts
from stellary.core.insights.rules import flow as rules
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.notifications import history
from stellary.core.notifications.rules import FlowChange
from stellary.core.ports.llm import end_without_caller

CHANGES_MAX = 200_000
"""The number of recorded changes of a project, of any kind, that are read for one response."""

_BEGAN = history.first_in_progress(card_counts.MEASURED_IDS)


@serves(GET_PROJECT_FLOW)
def get_project_flow(uow: UnitOfWork, ref: ProjectRef, request: GetFlow) -> BoardFlow:
    """Return the flow of a project."""
    project = access.project(uow, ref).row
    return _load_flow(uow, request, project.id, project.key)


@serves(GET_SCOPE_FLOW)
def get_scope_flow(uow: UnitOfWork, ref: ScopeRef, request: GetFlow) -> BoardFlow:
    """Return the flow of the columns of a scope, also of those that were deleted."""
    scope = access.scope(uow, ref).row
    return _load_flow(uow, request, scope.project_id, scope.project_key, scope.id)


def _load_flow(
    uow: UnitOfWork, request: GetFlow, project_id: str, project_key: str, scope_id: str | None = None
) -> BoardFlow:
    """Return the flow of a project, or of one of its scopes.

    Raises:
        Invalid: The days are not valid, or too many changes were recorded since the first one.
    """
    days = _read_days(request, uow.now.astimezone(UTC).date())
    began_since = utc(days[0])
    names, scopes = dict[str, str](), dict[str | None, str]()
    for _, column in card_counts.load_columns(uow, [project_id]):
        names[column.column_id], scopes[column.column_id] = column.name, column.scope_id

    def is_counted(column_id: str | None) -> bool:
        return scope_id is None or scopes.get(column_id) == scope_id

    by_count = request.unit == "count"
    amounts = [
        (state, cards if by_count else round((estimate or 0) * 100))
        for state, cards, estimate in card_counts.load_states(uow, project_id)
    ]
    replay = rules.Replay(days[-1], amounts, is_counted, lambda state: 1 if by_count else state.estimate)
    for change in _read_changes(uow, project_id, days[0]):
        if change.type == "column_deleted":
            column_id, item = str(change.entity_id), change.item or {}
            names.setdefault(column_id, str(item.get("name", column_id)))
            scopes.setdefault(column_id, str(item.get("scopeId")))
        elif not replay.take_back(change):
            break
    began = {
        row.card_id: row.began_at
        for row in uow.connection.execute(_BEGAN, {"_project_id": project_id, "_since": began_since})
    }
    series = replay.count(days, [*names, rules.DONE, rules.REMAINING])
    done, remaining = series.pop(rules.DONE), series.pop(rules.REMAINING)
    completions = [(change, amount) for change, amount in replay.completed if change.at >= began_since]
    completed = [change for change, _ in completions]
    by_day, by_week, completed_amounts = rules.count_completed(completions, days)
    # Its numbers are the same on every platform, and with every version of Python.
    draw = Random(request.seed).random  # noqa: S311 - no secret
    numbers = rules.forecast_days([completed_amounts[day] for day in days], remaining[-1], draw)
    p50, p85, p95 = (
        None if number is None else (days[-1] + timedelta(number)).isoformat() for number in numbers
    )
    first_day = history.find_first_recorded_day(uow, project_id)
    known_days = [day for day in (first_day, replay.recorded_since) if day is not None]
    in_progress = nsmallest(
        CARDS_LISTED,
        (
            (began.get(card.id, card.created_at), card.id, card)
            for card in card_counts.load_in_progress(uow, project_id)
            if is_counted(card.column_id)
        ),
    )

    def to_numbers(amounts: Iterable[int]) -> list[float]:
        return [amount if by_count else amount / 100 for amount in amounts]

    return BoardFlow(
        unit=request.unit,
        complete_since=max(known_days).isoformat() if known_days else None,
        days=[day.isoformat() for day in days],
        columns=[
            ColumnFlow(id=id, name=names[id], counts=to_numbers(counts))
            for id, counts in series.items()
            if any(counts)
        ],
        total=to_numbers(map(sum, zip(done, remaining, strict=True))),
        done=to_numbers(done),
        remaining=to_numbers(remaining),
        completed_per_day=_list_counts(by_day),
        completed_per_week=_list_counts(by_week),
        lead_time=rules.measure_percentiles(
            card.at - card.card_created_at for card in completed if card.card_created_at is not None
        ),
        cycle_time=rules.measure_percentiles(
            card.at - began[str(card.card_id)] for card in completed if card.card_id in began
        ),
        in_progress=[
            CardInProgress(
                card_id=id,
                key=f"{project_key}-{card.number}",
                title=card.title,
                column_id=card.column_id,
                since=since,
                age_seconds=max(int((uow.now - since).total_seconds()), 0),
            )
            for since, id, card in in_progress
        ],
        forecast=Forecast(seed=request.seed, trials=rules.TRIALS, p50=p50, p85=p85, p95=p95),
    )


def _read_changes(uow: UnitOfWork, project_id: str, since: date) -> Iterator[FlowChange]:
    """Yield the recorded changes, the newest first, as long as the client waits for them.

    Raises:
        CallerGone: The client has disconnected.
        Invalid: There are too many.
    """
    remaining = CHANGES_MAX
    for number, changes in history.load_flow_pages(uow, project_id, since):
        end_without_caller()
        remaining -= number
        if remaining < 0:
            raise invalid(("since", f"must be later: there are more than {CHANGES_MAX:,} changes since then"))
        yield from changes


def _list_counts(counts: Mapping[date, int]) -> list[DayCount]:
    return [DayCount(day=day.isoformat(), cards=cards) for day, cards in counts.items()]


def _read_days(request: GetFlow, today: date) -> list[date]:
    until = today if request.until is UNSET else utc(request.until).date()
    if until > today:
        raise invalid(("until", "must not be in the future"))
    number = DAYS_SHOWN - 1
    if request.since is not UNSET:
        number = (until - utc(request.since).date()).days
    if not 0 <= number < DAYS_MAX:
        raise invalid(("since", f"must be at most {DAYS_MAX - 1} days before until, and not after it"))
    if (until - date.min).days < number:
        raise invalid(("until", "is too early"))
    return rules.list_days(until - timedelta(number), until)
