"""Methods: a descriptor makes a contract endpoint a method, ``T`` on Stellary and a coroutine of ``T`` on AsyncStellary.

``create = method(CREATE_CARD)`` has the keywords of the request class by ParamSpec, so that nothing is said twice and
type checkers know both colours.
"""

from __future__ import annotations

import copy
import inspect
import types
import typing
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from typing import Annotated, Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar, overload

import attrs

from stellary.client.calling.call import Plan, segment, version_tag
from stellary.client.calling.caller import AsyncCaller, SyncCaller
from stellary.client.calling.display_registry import get_display
from stellary.client.calling.page import DEFAULT_LIMIT, AsyncPage, Page
from stellary.client.calling.settings import checked_headers, checked_retries, checked_timeout, checked_token
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
    """The colour of callers that block."""


class Async:
    """The colour of callers that await."""


C = TypeVar("C", Sync, Async)


class HasId(Protocol):
    """What may stand wherever an id does; a value with a slug also where a slug does."""

    @property
    def id(self) -> str: ...


class HasUserId(Protocol):
    """A member: may stand wherever a user's id does."""

    @property
    def user_id(self) -> str: ...


class HasVersion(Protocol):
    """A value that counts its changes."""

    @property
    def version(self) -> int: ...


Id = str | HasId | HasUserId


class Resource(Displayable, Generic[C]):
    """A place in the API. It holds a path and asks nothing until one of its methods is called."""

    def __init__(self, caller: SyncCaller | AsyncCaller, place: Mapping[str, str]) -> None:
        self._caller = caller
        self._place = place

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
        """Return the same handle with other options for the calls that are made through it and below it.

        Args:
            timeout: Seconds in which a call must be done, pauses and further attempts included.
            retries: How often a call is tried again, at most.
            headers: Sent beside those of before.
            idempotency_key: A key of yours for one POST that makes something, so that it can be repeated by another
                process: within 24 hours the same key and body get the first answer again.
            if_match: A version, or a value that has one: a PATCH or DELETE of any other version is a 412.
            token: Whose calls they are: a JWT, a personal access token or an agent's token; None or an empty string for
                nobody's. Connections are shared with the handle that this is called on.

        Raises:
            ValueError: An option that cannot be.
        """
        # A traceback with local variables must not show them.
        headers = headers if isinstance(headers, Unset) else conceal_headers(headers)
        token = token if isinstance(token, Unset) else conceal(token)
        changes: dict[str, Any] = {}
        if timeout is not UNSET:
            changes["timeout"] = None if timeout is None else checked_timeout(timeout)
        if retries is not UNSET:
            changes["retries"] = checked_retries(retries)
        if headers is not UNSET:
            changes["headers"] = {**self._caller.options.headers, **checked_headers(headers)}
        if idempotency_key is not UNSET:
            checked_headers({"idempotency-key": idempotency_key or ""})
            changes["idempotency_key"] = idempotency_key
        if if_match is not UNSET:
            changes["if_match"] = None if if_match is None else version_tag(if_match)
        made = copy.copy(self)
        options = attrs.evolve(self._caller.options, **changes)
        credentials = self._caller.credentials
        if token is not UNSET:
            credentials = credentials.replaced(checked_token(token or None))
        made._caller = attrs.evolve(self._caller, options=options, credentials=credentials)  # noqa: SLF001 - of this class
        return made

    @property
    def _awaits(self) -> bool:
        return isinstance(self._caller, AsyncCaller)

    def _below(self, **parts: object) -> dict[str, str]:
        """The place of something in this one."""
        return {**self._place, **{name: segment(name, part) for name, part in parts.items()}}

    def _at(self, plan: Plan, names: tuple[str, ...], ids: tuple[object, ...]) -> Mapping[str, str]:
        """The place of what a call is about.

        Args:
            names: The parts of the path that are given by position.
            ids: What was given.
        """
        if len(ids) != len(names):
            wanted = " and ".join(names) or "nothing"
            raise TypeError(f"{plan.operation}() takes {wanted} by position; {len(ids)} were given")
        if not names:
            return self._place
        if len(names) == 1:
            return {**self._place, names[0]: segment(names[0], ids[0])}
        return self._below(**dict(zip(names, ids, strict=True)))

    @overload
    def show(self: Resource[Sync], view: str | None = None) -> None: ...
    @overload
    def show(self: Resource[Async], view: str | None = None) -> Later[None]: ...
    def show(self, view: str | None = None) -> Any:
        """Ask for what is here, and show it: in the notebook, else on the standard output.

        Args:
            view: Of a project or a scope ``kanban``, ``list``, ``calendar``, ``roadmap`` or ``stats``.

        Raises:
            TypeError: There is nothing here that could be asked for.
            ValueError: There is no such view.
        """
        return get_display().show(self, view)

    def __repr__(self) -> str:
        where = ", ".join(f"{name}={part!r}" for name, part in self._place.items())
        return f"{type(self).__name__}({where})"


