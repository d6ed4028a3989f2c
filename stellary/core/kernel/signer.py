"""JWTs, signed and verified with one secret."""

from __future__ import annotations

import base64
import functools
import hmac
import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

import attrs
import jwt

from stellary.contract.errors import Unauthenticated

ISSUER = "stellary"
AUDIENCE = "stellary-api"
_REQUIRED = ["exp", "iat", "sub", "gen", "iss", "aud", "jti"]
_ID = re.compile(r"[0-9a-f]{24}")


@attrs.frozen
class Claims:
    """The claims of a JWT: the user, the times of issue and expiry (Unix seconds), the password generation and the id."""

    user_id: str
    issued_at: int
    expires_at: int
    generation: int
    token_id: str


class Signer:
    """A signer and verifier of JWTs with one secret. Verified signatures are cached; rights never are.

    Attributes:
        lifetime: How long a JWT is valid.
    """

    def __init__(self, secret: str, lifetime: timedelta) -> None:
        self._secret = secret
        self.lifetime = lifetime
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
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "jti": token_id or secrets.token_hex(16),
            "sub": user_id,
            "iat": now,
            "exp": now + self.lifetime,
            "gen": generation,
        }
        return jwt.encode(claims, self._secret, algorithm="HS256")

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
            raise _invalid_token()
        return claims

    def derive(self, purpose: str, text: str) -> bytes:
        """Return 32 bytes that depend on a text, and that only holders of the secret can compute.

        Args:
            purpose: The name of the purpose.
            text: The text.
        """
        message = f"{ISSUER}-{purpose}:{text}".encode("utf-8", "surrogateescape")
        return hmac.digest(self._secret.encode(), message, "sha256")

    def seal(self, purpose: str, data: Mapping[str, object], now: datetime, lifetime: timedelta) -> str:
        """Return data as a signed text, which is valid for one purpose and is no login. Anyone can read the data.

        Args:
            purpose: The name of the purpose.
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
            claims: Mapping[str, object] = jwt.decode(
                text,
                self._secret,
                algorithms=["HS256"],
                options={"require": ["exp", "iss", "aud"], "verify_exp": False},
                issuer=ISSUER,
                audience=f"{ISSUER}-{purpose}",
            )
        except (jwt.PyJWTError, ValueError):
            return None
        expires_at = claims["exp"]
        return claims if isinstance(expires_at, int) and expires_at > now.timestamp() else None

    def _verify(self, token: str) -> Claims:
        # An exception is not cached, so invalid tokens do not evict valid ones.
        if not _is_canonical(token.rpartition(".")[2]):
            raise _invalid_token()
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=["HS256"],
                # Expiry is checked on every request by the clock of the core, outside of the cache.
                options={"require": _REQUIRED, "verify_exp": False, "verify_iat": False},
                issuer=ISSUER,
                audience=AUDIENCE,
            )
            # What is not an id must not reach the database.
            if not _ID.fullmatch(claims["sub"]) or not claims["jti"].isascii():
                raise _invalid_token()
            return Claims(
                claims["sub"], int(claims["iat"]), int(claims["exp"]), int(claims["gen"]), claims["jti"][:64]
            )
        except (jwt.PyJWTError, AttributeError, ValueError, TypeError, OverflowError):
            raise _invalid_token() from None


def _invalid_token() -> Unauthenticated:
    return Unauthenticated("the token is invalid or has expired", code="invalid_token")


def _is_canonical(signature: str) -> bool:
    """Return whether a signature has its canonical base64 form, so that one token has exactly one text."""
    try:
        decoded = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    except ValueError:
        return False
    return base64.urlsafe_b64encode(decoded).decode().rstrip("=") == signature
