"""Due dates: each comes once for a card, whatever clocks and processes do."""

from __future__ import annotations

from datetime import timedelta

import pytest

from stellary.core.api.job_runner import HANDLERS, JobRunner
from stellary.core.automations import due
from tests.support.world import at_once


@pytest.fixture
def clock(automation_api):
    return automation_api.world.stop_clock()


@pytest.fixture
def work(automation_api, clock):
    work = automation_api.world.core.work
    work.begin()
    return work


@pytest.fixture
def rule(automation_api, clock):
    """Raises the priority of what is due."""
    return automation_api.rule("due_date_reached", "set_priority", priority="high")


def at(clock, **later):
    return (clock.now + timedelta(**later)).isoformat()


def pass_time(clock, work, **step):
    clock.advance(timedelta(**step))
    work.run_due()


def test_a_due_date_comes_once(automation_api, clock, work, rule):
    card = automation_api.card("Ship", dueDate=at(clock, hours=1))
    pass_time(clock, work, minutes=59)
    assert automation_api.traces(rule) == []
    for _ in range(3):
        pass_time(clock, work, minutes=5)
    (trace,) = automation_api.traces(rule)
    assert (trace["event"], trace["result"], trace["triggeredById"]) == ("due_date_reached", "success", None)
    assert trace["target"]["cardId"] == card["id"]
    assert automation_api.read(card)["priority"] == "high"


def test_a_due_date_that_was_changed_comes_again_and_one_that_was_there_before_does_not(
    automation_api, clock, work, rule
):
    first = at(clock, hours=1)
    card = automation_api.card(dueDate=first)
    pass_time(clock, work, hours=2)
    automation_api.change(card, dueDate=at(clock, hours=1))
    pass_time(clock, work, hours=2)
    assert len(automation_api.traces(rule)) == 2
    automation_api.change(card, dueDate=first)
    pass_time(clock, work, hours=2)
    assert len(automation_api.traces(rule)) == 2


def test_it_comes_on_time(automation_api, clock, work, rule):
    automation_api.card(dueDate=at(clock, seconds=90))
    clock.advance(timedelta(minutes=1))
    work.run_due()
    (job,) = work.jobs()
    assert job.due_at == clock.now + timedelta(seconds=30)


def test_without_anything_due_it_looks_every_minute(work, clock):
    work.run_due()
    (job,) = work.jobs()
    assert (job.kind, job.due_at) == (due.CHECK, clock.now + timedelta(minutes=1))


def test_what_was_due_before_the_rule_was_made_or_turned_on_does_not_concern_it(automation_api, clock, work):
    automation_api.card(dueDate=at(clock, hours=-1))
    rule = automation_api.rule("due_date_reached", "set_priority", priority="high")
    automation_api.card(dueDate=at(clock, hours=1))
    automation_api.turn(rule)
    pass_time(clock, work, hours=2)
    automation_api.turn(rule)
    pass_time(clock, work, hours=1)
    assert automation_api.traces(rule) == []


def test_each_rule_waits_from_its_own_beginning(automation_api, clock, work, rule):
    automation_api.card(dueDate=at(clock, hours=1))
    clock.advance(timedelta(hours=2))
    later = automation_api.rule("due_date_reached", "set_status", status="done")
    pass_time(clock, work, hours=1)
    assert (len(automation_api.traces(rule)), automation_api.traces(later)) == (1, [])


def test_a_card_that_is_archived_is_due_no_more(automation_api, clock, work, rule):
    card = automation_api.card(dueDate=at(clock, hours=1))
    automation_api.change(card, archived=True)
    pass_time(clock, work, hours=2)
    assert automation_api.traces(rule) == []


def test_many_that_are_due_at_once_all_come(automation_api, clock, work, rule):
    column, when = automation_api.columns[0]["id"], at(clock, hours=1)
    count = 2 * due.BATCH_SIZE + 5
    cards = {"cards": [{"title": str(n), "columnId": column, "dueDate": when} for n in range(count)]}
    automation_api.world.ask(automation_api.owner, "POST", f"{automation_api.path}/cards/bulk", cards)
    pass_time(clock, work, hours=2)
    assert len({trace["target"]["cardId"] for trace in automation_api.traces(rule)}) == count


def test_what_came_while_nothing_ran_is_told_later(automation_api, clock, work, rule):
    automation_api.card(dueDate=at(clock, hours=1))
    clock.advance(timedelta(days=3))
    restarted = JobRunner(automation_api.world.core.units, automation_api.world.core.claims, HANDLERS)
    restarted.begin()
    restarted.run_due()
    assert len(automation_api.traces(rule)) == 1


def test_several_processes_tell_it_once(automation_api, clock, work, rule):
    for number in range(8):
        automation_api.card(str(number), dueDate=at(clock, minutes=1 + number))
    clock.advance(timedelta(hours=1))
    others = [
        JobRunner(automation_api.world.core.units, automation_api.world.core.claims, HANDLERS)
        for _ in range(3)
    ]
    for each in others:
        each.begin()
    at_once(*[each.run_due for each in (work, *others)])
    assert len(automation_api.traces(rule)) == 8
    assert len(work.jobs()) == 1


def test_a_clock_that_is_set_back_tells_nothing_twice_and_stops_nothing(automation_api, clock, work, rule):
    automation_api.card(dueDate=at(clock, hours=1))
    pass_time(clock, work, hours=2)
    clock.advance(timedelta(hours=-2))
    work.begin()
    work.run_due()
    automation_api.card(dueDate=at(clock, minutes=3))
    pass_time(clock, work, minutes=1)
    (job,) = work.jobs()
    assert job.due_at == clock.now + timedelta(minutes=1)
    pass_time(clock, work, minutes=5)
    assert len(automation_api.traces(rule)) == 2


def test_the_thread_notices_that_the_clock_was_set_back(automation_api, clock, work, monkeypatch):
    begun = []
    monkeypatch.setattr(work, "begin", lambda: begun.append(clock.now))
    monkeypatch.setattr("stellary.core.api.job_runner.POLL_SECONDS", 0)

    def run_due():
        if len(begun) == 1:
            clock.advance(timedelta(hours=-1))
        else:
            work.stop()

    monkeypatch.setattr(work, "run_due", run_due)
    work.run()
    assert begun[1] == begun[0] - timedelta(hours=1)


def test_boards_without_such_rules_are_not_looked_at(automation_api, clock, work, statements):
    automation_api.card(dueDate=at(clock, hours=1))
    clock.advance(timedelta(hours=2))
    with statements() as sent:
        work.run_due()
    assert sum("stellary_cards" in each for each in sent) == 2
    assert len(sent) <= 9


def test_moments_are_compared_as_they_are_stored(automation_api, clock, work, rule):
    """A due date with a fraction of a second is the same date the next time."""
    automation_api.card(dueDate="2026-04-01T13:00:00.123Z")
    for _ in range(3):
        pass_time(clock, work, hours=2)
    assert len(automation_api.traces(rule)) == 1
