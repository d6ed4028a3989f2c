"""Examples: a request as somebody might send it, and its answer: as published, and else made from the fields of its class."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal, get_args, get_origin

import attrs

from stellary.contract import published
from stellary.contract.naming import base, members, whole, wire_fields
from stellary.contract.router import AnyEndpoint
from stellary.contract.unset import Unset
from stellary.contract.wire import Request, Value

ID = "665f1a2b3c4d5e6f7a8b9c0d"
MOMENT = "2026-01-15T10:30:00Z"
_FIELDS_SHOWN = 4

# By wire name, since what a text is about is in its name and not in its type.
_TEXTS = {
    "color": "#22c55e",
    "content": "Spec looks good, let's proceed.",
    "actionType": "move_card",
    "authorName": "Jane Doe",
    "actorName": "Jane Doe",
    "currentPassword": "old-password",
    "description": "REST routes for the billing module",
    "email": "user@example.com",
    "feedback": "Add a phase for testing. Start on 2027-05-03.",
    "key": "LAUNCH",
    "lastEventId": "42",
    "newPassword": "new-secure-pass",
    "password": "secure-pass-123",
    "slug": "acme-corp",
    "title": "Design API endpoints",
    "url": "https://hooks.example.com/stellary",
}
# As the API reference calls each kind of thing; by the last word of the request's class.
_NAMES = {
    "Register": "Jane Doe",
    "Me": "Jane Doe",
    "Organization": "Acme Corp",
    "Workspace": "Engineering",
    "Scope": "Payments",
    "Column": "In Review",
    "Label": "Bug",
    "Field": "Estimate",
    "Automation": "Start what is moved",
    "Token": "CI Pipeline",
}
_NUMBERS = {"percent": 100, "windowSeconds": 60, "httpStatus": 200}
_ANY = {"content": {"type": "doc", "content": []}}
_BY_TYPE: dict[Any, Any] = {str: "Q1 Launch", int: 2, float: 1.5, bool: True, Any: "a value"}


def request_of(endpoint: AnyEndpoint) -> Any:
    """What a call of that endpoint may say."""
    return published.REQUESTS.get(endpoint.operation) or example(endpoint.request_class)


def answer_of(endpoint: AnyEndpoint) -> Any:
    """What it may be answered: all fields, with what the API reference says of them."""
    made = _answer("", endpoint.returns, ())
    found = published.ANSWERS.get(endpoint.operation)
    if not endpoint.many:
        return _completed(found, made)
    return [made] if found is None else [_completed(each, made) for each in found]


def _completed(found: Any, made: Any) -> Any:
    """What was published, with what it lacks."""
    if found is None:
        return made
    if isinstance(found, dict) and isinstance(made, dict):
        return {
            name: _completed(found[name], each) if name in found else each for name, each in made.items()
        } | {name: each for name, each in found.items() if name not in made}
    if isinstance(found, list) and isinstance(made, list) and made:
        return [_completed(each, made[0]) for each in found]
    return found


def _answer(name: str, kind: Any, within: tuple[Any, ...]) -> Any:
    """A value that an answer may have there: null where it may be, and empty where it would go on for ever."""
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
        fields = {each: field.type for each, field in wire_fields(kind).items()}
        made = {
            each: _answer(each, type, (*within, kind))
            for each, type in fields.items()
            if Unset not in members(type)
        }
        # A card's key has its number.
        return made | {"key": f"LAUNCH-{made['number']}"} if {"key", "number"} <= made.keys() else made
    if kind in (int, Any):
        return {**_NUMBERS, **_ANY}.get(name, _BY_TYPE[kind])
    return _example_of(name, kind)


def example(cls: type[Request]) -> dict[str, Any]:
    """A request in wire names: what is required, and of what is not as much as makes four fields."""
    fields = wire_fields(cls)
    if (body := whole(cls)) is not None:
        return {ID: _example_of(body.name, get_args(base(body.type))[1])}
    required = [name for name, field in fields.items() if field.default is attrs.NOTHING]
    optional = [name for name in fields if name not in required]
    shown = {*required, *optional[: max(0, _FIELDS_SHOWN - len(required))]}
    called = next((said for end, said in _NAMES.items() if cls.__name__.endswith(end)), None)
    return {
        name: called if name == "name" and called else _example_of(name, field.type)
        for name, field in fields.items()
        if name in shown
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
    if kind is str and name not in _TEXTS and name.lower().endswith(("id", "ids", "to", "before", "after")):
        return ID
    return _TEXTS.get(name, _BY_TYPE[kind]) if kind is str else _BY_TYPE[kind]
