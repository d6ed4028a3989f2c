"""Signatures of webhook messages according to the Standard Webhooks specification, for senders and receivers."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

PREFIX = "whsec_"
ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER = "webhook-id", "webhook-timestamp", "webhook-signature"


def secret_of(key: bytes) -> str:
    """Return the key as a secret in the format that users receive."""
    return PREFIX + base64.b64encode(key).decode()


def key_of(secret: str) -> bytes:
    """Return the key that a secret contains.

    Raises:
        ValueError: The secret is malformed.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or not key:
        raise ValueError("a webhook secret must be whsec_ followed by base64")
    return key


def signature(secret: str, id: str, timestamp: int, body: bytes) -> str:
    """Return the signature header of a message.

    Args:
        secret: The webhook's secret.
        id: The message's id.
        timestamp: The time of sending, in seconds since the epoch.
        body: The exact bytes of the body.
    """
    signed = b".".join((id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(key_of(secret), signed, hashlib.sha256).digest()).decode()
