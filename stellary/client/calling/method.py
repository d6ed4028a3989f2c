"""Methods: a descriptor turns an endpoint of the contract into a method, or into a coroutine function for AsyncStellary.

``create = method(CREATE_CARD)`` takes its keywords from the request class. Type checkers and editors read the stubs
(``.pyi``) beside the modules of ``resources``, which ``dev.py stubs`` generates from the same endpoints.
"""

from __future__ import annotations

import copy
import types
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Generic, Protocol, Self, TypeVar, overload
from urllib.parse import unquote

import attrs

from stellary.client.calling.call import CallPlan, segment, version_tag
from stellary.client.calling.caller import AsyncCaller, SyncCaller
from stellary.client.calling.describing import describe_method, id_names, make_signature
from stellary.client.calling.display_registry import get_display
from stellary.client.calling.page import DEFAULT_LIMIT
from stellary.client.calling.settings import (
    Token,
    check_headers,
    check_retries,
    check_timeout,
    check_token,
)
from stellary.client.calling.stream import never
from stellary.contract.endpoint import Endpoint
from stellary.contract.redaction import conceal, conceal_headers
from stellary.contract.rendering import Displayable
from stellary.contract.router import AnyEndpoint
from stellary.contract.streaming import Stream
from stellary.contract.unset import UNSET, Unset

T = TypeVar("T")
Later = Coroutine[Any, Any, T]


class Sync:
    """The type parameter of blocking clients and handles."""


class Async:
    """The type parameter of async clients and handles."""


C = TypeVar("C", Sync, Async)


class HasId(Protocol):
    """A value or a handle that may be passed instead of its id, or of its slug if it has one."""

    @property
    def id(self) -> str: ...


class HasSlug(Protocol):
    """A handle of an organization or a workspace, which may be passed instead of the slug."""

    @property
    def slug(self) -> str: ...


class HasUserId(Protocol):
    """A member, which may be passed instead of the user's id."""

    @property
    def user_id(self) -> str: ...


class HasVersion(Protocol):
    """A value with a version number."""

    @property
    def version(self) -> int: ...


IdLike = str | HasId | HasSlug | HasUserId
"""An id, or a value or a handle that has one."""


