"""Calls of actions by name, from the token to the response.

It takes the same steps as a request, so that an action allows nothing that its endpoint does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stellary.contract.errors import ApiError, Forbidden, Invalid, NotFound
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.refs import Ref, WorkspaceRef
from stellary.contract.router import Match
from stellary.contract.wire import Listing, Request, dump, load
from stellary.core.accounts import places
from stellary.core.accounts.places import AccessibleWorkspace
from stellary.core.agents import gate, proposing
from stellary.core.api.calls import ServiceCall
from stellary.core.api.dispatch import ACCESS_BY_REF, ServiceResponse, run_call
from stellary.core.board.changes.settled_answers import settle_answer
from stellary.core.board.rules.name_matching import Candidate, resolve_one
from stellary.core.board.visibility import load_workspace_ids
from stellary.core.kernel import actions
from stellary.core.kernel.actions import AnyAction
from stellary.core.kernel.unit import Actor, Service, UnitOfWork
from stellary.core.kernel.units import Units

Presenter = Callable[[UnitOfWork, WorkspaceRef, object], object]
"""A function that converts the result of an action for its caller, in the unit of the action."""
_SHOWN_MAX = 20


def present_whole(uow: UnitOfWork, ref: WorkspaceRef, result: object) -> object:
    """Return a result with all its fields; a list is in ``items``.

    Args:
        uow: The unit.
        ref: The workspace.
        result: The result.
    """
    if isinstance(result, Listing):
        return {"items": result.items, "next": result.next}
    return {"items": result} if isinstance(result, list) else result


class ActionCall(ServiceCall):
    """One call of an action in a workspace.

    Args:
        units: Opens the units of work.
        request: The request, with lower-case header names; only the headers matter.
        actor: The caller; None takes the caller from the bearer token.
        action: The action.
        params: The parameters: parsed JSON, in wire names.
        workspace: The workspace, as ``acme/eng`` or by its name. None if the caller has access to only one.
        present: Converts the result, under the policy of the action.
    """

    def __init__(
        self,
        units: Units,
        request: RawRequest,
        actor: Actor | None,
        action: AnyAction,
        params: Mapping[str, object],
        workspace: str | None,
        present: Presenter,
    ) -> None:
        service = Service(action.endpoint, "read" if action.kind == "read" else "write", action.do)
        self._workspace_ref = WorkspaceRef("", "")
        match = Match(action.endpoint, self._workspace_ref)
        # An action without a workspace concerns the caller alone.
        self._has_workspace = action.endpoint.ref is not Ref
        check_access = ACCESS_BY_REF[WorkspaceRef] if self._has_workspace else None
        super().__init__(units, request, actor, match, service, check_access)
        self._present = present
        self.name = action.name
        self._action = action
        self._params = params
        self._workspace = workspace

    def _parse_once(self) -> Request | ApiError:
        try:
            params: Request = load(self._action.takes, self._params)
        except Invalid as error:
            return error
        return params

    def _require(self, uow: UnitOfWork) -> None:
        uow.actor.require(self.endpoint.policy)
        if uow.actor.agent_limits is not None:
            gate.check_action(uow.actor.agent_limits, self._action)
        if self._has_workspace:
            self.ref = self._workspace_ref = find_workspace(uow, self._workspace)

    def _call_service(self, uow: UnitOfWork, payload: Request, **prepared: object) -> RawResponse:
        result = actions.run_action(uow, self._workspace_ref, self._action, self._params)
        result = settle_answer(uow, result)
        with uow.checking(self.endpoint.policy):
            uow.mark_authorized()
            result = self._present(uow, self._workspace_ref, result)
        return RawResponse(200, {"content-type": "application/json"}, dump(result))

    def _propose(self, uow: UnitOfWork, payload: Request) -> RawResponse:
        limits = uow.actor.agent_limits
        assert limits is not None
        proposal, _ = proposing.propose_action(uow, limits, self._workspace_ref, self._action, self._params)
        return self._build_accepted(uow, limits, proposal)


def act(
    units: Units,
    request: RawRequest,
    name: str | AnyAction,
    params: Mapping[str, object],
    workspace: str | None = None,
    actor: Actor | None = None,
    present: Presenter = present_whole,
) -> ServiceResponse:
    """Run an action by its name, as ``dispatch.answer`` handles a request. Every error becomes a response.

    Args:
        units: Opens the units of work.
        request: The request, whose headers hold the token and the request id.
        name: The name of the action, or an action that is not registered.
        params: The parameters: parsed JSON, in wire names.
        workspace: The workspace, as ``acme/eng`` or by its name. None if the caller has access to only one.
        actor: The caller; None takes the caller from the bearer token in ``authorization``.
        present: Converts the result. Default: ``present_whole``.
    """

    def create() -> ServiceCall:
        action = _find_action(units, name)
        return ActionCall(units, request, actor, action, params, workspace, present)

    return run_call(request, actor, create, ServiceCall.respond)


def _find_action(units: Units, name: str | AnyAction) -> AnyAction:
    return actions.registered_actions(units.env)[name] if isinstance(name, str) else name


def may_act(units: Units, actor: Actor, name: str | AnyAction) -> bool:
    """Return whether an actor may run an action, as far as the token decides; nothing is read.

    Args:
        units: Opens the units of work.
        actor: The caller.
        name: The name of a registered action, or an action.
    """
    action = _find_action(units, name)
    if not actor.is_allowed(action.policy):
        return False
    try:
        if actor.agent_limits is not None:
            gate.check_action(actor.agent_limits, action)
    except Forbidden:
        return False
    return True


def find_workspace(uow: UnitOfWork, text: str | None, field: str = "workspace") -> WorkspaceRef:
    """Return the workspace that a text identifies.

    Args:
        uow: The unit, on behalf of the caller.
        text: An address such as ``acme/eng``, which is not looked up here: the access check decides. Or the name of a
            workspace to which the caller has access. None means the caller's only workspace, not counting the
            personal one if there are others.
        field: The field that holds the text, for the error message. Default: ``workspace``.

    Raises:
        NotFound: The caller has access to no workspace.
        Invalid: The text is None and the caller has access to several, or the name matches none or several.
    """
    if text is not None and "/" in text:
        organization, _, workspace = text.partition("/")
        return WorkspaceRef.at({"org_slug": organization, "ws_slug": workspace})
    workspaces = list_workspaces(uow)
    if text is not None:
        by_address = {_address(place): place.ref for place in workspaces}
        candidates = [Candidate(_address(place), (place.name, place.ref.ws_slug)) for place in workspaces]
        return by_address[resolve_one(text, candidates, field)]
    shared = _list_shared(workspaces)
    if not shared:
        raise NotFound("Workspace not found")
    if len(shared) > 1:
        several = ", ".join(_address(place) for place in workspaces[:_SHOWN_MAX])
        more = f" and {len(workspaces) - _SHOWN_MAX} more" if len(workspaces) > _SHOWN_MAX else ""
        raise Invalid(f"{field} must say which one: {several}{more}", code="ambiguous_name")
    return shared[0].ref


def has_workspaces(uow: UnitOfWork) -> bool:
    """Return whether the caller has several workspaces, so that a call has to name one."""
    return len(_list_shared(list_workspaces(uow))) > 1


def list_workspaces(uow: UnitOfWork) -> list[AccessibleWorkspace]:
    """Return the workspaces that the caller has access to; with a token that is bound to projects, those of the projects."""
    workspaces = places.list_workspaces(uow)
    if uow.actor.token_project_ids is None:
        return workspaces
    ids = load_workspace_ids(uow, uow.actor.token_project_ids)
    return [workspace for workspace in workspaces if workspace.id in ids]


def _list_shared(workspaces: list[AccessibleWorkspace]) -> list[AccessibleWorkspace]:
    """Return the workspaces without the personal one, unless it is the only one."""
    return [place for place in workspaces if not place.is_personal] or workspaces


def _address(place: AccessibleWorkspace) -> str:
    return f"{place.ref.org_slug}/{place.ref.ws_slug}"
