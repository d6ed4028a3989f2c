"""The webhook sender: messages over HTTP to real receivers, with limits on addresses, redirects and time."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from reference_server import webhook_sender
from reference_server.webhook_sender import HttpWebhookSender
from stellary import Stellary
from stellary.core import Core, OutgoingRequest
from tests.journeys.test_examples import example
from tests.server.running import running
from tests.support.core_parts import NO_LIMITS, WebhookWorker, retries
from tests.support.server_parts import Settings
from tests.support.waiting import wait_until
from tests.support.world import World


class Receiver:
    """A receiver that gives prepared responses, and records the requests."""

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
            data = b""
            while b"\r\n\r\n" not in data or len(data.partition(b"\r\n\r\n")[2]) < length(data):
                more = connection.recv(65536)
                if not more:
                    return
                data += more
            self.requests.append(data)
            answer = self.answers.pop(0) if self.answers else b"HTTP/1.1 204 No Content\r\n\r\n"
            if callable(answer):
                answer(connection)
            else:
                connection.sendall(answer)


def length(data: bytes) -> int:
    head = data.partition(b"\r\n\r\n")[0].lower()
    return int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)


@contextmanager
def run_receiver(*answers: bytes | Callable[[socket.socket], None]) -> Iterator[Receiver]:
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


def test_message_arrives_unchanged():
    with run_receiver() as receiver:
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
def test_result_describes_the_response(answer, status, error, retry_after):
    with run_receiver(answer) as receiver:
        result = HttpWebhookSender()(request(receiver.url))
    assert (result.status, result.error) == (status, error)
    assert (result.retry_after, result.final) == (retry_after, False)


def test_redirect_is_not_followed():
    with run_receiver() as private:
        with run_receiver(f"HTTP/1.1 307 Go\r\nlocation: {private.url}\r\n\r\n".encode()) as receiver:
            result = HttpWebhookSender()(request(receiver.url))
        assert (result.status, result.error) == (307, "redirects are not followed")
        assert private.requests == []


def test_private_address_is_rejected():
    with run_receiver() as receiver:
        for url in (receiver.url, receiver.url.replace("127.0.0.1", "localhost")):
            result = HttpWebhookSender()(request(url, private=False))
            assert (result.error, result.final) == ("it leads to an address that is not public", True)
        assert receiver.requests == []


def test_name_is_resolved_once_and_all_its_addresses_are_checked(monkeypatch):
    hosts = []
    answers = [["93.184.216.34", "10.0.0.1"], ["127.0.0.1"]]

    def look_up(host, port, **_):
        hosts.append(host)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in answers[len(hosts) - 1]
        ]

    monkeypatch.setattr(webhook_sender.socket, "getaddrinfo", look_up)
    result = HttpWebhookSender()(request("http://rebinding.example.com/", private=False))
    assert (result.final, hosts) == (True, ["rebinding.example.com"])


def test_unreachable_receiver_is_reported():
    closed_socket = socket.create_server(("127.0.0.1", 0))
    port = closed_socket.getsockname()[1]
    closed_socket.close()
    result = HttpWebhookSender()(request(f"http://127.0.0.1:{port}/"))
    assert result.error == "the connection failed: ConnectionRefusedError"
    assert HttpWebhookSender()(request("http://nowhere.invalid/")).error == "the name is not known"


def drip(connection: socket.socket) -> None:
    for byte in b"HTTP/1.1 200 OK\r\n" * 100:
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


@pytest.mark.parametrize("answer", [drip, lambda connection: connection.recv(1)], ids=["drip", "silence"])
def test_slow_receiver_times_out(answer):
    with run_receiver(answer) as receiver:
        began = time.monotonic()
        result = HttpWebhookSender(all_seconds=0.3)(request(receiver.url))
    assert (result.status, result.error) == (None, "no answer in time")
    assert time.monotonic() - began > 0.2


def test_tls_is_verified():
    with run_receiver(b"no tls") as receiver:
        result = HttpWebhookSender(all_seconds=0.5)(request(receiver.url.replace("http:", "https:")))
    assert result.status is None
    assert result.error is not None


# ---------------------------------------------------------------------------------------------- all of it


@pytest.fixture
def sending_core(core: Core) -> Core:
    """Return a core whose webhook sender may connect to this machine."""
    core.env.webhook_sender, core.env.private_webhooks = HttpWebhookSender(), True
    core.webhook_worker = WebhookWorker(core.units, core.claims)
    return core


@pytest.mark.slow("delivers to a server")
def test_example_receives_messages_of_a_server(sending_core: Core, capsys: pytest.CaptureFixture[str]):
    world = World(sending_core)
    ann = world.person("ann")
    workspace = world.workspace(ann)
    with (
        running(sending_core, Settings(limits=NO_LIMITS)) as server,
        Stellary(server.url, token=world.bearer(ann)) as client,
    ):
        lines = example("webhooks").webhooks(client, workspace.organization.slug, workspace.slug)
    assert [line.partition(",")[0] for line in lines] == ["ann: card_created", "ann: card_moved"]
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{name} succeeded [204]" for name in ("card_moved", "card_created")]


@pytest.mark.slow("waits before it delivers again")
def test_unavailable_receiver_gets_the_message_later(sending_core: Core, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(retries, "PAUSES", (retries.PAUSES[0] / 100,) * 3)
    world = World(sending_core)
    ann = world.person("ann")
    workspace = world.workspace(ann)
    with (
        run_receiver(b"HTTP/1.1 503 Away\r\ncontent-length: 0\r\n\r\n", lambda connection: None) as receiver,
        running(sending_core, Settings(limits=NO_LIMITS)),
    ):
        hook = world.ask(ann, "POST", f"{workspace.path}/webhooks", {"url": receiver.url})
        world.project(ann, workspace)
        path = f"{workspace.path}/webhooks/{hook['id']}/deliveries"
        wait_until(lambda: world.ask(ann, "GET", path)[0]["status"] == "succeeded")
    (delivery,) = world.ask(ann, "GET", path)
    assert [attempt["statusCode"] for attempt in delivery["attempts"]] == [503, None, 204]
    assert len({request.partition(b"webhook-id: ")[2][:24] for request in receiver.requests}) == 1
