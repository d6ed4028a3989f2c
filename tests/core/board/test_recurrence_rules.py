"""Recurrence rules: those that are accepted, their times and words, and the cards that a series has."""

from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice, pairwise, product
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given
from hypothesis import strategies as st

from stellary.contract.errors import Invalid
from stellary.contract.fields import replace_fields
from stellary.contract.recurrences import Recurrence
from stellary.core.board.rules import recurrences, schedules
from tests.core.board.card_api import CARD
from tests.support.cpu_time import measure_cpu_time
from tests.support.each_case import for_each

MONDAY = datetime(2026, 3, 2, 10, 15, tzinfo=UTC)
PARTS = {
    "FREQ": ["HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"],
    "INTERVAL": [None, "2", "99"],
    "BYDAY": [None, "MO", "5SU", "MO,TU"],
    "BYMONTHDAY": [None, "31", "-31", "29"],
    "BYMONTH": [None, "2", "4,11"],
    "BYHOUR": [None, "2", "1,23"],
    "BYSETPOS": [None, "-1", "4", "99"],
}


@pytest.mark.slow("tries hundreds of rules")
def test_accepted_rules_are_found_in_little_time():
    accepted = 0
    for values in product(*PARTS.values()):
        rule = ";".join(f"{name}={value}" for name, value in zip(PARTS, values, strict=True) if value)
        try:
            schedules.check_rule(rule, "rule")
        except Invalid:
            continue
        accepted += 1
        find = partial(schedules.find_next, rule, UTC, MONDAY, (MONDAY + timedelta(days=3650)))
        assert measure_cpu_time(find, enough=0.4) < 0.4, rule
    assert accepted > 200


ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "UTC"]
RULES = [
    "FREQ=HOURLY",
    "FREQ=DAILY;BYHOUR=2;BYMINUTE=30",
    "FREQ=DAILY;INTERVAL=3",
    "FREQ=WEEKLY;BYDAY=MO;INTERVAL=2",
    "FREQ=MONTHLY;BYMONTHDAY=-1",
    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
    "FREQ=DAILY",
]


@given(st.sampled_from(RULES), st.sampled_from(ZONES), st.integers(0, 500))
def test_each_next_time_is_that_of_dateutil(rule, zone_name, first_day):
    """Each occurrence is found from the one before, over changes of the clock in each zone."""
    zone, start = ZoneInfo(zone_name), MONDAY + timedelta(days=first_day)
    anchor = start.astimezone(zone).replace(tzinfo=None, hour=0, minute=0, second=0)
    expected = {
        local.replace(tzinfo=zone).astimezone(UTC) for local in islice(rrulestr(rule, dtstart=anchor), 100)
    }
    expected = sorted(moment for moment in expected if moment > start)[:60]
    times, last = [], start
    for _ in expected:
        last = schedules.find_next(rule, zone, last, last)
        times.append(last)
    assert times == expected


DAILY_RULES = [rule for rule in RULES if rule != "FREQ=HOURLY"]
STEPS = st.lists(st.integers(1, 60 * 24 * 45), min_size=5, max_size=60)


def start(rule, zone="UTC", now=MONDAY, **fields):
    request = Recurrence(rule=rule, time_zone=zone, **fields)
    return recurrences.start_series(SimpleNamespace(principal_id="u", now=now), request, "c", "")


def list_times(rule, zone_name, now):
    """Return the times of a rule by dateutil, for years around now, but after it if intervals are counted from there."""
    zone = ZoneInfo(zone_name)
    earliest = now if "INTERVAL" in rule else now - timedelta(days=2000)
    first = schedules.find_last(rule, zone, earliest).astimezone(zone).replace(tzinfo=None, hour=0, minute=0)
    text = rule if "BYHOUR" in rule else f"{rule};BYHOUR=0;BYMINUTE=0"
    times = rrulestr(text, dtstart=first).between(first, first + timedelta(days=3000), inc=True)
    return sorted({local.replace(tzinfo=zone).astimezone(UTC) for local in times})


@pytest.mark.slow("follows series for two years")
@given(
    st.sampled_from(DAILY_RULES),
    st.sampled_from(ZONES),
    st.integers(0, 400),
    STEPS,
    st.lists(st.integers(0, 59)),
)
def test_series_has_the_last_time_of_each_outage(rule, zone, first_day, steps, backward):
    """The server runs at random times, and its clock is set back at some of them."""
    now = MONDAY + timedelta(days=first_day)
    times, end = list_times(rule, zone, now), now + timedelta(days=730)
    series, created, expected = start(rule, zone, now), [], []
    last = series.occurrence_at
    for number, minutes in enumerate(steps):
        back = number in backward and "INTERVAL" not in rule
        now = min(now + timedelta(minutes=-minutes if back else minutes), end)
        last = min(last, now)
        if due := [time for time in times if last < time <= now]:
            expected.append(last := due[-1])
        if series.occurrence_at > now:
            series = recurrences.rewind_series(series, now)
        if series.next_at <= now:
            series = recurrences.find_next_card(CARD, series, now).recurrence
            created.append(series.occurrence_at)
    assert created == expected


