"""Clients that read event streams line by line."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any

import orjson

from tests.server.running import Reachable

SOON = 12.0
"""Seconds to wait for an event: less than the pause between two heartbeats."""


class Listening:
    """A client of a stream that reads it line by line."""

    def __init__(self, port: int, path: str, token: str, **headers: str) -> None:
        self.connection = HTTPConnection("127.0.0.1", port, timeout=SOON)
        request_headers = {name.replace("_", "-"): text for name, text in headers.items()}
        self.connection.request("GET", path, headers={"authorization": f"Bearer {token}", **request_headers})
        self.answer = self.connection.getresponse()
        self.status = self.answer.status

    def close(self) -> None:
        """Disconnect."""
        # The response has the socket if the server announces that it will close the connection.
        self.answer.close()
        self.connection.close()

    def block(self) -> dict[str, str]:
        """Return the fields up to the next empty line. A comment has the field ``:``; the end of the stream has none."""
        fields: dict[str, str] = {}
        while (line := self.answer.readline().decode().rstrip("\n")) != "":
            name, _, value = line.partition(": ")
            fields[name or ":"] = value
        return fields

    def event(self) -> dict[str, Any]:
        """Return the data of the next event, with its id and type."""
        while "data" not in (fields := self.block()):
            assert fields, f"the stream has ended: {self.status} {self.answer.headers}"
        return {**orjson.loads(fields["data"]), "id": fields["id"], "event": fields["event"]}

    def ends(self) -> bool:
        """Return True once the stream has ended; skip events and heartbeats before that."""
        started_at = time.monotonic()
        while self.block():
            assert time.monotonic() - started_at < SOON
        return True


@contextmanager
def listening(server: Reachable, path: str, token: str, **headers: str) -> Iterator[Listening]:
    client = Listening(server.port, path, token, **headers)
    try:
        yield client
    finally:
        client.close()
