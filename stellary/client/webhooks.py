"""The check of webhook messages, for programs that receive them."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from stellary.client.errors import UnverifiedWebhook
from stellary.contract.redaction import SecretStr
from stellary.contract.signatures import ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, signature
from stellary.contract.webhooks import WebhookMessage
from stellary.contract.wire import read

TOLERANCE = timedelta(minutes=5)


def verified(
    headers: Mapping[str, str],
    body: bytes,
    secret: str | Sequence[str],
    *,
    tolerance: timedelta = TOLERANCE,
    now: datetime | None = None,
) -> tuple[str, WebhookMessage]:
    """The message that somebody was sent, known to come from the webhook of that secret.

    Args:
        headers: Of the request, in whatever case.
        body: Its exact bytes, before anything has parsed them.
        secret: ``whsec_…``; several while one is being replaced.
        tolerance: How old the message may be, or how far ahead its clock.
        now: The moment, if not that of the clock.

    Returns:
        The id of the message, the same however often it is sent: what was done for it already need not be done again; and
        the message.

    Raises:
        UnverifiedWebhook: A header is missing, the signature is of somebody else, or the message too old, or no message.
        ValueError: The secret is none.
    """
    secrets = [SecretStr(secret)] if isinstance(secret, str) else [SecretStr(each) for each in secret]
    secret = ""  # a traceback with local variables must not show it
    told = {name.lower(): text for name, text in headers.items()}
    id, sent_at, signed = (told.get(name, "") for name in (ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER))
    if not (id and sent_at.isascii() and sent_at.isdigit() and len(sent_at) < 12 and signed):
        raise UnverifiedWebhook(
            f"the headers {ID_HEADER}, {TIMESTAMP_HEADER} and {SIGNATURE_HEADER} are required"
        )
    expected = [signature(each, id, int(sent_at), body) for each in secrets]
    given = [each.encode("utf-8", "replace") for each in signed.split(" ")]
    # Each with each, so that the time it takes tells nothing.
    if not sum(hmac.compare_digest(one.encode(), other) for one in expected for other in given):
        raise UnverifiedWebhook("the signature is not of that secret")
    apart = abs((now or datetime.now(UTC)).timestamp() - int(sent_at))
    if apart > tolerance.total_seconds():
        raise UnverifiedWebhook(f"the message is {round(apart)} seconds old, or ahead")
    try:
        return id, read(WebhookMessage, json.loads(body))
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise UnverifiedWebhook("the body is no message of a webhook") from None
