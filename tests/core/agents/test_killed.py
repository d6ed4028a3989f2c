"""Missions whose worker processes are killed: each step is carried out exactly once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from stellary.contract.port import RawRequest
from stellary.core import Actor, Core
from stellary.core.agents import running
from stellary.core.agents.brains import RulesBrain
from tests.core.agents.agent_api import AgentApi
from tests.support.boards import ask
from tests.support.core_parts import LEASE, Ids, system_clock
from tests.support.forkserver import context
from tests.support.world import outcome

PROMPT = "set priority high, add checklist: a\ncomment: On it."
MODES = ["supervised", "approval", "autonomous"]


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def live(url: str, ahead: timedelta, last: int, when: str, request: tuple[str, str] | None) -> None:
    """Run due jobs or send a request, and kill the process around a given transaction or thought."""
    core = Core(url, brains={"built_in": Dying(last)} if when == "thinking" else None)
    live_in(core, lambda: ahead)
    dialect = core.database.engine.dialect
    commit, numbers = dialect.do_commit, count(1)

    def dying(connection: Any) -> None:
        # On PostgreSQL readers commit as well.
        mine = None if getattr(connection, "read_only", False) else next(numbers)
        if mine == last and when == "before":
            die()
        commit(connection)
        if mine == last and when == "after":
            die()

    dialect.do_commit = dying
    if request is not None:
        user_id, path = request
        core.port(Actor(user_id)).send(RawRequest("POST", path, "", {}, b""))
    else:
        core.work.run_due()
    core.close()


def live_in(core: Core, ahead: Callable[[], timedelta]) -> None:
    """Move the clock and the ids of a core into the future."""
    ids = Ids()

    def new_id() -> str:
        id = ids()
        return f"{int(id[:8], 16) + int(ahead().total_seconds()):08x}{id[8:]}"

    core.env.new_id = new_id
    core.env.clock = lambda: system_clock() + ahead()


class Dying(RulesBrain):
    """Is killed at so many thoughts."""

    def __init__(self, last: int) -> None:
        self.left = last

    def think(self, task: Any) -> Any:
        self.left -= 1
        if not self.left:
            die()
        return super().think(task)


class Life:
    """A mission on its way through processes of which each is killed.

    Attributes:
        deaths: How many were.
    """

    def __init__(self, board: AgentApi, url: str, mode: str) -> None:
        self.board, self.url, self.mode = board, url, mode
        # Time goes on from one to the next.
        self._ahead = board.world.core.env.clock() - system_clock() + timedelta(seconds=1)
        live_in(board.world.core, lambda: self._ahead)
        self.agent, self.card = board.agent(mode), board.card("Spec")
        self.mission = board.mission(self.agent, PROMPT, self.card)
        self.deaths = 0
        self.entries: list[tuple[str, Any]] = []

    def run_until_killed(self, last: int, when: str, path: str | None = None) -> bool:
        """Let a process work that may be killed, and return whether it was. Log entries never change."""
        request = path and (self.board.owner.id, path)
        process = context.Process(target=live, args=(self.url, self._ahead, last, when, request))
        process.start()
        process.join(30)
        assert process.exitcode in (0, -signal.SIGKILL)
        # Whoever comes next waits for the claim of this one.
        self._ahead += LEASE + timedelta(seconds=1)
        self.entries += self.board.log(self.mission, after=len(self.entries))
        self.deaths += process.exitcode != 0
        return process.exitcode != 0

    def kill_at_every_step(self) -> None:
        """Let one process after the other be killed in the midst of a step, or right after it, until none has work."""
        while self.status in ("queued", "running"):
            for last, when in DEATHS:
                self.run_until_killed(last, when)

    @property
    def status(self) -> str:
        return self.board.mission_now(self.mission)["status"]

    def approve(self) -> Iterator[str]:
        """Yield the paths that approve what is still pending."""
        flat = self.board.flat
        if self.mode == "approval":
            yield f"{self.board.of_mission(self.mission)}/proposals/approve"
            return
        for proposal in self.board.proposals(self.mission):
            if proposal["status"] == "pending":
                yield f"{flat}/proposals/{proposal['id']}/approve"

    def work(self) -> None:
        """Work on the mission to its end, without kills."""
        until = time.monotonic() + 30
        while (status := self.board.run_mission(self.mission)["status"]) not in ("completed", "failed"):
            # PostgreSQL may not have noticed yet that the process that claimed the job is dead.
            assert time.monotonic() < until
            for path in self.approve() if status == "awaiting_approval" else ():
                self.board.world.ask(self.board.owner, "POST", path)
        self.entries += self.board.log(self.mission, after=len(self.entries))

    def traces(self) -> dict[str, Any]:
        """Return all traces of the mission, without ids, times and the key of its card."""
        board, now = self.board, self.board.read(self.card)
        activity = ask(board, "GET", f"{board.path}/activity?actorId={self.agent['id']}")
        comments = ask(board, "GET", f"{board.of(self.card)}/comments")
        mission = board.mission_now(self.mission)
        result = mission["result"] and mission["result"].replace(now["key"], "KEY")
        return {
            "mission": {
                **{name: mission[name] for name in ("status", "error", "pendingProposals")},
                "result": result,
            },
            "card": (now["priority"], [item["title"] for item in now["checklist"]], now["version"]),
            "comments": [comment["content"] for comment in comments],
            "proposals": [
                (proposal["action"], proposal["status"]) for proposal in board.proposals(self.mission)
            ],
            "audit": board.list_attempts(self.agent),
            "activity": [entry["type"] for entry in activity],
            "told": self.entries,
        }

    def check_ends_like(self, other: Life, *, in_order: bool = True) -> None:
        """Check that nothing was lost or repeated. Ids of two processes have no order within a second."""
        self.board.world.core.work.run_due()
        assert self.entries == self.board.log(self.mission)
        traces, expected = self.traces(), other.traces()
        if not in_order:
            for life_traces in (traces, expected):
                life_traces |= {
                    name: sorted(life_traces[name]) for name in ("audit", "activity", "proposals")
                }
        assert traces == expected
        assert self.traces()["mission"]["status"] == "completed"
        assert self.board.world.core.work.jobs() == []


@pytest.fixture
def begin(board: AgentApi, database_url: str) -> Callable[[str], Life]:
    return lambda mode: Life(board, database_url, mode)


DEATHS = [(4, "before"), (4, "after"), (5, "after")]
"""Who goes on with a job commits that it has claimed it, how far it is and that it has looked; then a step, or before a
thought that it will take longer."""


@pytest.mark.slow("kills a process again and again")
@pytest.mark.parametrize(
    ("database_url", "mode"),
    [
        *(("sqlite", mode) for mode in MODES),
        pytest.param("postgresql", "supervised", marks=pytest.mark.postgres),
    ],
    indirect=["database_url"],
)
def test_mission_is_done_once_when_every_step_kills_its_worker(begin, mode):
    whole = begin(mode)
    whole.work()
    life = begin(mode)
    assert life.run_until_killed(1, "thinking")
    life.kill_at_every_step()
    if mode != "autonomous":
        assert life.status == "awaiting_approval"
        path = next(life.approve())
        for when in ("before", "after"):
            before = life.board.read(life.card)
            assert life.run_until_killed(1, when, path=path)
            assert (life.board.read(life.card) == before) == (when == "before")
        answer = life.board.world.call(life.board.owner, "POST", path)
        code = {"supervised": "already_decided", "approval": "mission_over"}[mode]
        assert outcome(answer) == (409, code)
    if mode == "supervised":
        for path in life.approve():
            life.board.world.ask(life.board.owner, "POST", path)
        life.kill_at_every_step()
    life.check_ends_like(whole)
    # Many more than the attempts after which what comes no further is given up.
    assert life.deaths >= 10


@pytest.mark.slow("kills a process again and again")
@pytest.mark.race
@pytest.mark.parametrize("mode", MODES)
def test_mission_survives_a_kill_at_any_transaction(begin, mode, rounds):
    whole = begin(mode)
    whole.work()
    # What comes before the third is a claim, as of any job.
    for last in range(3, rounds + 1):
        run_until_killed = False
        for when in ("before", "after"):
            life = begin(mode)
            run_until_killed = life.run_until_killed(last, when) or run_until_killed
            life.work()
            life.check_ends_like(whole)
        if not run_until_killed:
            assert last > 10
            return


@pytest.mark.slow("kills a process again and again")
def test_mission_that_kills_every_worker_is_given_up(begin):
    life = begin("autonomous")
    for _ in range(5):
        assert life.run_until_killed(1, "thinking")
    life.work()
    now = life.board.mission_now(life.mission)
    assert now["status"] == "failed"
    assert now["error"] == "the mission could not continue: the process that ran the job ended before the job"
    assert life.board.world.core.work.jobs() == []


def work_concurrently(url: str, mission_id: str, gate: Any) -> None:
    """Work on a mission, concurrently with another process."""
    core = Core(url)
    gate.wait(30)
    running.run(core.units, {"missionId": mission_id}, lambda: None)
    core.close()


@pytest.mark.slow("kills a process again and again")
@pytest.mark.parametrize("mode", ["supervised", "autonomous"])
def test_two_processes_take_each_step_of_a_mission_once(begin, mode):
    whole = begin(mode)
    whole.work()
    life = begin(mode)
    gate = context.Barrier(2)
    workers = [
        context.Process(target=work_concurrently, args=(life.url, life.mission["id"], gate)) for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert [worker.exitcode for worker in workers] == [0, 0]
    # Its job is still there, and finds nothing to do, or goes on where the last one has left it.
    life.work()
    life.check_ends_like(whole, in_order=False)
