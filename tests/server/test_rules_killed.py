"""Rules whose server, or worker, is killed again and again: each acts on each card, and on none twice."""

from __future__ import annotations

import time
from contextlib import ExitStack
from datetime import timedelta
from multiprocessing.connection import Connection

import pytest

from reference_server import jobs as worker
from reference_server.serve import run
from reference_server.settings import NO_LIMITS, Settings
from reference_server.sockets import bind_socket
from stellary.core.automations.rules import occurrences
from stellary.core.kernel import jobs
from tests.server.processes import Forked

CARDS = 16
KILLS = (3, 8)
"""After how many cards on which the rule has acted."""


def hurry() -> None:
    """Leave most of what rules do to jobs, and wait not long for who was killed."""
    occurrences.UNIT_ACTIONS_MAX = 2
    jobs.LEASE = timedelta(seconds=0.5)


def serve(settings: Settings, up: Connection) -> None:
    """Serve, and say on which port."""
    hurry()
    with bind_socket("127.0.0.1", 0) as listening:
        run(settings, listening, "", lambda: up.send(listening.getsockname()[1]))


def work(settings: Settings, up: Connection) -> None:
    """Do jobs, and listen on no port."""
    hurry()
    up.send(0)
    worker.work(settings)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "whom"),
    [
        ("sqlite", "server"),
        pytest.param("postgres", "server", marks=pytest.mark.postgres),
        pytest.param("postgres", "worker", marks=pytest.mark.postgres),
    ],
)
def test_a_rule_acts_once_on_each_card_however_often_who_does_it_is_killed(request, tmp_path, kind, whom):
    settings = Settings(
        database_url=request.getfixturevalue(f"{kind}_url"),
        data_dir=tmp_path,
        jwt_secret="x" * 32,
        bcrypt_rounds=4,
        limits=NO_LIMITS,
        log="off",
        jobs=whom == "server",
    )
    with ExitStack() as stack:
        server = begun(stack, serve, settings)
        token = server.register("ann")

        def ask(path, body=None):
            answer = server.ask("POST" if body else "GET", path, body, token)
            assert answer.status < 300, answer
            return answer.json

        project, rule = board_with_rule(ask)

        def acted():
            return {card["id"]: card["commentCount"] for card in ask(f"{project}/cards")}

        for enough in KILLS:
            busy = server if whom == "server" else begun(stack, work, settings)
            wait_until(lambda: sum(acted().values()), enough)
            busy.kill()
            if whom == "server":
                server = begun(stack, serve, settings)
        if whom == "worker":
            begun(stack, work, settings)
        wait_until(lambda: sum(acted().values()), CARDS)
        found, traces = acted(), ask(f"{project}/automations/{rule}/traces")
        assert list(found.values()) == [1] * CARDS
        assert {trace["result"] for trace in traces} == {"success"}
        assert sorted(trace["target"]["cardId"] for trace in traces) == sorted(found)


def begun(stack, target, settings):
    """A process that does not outlive the test."""
    process = Forked(target, settings)
    stack.callback(process.kill)
    return process


def board_with_rule(ask):
    """A new project, by its path, on whose new cards a rule has begun to comment; and the rule's id."""
    ask("/organizations", {"name": "Acme", "slug": "acme"})
    ask("/orgs/acme/workspaces", {"name": "Engineering", "slug": "eng"})
    made = ask("/orgs/acme/workspaces/eng/projects", {"name": "Launch"})
    project = f"/orgs/acme/workspaces/eng/projects/{made['id']}"
    comment = {"type": "add_comment", "params": {"content": "Welcome."}}
    rule = ask(f"{project}/automations", {"trigger": "task_created", "action": comment})
    column = {"columnId": ask(f"{project}/columns")[0]["id"]}
    ask(f"{project}/cards/bulk", {"cards": [{"title": str(number), **column} for number in range(CARDS)]})
    return project, rule["id"]


def wait_until(count, enough):
    """Wait until something has happened so often."""
    end = time.monotonic() + 30
    while count() < enough:
        assert time.monotonic() < end
        time.sleep(0.01)
