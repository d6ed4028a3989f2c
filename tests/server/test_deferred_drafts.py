"""Drafts that a language model plans: a request waits for the model for a while, and then says where the result will be."""

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from stellary import AsyncStellary, Stellary
from stellary.client.errors import TimedOut
from stellary.core import Core
from tests.server.running import Running, encode_head, running
from tests.support.boards import Board, create_board
from tests.support.core_parts import BriefReader, JobRunner, llm
from tests.support.waiting import wait_until

BRIEF = "# Shop\n\n## Phase 1: Design\n- Sketch\n\n## Phase 2: Build\n- Page\n"


class SlowPlanner(BriefReader):
    """A planner that waits for a gate as for a model, and fails as often as it should."""

    is_slow = reads_feedback = True

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.failures = 0

    def refine(self, brief, round):
        self._think(brief)
        return super().refine(brief, round)

    def plan(self, brief):
        self._think(brief)
        return super().plan(brief)

    def _think(self, brief):
        self.begun.append(brief.name)
        if self.failures:
            self.failures -= 1
            raise LookupError("no model")
        while not self.gate.wait(0.02):
            try:
                llm.end_without_caller()
            except llm.CallerGone:
                self.ended.append(brief.name)
                raise


@pytest.fixture
def planner(core: Core) -> Iterator[SlowPlanner]:
    core.env.planner, core.env.answer_seconds = SlowPlanner(), 0.1
    yield core.env.planner
    core.env.planner.gate.set()


@pytest.fixture
def board(core: Core, planner: SlowPlanner) -> Board:
    return create_board(core)


def ask(server: Running, board: Board, method: str, path: str = "", body: Any = None, **headers: str) -> Any:
    return server.ask(method, f"{board.flat}/project-drafts{path}", body, board.bearer, **headers)


def test_slow_result_is_announced_and_written_by_a_job(server, board, planner):
    accepted = ask(server, board, "POST", body={"name": "Shop", "description": BRIEF}, idempotency_key="k")
    draft = accepted.json
    path = f"{board.flat}/project-drafts/{draft['id']}"
    assert (accepted.status, draft["stage"], draft["questions"]) == (202, "planning", [])
    assert (accepted.headers["location"], accepted.headers["retry-after"]) == (path, "2")
    look = ask(server, board, "GET", f"/{draft['id']}")
    assert (look.status, look.json, look.headers["retry-after"]) == (200, draft, "2")
    for step in ("refine", "generate-roadmap", "execute"):
        assert ask(server, board, "POST", f"/{draft['id']}/{step}", {}).json["code"] == "draft_planning"
    again = ask(server, board, "POST", body={"name": "Shop", "description": BRIEF}, idempotency_key="k")
    assert (again.status, again.json, planner.begun) == (202, draft, ["Shop"])
    planner.gate.set()
    wait_until(lambda: ask(server, board, "GET", f"/{draft['id']}").json["stage"] == "framing")
    done = ask(server, board, "GET", f"/{draft['id']}")
    assert (done.json["round"], done.json["version"], "retry-after" in done.headers) == (1, 2, False)
    # A result within the time is the response itself.
    server.core.env.answer_seconds = 20
    planned = ask(server, board, "POST", f"/{draft['id']}/generate-roadmap", {"feedback": "shorter"})
    assert (planned.status, planned.json["stage"], planned.headers["etag"]) == (200, "roadmap", '"4"')
    assert (planned.json["feedback"], len(planned.json["roadmap"]["phases"])) == (["shorter"], 2)
    refined = ask(server, board, "POST", f"/{draft['id']}/refine", {"answers": {"goal": "Sell"}})
    assert (refined.status, refined.json["stage"], refined.json["roadmap"]) == (200, "refinement", None)
    assert ask(server, board, "POST", f"/{draft['id']}/refine", {"answers": {"no": 1}}).status == 400
    assert ask(server, board, "POST", body={"name": "Shop"}).status == 201


