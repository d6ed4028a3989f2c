"""Schedules of rules: a job that finds the rules that are due, and jobs that run them, each for a few cards at a time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import attrs
from sqlalchemy import bindparam, func, or_, select, update

from stellary.contract.automations import AutomationSchedule, ScheduleToRun
from stellary.contract.cards import LIST_CARDS, Card, ListCards
from stellary.contract.errors import ApiError, Invalid
from stellary.contract.fields import convert, replace_fields
from stellary.contract.refs import ProjectRef
from stellary.contract.wire import Unset, invalid, load
from stellary.core.accounts.audience import is_reachable
from stellary.core.accounts.places import workspace_ref
from stellary.core.automations import traces
from stellary.core.automations.acting import Case, act, build_case, with_values
from stellary.core.automations.row_types import ScheduledRow
from stellary.core.automations.rows import to_schedule
from stellary.core.automations.rules.conditions import is_satisfied
from stellary.core.automations.rules.file_references import KINDS
from stellary.core.automations.rules.occurrences import card_facts
from stellary.core.automations.tables import automations
from stellary.core.automations.targets import resolve_each
from stellary.core.automations.triggers import SCHEDULE, Trigger
from stellary.core.board.finding import check_filter, find_saved
from stellary.core.board.listing import find_matching
from stellary.core.board.queries.recipient_queries import load_last_number, select_workspace_id
from stellary.core.board.rules.custom_fields import parse_filter
from stellary.core.board.rules.schedules import YEARS, check_rule, find_next, find_zone
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel import jobs
from stellary.core.kernel.unit import Actor, UnitOfWork
from stellary.core.pilotage.action_params import Candidates

CHECK = "automations.schedules"
RUN = "automations.run_schedule"
PAUSE = timedelta(minutes=1)
BATCH_SIZE = 10
PAGE = 4
"""The number of rules, and of cards, of one unit of work, for which requests wait on SQLite."""

_WORDS: Mapping[str, tuple[str, ...]] = {"assigneeId": ("any", "me"), "labelId": ("any",)}
"""The values of filters that stand for no item."""
# Also within the subquery of ``is_reachable``.
_WORKSPACE_ID = select_workspace_id(automations.c.project_id).correlate(automations)
_RULES = select(automations, _WORKSPACE_ID.label("workspace_id")).where(
    automations.c.enabled, is_reachable(_WORKSPACE_ID)
)
_DUE = Query(
    ScheduledRow,
    # A rule that was armed later than now was advanced by a clock that was ahead.
    _RULES.where(
        automations.c.next_run_at.is_not(None),
        or_(automations.c.next_run_at <= bindparam("_now"), automations.c.armed_at > bindparam("_now")),
    )
    .order_by(automations.c.next_run_at, automations.c.id)
    .limit(BATCH_SIZE),
)
_ONE = Query(ScheduledRow, _RULES.where(is_given(automations.c.id)))
_NEXT = select(func.min(automations.c.next_run_at)).where(
    automations.c.enabled, automations.c.next_run_at > bindparam("_now")
)
_ADVANCE = update(automations).where(is_given(automations.c.id))


def find_schedule(
    uow: UnitOfWork,
    request: ScheduleToRun | Unset | None,
    trigger: Trigger,
    before: AutomationSchedule | None,
    path: str = "schedule",
) -> AutomationSchedule | None:
    """Return the schedule of a rule with a trigger.

    Args:
        request: The new schedule, if there is one, whose filters are returned as they are.
        trigger: The trigger of the rule.
        before: The present schedule.
        path: The position of the schedule in the request, for errors.

    Raises:
        Invalid: The trigger needs a schedule, or cannot have one, the times of the schedule are malformed, or it does not
            occur within ten years.
    """
    if trigger.name != SCHEDULE:
        if request:
            raise invalid((path, f"needs the trigger {SCHEDULE}"))
        return None
    if request:
        check_rule(request.rule, f"{path}.rule")
        schedule = convert(AutomationSchedule, request)
        find_next_run(schedule, uow.now, path=path)
        return schedule
    if before is None:
        raise invalid((path, f"is required for the trigger {SCHEDULE}"))
    return before


def resolve_schedule(
    candidates: Candidates, schedule: AutomationSchedule | None, path: str = SCHEDULE
) -> AutomationSchedule | None:
    """Return a schedule with ids in place of names in its filters.

    Args:
        candidates: The items that the filters can name.
        schedule: The schedule; None for a rule without one.
        path: Its position in the request, for errors.

    Raises:
        Invalid: A filter is malformed, or names an item that does not exist.
    """
    if schedule is None or schedule.cards is None:
        return schedule
    return replace_fields(schedule, cards=_resolve_filters(candidates, schedule.cards, f"{path}.cards"))


def _resolve_filters(candidates: Candidates, filters: Mapping[str, Any], path: str) -> dict[str, object]:
    for name in ("limit", "cursor", "fields", "sort"):
        if name in filters:
            raise invalid((f"{path}.{name}", "is not accepted: the rule runs for all matching cards"))
    resolved = dict(filters)
    place = (candidates.workspace_id, candidates.ref.project_id)
    try:
        parsed = load(ListCards, filters)
        if parsed.filter and check_filter(candidates.uow, *place, parsed.filter):
            raise invalid(("filter", "must not have an order: the rule runs for all matching cards"))
        if parsed.saved:
            resolved["saved"] = find_saved(candidates.uow, *place, parsed.saved).id
    except Invalid as error:
        if not error.details:
            raise
        raise invalid(*((f"{path}.{problem.field}", problem.message) for problem in error.details)) from None
    for text in parsed.custom_field or ():
        field, _ = parse_filter(candidates.fields, text, f"{path}.customField")
        candidates.add("custom_field", field.id)
    for name in filter(filters.__contains__, KINDS):
        resolve = partial(_resolve, candidates, name)
        resolved[name] = resolve_each(filters[name], f"{path}.{name}", resolve)
    return resolved


def _resolve(candidates: Candidates, name: str, value: str | None, path: str) -> str | None:
    """Return the id of the item that a filter names; None and words such as ``me`` stay."""
    if value is None or value in _WORDS.get(name, ()):
        return value
    return candidates.resolve(KINDS[name], value, path)


def find_next_run(
    schedule: AutomationSchedule | None, now: datetime, start: datetime | None = None, path: str = SCHEDULE
) -> datetime | None:
    """Return when a schedule occurs next; None for no schedule.

    Args:
        schedule: The schedule.
        now: The current time.
        start: An earlier occurrence. Default: none, as for a new schedule.
        path: The position of the schedule in the request, for errors.

    Raises:
        Invalid: The time zone is unknown, or there is no such time within ten years.
    """
    if schedule is None:
        return None
    zone = find_zone(schedule.time_zone, f"{path}.timeZone")
    next_run_at = find_next(schedule.rule, zone, start or now, now)
    if next_run_at is None:
        raise invalid((f"{path}.rule", f"does not occur within {YEARS} years"))
    return next_run_at


def check(uow: UnitOfWork, _: object) -> None:
    """Start the rules that are due, each once however often it was due, and schedule the next check."""
    rows = _DUE.all(uow.connection, {"_now": uow.now})
    advanced, payloads = [], []
    for row in rows:
        due_at = row.next_run_at or uow.now
        try:
            next_run_at = find_next_run(to_schedule(row), uow.now, min(due_at, uow.now))
        except Invalid:
            # The server no longer knows the time zone, or the rule does not occur again.
            next_run_at = None
        advanced.append({"_id": row.id, "next_run_at": next_run_at, "armed_at": uow.now})
        # A time at which the rule was disabled has not been missed.
        if row.armed_at < due_at <= uow.now:
            payloads.append({"ruleId": row.id, "cursor": None, "lastNumber": None})
    if advanced:
        uow.connection.execute(_ADVANCE, advanced)
    if payloads:
        jobs.enqueue_all(uow, RUN, payloads)
    next_due = uow.connection.execute(_NEXT, {"_now": uow.now}).scalar()
    latest = uow.now + PAUSE
    pause_end = latest if next_due is None else min(next_due, latest)
    jobs.enqueue(uow, CHECK, {}, due_at=uow.now if len(rows) == BATCH_SIZE else pause_end, key=CHECK)


def run(uow: UnitOfWork, payload: Any) -> None:
    """Run a rule that was due: once, or for a page of the cards of its schedule; further pages follow as jobs.

    Args:
        payload: The rule, the cursor of the page, and the last number of a card when the run started.
    """
    rule = _ONE.first(uow.connection, {"_id": payload["ruleId"]})
    if rule is None or (schedule := to_schedule(rule)) is None:
        return
    if schedule.cards is None:
        act(uow, attrs.asdict(_build_case(uow, rule, None)))
        return
    filters = {**schedule.cards, "limit": PAGE}
    if payload["cursor"] is not None:
        filters["cursor"] = payload["cursor"]
    try:
        ref = workspace_ref(uow, rule.workspace_id).child(ProjectRef, rule.project_id)
        owner = Actor(rule.owner_id)
        with uow.attempt(), uow.caused_by(None, owner), uow.checking(LIST_CARDS.policy):
            page = find_matching(uow, ref, load(ListCards, filters), in_order_of_creation=True)
    except ApiError as error:
        failure = _build_case(uow, rule, None).trace(rule.owner_id, "failure", error.message)
        traces.record(uow, [failure])
        return
    last_number = payload["lastNumber"] or load_last_number(uow, rule.project_id)
    for card in page.items:
        # The cards that the rule itself creates would never end.
        if card.number <= last_number and is_satisfied(rule.conditions, card_facts(card)):
            act(uow, attrs.asdict(_build_case(uow, rule, card)))
    if page.next is not None:
        jobs.enqueue(uow, RUN, {**payload, "cursor": page.next, "lastNumber": last_number})


def _build_case(uow: UnitOfWork, rule: ScheduledRow, card: Card | None) -> Case:
    case = build_case(rule, rule.workspace_id, SCHEDULE, uow.new_id(), uow.new_id(), card)
    return with_values(uow, rule, case, card, {} if card is None else card_facts(card))
