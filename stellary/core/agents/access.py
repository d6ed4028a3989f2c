"""Access checks for agents, their tokens, missions and proposals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import FromClause, Table, and_, bindparam

from stellary.contract.errors import NotFound
from stellary.contract.refs import AgentMissionRef, AgentRef, AgentTokenRef, ProposalRef, Ref, WorkspaceRef
from stellary.core.accounts.access_checks import (
    WORKSPACE_ID,
    Loaded,
    check_role,
    load_with_roles,
    through_workspace,
)
from stellary.core.agents.rows import MISSION
from stellary.core.agents.tables import agent_tokens, agents, missions, proposals
from stellary.core.kernel.unit import UnitOfWork


def _to(table: Table) -> Callable[[FromClause], FromClause]:
    """Return a function that joins a table of the workspace by its id."""

    def join(source: FromClause) -> FromClause:
        return source.outerjoin(
            table, and_(table.c.workspace_id == WORKSPACE_ID, table.c.id == bindparam("_id"))
        )

    return join


def _to_token(source: FromClause) -> FromClause:
    return _to(agents)(source).outerjoin(
        agent_tokens,
        and_(agent_tokens.c.agent_id == agents.c.id, agent_tokens.c.id == bindparam("_token_id")),
    )


_AGENT = through_workspace(*agents.c, joins=_to(agents))
_TOKEN = through_workspace(agents.c.id.label("of_agent"), agent_tokens.c.id, joins=_to_token)
_MISSION = through_workspace(*MISSION, joins=_to(missions))
_PROPOSAL = through_workspace(*proposals.c, joins=_to(proposals))


def _load_by_id(uow: UnitOfWork, statement: Any, ref: WorkspaceRef, id: str, name: str) -> Loaded[Any]:
    row, roles = load_with_roles(uow, statement, ref, _id=id)
    check_role(uow, roles)
    if row.id is None:
        raise NotFound(f"{name} not found")
    return Loaded(row, roles)


def agent(uow: UnitOfWork, ref: AgentRef) -> Loaded[Any]:
    """Load an agent's row, with access checks.

    Raises:
        NotFound: The caller does not reach the workspace, or it has no such agent.
        Forbidden: The caller's role is not enough.
    """
    return _load_by_id(uow, _AGENT, ref, ref.agent_id, "Agent")


def token(uow: UnitOfWork, ref: AgentTokenRef) -> Loaded[Any]:
    """Load the ``id`` of an agent's token, with access checks.

    Raises:
        NotFound: The caller does not reach the workspace, or there is no such agent, or no such token of it.
        Forbidden: The caller's role is not enough.
    """
    row, roles = load_with_roles(uow, _TOKEN, ref, _id=ref.agent_id, _token_id=ref.token_id)
    check_role(uow, roles)
    if row.of_agent is None:
        raise NotFound("Agent not found")
    if row.id is None:
        raise NotFound("Token not found")
    return Loaded(row, roles)


def mission(uow: UnitOfWork, ref: AgentMissionRef) -> Loaded[Any]:
    """Load a mission's row, with access checks.

    Raises:
        NotFound: The caller does not reach the workspace, or it has no such mission.
        Forbidden: The caller's role is not enough.
    """
    row, roles = load_with_roles(uow, _MISSION, ref, _id=ref.mission_id)
    if row.id is None and uow.policy.role == "author":
        # The role depends on the mission's author, so a missing mission has to be a 404 before it is checked.
        raise NotFound("Mission not found")
    check_role(uow, roles, row.created_by_id)
    if row.id is None:
        raise NotFound("Mission not found")
    return Loaded(row, roles)


def proposal(uow: UnitOfWork, ref: ProposalRef) -> Loaded[Any]:
    """Load a proposal's row, with access checks.

    Raises:
        NotFound: The caller does not reach the workspace, or it has no such proposal.
        Forbidden: The caller's role is not enough.
    """
    return _load_by_id(uow, _PROPOSAL, ref, ref.proposal_id, "Proposal")


ACCESS_BY_REF: Mapping[type[Ref], Callable[[UnitOfWork, Any], object]] = {
    AgentRef: agent,
    AgentTokenRef: token,
    AgentMissionRef: mission,
    ProposalRef: proposal,
}
