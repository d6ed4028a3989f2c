"""The action that returns the state of a workspace in one response."""

from __future__ import annotations

from stellary.contract.actions import CockpitDashboard
from stellary.contract.endpoint import Nothing
from stellary.contract.pilotage_state import GET_STATE, GetState
from stellary.contract.projects import ListProjects
from stellary.contract.proposed_actions import ListActions
from stellary.contract.refs import WorkspaceRef
from stellary.core.accounts import access
from stellary.core.insights import portfolio
from stellary.core.kernel.actions import ActionList
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.pilotage import proposed_actions, state

ACTIONS = ActionList()


@ACTIONS.add("pilotage.read", Nothing, GET_STATE)
def _get_cockpit_dashboard(uow: UnitOfWork, ref: WorkspaceRef, params: Nothing) -> CockpitDashboard:
    """Read the state of the workspace: figures of its projects, work in progress, and pending decisions."""
    access.workspace(uow, ref)
    return CockpitDashboard(
        state=state.get_state(uow, ref, GetState(profile="execution", intent="daily_execution")),
        actions_to_review=list(
            proposed_actions.list_actions(uow, ref, ListActions(status="suggested")).items
        ),
        actions_to_apply=list(proposed_actions.list_actions(uow, ref, ListActions(status="approved")).items),
        projects=list(portfolio.get_portfolio(uow, ref, ListProjects(archived=False)).items),
    )
