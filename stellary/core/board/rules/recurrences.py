"""Rules of recurring cards: when the next card of a series is made, and with which fields."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import islice
from typing import Final

import attrs
import orjson

from stellary.contract.cards import Card, CreateCard, UpdateCard
from stellary.contract.errors import Invalid
from stellary.contract.fields import convert, replace_fields
from stellary.contract.recurrences import CardRecurrence, Recurrence
from stellary.contract.wire import UNSET, dump, invalid, load, utc
from stellary.core.board.rules import schedules
from stellary.core.board.rules.fields import Author

COPIED: Final = (
    *("title", "description", "priority", "estimate", "startDate", "dueDate"),
    *("assigneeId", "labelIds", "customFields", "checklist"),
)
"""The fields that a copy of a card has too, by wire name."""
_OCCURRENCES_MAX: Final = 1_000
"""The number of occurrences up to which the one before a date is looked for."""
_NO_FIELDS: Final[Mapping[str, object]] = {}


def start_series(
    by: Author, request: Recurrence, column_id: str, path: str, later: Mapping[str, object] = _NO_FIELDS
) -> CardRecurrence:
    """Return the recurrence that a request sets.

    Args:
        by: The user or agent who sets it. The cards are made with the rights of the principal.
        request: The recurrence.
        column_id: The column of the card.
        path: The path of the card in a larger request, such as ``cards[3].``.
        later: The fields of later cards that differ. Default: none.

    Raises:
        Invalid: The rule or the time zone is malformed, the rule occurs more often than daily, or no further card would be made.
    """
    path = f"{path}recurrence"
    schedules.check_rule(request.rule, f"{path}.rule")
    zone = schedules.find_zone(request.time_zone, f"{path}.timeZone")
    rule = schedules.complete_rule(request.rule, by.now.astimezone(zone).date())
    if "FREQ=HOURLY" in rule or "," in rule.partition("BYHOUR=")[2].partition(";")[0]:
        raise invalid((f"{path}.rule", "must occur at most once a day"))
    occurrence_at = schedules.find_last(rule, zone, by.now)
    next_at = schedules.find_next(rule, zone, occurrence_at, by.now)
    if next_at is None:
        raise invalid((f"{path}.rule", f"does not occur within {schedules.YEARS} years"))
    until = utc(request.until) if isinstance(request.until, date) else None
    if until is not None and next_at > until:
        raise invalid((f"{path}.until", f"must not be before the next time, {next_at.isoformat()}"))
    return CardRecurrence(
        rule=rule,
        time_zone=request.time_zone,
        create=request.create,
        until=until,
        count=request.count or None,
        column_id=request.column_id or column_id,
        owner_id=by.principal_id,
        occurrence_at=occurrence_at,
        next_at=next_at if request.create == "on_schedule" else None,
        later=dict(later),
        summary=schedules.describe_rule(rule),
        problem=None,
    )


def update_series(
    by: Author, before: Card, after: Card, request: UpdateCard, path: str
) -> CardRecurrence | None:
    """Return the recurrence of a card after an update.

    Args:
        by: The user or agent who updates it.
        before: The card before the update.
        after: The updated card.
        request: The update.
        path: The path of the update in a larger request, such as ``cards[3].``.
    """
    recurrence = before.recurrence
    if request.recurrence is None:
        return None
    later = _divide(before, after, request, _NO_FIELDS if recurrence is None else recurrence.later)
    if request.recurrence is not UNSET:
        setting, column_id = request.recurrence, after.column_id
        return start_series(by, setting, column_id, path, later)
    if recurrence is None:
        return None
    next_at = recurrence.next_at
    if recurrence.create == "on_completion" and (before.status == "done") != (after.status == "done"):
        # A card that was made early waits for its own time, so that a series has at most one card a day.
        next_at = max(by.now, recurrence.occurrence_at) if after.status == "done" else None
    return replace_fields(recurrence, later=later, next_at=next_at)


def _divide(
    before: Card, after: Card, request: UpdateCard, later: Mapping[str, object]
) -> Mapping[str, object]:
    """Return the fields of later cards that differ from a card after an update."""
    old, new = _to_fields(before), _to_fields(after)
    changed = {name: old[name] for name in COPIED if old[name] != new[name]}
    if request.apply_to == "this":
        return {**changed, **later}
    return {name: value for name, value in later.items() if name not in changed}


def copy_card(card: Card, **changes: object) -> CreateCard:
    """Return the request that creates a copy of a card, except for its status. No item of its checklist is done.

    Args:
        card: The card.
        **changes: The fields of the copy that differ, by wire name.
    """
    return load(CreateCard, {**_to_fields(card), **changes})


def _to_fields(card: Card) -> dict[str, object]:
    fields = orjson.loads(dump(card))
    items = [{"title": item["title"]} for item in fields["checklist"]]
    return {**{name: fields[name] for name in COPIED}, "checklist": items}


@attrs.frozen
class NextCard:
    """The request that creates the next card of a series, and its recurrence; None for the last card."""

    request: CreateCard
    recurrence: CardRecurrence | None


def find_next_card(card: Card, recurrence: CardRecurrence, now: datetime) -> NextCard | None:
    """Return the next card of a series that is due: for the last time that has passed, or else for the next one.

    Args:
        card: The last card of the series.
        recurrence: Its recurrence.
        now: The current time.

    Returns:
        None if the series is over.

    Raises:
        Invalid: The server no longer knows the time zone.
    """
    zone = schedules.find_zone(recurrence.time_zone, "recurrence.timeZone")
    occurrence_at, next_at, step_count = None, None, 0
    for occurrence in schedules.iterate_occurrences(recurrence.rule, zone, recurrence.occurrence_at, now):
        if occurrence <= recurrence.occurrence_at:
            continue
        if recurrence.until is not None and occurrence > recurrence.until:
            break
        if occurrence_at is not None and occurrence > now:
            next_at = occurrence
            break
        occurrence_at = occurrence
        step_count += 1
    if occurrence_at is None:
        return None
    count = recurrence.count and recurrence.count - 1
    following = None
    if next_at is not None and count != 0:
        following = replace_fields(
            recurrence,
            count=count,
            occurrence_at=occurrence_at,
            next_at=next_at if recurrence.create == "on_schedule" else None,
            later={},
            problem=None,
        )
    request = copy_card(card, **recurrence.later)
    start, due = (
        day and _move(utc(day), recurrence, zone, step_count)
        for day in (request.start_date, request.due_date)
    )
    return NextCard(convert(CreateCard, request, start_date=start, due_date=due), following)


def _move(moment: datetime, recurrence: CardRecurrence, zone: tzinfo, count: int) -> datetime:
    """Return a date of a card a number of occurrences later: as many days after the occurrence before it, at the same time.

    Args:
        moment: The date; at midnight UTC, it is a day.
        recurrence: The recurrence of the card.
        zone: Its time zone.
        count: The number of occurrences.
    """
    is_day = moment.astimezone(UTC).time() == time()
    local = moment.astimezone(UTC if is_day else zone)
    start = recurrence.occurrence_at
    occurrences = schedules.iterate_occurrences(recurrence.rule, zone, start, start)
    days = [start.astimezone(zone).date()]
    index = 0
    for occurrence in islice(occurrences, _OCCURRENCES_MAX + count + 2):
        if occurrence > start:
            days.append(occurrence.astimezone(zone).date())
            index += days[-1] <= local.date() and index < _OCCURRENCES_MAX
            if len(days) > index + count + 1:
                break
    # The rule may not occur often enough within ten years.
    later = days[min(index + count, len(days) - 1)]
    day = later + (local.date() - days[index])
    return datetime.combine(day, local.time(), local.tzinfo).astimezone(UTC)


def defer_series(recurrence: CardRecurrence, problem: str, now: datetime) -> CardRecurrence:
    """Return a recurrence whose next card could not be made: it is tried again at the next time.

    Args:
        recurrence: The recurrence.
        problem: Why the card could not be made.
        now: The current time.
    """
    # It is later than now if a clock has advanced the series too far.
    occurrence_at = min(recurrence.occurrence_at, now)
    try:
        next_at = _find_next(recurrence, occurrence_at, now)
    except Invalid:
        # The server no longer knows the time zone.
        next_at = now + timedelta(days=1)
    return replace_fields(recurrence, occurrence_at=occurrence_at, next_at=next_at, problem=problem)


def rewind_series(recurrence: CardRecurrence, now: datetime) -> CardRecurrence:
    """Return a recurrence that a clock has advanced too far, as of now.

    Args:
        recurrence: The recurrence.
        now: The current time.
    """
    zone = schedules.find_zone(recurrence.time_zone, "recurrence.timeZone")
    occurrence_at = schedules.find_last(recurrence.rule, zone, now)
    next_at = _find_next(recurrence, occurrence_at, now)
    return replace_fields(recurrence, occurrence_at=occurrence_at, next_at=next_at)


def is_over(recurrence: CardRecurrence, now: datetime) -> bool:
    """Return whether no card of a series can be made any more.

    Args:
        recurrence: The recurrence.
        now: The current time.
    """
    return _find_next(recurrence, recurrence.occurrence_at, now) is None


def _find_next(recurrence: CardRecurrence, start: datetime, now: datetime) -> datetime | None:
    zone = schedules.find_zone(recurrence.time_zone, "recurrence.timeZone")
    next_at = schedules.find_next(recurrence.rule, zone, start, now)
    if next_at is None or (recurrence.until is not None and next_at > recurrence.until):
        return None
    return next_at
