"""Two servers over one PostgreSQL: what happens through one is told by the other, and whoever decides second is too late."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import attrs
import pytest

from reference_server.serve import run
from reference_server.settings import NO_LIMITS, Settings
from reference_server.sockets import bind_socket
from stellary.core.kernel import jobs
from tests.conftest import RUN
from tests.server.listening import listening
from tests.server.processes import Forked
from tests.support.databases import Postgres
from tests.support.world import at_once

pytestmark = pytest.mark.postgres
AT_MOST = 1.0
"""Seconds until somebody is told nothing any more that may not be."""


def serve(settings: Settings, up: Connection) -> None:
    """Serve, and say on which port; wait not long for the jobs of who was killed."""
    jobs.LEASE = timedelta(seconds=1)
    with bind_socket("127.0.0.1", 0) as listening:
        run(settings, listening, "", lambda: up.send(listening.getsockname()[1]))


@attrs.define
class Pair:
    """Two servers, and a board on which an agent works. ``here`` is where things are done, ``there`` where they are seen."""

    here: Forked
    there: Forked
    ann: str
    bob: str
    path: str = ""
    project: str = ""
    column: str = ""
    agent: str = ""

    def ask(self, method: str, path: str, body: Any = None, *, by: str | None = None) -> Any:
        answer = self.here.ask(method, path, body, by or self.ann)
        assert answer.status < 300, answer
        return answer.json if answer.body else None

    def card(self, title: str) -> Any:
        return self.ask("POST", f"{self.project}/columns/{self.column}/cards", {"title": title})

    def mission(self, prompt: str) -> str:
        """The path of a new mission on a new card."""
        body = {"cardId": self.card("Spec")["id"], "prompt": prompt}
        made = self.ask("POST", f"{self.path}/agents/{self.agent}/missions", body)
        return f"{self.path}/missions/{made['id']}"


@contextmanager
def two_servers(request: pytest.FixtureRequest, directory: Path) -> Iterator[Pair]:
    with ExitStack() as stack:
        settings = Settings(
            database_url=stack.enter_context(Postgres(request.config.stash[RUN]).database()),
            data_dir=directory,
            jwt_secret="x" * 32,
            bcrypt_rounds=4,
            limits=NO_LIMITS,
            log="off",
        )
        servers = [Forked(serve, settings) for _ in range(2)]
        for each in servers:
            stack.callback(each.kill)
        here, there = servers
        pair = Pair(here, there, here.register("ann"), there.register("bob"))
        pair.ask("POST", "/organizations", {"name": "Acme", "slug": "acme"})
        pair.ask("POST", "/orgs/acme/workspaces", {"name": "Engineering", "slug": "eng"})
        pair.path = "/orgs/acme/workspaces/eng"
        made = pair.ask("POST", f"{pair.path}/projects", {"name": "Launch"})
        pair.project = f"{pair.path}/projects/{made['id']}"
        pair.column = pair.ask("GET", f"{pair.project}/columns")[0]["id"]
        agent = {"name": "Scribe", "autonomyMode": "supervised", "tools": ["board.read", "board.write"]}
        pair.agent = pair.ask("POST", f"{pair.path}/agents", agent)["id"]
        yield pair


@pytest.fixture(scope="module")
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two servers that no test kills."""
    with two_servers(request, tmp_path_factory.mktemp("pair")) as pair:
        yield pair


@pytest.fixture
def mortal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    """Two others."""
    with two_servers(request, tmp_path) as pair:
        yield pair


def join(pair: Pair) -> str:
    """Let bob into the workspace; his path as a member."""
    invitation = {"email": "bob@example.com", "role": "member"}
    token = pair.ask("POST", f"{pair.path}/members/invite", invitation)["token"]
    pair.ask("POST", f"/invitations/{token}/accept", by=pair.bob)
    user = pair.ask("GET", "/auth/me", by=pair.bob)["user"]
    return f"{pair.path}/members/{user['id']}"


def test_what_happens_on_one_is_told_by_the_other_at_once(pair: Pair):
    with listening(pair.there, f"{pair.path}/events", pair.ann) as client:
        assert client.block() == {"retry": "1000"}
        slowest = 0.0
        for number in range(10):
            begun = time.monotonic()
            pair.card(str(number))
            assert client.event()["meta"]["cardTitle"] == str(number)
            slowest = max(slowest, time.monotonic() - begun)
        # It was told, and not found by looking now and then.
        assert slowest < AT_MOST