@pytest.mark.slow("follows series for two years")
@given(st.sampled_from(DAILY_RULES), st.sampled_from(ZONES), st.integers(0, 400))
def test_running_server_misses_no_time(rule, zone, first_day):
    now = MONDAY + timedelta(days=first_day)
    series, created = start(rule, zone, now), []
    while series.next_at < now + timedelta(days=730):
        series = recurrences.find_next_card(CARD, series, series.next_at).recurrence
        created.append(series.occurrence_at)
    assert created == [time for time in list_times(rule, zone, now) if now < time <= created[-1]]
    assert len(created) > 20


@for_each(
    "rule",
    [
        ("FREQ=DAILY", "every day"),
        ("FREQ=DAILY;INTERVAL=3;BYHOUR=9;BYMINUTE=5", "every 3 days at 09:05"),
        ("FREQ=WEEKLY;BYDAY=MO", "every Monday"),
        ("freq=weekly", "every Monday"),
        ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "every weekday"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR", "every 2 weeks on Monday and Friday"),
        ("FREQ=MONTHLY", "every month on the 2nd day"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "every month on the last day"),
        ("FREQ=MONTHLY;BYDAY=-1FR", "every month on the last Friday"),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2", "every month on the 2nd last weekday"),
        ("FREQ=MONTHLY;BYDAY=SA,SU;BYSETPOS=1", "every month on the 1st Saturday or Sunday"),
        ("FREQ=YEARLY", "every year on the 2nd day in March"),
        ("FREQ=YEARLY;INTERVAL=2;BYDAY=1MO", "every 2 years on the 1st Monday"),
    ],
)
def test_rule_in_words(rule):
    rule, words = rule
    assert start(rule).summary == words


MARCH = datetime(2026, 3, 4, 12, tzinfo=UTC)


@for_each(
    "case",
    [
        # On Wednesday, the card belongs to Monday, and is due on Friday: so is the next one.
        ("FREQ=WEEKLY;BYDAY=MO", "UTC", "2026-03-06T00:00:00+00:00", "2026-03-13T00:00:00+00:00"),
        ("FREQ=WEEKLY;BYDAY=MO", "UTC", "2026-03-09T00:00:00+00:00", "2026-03-16T00:00:00+00:00"),
        ("FREQ=WEEKLY;BYDAY=MO", "UTC", "2026-02-27T00:00:00+00:00", "2026-03-06T00:00:00+00:00"),
        # Months differ in length: the last day is followed by the last day.
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "UTC", "2026-03-31T00:00:00+00:00", "2026-04-30T00:00:00+00:00"),
        ("FREQ=MONTHLY;BYMONTHDAY=1", "UTC", "2026-04-03T00:00:00+00:00", "2026-05-03T00:00:00+00:00"),
        # A time of day stays that of the zone when its clocks change.
        ("FREQ=MONTHLY", "Europe/Berlin", "2026-03-20T09:00:00+00:00", "2026-04-20T08:00:00+00:00"),
        ("FREQ=DAILY", "UTC", "2046-03-20T00:00:00+00:00", "2046-03-21T00:00:00+00:00"),
    ],
)
def test_dates_move_with_the_occurrence(case):
    rule, zone, due, expected = case
    series = start(rule, zone, MARCH)
    card = replace_fields(CARD, due_date=datetime.fromisoformat(due))
    assert recurrences.find_next_card(card, series, series.next_at).request.due_date.isoformat() == expected


@for_each(
    "case",
    [
        ({"rule": "FREQ=HOURLY"}, "recurrence.rule must occur at most once a day"),
        ({"rule": "FREQ=DAILY;BYHOUR=1,2"}, "recurrence.rule must occur at most once a day"),
        ({"rule": "FREQ=SECONDLY"}, "recurrence.rule has a part"),
        ({"rule": "FREQ=DAILY", "zone": "Mars/One"}, "timeZone. must be the name of a time zone"),
        ({"rule": "FREQ=YEARLY", "until": MONDAY}, "recurrence.until must not be before the next time"),
    ],
)
def test_rule_that_cards_cannot_have_is_refused(case):
    fields, message = case
    with pytest.raises(Invalid, match=message):
        start(**fields)


def test_each_time_is_later_than_the_last():
    series = start("FREQ=WEEKLY", create="on_completion", count=3)
    done = [series]
    while series is not None:
        # Completed in the same minute each time.
        series = recurrences.find_next_card(CARD, series, MONDAY).recurrence
        done.append(series)
    assert [one.occurrence_at.day for one in done[:-1]] == [2, 9, 16]
    assert all(one.occurrence_at < other.occurrence_at for one, other in pairwise(done[:-1]))


def test_series_in_an_unknown_zone_is_not_ahead_of_the_clock():
    lost = replace_fields(start("FREQ=DAILY", now=MONDAY + timedelta(days=700)), time_zone="Mars/One")
    deferred = recurrences.defer_series(lost, "no such time zone", MONDAY)
    assert (deferred.occurrence_at, deferred.next_at) == (MONDAY, MONDAY + timedelta(days=1))
