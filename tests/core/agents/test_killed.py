"""Missions of processes that are killed: whenever that is, each step is taken, and none of them twice."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import orjson
import pytest

from stellary.contract.port import RawRequest
from stellary.core import Core
from stellary.core.agents import running
from stellary.core.agents.brains import RulesBrain
from stellary.core.db.base import Ids, system_clock
from stellary.core.kernel.jobs import LEASE
from stellary.core.kernel.unit import Actor
from tests.core.agents.agent_api import AgentApi
from tests.support.forkserver import context

PROMPT = "set priority high, add checklist: a, comment: On it."
MODES = ["supervised", "approval", "autonomous"]


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def live(url: str, ahead: timedelta, last: int, when: str, asked: tuple[str, str] | None) -> None:
    """Do what is due, or what somebody asks for, and be killed before or after so many transactions, or before so many thoughts."""
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
    if asked is not None:
        user_id, path = asked
        core.port(Actor(user_id)).send(RawRequest("POST", path, "", {}, b""))
    else:
        core.work.run_due()
    core.close()


def live_in(core: Core, ahead: Callable[[], timedelta]) -> None:
    """Let a core live so far ahead of us, with the ids of that time."""
    ids = Ids()

    def new_id() -> str:
        made = ids()
        return f"{int(made[:8], 16) + int(ahead().total_seconds()):08x}{made[8:]}"

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

    def __init__(self, agent_api: AgentApi, url: str, mode: str) -> None:
        self.agent_api, self.url, self.mode = agent_api, url, mode
        # Time goes on from one to the next.
        self._ahead = agent_api.world.core.env.clock() - system_clock() + timedelta(seconds=1)
        live_in(agent_api.world.core, lambda: self._ahead)
        self.agent, self.card = agent_api.agent(mode), agent_api.card("Spec")
        self.mission = agent_api.mission(self.agent, PROMPT, self.card)
        self.deaths = 0
        self.told: list[tuple[str, Any]] = []

    def killed(self, last: int, when: str, path: str | None = None) -> bool:
        """Let a process work that may be killed; whether it was. What was told until then stays told."""
        asked = path and (self.agent_api.owner.id, path)
        process = context.Process(target=live, args=(self.url, self._ahead, last, when, asked))
        process.start()
        process.join(30)
        assert process.exitcode in (0, -signal.SIGKILL)
        # Whoever comes next waits for the claim of this one.
        self._ahead += LEASE + timedelta(seconds=1)
        self.told += self.agent_api.log(self.mission, after=len(self.told))
        self.deaths += process.exitcode != 0
        return process.exitcode != 0

    def be_killed_on(self) -> None:
        """Let one process after the other be killed in the midst of a step, or right after it, until none has work."""
        while self.status in ("queued", "running"):
            for last, when in DEATHS:
                self.killed(last, when)

    @property
    def status(self) -> str:
        return self.agent_api.mission_now(self.mission)["status"]

    def approve(self) -> Iterator[str]:
        """The paths of what is to be approved as yet."""
        flat = self.agent_api.flat
        if self.mode == "approval":
            yield f"{self.agent_api.of_mission(self.mission)}/proposals/approve"
            return
        for each in self.agent_api.proposals(self.mission):
            if each["status"] == "pending":
                yield f"{flat}/proposals/{each['id']}/approve"

    def work(self) -> None:
        """Work on it to its end with nobody killed."""
        until = time.monotonic() + 30
        while (status := self.agent_api.worked(self.mission)["status"]) not in ("completed", "failed"):
            # PostgreSQL may not have noticed yet that somebody is dead who holds its job.
            assert time.monotonic() < until
            for path in self.approve() if status == "awaiting_approval" else ():
                self.agent_api.world.ask(self.agent_api.owner, "POST", path)
        self.told += self.agent_api.log(self.mission, after=len(self.told))

    def traces(self) -> dict[str, Any]:
        """All that it has left, without ids and times."""
        agent_api, now = self.agent_api, self.agent_api.read(self.card)
        activity = agent_api.world.ask(
            agent_api.owner, "GET", f"{agent_api.path}/activity?actorId={self.agent['id']}"
        )
        comments = agent_api.world.ask(agent_api.owner, "GET", f"{agent_api.of(self.card)}/comments")
        return {
            "mission": {
                name: found
                for name, found in agent_api.mission_now(self.mission).items()
                if name in ("status", "result", "error", "pendingProposals")
            },
            "card": (now["priority"], [each["title"] for each in now["checklist"]], now["version"]),
            "comments": [each["content"] for each in comments],
            "proposals": [(each["action"], each["status"]) for each in agent_api.proposals(self.mission)],
            "audit": agent_api.tried(self.agent),
            "activity": [each["type"] for each in activity],
            "told": self.told,
        }

    def ends_like(self, other: Life, *, in_order: bool = True) -> None:
        """Nothing of it was lost, and nothing happened twice. Within a second, ids of two processes are in no order."""
        self.agent_api.world.core.work.run_due()
        assert self.told == self.agent_api.log(self.mission)
        mine, others = self.traces(), other.traces()
        if not in_order:
            for each in (mine, others):
                each |= {name: sorted(each[name]) for name in ("audit", "activity", "proposals")}
        assert mine == others
        assert self.traces()["mission"]["status"] == "completed"
        assert self.agent_api.world.core.work.jobs() == []


@pytest.fixture
def begin(agent_api: AgentApi, database_url: str) -> Callable[[str], Life]:
    return lambda mode: Life(agent_api, database_url, mode)


DEATHS = [(4, "before"), (4, "after"), (5, "after")]
"""Who goes on with a job commits that it has claimed it, how far it is and that it has looked; then a step, or before a
thought that it will take longer."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("database_url", "mode"),
    [
        *(("sqlite", mode) for mode in MODES),
        pytest.param("postgresql", "supervised", marks=pytest.mark.postgres),
    ],
    indirect=["database_url"],
)
def test_a_mission_whose_every_step_kills_its_worker_is_done_once(begin, mode):
    whole = begin(mode)
    whole.work()
    life = begin(mode)
    assert life.killed(1, "thinking")
    life.be_killed_on()
    if mode != "autonomous":
        assert life.status == "awaiting_approval"
        path = next(life.approve())
        for when in ("before", "after"):
            before = life.agent_api.read(life.card)
            assert life.killed(1, when, path=path)
            assert (life.agent_api.read(life.card) == before) == (when == "before")
        answer = life.agent_api.world.call(life.agent_api.owner, "POST", path)
        code = {"supervised": "already_decided", "approval": "mission_over"}[mode]
        assert (answer.status, orjson.loads(answer.body)["code"]) == (409, code)
    if mode == "supervised":
        for path in life.approve():
            life.agent_api.world.ask(life.agent_api.owner, "POST", path)
        life.be_killed_on()
    life.ends_like(whole)
    # Many more than the attempts after which what comes no further is given up.
    assert life.deaths >= 10


