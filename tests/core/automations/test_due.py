"""Due dates: each comes once for a card, whatever clocks and processes do."""

from __future__ import annotations

from datetime import timedelta

import pytest

from stellary.core.api.job_runner import HANDLERS, JobRunner
from stellary.core.automations import due
from tests.support.world import at_once


@pytest.fixture
def clock(workshop):
    return workshop.world.stop_clock()


@pytest.fixture
def work(workshop, clock):
    work = workshop.world.core.work
    work.begin()
    return work


@pytest.fixture
def rule(workshop, clock):
    """Raises the priority of what is due."""
    return workshop.rule("due_date_reached", "set_priority", priority="high")


def at(clock, **later):
    return (clock.now + timedelta(**later)).isoformat()


def pass_time(clock, work, **step):
    clock.advance(timedelta(**step))
    work.run_due()


def test_a_due_date_comes_once(workshop, clock, work, rule):
    card = workshop.card("Ship", dueDate=at(clock, hours=1))
    pass_time(clock, work, minutes=59)
    assert workshop.traces(rule) == []
    for _ in range(3):
        pass_time(clock, work, minutes=5)
    (trace,) = workshop.traces(rule)
    assert (trace["event"], trace["result"], trace["triggeredById"]) == ("due_date_reached", "success", None)
    assert trace["target"]["cardId"] == card["id"]
    assert workshop.read(card)["priority"] == "high"


def test_a_due_date_that_was_changed_comes_again_and_one_that_was_there_before_does_not(
    workshop, clock, work, rule
):
    first = at(clock, hours=1)
    card = workshop.card(dueDate=first)
    pass_time(clock, work, hours=2)
    workshop.change(card, dueDate=at(clock, hours=1))
    pass_time(clock, work, hours=2)
    assert len(workshop.traces(rule)) == 2
    workshop.change(card, dueDate=first)
    pass_time(clock, work, hours=2)
    assert len(workshop.traces(rule)) == 2


def test_it_comes_on_time(workshop, clock, work, rule):
    workshop.card(dueDate=at(clock, seconds=90))
    clock.advance(timedelta(minutes=1))
    work.run_due()
    (job,) = work.jobs()
    assert job.due_at == clock.now + timedelta(seconds=30)


def test_without_anything_due_it_looks_every_minute(work, clock):
    work.run_due()
    (job,) = work.jobs()
    assert (job.kind, job.due_at) == (due.CHECK, clock.now + timedelta(minutes=1))


def test_what_was_due_before_the_rule_was_made_or_turned_on_does_not_concern_it(workshop, clock, work):
    workshop.card(dueDate=at(clock, hours=-1))
    rule = workshop.rule("due_date_reached", "set_priority", priority="high")
    workshop.card(dueDate=at(clock, hours=1))
    workshop.turn(rule)
    pass_time(clock, work, hours=2)
    workshop.turn(rule)
    pass_time(clock, work, hours=1)
    assert workshop.traces(rule) == []


def test_each_rule_waits_from_its_own_beginning(workshop, clock, work, rule):
    workshop.card(dueDate=at(clock, hours=1))
    clock.advance(timedelta(hours=2))
    later = workshop.rule("due_date_reached", "set_status", status="done")
    pass_time(clock, work, hours=1)
    assert (len(workshop.traces(rule)), workshop.traces(later)) == (1, [])


def test_a_card_that_is_archived_is_due_no_more(workshop, clock, work, rule):
    card = workshop.card(dueDate=at(clock, hours=1))
    workshop.change(card, archived=True)
    pass_time(clock, work, hours=2)
    assert workshop.traces(rule) == []


def test_many_that_are_due_at_once_all_come(workshop, clock, work, rule):
    column, when = workshop.columns[0]["id"], at(clock, hours=1)
    count = 2 * due.BATCH_SIZE + 5
    cards = {"cards": [{"title": str(n), "columnId": column, "dueDate": when} for n in range(count)]}
    workshop.world.ask(workshop.owner, "POST", f"{workshop.path}/cards/bulk", cards)
    pass_time(clock, work, hours=2)
    assert len({trace["target"]["cardId"] for trace in workshop.traces(rule)}) == count


def test_what_came_while_nothing_ran_is_told_later(workshop, clock, work, rule):
    workshop.card(dueDate=at(clock, hours=1))
    clock.advance(timedelta(days=3))
    restarted = JobRunner(workshop.world.core.units, workshop.world.core.claims, HANDLERS)
    restarted.begin()
    restarted.run_due()
    assert len(workshop.traces(rule)) == 1


def test_several_processes_tell_it_once(workshop, clock, work, rule):
    for number in range(8):
        workshop.card(str(number), dueDate=at(clock, minutes=1 + number))
    clock.advance(timedelta(hours=1))
    others = [JobRunner(workshop.world.core.units, workshop.world.core.claims, HANDLERS) for _ in range(3)]
    for each in others:
        each.begin()
    at_once(*[each.run_due for each in (work, *others)])
    assert len(workshop.traces(rule)) == 8
    assert len(work.jobs()) == 1


def test_a_clock_that_is_set_back_tells_nothing_twice_and_stops_nothing(workshop, clock, work, rule):
    workshop.card(dueDate=at(clock, hours=1))
    pass_time(clock, work, hours=2)
    clock.advance(timedelta(hours=-2))
    work.begin()
    work.run_due()
    workshop.card(dueDate=at(clock, minutes=3))
    pass_time(clock, work, minutes=1)
    (job,) = work.jobs()
    assert job.due_at == clock.now + timedelta(minutes=1)
    pass_time(clock, work, minutes=5)
    assert len(workshop.traces(rule)) == 2


def test_the_thread_notices_that_the_clock_was_set_back(workshop, clock, work, monkeypatch):
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


def test_boards_without_such_rules_are_not_looked_at(workshop, clock, work, statements):
    workshop.card(dueDate=at(clock, hours=1))
    clock.advance(timedelta(hours=2))
    with statements() as sent:
        work.run_due()
    assert sum("stellary_cards" in each for each in sent) == 2
    assert len(sent) <= 9


def test_moments_are_compared_as_they_are_stored(workshop, clock, work, rule):
    """A due date with a fraction of a second is the same date the next time."""
    workshop.card(dueDate="2026-04-01T13:00:00.123Z")
    for _ in range(3):
        pass_time(clock, work, hours=2)
    assert len(workshop.traces(rule)) == 1
