"""Calls as values: what a method was given becomes the bytes to send, and the bytes that come back become its answer."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import attrs
import orjson

from stellary.client.calling.encoding import encode_body, encode_query
from stellary.client.errors import CallFailed, Proposed, UnreadableAnswer
from stellary.contract.addressing import parameter_names
from stellary.contract.endpoint import Nothing
from stellary.contract.errors import Invalid
from stellary.contract.limits import Secret
from stellary.contract.naming import marks
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.redaction import SecretStr, conceal
from stellary.contract.router import AnyEndpoint
from stellary.contract.wire import Value, camel, read, wire_fields

# To flip twice is not to flip at all.
_FLIPS = frozenset({"automations.toggle"})
# The answer holds a token of the same person, which replaces one that the call has ended. A login is not among these: a
# client never turns into somebody else's.
_RENEWS = frozenset({"auth.change_password"})


@attrs.frozen
class Options:
    """How calls are made.

    Attributes:
        timeout: Seconds for a call as a whole; None for the defaults of ``retries``.
        retries: How often a call is tried again, at most.
        headers: Beside those of the call itself; with lower-case names.
        idempotency_key: In place of the one that is made for each call.
        if_match: What ``If-Match`` says.
        wait: Seconds that an httpx client of the caller's lets a read wait, if that is more than the defaults of ``retries``.
    """

    timeout: float | None = None
    retries: int = 0
    headers: Mapping[str, str] = attrs.field(factory=dict)
    idempotency_key: str | None = None
    if_match: str | None = None
    wait: float | None = None


class Call:
    """One call: a request, and what is known of it. Made once a call, by hand: attrs would cost more than it says."""

    __slots__ = ("options", "plan", "repeatable", "request")

    def __init__(self, plan: Plan, request: RawRequest, options: Options, repeatable: bool) -> None:
        self.plan = plan
        self.request = request
        self.options = options
        self.repeatable = repeatable


class Plan:
    """An endpoint, with all of it that can be worked out before a call.

    Attributes:
        names: The parts of its path that an address gives, in order, by the names of the ref's fields.
        repeatable: Whether to send it twice does no more than to send it once.
        keyed: Whether an ``Idempotency-Key`` makes it repeatable.
        slow: Whether it takes its time: it carries a file, or somebody thinks about it.
        renews: Whether its answer holds a token that replaces the client's own.
    """

    def __init__(self, endpoint: AnyEndpoint) -> None:
        self.endpoint = endpoint
        self.operation = endpoint.operation
        self.method = endpoint.method
        self.many = endpoint.many
        self.template = re.sub(r":\w+", "%s", endpoint.path)
        self.names = tuple(parameter_names(endpoint.path).values())
        self.takes = endpoint.takes
        self.in_query = endpoint.in_query
        self.empty = endpoint.takes is Nothing
        self.repeatable = endpoint.method != "POST" and endpoint.operation not in _FLIPS
        self.keyed = endpoint.idempotent and not endpoint.keeps_secret
        self.slow = endpoint.takes_file or endpoint.returns_file or endpoint.thinks
        self.renews = endpoint.operation in _RENEWS
        self.kind: Any = list[endpoint.returns] if endpoint.many else endpoint.returns  # type: ignore[name-defined]
        hidden = {field.name for field in attrs.fields(endpoint.ref) if not field.repr}
        self.hides = tuple(index for index, name in enumerate(self.names) if name in hidden)
        self.secret_fields = frozenset(
            field.name
            for field in wire_fields(endpoint.request_class).values()
            if any(isinstance(mark, Secret) for mark in marks(field.type))
        )
        self.takes_secrets = bool(self.hides or self.secret_fields)

    def conceal(self, ids: Sequence[Any], named: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments of a method with the secrets among them as ``SecretStr``."""
        hidden = {index - len(self.names) for index in self.hides}
        return (
            tuple(conceal(part) if index - len(ids) in hidden else part for index, part in enumerate(ids)),
            {name: conceal(found) if name in self.secret_fields else found for name, found in named.items()},
        )

    def said(self, named: Mapping[str, Any]) -> Any:
        """The request of these keywords.

        Raises:
            TypeError: One is missing or unknown; told by the method's name.
        """
        try:
            return self.takes(**{name: _id_of(name, found) for name, found in named.items()})
        except TypeError as error:
            told = re.sub(r"^\w+(\.__init__)?\(\)", f"{self.operation}()", str(error))
            raise TypeError(told) from None

    def call(self, place: Mapping[str, str], said: Any, headers: Mapping[str, str], options: Options) -> Call:
        """The call with that request.

        Args:
            place: The parts of the path by name, quoted.
            said: What ``said`` made.
            headers: Of every call of the client.
            options: Of this one.
        """
        path = self.template % tuple([place[name] for name in self.names])
        if self.hides:
            path = SecretStr(path)
        query, body, repeatable = "", b"", self.repeatable
        sent = {**headers, **options.headers} if options.headers else dict(headers)
        if not self.empty:
            try:
                if self.in_query:
                    query = encode_query(said)
                else:
                    body = encode_body(said)
                    sent["content-type"] = "application/json"
            except (TypeError, UnicodeEncodeError) as error:
                raise _unsayable(self.operation, error) from None
        if self.keyed:
            sent["idempotency-key"] = options.idempotency_key or os.urandom(16).hex()
            repeatable = True
        elif options.idempotency_key is not None and self.method == "POST":
            sent["idempotency-key"] = options.idempotency_key
        if options.if_match is not None and self.method in ("PATCH", "DELETE"):
            sent["if-match"] = options.if_match
        return Call(self, RawRequest(self.method, path, query, sent, body), options, repeatable)

    def shown(self, path: str) -> str:
        """A path of this endpoint as errors and logs may show it: without the secrets in it."""
        if not self.hides:
            return path
        parts = path.split("/")
        places = [index for index, part in enumerate(self.template.split("/")) if part == "%s"]
        for index in self.hides:
            parts[places[index]] = "…"
        return "/".join(parts)

    def answer(self, response: RawResponse) -> Any:
        """What the body of an answer says.

        Raises:
            UnreadableAnswer: Not what the API promises.
            Proposed: The change waits for somebody to approve it: the token is an agent's.
        """
        if response.status == 202 and self.endpoint.status != 202:
            raise self._proposed(response)
        if self.endpoint.returns_file:
            return response.body
        try:
            return self._parse(response.body)
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
            # Of an answer that should hold a secret, nothing is shown.
            beginning = b"" if self.endpoint.keeps_secret else response.body[:80]
            raise UnreadableAnswer(
                f"the answer cannot be read as {self.endpoint.returns.__name__} ({error}): "
                f"{beginning.decode('utf-8', 'replace')!r}",
                status=response.status,
                body=response.body,
            ) from None

    def _parse(self, body: bytes) -> Any:
        """Return the value that a body holds; in a frame of its own, since the parsed body may hold a token."""
        data = orjson.loads(body)
        if self.many and not isinstance(data, list):
            raise TypeError(f"a list was expected, not {type(data).__name__}")
        return read(self.kind, data)

    def _proposed(self, response: RawResponse) -> CallFailed:
        # Here, since few clients are agents.
        from stellary.contract.proposals import Proposal

        try:
            return Proposed(read(Proposal, orjson.loads(response.body)))
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
            return UnreadableAnswer(
                f"the answer cannot be read as Proposal ({error})",
                status=response.status,
                body=response.body,
            )