class Resource(Displayable, Generic[C]):
    """A handle of a resource of the API. It holds a path, and sends nothing until one of its methods is called."""

    def __init__(self, caller: SyncCaller | AsyncCaller, path_params: Mapping[str, str]) -> None:
        self._caller = caller
        self._path_params = path_params

    def with_options(
        self,
        *,
        timeout: float | Unset | None = UNSET,
        retries: int | Unset = UNSET,
        headers: Mapping[str, str] | Unset = UNSET,
        idempotency_key: str | Unset | None = UNSET,
        if_match: str | int | HasVersion | Unset | None = UNSET,
        token: Token | Unset | None = UNSET,
    ) -> Self:
        """Return the same handle with other options, for its calls and those of the handles below it.

        Args:
            timeout: Seconds for a call as a whole, including pauses and retries.
            retries: The number of retries, at most.
            headers: Headers to add to the current ones.
            idempotency_key: Your own key for one POST, so that another process can repeat it: within
                24 hours the same key and body return the first response again.
            if_match: A version, or a value that has one: a PATCH or DELETE of any other version fails with 412.
            token: The token of the calls: a JWT, a personal access token or an agent's token, or a function that returns it
                for each request; None or an empty string for no token. Connections are shared with the original handle.

        Returns:
            A new handle; this one is unchanged.

        Raises:
            ValueError: An option is not valid.
        """
        # A traceback with local variables must not show the secrets.
        headers = headers if isinstance(headers, Unset) else conceal_headers(headers)
        token = token if isinstance(token, Unset) else conceal(token)
        changes: dict[str, Any] = {}
        if timeout is not UNSET:
            changes["timeout"] = None if timeout is None else check_timeout(timeout)
        if retries is not UNSET:
            changes["retries"] = check_retries(retries)
        if headers is not UNSET:
            changes["headers"] = {**self._caller.options.headers, **check_headers(headers)}
        if idempotency_key is not UNSET:
            check_headers({"idempotency-key": "" if idempotency_key is None else idempotency_key})
            changes["idempotency_key"] = idempotency_key
        if if_match is not UNSET:
            changes["if_match"] = None if if_match is None else version_tag(if_match)
        handle = copy.copy(self)
        options = attrs.evolve(self._caller.options, **changes)
        credentials = self._caller.credentials
        if token is not UNSET:
            credentials = credentials.with_token(check_token(token or None))
        handle._caller = attrs.evolve(self._caller, options=options, credentials=credentials)  # noqa: SLF001 - of this class
        return handle

    @property
    def _awaits(self) -> bool:
        return isinstance(self._caller, AsyncCaller)

    def _extend_path(self, **parts: object) -> dict[str, str]:
        """Return the path parameters of a resource below this one."""
        return {**self._path_params, **{name: segment(name, part) for name, part in parts.items()}}

    def _path_params_of(
        self, plan: CallPlan, names: tuple[str, ...], ids: tuple[object, ...]
    ) -> Mapping[str, str]:
        """Return the path parameters of a call.

        Args:
            plan: The endpoint.
            names: The path parameters that are passed by position.
            ids: The arguments that were passed.
        """
        if len(ids) != len(names):
            expected = " and ".join(id_names(plan.endpoint, len(names))) or "nothing"
            raise TypeError(f"{plan.operation}() takes {expected} by position; {len(ids)} were given")
        if not names:
            return self._path_params
        if len(names) == 1:
            return {**self._path_params, names[0]: segment(names[0], ids[0])}
        return self._extend_path(**dict(zip(names, ids, strict=True)))

    @overload
    def show(self: Resource[Sync], view: str | None = None) -> None: ...
    @overload
    def show(self: Resource[Async], view: str | None = None) -> Later[None]: ...
    def show(self, view: str | None = None) -> Any:
        """Request what this handle leads to, and show it: in the notebook, or else on standard output.

        Args:
            view: For a project or a scope: ``kanban``, ``list``, ``calendar``, ``roadmap`` or ``stats``.

        Raises:
            TypeError: The handle leads to nothing that can be requested.
            ValueError: There is no such view.
        """
        return get_display().show(self, view)

    def __eq__(self, other: object) -> bool:
        """Return whether both handles lead to the same resource, with the same account and connections."""
        if not isinstance(other, Resource) or type(other) is not type(self):
            return NotImplemented
        mine, its = self._caller, other._caller
        return (
            self._path_params == other._path_params
            and mine.carrier is its.carrier
            and mine.credentials is its.credentials
        )

    def __hash__(self) -> int:
        return hash((type(self), *self._path_params.values()))

    def __repr__(self) -> str:
        where = ", ".join(f"{name}={part!r}" for name, part in self._path_params.items())
        return f"{type(self).__name__}({where})"


class ItemHandle(Resource[C]):
    """A handle of one item, which may be passed instead of its id."""

    @property
    def id(self) -> str:
        """The id of the item, as it was passed: for a card it may be the key."""
        return unquote(list(self._path_params.values())[-1])


class SlugHandle(Resource[C]):
    """A handle of an organization or a workspace, which may be passed instead of its slug."""

    @property
    def slug(self) -> str:
        """The slug, as it was passed."""
        return unquote(list(self._path_params.values())[-1])


