"""Jobs that have been waiting for each other are done together, and one by one if that could not be kept."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reference_server.threads import Pool


class Groups:
    """Notes what is done together."""

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


async def done(groups: Groups, *jobs: Callable[[], object]) -> list[object]:
    """What becomes of jobs that have queued up behind another one."""
    pool = Pool("test", 1, 100, groups)
    begun, gate = threading.Event(), threading.Event()

    def block() -> None:
        begun.set()
        gate.wait()

    waiting = [pool.run(block)]
    await asyncio.to_thread(begun.wait)
    waiting += map(pool.run, jobs)
    pool.stop()
    gate.set()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    pool.join(5)
    return outcomes[1:]


async def test_jobs_that_have_queued_up_are_done_together():
    groups = Groups()
    assert await done(groups, groups.job("a"), groups.job("b")) == ["A", "B"]
    assert "".join(groups.done) == "(ab)"


async def test_a_job_alone_is_done_by_itself():
    groups = Groups()
    assert await done(groups, groups.job("a")) == ["A"]
    assert "".join(groups.done) == "a"


async def test_a_job_that_fails_does_so_for_itself():
    groups = Groups()
    failed, kept = await done(groups, lambda: 1 // 0, groups.job("b"))
    assert isinstance(failed, ZeroDivisionError)
    assert kept == "B"
    assert "".join(groups.done) == "(b)"


async def test_what_could_not_be_kept_together_is_done_one_by_one(caplog):
    groups = Groups(OSError)
    assert await done(groups, groups.job("a"), groups.job("b")) == ["A", "B"]
    assert "".join(groups.done) == "(ab)ab"
    assert "one by one" in caplog.text


async def test_only_so_many_are_done_together():
    groups = Groups()
    await done(groups, *(groups.job("a") for _ in range(40)))
    assert "".join(groups.done) == f"({'a' * 32})({'a' * 8})"
