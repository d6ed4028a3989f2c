"""The webhook sender of the server: posts messages over HTTP, and connects only to addresses that it has checked.

A host name can resolve to another address a moment later (DNS rebinding), so it is resolved once, and the connection goes
to the address that was checked. Redirects are not followed, since they would lead to an unchecked address.
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

from stellary.core.ports.webhook_sender import DeliveryResult, OutgoingRequest
from stellary.core.webhooks.rules.addresses import is_public

CONNECT_SECONDS = 5.0
ALL_SECONDS = 20.0
ANSWER_MAX = 64 * 1024
"""The number of bytes of a response body that are read and discarded."""

_TIMED_OUT = "no answer in time"

Address = tuple[socket.AddressFamily, str]


class _PrivateAddress(Exception):
    """The receiver's address is not public."""


class HttpWebhookSender:
    """A sender that opens a new connection for each request.

    Args:
        connect_seconds: Seconds to wait for a connection.
        all_seconds: Seconds for the whole exchange, however slowly the receiver answers.
        context: The TLS context; by default one with the system's certificates.
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

    def __call__(self, request: OutgoingRequest) -> DeliveryResult:
        started_at = time.monotonic()
        try:
            result = self._post(request)
        except _PrivateAddress as error:
            result = DeliveryResult(error=str(error), final=True)
        except TimeoutError:
            result = DeliveryResult(error=_TIMED_OUT)
        except ssl.SSLError as error:
            result = DeliveryResult(error=f"TLS failed: {error.reason or type(error).__name__}")
        except socket.gaierror:
            result = DeliveryResult(error="the name is not known")
        except (OSError, http.client.HTTPException, ValueError) as error:
            result = DeliveryResult(error=f"the connection failed: {type(error).__name__}")
        seconds = time.monotonic() - started_at
        if result.status is None and not result.final and seconds >= self._all_seconds:
            # The timer has closed the connection, which is reported as a disconnect.
            result = DeliveryResult(error=_TIMED_OUT)
        return attrs.evolve(result, duration_ms=round(seconds * 1000))

    def _post(self, request: OutgoingRequest) -> DeliveryResult:
        parts = urlsplit(request.url)
        host = parts.hostname or ""
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        stream = self._connect(_resolve(host, port, private=request.private), port)
        # The timeout of a socket applies to each read. The timer limits the whole exchange.
        timer = threading.Timer(self._all_seconds, lambda: _shut_down(stream))
        timer.daemon = True
        timer.start()
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
            connection.request("POST", path, request.body, {**request.headers, "connection": "close"})
            response = connection.getresponse()
            with suppress(OSError, http.client.HTTPException):
                response.read(ANSWER_MAX)
            return DeliveryResult(
                response.status,
                _describe(response.status),
                0,
                _parse_retry_after(response.getheader("retry-after")),
            )
        finally:
            timer.cancel()
            stream.close()

    def _connect(self, addresses: Sequence[Address], port: int) -> socket.socket:
        last_error = OSError("no address")
        for family, address in addresses:
            stream = socket.socket(family, socket.SOCK_STREAM)
            stream.settimeout(self._connect_seconds)
            try:
                stream.connect((address, port))
            except OSError as error:
                stream.close()
                last_error = error
            else:
                stream.settimeout(self._all_seconds)
                return stream
        raise last_error


def _resolve(host: str, port: int, *, private: bool) -> list[Address]:
    """Resolve a host name. All its addresses must be public, since the system chooses among them."""
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses: list[Address] = [(entry[0], str(entry[4][0])) for entry in entries]
    if not private and not all(is_public(address) for _, address in addresses):
        raise _PrivateAddress("it leads to an address that is not public")
    # A name with very many addresses must not occupy the sender.
    return addresses[:4]


def _shut_down(stream: socket.socket) -> None:
    with suppress(OSError):
        stream.shutdown(socket.SHUT_RDWR)


def _describe(status: int) -> str | None:
    if 300 <= status < 400:
        return "redirects are not followed"
    return None if 200 <= status < 300 else f"answered {status}"


def _parse_retry_after(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 6 else None
