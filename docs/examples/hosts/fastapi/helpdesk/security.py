"""Passwords and tokens: how users log in, and who sends a request."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta
from typing import Annotated

import jwt
from fastapi import Depends, HTTPException, Request
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database import SessionDep
from helpdesk.models import User

LIFETIME = timedelta(hours=8)
SCRYPT_N = 2**14
"""The cost of a hash: 16 MB of memory, and some 50 ms. Call the functions below in a thread, therefore."""


def hash_password(password: str, salt: str | None = None) -> str:
    """Return a salted hash of a password."""
    salt = salt or secrets.token_hex(16)
    digest = hashlib.scrypt(password.encode(), salt=salt.encode(), n=SCRYPT_N, r=8, p=1)
    return f"{salt}${digest.hex()}"


def is_password_of(user: User | None, password: str) -> bool:
    """Return whether a password is that of a user.

    It takes as long if there is no user, so that the time does not show which addresses have an account.
    """
    password_hash = "" if user is None else user.password_hash
    salt, _, _ = password_hash.partition("$")
    return hmac.compare_digest(hash_password(password, salt), password_hash) and user is not None


def create_token(user: User, secret: str) -> str:
    """Return a token with which a user sends requests."""
    claims = {"sub": str(user.id), "exp": datetime.now(UTC) + LIFETIME}
    return jwt.encode(claims, secret, "HS256")


# --8<-- [start:find_user]
async def find_user(request: Request, session: AsyncSession) -> User | None:
    """Return the user whose token a request has, or None."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    try:
        claims = jwt.decode(token, request.app.state.settings.secret, ["HS256"])
    except jwt.InvalidTokenError:
        return None
    user = await session.get(User, int(claims["sub"]))
    return user if user is not None and user.is_active else None


async def require_user(request: Request, session: SessionDep) -> User:
    """Return the user who has sent a request."""
    user = await find_user(request, session)
    if user is None:
        raise HTTPException(401, "Log in first", {"WWW-Authenticate": "Bearer"})
    return user


UserDep = Annotated[User, Depends(require_user)]
# --8<-- [end:find_user]
