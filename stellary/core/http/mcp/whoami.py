"""The caller of a tool: the user or agent, the workspaces, and the scopes of the token."""

from __future__ import annotations

from stellary.contract.endpoint import TOKEN_SCOPES, Nothing
from stellary.contract.refs import WorkspaceRef
from stellary.core.accounts import people
from stellary.core.api.action_calls import list_workspaces
from stellary.core.kernel.unit import UnitOfWork


def load_caller(uow: UnitOfWork, ref: WorkspaceRef, params: Nothing) -> dict[str, object]:
    """Return the caller of a tool. Its scopes are null without a token that limits them.

    Args:
        uow: The unit.
        ref: Not used: it concerns no workspace.
        params: None.
    """
    uow.mark_authorized()
    scopes = uow.actor.scopes
    return {
        "id": uow.user_id,
        "name": people.load_people(uow, [uow.user_id])[uow.user_id].name,
        "isAgent": uow.actor.agent_limits is not None,
        "scopes": None if scopes is None else [scope for scope in TOKEN_SCOPES if scope in scopes],
        "workspaces": [f"{place.ref.org_slug}/{place.ref.ws_slug}" for place in list_workspaces(uow)],
    }


def keep_workspace(workspace: str, uow: UnitOfWork, ref: WorkspaceRef, caller: object) -> object:
    """Return a caller with only the workspace that the token reaches.

    Args:
        workspace: The workspace, as ``acme/eng``.
        uow: The unit.
        ref: Not used.
        caller: The caller.
    """
    return {**caller, "workspaces": [workspace]} if isinstance(caller, dict) else caller
