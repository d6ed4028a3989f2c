"""Agents: made, listed, changed, suspended and deleted. Section Agents of the API reference."""

from __future__ import annotations

from typing import Any, get_args

from sqlalchemy import Row, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

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
from stellary.contract.paging import Listing, Paged
from stellary.contract.refs import AgentRef, WorkspaceRef
from stellary.contract.unset import UNSET
from stellary.contract.wire import invalid
from stellary.core.accounts import access as accounts_access
from stellary.core.accounts.agent_users import create_agent_user, rename_agent_user
from stellary.core.accounts.locks import lock_workspace
from stellary.core.accounts.personal import slugified
from stellary.core.agents import access, external_mission_timeout, missions, rows
from stellary.core.agents.rules import agents as rules
from stellary.core.agents.tables import agents
from stellary.core.board.access import require_row
from stellary.core.board.recipient_queries import projects_of
from stellary.core.board.rules.references import unknown
from stellary.core.kernel.actions import Category
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.signals import ACCESS
from stellary.core.kernel.unit import UnitOfWork, serves

_HERE = agents.c.workspace_id == bindparam("_workspace_id")
_LIST = Pages(select(agents).where(_HERE), agents.c.id)
_COUNT = select(func.count()).select_from(agents).where(_HERE)
_SLUGS = select(agents.c.slug).where(_HERE)
_INSERT = insert(agents).returning(*agents.c)
_UPDATE = update(agents).where(agents.c.id == bindparam("_id")).returning(*agents.c)
_DELETE = delete(agents).where(agents.c.id == bindparam("_id"))
_PROJECTS = projects_of(bindparam("_workspace_id"))


@serves(CREATE_AGENT)
def create_agent(uow: UnitOfWork, ref: WorkspaceRef, request: CreateAgent) -> Agent:
    """Make an agent, and a name for what it does.

    Raises:
        Invalid: A tool or a project is unknown, or the model does not fit the runtime.
        Conflict: The slug is taken, or the workspace has 100 agents.
    """
    lock_workspace(uow, ref)
    workspace_id = accounts_access.workspace(uow, ref).row.id
    _check(uow, workspace_id, request.tools or [], request.project_ids)
    rules.check_model(request.runtime, request.model)
    place = {"_workspace_id": workspace_id}
    if uow.connection.execute(_COUNT, place).scalar_one() >= AGENTS_MAX:
        raise Conflict(f"a workspace has at most {AGENTS_MAX} agents", code="agents_full")
    taken = uow.connection.execute(_SLUGS, place).scalars()
    slug = request.slug or rules.free_slug(slugified(request.name) or "agent", taken)
    limit = request.rate_limit or rules.RATE_LIMIT
    made = Agent(
        id=uow.new_id(),
        workspace_id=workspace_id,
        name=request.name,
        slug=slug,
        description=request.description,
        autonomy_mode=request.autonomy_mode,
        tools=rules.TOOLS if request.tools is UNSET else list(dict.fromkeys(request.tools)),
        project_ids=request.project_ids and list(dict.fromkeys(request.project_ids)),
        rate_limit=RateLimit(max_actions=limit.max_actions, window_seconds=limit.window_seconds),
        runtime=request.runtime,
        model=request.model,
        status="active",
        created_by_id=uow.user_id,
        created_at=uow.now,
        updated_at=uow.now,
    )
    create_agent_user(uow, made.id, workspace_id, made.name)
    window = {"window_began_at": uow.now, "window_actions": 0}
    _kept(uow, _INSERT, made.slug, {**rows.agent_row(made), **window})
    return made


@serves(LIST_AGENTS)
def list_agents(uow: UnitOfWork, ref: WorkspaceRef, request: Paged) -> Listing[Agent]:
    """The agents of a workspace in the order in which they were made."""
    workspace_id = accounts_access.workspace(uow, ref).row.id
    return _LIST.fetch(uow, request, rows.agent, _workspace_id=workspace_id)


@serves(GET_AGENT)
def get_agent(uow: UnitOfWork, ref: AgentRef) -> Agent:
    """One agent."""
    return rows.agent(access.agent(uow, ref).row)


@serves(UPDATE_AGENT)
def update_agent(uow: UnitOfWork, ref: AgentRef, request: UpdateAgent) -> Agent:
    """Change what is named. What an agent may do is asked anew at its next call.

    Raises:
        Invalid: A tool or a project is unknown, or the model does not fit the runtime.
        Conflict: The slug is taken.
    """
    before = access.agent(uow, ref).row
    _check(uow, before.workspace_id, request.tools or [], request.project_ids or None)
    asked: dict[str, Any] = {
        "name": request.name,
        "slug": request.slug,
        "description": request.description,
        "autonomy_mode": request.autonomy_mode,
        "tools": request.tools,
        "project_ids": request.project_ids,
        "runtime": request.runtime,
        "model": request.model,
        "status": request.status,
    }
    if request.rate_limit is not UNSET:
        limit = request.rate_limit
        asked |= {"max_actions": limit.max_actions, "window_seconds": limit.window_seconds}
    changes = {
        name: said for name, said in asked.items() if said is not UNSET and said != getattr(before, name)
    }
    if not changes:
        return rows.agent(before)
    rules.check_model(changes.get("runtime", before.runtime), changes.get("model", before.model))
    if "name" in changes:
        rename_agent_user(uow, before.id, changes["name"])
    if changes.get("status") == "active" or "runtime" in changes:
        missions.wake(uow, before.id)
    if changes.get("runtime") == "external":
        external_mission_timeout.schedule_checks_of_agent(uow, before.id)
    written = {**changes, "updated_at": uow.now, "_id": before.id}
    # A suspended one, or one with fewer tools or projects, may follow something at this moment.
    uow.send_on_commit(ACCESS)
    return rows.agent(require_row(_kept(uow, _UPDATE, changes.get("slug", ""), written), "Agent"))


@serves(DELETE_AGENT)
def delete_agent(uow: UnitOfWork, ref: AgentRef) -> Ok:
    """Delete an agent with its tokens, missions and proposals. The name stays on what it has done."""
    agent = access.agent(uow, ref).row
    uow.connection.execute(_DELETE, {"_id": agent.id})
    uow.send_on_commit(ACCESS)
    return Ok()


def _kept(uow: UnitOfWork, statement: Any, slug: str, row: dict[str, Any]) -> Row[Any] | None:
    """The row as it was written; None if there is none to be changed."""
    try:
        with uow.connection.begin_nested():
            return uow.connection.execute(statement, row).first()
    except IntegrityError:
        raise Conflict(f"the workspace has an agent {slug!r} already", code="duplicate_slug") from None


def _check(uow: UnitOfWork, workspace_id: str, tools: list[str], project_ids: list[str] | None) -> None:
    """Tools and projects that are named have to be there."""
    known = {*uow.env.actions, *get_args(Category)}
    problems = [
        (f"tools[{index}]", "must be the name of an action, or of a category of actions")
        for index, name in enumerate(tools)
        if name not in known
    ]
    if project_ids:
        there = set(uow.connection.execute(_PROJECTS, {"_workspace_id": workspace_id}).scalars())
        for index, id in enumerate(project_ids):
            if id not in there:
                raise unknown(f"projectIds[{index}]")
    if problems:
        raise invalid(*problems)
