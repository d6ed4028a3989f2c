"""Rules whose server or worker is killed repeatedly: each acts on each card exactly once."""

from contextlib import ExitStack
from datetime import timedelta
from multiprocessing.connection import Connection

import pytest

from reference_server import jobs as worker
from tests.server.processes import Forked, quiet_settings
from tests.support.core_parts import claims, jobs, occurrences
from tests.support.server_parts import Settings, bind_socket, run
from tests.support.waiting import wait_until

CARDS = 16
KILLS = (3, 8)
"""The numbers of handled cards after which the process is killed."""


def shorten_claims() -> None:
    """Run most actions of rules as jobs, and shorten the claims of killed processes."""
    occurrences.UNIT_ACTIONS_MAX = 2
    jobs.LEASE = timedelta(seconds=0.5)
    claims.ABSENT_SECONDS, claims.CHECK_SECONDS = 0, 0.02


def serve(settings: Settings, up: Connection) -> None:
    """Serve, and send the port on ``up``."""
    shorten_claims()
    with bind_socket("127.0.0.1", 0) as listening:
        run(settings, listening, "", lambda: up.send(listening.getsockname()[1]))


def work(settings: Settings, up: Connection) -> None:
    """Run jobs without listening on a port."""
    shorten_claims()
    up.send(0)
    worker.work(settings)


@pytest.mark.slow("kills a process again and again")
@pytest.mark.parametrize(
    ("kind", "victim"),
    [
        ("sqlite", "server"),
        pytest.param("postgres", "server", marks=pytest.mark.postgres),
        pytest.param("postgres", "worker", marks=pytest.mark.postgres),
    ],
)
def test_rule_acts_once_per_card_when_its_process_is_killed(request, tmp_path, kind, victim):
    settings = quiet_settings(request.getfixturevalue(f"{kind}_url"), tmp_path, jobs=victim == "server")
    with ExitStack() as stack:
        server = start_process(stack, serve, settings)
        token = server.register("ann")

        def ask(path, body=None):
            answer = server.ask("POST" if body else "GET", path, body, token)
            assert answer.status < 300, answer
            return answer.json

        project = server.create_project(token)
        rule = create_cards_with_rule(ask, project)

        def count_comments():
            return {card["id"]: card["commentCount"] for card in ask(f"{project}/cards")}

        for enough in KILLS:
            process = server if victim == "server" else start_process(stack, work, settings)
            wait_until(lambda enough=enough: sum(count_comments().values()) >= enough)
            process.kill()
            if victim == "server":
                server = start_process(stack, serve, settings)
        if victim == "worker":
            start_process(stack, work, settings)
        wait_until(lambda: sum(count_comments().values()) >= CARDS)
        comment_counts, traces = count_comments(), ask(f"{project}/automations/{rule}/traces")
        assert list(comment_counts.values()) == [1] * CARDS
        assert {trace["result"] for trace in traces} == {"success"}
        assert sorted(trace["target"]["cardId"] for trace in traces) == sorted(comment_counts)


def start_process(stack, target, settings):
    """Start a process that is killed at the end of the test."""
    process = Forked(target, settings)
    stack.callback(process.kill)
    return process


def create_cards_with_rule(ask, project):
    """Create cards, on which a new rule comments; return its id."""
    comment = {"type": "add_comment", "params": {"content": "Welcome."}}
    rule = ask(f"{project}/automations", {"trigger": "task_created", "action": comment})
    column = {"columnId": ask(f"{project}/columns")[0]["id"]}
    ask(f"{project}/cards/bulk", {"cards": [{"title": str(number), **column} for number in range(CARDS)]})
    return rule["id"]
