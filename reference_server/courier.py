"""The courier: brings the messages of webhooks by HTTP, to the very address that was looked at, and nowhere else.

A name may stand for another address a moment later, so that it is looked up once: whoever is connected to is who was
checked. Redirects are not followed, since they would lead to an address that nobody has looked at.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import urlsplit

import attrs

from stellary.core.ports.webhook_sender import Parcel, Receipt
from stellary.core.webhooks.rules.addresses import is_public

CONNECT_SECONDS = 5.0
ALL_SECONDS = 20.0
ANSWER_MAX = 64 * 1024
"""Of an answer so much is read; what it says interests nobody."""

_LATE = "no answer in time"

Address = tuple[socket.AddressFamily, str]


class _Refused(Exception):
    """The address is not public."""


class HttpCourier:
    """Brings parcels, each on a connection of its own.

    Args:
        connect_seconds: For a connection.
        all_seconds: For all of it: who answers a byte at a time is left then.
        context: Of TLS; the system's certificates if not given.
    """

    def __init__(
        self,
        connect_seconds: float = CONNECT_SECONDS,
        all_seconds: float = ALL_SECONDS,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._connect_seconds = connect_seconds
        self._all_seconds = all_seconds
        self._context = context or ssl.create_default_context()

    def __call__(self, parcel: Parcel) -> Receipt:
        began = time.monotonic()
        try:
            receipt = self._brought(parcel)
        except _Refused as error:
            receipt = Receipt(error=str(error), final=True)
        except TimeoutError:
            receipt = Receipt(error=_LATE)
        except ssl.SSLError as error:
            receipt = Receipt(error=f"TLS failed: {error.reason or type(error).__name__}")
        except socket.gaierror:
            receipt = Receipt(error="the name is not known")
        except (OSError, http.client.HTTPException, ValueError) as error:
            receipt = Receipt(error=f"the connection failed: {type(error).__name__}")
        took = time.monotonic() - began
        if receipt.status is None and not receipt.final and took >= self._all_seconds:
            # What was cut off says that it was disconnected.
            receipt = Receipt(error=_LATE)
        return attrs.evolve(receipt, duration_ms=round(took * 1000))

    def _brought(self, parcel: Parcel) -> Receipt:
        parts = urlsplit(parcel.url)
        host = parts.hostname or ""
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        stream = self._connected(_addresses(host, port, private=parcel.private), port)
        # Time-outs of a socket are those of one step: who is slow at every step is cut off by this.
        watch = threading.Timer(self._all_seconds, lambda: _cut(stream))
        watch.daemon = True
        watch.start()
        try:
            if secure:
                stream = self._context.wrap_socket(
                    stream, server_hostname=host, do_handshake_on_connect=False
                )
                stream.do_handshake()
            connection = http.client.HTTPConnection(host, port)
            connection.default_port = 443 if secure else 80
            connection.sock = stream
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", path, parcel.body, {**parcel.headers, "connection": "close"})
            answer = connection.getresponse()
            with suppress(OSError, http.client.HTTPException):
                answer.read(ANSWER_MAX)
            return Receipt(
                answer.status, _told(answer.status), 0, _retry_after(answer.getheader("retry-after"))
            )
        finally:
            watch.cancel()
            stream.close()

    def _connected(self, addresses: Sequence[Address], port: int) -> socket.socket:
        failed: OSError = OSError("no address")
        for family, address in addresses:
            stream = socket.socket(family, socket.SOCK_STREAM)
            stream.settimeout(self._connect_seconds)
            try:
                stream.connect((address, port))
            except OSError as error:
                stream.close()
                failed = error
            else:
                stream.settimeout(self._all_seconds)
                return stream
        raise failed


def _addresses(host: str, port: int, *, private: bool) -> list[Address]:
    """What a name stands for; all of it has to be public, since it is not ours to choose."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses: list[Address] = [(each[0], str(each[4][0])) for each in found]
    if not private and not all(is_public(address) for _, address in addresses):
        raise _Refused("it leads to an address that is not public")
    # Few have more than two, and those who have would keep us busy.
    return addresses[:4]


def _cut(stream: socket.socket) -> None:
    with suppress(OSError):
        stream.shutdown(socket.SHUT_RDWR)


def _told(status: int) -> str | None:
    if 300 <= status < 400:
        return "redirects are not followed"
    return None if 200 <= status < 300 else f"answered {status}"


def _retry_after(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 6 else None
