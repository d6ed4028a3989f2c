"""API tokens, for programs, and sessions, one for each login: listed and ended by their user. Sections API Tokens and Auth.

A JWT contains the id of its session (``jti``). The row of a session is kept until the JWT expires, so that an ended one
is refused by the statement that reads the account (``login_state``).
"""

from __future__ import annotations

from typing import TypedDict

from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from stellary.contract.api_tokens import (
    CREATE_API_TOKEN,
    DELETE_API_TOKEN,
    LIST_API_TOKENS,
    ApiToken,
    CreateApiToken,
    CreatedApiToken,
)
from stellary.contract.auth import (
    LIST_SESSIONS,
    LOGOUT,
    REVOKE_SESSION,
    ActiveSession,
)
from stellary.contract.endpoint import TOKEN_SCOPES, Ok
from stellary.contract.errors import Conflict, NotFound
from stellary.contract.fields import build_value
from stellary.contract.refs import ApiTokenRef, Ref, SessionRef
from stellary.contract.wire import UNSET, Listing, Paged, invalid, utc
from stellary.core.accounts import access
from stellary.core.accounts.audience import select_visible_projects
from stellary.core.accounts.authentication import API_TOKEN_PREFIX, confirm_login, digest, new_api_token
from stellary.core.accounts.emails import send_security_notice
from stellary.core.accounts.locks import lock_caller
from stellary.core.accounts.row_types import ApiTokenRow, SessionRow
from stellary.core.accounts.tables import api_tokens, sessions, users
from stellary.core.db.base import is_given
from stellary.core.kernel.events import TokensRevoked
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.retention import RetentionRule
from stellary.core.kernel.signals import ACCESS
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.kernel.writes import StoredItems, delete_row

LIVE_MAX = 100
PREFIX_LENGTH = len(API_TOKEN_PREFIX) + 4


class ApiTokenColumns(TypedDict):
    """The columns of a new token that are not fields."""

    user_id: str
    token_digest: str


_OF_GRANTS = ("grant_digests", "renewals", "renewable_until")
"""The columns of ``oauth_grants``."""
_TOKENS = StoredItems(ApiToken, api_tokens, "API token", ApiTokenColumns, internal=_OF_GRANTS)
_COUNT_LIVE = select(func.count()).where(
    is_given(api_tokens.c.user_id),
    or_(
        api_tokens.c.expires_at.is_(None),
        api_tokens.c.expires_at > bindparam("_now"),
        api_tokens.c.renewable_until > bindparam("_now"),
    ),
)
_SEEN = select_visible_projects(bindparam("_user_id"), bindparam("_project_ids", expanding=True))
_DELETE = delete(api_tokens).where(is_given(api_tokens.c.id))
_DELETE_ALL = delete(api_tokens).where(is_given(api_tokens.c.user_id))
_LIST = Pages(
    ApiTokenRow,
    # A grant is listed once its code has been used.
    select(api_tokens).where(
        is_given(api_tokens.c.user_id), or_(api_tokens.c.renewals.is_(None), api_tokens.c.renewals > 0)
    ),
    api_tokens.c.id,
)


@serves(CREATE_API_TOKEN)
def create_api_token(uow: UnitOfWork, ref: Ref, request: CreateApiToken) -> CreatedApiToken:
    """Create a token of the caller. Only this response contains its secret.

    Raises:
        Invalid: ``expiresAt`` has passed.
        Conflict: The caller has 100 tokens that have not expired.
        Unauthenticated: The caller's login has just ended.
    """
    expires_at = utc(request.expires_at) if request.expires_at else None
    if expires_at is not None and expires_at <= uow.now:
        raise invalid(("expiresAt", "must be in the future"))
    project_ids = None
    if request.project_ids is not UNSET:
        project_ids = sorted({*request.project_ids})
        parameters = {"_user_id": uow.user_id, "_project_ids": project_ids}
        seen = {*uow.connection.execute(_SEEN, parameters).scalars()}
        for index, id in enumerate(request.project_ids):
            if id not in seen:
                raise invalid((f"projectIds[{index}]", "must be the id of an existing item"))
    lock_caller(uow)
    check_room(uow)
    secret = new_api_token()
    scopes = request.scopes or TOKEN_SCOPES
    api_token = build_value(
        CreatedApiToken,
        request,
        id=uow.new_id(),
        prefix=secret[:PREFIX_LENGTH],
        scopes=[scope for scope in TOKEN_SCOPES if scope in scopes],
        expires_at=expires_at,
        last_used_at=None,
        created_at=uow.now,
        project_ids=project_ids,
        token=secret,
    )
    _TOKENS.insert(uow, api_token, user_id=uow.user_id, token_digest=digest(secret))
    send_security_notice(uow, uow.user_id, "An API token of your account was created.")
    return api_token


