"""Jobs: written with the change, claimed once, executed once, retried, given up, and listed."""

import threading
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import text

from stellary.core import NOBODY
from stellary.core.api.job_runner import ATTEMPTS_MAX, LONGEST_PAUSE
from stellary.core.kernel import jobs
from tests.support.core_parts import JobHandler, JobRunner
from tests.support.plans import explain, sent_statements, steps_that_read_much
from tests.support.world import at_once


@pytest.fixture
def notes(core, clock):
    """A table in which the jobs of these tests leave what they have done."""
    with core.database.writing() as connection:
        connection.execute(text("CREATE TABLE notes (note TEXT)"))
    return lambda: read(core)


def read(core):
    with core.database.reading() as connection:
        return sorted(connection.execute(text("SELECT note FROM notes")).scalars())


def note(uow, payload):
    uow.connection.execute(text("INSERT INTO notes VALUES (:note)"), {"note": str(payload)})


def refuse(uow, payload):
    note(uow, payload)
    raise LookupError(f"no {payload}")


def work_of(core, **handlers):
    core.work = JobRunner(
        core.units, core.claims, {kind: JobHandler(do) for kind, do in handlers.items()}, lambda: 0.5
    )
    return core.work


def ask(core, payload="a", kind="note", **more):
    with core.begin(NOBODY) as uow:
        jobs.enqueue(uow, kind, payload, **more)


def test_a_job_is_done_and_struck_off(core, notes):
    work = work_of(core, note=note)
    ask(core, {"deep": [1]})
    assert [(job.kind, job.payload, job.attempts) for job in work.jobs()] == [("note", {"deep": [1]}, 0)]
    assert work.run_due() == 1
    assert (notes(), work.jobs(), work.run_due()) == (["{'deep': [1]}"], [], 0)


def test_job_of_a_rolled_back_change_does_not_exist(core, notes):
    work = work_of(core, note=note)

    def change_mind():
        with core.begin(NOBODY) as uow:
            jobs.enqueue(uow, "note", "a")
            raise LookupError

    with pytest.raises(LookupError):
        change_mind()
    assert work.jobs() == []


def test_job_waits_until_it_is_due(core, clock, notes):
    work = work_of(core, note=note)
    ask(core, due_at=clock.now + timedelta(hours=1))
    assert work.run_due() == 0
    clock.advance(timedelta(hours=1))
    assert work.run_due() == 1


def test_jobs_are_done_in_the_order_in_which_they_are_due(core, clock, notes):
    done = []
    work = work_of(core, note=lambda uow, payload: done.append(payload))
    for minutes in (3, 1, 2):
        ask(core, minutes, due_at=clock.now + timedelta(minutes=minutes))
    clock.advance(timedelta(minutes=5))
    work.run_due()
    assert done == [1, 2, 3]


def test_of_a_key_there_is_one_job_at_a_time(core, notes):
    work = work_of(core, note=note)
    ask(core, "a", key="once")
    ask(core, "b", key="once")
    work.run_due()
    ask(core, "c", key="once")
    work.run_due()
    assert notes() == ["a", "c"]


def test_unknown_kind_is_left_to_other_processes(core, notes):
    ask(core, kind="unheard of")
    assert work_of(core, note=note).run_due() == 0
    assert len(core.work.jobs()) == 1


def test_failed_job_is_rolled_back_and_retried_with_growing_delays(core, clock, notes):
    work = work_of(core, note=refuse)
    ask(core)
    pauses = []
    while not work.jobs(given_up=True):
        assert work.run_due() == 1
        (job,) = work.jobs()
        assert job.error == "LookupError: no a"
        if job.due_at:
            pauses.append((job.due_at - clock.now).total_seconds())
            clock.now = job.due_at
    assert pauses == [5, 10, 20, 40, 80, 160, 320, 640, 1280]
    assert len(pauses) == ATTEMPTS_MAX - 1
    assert notes() == []


