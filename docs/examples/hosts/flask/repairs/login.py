"""The user of a request, whom the session cookie names."""

from __future__ import annotations

from typing import Protocol

from flask import session as cookie
from sqlalchemy.orm import Session, sessionmaker

from repairs.board import provision
from repairs.models import User
from stellary.contract.errors import Forbidden, Unauthenticated
from stellary.core import Actor, Core


class HasCore(Protocol):
    """The part of the services that this module uses."""

    @property
    def sessions(self) -> sessionmaker[Session]: ...
    @property
    def core(self) -> Core: ...


# --8<-- [start:who]
def find_user(session: Session) -> User | None:
    """Return the user that is logged in; None if nobody is, or if the user was locked out."""
    user_id = cookie.get("user_id")
    user = None if user_id is None else session.get(User, user_id)
    return user if user is not None and user.is_active else None


def find_actor(services: HasCore) -> Actor | None:
    """Return the actor of a request to the API. It is called in the thread and the context of the request.

    Raises:
        Forbidden: The user is a customer. A member may read all cards; the views show customers their own repairs.
    """
    if "user_id" not in cookie:
        return None
    with services.sessions.begin() as session:
        user = find_user(session)
        if user is not None and not user.is_staff:
            raise Forbidden("the board is for the staff")
        return None if user is None else provision(services.core, user, session.connection())


def is_active(services: HasCore, external_id: str) -> bool:
    """Return whether a user may use API tokens. It is called for each request with one."""
    with services.sessions() as session:
        user = session.get(User, int(external_id))
        return user is not None and user.is_active and user.is_staff


# --8<-- [end:who]


def require_user(session: Session) -> User:
    """Return the user that is logged in.

    Raises:
        Unauthenticated: Nobody is logged in.
    """
    user = find_user(session)
    if user is None:
        raise Unauthenticated("log in first")
    return user
