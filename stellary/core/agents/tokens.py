"""Agent tokens: created, listed, revoked, and checked on each request."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, func, select, update

from stellary.contract.agents import (
    AGENT_TOKENS_MAX,
    CREATE_AGENT_TOKEN,
    LIST_AGENT_TOKENS,
    REVOKE_AGENT_TOKEN,
    AgentToken,
    CreateAgentToken,
    CreatedAgentToken,
)
from stellary.contract.endpoint import Ok
from stellary.contract.errors import Conflict, Unauthenticated
from stellary.contract.fields import build_value, convert
from stellary.contract.refs import AgentRef, AgentTokenRef
from stellary.contract.wire import Listing, Paged, invalid, utc
from stellary.core.accounts.locks import lock_caller, lock_workspace
from stellary.core.accounts.tokens import digest, looks_like_api_token, new_api_token
from stellary.core.agents import access, rows
from stellary.core.agents.row_types import AgentTokenRow, AuthenticatedTokenRow
from stellary.core.agents.tables import agent_tokens, agents
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.item_changes import emit_change
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.signals import ACCESS
from stellary.core.kernel.unit import Actor, AgentLimits, UnitOfWork, serves

PREFIX = "synth_agent_"
TOUCH_AFTER = timedelta(minutes=1)
_PREFIX_LENGTH = len(PREFIX) + 4

_OF_AGENT = is_given(agent_tokens.c.agent_id)
_LIST = Pages(AgentTokenRow, select(agent_tokens).where(_OF_AGENT), agent_tokens.c.id)
_COUNT = select(func.count()).select_from(agent_tokens).where(_OF_AGENT)
_BY_DIGEST = Query(
    AuthenticatedTokenRow,
    select(
        agent_tokens.c.id,
        agent_tokens.c.agent_id,
        agent_tokens.c.name,
        agent_tokens.c.created_by_id,
        agent_tokens.c.expires_at,
        agents.c.workspace_id,
        agents.c.tools,
        agents.c.project_ids,
        agents.c.autonomy_mode,
    )
    .join_from(agent_tokens, agents, agents.c.id == agent_tokens.c.agent_id)
    .where(is_given(agent_tokens.c.token_digest, "digest")),
)
_TOUCH = (
    update(agent_tokens)
    .where(
        is_given(agent_tokens.c.id),
        func.coalesce(agent_tokens.c.last_used_at, agent_tokens.c.created_at) <= bindparam("_before"),
    )
    .values(last_used_at=bindparam("_now"))
)


@serves(CREATE_AGENT_TOKEN)
def create_agent_token(uow: UnitOfWork, ref: AgentRef, request: CreateAgentToken) -> CreatedAgentToken:
    """Create a token of an agent. Only this response contains its secret.

    Raises:
        Invalid: ``expiresAt`` has passed.
        Conflict: The agent has 20 tokens.
        Unauthenticated: The caller's login ended in the meantime.
    """
    lock_workspace(uow, ref)
    agent = access.agent(uow, ref).row
    lock_caller(uow)
    expires_at = utc(request.expires_at) if request.expires_at else None
    if expires_at is not None and expires_at <= uow.now:
        raise invalid(("expiresAt", "must be in the future"))
    if uow.connection.execute(_COUNT, {"_agent_id": agent.id}).scalar_one() >= AGENT_TOKENS_MAX:
        raise Conflict(
            f"the agent has {AGENT_TOKENS_MAX} tokens already; revoke some first", code="too_many_tokens"
        )
    secret = new_api_token(PREFIX)
    token = build_value(
        CreatedAgentToken,
        request,
        token=secret,
        id=uow.new_id(),
        agent_id=agent.id,
        prefix=secret[:_PREFIX_LENGTH],
        created_by_id=uow.user_id,
        expires_at=expires_at,
        last_used_at=None,
        created_at=uow.now,
    )
    rows.TOKENS.insert(uow, token, token_digest=digest(secret))
    emit_change(uow, agent.workspace_id, None, convert(AgentToken, token), agent=rows.agent(agent).name)
    return token


@serves(LIST_AGENT_TOKENS)
def list_agent_tokens(uow: UnitOfWork, ref: AgentRef, request: Paged) -> Listing[AgentToken]:
    """Return the tokens of an agent, oldest first, without their secrets."""
    agent = access.agent(uow, ref).row
    return _LIST.fetch(uow, request, rows.token, _agent_id=agent.id)


@serves(REVOKE_AGENT_TOKEN)
def revoke_agent_token(uow: UnitOfWork, ref: AgentTokenRef) -> Ok:
    """Revoke a token; it is rejected from the next request on.

    Raises:
        NotFound: The agent has no such token, or another request has just revoked it.
    """
    loaded = access.token(uow, ref)
    token = rows.token(loaded.row)
    rows.TOKENS.delete(uow, token)
    emit_change(uow, loaded.roles.workspace_id, token, None, agent=loaded.row.agent_name)
    uow.send_on_commit(ACCESS)
    return Ok()


def is_agent_token(bearer: str) -> bool:
    """Return whether a bearer token has the form of an agent token."""
    return bearer.startswith(PREFIX)


def authenticate(connection: Connection, bearer: str, now: datetime) -> Actor:
    """Return the agent that a token belongs to, with its current limits.

    Args:
        connection: A connection to the database.
        bearer: The token.
        now: The time of the request.

    Raises:
        Unauthenticated: The token is unknown, revoked or expired; the error is the same in all cases.
    """
    row = None
    if looks_like_api_token(bearer, PREFIX):
        row = _BY_DIGEST.first(connection, {"_digest": digest(bearer)})
    if row is None or (row.expires_at is not None and row.expires_at <= now):
        raise Unauthenticated("the token is invalid or has expired", code="invalid_token")
    limits = AgentLimits(
        agent_id=row.agent_id,
        principal_id=row.created_by_id,
        workspace_id=row.workspace_id,
        tools=frozenset(row.tools),
        project_ids=None if row.project_ids is None else frozenset(row.project_ids),
        at_once=row.autonomy_mode == "autonomous",
    )
    return Actor(row.agent_id, token_id=row.id, agent_limits=limits, token_name=row.name)


def touch(uow: UnitOfWork, token_id: str) -> None:
    """Record that a token was used now, unless another request has done so within the minute.

    Args:
        token_id: The id of the agent's token.
    """
    uow.connection.execute(_TOUCH, {"_id": token_id, "_now": uow.now, "_before": uow.now - TOUCH_AFTER})
