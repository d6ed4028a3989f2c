"""Helpers for tests of programs that use the client: a recording port, and functions that make response values.

    port = RecordingPort()
    port.answer("cards.get", make(Card, title="Write the spec"))
    client = Stellary.embedded(port)

The port stores nothing. If a test needs the behaviour of the API, use ``Stellary.embedded(core.port(actor))``, which runs
the real implementation in process.
"""

from __future__ import annotations

import itertools
import types
import typing
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin
from urllib.parse import parse_qsl, unquote, urlencode

import attrs
import orjson

from stellary.client.calling.nearest import nearest
from stellary.contract import ENDPOINTS
from stellary.contract.addressing import parameter_names
from stellary.contract.endpoint import EVENT_STREAM, Endpoint
from stellary.contract.errors import ApiError, Invalid
from stellary.contract.limits import Items, Range
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.refs import Ref
from stellary.contract.router import AnyEndpoint, Router
from stellary.contract.signatures import ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, signature
from stellary.contract.webhooks import WebhookMessage
from stellary.contract.wire import Request, Unset, Value, camel, dump, load, load_query, wire_fields

V = TypeVar("V", bound=Value)
Answer = Any
"""A value or a list of values; an ``ApiError``; a ``RawResponse``; or a function from a ``Recorded`` to one of these."""

MOMENT = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
_ids = itertools.count(1)


@attrs.frozen
class Recorded:
    """A request that a recording port has received.

    Attributes:
        operation: ``resource.verb``, as in the contract.
        method: The HTTP method.
        path: The path, without the query.
        ref: The address in the path, with the ids as they were sent.
        query: The query parameters, by wire names.
        body: The parsed body; bytes for a form; None if there is none.
        headers: The headers, with lower-case names.
    """

    operation: str
    method: str
    path: str
    ref: Ref
    query: Mapping[str, str]
    body: Any
    headers: Mapping[str, str] = attrs.field(repr=False)


class RecordingPort:
    """A port that records requests, and answers with the values that you set, or else with made-up ones.

    It checks requests as the API does, so that a misspelt or missing field is a 400 here too, and divides lists into pages.
    A made-up answer has the ids of the path and the fields of the body.

    Attributes:
        requests: All requests, in order.
        closed: Whether the client has been closed.
    """

    def __init__(self) -> None:
        self.requests: list[Recorded] = []
        self.closed = False
        self._router = Router(ENDPOINTS)
        self._answers: dict[str, deque[Answer]] = {}
        # The rows of the remaining pages of lists, by the cursor of the next page.
        self._pages: dict[str, list[Any]] = {}

    def answer(self, operation: str, *answers: Answer) -> None:
        """Set the answers to the next calls of an operation, in turn; the last one is repeated.

        Args:
            operation: ``resource.verb``, as in the contract.
            answers: A value of the endpoint's type (for a list its rows, or one list of all rows; for a file its bytes, for
                plain text a ``str``), an ``ApiError``, a ``RawResponse``, or a function that returns one of these for a ``Recorded``.

        Raises:
            ValueError: There is no such operation, or no answer is given.
            TypeError: The operation does not return such a value.
        """
        endpoint = next((candidate for candidate in ENDPOINTS if candidate.operation == operation), None)
        if endpoint is None:
            raise ValueError(f"there is no operation {operation!r}{nearest(operation, _OPERATIONS)}")
        if not answers:
            raise ValueError(f"no answer to {operation} was given")
        for answer in answers:
            _check(endpoint, answer)
        self._answers[operation] = deque(answers)

    def send(self, request: RawRequest, /) -> RawResponse:
        """Record the request, and answer it."""
        try:
            match = self._router.match(request.method, request.path)
        except ApiError as error:
            return _to_response(error)
        endpoint = match.endpoint
        recorded = Recorded(
            operation=endpoint.operation,
            method=request.method,
            path=request.path,
            ref=_ref_at(endpoint, request.path),
            query=dict(parse_qsl(request.query, keep_blank_values=True)),
            body=_parse_body(request),
            headers=dict(request.headers),
        )
        self.requests.append(recorded)
        try:
            _check_request(endpoint, request, recorded.body)
            return self._respond(endpoint, recorded)
        except ApiError as error:
            return _to_response(error)

    def stream(self, request: RawRequest, /) -> RawResponse:
        """Record the request, and answer it with a stream of the values that were set, which then ends."""
        response = self.send(request)
        if response.status != 200 or not self._router.match(request.method, request.path).endpoint.is_stream:
            return response
        if request.headers.get("last-event-id"):
            return RawResponse(204)
        values = orjson.loads(response.body)
        sent = [
            b"id: %d\nevent: recorded\ndata: %b\n\n" % (number, orjson.dumps(value))
            for number, value in enumerate(values if isinstance(values, list) else [values], 1)
        ]
        return RawResponse(
            200, {**response.headers, "content-type": EVENT_STREAM}, blocks=iter([b"retry: 0\n\n", *sent])
        )

    def close(self) -> None:
        """Note that the client has been closed."""
        self.closed = True

    def _respond(self, endpoint: AnyEndpoint, recorded: Recorded) -> RawResponse:
        cursor = recorded.query.get("cursor")
        if cursor in self._pages:
            return self._page(endpoint, recorded, self._pages[cursor])
        waiting = self._answers.get(recorded.operation)
        if not waiting:
            if cursor is not None and endpoint.many:
                raise Invalid("cursor must be one that was answered")
            return (
                self._page(endpoint, recorded, [])
                if endpoint.many
                else _make_example_response(endpoint, recorded)
            )
        answer = waiting.popleft() if len(waiting) > 1 else waiting[0]
        if callable(answer):
            answer = answer(recorded)
            _check(endpoint, answer)
        if isinstance(answer, RawResponse):
            return answer
        if isinstance(answer, ApiError):
            return _to_response(answer)
        if endpoint.many:
            return self._page(endpoint, recorded, answer)
        return _to_answer(endpoint, answer)

    def _page(self, endpoint: AnyEndpoint, recorded: Recorded, rows: Sequence[Any]) -> RawResponse:
        """Respond with the rows, at most as many as the request's limit allows, and a link to the next page."""
        limit = int(recorded.query.get("limit", len(rows)))
        if len(rows) <= limit:
            return RawResponse(endpoint.status, _HEADERS, dump(list(rows)))
        cursor = f"recorded-{len(self._pages) + 1}"
        self._pages[cursor] = list(rows[limit:])
        link = f'<{recorded.path}?{urlencode({**recorded.query, "cursor": cursor})}>; rel="next"'
        return RawResponse(endpoint.status, {**_HEADERS, "link": link}, dump(list(rows[:limit])))


