"""Two servers on one PostgreSQL: changes through one are visible in the other immediately, and conflicting decisions are rejected."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.conftest import RUN
from tests.server.listening import Listening, listening
from tests.server.processes import Forked, quiet_settings
from tests.support.core_parts import claims, jobs, streams
from tests.support.databases import Postgres
from tests.support.server_parts import Settings, bind_socket, run
from tests.support.world import at_once

pytestmark = pytest.mark.postgres


def serve(settings: Settings, up: Connection) -> None:
    """Serve, and send the port on ``up``; shorten the claims of killed processes, and read events only after a signal."""
    jobs.LEASE = timedelta(seconds=1)
    claims.ABSENT_SECONDS, claims.CHECK_SECONDS = 0, 0.02
    streams.POLL_SECONDS = 600
    with bind_socket("127.0.0.1", 0) as listening:
        run(settings, listening, "", lambda: up.send(listening.getsockname()[1]))


@attrs.define
class Pair:
    """Two servers with one board and an agent. Tests write through ``here`` and read through ``there``."""

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
        """Start a mission on a new card, and return its path."""
        body = {"cardId": self.card("Spec")["id"], "prompt": prompt}
        mission = self.ask("POST", f"{self.path}/agents/{self.agent}/missions", body)
        return f"{self.path}/missions/{mission['id']}"


@contextmanager
def run_two_servers(request: pytest.FixtureRequest, directory: Path) -> Iterator[Pair]:
    with ExitStack() as stack:
        settings = quiet_settings(
            stack.enter_context(Postgres(request.config.stash[RUN]).database()), directory
        )
        servers = [Forked(serve, settings) for _ in range(2)]
        for server in servers:
            stack.callback(server.kill)
        here, there = servers
        pair = Pair(here, there, here.register("ann"), there.register("bob"))
        pair.project = here.create_project(pair.ann)
        pair.path = pair.project.partition("/projects/")[0]
        pair.column = pair.ask("GET", f"{pair.project}/columns")[0]["id"]
        agent = {"name": "Scribe", "autonomyMode": "supervised", "tools": ["board.read", "board.write"]}
        pair.agent = pair.ask("POST", f"{pair.path}/agents", agent)["id"]
        yield pair


@pytest.fixture(scope="module")
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Yield two servers that no test kills."""
    with run_two_servers(request, tmp_path_factory.mktemp("pair")) as pair:
        yield pair


@pytest.fixture
def disposable_pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    """Yield two servers that a test may kill."""
    with run_two_servers(request, tmp_path) as pair:
        yield pair


def join(pair: Pair) -> str:
    """Add bob to the workspace, and return his path as a member."""
    invitation = {"email": "bob@example.com", "role": "member"}
    token = pair.ask("POST", f"{pair.path}/members/invite", invitation)["token"]
    pair.ask("POST", f"/invitations/{token}/accept", by=pair.bob)
    user = pair.ask("GET", "/auth/me", by=pair.bob)["user"]
    return f"{pair.path}/members/{user['id']}"


def await_card(client: Listening, title: str) -> None:
    """Read events up to that of a card; those before it may come from the missions of other tests."""
    while client.event()["meta"].get("cardTitle") != title:
        pass


def test_changes_through_one_server_reach_streams_of_the_other(pair: Pair):
    with listening(pair.there, f"{pair.path}/events", pair.ann) as client:
        assert client.block() == {"retry": "1000"}
        for number in range(10):
            pair.card(str(number))
            await_card(client, str(number))


def test_rights_changed_through_one_server_apply_to_the_other(pair: Pair):
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
        await_card(workspace, "Seen")
        pair.ask("DELETE", member)
        assert workspace.ends()
        assert of_mission.ends()
        pair.card("Not for bob")
        await_card(other, "Not for bob")


