"""The webhook receiver of the guide as a separate process, behind the real webhook sender: retries, restarts and forged messages."""

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

from stellary import Stellary
from stellary.contract.signatures import ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, signature
from tests.journeys.test_examples import EXAMPLES
from tests.server.processes import clean_environment
from tests.server.running import running
from tests.support.colours import create_workspace
from tests.support.core_parts import NO_LIMITS, WebhookWorker, retries
from tests.support.ports import free_port
from tests.support.server_parts import HttpWebhookSender, Settings
from tests.support.waiting import wait_until


class Program:
    """A running receiver and its output.

    Attributes:
        output: The lines that it printed, once it has ended.
    """

    output: list[str]

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
        """Kill it, and return the lines that it printed."""
        if self._process.returncode is None:
            self._process.kill()
            self.output = self._process.communicate(timeout=20)[0].splitlines()
        return self.output

    def post(self, headers: dict[str, str], body: bytes) -> tuple[int, str]:
        return post(self.port, headers, body)


def post(port: int, headers: dict[str, str], body: bytes) -> tuple[int, str]:
    with closing(HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("POST", "/", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


class FlakyProxy(BaseHTTPRequestHandler):
    """A proxy between sender and receiver that forwards, loses a response or is down, according to a plan for each request."""

    to: ClassVar[int]
    plan: ClassVar[list[str]] = []
    forwarded: ClassVar[list[tuple[dict[str, str], bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        status, how = 500, self.plan.pop(0) if self.plan else "through"
        if how != "closed":
            self.forwarded.append((dict(self.headers), body))
            with suppress(ConnectionRefusedError):
                answered = post(self.to, dict(self.headers), body)[0]
                status = answered if how == "through" else 500
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Suppress the log."""


@contextmanager
def run_proxy(to: int, *plan: str) -> Iterator[str]:
    """Run the proxy in front of a port, and yield its URL."""
    FlakyProxy.to, FlakyProxy.plan, FlakyProxy.forwarded = to, list(plan), []
    with ThreadingHTTPServer(("127.0.0.1", 0), FlakyProxy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/stellary"
        finally:
            server.shutdown()


@pytest.fixture
def start() -> Iterator[Callable[[str, int, Path], Program]]:
    """Yield a function that starts the program; kill all processes at the end."""
    started: list[Program] = []

    def begin(*arguments: Any) -> Program:
        started.append(Program(*arguments))
        return started[-1]

    yield begin
    for program in started:
        program.end()


@pytest.mark.slow("starts a process")
def test_receiver_processes_each_message_once_and_rejects_forged_ones(core, tmp_path, monkeypatch, start):
    monkeypatch.setattr(retries, "PAUSES", (retries.PAUSES[0] / 50,) * 200)
    core.env.webhook_sender, core.env.private_webhooks = HttpWebhookSender(), True
    core.webhook_worker = WebhookWorker(core.units, core.claims)
    port = free_port()
    with (
        running(core, Settings(limits=NO_LIMITS)) as server,
        Stellary.register(server.url, "jane@example.com", "a-long-password", name="Jane") as client,
        run_proxy(port, "closed", "lost", "lost") as url,
    ):
        ws = create_workspace(client)
        hook = ws.webhooks.create(url=url, events=["project_created"])
        program = start(hook.secret, port, tmp_path / "received.db")

        # Three answers are 500: one without, two with the message having arrived.
        ws.projects.create(name="Launch")
        wait_until(lambda: ws.webhooks.deliveries(hook, status="succeeded"))
        (delivery,) = ws.webhooks.deliveries(hook)
        assert [attempt.status_code for attempt in delivery.attempts] == [500, 500, 500, 204]
        assert len({headers[ID_HEADER] for headers, _ in FlakyProxy.forwarded}) == 1
        assert len(FlakyProxy.forwarded) == 3

        # Whoever has died meanwhile knows it still; what comes while nobody is there comes again.
        first = program.end()
        program = start(hook.secret, port, tmp_path / "received.db")
        ws.webhooks(hook).redeliver(delivery)
        wait_until(lambda: not ws.webhooks.deliveries(hook, status="pending"))
        lines = program.end()
        ws.projects.create(name="Support")
        wait_until(
            lambda: any(delivery.attempts for delivery in ws.webhooks.deliveries(hook, status="pending"))
        )
        program = start(hook.secret, port, tmp_path / "received.db")
        wait_until(lambda: not ws.webhooks.deliveries(hook, status="pending"))

        # Nobody else is believed, and nothing that is old.
        headers, body = FlakyProxy.forwarded[-1]
        id = "msg_of_nobody"

        def sign_headers(at: float, secret: str = hook.secret, of: bytes = body) -> dict[str, str]:
            headers = {ID_HEADER: id, TIMESTAMP_HEADER: str(int(at))}
            return {**headers, SIGNATURE_HEADER: signature(secret, id, int(at), of)}

        now, other = time.time(), "whsec_" + "b3RoZXI" * 4
        answer = program.post(sign_headers(now, other), body)
        assert answer == (400, "the signature does not match the secret")
        answer = program.post(sign_headers(now, of=b"{}"), body)
        assert answer == (400, "the signature does not match the secret")
        assert program.post({}, body)[0] == 400
        assert program.post({**headers, ID_HEADER: id}, body)[0] == 400
        status, message = program.post(sign_headers(now - 301), body)
        assert (status, message[-16:]) == (400, "seconds from now")
        assert program.post(sign_headers(now), body) == (204, "")
        last = program.end()
    launch, support = (f"Jane: project_created, {{'project': '{name}'}}" for name in ("Launch", "Support"))
    assert (first, lines, last) == ([launch], [], [support, support])
