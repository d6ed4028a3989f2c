"""The caller of a tool: the user or agent, the workspaces, and the scopes of the token."""

from __future__ import annotations

from stellary.contract.endpoint import Nothing
from stellary.contract.fields import replace_fields
from stellary.contract.refs import WorkspaceRef
from stellary.contract.wire import Value, value
from stellary.core.accounts import people, places
from stellary.core.kernel.unit import UnitOfWork


@value
class CallerWorkspace(Value):
    """A workspace that the caller has access to."""

    workspace: str
    name: str


@value
class Caller(Value):
    """The caller.

    Attributes:
        scopes: What the token permits; None for everything that the user may do.
        workspaces: The workspaces to which the caller has access.
    """

    id: str
    name: str
    is_agent: bool
    scopes: list[str] | None
    workspaces: list[CallerWorkspace]


def load_caller(uow: UnitOfWork, ref: WorkspaceRef, params: Nothing) -> Caller:
    """Return the caller of a tool.

    Args:
        uow: The unit.
        ref: Not used: it concerns no workspace.
        params: None.
    """
    uow.mark_authorized()
    scopes = uow.actor.scopes
    return Caller(
        id=uow.user_id,
        name=people.load_people(uow, [uow.user_id])[uow.user_id].name,
        is_agent=uow.actor.agent_limits is not None,
        scopes=None if scopes is None else sorted(scopes),
        workspaces=[
            CallerWorkspace(workspace=f"{place.ref.org_slug}/{place.ref.ws_slug}", name=place.name)
            for place in places.list_workspaces(uow)
        ],
    )


def keep_workspace(workspace: str, uow: UnitOfWork, ref: WorkspaceRef, result: object) -> object:
    """Return a caller without the workspaces that the token does not reach.

    Args:
        workspace: The only workspace, as ``acme/eng``.
        uow: The unit.
        ref: Not used.
        result: The caller.
    """
    assert isinstance(result, Caller)
    reached = [place for place in result.workspaces if place.workspace == workspace]
    return replace_fields(result, workspaces=reached)
