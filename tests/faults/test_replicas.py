"""Read replicas that are late, lost or paused: a caller misses nothing there that they have written or seen."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import Any

import attrs
import pytest
from sqlalchemy import text

from stellary.core import Core, UnitOfWork
from tests.faults.postgres_server import PostgresServer, running_replicas
from tests.server.listening import listening
from tests.server.running import Running, running
from tests.support.boards import Board
from tests.support.core_parts import NO_LIMITS, CallerGone, end_with_caller, end_without_caller
from tests.support.ports import free_port
from tests.support.redis import needs_redis, running_redis
from tests.support.server_parts import Settings
from tests.support.waiting import knows_peers, wait_until
from tests.support.world import Person, World, at_once

pytestmark = [pytest.mark.postgres, pytest.mark.slow("runs three databases"), pytest.mark.wide(when="faults")]
SECRET = "8f3b1c0d9e7a45626b0f4d2c7e1a9583"
DELAYS = ("0", "20ms", "300ms")
PAIRS = 400
"""The number of writes and reads of a round; 25 rounds have 10,000."""
STATEMENTS = (
    "SELECT sum(calls) FROM pg_stat_statements WHERE toplevel AND query NOT LIKE '%pg_stat_statements%'"
)


@pytest.fixture(scope="module")
def databases() -> Iterator[list[PostgresServer]]:
    with running_replicas(2) as servers:
        yield servers


@attrs.define
class Scene:
    """Servers with a board, of which ann is the owner and bob a member."""

    servers: list[Running]
    replicas: list[PostgresServer]
    board: Board
    ann: Person
    bob: Person
    tokens: dict[str, str]

    def ask(self, person: Person, method: str, path: str, body: Any = None, server: int = 0) -> Any:
        return self.servers[server].ask(method, path, body, self.tokens[person.id])

    def write(self, person: Person, card: Any, title: str, server: int = 0) -> None:
        assert self.ask(person, "PATCH", self.board.of(card), {"title": title}, server).status == 200

    def read(self, person: Person, card: Any, server: int = 0) -> str:
        """Return the title of a card."""
        return self.ask(person, "GET", self.board.of(card), server=server).json["title"]

    def wait_for_use(self, person: Person) -> None:
        """Wait until the reads of a person use a replica on each server."""
        for server, running_server in enumerate(self.servers):
            assert self.ask(person, "GET", self.board.path, server=server).status == 200
            replicas = running_server.core.units.replicas
            wait_until(lambda replicas=replicas: replicas.find(person.id) is not None)

    @contextmanager
    def pausing(self) -> Iterator[None]:
        """Let the replicas replay nothing, once they are used."""
        for person in (self.ann, self.bob):
            self.wait_for_use(person)
        execute(self.replicas, "SELECT pg_wal_replay_pause()")
        try:
            yield
        finally:
            execute(self.replicas, "SELECT pg_wal_replay_resume()")


def execute(servers: list[PostgresServer], statement: str) -> list[Any]:
    """Execute a statement on each server, and return the first row of each if there are any."""
    rows = []
    for server in servers:
        with server.connect() as connection:
            cursor = connection.execute(statement)
            rows.append(cursor.fetchone() if cursor.description else None)
    return rows


def delay(replicas: list[PostgresServer], text: str) -> None:
    execute(replicas, f"ALTER SYSTEM SET recovery_min_apply_delay = '{text}'")
    execute(replicas, "SELECT pg_reload_conf()")


@contextmanager
def running_scene(
    databases: list[PostgresServer], count: int, limits_url: str | None = None
) -> Iterator[Scene]:
    primary, *replicas = databases
    with primary.connect("postgres") as connection:
        connection.execute("DROP DATABASE faults WITH (FORCE)")
        connection.execute("CREATE DATABASE faults")
    with primary.connect() as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
        (position,) = connection.execute("SELECT pg_current_wal_insert_lsn()").fetchone()
    for replica in replicas:
        with replica.connect("postgres") as connection:
            replayed = f"SELECT pg_last_wal_replay_lsn() >= '{position}'"
            wait_until(lambda: connection.execute(replayed).fetchone()[0])  # noqa: B023 - called within the turn
    with ExitStack() as stack:
        servers = []
        for _ in range(count):
            urls = [replica.url for replica in replicas]
            core = Core(primary.url, read_databases=urls, jwt_secret=SECRET, bcrypt_rounds=4)
            stack.callback(core.close)
            core.migrate()
            settings = Settings(limits=NO_LIMITS, limits_url=limits_url)
            servers.append(stack.enter_context(running(core, settings)))
        world = World(servers[0].core)
        ann, bob = world.person("ann"), world.person("bob")
        board = Board(world, ann)
        board.join(bob)
        tokens = {person.id: world.bearer(person) for person in (ann, bob)}
        yield Scene(servers, replicas, board, ann, bob, tokens)


@pytest.fixture
def scene(databases: list[PostgresServer]) -> Iterator[Scene]:
    with running_scene(databases, 1) as scene:
        yield scene


@pytest.fixture(params=[1, pytest.param(2, marks=needs_redis)])
def late_scene(request: pytest.FixtureRequest, databases: list[PostgresServer]) -> Iterator[Scene]:
    """Yield a server, or two that share Redis."""
    with ExitStack() as stack:
        url = stack.enter_context(running_redis(free_port())) if request.param == 2 else None
        yield stack.enter_context(running_scene(databases, request.param, url))
        delay(databases[1:], "0")


def test_a_caller_reads_its_own_writes(late_scene: Scene, rounds: int):
    scene, board = late_scene, late_scene.board
    people = [scene.ann, scene.bob]
    cards = [board.card(by=person) for person in people]
    stale: list[object] = []

    def repeat(person: Person, card: Any) -> None:
        for number in range(PAIRS // len(people)):
            # On two servers, the one that reads is never the one that has written.
            writer, reader = (n % len(scene.servers) for n in (number, number + 1))
            scene.write(person, card, f"{number}", writer)
            if number % 2:
                title = scene.read(person, card, reader)
            else:
                listed = scene.ask(person, "GET", f"{board.path}/cards", server=reader).json
                title = next(item["title"] for item in listed if item["id"] == card["id"])
            if title != f"{number}":
                stale.append((number, title))

    for round_number in range(rounds):
        delay(scene.replicas, DELAYS[round_number % len(DELAYS)])
        at_once(*(partial(repeat, person, card) for person, card in zip(people, cards, strict=True)))
    assert stale == []
    calls = [int(count) for (count,) in execute(scene.replicas, STATEMENTS)]
    print(f"{rounds * PAIRS} pairs, 0 stale; statements of the replicas: {calls}")  # noqa: T201


OF_PROJECT = "{path}/board {card} {path}/cards {path}/flow"
DIFFERENT = (
    OF_PROJECT + " /me/work {flat}/cards {flat}/activity {flat}/projects/portfolio {flat}/search?q=launch"
)
MIXES = {
    "different reads": (DIFFERENT, "0", 0.1, 0.15),
    "small reads": ("{card} {path}/columns {path} " * 3, "0", 0.1, 0.3),
    "cards": ("{card} " * 9, "0", 0.1, 0.6),
    "late replicas": ("{card}", "20ms", 0.5, 0.7),
}


@pytest.mark.parametrize("name", MIXES)
def test_reads_add_no_statement_to_the_primary(scene, databases, rounds, name):
    """Reads reach the primary only if a replica is late, which it can be on a busy machine, and ``added_max`` allows.

    A read has one statement at least, and a write eight. So the share of the primary depends on the reads.
    """
    mix, late, added_max, share_max = MIXES[name]
    board, card, turns = scene.board, scene.board.card(), rounds * 20
    paths = mix.format(path=board.path, flat=board.flat, card=board.of(card)).split()
    people, counts = (scene.ann, scene.bob), []
    for person in people:
        scene.wait_for_use(person)
    delay(scene.replicas, late)
    for tails in ([], paths):
        started_at, before = time.monotonic(), execute(databases, STATEMENTS)
        for number in range(turns):
            person = people[number % 2]
            scene.write(person, card, str(number))
            assert {scene.ask(person, "GET", path).status for path in tails} <= {200}
        after = execute(databases, STATEMENTS)
        counts.append([int(now - then) for (now,), (then,) in zip(after, before, strict=True)])
    delay(scene.replicas, "0")
    share = counts[1][0] / sum(counts[1])
    print(f"{name}: without and with reads {counts} statements, of the primary {share:.1%}")  # noqa: T201
    # Without any request, the server compares the positions of the replicas and looks for jobs.
    idle = 20 * (time.monotonic() - started_at)
    assert counts[1][0] <= counts[0][0] + added_max * turns * len(paths) + idle
    assert share <= share_max


def test_a_schema_of_a_tenant_uses_no_replica(scene: Scene):
    with closing(scene.servers[0].core.in_schema("acme")) as tenant:
        assert tenant.units.replicas is None


def test_a_caller_sees_what_a_stream_has_shown(scene: Scene):
    board, card = scene.board, scene.board.card("Before")
    with scene.pausing():
        scene.write(scene.ann, card, "0")
        assert scene.read(scene.bob, card) == "Before"
        with listening(scene.servers[0], f"{board.flat}/events", scene.tokens[scene.bob.id]) as client:
            # It will not show what was before it.
            assert client.block() == {"retry": "1000"}
            assert scene.read(scene.bob, card) == "0"
            for number in ("1", "2"):
                scene.write(scene.ann, card, number)
                assert client.event()["meta"]["cardTitle"] == number
                assert scene.read(scene.bob, card) == number


def test_errors_and_lost_rights_come_from_the_primary(scene: Scene):
    board = scene.board
    with scene.pausing():
        card = scene.ask(
            scene.ann, "POST", f"{board.path}/columns/{board.columns[0]['id']}/cards", {"title": "New"}
        ).json
        assert scene.ask(scene.bob, "GET", board.of(card)).status == 200
        assert scene.ask(scene.ann, "DELETE", f"{board.flat}/members/{scene.bob.id}").status == 200
        assert scene.ask(scene.bob, "GET", board.path).status == 404


def test_a_read_without_a_client_is_not_repeated_on_the_primary(scene: Scene):
    counts: list[bool] = []

    def read(uow: UnitOfWork) -> None:
        counts.append(bool(uow.connection.scalar(text("SELECT pg_is_in_recovery()"))))
        end_without_caller()

    scene.wait_for_use(scene.ann)
    with pytest.raises(CallerGone):
        end_with_caller(
            lambda: scene.servers[0].core.units.read_as(scene.ann.id).run(read, read_only=True),
            iter([False, True, True]).__next__,
        )()
    assert counts == [True]


def test_a_replica_that_is_late_is_left_out_and_comes_back(scene: Scene):
    card = scene.board.card("Before")
    with scene.pausing():
        scene.write(scene.ann, card, "After")
        started_at = time.monotonic()
        assert scene.read(scene.bob, card) == "Before"
        wait_until(lambda: scene.read(scene.bob, card) == "After")
        assert time.monotonic() - started_at < 2.5
        metrics = scene.servers[0].ask("GET", "/metrics").body.decode()
        assert 'stellary_replica_delay_seconds{replica="2"}' in metrics
    scene.wait_for_use(scene.bob)


def test_a_replica_that_is_lost_costs_no_read(scene: Scene, databases: list[PostgresServer]):
    board = scene.board
    statuses: list[int] = []
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            statuses.append(scene.ask(scene.bob, "GET", f"{board.path}/cards").status)

    # Otherwise a replica that starts replays what all tests have written.
    execute(databases[:1], "CHECKPOINT")
    scene.wait_for_use(scene.bob)
    execute(scene.replicas, "CHECKPOINT")
    reading = threading.Thread(target=read)
    reading.start()
    try:
        for lost in scene.replicas:
            lost.crash()
            count = len(statuses)
            wait_until(lambda count=count: len(statuses) > count + 50)
            starting = threading.Thread(target=lost.start)
            starting.start()
            while starting.is_alive():
                # Without it, a replica accepts connections only after some seconds.
                execute(databases[:1], "SELECT pg_log_standby_snapshot()")
                starting.join(0.1)
    finally:
        over.set()
        reading.join(20)
    assert set(statuses) == {200}
    scene.wait_for_use(scene.bob)


def test_a_replica_that_is_frozen_delays_reads_for_seconds(scene: Scene):
    scene.wait_for_use(scene.bob)
    ask = partial(scene.ask, scene.bob, "GET", f"{scene.board.path}/cards")
    with ExitStack() as stack:
        for replica in scene.replicas:
            stack.enter_context(replica.freezing())
        started_at = time.monotonic()
        assert {answer.status for answer in at_once(*[ask] * 8)} == {200}
        assert time.monotonic() - started_at < 10
    scene.wait_for_use(scene.bob)


def test_without_a_shared_store_several_servers_read_from_the_primary(databases: list[PostgresServer]):
    with running_scene(databases, 2) as scene:
        for server in scene.servers:
            wait_until(lambda server=server: knows_peers(server.core))
            replicas = server.core.units.replicas.all
            wait_until(lambda replicas=replicas: all(replica.current_at > 0 for replica in replicas))
            assert server.core.units.replicas.find(scene.ann.id) is None
        assert scene.ask(scene.ann, "GET", scene.board.path).status == 200


@needs_redis
def test_a_store_that_has_lost_its_data_sends_reads_to_the_primary(databases: list[PostgresServer]):
    port = free_port()
    with ExitStack() as stack:
        first = stack.enter_context(ExitStack())
        url = first.enter_context(running_redis(port))
        scene = stack.enter_context(running_scene(databases, 2, url))
        card = scene.board.card("Before")
        with scene.pausing():
            first.close()
            scene.write(scene.ann, card, "After")
            assert [scene.read(scene.ann, card, server) for server in range(2)] == ["After"] * 2
            with running_redis(port):
                assert {scene.read(scene.ann, card, number % 2) for number in range(100)} == {"After"}


def test_writes_do_not_wait_for_a_store_that_is_away(databases: list[PostgresServer]):
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        running_scene(databases, 1, f"redis://127.0.0.1:{silent.getsockname()[1]}") as scene,
    ):
        card = scene.board.card("Before")
        started_at = time.monotonic()
        for number in range(20):
            scene.write(scene.ann, card, str(number))
            assert scene.read(scene.ann, card) == str(number)
        assert time.monotonic() - started_at < 5
