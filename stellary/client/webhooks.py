"""Verification of webhook messages, for programs that receive them."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from stellary.client.errors import UnverifiedWebhook, check_type
from stellary.contract.redaction import SecretStr, conceal_headers
from stellary.contract.signatures import ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, signature
from stellary.contract.webhooks import WebhookMessage
from stellary.contract.wire import read

TOLERANCE = timedelta(minutes=5)


def verify(
    headers: Mapping[str, str],
    body: bytes,
    secret: str | Sequence[str],
    *,
    tolerance: timedelta = TOLERANCE,
    now: datetime | None = None,
) -> tuple[str, WebhookMessage]:
    """Verify a webhook message, and return its id and content.

    Args:
        headers: The headers of the request, in any case.
        body: Its exact bytes, before parsing.
        secret: ``whsec_…``; pass both secrets while one is being replaced.
        tolerance: The maximum difference between the time in the message and ``now``.
        now: The current time; by default that of the clock.

    Returns:
        The id of the message, which is the same for every attempt to deliver it, so that you can skip a message that you have
        already processed; and the message.

    Raises:
        TypeError: The body is not bytes, or the secret is no text.
        UnverifiedWebhook: A header is missing, the signature does not match, or the message is too old or not valid.
        ValueError: The secret is not a webhook secret.
    """
    check_type("secret", secret, str, list, tuple)
    secrets = [SecretStr(secret)] if isinstance(secret, str) else [SecretStr(text) for text in secret]
    secret = ""  # A traceback with local variables must not show the secret.
    check_type("body", body, bytes, bytearray)
    lower_headers = {name.lower(): text for name, text in conceal_headers(headers).items()}
    id, sent_at, signed = (
        str(lower_headers.get(name, "")) for name in (ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER)
    )
    if not (id and sent_at.isascii() and sent_at.isdigit() and len(sent_at) < 12 and signed):
        raise UnverifiedWebhook(
            f"the headers {ID_HEADER}, {TIMESTAMP_HEADER} and {SIGNATURE_HEADER} are required"
        )
    expected = [signature(candidate, id, int(sent_at), body) for candidate in secrets]
    received = [candidate.encode("utf-8", "replace") for candidate in signed.split(" ")]
    # Compare all pairs, so that the duration reveals nothing.
    if not sum(hmac.compare_digest(one.encode(), other) for one in expected for other in received):
        raise UnverifiedWebhook("the signature does not match the secret")
    apart = abs((now or datetime.now(UTC)).timestamp() - int(sent_at))
    if apart > tolerance.total_seconds():
        raise UnverifiedWebhook(f"the time of the message is {round(apart)} seconds from now")
    try:
        return id, read(WebhookMessage, json.loads(body))
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise UnverifiedWebhook("the body is not a webhook message") from None
