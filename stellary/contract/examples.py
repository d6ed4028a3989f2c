"""Examples of requests and responses: the published ones, completed with values derived from the classes' fields."""

from __future__ import annotations

import json
from datetime import date, datetime
from importlib.resources import files
from typing import Any, Literal, get_args, get_origin

import attrs

from stellary.contract.naming import base, members, whole, wire_fields
from stellary.contract.router import AnyEndpoint
from stellary.contract.wire import Request, Unset, Value

ID = "665f1a2b3c4d5e6f7a8b9c0d"
MOMENT = "2026-01-15T10:30:00Z"
_FIELDS_INCLUDED = 4

# The examples of the API reference by operation, without abbreviations; ``texts`` by wire name, because the type does not show
# what a string is about; and ``names`` from the reference, by the last word of the request class.
_DATA: dict[str, dict[str, Any]] = json.loads(files(__package__).joinpath("examples.json").read_text("utf-8"))
_NUMBERS = {"percent": 100, "windowSeconds": 60, "httpStatus": 200}
_ANY = {"content": {"type": "doc", "content": []}}
_BY_TYPE: dict[Any, Any] = {str: "Q1 Launch", int: 2, float: 1.5, bool: True, Any: "a value"}


def request_of(endpoint: AnyEndpoint) -> Any:
    """Return an example request of the endpoint."""
    return _DATA["requests"].get(endpoint.operation) or example(endpoint.request_class)


def answer_of(endpoint: AnyEndpoint) -> Any:
    """Return an example response of the endpoint: all fields, with the values of the API reference where it has some."""
    generated = _answer("", endpoint.returns, ())
    response = _DATA["answers"].get(endpoint.operation)
    if not endpoint.many:
        return _complete(response, generated)
    return [generated] if response is None else [_complete(item, generated) for item in response]


def _complete(published_value: Any, generated: Any) -> Any:
    """Return the published example with the fields it lacks."""
    if published_value is None:
        return generated
    if isinstance(published_value, dict) and isinstance(generated, dict):
        completed = {name: _complete(published_value.get(name), value) for name, value in generated.items()}
        return {
            **completed,
            **{name: value for name, value in published_value.items() if name not in generated},
        }
    if isinstance(published_value, list) and isinstance(generated, list) and generated:
        return [_complete(item, generated[0]) for item in published_value]
    return published_value


def _answer(name: str, kind: Any, within: tuple[Any, ...]) -> Any:
    """Return an example value of a response: null where allowed, and empty where it would recurse forever."""
    parts = members(kind)
    if type(None) in parts:
        return None
    kind = base(kind)
    origin, args = get_origin(kind), get_args(kind)
    if origin is Literal:
        return args[0]
    if origin is list:
        return [] if args[0] in within else [_answer(name, args[0], within)]
    if origin is dict:
        return {}
    if kind in (date, datetime):
        return MOMENT
    if isinstance(kind, type) and issubclass(kind, Value):
        types = {field_name: field.type for field_name, field in wire_fields(kind).items()}
        values = {
            field_name: _answer(field_name, type, (*within, kind))
            for field_name, type in types.items()
            if Unset not in members(type)
        }
        # A card's key contains its number.
        return (
            values | {"key": f"LAUNCH-{values['number']}"} if {"key", "number"} <= values.keys() else values
        )
    if kind in (int, Any):
        return {**_NUMBERS, **_ANY}.get(name, _BY_TYPE[kind])
    return _example_of(name, kind)


def example(cls: type[Request]) -> dict[str, Any]:
    """Return an example request in wire names: all required fields, and optional ones until there are four fields."""
    fields = wire_fields(cls)
    if (body := whole(cls)) is not None:
        return {ID: _example_of(body.name, get_args(base(body.type))[1])}
    required = [name for name, field in fields.items() if field.default is attrs.NOTHING]
    optional = [name for name in fields if name not in required]
    included = {*required, *optional[: max(0, _FIELDS_INCLUDED - len(required))]}
    example_name = next((text for end, text in _DATA["names"].items() if cls.__name__.endswith(end)), None)
    return {
        name: example_name if name == "name" and example_name else _example_of(name, field.type)
        for name, field in fields.items()
        if name in included
    }


def _example_of(name: str, kind: Any) -> Any:
    kind = base(kind)
    origin, args = get_origin(kind), get_args(kind)
    if origin is Literal:
        return args[-1]
    if origin is list:
        return [_example_of(name, args[0])]
    if origin is dict:
        return {ID: _example_of(name, args[1])}
    if kind in (date, datetime):
        return "2027-04-01"
    if isinstance(kind, type) and issubclass(kind, Request):
        return example(kind)
    if (
        kind is str
        and name not in _DATA["texts"]
        and name.lower().endswith(("id", "ids", "to", "before", "after"))
    ):
        return ID
    return _DATA["texts"].get(name, _BY_TYPE[kind]) if kind is str else _BY_TYPE[kind]
