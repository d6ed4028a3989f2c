"""Calls as values: the arguments of a method become a request to send, and the response becomes the method's result."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar, get_args
from urllib.parse import parse_qsl, urlsplit

import attrs
import orjson

from stellary.client.calling.encoding import encode_body, encode_query
from stellary.client.errors import ArgumentError, CallFailed, Proposed, UnreadableAnswer
from stellary.contract.addressing import parameter_names, quote_part
from stellary.contract.endpoint import Nothing
from stellary.contract.errors import Invalid
from stellary.contract.limits import EmailFormat, Reference
from stellary.contract.naming import base, marks
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.redaction import SecretStr, show_body, show_headers
from stellary.contract.rendering import Displayable
from stellary.contract.router import AnyEndpoint
from stellary.contract.wire import UNSET, read, read_in_place, wire_fields

# Toggling twice restores the original state, so a repetition would undo the call.
_FLIPS = frozenset({"automations.toggle"})
# Operations that revoke the token and return a new one for the same person. A login is not one of them:
# a client never switches to another account.
_RENEWS = frozenset({"auth.change_password"})
# The kinds of the last events of streams that end by themselves.
_LAST_KINDS = {"agent_missions.events": "done"}
# The errors of parsing a body that is not what the API promises.
_UNREADABLE = (ValueError, TypeError, AttributeError, LookupError, RecursionError)
ROOTS = {"org_slug": "organization", "ws_slug": "workspace"}
"""The names of parameters for fields of refs, apart from ``card`` for ``card_id``."""


@attrs.frozen
class CallOptions:
    """The options of a call.

    Attributes:
        timeout: Seconds for a call as a whole; None for the defaults of ``retries``.
        retries: The number of retries, at most.
        headers: Headers added to those of the call itself, with lower-case names.
        idempotency_key: The key to send instead of the one that is generated for each call.
        if_match: The value of the ``If-Match`` header.
        progress: Called with the item on which the server still works, each time that the call looks for the result.
        wait: The read timeout of the caller's own httpx client in seconds, if it exceeds the defaults of ``retries``.
    """

    timeout: float | None = None
    retries: int = 0
    headers: Mapping[str, str] = attrs.field(factory=dict)
    idempotency_key: str | None = None
    if_match: str | None = None
    progress: Callable[..., object] | None = None
    wait: float | None = None


class Call:
    """A request with its plan and options. A hand-written class, since attrs would slow down every call."""

    __slots__ = ("options", "plan", "repeatable", "request")

    def __init__(self, plan: CallPlan, request: RawRequest, options: CallOptions, repeatable: bool) -> None:
        self.plan = plan
        self.request = request
        self.options = options
        self.repeatable = repeatable


class CallPlan:
    """An endpoint, with everything that can be computed before a call.

    Attributes:
        repeatable: Whether sending the request twice has the same effect as sending it once.
        keyed: Whether an ``Idempotency-Key`` makes it repeatable.
        slow: Whether it may take long: it carries a file, or a language model answers it.
        renews: Whether the response holds a token that replaces the client's own.
    """

    def __init__(self, endpoint: AnyEndpoint) -> None:
        self.endpoint = endpoint
        self.operation = endpoint.operation
        self.method = endpoint.method
        self.many = endpoint.many
        self.takes = endpoint.takes
        self.in_query = endpoint.in_query
        self.empty = endpoint.takes is Nothing
        self.repeatable = endpoint.method != "POST" and endpoint.operation not in _FLIPS
        self.keyed = endpoint.idempotent and not self.repeatable and not endpoint.keeps_secret
        self.slow = endpoint.takes_file or endpoint.returns_file or endpoint.thinks
        self.renews = endpoint.operation in _RENEWS
        self.returns: Any = endpoint.returns

    # Computed by the first call, since a module of methods has the plans of all its endpoints.

    @functools.cached_property
    def template(self) -> str:
        return re.sub(r":\w+", "%s", self.endpoint.path)

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """The parameters of the path in order, by the names of the ref's fields."""
        return tuple(parameter_names(self.endpoint.path).values())

    @functools.cached_property
    def hides(self) -> tuple[int, ...]:
        """The indexes of the parameters that are secrets."""
        hidden = {field.name for field in attrs.fields(self.endpoint.ref) if not field.repr}
        return tuple(index for index, name in enumerate(self.names) if name in hidden)

    @functools.cached_property
    def fields(self) -> dict[str, Any]:
        """The types of the request's fields."""
        return {field.name: field.type for field in wire_fields(self.endpoint.request_class).values()}

    @functools.cached_property
    def wire_names(self) -> tuple[str, ...]:
        """The wire names of the request's fields that have other names in Python."""
        fields = wire_fields(self.endpoint.request_class)
        return tuple(name for name, field in fields.items() if name != field.name)

    @functools.cached_property
    def references(self) -> frozenset[str]:
        """The fields of the request that are ids of other items, or lists of ids."""
        kinds = {name: (kind, *get_args(base(kind))) for name, kind in self.fields.items()}
        return frozenset(
            name for name, parts in kinds.items() if any(_has_mark(part, Reference) for part in parts)
        )

    def build_payload(self, **keywords: Any) -> Any:
        """Return the request object with these keywords as its fields.

        Raises:
            ArgumentError: A keyword takes no value of that class. The message names the method.
        """
        return self.takes(
            **{
                name: value if value is UNSET else self._to_field(name, value)
                for name, value in keywords.items()
            }
        )

    def _to_field(self, name: str, value: Any) -> Any:
        """Replace a value by its id or e-mail address if the field takes one; return everything else unchanged."""
        if name in self.references:
            return _to_id(name, value)
        if isinstance(value, Displayable) and not isinstance(value, list):
            address = getattr(value, "email", None)
            if isinstance(address, str) and _has_mark(self.fields[name], EmailFormat):
                return address
            expected = "a text" if base(self.fields[name]) is str else "a plain value"
            raise ArgumentError(f"{self.operation}(): {name} must be {expected}, not {type(value).__name__}")
        return value

    def call(
        self, path_params: Mapping[str, str], payload: Any, headers: Mapping[str, str], options: CallOptions
    ) -> Call:
        """Return the call that sends a payload.

        Args:
            path_params: The parameters of the path by name, quoted.
            payload: The object that ``build_payload`` returned.
            headers: The headers of every call of the client.
            options: The options of this call.

        Returns:
            The call, ready to be sent.

        Raises:
            Invalid: A text holds half a surrogate pair.
            ArgumentError: A value cannot be encoded.
        """
        path = self.template % tuple([path_params[name] for name in self.names])
        if self.hides:
            path = SecretStr(path)
        query, body, repeatable = "", b"", self.repeatable
        request_headers = {**headers, **options.headers} if options.headers else dict(headers)
        if not self.empty:
            try:
                if self.in_query:
                    query = encode_query(payload)
                else:
                    body = encode_body(payload)
                    request_headers["content-type"] = "application/json"
            except (TypeError, UnicodeEncodeError) as error:
                if "surrogates" in str(error):
                    raise Invalid("a text must not contain half a surrogate pair") from None
                raise ArgumentError(f"{self.operation}(): {error}") from None
        if self.keyed:
            request_headers["idempotency-key"] = options.idempotency_key or os.urandom(16).hex()
            repeatable = True
        elif options.idempotency_key is not None and self.method == "POST":
            request_headers["idempotency-key"] = options.idempotency_key
        if options.if_match is not None and self.method in ("PATCH", "DELETE"):
            request_headers["if-match"] = options.if_match
        return Call(self, RawRequest(self.method, path, query, request_headers, body), options, repeatable)

    @functools.cached_property
    def _look(self) -> CallPlan:
        operation = f"{self.endpoint.resource}.get"
        return CallPlan(
            attrs.evolve(
                self.endpoint, operation=operation, method="GET", status=200, takes=Nothing, thinks=False
            )
        )

    def build_look(self, call: Call, response: RawResponse, timeout: float) -> Call:
        """Return the call that reads the item on which the server still works.

        Args:
            call: The call that has begun the work.
            response: Its response, whose header ``Location`` has the path of the item.
            timeout: The seconds that remain.

        Raises:
            UnreadableAnswer: The path does not belong to the call.
        """
        parent = call.request.path.rpartition("/")[0]
        _, repeated_parent, item = response.headers.get("location", "").rpartition(parent)
        if not repeated_parent or re.fullmatch(r"(?:/[\w-]+)*", item) is None:
            message = "the server does not say where the result will be"
            raise UnreadableAnswer(message, status=response.status, body=response.body)
        headers = {
            name: text
            for name, text in call.request.headers.items()
            if name not in ("content-type", "idempotency-key")
        }
        options = attrs.evolve(call.options, timeout=timeout)
        return Call(self._look, RawRequest("GET", parent + item, "", headers), options, repeatable=True)

    def is_last(self, event: Any) -> bool:
        """Return whether an event is the last one of its stream."""
        return self.operation in _LAST_KINDS and event.kind == _LAST_KINDS[self.operation]

    def redact_path(self, path: str) -> str:
        """Return a path of this endpoint without its secrets, as errors and logs may show it."""
        if not self.hides:
            return path
        parts = path.split("/")
        places = [index for index, part in enumerate(self.template.split("/")) if part == "%s"]
        for index in self.hides:
            parts[places[index]] = "…"
        return "/".join(parts)

    def answer(self, response: RawResponse) -> Any:
        """Return the value in the body of a response.

        Raises:
            UnreadableAnswer: The body is not what the API promises.
            Proposed: The token is an agent's, and the change waits for approval.
        """
        if response.status == 202 and self.endpoint.status != 202 and not self.endpoint.thinks:
            raise self._parse_proposal(response)
        if self.endpoint.returns_file:
            return response.body
        try:
            return self._parse(response.body)
        except _UNREADABLE as error:
            # If the response should contain a secret, the error does not quote it.
            beginning = b"" if self.endpoint.keeps_secret else response.body[:80]
            raise UnreadableAnswer(
                f"the answer cannot be read as {self.endpoint.returns.__name__} ({error}): "
                f"{beginning.decode('utf-8', 'replace')!r}",
                status=response.status,
                body=response.body,
            ) from None

    def _parse(self, body: bytes) -> Any:
        """Parse a body. A separate frame, since the parsed body may contain a token that a traceback must not show."""
        if self.returns is str:
            return body.decode()
        data = orjson.loads(body)
        if not self.many:
            return read(self.returns, data)
        if not isinstance(data, list):
            raise TypeError(f"a list was expected, not {type(data).__name__}")
        return read_in_place(self.returns, data)

    def _parse_proposal(self, response: RawResponse) -> CallFailed:
        # Imported here, since few clients are agents.
        from stellary.contract.proposals import Proposal

        try:
            return Proposed(read(Proposal, orjson.loads(response.body)))
        except _UNREADABLE as error:
            return UnreadableAnswer(
                f"the answer cannot be read as Proposal ({error})", status=response.status, body=response.body
            )


