"""Agents, their tokens, and the language models that they use. Section Agents of the API reference."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from functools import partial
from typing import get_args

from sqlalchemy import Connection, bindparam, func, select, update

from stellary.contract.agents import (
    AGENT_TOKENS_MAX,
    AGENTS_MAX,
    CREATE_AGENT,
    CREATE_AGENT_TOKEN,
    DELETE_AGENT,
    GET_AGENT,
    LIST_AGENT_TOKENS,
    LIST_AGENTS,
    REVOKE_AGENT_TOKEN,
    UPDATE_AGENT,
    Agent,
    AgentToken,
    CreateAgent,
    CreateAgentToken,
    CreatedAgentToken,
    RateLimit,
    UpdateAgent,
)
from stellary.contract.endpoint import Ok
from stellary.contract.errors import Conflict, Unauthenticated
from stellary.contract.fields import build_value, convert, find_changed_fields, replace_fields, update_value
from stellary.contract.model_usage import (
    GET_MODEL_USAGE,
    SET_MODEL_KEY,
    GetModelUsage,
    SetModelKey,
    WorkspaceUsage,
)
from stellary.contract.refs import AgentRef, AgentTokenRef, WorkspaceRef
from stellary.contract.wire import UNSET, Listing, Paged, invalid, utc
from stellary.core.accounts import access as accounts_access
from stellary.core.accounts.agent_users import create_agent_user, rename_agent_user, retire_agent_user
from stellary.core.accounts.authentication import digest, looks_like_api_token, new_api_token
from stellary.core.accounts.locks import lock_caller, lock_workspace
from stellary.core.accounts.personal import slugify
from stellary.core.accounts.rules import CallerRoles
from stellary.core.agents import access, external_mission_timeout, missions, rows
from stellary.core.agents.brains import build_model_user, check_runtime
from stellary.core.agents.row_types import AgentRow, AuthenticatedTokenRow
from stellary.core.agents.rules import agents as rules
from stellary.core.agents.tables import agent_tokens, agents
from stellary.core.board.access import require_row
from stellary.core.board.on_member_removed import unassign_cards
from stellary.core.board.queries.recipient_queries import select_project_ids
from stellary.core.board.rules.references import unknown
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query, RowType
from stellary.core.kernel.actions import Category
from stellary.core.kernel.item_changes import emit_change
from stellary.core.kernel.model_usage import count_tokens, list_key_providers, list_usage, store_key
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.signals import ACCESS
from stellary.core.kernel.unit import Actor, AgentLimits, UnitOfWork, serves
from stellary.core.kernel.writes import refuse_duplicate

_HERE = is_given(agents.c.workspace_id)
_LIST = Pages(AgentRow, select(agents).where(_HERE), agents.c.id)
_COUNT = select(func.count()).select_from(agents).where(_HERE)
_SLUGS = select(agents.c.slug).where(_HERE)
_UPDATE = Query(AgentRow, update(agents).where(is_given(agents.c.id)).returning(*agents.c))
_PROJECTS = select_project_ids(bindparam("_workspace_id"))
PREFIX = "synth_agent_"
TOUCH_AFTER = timedelta(minutes=1)
_PREFIX_LENGTH = len(PREFIX) + 4
_OF_AGENT = is_given(agent_tokens.c.agent_id)
_TOKENS = Pages(RowType, select(agent_tokens).where(_OF_AGENT), agent_tokens.c.id)
_TOKEN_COUNT = select(func.count()).select_from(agent_tokens).where(_OF_AGENT)
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
_TOUCH = update(agent_tokens).where(
    is_given(agent_tokens.c.id),
    func.coalesce(agent_tokens.c.last_used_at, agent_tokens.c.created_at) <= bindparam("_before"),
)


@serves(CREATE_AGENT)
def create_agent(uow: UnitOfWork, ref: WorkspaceRef, request: CreateAgent) -> Agent:
    """Create an agent, and the user row that represents it in activities.

    Args:
        uow: A unit of work that writes.
        ref: The workspace.
        request: The agent's fields. Defaults: tools for reading, 60 actions in 60 seconds, a slug made from the name.

    Raises:
        Invalid: A tool, a project or the runtime is unknown, or the model does not fit the runtime.
        Conflict: The slug is taken, or the workspace has 100 agents.
    """
    lock_workspace(uow, ref)
    loaded = accounts_access.workspace(uow, ref)
    workspace_id = loaded.row.id
    _check_tools_and_projects(uow, workspace_id, request.tools or [], request.project_ids)
    check_runtime(uow.env, request.runtime, request.model, build_model_user(ref, loaded.roles))
    parameters = {"_workspace_id": workspace_id}
    if uow.connection.execute(_COUNT, parameters).scalar_one() >= AGENTS_MAX:
        raise Conflict(f"a workspace has at most {AGENTS_MAX} agents", code="agents_full")
    taken_slugs = uow.connection.execute(_SLUGS, parameters).scalars()
    slug = request.slug or rules.free_slug(slugify(request.name) or "agent", taken_slugs)
    agent = build_value(
        Agent,
        request,
        id=uow.new_id(),
        workspace_id=workspace_id,
        slug=slug,
        tools=rules.TOOLS if request.tools is UNSET else list(dict.fromkeys(request.tools)),
        project_ids=request.project_ids and list(dict.fromkeys(request.project_ids)),
        rate_limit=convert(RateLimit, request.rate_limit or rules.RATE_LIMIT),
        status="active",
        created_by_id=uow.user_id,
        created_at=uow.now,
        updated_at=uow.now,
    )
    with _refuse_duplicate_slug(uow, slug):
        create_agent_user(uow, agent.id, workspace_id, agent.name)
        rows.AGENTS.insert(uow, agent, window_began_at=uow.now, window_actions=0)
    emit_change(uow, workspace_id, None, agent)
    return agent


@serves(LIST_AGENTS)
def list_agents(uow: UnitOfWork, ref: WorkspaceRef, request: Paged) -> Listing[Agent]:
    """Return the agents of a workspace, oldest first."""
    loaded = accounts_access.workspace(uow, ref)
    show = partial(_show, loaded.roles)
    return _LIST.fetch(uow, request, show, _workspace_id=loaded.row.id)


def _show(roles: CallerRoles, row: AgentRow) -> Agent:
    """Return the agent of a row, without the ids of projects that the caller does not see."""
    agent = rows.AGENTS.to_value(row)
    if agent.project_ids is None or not roles.sight.is_limited:
        return agent
    return replace_fields(agent, project_ids=[id for id in agent.project_ids if roles.sight.sees(id)])


@serves(GET_AGENT)
def get_agent(uow: UnitOfWork, ref: AgentRef) -> Agent:
    """Return one agent."""
    loaded = access.agent(uow, ref)
    return _show(loaded.roles, loaded.row)


@serves(UPDATE_AGENT)
def update_agent(uow: UnitOfWork, ref: AgentRef, request: UpdateAgent) -> Agent:
    """Update the fields of an agent that the request sets. New limits apply from the agent's next call.

    Raises:
        Invalid: A tool, a project or the runtime is unknown, or the model does not fit the runtime.
        Conflict: The slug is taken.
    """
    loaded = access.agent(uow, ref)
    row = loaded.row
    _check_tools_and_projects(uow, row.workspace_id, request.tools or [], request.project_ids or None)
    before = rows.AGENTS.to_value(row)
    limit = before.rate_limit if request.rate_limit is UNSET else convert(RateLimit, request.rate_limit)
    after = update_value(before, request, uow.now, rate_limit=limit)
    if after is before:
        return before
    changed = find_changed_fields(before, after)
    if "runtime" in changed or "model" in changed:
        check_runtime(uow.env, after.runtime, after.model, build_model_user(ref, loaded.roles))
    columns = {"_id": after.id, **rows.AGENTS.to_changes(before, after)}
    with _refuse_duplicate_slug(uow, after.slug):
        updated = rows.AGENTS.to_value(require_row(_UPDATE.first(uow.connection, columns), "Agent"))
    if "name" in changed:
        rename_agent_user(uow, after.id, after.name)
    if "runtime" in changed or ("status" in changed and after.status == "active"):
        missions.enqueue_all_of_agent(uow, after.workspace_id, after.id)
    if "runtime" in changed and after.runtime == "external":
        external_mission_timeout.schedule_checks_of_agent(uow, after.id)
    # An agent that was suspended, or has fewer tools or projects now, may have open streams.
    uow.send_on_commit(ACCESS)
    emit_change(uow, row.workspace_id, before, updated)
    return updated


@serves(DELETE_AGENT)
def delete_agent(uow: UnitOfWork, ref: AgentRef) -> Ok:
    """Delete an agent with its tokens, missions and proposals. Activities keep its name; its cards are unassigned."""
    agent = rows.AGENTS.to_value(access.agent(uow, ref).row)
    retire_agent_user(uow, agent.id)
    unassign_cards(uow, agent.workspace_id, agent.id)
    rows.AGENTS.delete(uow, agent)
    emit_change(uow, agent.workspace_id, agent, None)
    uow.send_on_commit(ACCESS)
    return Ok()


def _refuse_duplicate_slug(uow: UnitOfWork, slug: str) -> AbstractContextManager[None]:
    return refuse_duplicate(uow, f"the workspace has an agent {slug!r} already", "duplicate_slug")


def _check_tools_and_projects(
    uow: UnitOfWork, workspace_id: str, tools: list[str], project_ids: list[str] | None
) -> None:
    """Check that tools and projects exist.

    Raises:
        Invalid: One of them does not.
    """
    tool_names = {*uow.env.actions, *get_args(Category)}
    problems = [
        (f"tools[{index}]", "must be the name of an action, or of a category of actions")
        for index, name in enumerate(tools)
        if name not in tool_names
    ]
    if project_ids:
        workspace_project_ids = set(
            uow.connection.execute(_PROJECTS, {"_workspace_id": workspace_id}).scalars()
        )
        for index, id in enumerate(project_ids):
            if id not in workspace_project_ids:
                raise unknown(f"projectIds[{index}]")
    if problems:
        raise invalid(*problems)


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
    if uow.connection.execute(_TOKEN_COUNT, {"_agent_id": agent.id}).scalar_one() >= AGENT_TOKENS_MAX:
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
    emit_change(
        uow, agent.workspace_id, None, convert(AgentToken, token), agent=rows.AGENTS.to_value(agent).name
    )
    return token


@serves(LIST_AGENT_TOKENS)
def list_agent_tokens(uow: UnitOfWork, ref: AgentRef, request: Paged) -> Listing[AgentToken]:
    """Return the tokens of an agent, oldest first, without their secrets."""
    agent = access.agent(uow, ref).row
    return _TOKENS.fetch(uow, request, rows.TOKENS.to_value, _agent_id=agent.id)


@serves(REVOKE_AGENT_TOKEN)
def revoke_agent_token(uow: UnitOfWork, ref: AgentTokenRef) -> Ok:
    """Revoke a token; it is rejected from the next request on.

    Raises:
        NotFound: The agent has no such token, or another request has just revoked it.
    """
    loaded = access.token(uow, ref)
    token = rows.TOKENS.to_value(loaded.row)
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
    uow.connection.execute(
        _TOUCH, {"_id": token_id, "last_used_at": uow.now, "_before": uow.now - TOUCH_AFTER}
    )


@serves(GET_MODEL_USAGE)
def get_model_usage(uow: UnitOfWork, ref: WorkspaceRef, request: GetModelUsage) -> WorkspaceUsage:
    """Return the tokens that language models have used in a workspace."""
    workspace_id = accounts_access.workspace(uow, ref).row.id
    return WorkspaceUsage(
        daily_budget=uow.env.model_budgets.daily,
        tokens_today=count_tokens(uow.connection, workspace_id, uow.now),
        own_keys=list_key_providers(uow, workspace_id),
        days=list_usage(uow, workspace_id, request.days),
    )


@serves(SET_MODEL_KEY)
def set_model_key(uow: UnitOfWork, ref: WorkspaceRef, request: SetModelKey) -> Ok:
    """Set or remove the key of a workspace for the models of a provider.

    Raises:
        Conflict: The server has no lasting secret to encrypt the key with.
    """
    lock_workspace(uow, ref)
    store_key(uow, accounts_access.workspace(uow, ref).row.id, request.provider, request.secret)
    return Ok()
