"""Raw responses: the status, headers and bytes that a call received, with the parsed value."""

from __future__ import annotations

import copy
import types
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar, overload

import attrs

from stellary.client.calling.caller import AsyncCaller
from stellary.client.calling.method import Resource
from stellary.client.calling.response import Response
from stellary.contract.port import RawRequest, RawResponse

P = ParamSpec("P")
T = TypeVar("T")


class _Recorder:
    """A carrier that wraps another carrier and keeps its last response."""

    response: RawResponse | None = None

    def __init__(self, carrier: Any) -> None:
        self._carrier = carrier

    def __getattr__(self, name: str) -> Any:
        return getattr(self._carrier, name)

    def send(self, request: RawRequest, seconds: float, /) -> RawResponse:
        response: RawResponse = self._carrier.send(request, seconds)
        self.response = response
        return response


class _AsyncRecorder(_Recorder):
    """An async carrier that wraps another carrier and keeps its last response."""

    async def send(self, request: RawRequest, seconds: float, /) -> RawResponse:  # type: ignore[override]
        response: RawResponse = await self._carrier.send(request, seconds)
        self.response = response
        return response


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
    caller: Any = handle._caller  # noqa: SLF001 - of this package

    def bind() -> tuple[_Recorder, Any]:
        recorder = (_AsyncRecorder if isinstance(caller, AsyncCaller) else _Recorder)(caller.carrier)
        copied_handle = copy.copy(handle)
        copied_handle._caller = attrs.evolve(caller, carrier=recorder)  # noqa: SLF001 - of this package
        return recorder, types.MethodType(method.__func__, copied_handle)

    if isinstance(caller, AsyncCaller):

        async def call_async(*args: Any, **kwargs: Any) -> Response[Any]:
            recorder, bound = bind()
            result = bound(*args, **kwargs)
            if not isinstance(result, Coroutine):
                raise _no_call(method)
            return _response(recorder, method, await result)

        return call_async

    def call(*args: Any, **kwargs: Any) -> Response[Any]:
        recorder, bound = bind()
        return _response(recorder, method, bound(*args, **kwargs))

    return call


def _response(recorder: _Recorder, method: Any, value: Any) -> Response[Any]:
    raw = recorder.response
    if raw is None:
        raise _no_call(method)
    return Response(raw.status, raw.headers, raw.body, value)


def _no_call(method: Any) -> TypeError:
    return TypeError(f"{method.__name__}() makes no request by itself, so it has no response")
