"""Calls of actions: one thing done by its name, asked for from outside, from the token to the answer.

The same steps as a request takes, so that whoever asks may do no more by an action than by the endpoint that it stands for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stellary.contract.errors import ApiError, Forbidden, Invalid, NotFound
from stellary.contract.paging import Listing
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.refs import WorkspaceRef
from stellary.contract.router import Match
from stellary.contract.wire import Request, dump, load
from stellary.core.accounts import places
from stellary.core.accounts.places import Place
from stellary.core.agents import gate, proposing
from stellary.core.api.calls import Call
from stellary.core.api.dispatch import ACCESS_BY_REF, Answer, told
from stellary.core.board.rules.name_matching import Candidate, resolve_one
from stellary.core.board.settled_answers import settle_answer
from stellary.core.kernel import actions
from stellary.core.kernel.actions import AnyAction
from stellary.core.kernel.unit import Actor, Service, UnitOfWork
from stellary.core.kernel.units import Units

_SHOWN_MAX = 20


class ActionCall(Call):
    """An action on its way: who asks, what is said, and in which workspace.

    Args:
        units: Opens the units of work.
        request: With lower-case header names; of it, only the headers count.
        actor: Whoever acts; without one, the Bearer token says.
        action: What is to be done.
        params: As parsed JSON, in wire names.
        place: The workspace, as ``acme/eng`` or by its name; may be left out by whoever reaches one only.
    """

    def __init__(
        self,
        units: Units,
        request: RawRequest,
        actor: Actor | None,
        action: AnyAction,
        params: Mapping[str, Any],
        place: str | None,
    ) -> None:
        service = Service(action.endpoint, "read" if action.kind == "read" else "write", action.do)
        self._there = WorkspaceRef("", "")
        match = Match(action.endpoint, self._there)
        super().__init__(units, request, actor, match, service, ACCESS_BY_REF[WorkspaceRef])
        self.name = action.name
        self._action = action
        self._params = params
        self._place = place

    def _said(self) -> Request | ApiError:
        try:
            said: Request = load(self._action.takes, self._params)
            return said
        except Invalid as error:
            return error

    def _require(self, uow: UnitOfWork) -> None:
        uow.actor.require(self.endpoint.policy)
        if uow.actor.agent_limits is not None:
            gate.check_action(uow.actor.agent_limits, self._action)
        self.ref = self._there = place_meant(uow, self._place)

    def _done(self, uow: UnitOfWork, said: Request, **prepared: Any) -> RawResponse:
        made = settle_answer(uow, actions.run(uow, self._there, self.name, self._params))
        if isinstance(made, Listing):
            made = {"items": made.items, "next": made.next}
        elif isinstance(made, list):
            made = {"items": made}
        return RawResponse(200, {"content-type": "application/json"}, dump(made))

    def _proposed(self, uow: UnitOfWork, said: Request) -> RawResponse:
        limits = uow.actor.agent_limits
        assert limits is not None
        made = proposing.propose_action(uow, limits, self._there, self._action, self._params)
        return self._waiting(uow, limits, made)


def act(
    units: Units,
    request: RawRequest,
    name: str,
    params: Mapping[str, Any],
    place: str | None = None,
    actor: Actor | None = None,
) -> Answer:
    """Do something by its name, as ``dispatch.answer`` answers a request. Never raises.

    Args:
        units: Opens the units of work.
        request: Whose headers say who asks, and what the request is called.
        name: Of the action.
        params: As parsed JSON, in wire names.
        place: The workspace, as ``acme/eng`` or by its name; may be left out by whoever reaches one only.
        actor: Whoever acts; without one, the Bearer token in ``authorization`` says.
    """

    def begin() -> Call:
        return ActionCall(units, request, actor, actions.registered_actions(units.env)[name], params, place)

    return told(request, actor, begin, Call.answered)


def may_act(units: Units, actor: Actor, name: str) -> bool:
    """Whether somebody may do something by its name, as far as that shows without looking anything up."""
    action = actions.registered_actions(units.env)[name]
    if not actor.is_allowed(action.policy):
        return False
    try:
        if actor.agent_limits is not None:
            gate.check_action(actor.agent_limits, action)
    except Forbidden:
        return False
    return True


def place_meant(uow: UnitOfWork, said: str | None, field: str = "workspace") -> WorkspaceRef:
    """The workspace that is meant.

    Args:
        uow: The unit, in which somebody acts.
        said: An address, ``acme/eng``, which is taken as it is: the access check says whether it leads anywhere. Or what the
            workspace is called, among those that the caller reaches. If nothing is said, it is the only one, not
            counting the caller's personal one where there is another.
        field: Where it was said.

    Raises:
        NotFound: The caller reaches none.
        Invalid: Nothing was said and there are several, or what was said is the name of none, or of several.
    """
    if said is not None and "/" in said:
        organization, _, workspace = said.partition("/")
        return WorkspaceRef.at({"org_slug": organization, "ws_slug": workspace})
    reached = places.reached(uow)
    if said is not None:
        by_address = {_address(place): place.ref for place in reached}
        things = [Candidate(_address(place), (place.name, place.ref.ws_slug)) for place in reached]
        return by_address[resolve_one(said, things, field)]
    shared = [place for place in reached if not place.is_personal] or reached
    if not shared:
        raise NotFound("Workspace not found")
    if len(shared) > 1:
        several = ", ".join(_address(place) for place in reached[:_SHOWN_MAX])
        more = f" and {len(reached) - _SHOWN_MAX} more" if len(reached) > _SHOWN_MAX else ""
        raise Invalid(f"{field} must say which one: {several}{more}", code="ambiguous_name")
    return shared[0].ref


def _address(place: Place) -> str:
    return f"{place.ref.org_slug}/{place.ref.ws_slug}"