def test_mission_is_followed_on_one_server_and_decided_on_both(pair: Pair):
    mission = pair.mission("comment: On it.")
    with listening(pair.there, f"{mission}/events", pair.ann) as client:
        received = [client.event()]
        while received[-1]["data"].get("status") != "awaiting_approval":
            received.append(client.event())
        (proposal,) = pair.ask("GET", f"{mission}/proposals")
        approve = f"{pair.path}/proposals/{proposal['id']}/approve"
        servers = (pair.here, pair.there) * 2
        decide = [partial(server.ask, "POST", approve, None, pair.ann) for server in servers]
        answers = [answer.status for answer in at_once(*decide)]
        assert sorted(answers) == [200, 409, 409, 409]
        while received[-1]["event"] != "done":
            received.append(client.event())
        assert client.ends()
    assert [int(event["id"]) for event in received] == [*range(1, len(received) + 1)]
    assert received[-1]["data"]["status"] == "completed"
    (comment,) = pair.ask("GET", f"{pair.project}/cards/{pair.ask('GET', mission)['cardId']}/comments")
    assert comment["content"] == "On it."


def test_approval_and_cancellation_on_two_servers_are_consistent(pair: Pair):
    for _ in range(3):
        mission = pair.mission("comment: a\ncomment: b")
        wait_for_approval_request(pair, mission)
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
        assert (cancelled, second["status"]) == (200, "rejected")
        assert pair.ask("GET", mission)["status"] == "cancelled"
        card = pair.ask("GET", f"{pair.project}/cards/{pair.ask('GET', mission)['cardId']}")
        assert (first["status"] == "approved") == (approved == 200) == (card["commentCount"] == 1)
        assert approved in (200, 409)


def wait_for_approval_request(pair: Pair, mission: str) -> None:
    with listening(pair.there, f"{mission}/events", pair.ann) as client:
        while client.event()["data"].get("status") != "awaiting_approval":
            pass


def test_streams_resume_on_the_other_server_after_a_kill(disposable_pair: Pair):
    pair = disposable_pair
    events = f"{pair.path}/events"
    received: list[Any] = []
    here, there = pair.here, pair.there
    with listening(here, events, pair.ann) as client:
        assert client.block() == {"retry": "1000"}
        for number in range(5):
            pair.card(str(number))
        received += [client.event() for _ in range(3)]
        mission = pair.mission("set priority high\ncomment: On it.")
        with listening(here, f"{mission}/events", pair.ann) as following:
            steps = [following.event() for _ in range(2)]
            here.kill()
            # Events that it had already sent may still arrive.
            steps += remaining_events(following)
        received += remaining_events(client)
    pair.here = there
    for number in range(5, 10):
        pair.card(str(number))
    with listening(there, events, pair.ann, last_event_id=received[-1]["id"]) as client:
        while received[-1]["meta"].get("cardTitle") != "9":
            received.append(client.event())
    titles = [event["meta"]["cardTitle"] for event in received if event["type"] == "card_created"]
    assert titles == [*map(str, range(5)), "Spec", *map(str, range(5, 10))]
    numbers = [int(event["id"]) for event in received]
    assert numbers == sorted(set(numbers))
    with listening(there, f"{mission}/events", pair.ann, last_event_id=steps[-1]["id"]) as following:
        while steps[-1]["data"].get("status") != "awaiting_approval":
            steps.append(following.event())
        for proposal in pair.ask("GET", f"{mission}/proposals"):
            pair.ask("POST", f"{pair.path}/proposals/{proposal['id']}/approve")
        while steps[-1]["event"] != "done":
            steps.append(following.event())
    assert [int(step["id"]) for step in steps] == [*range(1, len(steps) + 1)]
    assert steps[-1]["data"]["status"] == "completed"


def remaining_events(client: Any) -> list[Any]:
    """Return the events that still arrive from a killed server."""
    remaining = []
    try:
        while True:
            remaining.append(client.event())
    except (AssertionError, OSError):
        return remaining
