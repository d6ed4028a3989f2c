"""Sessions: one for each login, listed and ended by their user. Section Auth.

A JWT contains the id of its session (``jti``). The row of a session is kept until the JWT expires, so that an ended one
is refused by the statement that reads the account (``login_state``).
"""

from __future__ import annotations

from sqlalchemy import bindparam, insert, select, update

from stellary.contract.auth import LIST_SESSIONS, LOGOUT, REVOKE_SESSION, ActiveSession
from stellary.contract.endpoint import Ok
from stellary.contract.errors import Conflict, NotFound
from stellary.contract.refs import Ref, SessionRef
from stellary.contract.wire import Listing, Paged
from stellary.core.accounts import access
from stellary.core.accounts.authentication import confirm_login
from stellary.core.accounts.locks import lock_caller
from stellary.core.accounts.row_types import IdRow
from stellary.core.accounts.tables import sessions, users
from stellary.core.db.base import is_given
from stellary.core.db.row_fields import RowFields
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.retention import RetentionRule
from stellary.core.kernel.signals import ACCESS
from stellary.core.kernel.unit import UnitOfWork, serves

_c = sessions.c
_SESSIONS = RowFields(
    ActiveSession, sessions, computed=("is_current",), internal=("user_id", "generation", "ended_at")
)
_INSERT = insert(sessions)
_END = update(sessions).where(is_given(_c.id), is_given(_c.user_id), _c.ended_at.is_(None))
_LIST = Pages(
    IdRow,
    select(sessions)
    .join_from(sessions, users)
    .where(
        is_given(_c.user_id),
        _c.ended_at.is_(None),
        _c.expires_at > bindparam("_now"),
        _c.generation == users.c.token_generation,
    ),
    _c.id,
)
RETENTION = RetentionRule(sessions, _c.expires_at)
"""The rule for the rows of expired sessions."""


def start_session(uow: UnitOfWork, user_id: str, generation: int, device: str | None) -> str:
    """Start a session, and return its JWT.

    Args:
        uow: A unit that may write.
        user_id: The user, who has just been authenticated.
        generation: The number of passwords that the user has had. A session of an earlier one is not listed.
        device: The name of the device or program, as the user named it; None without a name.
    """
    session_id, signer = uow.new_id(), uow.env.signer
    _insert(uow, session_id, user_id, generation, device)
    return signer.issue(user_id, generation, uow.now, session_id)


@serves(LIST_SESSIONS)
def list_sessions(uow: UnitOfWork, ref: Ref, request: Paged) -> Listing[ActiveSession]:
    """Return the caller's sessions, oldest first."""
    current_id = uow.actor.login_id

    def build_session(row: IdRow) -> ActiveSession:
        return _SESSIONS.to_value(row, is_current=row.id == current_id)

    return _LIST.fetch(uow, request, build_session, _user_id=uow.user_id, _now=uow.now)


@serves(REVOKE_SESSION)
def revoke_session(uow: UnitOfWork, ref: SessionRef) -> Ok:
    """End a session; its JWT is refused from the next request on.

    Raises:
        NotFound: The caller has no such session, or it has just ended.
        Unauthenticated: The caller's own session has just ended.
    """
    # Before the session ends: it may be the caller's own.
    confirm_login(uow)
    lock_caller(uow)
    session = access.session(uow, ref)
    if not _end(uow, session.id):
        raise NotFound("Session not found")
    uow.send_on_commit(ACCESS)
    return Ok()


@serves(LOGOUT)
def log_out(uow: UnitOfWork, ref: Ref) -> Ok:
    """End the session of the JWT that the request is made with.

    Raises:
        Conflict: The request is made without a JWT, by an application that embeds the core.
        Unauthenticated: The session has just ended.
    """
    confirm_login(uow)
    lock_caller(uow)
    session_id, generation = uow.actor.login_id, uow.actor.login_generation
    if session_id is None or generation is None:
        raise Conflict("this request has no login that could end", code="no_session")
    if not _end(uow, session_id):
        # The JWT was issued before there were sessions.
        _insert(uow, session_id, uow.user_id, generation, None)
        _end(uow, session_id)
    uow.send_on_commit(ACCESS)
    return Ok()


def _end(uow: UnitOfWork, session_id: str) -> bool:
    """End a session of the caller, and return whether it had not ended before."""
    parameters = {"_id": session_id, "_user_id": uow.user_id, "ended_at": uow.now}
    return bool(uow.connection.execute(_END, parameters).rowcount)


def _insert(uow: UnitOfWork, session_id: str, user_id: str, generation: int, device: str | None) -> None:
    uow.connection.execute(
        _INSERT,
        {
            "id": session_id,
            "user_id": user_id,
            "generation": generation,
            "device": device,
            "created_at": uow.now,
            "expires_at": uow.now + uow.env.signer.lifetime,
        },
    )