_HEADERS: Mapping[str, str] = {"content-type": "application/json", "x-request-id": "req_recorded"}
_OPERATIONS = tuple(endpoint.operation for endpoint in ENDPOINTS)


def _ref_at(endpoint: AnyEndpoint, path: str) -> Ref:
    """Return the ref that a path names. Its ids are not validated, since tests use short ones."""
    parts = path.split("/")
    template = next(
        pattern
        for pattern in (endpoint.path, endpoint.alias)
        if pattern is not None and pattern.count("/") == len(parts) - 1
    )
    names = parameter_names(template)
    pairs = zip(template.split("/"), parts, strict=True)
    ref: Ref = endpoint.ref(
        **{names[word[1:]]: unquote(part) for word, part in pairs if word.startswith(":")}
    )
    return ref


def _parse_body(request: RawRequest) -> Any:
    if request.blocks is not None:
        return b"".join(request.blocks)
    return orjson.loads(request.body) if request.body else None


def _check_request(endpoint: AnyEndpoint, request: RawRequest, body: Any) -> None:
    """Check the query or the body like the API.

    Raises:
        Invalid: A value violates the contract.
    """
    if endpoint.in_query:
        load_query(endpoint.request_class, parse_qsl(request.query, keep_blank_values=True))
    elif not endpoint.takes_file:
        load(endpoint.request_class, body or {})


def _check(endpoint: AnyEndpoint, answer: Answer) -> None:
    """Check that an answer has the type that the endpoint returns.

    Raises:
        TypeError: It has another type.
    """
    if isinstance(answer, (ApiError, RawResponse)) or callable(answer):
        return
    kind: Any = bytes if endpoint.returns_file else endpoint.returns
    # ``list[Card]`` is a list without pages.
    is_list = endpoint.many or get_origin(kind) is list
    kind = get_args(kind)[0] if get_origin(kind) is list else get_origin(kind) or kind
    several = is_list or endpoint.is_stream
    rows = answer if several and isinstance(answer, (list, tuple)) else [answer]
    if (is_list and rows is not answer) or not all(isinstance(row, kind) for row in rows):
        expected = f"a list of {kind.__name__}" if is_list else kind.__name__
        raise TypeError(f"{endpoint.operation} answers {expected}, not {answer!r}")


def _to_answer(endpoint: AnyEndpoint, value: Any) -> RawResponse:
    """Return the response with a value: a file as its bytes, a page or plain text as text, else JSON."""
    if endpoint.returns_file:
        return RawResponse(endpoint.status, {**_HEADERS, "content-type": "application/octet-stream"}, value)
    if endpoint.returns is str:
        content_type = f"{endpoint.media}; charset=utf-8"
        return RawResponse(endpoint.status, {**_HEADERS, "content-type": content_type}, value.encode())
    return RawResponse(endpoint.status, _HEADERS, dump(value))


