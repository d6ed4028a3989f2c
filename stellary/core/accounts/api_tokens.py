"""API tokens: personal access tokens for programs. Section API Tokens of the API reference."""

from __future__ import annotations

from typing import TypedDict

from sqlalchemy import bindparam, delete, func, or_, select

from stellary.contract.api_tokens import (
    CREATE_API_TOKEN,
    DELETE_API_TOKEN,
    LIST_API_TOKENS,
    ApiToken,
    CreateApiToken,
    CreatedApiToken,
)
from stellary.contract.endpoint import TOKEN_SCOPES, Ok
from stellary.contract.errors import Conflict
from stellary.contract.fields import build_value
from stellary.contract.refs import ApiTokenRef, Ref
from stellary.contract.wire import UNSET, Listing, Paged, invalid, utc
from stellary.core.accounts import access
from stellary.core.accounts.authentication import API_TOKEN_PREFIX, digest, new_api_token
from stellary.core.accounts.emails import send_security_notice
from stellary.core.accounts.locks import lock_caller
from stellary.core.accounts.project_sight import select_visible_projects
from stellary.core.accounts.tables import api_tokens
from stellary.core.db.base import is_given
from stellary.core.db.row_types import RowType
from stellary.core.kernel.events import TokensRevoked
from stellary.core.kernel.paging import Pages
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
    RowType,
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
    return _LIST.fetch(uow, request, _TOKENS.to_value, _user_id=uow.user_id)


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