class Method(Generic[P, S_co, A_co]):
    """An endpoint as a method.

    Args:
        endpoint: What it calls.
        ids: How many parts of the path are given by position, the rest being those of the resource.
        all: Whether it goes through all pages.
        ends: Of a stream, whether an event is its last one.
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
        plan = Plan(self.endpoint)
        names = plan.names[len(plan.names) - self.ids :]
        made: Any
        if self.all:

            def made(self: Resource[Any], /, *ids: Any, **named: Any) -> Any:
                named.setdefault("limit", DEFAULT_LIMIT)
                return self._caller.iterate(plan, self._at(plan, names, ids), plan.said(named))

        elif self.endpoint.is_stream:
            ends = self.ends

            def made(self: Resource[Any], /, *ids: Any, **named: Any) -> Any:
                return self._caller.follow(plan, self._at(plan, names, ids), plan.said(named), ends)

        elif self.endpoint.many:

            def made(self: Resource[Any], /, *ids: Any, **named: Any) -> Any:
                return self._caller.list(plan, self._at(plan, names, ids), plan.said(named))

        elif plan.takes_secrets:

            def made(self: Resource[Any], /, *ids: Any, **named: Any) -> Any:
                ids, named = plan.conceal(ids, named)
                return self._caller.one(plan, self._at(plan, names, ids), plan.said(named))

        else:

            def made(self: Resource[Any], /, *ids: Any, **named: Any) -> Any:
                return self._caller.one(plan, self._at(plan, names, ids), plan.said(named))

        made.__name__, made.__qualname__, made.__module__ = self._name, self._qualname, self._module
        made.__doc__ = _documentation(self.endpoint)
        made.__signature__ = _signature(self, plan, awaits)
        function: types.FunctionType = made
        return function


@overload
def method(endpoint: Endpoint[Any, P, Any, Listing[T]]) -> Method[P, Page[T], Later[AsyncPage[T]]]: ...
@overload
def method(endpoint: Endpoint[Any, P, Any, T]) -> Method[P, T, Later[T]]: ...
def method(endpoint: Any) -> Any:
    """An endpoint of the resource's own place."""
    return Method(endpoint, 0)


@overload
def by_id(
    endpoint: Endpoint[Any, P, Any, Listing[T]],
) -> Method[Concatenate[Id, P], Page[T], Later[AsyncPage[T]]]: ...
@overload
def by_id(endpoint: Endpoint[Any, P, Any, T]) -> Method[Concatenate[Id, P], T, Later[T]]: ...
def by_id(endpoint: Any) -> Any:
    """An endpoint of something below the resource's place: first its id, or a value that has one."""
    return Method(endpoint, 1)


def by_two_ids(endpoint: Endpoint[Any, P, Any, T]) -> Method[Concatenate[Id, Id, P], T, Later[T]]:
    """The same of something two ids below."""
    return Method(endpoint, 2)


def iterates(endpoint: Endpoint[Any, P, Any, Listing[T]]) -> Method[P, Iterator[T], AsyncIterator[T]]:
    """All rows of a list of the resource's own place, asked for page by page: 200 rows each unless ``limit`` says."""
    return Method(endpoint, 0, all=True)


def follows(
    endpoint: Endpoint[Any, P, Any, Stream[T]], ends: Callable[[T], bool] = never
) -> Method[P, EventStream[T], AsyncEventStream[T]]:
    """What happens at the resource's own place, as it happens, until an event that ``ends`` it."""
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


def _signature(method: Method[Any, Any, Any], plan: Plan, awaits: bool) -> inspect.Signature:
    """The keywords as a person reads them: without limits, and with UNSET for what need not be named."""
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
    given: Any = row
    if method.all:
        given = AsyncIterator[row] if awaits else Iterator[row]
    elif method.endpoint.many:
        given = AsyncPage[row] if awaits else Page[row]
    elif method.endpoint.is_stream:
        given = AsyncEventStream[row] if awaits else EventStream[row]
    if awaits and not method.all and not method.endpoint.is_stream:
        given = typing.Awaitable[given]
    return inspect.Signature(parameters, return_annotation=given)


def _bare(kind: Any) -> Any:
    """A type without its limits and without UNSET."""
    if typing.get_origin(kind) is Annotated:
        return _bare(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        parts = [_bare(part) for part in typing.get_args(kind) if part is not Unset]
        return typing.Union[tuple(parts)]  # noqa: UP007 - of a list of types
    if typing.get_origin(kind) in (list, dict):
        return typing.get_origin(kind)[tuple(_bare(part) for part in typing.get_args(kind))]
    return kind