def test_job_that_never_gives_up_is_retried_hourly(core, clock):
    core.work = work = JobRunner(
        core.units, core.claims, {"note": JobHandler(lambda uow, payload: 1 / 0, attempts=None)}, lambda: 0.5
    )
    ask(core)
    for _ in range(30):
        work.run_due()
        (job,) = work.jobs()
        pause, clock.now = job.due_at - clock.now, job.due_at
    assert (pause, job.attempts) == (LONGEST_PAUSE, 30)


def test_pauses_differ_by_chance(core, clock):
    for chance, pause in ((0, 3.75), (1, 6.25)):
        core.work = work = JobRunner(
            core.units,
            core.claims,
            {"note": JobHandler(lambda uow, payload: 1 / 0)},
            lambda chance=chance: chance,
        )
        ask(core)
        work.run_due()
        assert (work.jobs()[-1].due_at - clock.now).total_seconds() == pause


def test_given_up_job_can_be_retried(core, clock, notes):
    core.work = work = JobRunner(core.units, core.claims, {"note": JobHandler(refuse, attempts=1)})
    ask(core)
    work.run_due()
    (job,) = work.jobs(given_up=True)
    assert (job.given_up, job.attempts) == (True, 1)
    clock.advance(timedelta(days=9))
    assert work.run_due() == 0
    work = work_of(core, note=note)
    assert [work.retry(job.id), work.retry(job.id), work.retry("nothing")] == [True, False, False]
    work.run_due()
    assert (notes(), work.jobs()) == (["a"], [])


# ------------------------------------------------------------------------------------------------- claims


def claim(core, clock):
    # As whoever does jobs in this process: what was claimed before that was claimed by the dead.
    core.claims.lock_file()
    with core.database.writing() as connection:
        return jobs.claim(connection, ["note"], clock.now, core.env.new_id)


def test_claimed_job_is_not_claimed_again_before_its_expiry(core, clock, notes):
    work = work_of(core, note=note)
    ask(core)
    claim(core, clock)
    assert work.run_due() == 0
    clock.advance(jobs.LEASE)
    assert (work.run_due(), notes()) == (1, ["a"])


def test_expired_claim_changes_nothing(core, clock, notes):
    work = work_of(core, note=note)
    ask(core)
    late = claim(core, clock)
    clock.advance(jobs.LEASE)
    work.run_due()
    work._do(late)
    assert notes() == ["a"]
    ask(core)
    late = claim(core, clock)
    clock.advance(jobs.LEASE)
    claim(core, clock)
    work._do(late)
    work._write(jobs.put_off, late, "late", None)
    assert (notes(), work.jobs(given_up=True)) == (["a"], [])


def test_job_that_kills_its_process_is_given_up(core, clock, notes):
    work = work_of(core, note=note)
    ask(core)
    for _ in range(ATTEMPTS_MAX):
        assert claim(core, clock)
        clock.advance(jobs.LEASE)
    work.run_due()
    (job,) = work.jobs(given_up=True)
    assert (job.error, notes()) == ("the process that ran the job ended before the job", [])


def test_concurrent_runners_execute_each_job_once(core, notes):
    work = work_of(core, note=note)
    other_runners = [JobRunner(core.units, core.claims, {"note": JobHandler(note)}) for _ in range(3)]
    for number in range(20):
        ask(core, number)
    assert sum(at_once(*[runner.run_due for runner in (work, *other_runners)])) == 20
    assert notes() == sorted(map(str, range(20)))


def test_threads_of_one_runner_share_its_signals(core, clock, notes):
    work = work_of(core, note=note)
    for number in range(10):
        ask(core, number, key="note", due_at=clock() + timedelta(hours=1))
        core.env.signals.send("note")
        assert sum(at_once(*[work.run_due] * 4)) == 1
    assert notes() == sorted(map(str, range(10)))


