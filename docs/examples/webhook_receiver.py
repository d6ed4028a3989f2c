"""A webhook receiver: it verifies signatures, and processes each message once, also across restarts.

``STELLARY_WEBHOOK_SECRET=whsec_… python docs/examples/webhook_receiver.py 8080 received.db``
"""

from __future__ import annotations

import os
import sqlite3
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from stellary import UnverifiedWebhook
from stellary.client.webhooks import verify
from stellary.contract.webhooks import WebhookMessage


# --8<-- [start:receiver]
class Receiver(BaseHTTPRequestHandler):
    """A request handler for messages; in a framework, use a view."""

    secret: str
    database: sqlite3.Connection

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            id, message = verify(dict(self.headers), body, self.secret)
        except UnverifiedWebhook as error:
            self.answer(400, str(error))
            return
        with self.database:  # one transaction for the effect and the id
            inserted = self.database.execute("INSERT OR IGNORE INTO received (id) VALUES (?)", (id,))
            if inserted.rowcount:  # the id is new
                self.do(message)
        self.answer(204)  # within 20 seconds; defer longer work

    def do(self, message: WebhookMessage) -> None:
        print(f"{message.data.actor_name}: {message.type}, {message.data.meta}", flush=True)

    # --8<-- [end:receiver]

    def answer(self, status: int, text: str = "") -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Do not log requests to the terminal."""


def main(port: str = "8080", database: str = "received.db", *, receiver: type[Receiver] = Receiver) -> None:
    """Receive messages until Ctrl-C is pressed."""
    Receiver.secret = os.environ["STELLARY_WEBHOOK_SECRET"]
    Receiver.database = sqlite3.connect(database)
    Receiver.database.execute("CREATE TABLE IF NOT EXISTS received (id TEXT PRIMARY KEY)")
    with HTTPServer(("127.0.0.1", int(port)), receiver) as server:
        print(f"receiving on port {server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