def _to_response(error: ApiError) -> RawResponse:
    headers = dict(_HEADERS)
    if error.retry_after is not None:
        headers["retry-after"] = str(error.retry_after)
    return RawResponse(error.status, headers, dump(error.to_body("req_recorded")))


def _make_example_response(endpoint: AnyEndpoint, recorded: Recorded) -> RawResponse:
    """Return a response with a made-up value, which has the ids of the path and the fields of the body."""
    value = example(endpoint)
    if isinstance(value, (bytes, str)):
        return _to_answer(endpoint, value)
    data = orjson.loads(dump(value))
    if isinstance(data, dict):
        overrides = {camel(name): part for name, part in attrs.asdict(recorded.ref).items() if part}
        names = list(parameter_names(endpoint.path).values())
        if names and names[-1].endswith("id") and endpoint.method != "POST":
            overrides["id"] = overrides[camel(names[-1])]
        if isinstance(recorded.body, dict):
            overrides |= {
                name: part for name, part in recorded.body.items() if not isinstance(part, (dict, list))
            }
        data |= {name: part for name, part in overrides.items() if name in data}
    return RawResponse(endpoint.status, _HEADERS, orjson.dumps(data))


def sign_webhook(
    secret: str, message: WebhookMessage, *, id: str = "msg_test", sent_at: datetime | None = None
) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body with which the API would deliver a webhook message.

    Args:
        secret: The secret of the webhook, ``whsec_…``.
        message: The message, such as ``make(WebhookMessage, type="card_moved")``.
        id: The id of the message.
        sent_at: The time of sending; by default now.

    Returns:
        The headers and the body, for a request to the program under test.

    Raises:
        ValueError: The secret is not a webhook secret.
    """
    seconds = int((sent_at or datetime.now(UTC)).timestamp())
    body = dump(message)
    headers = {
        ID_HEADER: id,
        TIMESTAMP_HEADER: str(seconds),
        SIGNATURE_HEADER: signature(secret, id, seconds, body),
    }
    return {"content-type": "application/json", **headers}, body


def example(endpoint: Endpoint[Any, ..., Any, Any]) -> Any:
    """Return a made-up answer of an endpoint."""
    return [_make_value("", endpoint.returns)] if endpoint.many else _make_value("", endpoint.returns)


def example_request(endpoint: Endpoint[Any, ..., Any, Any]) -> dict[str, Any]:
    """Return made-up values for the required keywords of an endpoint's method."""
    return _make_required_fields(endpoint.request_class)


def _make_required_fields(kind: type[Request]) -> dict[str, Any]:
    fields = wire_fields(kind).values()
    return {
        field.name: _make_value(field.name, field.type) for field in fields if field.default is attrs.NOTHING
    }


def make(kind: type[V], /, **values: Any) -> V:
    """Return a value of a class. Fields that are not passed are made up, the same each time except for ids.

    Args:
        kind: A class of the contract, such as ``Card``.
        values: Values of fields, by their Python names.

    Returns:
        The value.

    Raises:
        TypeError: The class has no field of such a name.
    """
    fields = {field.name: field for field in wire_fields(kind).values()}
    unknown = values.keys() - fields.keys()
    if unknown:
        raise TypeError(f"{kind.__name__} has no field {', '.join(sorted(unknown))}")
    defaults = {name: _make_value(name, field.type) for name, field in fields.items() if name not in values}
    return kind(**defaults, **values)


def _make_value(name: str, kind: Any) -> Any:
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        needs_one = get_origin(args[0]) is list and any(
            isinstance(mark, Items) and mark.min for mark in args[1:]
        )
        least = max((int(mark.min) for mark in args[1:] if isinstance(mark, Range)), default=0)
        if least > 0:
            return least
        return [_make_value(name, get_args(args[0])[0])] if needs_one else _make_value(name, args[0])
    if origin in (typing.Union, types.UnionType):
        return (
            None
            if type(None) in args
            else _make_value(name, next(part for part in args if part is not Unset))
        )
    if origin is Literal:
        return args[0]
    if origin is not None:
        return origin()
    if isinstance(kind, type) and issubclass(kind, Value):
        return make(kind)
    if isinstance(kind, type) and issubclass(kind, Request):
        return kind(**_make_required_fields(kind))
    return _make_plain_value(name, kind)


def _make_plain_value(name: str, kind: Any) -> Any:
    if kind is str:
        return _make_text(name)
    if kind in (datetime, date):
        return MOMENT
    if kind is Any:
        return name
    return kind()


def _make_text(name: str) -> str:
    if name == "id" or name.endswith("_id"):
        return f"{next(_ids):024x}"
    if name == "email":
        return "user@example.com"
    return "#6b7280" if name == "color" else name.replace("_", "-")
