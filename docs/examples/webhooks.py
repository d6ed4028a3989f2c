"""Webhooks: create one, inspect its deliveries, and send a message again.

Start a server with ``STELLARY_PRIVATE_WEBHOOKS=on python3 dev.py serve``, since this receiver is on your own machine, then run
``python docs/examples/webhooks.py``.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from uuid import uuid4

from stellary import Stellary, UnverifiedWebhook
from stellary.client.webhooks import verify


class Receiver(BaseHTTPRequestHandler):
    """A receiver that keeps messages in memory; ``webhook_receiver.py`` stores them."""

    secret = ""
    seen_ids: ClassVar[set[str]] = set()
    messages: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            id, message = verify(dict(self.headers), body, self.secret)
        except UnverifiedWebhook:
            self.answer(400)
            return
        if id not in self.seen_ids:
            self.seen_ids.add(id)
            self.messages.append(f"{message.data.actor_name}: {message.type}, {message.data.meta}")
        self.answer(204)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Do not log requests to the terminal."""


@contextmanager
def run_receiver() -> Generator[str, None, None]:
    """Run a receiver until the end of the block, and yield its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/stellary"
        server.shutdown()


def webhooks(client: Stellary, organization: str, workspace: str) -> list[str]:
    """Send the events of a board to a receiver in this process, and return the received messages."""
    ws = client.workspace(organization, workspace)
    Receiver.seen_ids, Receiver.messages = set(), []
    with run_receiver() as url:
        # --8<-- [start:install]
        hook = ws.webhooks.create(url=url, events=["card_created", "card_moved"])
        Receiver.secret = hook.secret  # shown only once: store it like a password
        # --8<-- [end:install]
        board = ws.project(ws.projects.create(name="Support"))
        to_do, doing, _ = board.columns.list()
        card = board.column(to_do).cards.create(title="Invoices go out twice")
        board.cards.update(card, column_id=doing.id)
        until(lambda: len(Receiver.messages) == 2)

        # --8<-- [start:log]
        until(lambda: not ws.webhooks.deliveries(hook, status="pending"))
        deliveries = ws.webhooks.deliveries(hook)  # newest first
        for delivery in deliveries:
            print(delivery.event, delivery.status, [attempt.status_code for attempt in delivery.attempts])
        ws.webhooks(hook).redeliver(deliveries[-1])  # with the same id, so that the receiver ignores it
        # --8<-- [end:log]
        until(lambda: not ws.webhooks.deliveries(hook, status="pending"))
    return sorted(Receiver.messages)


def until(condition: object, seconds: float = 20.0) -> None:
    """Wait until a condition is true."""
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "no message arrived"
        time.sleep(0.02)


def main(url: str = "http://localhost:3001") -> None:
    """Run the example with a new account, and print the received messages."""
    name = f"acme-{uuid4().hex[:8]}"
    with Stellary.register(url, f"{name}@example.com", "a-long-password", name="Jane Doe") as client:
        client.organizations.create(name=name.title(), slug=name)
        client.organization(name).workspaces.create(name="Engineering", slug="eng")
        for line in webhooks(client, name, "eng"):
            print(line)


if __name__ == "__main__":
    main(*sys.argv[1:])
