"""A rolling restart: servers that are restarted one after the other under load answer every request."""

from __future__ import annotations

import itertools
import secrets
import select
import shutil
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.server.processes import Process
from tests.server.test_behind_nginx import nginx_before

CLIENTS = 8
REQUESTS_DIRECTLY = 2_000
REQUESTS_BEHIND_NGINX = 10_000
pytestmark = pytest.mark.slow


class Fleet:
    """Four servers over one PostgreSQL.

    Attributes:
        ports: Where they listen.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._environment = {"STELLARY_DATABASE_URL": url, "JWT_SECRET": secrets.token_hex(32)}
        self.servers = [self._start(0) for _ in range(4)]
        self.ports = [server.port for server in self.servers]

    def restart_each(self) -> None:
        """Stop and start one after the other."""
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
    """A client that keeps its connections, and goes to the next server only where it cannot connect.

    It never asks a second time, so that whatever goes wrong with a request that was sent is counted.
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
        except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
            connection.close()
            self.outcomes[repr(error)] += 1

    def _connection(self) -> HTTPConnection:
        while True:
            port = next(self._ports)
            connection = self._connections.setdefault(port, HTTPConnection("127.0.0.1", port, timeout=60))
            # One whose last answer said that it ends has been closed by ``http.client``. One that the server has
            # closed meanwhile can be read from.
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


def ask_while(work: Callable[[], object], ports: Sequence[int], token: str, least: int) -> Counter[str]:
    """What clients are answered that ask all along some work, and until so many requests are answered."""
    clients = [Client(ports, token) for _ in range(CLIENTS)]
    over = threading.Event()

    def ask_on(client: Client) -> None:
        for number in itertools.count():
            if over.is_set() and sum(each.outcomes.total() for each in clients) >= least:
                return
            if number % 4:
                client.ask("GET", "/auth/me")
            else:
                client.ask("PATCH", "/auth/me", b'{"name":"Ann %d"}' % number)

    threads = [threading.Thread(target=ask_on, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    try:
        time.sleep(0.5)
        work()
    finally:
        over.set()
        for thread in threads:
            thread.join()
        for client in clients:
            client.close()
    return sum((client.outcomes for client in clients), Counter())


def test_clients_that_keep_their_connections_notice_nothing(fleet: Fleet):
    token = fleet.servers[0].register()
    outcomes = ask_while(fleet.restart_each, fleet.ports, token, REQUESTS_DIRECTLY)
    assert outcomes.keys() == {"200"}, outcomes
    assert outcomes.total() >= REQUESTS_DIRECTLY


@pytest.mark.skipif(
    shutil.which("nginx") is None, reason="nginx is not installed: python3 dev.py services installs it"
)
def test_clients_of_nginx_notice_nothing(fleet: Fleet, tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    token = fleet.servers[0].register()
    with nginx_before(tmp_path, port, *fleet.ports):
        outcomes = ask_while(fleet.restart_each, [port], token, REQUESTS_BEHIND_NGINX)
    assert outcomes.keys() == {"200"}, outcomes
    assert outcomes.total() >= REQUESTS_BEHIND_NGINX
