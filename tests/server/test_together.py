"""Queued jobs run in one group, and one by one if the group could not be committed."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from stellary.core.http import threads
from stellary.core.http.threads import Pool


class Groups:
    """A recorder of the groups of jobs that run together."""

    def __init__(self, error: type[Exception] | None = None) -> None:
        self.done: list[str] = []
        self._error = error

    @contextmanager
    def __call__(self) -> Iterator[None]:
        self.done.append("(")
        yield
        self.done.append(")")
        if self._error is not None:
            raise self._error

    def job(self, name: str) -> Callable[[], str]:
        def do() -> str:
            self.done.append(name)
            return name.upper()

        return do


async def run_queued(groups: Groups, *jobs: Callable[[], object]) -> list[object]:
    """Queue jobs behind a blocked one, and return their outcomes."""
    pool = Pool("test", 1, 100, groups, ahead=100)
    blocking, gate = threading.Event(), threading.Event()

    def block() -> None:
        blocking.set()
        gate.wait()

    waiting = [pool.run(block)]
    await asyncio.to_thread(blocking.wait)
    waiting += map(pool.run, jobs)
    pool.stop()
    gate.set()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    pool.join(5)
    return outcomes[1:]


async def test_queued_jobs_run_in_one_group():
    groups = Groups()
    assert await run_queued(groups, groups.job("a"), groups.job("b")) == ["A", "B"]
    assert "".join(groups.done) == "(ab)"


async def test_single_job_runs_without_a_group():
    groups = Groups()
    assert await run_queued(groups, groups.job("a")) == ["A"]
    assert "".join(groups.done) == "a"


async def test_failed_job_does_not_affect_its_group():
    groups = Groups()
    failed, succeeded = await run_queued(groups, lambda: 1 // 0, groups.job("b"))
    assert isinstance(failed, ZeroDivisionError)
    assert succeeded == "B"
    assert "".join(groups.done) == "(b)"


async def test_jobs_of_a_failed_group_run_one_by_one(caplog):
    groups = Groups(OSError)
    assert await run_queued(groups, groups.job("a"), groups.job("b")) == ["A", "B"]
    assert "".join(groups.done) == "(ab)ab"
    assert "one by one: OSError" in caplog.text


async def test_lost_groups_are_logged_once_a_minute_without_a_traceback(caplog, monkeypatch):
    monkeypatch.setattr(threads, "GROUP_MAX", 2)
    groups = Groups(OSError)
    await run_queued(groups, *map(groups.job, "abcdef"))
    assert "".join(groups.done) == "(ab)ab(cd)cd(ef)ef"
    (record,) = caplog.records
    assert record.exc_info is None


async def test_size_of_a_group_is_bounded():
    groups = Groups()
    await run_queued(groups, *(groups.job("a") for _ in range(40)))
    assert "".join(groups.done) == f"({'a' * 32})({'a' * 8})"