@serves(LIST_API_TOKENS)
def list_api_tokens(uow: UnitOfWork, ref: Ref, request: Paged) -> Listing[ApiToken]:
    """Return the caller's tokens, oldest first, without their secrets."""
    return _LIST.fetch(uow, request, _api_token, _user_id=uow.user_id)


@serves(DELETE_API_TOKEN)
def delete_api_token(uow: UnitOfWork, ref: ApiTokenRef) -> Ok:
    """Revoke a token; it is refused from the next request on.

    Raises:
        NotFound: The caller has no such token, or another request has just revoked it.
    """
    token = access.api_token(uow, ref)
    delete_row(uow, _DELETE, {"_id": token.id}, "API token")
    uow.send_on_commit(ACCESS)
    return Ok()


def check_room(uow: UnitOfWork) -> None:
    """Check that the caller may have another token.

    Raises:
        Conflict: The caller has 100 tokens that have not expired.
    """
    if count_live(uow) >= LIVE_MAX:
        raise Conflict(f"there are {LIVE_MAX} API tokens already; revoke some first", code="too_many_tokens")


def count_live(uow: UnitOfWork) -> int:
    """Return the number of the caller's tokens that have not expired."""
    count: int = uow.connection.execute(_COUNT_LIVE, {"_user_id": uow.user_id, "_now": uow.now}).scalar_one()
    return count


def revoke_all(uow: UnitOfWork) -> int:
    """Revoke all tokens of the caller, and emit an event on which other areas revoke tokens with the caller's rights.

    Returns:
        The number of revoked tokens that had not expired, and the number that other areas revoked.
    """
    live = count_live(uow)
    uow.connection.execute(_DELETE_ALL, {"_user_id": uow.user_id})
    uow.emit(TokensRevoked(user_id=uow.user_id))
    uow.settle()
    of_agents = uow.ended_counts.pop("agent_tokens", 0)
    return live + of_agents


def _api_token(row: ApiTokenRow) -> ApiToken:
    return _TOKENS.to_value(row)


_INSERT = insert(sessions)
_END = (
    update(sessions)
    .where(is_given(sessions.c.id), is_given(sessions.c.user_id), sessions.c.ended_at.is_(None))
    .values(ended_at=bindparam("_now"))
)
_SESSIONS = Pages(
    SessionRow,
    select(sessions)
    .join_from(sessions, users)
    .where(
        is_given(sessions.c.user_id),
        sessions.c.ended_at.is_(None),
        sessions.c.expires_at > bindparam("_now"),
        sessions.c.generation == users.c.token_generation,
    ),
    sessions.c.id,
)
RETENTION = RetentionRule(sessions, sessions.c.expires_at)
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

    def build_session(row: SessionRow) -> ActiveSession:
        return ActiveSession(
            id=row.id,
            device=row.device,
            is_current=row.id == current_id,
            created_at=row.created_at,
            expires_at=row.expires_at,
        )

    return _SESSIONS.fetch(uow, request, build_session, _user_id=uow.user_id, _now=uow.now)


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
    parameters = {"_id": session_id, "_user_id": uow.user_id, "_now": uow.now}
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
            "ended_at": None,
        },
    )