class EndpointMethod:
    """An endpoint as a method.

    Args:
        endpoint: The endpoint to call.
        ids: The number of path parameters that are passed by position; the others are those of the handle.
        all: Whether it iterates over all pages.
        ends: For a stream, returns whether an event is the last one.
    """

    def __init__(
        self,
        endpoint: AnyEndpoint,
        ids: int,
        *,
        all: bool = False,
        ends: Callable[[Any], bool] = never,
    ) -> None:
        self.endpoint = endpoint
        self.ids = ids
        self.all = all
        self.ends = ends
        self._name = endpoint.operation
        self._functions: dict[bool, types.FunctionType] = {}

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._name = name
        self._qualname: str = f"{owner.__qualname__}.{name}"
        self._module = owner.__module__

    def __get__(self, at: Resource[Any] | None, owner: Any = None) -> Any:
        awaits = at is not None and isinstance(at._caller, AsyncCaller)  # noqa: SLF001 - of this module
        function = self._functions.get(awaits)
        if function is None:
            function = self._functions[awaits] = self._function(awaits)
        return function if at is None else types.MethodType(function, at)

    def _function(self, awaits: bool) -> types.FunctionType:
        plan = CallPlan(self.endpoint)
        names = plan.names[len(plan.names) - self.ids :]
        call: Any
        if self.all:

            def call(self: Resource[Any], /, *ids: Any, **keywords: Any) -> Any:
                keywords.setdefault("limit", DEFAULT_LIMIT)
                return self._caller.iterate(
                    plan, self._path_params_of(plan, names, ids), plan.build_payload(keywords)
                )

        elif self.endpoint.is_stream:
            ends = self.ends

            def call(self: Resource[Any], /, *ids: Any, **keywords: Any) -> Any:
                return self._caller.follow(
                    plan, self._path_params_of(plan, names, ids), plan.build_payload(keywords), ends
                )

        elif self.endpoint.many:

            def call(self: Resource[Any], /, *ids: Any, **keywords: Any) -> Any:
                return self._caller.list(
                    plan, self._path_params_of(plan, names, ids), plan.build_payload(keywords)
                )

        elif plan.takes_secrets:

            def call(self: Resource[Any], /, *ids: Any, **keywords: Any) -> Any:
                ids, keywords = plan.conceal(ids, keywords)
                return self._caller.one(
                    plan, self._path_params_of(plan, names, ids), plan.build_payload(keywords)
                )

        else:

            def call(self: Resource[Any], /, *ids: Any, **keywords: Any) -> Any:
                return self._caller.one(
                    plan, self._path_params_of(plan, names, ids), plan.build_payload(keywords)
                )

        call.__name__, call.__qualname__, call.__module__ = self._name, self._qualname, self._module
        call.__doc__ = describe_method(self.endpoint, self.ids, all=self.all)
        call.__signature__ = make_signature(self.endpoint, self.ids, all=self.all, awaits=awaits)
        function: types.FunctionType = call
        return function


def method(endpoint: AnyEndpoint) -> EndpointMethod:
    """Return a method that calls an endpoint of the resource itself."""
    return EndpointMethod(endpoint, 0)


def by_id(endpoint: AnyEndpoint) -> EndpointMethod:
    """Return a method that calls an endpoint of an item of the resource; it takes the item's id, or a value that has one."""
    return EndpointMethod(endpoint, 1)


def by_two_ids(endpoint: AnyEndpoint) -> EndpointMethod:
    """Return a method that calls an endpoint two levels below the resource; it takes two ids."""
    return EndpointMethod(endpoint, 2)


def iterates(endpoint: AnyEndpoint) -> EndpointMethod:
    """Return a method that iterates over all rows of a list, requesting pages of 200 rows unless ``limit`` is passed."""
    return EndpointMethod(endpoint, 0, all=True)


def follows(
    endpoint: Endpoint[Any, ..., Any, Stream[T]], ends: Callable[[T], bool] = never
) -> EndpointMethod:
    """Return a method that streams events of the resource as they happen.

    Args:
        endpoint: The endpoint of the stream.
        ends: Tells whether an event is the last one; by default no event is.
    """
    return EndpointMethod(endpoint, 0, ends=ends)
