"""Bad requests of every kind, derived from the request classes of the contract: invalid fields and invalid JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Literal, get_args, get_origin

import attrs

from stellary.contract.limits import Blank, EmailFormat, Items, Length, Pattern, Range, Reference, Secret
from stellary.contract.naming import base, marks, members, whole, wire_fields
from stellary.contract.rich_text import RichText
from stellary.contract.wire import Request

BIG = 2**63
SAMPLES = {
    "null": None,
    "a boolean": True,
    "an integer": 5,
    "a number": 5.5,
    "a text": "x",
    "a list": [],
    "an object": {},
}
DATES = (
    "yesterday",
    "",
    "2026-02-30",
    "2026-13-01",
    "2026-4-1",
    "0000-01-01",
    "10000-01-01",
    "2026-04-01T10:00:00",
    "2026-04-01T25:00:00Z",
    "2026-04-01T10:00:00+99:00",
    "\u0662\u0660\u0662\u0666-\u0660\u0664-\u0660\u0661",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
)
ADDRESSES = ("nobody", "@example.com", "a@", "a b@example.com", "a@b@example.com", "x" * 300 + "@example.com")
OTHER_MEDIA_TYPES = (
    "",
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/jsonp",
    "application/json; charset=rot13",
    "application/json; charset=latin-1",
)

OPEN = {
    "settings": "of a view, which only clients read",
    "payload": "published as optional context data",
    "conditions": "refused as a whole",
}
"""Objects to which unknown names may be added, or whose unknown names have no path of their own, with the reason."""


@attrs.frozen
class Bad:
    """A bad value of a field, or a bad body.

    Attributes:
        why: The reason why it is bad.
        value: The value, or the bytes of the body.
        field: The path of the bad field, in wire names; None if the body is bad as a whole.
    """

    why: str
    value: Any
    field: str | None = None

    def below(self, path: str, value: Any) -> Bad:
        """Return the same within the object or list that contains it."""
        inner = self.field or ""
        return Bad(self.why, value, path + (inner if not inner or inner.startswith("[") else f".{inner}"))


def make_bad_bodies(cls: type[Request], good: Mapping[str, Any]) -> Iterator[Bad]:
    """Yield objects that are no requests of a class, each for one reason."""
    if whole(cls):
        # The caller chooses the names of its fields, so the service checks them.
        return
    yield from ((bad if bad.field else attrs.evolve(bad, field="")) for bad in _bad_objects(cls, good))


def _bad_objects(cls: type[Request], good: Mapping[str, Any]) -> Iterator[Bad]:
    for name, field in wire_fields(cls).items():
        for bad in make_bad_values(field.type, good.get(name)):
            yield bad.below(name, {**good, name: bad.value})
        if get_origin(base(field.type)) is dict and name in good and name not in OPEN:
            yield Bad("an unknown name", {**good, name: {**good[name], "unknown": 1}}, f"{name}.unknown")
        if name in good and field.default is attrs.NOTHING:
            yield Bad("missing", {key: value for key, value in good.items() if key != name}, name)
    if not cls.tolerant:
        yield Bad("an unknown field", {**good, "noSuchField": 1}, "noSuchField")
        yield Bad("a field by its Python name", {**good, "no_such_field": 1}, "no_such_field")


def make_bad_values(kind: Any, good: Any = None) -> Iterator[Bad]:
    """Yield values that a field of a type cannot have.

    Args:
        kind: The type of the field.
        good: A good value of the field, which is modified, if there is one.
    """
    plain, limits = base(kind), marks(kind)
    nullable = type(None) in members(kind)
    for name, sample in SAMPLES.items():
        if name not in _types(plain) and not (name == "null" and nullable):
            yield Bad(name, sample)
    for limit in limits:
        yield from _beyond(limit, limits)
    if plain is date:
        yield from (Bad(f"the date {text!r}", text) for text in DATES)
    if get_origin(plain) is Literal:
        yield Bad("another word", "no-such-word")
    if get_origin(plain) is list:
        yield from _bad_lists(plain, limits, good)
    if isinstance(plain, type) and issubclass(plain, Request):
        yield from _bad_objects(plain, good or _smallest(plain))


def _types(plain: Any) -> tuple[str, ...]:
    """Return the JSON types that a type accepts."""
    if plain is Any:
        return tuple(SAMPLES)
    if plain in (str, date) or get_origin(plain) is Literal:
        return ("a text",) if plain is not date else ()
    if plain in (bool, int, float):
        return {bool: ("a boolean",), int: ("an integer",), float: ("an integer", "a number")}[plain]
    return ("a list",) if get_origin(plain) is list else ("an object",)


def _beyond(limit: Any, limits: tuple[Any, ...]) -> Iterator[Bad]:
    """Yield values beyond one of the limits of a field."""
    match limit:
        case Length(least, most):
            yield Bad("too long", "x" * (most + 1))
            if least:
                yield Bad("empty", "")
            if least and Blank(allowed=True) not in limits:
                yield from (
                    Bad(f"blank {text!r}", text) for text in (" ", "\t\n", "\u3000", "\u00a0" * least)
                )
        case RichText():
            yield from (Bad(f"the content {document!r}"[:60], document) for document in _bad_documents())
        case Range(least, most):
            yield from (
                Bad(f"the number {number}", number) for number in (least - 1, most + 1, BIG - 1, -BIG)
            )
        case Pattern():
            # A secret may have any ASCII character but a space.
            bad = (" ", "x" * 1001) if Secret() in limits else ("!", "#12345")
            yield from (Bad(f"the text {text[:20]!r}", text) for text in ("", *bad, "\u0661" * 4, "x\n"))
        case EmailFormat():
            yield from (Bad(f"the address {text[:20]!r}", text) for text in ADDRESSES)


def _bad_documents() -> Iterator[Any]:
    yield from (5, True, [], {}, {"type": "paragraph"}, "a text that is no TipTap document")
    yield {"type": "doc", "content": {}}
    for node in (
        5,
        None,
        [],
        {},
        {"type": 5},
        {"type": ""},
        {"type": "text"},
        {"type": "text", "text": ""},
        {"type": "text", "text": 5},
        {"type": "text", "text": "x", "marks": {}},
        {"type": "text", "text": "x", "marks": ["bold"]},
        {"type": "text", "text": "x", "marks": [{"type": "link", "attrs": "x"}]},
        {"type": "heading", "attrs": []},
        {"type": "heading", "attrs": [1]},
        {"type": "paragraph", "content": "x"},
        {"type": "paragraph", "content": None},
        {"type": "paragraph", "content": [{"type": "text", "text": "x" * (1 << 20)}]},
    ):
        yield {"type": "doc", "content": [node]}


def _bad_lists(plain: Any, limits: tuple[Any, ...], good: Any) -> Iterator[Bad]:
    (kind,) = get_args(plain)
    element = good[0] if good else _sample(kind)
    every = list(make_bad_values(kind, good[0] if good else None))
    yield from (bad.below("[0]", [bad.value]) for bad in every)
    yield from (bad.below("[1]", [element, bad.value]) for bad in every[:3])
    for limit in limits:
        if isinstance(limit, Items):
            yield Bad("too many", [element] * (limit.max + 1))
            if limit.min:
                yield Bad("too few", [])


def _sample(kind: Any) -> Any:
    plain = base(kind)
    if isinstance(plain, type) and issubclass(plain, Request):
        return _smallest(plain)
    return get_args(plain)[0] if get_origin(plain) is Literal else "x"


def _smallest(cls: type[Request]) -> dict[str, Any]:
    return {
        name: _sample(field.type)
        for name, field in wire_fields(cls).items()
        if field.default is attrs.NOTHING
    }


def find_references(cls: type[Request], path: str = "") -> Iterator[str]:
    """Yield the fields that hold ids of other items, such as ``cards[].labelIds[]``."""
    for name, field in wire_fields(cls).items():
        yield from _references(field.type, f"{path}.{name}" if path else name)


def _references(kind: Any, path: str) -> Iterator[str]:
    plain = base(kind)
    if Reference() in marks(kind):
        yield path
    elif get_origin(plain) is list:
        yield from _references(get_args(plain)[0], path + "[]")
    elif isinstance(plain, type) and issubclass(plain, Request):
        yield from find_references(plain, path)


def make_invalid_json(good: Mapping[str, Any]) -> Iterator[Bad]:
    """Yield good bodies with one defect, so that they are not JSON as the API accepts it."""
    body = json.dumps(good)
    inside = body[:-1] + (", " if good else "")
    name = next((key for key, value in good.items() if isinstance(value, str)), "name")
    texts = {
        "a key twice": f'{inside}"{name}": "x", "{name}": "x"}}',
        "too deep": f'{inside}"noSuchField": {"[" * 65}{"]" * 65}}}',
        "very deep": f'{inside}"noSuchField": {"[" * 20_000}{"]" * 20_000}}}',
        "very deep and not closed": "[" * 20_000,
        "NaN": f'{inside}"noSuchField": NaN}}',
        "Infinity": f'{inside}"noSuchField": Infinity}}',
        "-Infinity": f'{inside}"noSuchField": -Infinity}}',
        "a number too large": f'{inside}"noSuchField": 1e999}}',
        "2**63": f'{inside}"noSuchField": {BIG}}}',
        "-2**63 - 1": f'{inside}"noSuchField": {-BIG - 1}}}',
        "an endless integer": f'{inside}"noSuchField": {"1" * 5000}}}',
        "half a surrogate pair": json.dumps({**good, name: "\ud800"}),
        "the other half": json.dumps({**good, name: "x\udc00x"}),
        "half a surrogate pair in a key": json.dumps({**good, "\udbff": 1}),
        "NUL": json.dumps({**good, name: "x\0"}),
        "NUL in a key": json.dumps({**good, "\0": 1}),
        "a NUL that is not escaped": body.replace('"', '"\0', 1) if good else '{"\0": 1}',
        "a line feed that is not escaped": '{"name": "\n"}',
        "not closed": body[:-1],
        "something after it": body + "{}",
        "a comma at the end": inside.rstrip(", ") + ",}",
        "single quotes": "{'name': 'x'}",
        "a comment": "/* */ " + body,
        "a byte order mark": "\ufeff" + body,
        "white space alone": "  ",
        "a list": "[]",
        "a text": '"x"',
        "a number": "5",
        "null": "null",
        "true": "true",
    }
    yield from (Bad(why, text.encode()) for why, text in texts.items())
    yield Bad("no UTF-8", b'{"name": "\xff"}')
    yield Bad("an overlong form", b'{"name": "\xc0\x80"}')
    yield Bad("a surrogate in UTF-8", b'{"name": "\xed\xa0\x80"}')
    yield Bad("UTF-16", body.encode("utf-16"))


def make_bad_queries(cls: type[Request]) -> Iterator[Bad]:
    """Yield query strings that no request of a class has."""
    yield Bad("an unknown parameter", "noSuchParameter=1", "noSuchParameter")
    yield Bad("no UTF-8", "noSuchParameter=%ff")
    for name, field in wire_fields(cls).items():
        plain, texts = base(field.type), []
        if get_origin(plain) is list:
            yield from (Bad(f"{name}={text}", f"{name}={text}", f"{name}[0]") for text in ("", "x", "x:y"))
            continue
        yield Bad("twice", f"{name}=1&{name}=1", name)
        if plain is int:
            (limit,) = (mark for mark in marks(field.type) if isinstance(mark, Range))
            edges = [str(limit.min - 1), str(limit.max + 1), "9" * 30]
            texts = ["", *edges, "-1", "1.5", "1e2", "x", "0x10", "%D9%A1", "+5", "1_0"]
        elif plain is bool:
            texts = ["", "yes", "2", "TRUE"]
        elif plain is date:
            texts = ["", "yesterday", "2026-02-30", "2026-04-01T10:00:00"]
        elif get_origin(plain) is Literal:
            texts = ["", "no-such-word"]
        elif Reference() not in marks(field.type):
            texts = ["", "%20", "%00", "x%00x", "x" * 2000]
        yield from (Bad(f"{name}={text[:30]}", f"{name}={text}", name) for text in texts)
