"""Authentication: from a Bearer token to an actor, in the unit of work in which it acts."""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs
from sqlalchemy import Connection, bindparam, or_, select, update

from stellary.contract.errors import Unauthenticated
from stellary.core.accounts.tables import api_tokens, users
from stellary.core.accounts.tokens import digest, looks_like_api_token
from stellary.core.kernel.signer import Signer
from stellary.core.kernel.unit import Actor

TOUCH_AFTER = timedelta(minutes=1)

_USER = select(users.c.token_generation).where(users.c.id == bindparam("user_id"))
_TOKEN = select(
    api_tokens.c.id,
    api_tokens.c.user_id,
    api_tokens.c.scopes,
    api_tokens.c.expires_at,
    api_tokens.c.last_used_at,
).where(api_tokens.c.token_digest == bindparam("digest"))
_TOUCH = (
    update(api_tokens)
    .where(
        api_tokens.c.id == bindparam("token_id"),
        or_(api_tokens.c.last_used_at.is_(None), api_tokens.c.last_used_at <= bindparam("before")),
    )
    .values(last_used_at=bindparam("now"))
)


@attrs.frozen
class Authenticated:
    """An actor, and whether its token has not been marked as used for a minute."""

    actor: Actor
    stale: bool = False


def authenticate(connection: Connection, bearer: str, signer: Signer, now: datetime) -> Authenticated:
    """Return the actor that a bearer token (JWT or personal access token) belongs to.

    Args:
        connection: A connection to the database.
        bearer: The token.
        signer: Verifies JWTs.
        now: The time of the request.

    Returns:
        The actor, and whether the token's time of last use has to be updated.

    Raises:
        Unauthenticated: The token is neither, or no longer valid; the error is the same in all cases.
    """
    if bearer.count(".") == 2:
        claims = signer.read(bearer, now)
        generation = connection.execute(_USER, {"user_id": claims.user_id}).scalar()
        if generation == claims.generation:
            return Authenticated(
                Actor(claims.user_id, login_id=claims.token_id, login_generation=claims.generation)
            )
    elif looks_like_api_token(bearer):
        token_row = connection.execute(_TOKEN, {"digest": digest(bearer)}).first()
        if token_row is not None and (token_row.expires_at is None or token_row.expires_at > now):
            stale = token_row.last_used_at is None or now - token_row.last_used_at >= TOUCH_AFTER
            return Authenticated(Actor(token_row.user_id, frozenset(token_row.scopes), token_row.id), stale)
    raise Unauthenticated("the token is invalid or has expired", code="invalid_token")


def touch(connection: Connection, actor: Actor, now: datetime) -> None:
    """Mark the actor's API token as used now, unless another request has done so within the minute."""
    connection.execute(_TOUCH, {"token_id": actor.token_id, "now": now, "before": now - TOUCH_AFTER})
