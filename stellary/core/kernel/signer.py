"""JWTs, signed and verified with one secret."""

from __future__ import annotations

import functools
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs
import jwt
from jwt.utils import base64url_decode, base64url_encode

from stellary.contract.errors import Unauthenticated

ISSUER = "stellary"
_LOGIN = "api"
_ID = re.compile(r"[0-9a-f]{24}")
_TAG_BYTES = 16


@attrs.frozen
class Claims:
    """The claims of a JWT: the user, the time of expiry (Unix seconds), the password generation and the id."""

    user_id: str
    expires_at: int
    generation: int
    token_id: str


class Signer:
    """A signer and verifier of JWTs with one secret. Verified signatures are cached; rights never are.

    Args:
        secret: The secret; None uses a random one, which ends with this object.
        lifetime: How long a JWT is valid.
        former_secrets: The secrets that were used before, only to decrypt what was encrypted with them.

    Attributes:
        lifetime: How long a JWT is valid.
        is_lasting: Whether later processes have the secret too.
    """

    def __init__(self, secret: str | None, lifetime: timedelta, former_secrets: Sequence[str] = ()) -> None:
        self._secret = secret or secrets.token_hex(32)
        self.is_lasting = secret is not None
        self.lifetime = lifetime
        self._former = [Signer(former_secret, lifetime) for former_secret in former_secrets]
        self._verify_cached = functools.lru_cache(maxsize=4096)(self._verify)

    def issue(self, user_id: str, generation: int, now: datetime, token_id: str | None = None) -> str:
        """Issue a JWT for a user who has just been authenticated.

        Args:
            user_id: The id of the user.
            generation: The number of passwords the user has had; a new password ends the token.
            now: The time of issue, at which the lifetime starts.
            token_id: The id of the session (``jti``). By default, a random id.

        Returns:
            The token.
        """
        data = {"jti": token_id or secrets.token_hex(16), "sub": user_id, "iat": now, "gen": generation}
        return self.seal(_LOGIN, data, now, self.lifetime)

    def read(self, token: str, now: datetime) -> Claims:
        """Verify a JWT and return its claims.

        Args:
            token: The encoded token.
            now: The current time, for the expiry.

        Raises:
            Unauthenticated: The token is forged, malformed or expired.
        """
        claims = self._verify_cached(token)
        if claims.expires_at <= now.timestamp():
            raise build_invalid_token()
        return claims

    def derive(self, purpose: str, text: str) -> bytes:
        """Return 32 bytes that depend on a text, and that only holders of the secret can compute.

        Args:
            purpose: The name of the purpose.
            text: The text.
        """
        message = f"{ISSUER}-{purpose}:{text}".encode("utf-8", "surrogateescape")
        return hmac.digest(self._secret.encode(), message, "sha256")

    def encrypt(self, purpose: str, owner: str, data: bytes) -> bytes:
        """Return encrypted data, which cannot be changed, or be given to another owner.

        The tag over the data is also the nonce of their key (a synthetic initialization vector, as in RFC 5297), so that
        HMAC-SHA-256 suffices, and no library is needed.

        Args:
            purpose: The name of the purpose.
            owner: The id of the item that the data belong to.
            data: The data.
        """
        tag = self.derive(f"{purpose}-tag", f"{owner}:{data.hex()}")[:_TAG_BYTES]
        return tag + self._mask(purpose, owner, tag, data)

    def _mask(self, purpose: str, owner: str, tag: bytes, data: bytes) -> bytes:
        """Return data XOR the key stream of a tag, whose blocks after the first one are numbered."""
        numbers = ["", *(f":{number}" for number in range(1, len(data) // 32 + 1))]
        key = b"".join(self.derive(f"{purpose}-key", f"{owner}:{tag.hex()}{number}") for number in numbers)
        return bytes(byte ^ mask for byte, mask in zip(data, key, strict=False))

    def decrypt(self, purpose: str, owner: str, encrypted: bytes) -> bytes | None:
        """Return decrypted data; None if they are damaged, or were encrypted with an unknown secret.

        Args:
            purpose: The name of the purpose.
            owner: The id of the item that the data belong to.
            encrypted: The encrypted data.
        """
        tag = encrypted[:_TAG_BYTES]
        for signer in (self, *self._former):
            data = signer._mask(purpose, owner, tag, encrypted[_TAG_BYTES:])  # noqa: SLF001 - of this class
            if hmac.compare_digest(signer.encrypt(purpose, owner, data), encrypted):
                return data
        return None

    def seal(self, purpose: str, data: Mapping[str, object], now: datetime, lifetime: timedelta) -> str:
        """Return data as a signed text, which is valid for one purpose only. Anyone can read the data.

        Args:
            purpose: The name of the purpose; ``api`` is that of logins.
            data: The data, as claims of a JWT.
            now: The time, at which the lifetime starts.
            lifetime: How long the text is valid.
        """
        claims = {**data, "iss": ISSUER, "aud": f"{ISSUER}-{purpose}", "exp": now + lifetime}
        return jwt.encode(claims, self._secret, algorithm="HS256")

    def unseal(self, purpose: str, text: str, now: datetime) -> Mapping[str, object] | None:
        """Return the data of a signed text; None if it is forged, expired, or for another purpose.

        Args:
            purpose: The name of the purpose.
            text: The text.
            now: The current time, for the expiry.
        """
        try:
            claims = self._decode(purpose, text)
        except (jwt.PyJWTError, ValueError):
            return None
        expires_at = claims["exp"]
        return claims if isinstance(expires_at, int) and expires_at > now.timestamp() else None

    def _decode(self, purpose: str, text: str, *required: str) -> dict[str, Any]:
        """Return the claims of a text that was signed for a purpose, whether or not it has expired by the clock of the core."""
        return jwt.decode(
            text,
            self._secret,
            algorithms=["HS256"],
            options={"require": ["iss", "aud", "exp", *required], "verify_exp": False, "verify_iat": False},
            issuer=ISSUER,
            audience=f"{ISSUER}-{purpose}",
        )

    def _verify(self, token: str) -> Claims:
        # An exception is not cached, so invalid tokens do not evict valid ones.
        signature = token.rpartition(".")[2]
        try:
            # One token has exactly one text: that with the canonical form of base64.
            if base64url_encode(base64url_decode(signature)).decode() != signature:
                raise build_invalid_token()
            claims = self._decode(_LOGIN, token, "jti", "sub", "iat", "gen")
            # What is not an id must not reach the database.
            if not _ID.fullmatch(claims["sub"]) or not claims["jti"].isascii():
                raise build_invalid_token()
            return Claims(claims["sub"], int(claims["exp"]), int(claims["gen"]), claims["jti"][:64])
        except (jwt.PyJWTError, AttributeError, ValueError, TypeError, OverflowError):
            raise build_invalid_token() from None


def build_invalid_token() -> Unauthenticated:
    """Return the error for a token that is not valid, or has expired."""
    return Unauthenticated("the token is invalid or has expired", code="invalid_token")
