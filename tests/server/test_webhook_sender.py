"""The webhook sender: messages by HTTP to real receivers; to no private address, after no redirect, and never for long."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from reference_server import webhook_sender
from reference_server.settings import NO_LIMITS, Settings
from reference_server.webhook_sender import HttpWebhookSender
from stellary import Stellary
from stellary.core import Core
from stellary.core.ports.webhook_sender import OutgoingRequest
from stellary.core.webhooks.rules import retries
from stellary.core.webhooks.worker import WebhookWorker
from tests.journeys.test_examples import example
from tests.server.running import running
from tests.support.world import World


class Receiver:
    """Answers each connection as it is told to, and keeps what it was sent."""

    def __init__(self, *answers: bytes | Callable[[socket.socket], None]) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"

    def run(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listening.accept()
                threading.Thread(target=self.take, args=(connection,), daemon=True).start()

    def take(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            got = b""
            while b"\r\n\r\n" not in got or len(got.partition(b"\r\n\r\n")[2]) < length(got):
                more = connection.recv(65536)
                if not more:
                    return
                got += more
            self.requests.append(got)
            answer = self.answers.pop(0) if self.answers else b"HTTP/1.1 204 No Content\r\n\r\n"
            if callable(answer):
                answer(connection)
            else:
                connection.sendall(answer)


def length(got: bytes) -> int:
    head = got.partition(b"\r\n\r\n")[0].lower()
    return int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)


@contextmanager
def receiving(*answers: bytes | Callable[[socket.socket], None]) -> Iterator[Receiver]:
    receiver = Receiver(*answers)
    threading.Thread(target=receiver.run, daemon=True).start()
    try:
        yield receiver
    finally:
        receiver.listening.close()


def request(url: str, *, private: bool = True) -> OutgoingRequest:
    return OutgoingRequest(
        url, {"content-type": "application/json", "webhook-id": "msg_1"}, b'{"a":1}', private
    )


def test_a_message_arrives_as_it_was_signed():
    with receiving() as receiver:
        result = HttpWebhookSender()(request(receiver.url + "/hook?x=1"))
    assert (result.status, result.error) == (204, None)
    head, _, body = receiver.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /hook?x=1 HTTP/1.1\r\n")
    assert b"webhook-id: msg_1" in head
    assert b"Host: " + receiver.url.removeprefix("http://").encode() in head
    assert body == b'{"a":1}'


@pytest.mark.parametrize(
    ("answer", "status", "error", "retry_after"),
    [
        (b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n", 500, "answered 500", None),
        (b"HTTP/1.1 429 No\r\nretry-after: 30\r\ncontent-length: 0\r\n\r\n", 429, "answered 429", 30.0),
        (b"HTTP/1.1 503 No\r\nretry-after: soon\r\ncontent-length: 0\r\n\r\n", 503, "answered 503", None),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_000_000, 200, None, None),
        (b"hello\r\n", None, "the connection failed: BadStatusLine", None),
        (b"", None, "the connection failed: RemoteDisconnected", None),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000, None, "the connection failed: LineTooLong", None),
    ],
    ids=["500", "429", "503", "large", "no http", "nothing", "long header"],
)
def test_what_is_answered_is_told(answer, status, error, retry_after):
    with receiving(answer) as receiver:
        result = HttpWebhookSender()(request(receiver.url))
    assert (result.status, result.error, result.retry_after, result.final) == (
        status,
        error,
        retry_after,
        False,
    )


def test_a_redirect_is_not_followed():
    with receiving() as private:
        with receiving(f"HTTP/1.1 307 Go\r\nlocation: {private.url}\r\n\r\n".encode()) as receiver:
            result = HttpWebhookSender()(request(receiver.url))
        assert (result.status, result.error) == (307, "redirects are not followed")
        assert private.requests == []


def test_no_private_address_is_connected_to():
    with receiving() as receiver:
        for url in (receiver.url, receiver.url.replace("127.0.0.1", "localhost")):
            result = HttpWebhookSender()(request(url, private=False))
            assert (result.error, result.final) == ("it leads to an address that is not public", True)
        assert receiver.requests == []


def test_a_name_is_looked_up_once_and_all_that_it_stands_for_is_looked_at(monkeypatch):
    asked = []
    answers = [["93.184.216.34", "10.0.0.1"], ["127.0.0.1"]]

    def looked_up(host, port, **_):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in answers[len(asked) - 1]]

    monkeypatch.setattr(webhook_sender.socket, "getaddrinfo", looked_up)
    result = HttpWebhookSender()(request("http://rebinding.example.com/", private=False))
    assert (result.final, asked) == (True, ["rebinding.example.com"])


def test_who_is_not_there_is_told():
    gone = socket.create_server(("127.0.0.1", 0))
    port = gone.getsockname()[1]
    gone.close()
    assert (
        HttpWebhookSender()(request(f"http://127.0.0.1:{port}/")).error
        == "the connection failed: ConnectionRefusedError"
    )
    assert HttpWebhookSender()(request("http://nowhere.invalid/")).error == "the name is not known"


def drip(connection: socket.socket) -> None:
    for each in b"HTTP/1.1 200 OK\r\n" * 100:
        connection.sendall(bytes([each]))
        time.sleep(0.05)


@pytest.mark.parametrize("answer", [drip, lambda connection: time.sleep(5)], ids=["drip", "silence"])
def test_who_is_slow_is_left(answer):
    with receiving(answer) as receiver:
        began = time.monotonic()
        result = HttpWebhookSender(all_seconds=0.3)(request(receiver.url))
    assert (result.status, result.error) == (None, "no answer in time")
    assert 0.2 < time.monotonic() - began < 3


def test_tls_is_checked():
    with receiving(b"no tls") as receiver:
        result = HttpWebhookSender(all_seconds=0.5)(request(receiver.url.replace("http:", "https:")))
    assert result.status is None
    assert result.error is not None


# ---------------------------------------------------------------------------------------------- all of it


@pytest.fixture
def posting(core: Core) -> Core:
    """A core with a webhook sender that may connect to this machine."""
    core.env.webhook_sender, core.env.private_webhooks = HttpWebhookSender(), True
    core.webhook_worker = WebhookWorker(core.units, core.claims)
    return core


def test_the_example_is_told_by_a_server(posting: Core, capsys: pytest.CaptureFixture[str]):
    world = World(posting)
    ann = world.person("ann")
    workspace = world.workspace(ann)
    with (
        running(posting, Settings(limits=NO_LIMITS)) as server,
        Stellary(server.url, token=world.bearer(ann)) as client,
    ):
        told = example("webhooks").webhooks(client, workspace.organization.slug, workspace.slug)
    assert [each.partition(",")[0] for each in told] == ["ann: card_created", "ann: card_moved"]
    assert capsys.readouterr().out.splitlines() == [
        "card_moved succeeded [204]",
        "card_created succeeded [204]",
    ]


def test_a_receiver_that_was_away_gets_it_later(posting: Core, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(retries, "PAUSES", (retries.PAUSES[0] / 100,) * 3)
    world = World(posting)
    ann = world.person("ann")
    workspace = world.workspace(ann)
    away = b"HTTP/1.1 503 Away\r\ncontent-length: 0\r\n\r\n"
    with receiving(away, lambda connection: None) as receiver, running(posting, Settings(limits=NO_LIMITS)):
        hook = world.ask(ann, "POST", f"{workspace.path}/webhooks", {"url": receiver.url})
        world.project(ann, workspace)
        ends = time.monotonic() + 20
        path = f"{workspace.path}/webhooks/{hook['id']}/deliveries"
        while world.ask(ann, "GET", path)[0]["status"] != "succeeded":
            assert time.monotonic() < ends
            time.sleep(0.02)
    (delivery,) = world.ask(ann, "GET", path)
    assert [each["statusCode"] for each in delivery["attempts"]] == [503, None, 204]
    assert len({each.partition(b"webhook-id: ")[2][:24] for each in receiver.requests}) == 1