def test_rights_that_are_granted_and_taken_on_one_count_on_the_other(pair: Pair):
    events = f"{pair.path}/events"
    with listening(pair.there, events, pair.bob) as client:
        assert client.status == 404
    member = join(pair)
    mission = pair.mission("set priority high")
    with (
        listening(pair.there, events, pair.bob) as workspace,
        listening(pair.there, f"{mission}/events", pair.bob) as of_mission,
        listening(pair.there, events, pair.ann) as other,
    ):
        assert (workspace.status, of_mission.status) == (200, 200)
        assert of_mission.event()["data"]["status"] == "queued"
        pair.card("Seen")
        while workspace.event()["meta"]["cardTitle"] != "Seen":
            pass
        begun = time.monotonic()
        pair.ask("DELETE", member)
        assert workspace.ends()
        assert of_mission.ends()
        assert time.monotonic() - begun < AT_MOST
        pair.card("Not for bob")
        while other.event()["meta"].get("cardTitle") != "Not for bob":
            pass


def test_a_mission_is_followed_on_one_and_decided_on_the_other(pair: Pair):
    mission = pair.mission("comment: On it.")
    with listening(pair.there, f"{mission}/events", pair.ann) as client:
        seen = [client.event()]
        while seen[-1]["data"].get("status") != "awaiting_approval":
            seen.append(client.event())
        (proposal,) = pair.ask("GET", f"{mission}/proposals")
        approve = f"{pair.path}/proposals/{proposal['id']}/approve"
        answers = at_once(
            *(
                lambda server=server: server.ask("POST", approve, None, pair.ann).status
                for server in (pair.here, pair.there) * 2
            )
        )
        assert sorted(answers) == [200, 409, 409, 409]
        while seen[-1]["event"] != "done":
            seen.append(client.event())
        assert client.ends()
    assert [int(each["id"]) for each in seen] == [*range(1, len(seen) + 1)]
    assert seen[-1]["data"]["status"] == "completed"
    (comment,) = pair.ask("GET", f"{pair.project}/cards/{pair.ask('GET', mission)['cardId']}/comments")
    assert comment["content"] == "On it."


def test_of_one_who_approves_and_one_who_cancels_elsewhere_each_is_told_what_holds(pair: Pair):
    for _ in range(3):
        mission = pair.mission("comment: a\ncomment: b")
        until_it_waits(pair, mission)
        first, second = pair.ask("GET", f"{mission}/proposals")
        approved, cancelled = at_once(
            lambda: (
                pair.here.ask(
                    "POST",
                    f"{pair.path}/proposals/{first['id']}/approve",  # noqa: B023 - called at once
                    None,
                    pair.ann,
                ).status
            ),
            lambda: pair.there.ask("POST", f"{mission}/cancel", None, pair.ann).status,  # noqa: B023
        )
        first, second = pair.ask("GET", f"{mission}/proposals")
        assert (cancelled, second["status"], pair.ask("GET", mission)["status"]) == (
            200,
            "rejected",
            "cancelled",
        )
        card = pair.ask("GET", f"{pair.project}/cards/{pair.ask('GET', mission)['cardId']}")
        assert (first["status"] == "approved") == (approved == 200) == (card["commentCount"] == 1)
        assert approved in (200, 409)


def until_it_waits(pair: Pair, mission: str) -> None:
    with listening(pair.there, f"{mission}/events", pair.ann) as client:
        while client.event()["data"].get("status") != "awaiting_approval":
            pass


def test_whose_server_is_killed_goes_on_at_the_other_and_misses_nothing(mortal: Pair):
    pair = mortal
    events = f"{pair.path}/events"
    told: list[Any] = []
    here, there = pair.here, pair.there
    with listening(here, events, pair.ann) as client:
        assert client.block() == {"retry": "1000"}
        for number in range(5):
            pair.card(str(number))
        told += [client.event() for _ in range(3)]
        mission = pair.mission("set priority high\ncomment: On it.")
        with listening(here, f"{mission}/events", pair.ann) as following:
            steps = [following.event() for _ in range(2)]
            here.kill()
            # What it had sent may still have come.
            steps += rest(following)
        told += rest(client)
    pair.here = there
    for number in range(5, 10):
        pair.card(str(number))
    with listening(there, events, pair.ann, last_event_id=told[-1]["id"]) as client:
        while told[-1]["meta"].get("cardTitle") != "9":
            told.append(client.event())
    titles = [each["meta"]["cardTitle"] for each in told if each["type"] == "card_created"]
    assert titles == [*map(str, range(5)), "Spec", *map(str, range(5, 10))]
    numbers = [int(each["id"]) for each in told]
    assert numbers == sorted(set(numbers))
    with listening(there, f"{mission}/events", pair.ann, last_event_id=steps[-1]["id"]) as following:
        while steps[-1]["data"].get("status") != "awaiting_approval":
            steps.append(following.event())
        for each in pair.ask("GET", f"{mission}/proposals"):
            pair.ask("POST", f"{pair.path}/proposals/{each['id']}/approve")
        while steps[-1]["event"] != "done":
            steps.append(following.event())
    assert [int(each["id"]) for each in steps] == [*range(1, len(steps) + 1)]
    assert steps[-1]["data"]["status"] == "completed"


def rest(client: Any) -> list[Any]:
    """The events that still come from a server that is no more."""
    found = []
    try:
        while True:
            found.append(client.event())
    except (AssertionError, OSError):
        return found
