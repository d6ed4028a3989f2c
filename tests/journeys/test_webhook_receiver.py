"""The guide's receiver as a process of its own, behind a real webhook sender: retries, restarts, and what somebody else has sent."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from reference_server.settings import NO_LIMITS, Settings
from reference_server.webhook_sender import HttpWebhookSender
from stellary import Stellary
from stellary.contract.signatures import ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, signature
from stellary.core import Core
from stellary.core.webhooks.rules import retries
from stellary.core.webhooks.worker import WebhookWorker
from tests.journeys.test_examples import EXAMPLES
from tests.server.processes import clean_environment
from tests.server.running import running


class Program:
    """The receiver, started, and what it has printed.

    Attributes:
        said: Once it has ended.
    """

    said: list[str]

    def __init__(self, secret: str, port: int, database: Path) -> None:
        self.port = port
        self._process = subprocess.Popen(
            [sys.executable, EXAMPLES / "webhook_receiver.py", str(port), database],
            env={**clean_environment(), "STELLARY_WEBHOOK_SECRET": secret},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout.readline() == f"receiving on port {port}\n"

    def end(self) -> list[str]:
        """Kill it; the lines that it had printed."""
        if self._process.returncode is None:
            self._process.kill()
            self.said = self._process.communicate(timeout=20)[0].splitlines()
        return self.said

    def post(self, headers: dict[str, str], body: bytes) -> tuple[int, str]:
        return posted(self.port, headers, body)


def posted(port: int, headers: dict[str, str], body: bytes) -> tuple[int, str]:
    with closing(HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("POST", "/", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


class Road(BaseHTTPRequestHandler):
    """What lies between: it hands on, loses an answer, or is closed, as it is told for one request after the other."""

    to: ClassVar[int]
    plan: ClassVar[list[str]] = []
    sent: ClassVar[list[tuple[dict[str, str], bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        status, how = 500, self.plan.pop(0) if self.plan else "through"
        if how != "closed":
            self.sent.append((dict(self.headers), body))
            with suppress(ConnectionRefusedError):
                answered = posted(self.to, dict(self.headers), body)[0]
                status = answered if how == "through" else 500
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def road(to: int, *plan: str) -> Iterator[str]:
    """The URL of the road to a port."""
    Road.to, Road.plan, Road.sent = to, list(plan), []
    with ThreadingHTTPServer(("127.0.0.1", 0), Road) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/stellary"
        finally:
            server.shutdown()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def until(true) -> None:
    ends = time.monotonic() + 20
    while not true():
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.02)


@pytest.fixture
def start() -> Iterator[Callable[[str, int, Path], Program]]:
    """Starts the program; what a test that fails leaves behind is ended."""
    started: list[Program] = []

    def begin(*given: Any) -> Program:
        started.append(Program(*given))
        return started[-1]

    yield begin
    for program in started:
        program.end()


@pytest.mark.slow
def test_a_receiver_made_of_the_guide_does_each_thing_once_and_believes_nobody_else(
    core: Core, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Callable[..., Program]
):
    monkeypatch.setattr(retries, "PAUSES", (retries.PAUSES[0] / 50,) * 200)
    core.env.webhook_sender, core.env.private_webhooks = HttpWebhookSender(), True
    core.webhook_worker = WebhookWorker(core.units, core.claims)
    port = free_port()
    with (
        running(core, Settings(limits=NO_LIMITS)) as server,
        Stellary.register(server.url, "jane@example.com", "a-long-password", name="Jane") as client,
        road(port, "closed", "lost", "lost") as url,
    ):
        client.organizations.create(name="Acme", slug="acme")
        client.organization("acme").workspaces.create(name="Engineering", slug="eng")
        ws = client.workspace("acme", "eng")
        hook = ws.webhooks.create(url=url, events=["project_created"])
        program = start(hook.secret, port, tmp_path / "received.db")

        # Three answers are 500: one without, two with the message having arrived.
        ws.projects.create(name="Launch")
        until(lambda: ws.webhooks.deliveries(hook, status="succeeded"))
        (delivery,) = ws.webhooks.deliveries(hook)
        assert [each.status_code for each in delivery.attempts] == [500, 500, 500, 204]
        assert len({headers[ID_HEADER] for headers, _ in Road.sent}) == 1
        assert len(Road.sent) == 3

        # Whoever has died meanwhile knows it still; what comes while nobody is there comes again.
        first = program.end()
        program = start(hook.secret, port, tmp_path / "received.db")
        ws.webhooks(hook).redeliver(delivery)
        until(lambda: not ws.webhooks.deliveries(hook, status="pending"))
        said = program.end()
        ws.projects.create(name="Support")
        until(lambda: any(each.attempts for each in ws.webhooks.deliveries(hook, status="pending")))
        program = start(hook.secret, port, tmp_path / "received.db")
        until(lambda: not ws.webhooks.deliveries(hook, status="pending"))

        # Nobody else is believed, and nothing that is old.
        headers, body = Road.sent[-1]
        id = "msg_of_nobody"

        def signed(at: float, secret: str = hook.secret, of: bytes = body) -> dict[str, str]:
            told = {ID_HEADER: id, TIMESTAMP_HEADER: str(int(at))}
            return {**told, SIGNATURE_HEADER: signature(secret, id, int(at), of)}

        now, other = time.time(), "whsec_" + "b3RoZXI" * 4
        assert program.post(signed(now, other), body) == (400, "the signature is not of that secret")
        assert program.post(signed(now, of=b"{}"), body) == (400, "the signature is not of that secret")
        assert program.post({}, body)[0] == 400
        assert program.post({**headers, ID_HEADER: id}, body)[0] == 400
        status, told = program.post(signed(now - 301), body)
        assert (status, told[-21:]) == (400, "seconds old, or ahead")
        assert program.post(signed(now), body) == (204, "")
        last = program.end()
    launch, support = (f"Jane: project_created, {{'project': '{name}'}}" for name in ("Launch", "Support"))
    assert (first, said, last) == ([launch], [], [support, support])
