"""Tokens: ``synth_…`` for programs, random ones for invitations."""

from __future__ import annotations

import hashlib
import secrets
import string
import zlib

API_TOKEN_PREFIX = "synth_"
_ALPHABET = string.ascii_letters + string.digits
_RANDOM = 40


def new_api_token(prefix: str = API_TOKEN_PREFIX) -> str:
    """Return a new token: 40 random characters and a checksum, by which secret scanners recognise leaked tokens."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM))
    return f"{prefix}{body}{_checksum(body)}"


def looks_like_api_token(token: str, prefix: str = API_TOKEN_PREFIX) -> bool:
    """Return whether a token has a valid checksum, so that it is worth a lookup.

    Args:
        token: The token.
        prefix: The prefix of its kind.
    """
    body = token.removeprefix(prefix)
    return token.startswith(prefix) and body.isascii() and _checksum(body[:_RANDOM]) == body[_RANDOM:]


def new_secret() -> str:
    """Return a random secret of 43 URL-safe characters."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Return the digest under which a random secret is stored."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _checksum(body: str) -> str:
    number, out = zlib.crc32(body.encode("utf-8", "surrogatepass")), ""
    for _ in range(6):
        number, remainder = divmod(number, len(_ALPHABET))
        out += _ALPHABET[remainder]
    return out