def test_signal_during_a_job_makes_its_next_run_due(core, clock, notes):
    def repeat(uow, payload):
        note(uow, payload)
        if payload == 0:
            core.env.signals.send("note")
            other = threading.Thread(target=work.run_due)
            other.start()
            other.join(1)
        jobs.enqueue(uow, "note", payload + 1, due_at=clock() + timedelta(hours=1), key="note")

    work = work_of(core, note=repeat)
    ask(core, 0, key="note")
    work.run_due()
    assert notes() == ["0", "1"]


def test_signals_are_followed_after_a_failure_of_the_database(core, clock, notes, monkeypatch):
    def lose_connection(*_, **__):
        raise ConnectionError

    work = work_of(core, note=refuse)
    ask(core)
    with monkeypatch.context() as patch:
        patch.setattr(jobs, "put_off", lose_connection)
        with pytest.raises(ConnectionError):
            work.run_due()
    work.handlers["note"] = JobHandler(note)
    ask(core, "b", key="note", due_at=clock() + timedelta(hours=1))
    core.env.signals.send("note")
    assert (work.run_due(), notes()) == (1, ["b"])


# ------------------------------------------------------------------------------------------------- in a thread


@pytest.fixture
def running(core, notes):
    """Yield a function that starts job threads, and stop them at the end."""
    runners = []

    def start(**handlers):
        work = work_of(core, **handlers)
        runners.append(work)
        work.start()
        return work

    yield start
    for work in runners:
        assert work.stop(20)


def test_new_job_runs_immediately(core, running):
    done = threading.Event()
    running(note=lambda uow, payload: done.set())
    # Whatever the thread did at its start: it now waits for five seconds, or until it is woken.
    ask(core)
    assert done.wait(4)


def test_job_of_another_process_is_found(core, running, monkeypatch):
    monkeypatch.setattr("stellary.core.api.job_runner.POLL_SECONDS", 0.1)
    done = threading.Event()
    monkeypatch.setattr(running(note=lambda uow, payload: done.set()), "wake", lambda: None)
    ask(core)
    assert done.wait(10)


def test_a_database_that_does_not_answer_ends_no_thread(core, running, monkeypatch):
    monkeypatch.setattr("stellary.core.api.job_runner.RETRY_SECONDS", 0.1)
    done, failed = threading.Event(), threading.Event()
    look = jobs.next_due

    def trouble(*arguments):
        failed.set()
        raise OSError

    monkeypatch.setattr(jobs, "next_due", trouble)
    running(note=lambda uow, payload: done.set())
    assert failed.wait(10)
    monkeypatch.setattr(jobs, "next_due", look)
    ask(core)
    assert done.wait(10)


def test_running_job_is_finished_before_the_end(core, running, notes):
    started, may_end = threading.Event(), threading.Event()

    def slow(uow, payload):
        started.set()
        assert may_end.wait(10)
        note(uow, payload)

    work = running(note=slow)
    ask(core, "a")
    ask(core, "b")
    assert started.wait(10)
    assert not work.stop(0.1)
    may_end.set()
    assert work.stop(10)
    assert (notes(), len(work.jobs())) == (["a"], 1)


def test_of_some_jobs_there_is_always_one(core, clock, notes):
    def again(uow, payload):
        note(uow, payload)
        jobs.enqueue(uow, "note", payload + 1, due_at=uow.now + timedelta(minutes=1), key="note")

    core.work = work = JobRunner(core.units, core.claims, {"note": JobHandler(again, first=0)})
    for _ in range(3):
        work.begin()
        work.run_due()
        clock.advance(timedelta(minutes=1))
    assert (notes(), len(work.jobs())) == (["0", "1", "2"], 1)


def test_stop_without_a_start_does_nothing(core):
    assert work_of(core).stop()


# ------------------------------------------------------------------------------------------------- a backlog


def test_no_statement_of_a_worker_reads_the_backlog(core, clock, notes):
    work = work_of(core, note=note, other=note, third=note)
    with core.begin(NOBODY) as uow:
        jobs.enqueue_all(uow, "unheard of", list(range(3_000)))
        jobs.enqueue_all(uow, "note", list(range(3_000)))
    with sent_statements() as statements_sent:
        work._do(work._claim_next())
        work._pause()
    ours = [statement for statement in statements_sent if "stellary_jobs" in statement[0]]
    assert len(ours) == 4
    assert {statement[0]: steps_that_read_much(explain(core, statement)) for statement in ours} == {
        statement[0]: [] for statement in ours
    }