def segment(name: str, text: object) -> str:
    """One part of a path, quoted as ``Ref.path`` quotes it.

    Args:
        name: Of the ref's field, for the message.
        text: An id or a slug, or a value that has one.

    Raises:
        Invalid: It is empty, ``.`` or ``..``, which would lead to another place.
        TypeError: It is neither a text nor a value with an id.
    """
    if not isinstance(text, str):
        text = _part_of(name, text)
    if text in ("", ".", ".."):
        raise Invalid(f"{camel(name)} must not be {text!r}", code="invalid_path")
    try:
        quoted = quote(text, safe="")
        return SecretStr(quoted) if isinstance(text, SecretStr) else quoted
    except UnicodeEncodeError:
        raise Invalid(f"{camel(name)} must not contain half a surrogate pair", code="invalid_path") from None


def _part_of(name: str, found: object) -> str:
    """What names that value: the slug in a place for slugs, the user's id in one for users, else its id."""
    for attribute in ("slug",) if name.endswith("_slug") else (name, "id") if name == "user_id" else ("id",):
        part = getattr(found, attribute, None)
        if isinstance(part, str):
            return part
    raise TypeError(f"{name} must be a text, or a value that has one, not {type(found).__name__}")


def _id_of(name: str, found: Any) -> Any:
    """A value that stands where an id does becomes its id; everything else stays."""
    if isinstance(found, Value):
        return _part_of("user_id" if hasattr(found, "user_id") and not hasattr(found, "id") else "id", found)
    if name.endswith("_ids") and isinstance(found, Sequence) and not isinstance(found, str):
        return [_id_of("id", each) for each in found]
    return found


def _unsayable(operation: str, error: Exception) -> Exception:
    if "surrogates" in str(error):
        return Invalid("a text must not contain half a surrogate pair")
    return TypeError(f"{operation}(): {error}")


@functools.cache
def _link_pattern() -> re.Pattern[str]:
    return re.compile(r'<([^<>]*+)>\s*+;[^,<]*?\brel="?next"?', re.IGNORECASE)


def next_cursor(headers: Mapping[str, str]) -> str | None:
    """The cursor of the page that follows, as the ``Link`` header of an answer names it."""
    link = headers.get("link")
    found = _link_pattern().search(link) if link else None
    if found is None:
        return None
    try:
        pairs = dict(parse_qsl(urlsplit(found.group(1)).query))
    except ValueError:
        return None
    return pairs.get("cursor") or None


def version_tag(version: object) -> str:
    """What ``If-Match`` says for a version, a value that has one, or an ``ETag`` as it was received.

    Raises:
        TypeError: It is none of these.
    """
    found = getattr(version, "version", version)
    if isinstance(found, int) and not isinstance(found, bool):
        return f'"{found}"'
    if isinstance(found, str) and found:
        return found if found == "*" or found.startswith(('"', "W/")) else f'"{found}"'
    raise TypeError(f"if_match must be a version or a value that has one, not {type(version).__name__}")
