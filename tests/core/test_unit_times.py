"""The times of units of work: their observers, and the log of slow ones."""

import logging
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select

from stellary.core import NOBODY, Core
from stellary.core.api.measures import JOBS_MAX
from stellary.core.kernel import unit_times, units
from stellary.core.kernel.unit_times import UnitTimes
from tests.support.tables import jobs, users

NOW = datetime(2030, 1, 31, tzinfo=UTC)


class Observing:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.units: list[UnitTimes] = []

    def end_unit(self, times: UnitTimes) -> None:
        self.units.append(times)


@pytest.fixture
def observing(core: Core) -> Observing:
    observer = Observing()
    core.observe(observer)
    return observer


def test_observer_is_told_of_each_unit(core: Core, observing: Observing):
    with core.begin(NOBODY) as uow:
        core.enqueue(uow, "of another process", {})
    for _ in range(3):
        core.run(NOBODY, lambda uow: uow.connection.execute(select(users.c.id)).all(), read_only=True)
    written, *read = observing.units
    assert (written.writes, [times.writes for times in read]) == (True, [False] * 3)
    assert written.statements >= 1
    assert [times.statements for times in read] == [1, 1, 1]
    assert all(times.seconds >= times.waited > 0 for times in observing.units)
    assert written.committed > 0
    assert [times.committed for times in read] == [0, 0, 0]


def test_observer_is_told_nothing_after_its_end(core: Core):
    observer = Observing()
    stop = core.observe(observer)
    with core.view(NOBODY):
        pass
    stop()
    with core.view(NOBODY):
        pass
    assert len(observer.units) == 1


def test_statements_of_the_next_unit_on_the_connection_do_not_count(core, observing, monkeypatch):
    """Another thread may get the connection before the unit has ended."""
    end = UnitTimes.end

    def end_late(times: UnitTimes) -> bool:
        if not times.writes:
            monkeypatch.setattr(UnitTimes, "end", end)
            core.run(
                NOBODY,
                lambda uow: [uow.connection.execute(select(users.c.id)).all() for _ in range(3)],
                read_only=True,
            )
        return end(times)

    monkeypatch.setattr(UnitTimes, "end", end_late)
    core.run(NOBODY, lambda uow: uow.connection.execute(select(users.c.id)).all(), read_only=True)
    assert sorted(times.statements for times in observing.units) == [1, 3]


def test_backlog_is_measured_by_its_oldest_jobs(core: Core):
    with core.database.writing() as connection:
        row = {"kind": "host:report", "payload": {}, "due_at": NOW, "attempts": 0, "created_at": NOW}
        connection.execute(insert(jobs), [{**row, "id": f"{number:024x}"} for number in range(JOBS_MAX + 5)])
    counts = [measure.value for measure in core.measure() if measure.name == "stellary_jobs"]
    assert counts == [JOBS_MAX]


def test_unit_that_fails_is_observed(core: Core, observing: Observing):
    with pytest.raises(ZeroDivisionError), core.begin(NOBODY):
        _ = 1 / 0
    (times,) = observing.units
    assert (times.operation, times.committed) == ("other", 0)


def test_unit_succeeds_if_an_observer_fails(core: Core, observing: Observing, caplog):
    class Failing:
        def end_unit(self, times: UnitTimes) -> None:
            raise ZeroDivisionError

    effects: list[str] = []
    core.units.observers.insert(0, Failing())
    with core.begin(NOBODY) as uow:
        uow.after_commit.append(lambda: effects.append("committed"))
    assert (effects, len(observing.units)) == (["committed"], 1)
    assert "ZeroDivisionError" in caplog.text


def test_job_is_observed_by_its_kind(core: Core, observing: Observing):
    core.add_job("counted", lambda uow, payload: None)
    with core.begin(NOBODY) as uow:
        core.enqueue(uow, "counted", {})
    core.work.run_due()
    assert [times.operation for times in observing.units] == ["other", "host:counted"]


def test_slow_units_are_logged_once_a_second(core: Core, monkeypatch, caplog):
    monkeypatch.setattr(units, "SLOW_SECONDS", 0.0)
    now = [0.0]
    monkeypatch.setattr(unit_times.time, "monotonic", lambda: now[0])

    def read() -> None:
        with core.view(NOBODY) as uow:
            uow.connection.execute(select(users.c.id)).all()

    with caplog.at_level(logging.WARNING, "stellary.core"):
        read()
        read()
        read()
        now[0] = 1.0
        read()
    first, second = caplog.messages
    assert first.startswith("slow unit: other took ")
    assert "1 statements" in first
    assert second.endswith("; 2 more since the last line")
