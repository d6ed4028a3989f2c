"""Signatures of webhooks, as the Standard Webhooks specification has them: whoever sends and whoever receives agree here."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

PREFIX = "whsec_"
ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER = "webhook-id", "webhook-timestamp", "webhook-signature"


def secret_of(key: bytes) -> str:
    """A key as people are given it."""
    return PREFIX + base64.b64encode(key).decode()


def key_of(secret: str) -> bytes:
    """The key in a secret.

    Raises:
        ValueError: It is none.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or not key:
        raise ValueError("a secret of a webhook begins with whsec_ and goes on in base64")
    return key


def signature(secret: str, id: str, timestamp: int, body: bytes) -> str:
    """What stands in the signature header: over the id, the timestamp in seconds and the exact bytes of the body."""
    signed = b".".join((id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(key_of(secret), signed, hashlib.sha256).digest()).decode()
