"""A rolling restart: servers that restart one after the other under load answer every request."""

import itertools
import secrets
import select
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.server.processes import Process
from tests.server.test_behind_nginx import nginx_before
from tests.support.ports import free_port
from tests.support.waiting import wait_until

CLIENTS = 8
REQUESTS_DIRECTLY = 2_000
REQUESTS_BEHIND_NGINX = 10_000
pytestmark = pytest.mark.slow("starts servers")


class Fleet:
    """Four servers on one PostgreSQL database.

    Attributes:
        ports: Where they listen.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._environment = {"STELLARY_DATABASE_URL": url, "JWT_SECRET": secrets.token_hex(32)}
        self.servers = [self._start(0) for _ in range(4)]
        self.ports = [server.port for server in self.servers]

    def restart_all(self) -> None:
        """Restart the servers one after the other."""
        for number, port in enumerate(self.ports):
            assert self.servers[number].end() == 0
            self.servers[number] = self._start(port)

    def end(self) -> None:
        for server in self.servers:
            server.end()

    def _start(self, port: int) -> Process:
        return Process(["--port", str(port)], self._environment, self._folder)


@pytest.fixture
def fleet(tmp_path: Path, postgres_url: str) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path, postgres_url)
    yield fleet
    fleet.end()


class Client:
    """A client that keeps its connections, and uses the next server only if it cannot connect.

    It never retries, so that every failed request is counted.
    """

    def __init__(self, ports: Sequence[int], token: str) -> None:
        self._ports = itertools.cycle(ports)
        self._connections: dict[int, HTTPConnection] = {}
        self._headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        self.outcomes: Counter[str] = Counter()

    def ask(self, method: str, path: str, body: bytes | None = None) -> None:
        connection = self._connection()
        try:
            connection.request(method, path, body, self._headers)
            answer = connection.getresponse()
            answer.read()
            self.outcomes[str(answer.status)] += 1
        except Exception as error:  # noqa: BLE001 - every failure is counted
            connection.close()
            self.outcomes[repr(error)] += 1

    def _connection(self) -> HTTPConnection:
        while True:
            port = next(self._ports)
            connection = self._connections.setdefault(port, HTTPConnection("127.0.0.1", port, timeout=60))
            # ``http.client`` closes a connection whose last response said so. A connection that the server has
            # closed is readable.
            if connection.sock is not None and select.select([connection.sock], [], [], 0)[0]:
                connection.close()
            try:
                if connection.sock is None:
                    connection.connect()
            except ConnectionRefusedError:
                continue
            return connection

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()


def send_while(work: Callable[[], object], ports: Sequence[int], token: str, least: int) -> Counter[str]:
    """Send requests while ``work`` runs and until ``least`` are answered, and return the counted outcomes."""
    clients = [Client(ports, token) for _ in range(CLIENTS)]
    finished = threading.Event()

    def keep_sending(client: Client) -> None:
        for number in itertools.count():
            if finished.is_set() and sum(other.outcomes.total() for other in clients) >= least:
                return
            if number % 4:
                client.ask("GET", "/auth/me")
            else:
                client.ask("PATCH", "/auth/me", b'{"name":"Ann %d"}' % number)

    threads = [threading.Thread(target=keep_sending, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: all(client.outcomes.total() > len(ports) for client in clients))
        work()
    finally:
        finished.set()
        for thread in threads:
            thread.join()
        for client in clients:
            client.close()
    return sum((client.outcomes for client in clients), Counter())


@pytest.mark.slow("starts servers")
def test_clients_with_open_connections_see_no_failure(fleet: Fleet):
    outcomes = send_while(fleet.restart_all, fleet.ports, fleet.servers[0].register(), REQUESTS_DIRECTLY)
    assert outcomes.keys() == {"200"}, outcomes
    assert outcomes.total() >= REQUESTS_DIRECTLY


@pytest.mark.skipif(
    shutil.which("nginx") is None, reason="nginx is not installed: python3 dev.py services installs it"
)
def test_clients_of_nginx_see_no_failure(fleet: Fleet, tmp_path: Path):
    port = free_port()
    token = fleet.servers[0].register()
    with nginx_before(tmp_path, port, *fleet.ports):
        outcomes = send_while(fleet.restart_all, [port], token, REQUESTS_BEHIND_NGINX)
    assert outcomes.keys() == {"200"}, outcomes
    assert outcomes.total() >= REQUESTS_BEHIND_NGINX
