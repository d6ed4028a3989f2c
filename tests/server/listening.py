"""Clients of streams, that read what servers send line by line."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any

import orjson

from tests.server.running import Reachable

SOON = 5.0
"""Seconds; a machine may be busy."""


class Listening:
    """A client of a stream that reads it line by line."""

    def __init__(self, port: int, path: str, token: str, **headers: str) -> None:
        self.connection = HTTPConnection("127.0.0.1", port, timeout=SOON)
        sent = {name.replace("_", "-"): text for name, text in headers.items()}
        self.connection.request("GET", path, headers={"authorization": f"Bearer {token}", **sent})
        self.answer = self.connection.getresponse()
        self.status = self.answer.status

    def block(self) -> dict[str, str]:
        """What stands before the next empty line, by field; a comment has none. Empty at the end."""
        found: dict[str, str] = {}
        while (line := self.answer.readline().decode().rstrip("\n")) != "":
            name, _, said = line.partition(": ")
            found[name or ":"] = said
        return found

    def event(self) -> dict[str, Any]:
        """The next event: its id and its data."""
        while "data" not in (found := self.block()):
            assert found, f"the stream has ended: {self.status} {self.answer.headers}"
        return {**orjson.loads(found["data"]), "id": found["id"], "event": found["event"]}

    def ends(self) -> bool:
        """Whether it ends before long; events and heartbeats before that are passed over."""
        started = time.monotonic()
        while self.block():
            assert time.monotonic() - started < SOON
        return True


@contextmanager
def listening(server: Reachable, path: str, token: str, **headers: str) -> Iterator[Listening]:
    client = Listening(server.port, path, token, **headers)
    try:
        yield client
    finally:
        client.connection.close()