def segment(name: str, text: object) -> str:
    """Return one segment of a path, percent-encoded.

    Args:
        name: The name of the ref's field, for the message.
        text: An id or a slug, or a value that has one.

    Returns:
        The quoted segment; a ``SecretStr`` if ``text`` is one.

    Raises:
        Invalid: The text is empty, ``.`` or ``..``, which would lead to another resource.
        ArgumentError: The value is neither a string nor an object with an id.
    """
    parameter = ROOTS.get(name, name.removesuffix("_id"))
    if not isinstance(text, str):
        text = _extract_id(name, text, parameter)
    quoted = quote_part(parameter, text)
    return SecretStr(quoted) if isinstance(text, SecretStr) else quoted


def _extract_id(name: str, value: object, parameter: str) -> str:
    """Return the string that identifies a value: its slug for a slug parameter, its user's id for a user parameter, else its id.

    Args:
        name: The field of the ref or of the request.
        value: The value or the handle.
        parameter: The name of the parameter, for the message.
    """
    for attribute in ("slug",) if name.endswith("_slug") else (name, "id") if name == "user_id" else ("id",):
        part = getattr(value, attribute, None)
        if isinstance(part, str):
            return part
    raise ArgumentError(
        f"{parameter} must be a text, or a value that has its {attribute}, not {type(value).__name__}"
    )


