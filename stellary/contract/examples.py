"""Examples: a request as somebody might send it, made from the fields of its class."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal, get_args, get_origin

import attrs

from stellary.contract.naming import base, whole, wire_fields
from stellary.contract.wire import Request

ID = "665f1a2b3c4d5e6f7a8b9c0d"
_FIELDS_SHOWN = 4

# By wire name, since what a text is about is in its name and not in its type.
_TEXTS = {
    "color": "#22c55e",
    "content": "Spec looks good, let's proceed.",
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
_BY_TYPE: dict[Any, Any] = {str: "Q1 Launch", int: 2, float: 1.5, bool: True, Any: "a value"}


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
