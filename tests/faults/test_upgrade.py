"""An upgrade without a stop: servers of the previous release go on while the schema is migrated, and beside the new ones."""

import itertools
import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RUN
from tests.server.processes import ROOT, Process, run_process
from tests.support.databases import Postgres

VERSIONS = "stellary/core/migrations/versions"
NO_HISTORY = "the clone has no commit with an earlier schema: git fetch --unshallow"
CLIENTS = 4
REQUESTS_PER_ROUND = 400
SECONDS_MAX = 600.0
pytestmark = [pytest.mark.postgres, pytest.mark.slow("runs servers of two releases")]


def run_git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def find_previous_release() -> str | None:
    """Return the newest commit with an earlier schema; None if the clone does not have it."""
    newest = max(path.name for path in (ROOT / VERSIONS).glob("[0-9]*.py"))[:4]
    for commit in run_git("rev-list", "HEAD", "--", VERSIONS).split():
        files = run_git("ls-tree", "--name-only", commit, f"{VERSIONS}/").split()
        numbers = [number for file in files if (number := Path(file).name[:4]).isdigit()]
        if numbers and max(numbers) < newest:
            return commit
    return None


@pytest.fixture
def previous(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a folder with the code of the previous release."""
    commit = request.config.getoption("--previous-release") or find_previous_release()
    if commit is None:
        pytest.skip(NO_HISTORY)
    folder = tmp_path / "previous"
    folder.mkdir()
    run_git("archive", f"--output={tmp_path / 'previous.tar'}", commit, "stellary", "reference_server")
    subprocess.run(["tar", "-xf", tmp_path / "previous.tar", "-C", folder], check=True)
    return folder


class Clients:
    """Clients that send requests to the servers in rotation, one after the other, and repeat none.

    Attributes:
        rotation: The servers that get requests, as a proxy has them.
        count: The number of requests that were answered.
        failures: How often requests failed, by the kind of request and what was answered.
    """

    def __init__(self, server: Process) -> None:
        self.rotation: tuple[Process, ...] = (server,)
        self.failures: Counter[str] = Counter()
        self.count = self.cards = 0
        self._busy: Counter[int] = Counter()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._token = server.register("ann")
        self._path = server.create_project(self._token)
        self._workspace = self._path.partition("/projects/")[0]
        self._columns = [column["id"] for column in self._ask(server, "GET", f"{self._path}/columns")]
        self._label = self._ask(server, "POST", f"{self._path}/labels", {"name": "bug"})["id"]
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _ask(self, server: Process, method: str, path: str, body: Any = None) -> Any:
        reply = server.ask(method, path, body, self._token)
        assert reply.status < 300, (method, path, reply.status, reply.body)
        return reply.json if reply.body else None

    def _send(self, method: str, path: str, body: Any = None) -> Any:
        with self._lock:
            server = random.choice(self.rotation)
            self._busy[server.port] += 1
        try:
            return self._ask(server, method, path, body)
        except (AssertionError, OSError, HTTPException) as error:
            self.failures[f"{method} {path.rpartition('/')[2][:20]}: {error}"] += 1
            raise
        finally:
            with self._lock:
                self._busy[server.port] -= 1
                self.count += 1

    def _work(self) -> None:
        for number in itertools.count():
            if self._stopping.is_set():
                return
            try:
                self._use_card(number)
            except (AssertionError, OSError, HTTPException):
                time.sleep(0.1)

    def _use_card(self, number: int) -> None:
        first, second = self._columns[:2]
        new = {"title": f"Card {number}", "labelIds": [self._label]}
        card = self._send("POST", f"{self._path}/columns/{first}/cards", new)
        path = f"{self._path}/cards/{card['id']}"
        self._send("PATCH", path, {"priority": "high", "columnId": second})
        self._send("POST", f"{path}/comments", {"content": "Well."})
        self._send("GET", path)
        self._send("GET", f"{self._workspace}/search?q=card")
        self._send("GET", f"{self._path}/cards?limit=20")
        self._send("DELETE", path)
        if number % 2:
            with self._lock:
                self.cards += 1
            entries = self._send("GET", f"{self._workspace}/trash?limit=100")
            entry = next(entry for entry in entries if entry["itemId"] == card["id"])
            self._send("POST", f"{self._workspace}/trash/{entry['id']}/restore")

    def wait_for(self, count: int) -> None:
        """Wait until so many requests were answered."""
        ends = time.monotonic() + SECONDS_MAX
        while self.count < count:
            assert time.monotonic() < ends
            time.sleep(0.01)

    def take_out(self, server: Process) -> None:
        """Send a server no more requests, and wait until it has answered the last one."""
        with self._lock:
            self.rotation = tuple(other for other in self.rotation if other is not server)
        while self._busy[server.port]:
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop after the cards that are in use."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(60)

    def count_stored(self) -> int:
        """Return the number of cards of the project."""
        return len(self._ask(self.rotation[0], "GET", f"{self._path}/cards"))


@pytest.fixture
def empty_url(request: pytest.FixtureRequest) -> Iterator[str]:
    with Postgres(request.config.stash[RUN]).empty_database() as url:
        yield url.replace("+psycopg", "")


def test_no_request_fails_during_an_upgrade(previous: Path, tmp_path: Path, empty_url: str, rounds: int):
    environment = {
        "STELLARY_DATABASE_URL": empty_url,
        "STELLARY_DATA_DIR": str(tmp_path / "data"),
        "JWT_SECRET": "a key for servers of two releases, which share it",
    }
    count = REQUESTS_PER_ROUND * rounds
    with ExitStack() as stack:
        old = stack.enter_context(run_process(previous, environment=environment, is_forked=False))
        clients = Clients(old)
        stack.callback(clients.stop)
        clients.wait_for(count // 5)
        began_at = time.monotonic()
        new = stack.enter_context(run_process(tmp_path, environment=environment))
        migrated_in = time.monotonic() - began_at
        clients.wait_for(2 * count // 5)
        clients.rotation = (old, new)
        clients.wait_for(3 * count // 5)
        if "supports_newer" in (previous / "stellary/core/migrations/history.py").read_text():
            # It is also restarted beside the new schema, such as after a crash.
            clients.take_out(old)
            old.end()
            old = stack.enter_context(run_process(previous, environment=environment, is_forked=False))
            clients.rotation = (old, new)
        clients.wait_for(4 * count // 5)
        clients.take_out(old)
        assert old.end() == 0
        clients.wait_for(count)
        clients.stop()
        stored = clients.count_stored()
    print(  # noqa: T201 - the figures of the guide
        f"{sum(clients.failures.values())} of {clients.count} requests failed; the new server was up after {migrated_in:.1f} s"
    )
    assert clients.failures == {}
    assert stored == clients.cards
