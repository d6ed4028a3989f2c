"""Requests made at random from what an operation takes: good, nearly good, and nonsense."""

import random
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Literal, get_args, get_origin
from urllib.parse import urlencode

import attrs

from stellary.contract.limits import EmailFormat, Items, Length, Range, Reference
from stellary.contract.naming import base, marks, whole, wire_fields
from stellary.contract.wire import Request
from tests.security.good_requests import GOOD_REQUESTS, make_path_params
from tests.security.permission_world import PathParams, PermissionWorld
from tests.security.table import AGENTS, Row
from tests.support.core_parts import SERVICES

CALLERS = ("OO",) * 24 + ("WA", "PM", "WM", "PR", "PATfull", "OUT", *AGENTS)
"""Personas that send requests: mostly one who may do anything."""

ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz ",
    "0123456789",
    "%_'\"\\;--/*",
    "<>&{}[]()`#*|!~^$",
    "\t\n\r\x0b\x0c\x1b\x7f\x85",
    "äéßøŁİ\u0131\u017f",
    "\u200b\u200d\u202e\ufeff\u0301\u0300",
    "漢字仮名한글",
    "😀👩\u200d👩\u200d👧🏳️",
    "\ud7ff\ue000\uffff\U0010ffff",
)
WORDS = (
    "",
    " ",
    "null",
    "none",
    "me",
    "true",
    "0",
    "-1",
    "1e309",
    "NaN",
    "../../etc/passwd",
    "https://example.com",
    "javascript:alert(1)",
    "a@example.com",
    "# Title\n\n- [ ] task",
    "{{7*7}}",
    "move to Done and set priority high",
)
DATES = ("2026-04-01", "2026-04-01T10:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01", "2026-02-30", "")
NUMBERS = (
    0,
    1,
    -1,
    2,
    10,
    100,
    101,
    500,
    501,
    2**31 - 1,
    2**31,
    2**53,
    2**63 - 1,
    -(2**63),
    0.5,
    -0.0,
    1e300,
)


@attrs.frozen
class RandomRequest:
    """A request, as ``send`` takes it."""

    persona: str
    params: PathParams
    body: Any
    query: str
    headers: Mapping[str, str]


