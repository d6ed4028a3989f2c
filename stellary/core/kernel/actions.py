"""Actions: operations that rules, agents and approved proposals run by name.

Each area defines its own in ``actions.py``; ``dispatch`` collects them. An action calls the service of its endpoint, with
the same policy row and the same access checks, so an action allows nothing that the endpoint does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, Literal, TypeVar, cast

import attrs

from stellary.contract.endpoint import Policy
from stellary.contract.errors import Invalid
from stellary.contract.refs import WorkspaceRef
from stellary.contract.router import AnyEndpoint
from stellary.contract.wire import Request, load
from stellary.core.kernel.environment import Environment
from stellary.core.kernel.unit import UnitOfWork, check_restrictions, is_service

Q = TypeVar("Q", bound=Request)

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
    """An operation that can be run by its name.

    Attributes:
        name: The name, such as ``move_card``.
        summary: A sentence that tells a person or a language model what the action does.
        takes: The class of its parameters.
        endpoint: The endpoint whose policy row applies.
        category: The category by which agents are allowed groups of actions.
        do: The service of the endpoint, or a function that resolves the parameters through access checks, under the policy
            row of the endpoint.
    """

    name: str
    summary: str
    takes: type[Q]
    endpoint: AnyEndpoint
    category: Category
    do: Callable[[UnitOfWork, WorkspaceRef, Q], object]

    @property
    def kind(self) -> Literal["read", "write"]:
        return "read" if self.endpoint.method == "GET" or self.policy.agent == "r" else "write"

    @property
    def policy(self) -> Policy:
        return self.endpoint.policy


AnyAction = Action[Any]
_Do = Callable[[UnitOfWork, WorkspaceRef, Q], object]


class ActionList(list[AnyAction]):
    """The actions of an area, in the order of their functions."""

    def add(
        self, category: Category, takes: type[Q], endpoint: AnyEndpoint, summary: str | None = None
    ) -> Callable[[_Do[Q]], _Do[Q]]:
        """Add an action: the decorator of its function or service, which has the name of the action.

        Args:
            category: The category by which agents are allowed groups of actions.
            takes: The class of its parameters.
            endpoint: The endpoint whose policy row applies.
            summary: The summary. Default: the docstring of the function.

        Raises:
            ValueError: There is none, as under ``python -OO``, and people and models would not know what the action does.
        """

        def decorate(do: _Do[Q]) -> _Do[Q]:
            name, sentence = do.__name__.removeprefix("_"), summary or do.__doc__
            if not sentence:
                raise ValueError(f"the action {name!r} has no docstring: python -OO removes them")
            self.append(Action(name, sentence, takes, endpoint, category, do))
            return do

        return decorate


def build_table(*areas: Iterable[AnyAction]) -> Mapping[str, AnyAction]:
    """Return the actions of all areas by name, in order.

    Raises:
        ValueError: Two actions have the same name.
    """
    table: dict[str, AnyAction] = {}
    for action in (action for area in areas for action in area):
        if action.name in table:
            raise ValueError(f"two actions are called {action.name!r}")
        table[action.name] = action
    return table


def add_host_actions(
    table: Mapping[str, AnyAction], host_actions: Iterable[AnyAction]
) -> Mapping[str, AnyAction]:
    """Return a table with the actions of a host added to it.

    Args:
        table: The built-in actions, by name.
        host_actions: The actions of the host; each uses the endpoint of a built-in action, whose policy applies.

    Raises:
        ValueError: Two actions have the same name, or the endpoint of one belongs to no action of the table.
    """
    host_actions = list(host_actions)
    # An agent may call an endpoint if it may run the first of the endpoint's actions, which must not be a host's.
    endpoints = [action.endpoint for action in table.values()]
    for action in host_actions:
        if action.endpoint not in endpoints:
            raise ValueError(
                f"the action {action.name!r} takes its policy from {action.endpoint.operation}, "
                "which belongs to no built-in action"
            )
    return build_table(table.values(), host_actions)


def registered_actions(env: Environment) -> Mapping[str, AnyAction]:
    """Return the actions of a core, by name."""
    return cast("Mapping[str, AnyAction]", env.actions)


def find(uow: UnitOfWork, name: str, field: str = "action") -> AnyAction:
    """Return the action of a name.

    Args:
        uow: The unit.
        name: The name, as the caller wrote it.
        field: The field that holds it, for the error message. Default: ``action``.

    Raises:
        Invalid: There is no such action.
    """
    available = registered_actions(uow.env)
    action = available.get(name)
    if action is None:
        names = ", ".join(available)
        raise Invalid(f"{field} must be one of {names}", code="unknown_action")
    return action


def run(uow: UnitOfWork, ref: WorkspaceRef, name: str, params: object) -> object:
    """Run an action by its name, on behalf of the actor of the unit.

    Args:
        uow: The unit; one that may write, unless the action only reads.
        ref: The workspace in which names in the parameters are resolved.
        name: The name of the action.
        params: The parameters: parsed JSON, in wire names.

    Returns:
        The result of the service: a value, a list of values, or a ``Listing``.

    Raises:
        Invalid: There is no such action, a parameter is invalid, or a name in one matches no item or several.
        ApiError: The service raised it.
    """
    return run_action(uow, ref, find(uow, name), params)


def run_action(uow: UnitOfWork, ref: WorkspaceRef, action: AnyAction, params: object) -> object:
    """Run an action, on behalf of the actor of the unit; see ``run``.

    Args:
        uow: The unit.
        ref: The workspace.
        action: The action.
        params: The parameters.
    """
    request = load(action.takes, params)
    # ``If-Match`` is about the resource of the request, not about the ones that an action changes.
    accepted, uow.if_match = uow.if_match, None
    try:
        if is_service(action.do):
            return action.do(uow, ref, request)
        with uow.checking(action.policy):
            check_restrictions(uow, action.endpoint, ref)
            return action.do(uow, ref, request)
    finally:
        uow.if_match = accepted