def _to_id(name: str, value: Any) -> Any:
    """Replace a value or a handle by its id; return everything else unchanged."""
    if isinstance(value, Displayable) and not isinstance(value, list):
        has_user_id = hasattr(value, "user_id") and not hasattr(value, "id")
        return _extract_id("user_id" if has_user_id else name, value, name)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_to_id(name, item) for item in value]
    return value


def _has_mark(kind: object, mark: type) -> bool:
    return any(isinstance(candidate, mark) for candidate in marks(kind))


@functools.cache
def _link_pattern() -> re.Pattern[str]:
    return re.compile(r'<([^<>]*+)>\s*+;[^,<]*?\brel="?next"?', re.IGNORECASE)


def next_cursor(headers: Mapping[str, str]) -> str | None:
    """Return the cursor of the next page, from the ``Link`` header of a response; None on the last page."""
    link = headers.get("link")
    match = _link_pattern().search(link) if link else None
    if match is None:
        return None
    try:
        pairs = dict(parse_qsl(urlsplit(match.group(1)).query))
    except ValueError:
        return None
    return pairs.get("cursor") or None


def version_tag(version: object) -> str:
    """Return the ``If-Match`` header for a version, a value that has one, or a received ``ETag``.

    Raises:
        ArgumentError: ``version`` is none of these.
    """
    value = getattr(version, "version", version)
    if isinstance(value, int) and not isinstance(value, bool):
        return f'"{value}"'
    if isinstance(value, str) and value:
        return value if value == "*" or value.startswith(('"', "W/")) else f'"{value}"'
    raise ArgumentError(f"if_match must be a version or a value that has one, not {type(version).__name__}")


T = TypeVar("T")


@attrs.frozen
class Response(Generic[T]):
    """The response to a call. Its repr shows neither the body nor credentials.

    Attributes:
        status: The HTTP status.
        headers: By name, in lower case if the response came from a server.
        body: The bytes, after decompression.
        value: The return value of the method; for ``client.request`` the parsed JSON, or the bytes if the body is not JSON.
    """

    status: int
    headers: Mapping[str, str] = attrs.field(repr=show_headers)
    body: bytes = attrs.field(repr=show_body)
    value: T

    @property
    def request_id(self) -> str | None:
        """The ``X-Request-Id`` of the answer."""
        return self.headers.get("x-request-id")
