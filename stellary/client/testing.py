"""For tests of programs that use the client: a port that records instead of asking, and values to answer with.

    port = RecordingPort()
    port.answer("cards.get", make(Card, title="Write the spec"))
    client = Stellary.embedded(port)

Nothing is served and nothing is kept. Where a test needs the API to behave, ``Stellary.embedded(core.port(actor))`` is
the real thing, in process.
"""

from __future__ import annotations

import itertools
import types
import typing
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin
from urllib.parse import parse_qsl

import attrs
import orjson

from stellary.contract import ENDPOINTS
from stellary.contract.endpoint import EVENT_STREAM, Endpoint
from stellary.contract.errors import ApiError
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.refs import Ref
from stellary.contract.router import AnyEndpoint, Router
from stellary.contract.unset import Unset
from stellary.contract.wire import Request, Value, dump, wire_fields

V = TypeVar("V", bound=Value)
Answer = Any
"""A value or a list of them; an ``ApiError``; a ``RawResponse``; or what makes one of these from a ``Recorded``."""

MOMENT = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
_ids = itertools.count(1)


@attrs.frozen
class Recorded:
    """A request that has come to a recording port.

    Attributes:
        operation: ``resource.verb``, as in the contract.
        ref: The address in its path.
        query: By wire names.
        body: Parsed; bytes where it is a form; None if there is none.
        headers: With lower-case names.
    """

    operation: str
    method: str
    path: str
    ref: Ref
    query: Mapping[str, str]
    body: Any
    headers: Mapping[str, str] = attrs.field(repr=False)


class RecordingPort:
    """A port that keeps what it is asked, and answers as it was told: with made-up values where it was not.

    Attributes:
        requests: All that were made, in order.
        closed: Whether the client has been closed.
    """

    def __init__(self) -> None:
        self.requests: list[Recorded] = []
        self.closed = False
        self._router = Router(ENDPOINTS)
        self._answers: dict[str, deque[Answer]] = {}

    def answer(self, operation: str, *answers: Answer) -> None:
        """Answer the next calls of an operation with these, in turn; the last one goes on answering.

        Raises:
            ValueError: There is no such operation.
        """
        if all(endpoint.operation != operation for endpoint in ENDPOINTS):
            raise ValueError(f"there is no operation {operation!r}")
        self._answers[operation] = deque(answers)

    def send(self, request: RawRequest, /) -> RawResponse:
        """Record the request, and answer it."""
        match = self._router.match(request.method, request.path)
        recorded = Recorded(
            operation=match.endpoint.operation,
            method=request.method,
            path=request.path,
            ref=match.ref,
            query=dict(parse_qsl(request.query, keep_blank_values=True)),
            body=_said(request),
            headers=dict(request.headers),
        )
        self.requests.append(recorded)
        return _response(match.endpoint, self._next(recorded, match.endpoint))

    def stream(self, request: RawRequest, /) -> RawResponse:
        """Record the request, and answer it: a stream with the values that it was told, which then has an end."""
        response = self.send(request)
        match = self._router.match(request.method, request.path)
        if not match.endpoint.is_stream or response.status != 200:
            return response
        if request.headers.get("last-event-id"):
            return RawResponse(204)
        values = orjson.loads(response.body)
        sent = [
            b"id: %d\nevent: recorded\ndata: %b\n\n" % (number, orjson.dumps(each))
            for number, each in enumerate(values if isinstance(values, list) else [values], 1)
        ]
        return RawResponse(
            200, {**response.headers, "content-type": EVENT_STREAM}, blocks=iter([b"retry: 0\n\n", *sent])
        )

    def close(self) -> None:
        """Note that the client has been closed."""
        self.closed = True

    def _next(self, recorded: Recorded, endpoint: AnyEndpoint) -> Answer:
        waiting = self._answers.get(recorded.operation)
        if not waiting:
            return [] if endpoint.many else example(endpoint)
        found = waiting.popleft() if len(waiting) > 1 else waiting[0]
        if isinstance(found, Callable):  # type: ignore[arg-type]
            return found(recorded)
        return found


def _said(request: RawRequest) -> Any:
    if request.blocks is not None:
        return b"".join(request.blocks)
    return orjson.loads(request.body) if request.body else None


def _response(endpoint: AnyEndpoint, answer: Answer) -> RawResponse:
    if isinstance(answer, RawResponse):
        return answer
    headers = {"content-type": "application/json", "x-request-id": "req_recorded"}
    if isinstance(answer, ApiError):
        if answer.retry_after is not None:
            headers["retry-after"] = str(answer.retry_after)
        return RawResponse(answer.status, headers, dump(answer.to_body("req_recorded")))
    if endpoint.returns_file:
        return RawResponse(endpoint.status, {**headers, "content-type": "application/octet-stream"}, answer)
    return RawResponse(endpoint.status, headers, dump(answer))


def example(endpoint: Endpoint[Any, ..., Any, Any]) -> Any:
    """An answer of that endpoint, made up."""
    return [_made("", endpoint.returns)] if endpoint.many else _made("", endpoint.returns)


def example_request(endpoint: Endpoint[Any, ..., Any, Any]) -> dict[str, Any]:
    """The keywords that a method of that endpoint cannot do without, made up."""
    return _required(endpoint.request_class)


def _required(kind: type[Request]) -> dict[str, Any]:
    fields = wire_fields(kind).values()
    return {field.name: _made(field.name, field.type) for field in fields if field.default is attrs.NOTHING}


def make(kind: type[V], /, **named: Any) -> V:
    """A value of that class: what is not named is made up, and the same each time but for ids.

    Raises:
        TypeError: The class has no field of such a name.
    """
    fields = {field.name: field for field in wire_fields(kind).values()}
    unknown = named.keys() - fields.keys()
    if unknown:
        raise TypeError(f"{kind.__name__} has no field {', '.join(sorted(unknown))}")
    made = {name: _made(name, field.type) for name, field in fields.items() if name not in named}
    return kind(**made, **named)


def _made(name: str, kind: Any) -> Any:
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _made(name, args[0])
    if origin in (typing.Union, types.UnionType):
        return None if type(None) in args else _made(name, next(part for part in args if part is not Unset))
    if origin is Literal:
        return args[0]
    if origin is not None:
        return origin()
    if isinstance(kind, type) and issubclass(kind, Value):
        return make(kind)
    if isinstance(kind, type) and issubclass(kind, Request):
        return kind(**_required(kind))
    return _plain(name, kind)


def _plain(name: str, kind: Any) -> Any:
    if kind is str:
        return _text(name)
    if kind in (datetime, date):
        return MOMENT
    if kind is Any:
        return name
    return kind()


def _text(name: str) -> str:
    if name == "id" or name.endswith("_id"):
        return f"{next(_ids):024x}"
    if name == "email":
        return "user@example.com"
    return "#6b7280" if name == "color" else name.replace("_", "-")