@contextmanager
def sent(server: Running, board: Board, path: str, body: bytes, key: str = "k") -> Iterator[None]:
    """Send a request, and disconnect without reading its response."""
    with server.connect() as connection:
        path = f"{board.flat}/project-drafts{path}"
        connection.sendall(encode_head("POST", path, board.bearer, len(body), idempotency_key=key) + body)
        yield


def test_planning_ends_when_its_client_has_left_before_the_answer(server, board, planner):
    server.core.env.answer_seconds = 20
    with sent(server, board, "", b'{"name": "Left"}'):
        wait_until(lambda: planner.begun)
    wait_until(lambda: planner.ended == ["Left"])
    assert ask(server, board, "GET").json == []
    planner.gate.set()
    draft = ask(server, board, "POST", body={"name": "Left"}, idempotency_key="k").json
    planner.gate.clear()
    with sent(server, board, f"/{draft['id']}/generate-roadmap", b"{}", "l"):
        wait_until(lambda: len(planner.begun) == 3)
    wait_until(lambda: len(planner.ended) == 2)
    after = ask(server, board, "GET", f"/{draft['id']}").json
    ignored = {"version": 0, "updatedAt": ""}
    assert {**after, **ignored} == {**draft, **ignored}


@pytest.mark.slow("plans 22 projects at the same time")
def test_planning_ends_with_its_draft_and_is_bounded(server, board, planner):
    drafts = [ask(server, board, "POST", body={"name": f"{number}"}) for number in range(3)]
    assert {draft.status for draft in drafts} == {202}
    wait_until(lambda: len(planner.begun) == 3)
    assert ask(server, board, "DELETE", f"/{drafts[1].json['id']}").status == 200
    wait_until(lambda: planner.ended == ["1"])
    server.core.env.answer_seconds = 0
    assert [ask(server, board, "POST", body={"name": "More"}).status for _ in range(19)] == [202] * 18 + [409]


def test_planning_goes_on_after_a_restart(core, planner):
    board = create_board(core)
    with running(core) as server:
        draft = ask(server, board, "POST", body={"name": "Shop", "description": BRIEF}).json
        wait_until(lambda: planner.begun)
        core.work.stop(0)
    core.env.planner = after = SlowPlanner()
    after.gate.set()
    with running(core) as server:
        wait_until(lambda: ask(server, board, "GET", f"/{draft['id']}").json["stage"] == "framing")
    assert after.begun == ["Shop"]


def test_draft_is_planned_without_a_model_that_always_fails(server, board, planner, monkeypatch):
    monkeypatch.setattr(sys.modules[JobRunner.__module__], "FIRST_PAUSE", timedelta(0))
    planner.failures = 99
    server.core.env.answer_seconds = 20
    draft = ask(server, board, "POST", body={"name": "Shop", "description": BRIEF}).json
    assert len(planner.begun) == 5
    assert draft["missing"][-1] == "This result was created without a model: LookupError: no model."
    assert draft["questions"]


@pytest.mark.slow("waits as long as the server asks for")
def test_sdk_waits_by_itself_and_reports_progress(server, board, planner):
    names = board.flat.split("/")
    seen: list[str] = []

    def note(draft: Any) -> None:
        seen.append(draft.stage)
        planner.gate.set()

    with Stellary(server.url, board.bearer) as client:
        drafts = client.workspace(names[2], names[4]).project_drafts
        draft = drafts.with_options(progress=note).create(name="Shop", description=BRIEF)
        assert (draft.stage, bool(draft.questions), seen) == ("framing", True, ["planning"])
        planner.gate.clear()
        with pytest.raises(TimedOut, match=f"the server still works on {draft.id}"):
            drafts.with_options(timeout=1).generate_roadmap(draft)
        planner.gate.set()

    async def plan() -> Any:
        async with AsyncStellary(server.url, board.bearer) as client:
            drafts = client.workspace(names[2], names[4]).project_drafts
            wait_until(lambda: ask(server, board, "GET", f"/{draft.id}").json["stage"] == "roadmap")
            planner.gate.clear()
            return await drafts(draft).with_options(progress=note).generate_roadmap()

    assert asyncio.run(plan()).stage == "roadmap"
    assert seen == ["planning"] * 2
