"""Authentication: tokens, and the actor of a Bearer token, in the unit of work of the request."""

from __future__ import annotations

import hashlib
import secrets
import string
import zlib
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, or_, select, update

from stellary.core.accounts.login_state import LOGIN_GENERATION
from stellary.core.accounts.tables import api_tokens, users
from stellary.core.kernel.signer import Claims, Signer, build_invalid_token
from stellary.core.kernel.unit import Actor, UnitOfWork

API_TOKEN_PREFIX = "synth_"
_ALPHABET = string.ascii_letters + string.digits
_RANDOM = 40
TOUCH_AFTER = timedelta(minutes=1)
_GENERATION = select(LOGIN_GENERATION)
_TOKEN = (
    select(
        api_tokens.c.id,
        api_tokens.c.user_id,
        api_tokens.c.name,
        api_tokens.c.scopes,
        api_tokens.c.project_ids,
        api_tokens.c.expires_at,
        api_tokens.c.last_used_at,
    )
    .join_from(api_tokens, users)
    .where(api_tokens.c.token_digest == bindparam("digest"), users.c.deactivated_at.is_(None))
)
_TOUCH = (
    update(api_tokens)
    .where(
        api_tokens.c.id == bindparam("token_id"),
        or_(api_tokens.c.last_used_at.is_(None), api_tokens.c.last_used_at <= bindparam("before")),
    )
    .values(last_used_at=bindparam("now"))
)


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


def authenticate(connection: Connection, bearer: str, signer: Signer, now: datetime) -> tuple[Actor, bool]:
    """Return the actor that a bearer token (JWT or personal access token) belongs to.

    Args:
        connection: A connection to the database.
        bearer: The token.
        signer: Verifies JWTs.
        now: The time of the request.

    Returns:
        The actor, and whether the token's time of last use has to be updated.

    Raises:
        Unauthenticated: The token is unknown or no longer valid; the error is the same in all cases.
    """
    if _looks_like_jwt(bearer):
        claims = signer.read(bearer, now)
        if _read_generation(connection, claims.user_id, claims.token_id) == claims.generation:
            return _to_actor(claims), False
    elif looks_like_api_token(bearer):
        token_row = connection.execute(_TOKEN, {"digest": digest(bearer)}).first()
        if token_row is not None and (token_row.expires_at is None or token_row.expires_at > now):
            stale = token_row.last_used_at is None or now - token_row.last_used_at >= TOUCH_AFTER
            scopes = frozenset(token_row.scopes)
            project_ids = token_row.project_ids
            actor = Actor(
                token_row.user_id,
                scopes,
                token_row.id,
                token_name=token_row.name,
                token_project_ids=None if project_ids is None else frozenset(project_ids),
            )
            return actor, stale
    raise build_invalid_token()


def start_login(uow: UnitOfWork, bearer: str) -> Actor | None:
    """Return the actor of a JWT whose signature is valid; None for another kind of token.

    The account is read by the unit's access check, in the same statement, or else by ``confirm_login``. Until then the
    unit may neither respond nor commit.

    Args:
        uow: The unit of the request.
        bearer: The token.

    Raises:
        Unauthenticated: The JWT is forged, malformed or expired.
    """
    if not _looks_like_jwt(bearer):
        return None
    uow.pending_login = uow.env.signer.read(bearer, uow.now)
    return _to_actor(uow.pending_login)


def confirm_login(uow: UnitOfWork) -> None:
    """Read the account of a JWT, unless an access check of the unit has done so.

    Raises:
        Unauthenticated: The password has been changed since the login, the session has ended, or the account was deleted.
    """
    if uow.pending_login is not None:
        user_id = uow.pending_login.user_id
        uow.confirm_login(user_id, _read_generation(uow.connection, user_id, uow.pending_session_id))


def touch(connection: Connection, actor: Actor, now: datetime) -> None:
    """Mark the actor's API token as used now, unless another request has done so within the minute.

    Args:
        connection: A connection that may write.
        actor: The caller.
        now: The time of the request.
    """
    connection.execute(_TOUCH, {"token_id": actor.token_id, "now": now, "before": now - TOUCH_AFTER})


def _looks_like_jwt(bearer: str) -> bool:
    return bearer.count(".") == 2


def _to_actor(claims: Claims) -> Actor:
    return Actor(claims.user_id, login_id=claims.token_id, login_generation=claims.generation)


def _read_generation(connection: Connection, user_id: str, session_id: str) -> int | None:
    parameters = {"_user_id": user_id, "_session_id": session_id}
    generation: int | None = connection.execute(_GENERATION, parameters).scalar()
    return generation
