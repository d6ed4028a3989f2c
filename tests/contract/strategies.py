"""Hypothesis strategies derived from the contract: any request, any value, any JSON."""

import json
from datetime import UTC, date, datetime
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin

import attrs
from hypothesis import settings
from hypothesis import strategies as st

from stellary.contract import ENDPOINTS
from stellary.contract.limits import Blank, Different, EmailFormat, Items, Length, Pattern, Range, checks
from stellary.contract.naming import members, whole, wire_fields
from stellary.contract.rich_text import RichText
from stellary.contract.wire import UNSET, Request, Unset, Value

# What JSON from outside may contain: no NUL, no half of a surrogate pair.
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
TEXTS = st.text(CHARACTERS, max_size=30)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | INTEGERS | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
MOMENTS = st.datetimes(timezones=st.just(UTC))


# There are dozens of classes: together they get many more examples than one test does.
few_each = settings(max_examples=max(5, settings.default.max_examples // 10))


DOCUMENTS = st.builds(
    lambda texts: {
        "type": "doc",
        "content": [{"type": "paragraph", "content": [{"type": "text", "text": text}]} for text in texts],
    },
    st.lists(TEXTS.filter(bool), max_size=3),
)


def _collect_classes(kind: Any) -> set[type]:
    """Return the contract's classes that a type refers to, directly or indirectly."""
    if isinstance(kind, type) and attrs.has(kind):
        return {kind}.union(*(_collect_classes(field.type) for field in wire_fields(kind).values()))
    return set().union(*(_collect_classes(part) for part in get_args(kind) if part is not kind))


_ALL = set().union(
    *(_collect_classes(kind) for endpoint in ENDPOINTS for kind in (endpoint.takes, endpoint.returns))
)
REQUESTS = sorted(
    (cls for cls in _ALL if issubclass(cls, Request) and not whole(cls)), key=lambda cls: cls.__name__
)
VALUES = sorted((cls for cls in _ALL if issubclass(cls, Value)), key=lambda cls: cls.__name__)


@cache
def requests(cls: type[Request]) -> st.SearchStrategy[Any]:
    """Return a strategy of valid requests of a class."""
    return st.builds(cls, **{field.name: _build_strategy(field.type) for field in wire_fields(cls).values()})


@cache
def values(cls: type[Value]) -> st.SearchStrategy[Any]:
    """Return a strategy of values of a class."""
    return st.builds(cls, **{field.name: _build_strategy(field.type) for field in wire_fields(cls).values()})


def _build_strategy(kind: Any) -> st.SearchStrategy[Any]:
    if get_origin(kind) is Annotated:
        return _build_limited(kind)
    parts = members(kind)
    if len(parts) > 1:
        return st.one_of([_build_strategy(part) for part in parts])
    return _build_single(kind)


def _build_single(kind: Any) -> st.SearchStrategy[Any]:
    origin, args = get_origin(kind), get_args(kind)
    simple = {
        str: TEXTS,
        int: INTEGERS,
        float: NUMBERS,
        bool: st.booleans(),
        datetime: MOMENTS,
        date: MOMENTS,
        type(None): st.none(),
        Unset: st.just(UNSET),
        Any: JSON,
    }
    if kind in simple:
        return simple[kind]
    if origin is Literal:
        return st.sampled_from(args)
    if origin is list:
        return st.lists(_build_strategy(args[0]), max_size=3)
    if origin is dict:
        return st.dictionaries(TEXTS, _build_strategy(args[1]), max_size=3)
    return requests(kind) if issubclass(kind, Request) else values(kind)


def _build_limited(kind: Any) -> st.SearchStrategy[Any]:
    limits = {type(limit): limit for limit in checks(kind)}
    if RichText in limits:
        return DOCUMENTS | TEXTS if limits[RichText].markdown else DOCUMENTS
    if Pattern in limits:
        return st.from_regex(limits[Pattern].regex, fullmatch=True)
    if EmailFormat in limits:
        return st.emails()
    if Range in limits:
        return st.integers(limits[Range].min, limits[Range].max)
    if Items in limits:
        (item,) = get_args(get_args(kind)[0])
        most = min(limits[Items].max, 3)
        return st.lists(
            _build_strategy(item), min_size=limits[Items].min, max_size=most, unique=Different in limits
        )
    strategy = _build_strategy(get_args(kind)[0])
    if Length in limits:
        shortest, longest = limits[Length].min, limits[Length].max
        strategy = st.text(CHARACTERS, min_size=shortest, max_size=min(longest, shortest + 30))
    if Blank in limits and not limits[Blank].allowed:
        strategy = strategy.filter(lambda text: not text.isspace())
    return strategy


def as_json(data: bytes) -> Any:
    """Parse JSON bytes with the standard library."""
    return json.loads(data)
