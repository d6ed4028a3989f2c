"""Services for agents. Section Agents of the API reference."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial
from typing import get_args

from sqlalchemy import bindparam, func, select, update

from stellary.contract.agents import (
    AGENTS_MAX,
    CREATE_AGENT,
    DELETE_AGENT,
    GET_AGENT,
    LIST_AGENTS,
    UPDATE_AGENT,
    Agent,
    CreateAgent,
    RateLimit,
    UpdateAgent,
)
from stellary.contract.endpoint import Ok
from stellary.contract.errors import Conflict
from stellary.contract.fields import build_value, convert, find_changed_fields, replace_fields, update_value
from stellary.contract.refs import AgentRef, WorkspaceRef
from stellary.contract.wire import UNSET, Listing, Paged, invalid
from stellary.core.accounts import access as accounts_access
from stellary.core.accounts.agent_users import create_agent_user, rename_agent_user, retire_agent_user
from stellary.core.accounts.locks import lock_workspace
from stellary.core.accounts.personal import slugify
from stellary.core.accounts.rules import CallerRoles
from stellary.core.agents import access, external_mission_timeout, missions, rows
from stellary.core.agents.brains import build_model_user, check_runtime
from stellary.core.agents.row_types import AgentRow
from stellary.core.agents.rules import agents as rules
from stellary.core.agents.tables import agents
from stellary.core.board.access import require_row
from stellary.core.board.on_member_removed import unassign_cards
from stellary.core.board.queries.recipient_queries import select_project_ids
from stellary.core.board.rules.references import unknown
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.actions import Category
from stellary.core.kernel.item_changes import emit_change
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.signals import ACCESS
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.kernel.writes import refuse_duplicate

_HERE = is_given(agents.c.workspace_id)
_LIST = Pages(AgentRow, select(agents).where(_HERE), agents.c.id)
_COUNT = select(func.count()).select_from(agents).where(_HERE)
_SLUGS = select(agents.c.slug).where(_HERE)
_UPDATE = Query(AgentRow, update(agents).where(is_given(agents.c.id)).returning(*agents.c))
_PROJECTS = select_project_ids(bindparam("_workspace_id"))


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
    agent = rows.agent(row)
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
    before = rows.agent(row)
    limit = before.rate_limit if request.rate_limit is UNSET else convert(RateLimit, request.rate_limit)
    after = update_value(before, request, uow.now, rate_limit=limit)
    if after is before:
        return before
    changed = find_changed_fields(before, after)
    if "runtime" in changed or "model" in changed:
        check_runtime(uow.env, after.runtime, after.model, build_model_user(ref, loaded.roles))
    columns = {"_id": after.id, **rows.AGENTS.to_changes(before, after)}
    with _refuse_duplicate_slug(uow, after.slug):
        updated = rows.agent(require_row(_UPDATE.first(uow.connection, columns), "Agent"))
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
    agent = rows.agent(access.agent(uow, ref).row)
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
