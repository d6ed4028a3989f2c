"""The texts and lists that requests contain, derived from the contract, and hostile values for them."""

import copy
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, get_args, get_origin
from urllib.parse import parse_qsl

import attrs

from stellary.contract import examples
from stellary.contract.limits import EmailFormat, Items, Length, Pattern, Reference, Secret
from stellary.contract.naming import base, marks, whole, wire_fields
from stellary.contract.rich_text import RichText
from stellary.contract.wire import Request
from tests.security.good_requests import GOOD_REQUESTS
from tests.security.permission_world import PathParams, PermissionWorld
from tests.security.table import Row

Step = str | int
FIXED_FORMS = (Reference, EmailFormat, Pattern, Secret)
"""The marks of texts that have a fixed form or are compared with a stored one, so that hostile values may be refused."""

SHAPES: Mapping[str, Callable[[int], str]] = {
    "one word": lambda size: "x" * size,
    # Each occurs less often than a line that difflib ignores, and in code, each remains a line.
    "short lines": lambda size: _join_parts((f"{number % 150}\n" for number in itertools.count()), size),
    "ab": lambda size: "ab" * (size // 2),
    "nesting": lambda size: _join_parts(
        (f"{'  ' * (number % 30)}- {'> ' * 9}[(*_`\"'" for number in itertools.count()), size
    ),
    "mentions": lambda size: _join_parts((f"@wm @x{number} " for number in itertools.count()), size),
    "links": lambda size: _join_parts(itertools.cycle(["[a](https://a.b/?q=_*", "www.a.b.", "![a]("]), size),
    "marks and emoji": lambda size: _join_parts(
        itertools.cycle(["e\u0301\u0323", "\U0001f469\u200d\U0001f467 ", "\u202e\u0130\u017f"]), size
    ),
    "nearly matching": lambda size: _join_parts(
        itertools.cycle(["- [ ]" + " " * 40, "\t" * 40, "1." * 20, "by 1 by 1 ", "--- | "]), size
    ),
}
"""Texts of a size that a careless pattern, comparison or parser takes long for, by the name of their shape."""


def _join_parts(parts: Iterator[str], size: int) -> str:
    return "".join(itertools.islice(parts, size))[: size - 1] + "."


def nest(text: str) -> dict[str, Any]:
    """Return a TipTap document as deep as it may be, with a text in many nodes."""
    size = max(len(text) // 200, 1)
    parts = [text[start : start + size] for start in range(0, len(text), size)]
    nodes = [
        {"type": "paragraph", "content": [{"type": "text", "text": part, "marks": [{"type": "bold"}]}]}
        for part in parts
    ]
    for _ in range(12):
        nodes = [{"type": "bulletList", "content": [{"type": "listItem", "content": nodes}]}]
    return {"type": "doc", "content": nodes}


@attrs.frozen
class Slot:
    """A place in a request that takes a text, a list or any JSON.

    Attributes:
        steps: The names and indexes that lead to it.
        size_max: The number of characters of a text, or of items of a list, that it may have.
        item: For a list, an item; None for a text.
        wrap: The function that builds the value from a text; None if it is the text itself.
        has_fixed_form: Whether hostile values may be refused.
        beside: Other fields of the request that it requires.
    """

    steps: tuple[Step, ...]
    size_max: int
    item: Any = None
    wrap: Callable[[str], Any] | None = None
    has_fixed_form: bool = False
    beside: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def name(self) -> str:
        return ".".join(map(str, self.steps)).replace(".0", "[]") + (" (TipTap)" if self.wrap is nest else "")

    def build_value(self, shape: str, size: int, number: int) -> Any:
        """Return the value of a write: about so many characters; each write begins differently.

        Args:
            shape: The name of the shape.
            size: The number of characters.
            number: The number of the write, from 0.
        """
        if self.item is not None:
            count = min(self.size_max, max(size // 200, 1))
            return [_make_different(self.item, number * count + place) for place in range(count)]
        front = f"Version {number}." + ("\n\n```\n" if shape == "short lines" else " ")
        text = (front + SHAPES[shape](max(min(size, self.size_max) - len(front), 1)))[: self.size_max]
        return text if self.wrap is None else self.wrap(text)


def _make_different(item: Any, number: int) -> Any:
    """Return a copy of an item of a list whose texts are unlike those of the others."""
    if isinstance(item, str):
        return f"{item}{number}"
    if not isinstance(item, dict):
        return item
    names = ("id", "name", "title", "email", "content")
    return {key: f"{number}{value}" if key in names else value for key, value in item.items()}


def find_slots(cls: type[Request], good: Mapping[str, Any]) -> Iterator[Slot]:
    """Yield the slots of a request class and of the classes within it.

    Args:
        cls: The request class.
        good: A good request, whose objects are completed with a slot.
    """
    if whole(cls) is not None:
        yield Slot((next(iter(good)),), SIZE_MAX)
        return
    for name, field in wire_fields(cls).items():
        yield from _find_slots(field.type, (name,), good.get(name))


SIZE_MAX = 100_000


def _find_slots(kind: Any, steps: tuple[Step, ...], good: Any) -> Iterator[Slot]:
    plain, limits = base(kind), {type(mark): mark for mark in marks(kind)}
    has_fixed_form = steps[-1] == "cursor" or any(form in limits for form in FIXED_FORMS)
    if plain is str:
        most = min(limits[Length].max if Length in limits else SIZE_MAX, SIZE_MAX)
        wrap = (lambda text: f"https://example.com/{text}"[:most]) if steps[-1] == "url" else None
        yield Slot(steps, most, wrap=wrap, has_fixed_form=has_fixed_form)
    elif get_origin(plain) is list:
        (item_type,) = get_args(plain)
        item = good[0] if good else make_sample(item_type)
        most = limits[Items].max if Items in limits else SIZE_MAX
        is_word = get_origin(base(item_type)) is Literal
        yield Slot(steps, most, item=item, has_fixed_form=is_word or Reference() in marks(item_type))
        yield from _find_slots(item_type, (*steps, 0), item)
    elif isinstance(plain, type) and issubclass(plain, Request):
        for name, field in wire_fields(plain).items():
            if name not in steps:
                yield from _find_slots(field.type, (*steps, name), (good or {}).get(name))
    elif RichText in limits:
        yield Slot(steps, SIZE_MAX, wrap=nest)
        if limits[RichText].markdown:
            yield Slot(steps, SIZE_MAX, beside={"contentFormat": "markdown"})
    elif get_origin(plain) is dict:
        yield Slot(steps, SIZE_MAX, wrap=lambda text: _replace_text(good or {"x": "x"}, text))


def _replace_text(value: Any, text: str) -> Any:
    """Return JSON in which a text replaces the last one."""
    if isinstance(value, str):
        return text
    key: Any = -1 if isinstance(value, list) else list(value)[-1]
    changed = copy.copy(value)
    changed[key] = _replace_text(value[key], text)
    return changed


def make_sample(kind: Any) -> Any:
    """Return a small valid value of a type: of an object, the fields that are required."""
    plain = base(kind)
    if isinstance(plain, type) and issubclass(plain, Request):
        return {
            name: make_sample(field.type)
            for name, field in wire_fields(plain).items()
            if field.default is attrs.NOTHING
        }
    return examples._example_of("", kind) if plain is not str else "x"


def fill(cls: type[Request], good: Mapping[str, Any], slot: Slot, value: Any) -> dict[str, Any]:
    """Return a request with a value in a slot; objects and lists on the way to it are created."""
    body: dict[str, Any] = copy.deepcopy({**good, **slot.beside})
    container: Any = body
    kind: Any = cls
    for step, following in itertools.pairwise([*slot.steps, None]):
        if isinstance(step, str):
            if not whole(kind):
                kind = base(wire_fields(kind)[step].type)
            if following is None:
                container[step] = value
            elif not container.get(step):
                container[step] = [] if isinstance(following, int) else make_sample(kind)
        else:
            kind = base(get_args(kind)[0])
            if not container:
                container.append(make_sample(kind))
            if following is None:
                container[step] = value
        if following is not None:
            container = container[step]
    return body


_RULE = {"trigger": "task_moved", "action": {"type": "add_comment", "params": {"content": "Well done."}}}
_RULE_CONDITIONS = {"all": [{"field": "title", "op": "contains", "value": "x"}]}
_FILE = {
    "scopes": [{"id": "s", "name": "Phase", "views": [{"type": "list", "settings": {"sortBy": "title"}}]}],
    "columns": [{"id": "c", "name": "To Do"}],
    "labels": [{"id": "l", "name": "Bug", "color": "#22c55e"}],
    "customFields": [{"id": "f", "name": "Severity", "type": "select", "options": ["high"]}],
    "automations": [_RULE | {"name": "Praise", "conditions": _RULE_CONDITIONS}],
}
_DAILY = {"recurrence": {"rule": "FREQ=DAILY"}}
_CARDS = {"cards": [{"title": "First", "columnIndex": 0, **_DAILY}]}
COMPLETED: Mapping[str, Callable[[PathParams], dict[str, Any]]] = {
    "projects.import": lambda _: _FILE | _CARDS,
    "imports.create": lambda _: _FILE,
    "imports.add_part": lambda _: _CARDS,
    "automations.create": lambda _: {"conditions": _RULE_CONDITIONS},
    "automations.update": lambda _: _RULE | {"conditions": _RULE_CONDITIONS},
    "cards.list": lambda here: {"customField": [f"{here['fieldId']}:x"]},
    "cards.create": lambda here: {"customFields": {here["fieldId"]: "x"}, **_DAILY},
    "cards.update": lambda here: {"customFields": {here["fieldId"]: "x"}, **_DAILY},
    "cards.create_many": lambda here: {
        "cards": [
            {"title": "x", "columnId": here["columnId"], "customFields": {here["fieldId"]: "x"}, **_DAILY}
        ]
    },
    "cards.update_many": lambda here: {
        "cards": [{"id": here["cardId"], "customFields": {here["fieldId"]: "x"}, **_DAILY}]
    },
}
"""What the requests have beside those of the permission tests, by operation."""


def make_good_request(permission_world: PermissionWorld, row: Row) -> dict[str, Any]:
    good_request = GOOD_REQUESTS[row.operation]
    good = dict(parse_qsl(good_request.query))
    if good_request.body:
        good = good_request.body(permission_world)
    complete = COMPLETED.get(row.operation)
    return good | (complete(permission_world.here) if complete else {})
