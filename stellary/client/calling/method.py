"""Methods: a descriptor turns an endpoint of the contract into a method that returns ``T``, or a coroutine of ``T``.

``create = method(CREATE_CARD)`` takes its keywords from the request class by ParamSpec, so that they are declared once and
type checkers know them for both Stellary and AsyncStellary.
"""

from __future__ import annotations

import copy
import inspect
import types
import typing
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from typing import Annotated, Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar, overload

import attrs

from stellary.client.calling.call import CallPlan, segment, version_tag
from stellary.client.calling.caller import AsyncCaller, SyncCaller
from stellary.client.calling.display_registry import get_display
from stellary.client.calling.page import DEFAULT_LIMIT, AsyncPage, Page
from stellary.client.calling.settings import check_headers, check_retries, check_timeout, check_token
from stellary.client.calling.stream import AsyncEventStream, EventStream, never
from stellary.contract.endpoint import Endpoint, Nothing
from stellary.contract.paging import Listing
from stellary.contract.redaction import conceal, conceal_headers
from stellary.contract.rendering import Displayable
from stellary.contract.streaming import Stream
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import wire_fields

P = ParamSpec("P")
T = TypeVar("T")
S_co = TypeVar("S_co", covariant=True)
A_co = TypeVar("A_co", covariant=True)
Later = Coroutine[Any, Any, T]


class Sync:
    """The type parameter of blocking clients and handles."""


class Async:
    """The type parameter of async clients and handles."""


C = TypeVar("C", Sync, Async)


class HasId(Protocol):
    """A value that may be passed instead of its id, or of its slug if it has one."""

    @property
    def id(self) -> str: ...


class HasUserId(Protocol):
    """A member, which may be passed instead of the user's id."""

    @property
    def user_id(self) -> str: ...


class HasVersion(Protocol):
    """A value with a version number."""

    @property
    def version(self) -> int: ...


Id = str | HasId | HasUserId


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
        token: str | Unset | None = UNSET,
    ) -> Self:
        """Return the same handle with other options, for its calls and those of the handles below it.

        Args:
            timeout: Seconds for a call as a whole, including pauses and retries.
            retries: The number of retries, at most.
            headers: Headers to add to the current ones.
            idempotency_key: Your own key for one POST that creates something, so that another process can repeat it: within
                24 hours the same key and body return the first response again.
            if_match: A version, or a value that has one: a PATCH or DELETE of any other version fails with 412.
            token: The token of the calls: a JWT, a personal access token or an agent's token; None or an empty string for no
                token. Connections are shared with the original handle.

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
            check_headers({"idempotency-key": idempotency_key or ""})
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
            expected = " and ".join(names) or "nothing"
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

    def __repr__(self) -> str:
        where = ", ".join(f"{name}={part!r}" for name, part in self._path_params.items())
        return f"{type(self).__name__}({where})"


class Method(Generic[P, S_co, A_co]):
    """An endpoint as a method.

    Args:
        endpoint: The endpoint to call.
        ids: The number of path parameters that are passed by position; the others are those of the handle.
        all: Whether it iterates over all pages.
        ends: For a stream, returns whether an event is the last one.
    """

    def __init__(
        self,
        endpoint: Endpoint[Any, ..., Any, Any],
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

    @overload
    def __get__(self, at: Resource[Sync], owner: Any = None) -> Callable[P, S_co]: ...
    @overload
    def __get__(self, at: Resource[Async], owner: Any = None) -> Callable[P, A_co]: ...
    @overload
    def __get__(self, at: None, owner: Any = None) -> Self: ...
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
        call.__doc__ = _documentation(self.endpoint)
        call.__signature__ = _signature(self, plan, awaits)
        function: types.FunctionType = call
        return function


@overload
def method(endpoint: Endpoint[Any, P, Any, Listing[T]]) -> Method[P, Page[T], Later[AsyncPage[T]]]: ...
@overload
def method(endpoint: Endpoint[Any, P, Any, T]) -> Method[P, T, Later[T]]: ...
def method(endpoint: Any) -> Any:
    """Return a method that calls an endpoint of the resource itself."""
    return Method(endpoint, 0)


@overload
def by_id(
    endpoint: Endpoint[Any, P, Any, Listing[T]],
) -> Method[Concatenate[Id, P], Page[T], Later[AsyncPage[T]]]: ...
@overload
def by_id(endpoint: Endpoint[Any, P, Any, T]) -> Method[Concatenate[Id, P], T, Later[T]]: ...
def by_id(endpoint: Any) -> Any:
    """Return a method that calls an endpoint of an item of the resource; it takes the item's id, or a value that has one."""
    return Method(endpoint, 1)