@pytest.mark.race
@pytest.mark.parametrize("mode", MODES)
def test_a_mission_survives_a_worker_that_is_killed_at_any_transaction(begin, mode, rounds):
    whole = begin(mode)
    whole.work()
    # What comes before the third is a claim, as of any job.
    for last in range(3, rounds + 1):
        killed = False
        for when in ("before", "after"):
            life = begin(mode)
            killed = life.killed(last, when) or killed
            life.work()
            life.ends_like(whole)
        if not killed:
            assert last > 10
            return


def test_a_mission_that_kills_whoever_thinks_of_it_is_given_up(begin):
    life = begin("autonomous")
    for _ in range(5):
        assert life.killed(1, "thinking")
    life.work()
    now = life.agent_api.mission_now(life.mission)
    assert (now["status"], now["error"]) == (
        "failed",
        "it could not go on: the process that ran it ended before it was done",
    )
    assert life.agent_api.world.core.work.jobs() == []


def both(url: str, mission_id: str, gate: Any) -> None:
    """Work on a mission, whoever else does."""
    core = Core(url)
    gate.wait(30)
    running.run(core.units, {"missionId": mission_id}, lambda: None)
    core.close()


@pytest.mark.parametrize("mode", ["supervised", "autonomous"])
def test_of_two_processes_on_a_mission_each_step_is_taken_by_one(begin, mode):
    whole = begin(mode)
    whole.work()
    life = begin(mode)
    gate = context.Barrier(2)
    workers = [context.Process(target=both, args=(life.url, life.mission["id"], gate)) for _ in range(2)]
    for each in workers:
        each.start()
    for each in workers:
        each.join(30)
    assert [each.exitcode for each in workers] == [0, 0]
    # Its job is still there, and finds nothing to do, or goes on where the last one has left it.
    life.work()
    life.ends_like(whole, in_order=False)
