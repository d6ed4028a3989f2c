"""Rules of insights without a database: days, counts and times."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellary.core.insights.rules import days, stats, views
from tests.core.board.card_api import CARD
from tests.support.core_parts import CardCount, Completion, ScopeProgress, percent, replace_fields

NOW = datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC)


# ------------------------------------------------------------------------------------------------- days


def test_days_are_those_of_utc():
    late = datetime(2026, 3, 2, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert days.day_of(late) == "2026-03-01"
    assert days.midnight(late) == datetime(2026, 3, 1, tzinfo=UTC)


def test_thirty_days_end_today():
    last_days = days.last_days(NOW)
    assert (len(last_days), last_days[0], last_days[-2:]) == (30, "2026-01-31", ["2026-02-28", "2026-03-01"])
    assert days.first_day(NOW) == datetime(2026, 1, 31, tzinfo=UTC)


def test_the_portfolio_counts_whole_days():
    bounds = days.since(NOW)
    assert bounds.today == datetime(2026, 3, 1, tzinfo=UTC)
    assert bounds.soon == datetime(2026, 3, 9, tzinfo=UTC)
    assert (bounds.week, bounds.month) == (datetime(2026, 2, 23, tzinfo=UTC), days.first_day(NOW))


# ------------------------------------------------------------------------------------------------- counts


@pytest.mark.parametrize(("done", "total", "expected"), [(0, 0, 0), (0, 3, 0), (2, 3, 66), (3, 3, 100)])
def test_percent_is_rounded_down(done, total, expected):
    assert percent(done, total) == expected


TALLIES = st.builds(
    CardCount,
    column_id=st.sampled_from("ab"),
    status=st.sampled_from(["open", "in_progress", "done"]),
    priority=st.sampled_from([None, "low", "medium", "high"]),
    assignee_id=st.sampled_from([None, "u", "v"]),
    label_ids=st.lists(st.sampled_from("xyz"), unique=True),
    cards=st.integers(1, 9),
)


@given(st.lists(TALLIES))
def test_each_breakdown_except_labels_counts_each_card_once(card_counts):
    total = sum(card_count.cards for card_count in card_counts)
    status = stats.count_by_status(card_counts)
    priority = stats.count_by_priority(card_counts)
    assignee = stats.count_by_assignee(card_counts, {"u": "Una", "v": "Vic"})
    assert status.open + status.in_progress + status.done == total
    assert priority.low + priority.medium + priority.high + priority.none == total
    assert sum(count.cards for count in assignee) == total
    assert assignee[-1].user_id is None
    assert [count.cards for count in assignee[:-1]] == sorted(
        (count.cards for count in assignee[:-1]), reverse=True
    )


def card_count(cards=1, **fields):
    like = {"column_id": "a", "status": "open", "priority": None, "assignee_id": None, "label_ids": []}
    return CardCount(**{**like, **fields}, cards=cards)


def test_equal_counts_are_ordered_by_name():
    counts = stats.count_by_assignee(
        [card_count(2, assignee_id=id) for id in "uvw"], {"u": "Zoe", "v": "Ann", "w": "Bob"}
    )
    assert [count.name for count in counts] == ["Ann", "Bob", "Zoe", None]


# ------------------------------------------------------------------------------------------------- completed


def completion(at, created_at=NOW - timedelta(days=90)):
    return Completion("c", created_at, at)


@given(st.lists(st.timedeltas(timedelta(0), timedelta(days=29)), max_size=20))
def test_completed_cards_are_counted_on_their_day(ago):
    counts = stats.count_per_day([completion(NOW - age) for age in ago], NOW)
    assert [count.day for count in counts] == days.last_days(NOW)
    assert sum(count.cards for count in counts) == len(ago)
    for age in ago:
        assert next(day.cards for day in counts if day.day == days.day_of(NOW - age)) >= 1


@pytest.mark.parametrize(
    ("hours", "seconds"), [([], None), ([1], 3600), ([1, 2, 9], 7200), ([1, 2], 5400), ([-1], 0)]
)
def test_time_taken_is_the_median(hours, seconds):
    times = stats.measure_times(timedelta(hours=hour_count) for hour_count in hours)
    assert (times.median_seconds, times.cards) == (seconds, len(hours))


# ------------------------------------------------------------------------------------------------- bars

MARCH, APRIL, MAY, JUNE = (datetime(2026, month, 1, tzinfo=UTC) for month in (3, 4, 5, 6))


@pytest.mark.parametrize(
    ("start", "due", "bar"),
    [(APRIL, MAY, (APRIL, MAY)), (APRIL, None, (APRIL, APRIL)), (None, MAY, (MAY, MAY)), (None, None, None)],
)
def test_card_is_a_bar_by_the_dates_that_it_has(start, due, bar):
    card_bar = views.build_card_bar(replace_fields(CARD, start_date=start, due_date=due))
    assert (card_bar and (card_bar.start, card_bar.end)) == bar


@pytest.mark.parametrize(
    ("dates", "bar"),
    [
        ((None, None), (APRIL, MAY)),
        ((MAY, MAY), (MAY, MAY)),
        ((None, APRIL), (APRIL, APRIL)),
        ((None, MARCH), (MARCH, MARCH)),
        ((JUNE, None), (JUNE, JUNE)),
    ],
)
def test_scope_is_a_bar_by_its_own_dates_or_those_of_its_cards(dates, bar):
    scope_bar = views.build_scope_bar(ScopeProgress("s", "Main", *dates, 3, 2, APRIL, MAY))
    assert (scope_bar.start, scope_bar.end, scope_bar.cards, scope_bar.percent_done) == (*bar, 3, 66)


@pytest.mark.parametrize("dates", [(None, None), (APRIL, None), (None, APRIL)])
def test_scope_without_cards_is_a_bar_by_the_dates_that_it_has(dates):
    scope_bar = views.build_scope_bar(ScopeProgress("s", "Main", *dates, 0, 0, None, None))
    assert {scope_bar.start, scope_bar.end} == {dates[0] or dates[1]}