def by_two_ids(endpoint: Endpoint[Any, P, Any, T]) -> Method[Concatenate[Id, Id, P], T, Later[T]]:
    """Return a method that calls an endpoint two levels below the resource; it takes two ids."""
    return Method(endpoint, 2)


def iterates(endpoint: Endpoint[Any, P, Any, Listing[T]]) -> Method[P, Iterator[T], AsyncIterator[T]]:
    """Return a method that iterates over all rows of a list, requesting pages of 200 rows unless ``limit`` is passed."""
    return Method(endpoint, 0, all=True)


def follows(
    endpoint: Endpoint[Any, P, Any, Stream[T]], ends: Callable[[T], bool] = never
) -> Method[P, EventStream[T], AsyncEventStream[T]]:
    """Return a method that streams events of the resource as they happen.

    Args:
        endpoint: The endpoint of the stream.
        ends: Tells whether an event is the last one; by default no event is.
    """
    return Method(endpoint, 0, ends=ends)


# ---------------------------------------------------------------------------------------------- what help() shows


def _documentation(endpoint: Endpoint[Any, ..., Any, Any]) -> str:
    parts = [endpoint.summary]
    if endpoint.takes is not Nothing and endpoint.request_class.__doc__:
        parts.append(inspect.cleandoc(endpoint.request_class.__doc__).replace("Attributes:", "Args:"))
    rule = endpoint.policy.token
    needs = {"public": "no token", "any": "any token", "full": "a token with all scopes", "jwt": "a login"}
    parts.append(f"{endpoint.method} {endpoint.path}; it takes {needs.get(rule, f'a token with {rule}')}.")
    return "\n\n".join(parts)


def _signature(method: Method[Any, Any, Any], plan: CallPlan, awaits: bool) -> inspect.Signature:
    """Return the signature that ``help()`` shows: types without limits, and UNSET as the default of optional keywords."""
    kinds = inspect.Parameter
    parameters = [kinds("self", kinds.POSITIONAL_ONLY)]
    parameters += [
        kinds(name, kinds.POSITIONAL_ONLY, annotation=str)
        for name in plan.names[len(plan.names) - method.ids :]
    ]
    for field in wire_fields(method.endpoint.request_class).values():
        default = kinds.empty if field.default is attrs.NOTHING else field.default
        parameters.append(
            kinds(field.name, kinds.KEYWORD_ONLY, default=default, annotation=_bare(field.type))
        )
    row: Any = method.endpoint.returns
    result: Any = row
    if method.all:
        result = AsyncIterator[row] if awaits else Iterator[row]
    elif method.endpoint.many:
        result = AsyncPage[row] if awaits else Page[row]
    elif method.endpoint.is_stream:
        result = AsyncEventStream[row] if awaits else EventStream[row]
    if awaits and not method.all and not method.endpoint.is_stream:
        result = typing.Awaitable[result]
    return inspect.Signature(parameters, return_annotation=result)


def _bare(kind: Any) -> Any:
    """Return a type without its limits and without UNSET."""
    if typing.get_origin(kind) is Annotated:
        return _bare(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        parts = [_bare(part) for part in typing.get_args(kind) if part is not Unset]
        return typing.Union[tuple(parts)]  # noqa: UP007 - of a list of types
    if typing.get_origin(kind) in (list, dict):
        return typing.get_origin(kind)[tuple(_bare(part) for part in typing.get_args(kind))]
    return kind