def test_a_plan_that_reads_a_table_is_recognised(core, notes):
    with core.begin(NOBODY) as uow:
        jobs.enqueue_all(uow, "note", list(range(3_000)))
    whole = ("SELECT min(created_at) FROM stellary_jobs WHERE attempts = 7", ())
    assert steps_that_read_much(explain(core, whole)) != []


class Turns:
    """Jobs of workspaces, of which several run at a time."""

    def __init__(self, core, slots):
        self.core, self.slots, self.running = core, slots, []

    def enqueue(self, letter, *names):
        with self.core.begin(NOBODY) as uow:
            for name in names:
                jobs.enqueue(uow, "mission", name, workspace_id=letter * 24)

    def claim(self, count):
        for _ in range(count):
            with self.core.database.writing() as connection:
                if len(self.running) >= self.slots:
                    jobs.complete(connection, self.running.pop(0))
                now, new_id = self.core.env.clock(), self.core.env.new_id
                job = jobs.claim(connection, ["mission"], now, new_id, in_turn={"mission"})
            if job is not None:
                self.running.append(job)
                yield job.payload


@pytest.mark.parametrize("slots", [1, 2, 5])
def test_workspaces_take_turns(core, clock, slots):
    turns = Turns(core, slots)
    turns.enqueue("a", *(f"a{number}" for number in range(100)))
    assert [*turns.claim(slots)] == [f"a{number}" for number in range(slots)]
    turns.enqueue("b", "b0", "b1", "b2")
    turns.enqueue("c", "c0")
    assert [*turns.claim(6)] == ["b0", "c0", f"a{slots}", "b1", f"a{slots + 1}", "b2"]
    # A workspace that comes back has no claim to the turns that it did not need, and one that sends its jobs one by one none to all.
    turns.enqueue("c", *(f"c{number}" for number in range(1, 50)))
    following = [payload[0] for payload in turns.claim(10)]
    assert 4 <= following.count("a") <= 6
    for number in range(5):
        turns.enqueue("d", f"d{number}")
        following += [payload[0] for payload in turns.claim(2)]
    assert 3 <= following[10:].count("d") <= 5


@pytest.mark.parametrize("slots", [1, 2, 5])
def test_backlog_has_turns_beside_workspaces_that_send_jobs_one_by_one(core, clock, slots):
    turns = Turns(core, slots)
    turns.enqueue("a", *(f"a{number}" for number in range(10)))
    letters = "bcdefgh"[: slots + 2]
    for letter in letters:
        turns.enqueue(letter, letter)
    claimed = [*turns.claim(slots)]
    for _ in range(60):
        for letter in sorted(set(letters) - {job.payload for job in core.work.jobs()}):
            turns.enqueue(letter, letter)
        claimed += turns.claim(1)
    rounds = len(claimed) // (len(letters) + 1)
    assert sum(name.startswith("a") for name in claimed) >= min(10, rounds - 1)


def test_no_statement_of_turns_reads_the_backlog(core, clock):
    with core.begin(NOBODY) as uow:
        for number in range(600):
            jobs.enqueue(uow, "mission", number, workspace_id=f"{number % 3:024}")
    with sent_statements(("SELECT", "INSERT")) as sent, suppress(LookupError), core.begin(NOBODY) as uow:
        jobs.enqueue(uow, "mission", 0, workspace_id="0" * 24)
        jobs.claim(uow.connection, ["mission"], clock.now, core.env.new_id, in_turn={"mission"})
        raise LookupError
    ours = [statement for statement in sent if "stellary_jobs" in statement[0]]
    assert [steps_that_read_much(explain(core, statement)) for statement in ours] == [[], []]