class RequestMaker:
    """Makes requests for one operation.

    Args:
        permission_world: The world that receives the requests.
        row: The operation.
        seed: Decides everything: the same seed makes the same requests in the same world.
    """

    def __init__(self, permission_world: PermissionWorld, row: Row, seed: int) -> None:
        self._random = random.Random(f"{seed} {row.operation}")
        self._permission_world = permission_world
        self._row = row
        self._endpoint = SERVICES[row.operation].endpoint
        world = permission_world
        self._param_sets = (world.here, world.beside, world.next_door, world.abroad, world.gone)
        self._ids = sorted({value for params in self._param_sets[:2] for value in params.values()})

    def make(self) -> RandomRequest:
        """Return the next request."""
        persona = self._choose(CALLERS)
        good_request = GOOD_REQUESTS[self._row.operation]
        body = good_request.body(self._permission_world) if good_request.body else None
        query = ""
        if not self._endpoint.takes_file:
            if self._endpoint.in_query:
                query = self._make_query(good_request.query)
            else:
                body = self._make_body(body or {})
        return RandomRequest(
            persona, self._make_place(persona), body, query, self._make_headers(good_request.headers)
        )

    def _choose(self, options: Any) -> Any:
        return options[self._random.randrange(len(options))]

    def _happens(self, probability: float) -> bool:
        return self._random.random() < probability

    def _make_place(self, persona: str) -> PathParams:
        params = dict(make_path_params(self._permission_world, self._row, persona))
        if params and self._happens(0.1):
            name = self._choose(sorted(params))
            text = self._make_text(8).replace("/", "") or "x"
            elsewhere = self._choose(self._param_sets).get(name, params[name])
            params[name] = self._choose((elsewhere, text, self._choose(self._ids), "0" * 24))
        return params

    def _make_headers(self, usual: Mapping[str, str]) -> dict[str, str]:
        headers = dict(usual)
        if self._happens(0.1):
            headers["if_match"] = self._choose(('"1"', '"2"', "*", 'W/"1"', "", "x", '"1", "2"'))
        if self._happens(0.1):
            headers["idempotency_key"] = self._choose(("k1", "k2", "x" * 300, "é", ""))
        return headers

    def _make_query(self, usual: str) -> str:
        pairs = []
        if not whole(self._endpoint.request_class):
            for name, field in wire_fields(self._endpoint.request_class).items():
                if self._happens(0.3):
                    value = self._make_value(name, field.type, ...)
                    values = value if isinstance(value, list) else [value]
                    pairs += [(name, _as_text(item)) for item in values[:12]]
        if self._happens(0.03):
            pairs.append((self._make_text(5), self._make_text(5)))
        query = urlencode(pairs, errors="replace")
        return "&".join(filter(None, (usual if self._happens(0.7) else "", query)))

    def _make_body(self, usual: Any) -> Any:
        if self._happens(0.03):
            return self._make_json(3)
        request_class = self._endpoint.request_class
        if whole(request_class):
            return self._mutate(usual)
        body = dict(usual) if self._happens(0.8) else {}
        for name, field in wire_fields(request_class).items():
            if self._happens(0.25):
                body[name] = self._make_value(name, field.type, body.get(name, ...))
            elif self._happens(0.03):
                body.pop(name, None)
        return body

    def _make_value(self, name: str, kind: Any, usual: Any) -> Any:
        """Return a value for a field: mostly one of its type, on the edges of its limits."""
        if self._happens(0.08):
            return self._make_json(2)
        if usual is not ... and self._happens(0.2):
            return self._mutate(usual)
        if type(None) in get_args(kind) and self._happens(0.1):
            return None
        plain, limits = base(kind), {type(mark): mark for mark in marks(kind)}
        origin, arguments = get_origin(plain), get_args(plain)
        if origin is Literal:
            return self._choose(arguments)
        if origin is list:
            most = min(limits[Items].max + 1, 4) if Items in limits else 4
            return [self._make_value(name, arguments[0], ...) for _ in range(self._random.randint(0, most))]
        if origin is dict:
            return self._make_object()
        if isinstance(plain, type) and issubclass(plain, Request) and not whole(plain):
            return {
                key: self._make_value(key, field.type, ...)
                for key, field in wire_fields(plain).items()
                if self._happens(0.6)
            }
        return self._make_simple(name, plain, limits)

    def _make_simple(self, name: str, plain: Any, limits: Mapping[type, Any]) -> Any:
        if Reference in limits or (name.endswith(("Id", "Ids")) and plain is str):
            elsewhere = self._choose(self._param_sets[2:]).get(name, "?")
            return self._choose((*self._ids, "none", "f" * 24, elsewhere))
        if EmailFormat in limits:
            addresses = (f"{self._make_text(3)}@example.com", "wm@example.com", "new@example.com", "@")
            return self._choose(addresses)
        makers: dict[Any, Callable[[], Any]] = {
            str: lambda: self._make_text(limits[Length].max if Length in limits else 50),
            int: lambda: self._make_number(limits.get(Range)),
            bool: lambda: self._happens(0.5),
            date: lambda: self._choose(DATES),
        }
        return makers.get(plain, lambda: self._make_json(3))()

    def _make_object(self) -> dict[str, Any]:
        keys = (*self._ids[:5], *self._ids[-5:], "field", "type", "params", "all", "any", "cardId")
        return {self._choose(keys): self._make_json(2) for _ in range(self._random.randint(0, 3))}

    def _make_number(self, limit: Range | None) -> Any:
        edges = (limit.min - 1, limit.min, limit.max, limit.max + 1) if limit else ()
        return self._choose((*edges, *NUMBERS))

    def _make_text(self, length: int) -> str:
        """Return a text of at most a bit more than a length; a long one now and then."""
        if self._happens(0.3):
            return str(self._choose(WORDS))
        size = self._random.choice((1, 2, 5, 20))
        if self._happens(0.05):
            size = min(length + self._random.choice((-1, 0, 1)), 6_000)
        alphabet = self._choose(ALPHABETS) + self._choose(ALPHABETS)
        return "".join(self._random.choices(alphabet, k=max(size, 0)))

    def _make_json(self, depth: int) -> Any:
        """Return any JSON."""
        if depth and self._happens(0.4):
            if self._happens(0.5):
                return [self._make_json(depth - 1) for _ in range(self._random.randint(0, 3))]
            return {self._make_text(5): self._make_json(depth - 1) for _ in range(self._random.randint(0, 3))}
        return self._choose(
            (None, True, False, self._choose(NUMBERS), self._make_text(10), self._choose(self._ids))
        )

    def _mutate(self, value: Any) -> Any:
        """Return JSON in which one thing is different."""
        if isinstance(value, dict) and value and self._happens(0.9):
            name = self._choose(sorted(value))
            changed = dict(value)
            changed[name] = self._mutate(value[name])
            if self._happens(0.1):
                changed[self._make_text(5)] = changed.pop(name)
            return changed
        if isinstance(value, list) and value and self._happens(0.9):
            index = self._random.randrange(len(value))
            return [*value[:index], self._mutate(value[index]), *value[index + self._random.randint(0, 1) :]]
        return self._make_json(2)


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
