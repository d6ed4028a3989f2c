"""The port for outgoing webhooks. The server sends them over HTTP; a core without a sender keeps them queued."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import attrs


@attrs.frozen
class OutgoingRequest:
    """A webhook message to be sent as an HTTP POST.

    Attributes:
        url: The URL of the receiver.
        headers: The headers of the message, without those that HTTP itself needs, such as ``Host``.
        body: The body, as signed.
        private: Whether the receiver may have an address that is not public (loopback or a private network).
    """

    url: str
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    private: bool = False


@attrs.frozen
class DeliveryResult:
    """The outcome of one attempt to deliver a message.

    Attributes:
        status: The HTTP status of the response; None if there was none.
        error: Why the attempt failed, in one sentence; None if it succeeded.
        duration_ms: How long the attempt took, in milliseconds.
        retry_after: The seconds that the receiver asks to wait before the next attempt; None if it asks for nothing.
        final: Whether another attempt is pointless, whatever the status.
    """

    status: int | None = None
    error: str | None = None
    duration_ms: int = 0
    retry_after: float | None = None
    final: bool = False


class WebhookSender(Protocol):
    """A function that sends a webhook message. It is called from several threads, with no transaction open.

    It must not raise, and must return within 30 seconds. It must not follow redirects. Unless ``private`` is set, it must
    not connect to an address that is not public, and must check the very address that it connects to.
    """

    def __call__(self, request: OutgoingRequest, /) -> DeliveryResult: ...
