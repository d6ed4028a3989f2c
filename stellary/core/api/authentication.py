"""Authentication: from a Bearer token of any kind to an actor."""

from __future__ import annotations

from sqlalchemy import Connection

from stellary.core.accounts.authentication import authenticate
from stellary.core.agents import agents as agent_tokens
from stellary.core.kernel.environment import Environment
from stellary.core.kernel.unit import Actor


def parse_bearer(authorization: str | None) -> str:
    """Return the token of an ``Authorization`` header; empty if there is none."""
    scheme, _, bearer = (authorization or "").partition(" ")
    return bearer.strip() if scheme.lower() == "bearer" else ""


def authenticate_bearer(connection: Connection, bearer: str, env: Environment) -> tuple[Actor, bool]:
    """Return the actor that a bearer token (JWT, personal access token or agent token) belongs to.

    Args:
        connection: The connection that reads the session or the token.
        bearer: The token, without ``Bearer``.
        env: The environment, with the clock and the key of JWTs.

    Returns:
        The actor, and whether the last use of the token should be recorded.

    Raises:
        Unauthenticated: The token is invalid, revoked or has expired.
    """
    if agent_tokens.is_agent_token(bearer):
        return agent_tokens.authenticate(connection, bearer, env.clock()), False
    return authenticate(connection, bearer, env.signer, env.clock())
