"""A process that sends large bodies which are refused, in turn: ``python -m benchmarks.large_bodies PORT WORKSPACE PROJECT TOKEN SECONDS``."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import itertools
import sys
import time

import attrs

from benchmarks.load import request_bytes

_PART = 65_536


@attrs.frozen
class Attack:
    """A request that is refused.

    Attributes:
        request: The request with its body.
        status: The status of its response.
    """

    request: bytes
    status: int


def build_attacks(workspace: str, project: str, token: str) -> list[Attack]:
    """Return a request with a bad token, one with a bad token and a compressed body, and one with too many values.

    Args:
        workspace: The path of the workspace.
        project: The path of a project in it.
        token: The token of a user who may write to the project.
    """
    cards = b'{"cards": [' + b'{"title": "A card"},' * 1_100_000 + b"]}"
    bomb = gzip.compress(b'{"project":{"name":"x"},"cards":[' + b"{}," * 11_000_000 + b"{}]}")
    values = b'{"cards":[' + b"{}," * 3_400_000 + b"{}]}"
    path = f"{workspace}/projects/import"
    compressed = request_bytes("POST", path, "synth_wrong", bomb)
    return [
        Attack(request_bytes("POST", path, "synth_wrong", cards), 401),
        Attack(compressed.replace(b"\r\n", b"\r\nContent-Encoding: gzip\r\n", 1), 401),
        Attack(request_bytes("POST", f"{project}/cards/bulk", token, values), 413),
    ]


async def send_large_bodies(port: int, attacks: list[Attack], seconds: float) -> int:
    """Send requests, each on a connection of its own, and return how many were refused.

    Args:
        port: The port of the server.
        attacks: The requests, which are sent in turn, each at least once.
        seconds: The time after which no further request is sent.

    Raises:
        RuntimeError: A response had another status.
    """
    deadline = time.perf_counter() + seconds
    for count, attack in enumerate(itertools.cycle(attacks)):
        if count >= len(attacks) and time.perf_counter() >= deadline:
            return count
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            # The server may close the connection instead of reading all of it.
            with contextlib.suppress(ConnectionError):
                for start in range(0, len(attack.request), _PART):
                    writer.write(attack.request[start : start + _PART])
                    await writer.drain()
            status = await reader.readline()
            if f" {attack.status} ".encode() not in status:
                raise RuntimeError(f"a body that is to be refused got {status!r}")
        finally:
            writer.transport.abort()
    raise AssertionError("there are no attacks")


if __name__ == "__main__":
    port, workspace, project, token, seconds = sys.argv[1:]
    requests = build_attacks(workspace, project, token)
    print("sending", flush=True)
    print(asyncio.run(send_large_bodies(int(port), requests, float(seconds))))
