"""``kill -9`` under load, at any moment: acknowledged writes are kept, and webhook messages are sent."""

import itertools
import random
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import orjson
import pytest

from stellary.core import Core, DeliveryResult, OutgoingRequest
from tests.server.processes import Forked, quiet_settings, serve
from tests.support.boards import Board, ask, create_board
from tests.support.core_parts import LOAD_MAX, claims
from tests.support.forkserver import context
from tests.support.waiting import wait_until
from tests.support.world import World

WRITERS = 4
WRITES_MAX = 40
"""A server is killed after 1 to so many acknowledged writes."""
WEBHOOK_SECONDS = 150
URL = "https://hooks.example.com/"


@pytest.mark.slow("kills a process again and again")
@pytest.mark.wide(when="faults")
def test_no_acknowledged_write_is_lost(tmp_path, database_url: str, rounds: int):
    kind = "sqlite" if database_url.startswith("sqlite") else "postgresql"
    settings = quiet_settings(database_url, tmp_path)
    names = (f"acme-{number}" for number in itertools.count())
    acknowledged: set[str] = set()
    token = ""
    for _ in range(rounds):
        server = Forked(serve, settings)
        token = token or server.register("ann")
        assert find_missing(server, token, acknowledged) == set()
        acknowledged |= write_until_killed(server, token, names)
    server = Forked(serve, settings)
    assert find_missing(server, token, acknowledged) == set()
    server.kill()
    if kind == "sqlite":
        with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.slow("kills a process again and again")
@pytest.mark.wide(when="faults")
@pytest.mark.postgres
def test_no_acknowledged_card_of_a_common_commit_is_lost(tmp_path, postgres_url: str, rounds: int):
    settings = quiet_settings(postgres_url, tmp_path)
    with closing(Core(postgres_url, jwt_secret="x" * 32, bcrypt_rounds=4)) as core:
        board = create_board(core)
        token = board.bearer
    titles = (f"card {number}" for number in itertools.count())
    cards_path = f"{board.path}/columns/{board.columns[0]['id']}/cards"
    acknowledged: set[str] = set()
    for _ in range(rounds):
        server = Forked(serve, settings)
        acknowledged |= write_until_killed(server, token, titles, cards_path, ("title",))
    server = Forked(serve, settings)
    cards = server.ask("GET", f"{board.path}/cards", token=token).json
    server.kill()
    assert acknowledged <= {card["title"] for card in cards}
    # No number is missing, since those of units that were not committed are used again.
    assert sorted(card["number"] for card in cards) == list(range(1, len(cards) + 1))
    assert sorted(card["order"] for card in cards) == list(range(len(cards)))


def write_until_killed(
    server: Forked,
    token: str,
    names: Iterator[str],
    path: str = "/organizations",
    fields: Sequence[str] = ("name", "slug"),
) -> set[str]:
    """Write from several threads, kill the server during the writes, and return the acknowledged names."""
    acknowledged: list[str] = []
    enough = threading.Semaphore(0)
    lock = threading.Lock()
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}

    def write() -> None:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
        try:
            while True:
                with lock:
                    name = next(names)
                connection.request("POST", path, orjson.dumps(dict.fromkeys(fields, name)), headers)
                answer = connection.getresponse()
                answer.read()
                assert answer.status == 201
                acknowledged.append(name)
                enough.release()
        except (OSError, HTTPException):
            connection.close()

    writers = [threading.Thread(target=write) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    for _ in range(random.randint(1, WRITES_MAX)):
        assert enough.acquire(timeout=20)
    # Between two writes, or during one.
    time.sleep(random.uniform(0.0, 0.02))
    server.kill()
    for writer in writers:
        writer.join(20)
    return set(acknowledged)


def find_missing(server: Forked, token: str, acknowledged: set[str]) -> set[str]:
    """Return the acknowledged names that are not stored."""
    answer = server.ask("GET", "/organizations", token=token)
    assert answer.status == 200
    return acknowledged - {organization["slug"] for organization in answer.json}


def send_webhooks(url: str, log: str) -> None:
    """Send messages until killed, each to a receiver that keeps a list."""

    def deliver(request: OutgoingRequest) -> DeliveryResult:
        with Path(log).open("a") as file:
            file.write(request.headers["webhook-id"] + "\n")
        time.sleep(0.002)
        return DeliveryResult(200)

    core = Core(url, webhook_sender=deliver)
    core.webhook_worker.start()
    threading.Event().wait()


@pytest.mark.slow("kills a process again and again")
@pytest.mark.wide(when="faults")
def test_no_webhook_message_is_lost_and_few_are_repeated(tmp_path, core, database_url, rounds, monkeypatch):
    monkeypatch.setattr(claims, "ABSENT_SECONDS", 0)
    monkeypatch.setattr(claims, "CHECK_SECONDS", 0.01)
    board = Board(World(core), World(core).person("ann"))
    ask(board, "POST", f"{board.flat}/webhooks", {"url": URL, "events": ["card_created"]})
    log = tmp_path / "received"
    log.touch()
    count = 0
    for _ in range(rounds):
        process = context.Process(target=send_webhooks, args=(database_url, str(log)), daemon=True)
        process.start()
        received = len(log.read_text().splitlines())
        # Before the first delivery is recorded, or later.
        additional = random.choice((random.randint(1, 20), random.randint(LOAD_MAX, 2 * LOAD_MAX)))
        ends = time.monotonic() + WEBHOOK_SECONDS
        while len(log.read_text().splitlines()) < received + additional:
            board.card(str(count))
            count += 1
            assert time.monotonic() < ends
        time.sleep(random.uniform(0.0, 0.05))
        process.kill()
        process.join(20)

    def deliver(request: OutgoingRequest) -> DeliveryResult:
        with log.open("a") as file:
            file.write(request.headers["webhook-id"] + "\n")
        return DeliveryResult(200)

    core.env.webhook_sender = deliver
    # With PostgreSQL the claims of the last process end with its session, which this one watches.
    core.webhook_worker.start()
    wait_until(lambda: not core.work.jobs(), WEBHOOK_SECONDS)
    assert core.webhook_worker.stop(20)
    received = Counter(log.read_text().splitlines())
    assert len(received) == count
    # Only messages that were sent but not yet recorded: at most one load for each killed process.
    assert received.total() - count <= rounds * LOAD_MAX
