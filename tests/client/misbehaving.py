"""A misbehaving server on a real socket: each connection is handled by the next step of a script."""

import contextlib
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

Behaviour = Callable[[socket.socket], None]


def read_request(connection: socket.socket) -> bytes:
    """Return a request as received, head and body."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return data
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    match = re.search(rb"^content-length:(.*)$", head, re.IGNORECASE | re.MULTILINE)
    length = int(match[1]) if match else 0
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def reset(connection: socket.socket) -> None:
    """Read the request, and reset the connection."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hang_up(connection: socket.socket) -> None:
    """Read the request, and close the connection."""


def stay_silent(connection: socket.socket) -> None:
    """Read the request, and send nothing while the client waits."""
    with contextlib.suppress(OSError):
        connection.recv(1)


def say(*parts: bytes, pause: float = 0.0) -> Behaviour:
    """Send these bytes, with a pause between them, and close."""

    def behaviour(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            for part in parts:
                connection.sendall(part)
                time.sleep(pause)

    return behaviour


def answer(status: str, body: bytes, *headers: str) -> Behaviour:
    """Send a complete and valid HTTP response."""
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers])
    return say(f"{head}\r\n\r\n".encode() + body)


class Misbehaving:
    """The server.

    Attributes:
        requests: What came, one entry a connection.
    """

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._script: list[Behaviour] = []
        self.requests: list[bytes] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def then(self, *script: Behaviour) -> None:
        """Set the behaviour of the next connections; the last one is repeated."""
        self._script = list(script)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, contextlib.suppress(ConnectionError):
                behaviour = self._script.pop(0) if len(self._script) > 1 else self._script[0]
                self.requests.append(read_request(connection))
                behaviour(connection)

    def close(self) -> None:
        # Closing alone does not wake up who accepts.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(timeout=5)


@contextlib.contextmanager
def misbehaving() -> Iterator[Misbehaving]:
    server = Misbehaving()
    try:
        yield server
    finally:
        server.close()
