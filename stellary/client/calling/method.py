"""Handles, their raw responses, and the types of their methods, which ``dev.py methods`` generates from the contract."""

from __future__ import annotations

import copy
import types
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from inspect import iscoroutinefunction
from types import FunctionType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, Self, TypeVar, overload
from urllib.parse import unquote

import attrs

from stellary.client.calling.call import Response, segment, version_tag
from stellary.client.calling.caller import AsyncCaller, CallResult, SyncCaller
from stellary.client.calling.display_registry import get_display
from stellary.client.calling.settings import Token, check_headers, check_retries, check_timeout, check_token
from stellary.client.calling.short_errors import build_attribute_error, shorten_errors
from stellary.contract.port import RawResponse
from stellary.contract.redaction import conceal, conceal_headers
from stellary.contract.rendering import Displayable
from stellary.contract.wire import UNSET, Unset

if TYPE_CHECKING:
    from stellary.client.calling.frames import Backend, Frame
    from stellary.client.calling.steps import Steps

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


class HasEmail(Protocol):
    """A user or a member, which may be passed instead of the e-mail address."""

    @property
    def email(self) -> str: ...


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

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        # Not the classes of other packages, whose frames belong into a traceback.
        if cls.__module__.startswith("stellary."):
            for name, member in list(vars(cls).items()):
                # Frameworks ask whether a function such as ``close`` is a coroutine function.
                if isinstance(member, FunctionType) and not (
                    (name.startswith("_") and name != "__call__") or iscoroutinefunction(member)
                ):
                    setattr(cls, name, shorten_errors(member))

    if not TYPE_CHECKING:  # for type checkers, an unknown attribute is an error

        def __getattr__(self, name: str) -> object:
            if hasattr(type(self), name):
                return object.__getattribute__(self, name)  # a property that raised an AttributeError
            raise build_attribute_error(self, name)

    def with_options(
        self,
        *,
        timeout: float | Unset | None = UNSET,
        retries: int | Unset = UNSET,
        headers: Mapping[str, str] | Unset = UNSET,
        idempotency_key: str | Unset | None = UNSET,
        if_match: str | int | HasVersion | Unset | None = UNSET,
        progress: Callable[..., object] | Unset | None = UNSET,
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
            progress: Called with the item, such as a draft that a language model plans, each time that a call looks
                whether the server has finished its work on it.
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
        if progress is not UNSET:
            changes["progress"] = progress
        handle = copy.copy(self)
        options = attrs.evolve(self._caller.options, **changes)
        credentials = self._caller.credentials
        if token is not UNSET:
            credentials = credentials.with_token(check_token(token or None))
        handle._caller = attrs.evolve(self._caller, options=options, credentials=credentials)
        return handle

    @property
    def _awaits(self) -> bool:
        return isinstance(self._caller, AsyncCaller)

    def _run_steps(self, steps: Steps[Any]) -> CallResult:
        from stellary.client.calling.steps import run_steps, run_steps_async

        return run_steps_async(steps) if self._awaits else run_steps(steps)

    def _extend_path(self, **parts: object) -> dict[str, str]:
        """Return the path parameters of a resource below this one."""
        return {**self._path_params, **{name: segment(name, part) for name, part in parts.items()}}

    @overload
    def show(self: Resource[Sync], view: str | None = None) -> None: ...
    @overload
    def show(self: Resource[Async], view: str | None = None) -> Later[None]: ...
    @shorten_errors
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


class ListHandle(Resource[C]):
    """A handle of a collection, whose list it loads."""

    @overload
    def frame(self: ListHandle[Sync], *, backend: Backend | None = None) -> Frame: ...
    @overload
    def frame(self: ListHandle[Async], *, backend: Backend | None = None) -> Later[Frame]: ...
    def frame(self, *, backend: Backend | None = None) -> Frame:
        """Return the whole list as a frame, with a row for each item, a column for each field, and names beside ids.

        Loads 500 rows per request, and names in a constant number of requests. ``list(…).frame()`` returns the frame of a
        filtered list.

        Args:
            backend: ``pandas`` or ``polars``. Default: the one that is installed, pandas first.

        Raises:
            ModuleNotFoundError: narwhals or the backend is not installed.
        """
        from stellary.client.calling.frames import load_frame

        return self._run_steps(load_frame(self, backend))


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


P = ParamSpec("P")


@overload
def with_raw_response(  # type: ignore[overload-overlap]  # a coroutine is the narrower of the two
    method: Callable[P, Coroutine[Any, Any, T]],
) -> Callable[P, Coroutine[Any, Any, Response[T]]]: ...
@overload
def with_raw_response(method: Callable[P, T]) -> Callable[P, Response[T]]: ...
def with_raw_response(method: Any) -> Any:
    """Return a method that returns the whole response instead of only its value.

    ``with_raw_response(board.cards.get)(card)`` has the status, headers and bytes of the response, and the card as ``value``.
    Retries, errors and options are those of the method itself.

    Args:
        method: A method of a handle that makes a call, not an iterator or a stream. If it makes several calls, the response
            is that of the last.

    Returns:
        The method, which takes the same arguments and returns a ``Response``.

    Raises:
        TypeError: ``method`` is not such a method.
    """
    handle = getattr(method, "__self__", None)
    if not isinstance(handle, Resource):
        raise TypeError("with_raw_response takes a method of a handle, such as board.cards.get")
    caller: Any = handle._caller

    def bind() -> tuple[deque[RawResponse], Any]:
        # The last response only, since the method can make many calls, and a page of its result further ones.
        responses: deque[RawResponse] = deque(maxlen=1)
        watch = caller.watch.with_response_hook(lambda _, response: responses.append(response))
        copied_handle = copy.copy(handle)
        copied_handle._caller = attrs.evolve(caller, watch=watch)
        return responses, types.MethodType(method.__func__, copied_handle)

    if isinstance(caller, AsyncCaller):

        async def call_async(*args: Any, **kwargs: Any) -> Response[Any]:
            responses, bound = bind()
            result = bound(*args, **kwargs)
            if not isinstance(result, Coroutine):
                raise _no_call(method)
            return _response(responses, method, await result)

        return call_async

    def call(*args: Any, **kwargs: Any) -> Response[Any]:
        responses, bound = bind()
        return _response(responses, method, bound(*args, **kwargs))

    return call


def _response(responses: deque[RawResponse], method: Any, value: Any) -> Response[Any]:
    if not responses:
        raise _no_call(method)
    raw = responses[-1]
    return Response(raw.status, raw.headers, raw.body, value)


def _no_call(method: Any) -> TypeError:
    return TypeError(f"{method.__name__}() makes no request by itself, so it has no response")
