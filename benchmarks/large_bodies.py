"""A process that sends requests with a large body and a bad token: ``python -m benchmarks.large_bodies PORT PATH SECONDS``."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time

from benchmarks.load import request_bytes

BODY = b'{"cards": [' + b'{"title": "A card"},' * 1_100_000 + b"]}"
_PART = 65_536


async def send_large_bodies(port: int, path: str, seconds: float) -> int:
    """Send requests, each on a connection of its own, and return how many got a 401.

    Args:
        port: The port of the server.
        path: The path of a request with a body.
        seconds: The time after which no further request is sent.

    Raises:
        RuntimeError: A response had another status.
    """
    head = request_bytes("POST", path, "synth_wrong", BODY).partition(b"\r\n\r\n")[0]
    count, deadline = 0, time.perf_counter() + seconds
    while not count or time.perf_counter() < deadline:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(head + b"\r\n\r\n")
            # The server may close the connection instead of reading all of it.
            with contextlib.suppress(ConnectionError):
                for start in range(0, len(BODY), _PART):
                    writer.write(BODY[start : start + _PART])
                    await writer.drain()
            status = await reader.readline()
            if b" 401 " not in status:
                raise RuntimeError(f"a bad token got {status!r}")
            count += 1
        finally:
            writer.transport.abort()
    return count


if __name__ == "__main__":
    print("sending", flush=True)
    print(asyncio.run(send_large_bodies(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]))))
