"""Actions: named, typed things that can be done by proxy, by a rule, an agent, or whoever approves a proposal.

Each area lends its own in ``actions.py``; ``dispatch`` adds them up. An action comes to the same service as the endpoint
that it stands for, and so to the same policy row and the same access checks: whoever acts may do no more by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, Literal, TypeVar, cast

import attrs

from stellary.contract.endpoint import Policy
from stellary.contract.errors import Invalid
from stellary.contract.refs import WorkspaceRef
from stellary.contract.router import AnyEndpoint
from stellary.contract.wire import Request, load, wire_fields
from stellary.core.kernel.environment import Environment
from stellary.core.kernel.unit import UnitOfWork, is_service

Q = TypeVar("Q", bound=Request)

Kind = Literal["read", "write"]
Category = Literal[
    "board.read",
    "board.write",
    "documents.read",
    "documents.write",
    "pilotage.read",
    "pilotage.write",
    "missions",
]


@attrs.frozen
class Action(Generic[Q]):
    """Something that can be done by its name.

    Attributes:
        name: ``move_card``.
        summary: One sentence for a person, or a model: what it does.
        takes: The class of its params.
        endpoint: What it stands for; the policy row of that holds.
        category: What an agent may be allowed as a whole.
        do: Does it: the service of the endpoint itself, or a function that looks up whatever the params name through access checks,
            under the policy row of the endpoint.
    """

    name: str
    summary: str
    takes: type[Q]
    endpoint: AnyEndpoint
    category: Category
    do: Callable[[UnitOfWork, WorkspaceRef, Q], Any]

    @property
    def kind(self) -> Kind:
        return "read" if self.endpoint.method == "GET" else "write"

    @property
    def policy(self) -> Policy:
        return self.endpoint.policy


AnyAction = Action[Any]


def table(*lent: Iterable[AnyAction]) -> Mapping[str, AnyAction]:
    """The actions of all areas by name, in the order given.

    Raises:
        ValueError: Two have the same name.
    """
    made: dict[str, AnyAction] = {}
    for action in (action for area in lent for action in area):
        if action.name in made:
            raise ValueError(f"two actions are called {action.name!r}")
        made[action.name] = action
    return made


def registered_actions(env: Environment) -> Mapping[str, AnyAction]:
    """Return the actions that a core was made with, by name."""
    return cast("Mapping[str, AnyAction]", env.actions)


def find(uow: UnitOfWork, name: str, field: str = "action") -> AnyAction:
    """The action of a name.

    Args:
        uow: The unit, whose core knows all of them.
        name: As somebody has said it.
        field: Where it was said.

    Raises:
        Invalid: There is none.
    """
    known_actions = registered_actions(uow.env)
    action = known_actions.get(name)
    if action is None:
        known = ", ".join(known_actions)
        raise Invalid(f"{field} must be one of {known}", code="unknown_action")
    return action


def run(uow: UnitOfWork, ref: WorkspaceRef, name: str, params: Any) -> Any:
    """Do something by its name, on behalf of whoever acts in the unit. The one way to do so.

    Args:
        uow: The unit; it may have to write.
        ref: The workspace in which everything is looked up that the params name.
        name: Of the action.
        params: As parsed JSON, in wire names.

    Returns:
        What the service answers: a value, a list of values, or a ``Listing``.

    Raises:
        Invalid: There is no such action, the params are not right, or what they name is not there, or could be several
            things.
        ApiError: Whatever the service raises.
    """
    action = find(uow, name)
    request = load(action.takes, params)
    # The versions that the caller accepts are those of what the caller has named, not of what is done by proxy.
    accepted, uow.if_match = uow.if_match, None
    try:
        if is_service(action.do):
            return action.do(uow, ref, request)
        with uow.checking(action.policy):
            return action.do(uow, ref, request)
    finally:
        uow.if_match = accepted


def part(kind: type[Q], params: Request, **more: Any) -> Q:
    """What an endpoint takes, out of params that hold more than that."""
    names = {field.name for field in wire_fields(kind).values()} - more.keys()
    return kind(**{name: getattr(params, name) for name in names if hasattr(params, name)}, **more)
