"""Due dates: each triggers once per card, across clock changes and processes."""

from datetime import timedelta

import pytest
from sqlalchemy import delete

from stellary.core import NOBODY
from stellary.core.automations import due, scheduling
from tests.support.core_parts import HANDLERS, JobRunner, indexing, job_runner, jobs, recurring, reminders
from tests.support.world import at_once


@pytest.fixture
def work(board, clock):
    work = board.world.core.work
    work.begin()
    return work


@pytest.fixture
def rule(board, clock):
    """Create a rule that raises the priority of due cards."""
    return board.rule("due_date_reached", "set_priority", priority="high")


def at(clock, **later):
    return (clock.now + timedelta(**later)).isoformat()


def find_checks(work):
    """Return the waiting jobs that check due dates."""
    return [job for job in work.jobs() if job.kind == due.CHECK]


def pass_time(clock, work, **step):
    clock.advance(timedelta(**step))
    work.run_due()


def test_due_date_triggers_once(board, clock, work, rule):
    card = board.card("Ship", dueDate=at(clock, hours=1))
    pass_time(clock, work, minutes=59)
    assert board.traces(rule) == []
    for _ in range(3):
        pass_time(clock, work, minutes=5)
    (trace,) = board.traces(rule)
    assert (trace["event"], trace["result"], trace["triggeredById"]) == ("due_date_reached", "success", None)
    assert trace["target"]["cardId"] == card["id"]
    assert board.read(card)["priority"] == "high"


def test_changed_due_date_triggers_again_and_a_former_one_does_not(board, clock, work, rule):
    first = at(clock, hours=1)
    card = board.card(dueDate=first)
    pass_time(clock, work, hours=2)
    board.change(card, dueDate=at(clock, hours=1))
    pass_time(clock, work, hours=2)
    assert len(board.traces(rule)) == 2
    board.change(card, dueDate=first)
    pass_time(clock, work, hours=2)
    assert len(board.traces(rule)) == 2


def test_due_date_triggers_on_time(board, clock, work, rule):
    board.card(dueDate=at(clock, seconds=90))
    clock.advance(timedelta(minutes=1))
    work.run_due()
    (job,) = find_checks(work)
    assert job.due_at == clock.now + timedelta(seconds=30)


def test_idle_worker_looks_every_minute(work, clock):
    work.run_due()
    (job,) = find_checks(work)
    assert job.due_at == clock.now + timedelta(minutes=1)


def test_due_dates_before_activation_of_a_rule_do_not_trigger(board, clock, work):
    board.card(dueDate=at(clock, hours=-1))
    rule = board.rule("due_date_reached", "set_priority", priority="high")
    board.card(dueDate=at(clock, hours=1))
    board.turn(rule)
    pass_time(clock, work, hours=2)
    board.turn(rule)
    pass_time(clock, work, hours=1)
    assert board.traces(rule) == []


def test_each_rule_starts_at_its_own_activation(board, clock, work, rule):
    board.card(dueDate=at(clock, hours=1))
    clock.advance(timedelta(hours=2))
    later = board.rule("due_date_reached", "set_status", status="done")
    pass_time(clock, work, hours=1)
    assert (len(board.traces(rule)), board.traces(later)) == (1, [])


def test_active_rule_that_is_turned_on_keeps_its_activation(board, clock, work, rule):
    board.card(dueDate=at(clock, hours=1))
    clock.advance(timedelta(hours=2))
    board.turn(rule, enabled=True)
    pass_time(clock, work, hours=1)
    assert len(board.traces(rule)) == 1


def test_archived_card_does_not_become_due(board, clock, work, rule):
    board.change(board.card(dueDate=at(clock, hours=1)), archived=True)
    pass_time(clock, work, hours=2)
    assert board.traces(rule) == []


def test_many_simultaneous_due_dates_all_trigger(board, clock, work, rule):
    count = 2 * due.BATCH_SIZE + 5
    board.cards(count, dueDate=at(clock, hours=1))
    pass_time(clock, work, hours=2)
    assert len({trace["target"]["cardId"] for trace in board.traces(rule)}) == count


def test_due_dates_during_downtime_trigger_later(board, clock, work, rule):
    board.card(dueDate=at(clock, hours=1))
    clock.advance(timedelta(days=3))
    restarted = JobRunner(board.world.core.units, board.world.core.claims, HANDLERS)
    restarted.begin()
    restarted.run_due()
    assert len(board.traces(rule)) == 1


def test_several_processes_trigger_a_due_date_once(board, clock, work, rule):
    for number in range(8):
        board.card(str(number), dueDate=at(clock, minutes=1 + number))
    clock.advance(timedelta(hours=1))
    other_workers = [JobRunner(board.world.core.units, board.world.core.claims, HANDLERS) for _ in range(3)]
    for worker in other_workers:
        worker.begin()
    at_once(*[worker.run_due for worker in (work, *other_workers)])
    assert len(board.traces(rule)) == 8
    assert len(find_checks(work)) == 1


def test_clock_set_back_triggers_nothing_twice(board, clock, work, rule):
    board.card(dueDate=at(clock, hours=1))
    pass_time(clock, work, hours=2)
    clock.advance(timedelta(hours=-2))
    work.begin()
    work.run_due()
    board.card(dueDate=at(clock, minutes=3))
    pass_time(clock, work, minutes=1)
    (job,) = find_checks(work)
    assert job.due_at == clock.now + timedelta(minutes=1)
    pass_time(clock, work, minutes=5)
    assert len(board.traces(rule)) == 2


def test_the_thread_notices_that_the_clock_was_set_back(board, clock, work, monkeypatch):
    starts = []
    monkeypatch.setattr(work, "begin", lambda: starts.append(clock.now))
    monkeypatch.setattr(job_runner, "POLL_SECONDS", 0)

    def run_due():
        if len(starts) == 1:
            clock.advance(timedelta(hours=-1))
        else:
            work.stop()

    monkeypatch.setattr(work, "run_due", run_due)
    work.run()
    assert starts[1] == starts[0] - timedelta(hours=1)


def test_boards_without_such_rules_are_not_looked_at(board, clock, work, statements):
    board.card(dueDate=at(clock, minutes=10))
    # The first run also looks for expired items in the trash, which happens hourly.
    work.run_due()
    with board.world.core.begin(NOBODY) as uow:
        kinds = [indexing.INDEX, scheduling.CHECK, recurring.CHECK, reminders.CHECK, "notifications.watchers"]
        uow.connection.execute(delete(jobs.jobs).where(jobs.jobs.c.kind.in_(kinds)))
    clock.advance(timedelta(minutes=20))
    with statements() as statements_sent:
        work.run_due()
    assert sum("stellary_cards" in statement for statement in statements_sent) == 2
    assert len(statements_sent) <= 9


def test_moments_are_compared_as_they_are_stored(board, clock, work, rule):
    """Check that a due date with a fraction of a second triggers only once."""
    board.card(dueDate="2026-04-01T13:00:00.123Z")
    for _ in range(3):
        pass_time(clock, work, hours=2)
    assert len(board.traces(rule)) == 1
