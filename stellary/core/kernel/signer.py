"""JWTs: signed and read with one secret."""

from __future__ import annotations

import base64
import functools
import re
import secrets
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
    """What a JWT says: whose it is, when it was made, until when it holds, the user's count of passwords, and its id."""

    user_id: str
    issued_at: int
    expires_at: int
    generation: int
    token_id: str


class Signer:
    """Makes and reads JWTs with one secret. A signature is checked once and remembered; rights never are."""

    def __init__(self, secret: str, lifetime: timedelta) -> None:
        self._secret = secret
        self._lifetime = lifetime
        self._verified = functools.lru_cache(maxsize=4096)(self._verify)

    def issue(self, user_id: str, generation: int, now: datetime) -> str:
        """Make a JWT for a user who has just proved who they are.

        Args:
            user_id: Of the user.
            generation: The user's count of passwords; the token ends when it changes.
            now: The moment of issue, from which the lifetime counts.

        Returns:
            The token, with an id of its own (``jti``), for this issuer and this audience alone.
        """
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "jti": secrets.token_hex(16),
            "sub": user_id,
            "iat": now,
            "exp": now + self._lifetime,
            "gen": generation,
        }
        return jwt.encode(claims, self._secret, algorithm="HS256")

    def read(self, token: str, now: datetime) -> Claims:
        """What a JWT says.

        Raises:
            Unauthenticated: It is forged, malformed or expired.
        """
        claims = self._verified(token)
        if claims.expires_at <= now.timestamp():
            raise _refused()
        return claims

    def _verify(self, token: str) -> Claims:
        # What is refused is raised, and so not remembered: garbage does not push out what is good.
        if not _is_canonical(token.rpartition(".")[2]):
            raise _refused()
        try:
            found = jwt.decode(
                token,
                self._secret,
                algorithms=["HS256"],
                # Time is the core's own clock, and asked on every request: not remembered with the signature.
                options={"require": _REQUIRED, "verify_exp": False, "verify_iat": False},
                issuer=ISSUER,
                audience=AUDIENCE,
            )
            # Whatever else a signature covers, no database is asked for a text that is no id.
            if not _ID.fullmatch(found["sub"]):
                raise _refused()
            return Claims(
                found["sub"], int(found["iat"]), int(found["exp"]), int(found["gen"]), found["jti"][:64]
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
            raise _refused() from None


def _refused() -> Unauthenticated:
    return Unauthenticated("the token is invalid or has expired", code="invalid_token")


def _is_canonical(signature: str) -> bool:
    """Whether that is how a signature is written. Readers of base64 are lenient: two texts would pass for one token."""
    try:
        read = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    except ValueError:
        return False
    return base64.urlsafe_b64encode(read).decode().rstrip("=") == signature
