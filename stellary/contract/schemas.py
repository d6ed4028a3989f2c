"""JSON Schemas (draft 2020-12) of the contract's classes, for OpenAPI and for tools."""

from __future__ import annotations

import inspect
import re
from datetime import date, datetime
from typing import Annotated, Any, Literal, get_args, get_origin

import attrs

from stellary.contract.limits import (
    RELATIVE_DAY_PATTERN,
    REPEATED_MAX,
    Items,
    Reference,
    RelativeDay,
    Repeatable,
    Secret,
    checks,
)
from stellary.contract.naming import marks, members, once, whole, wire_fields
from stellary.contract.wire import UNSET, Request, Unset

Schema = dict[str, Any]

_PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    datetime: {"type": "string", "format": "date-time"},
    # A request accepts both.
    date: {
        "type": "string",
        "anyOf": [{"format": "date"}, {"format": "date-time"}],
        "description": "An ISO 8601 date (midnight UTC), or a date-time with an offset.",
    },
    Any: {},
}


class Schemas:
    """The schemas of classes, including nested ones. All other schemas refer to them.

    Attributes:
        definitions: The schemas by class name.
    """

    def __init__(self, prefix: str = "#/components/schemas/") -> None:
        self.definitions: dict[str, Schema] = {}
        self._prefix = prefix
        self._classes: dict[str, type] = {}

    def of(self, kind: Any) -> Schema:
        """Return the schema of a type: a reference for a class of the contract, else the schema itself."""
        if get_origin(kind) is Annotated:
            return self._with_limits(kind)
        parts = [part for part in members(kind) if part is not Unset]
        if type(None) in parts:
            return _nullable(self.of(_non_null_type(parts)))
        if len(parts) > 1:
            return {"anyOf": [self.of(part) for part in parts]}
        return self._single(kind) if parts[0] is kind else self.of(parts[0])

    def partial(self, cls: type) -> Schema:
        """Return the schema of a class of which a response has the id and the fields that the request names."""
        self.of(cls)
        name = f"Partial{cls.__name__}"
        self.definitions[name] = {**self.definitions[cls.__name__], "title": name, "required": ["id"]}
        return {"$ref": self._prefix + name}

    def field(self, cls: type, field: attrs.Attribute[Any]) -> Schema:
        """Return the schema of a field, with its default and its description.

        Args:
            cls: The class that has the field.
            field: The field.
        """
        schema = dict(self.of(field.type))
        if description := documentation(cls)[1].get(field.name):
            schema["description"] = in_wire_words(cls, description)
        if field.default is not attrs.NOTHING and field.default is not UNSET:
            schema["default"] = list(field.default) if isinstance(field.default, tuple) else field.default
        return schema

    def _single(self, kind: Any) -> Schema:
        origin, args = get_origin(kind), get_args(kind)
        if kind in _PLAIN:
            return dict(_PLAIN[kind])
        if origin is Literal:
            return {"type": "string", "enum": list(args)}
        if origin is list:
            return {"type": "array", "items": self.of(args[0])}
        if origin is dict:
            values = self.of(args[1])
            return {"type": "object"} | ({"additionalProperties": values} if values else {})
        if attrs.has(kind):
            return self._reference(kind)
        raise TypeError(f"{kind} has no JSON schema")

    def _with_limits(self, kind: Any) -> Schema:
        schema = self.of(get_args(kind)[0])
        for limit in checks(kind):
            schema |= limit.schema()
        if schema.get("type") == "string" and any(isinstance(mark, Secret) for mark in marks(kind)):
            schema["format"] = "password"
        if any(isinstance(mark, Reference) for mark in marks(kind)):
            schema["description"] = "The id of an item that the caller can see."
        for mark in marks(kind):
            if isinstance(mark, RelativeDay):
                schema["anyOf"] = [*schema["anyOf"], {"pattern": f"^(?:{RELATIVE_DAY_PATTERN})$"}]
            if isinstance(mark, Repeatable):
                items = _nullable(schema) if mark.takes_none else schema
                limits = Items(1, REPEATED_MAX).schema()
                return {"anyOf": [schema, {"type": "array", "items": items, **limits}]}
        return schema

    def _reference(self, cls: type) -> Schema:
        name = cls.__name__
        if self._classes.setdefault(name, cls) is not cls:
            raise TypeError(f"two classes of the contract are called {name}")
        if name not in self.definitions:
            self.definitions[name] = {}  # so that a class may refer to itself
            self.definitions[name].update(self._object(cls))
        return {"$ref": self._prefix + name}

    def _object(self, cls: type) -> Schema:
        fields = wire_fields(cls)
        is_request = issubclass(cls, Request)
        required = [
            name
            for name, field in fields.items()
            if (field.default is attrs.NOTHING if is_request else Unset not in members(field.type))
        ]
        schema: Schema = {"type": "object", "title": cls.__name__}
        if prose := documentation(cls)[0]:
            schema["description"] = in_wire_words(cls, prose)
        if (body := whole(cls)) is not None:
            return schema | self.of(body.type)
        schema["properties"] = {name: self.field(cls, field) for name, field in fields.items()}
        if required:
            schema["required"] = required
        if issubclass(cls, Request):
            schema["additionalProperties"] = cls.tolerant
        return schema


def _non_null_type(parts: list[Any]) -> Any:
    types = [part for part in parts if part is not type(None)]
    if len(types) != 1:
        raise TypeError(f"a nullable field has one type beside None, not {types}")
    return types[0]


def _nullable(schema: Schema) -> Schema:
    if not schema:
        return schema
    if "type" not in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    enum = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return schema | {"type": [schema["type"], "null"]} | enum


# --------------------------------------------------------------------------------------------------------- docstrings


@once
def documentation(cls: type) -> tuple[str, dict[str, str]]:
    """Return the docstring of a contract class: its prose, and the description of each field by Python name.

    Descriptions of fields are inherited from base classes.
    """
    prose, fields = "", {}
    for base in reversed(cls.__mro__):
        if attrs.has(base):
            prose, descriptions = _parse_docstring(base.__doc__ or "")
            fields.update(descriptions)
    return prose, fields


def in_wire_words(cls: type, text: str) -> str:
    """Return a text of a docstring in terms of JSON: ``null``, and fields by their wire names.

    Args:
        cls: The class whose fields the text may name.
        text: The text.
    """
    names = {field.name: name for name, field in wire_fields(cls).items()}
    text = text.replace(" (in Python `None`)", "")
    renamed = re.sub(r"`(\w+)`", lambda match: f"`{names.get(match[1], match[1])}`", text)
    return re.sub(r"\bNone\b", "null", renamed)


def _parse_docstring(text: str) -> tuple[str, dict[str, str]]:
    prose, _, section = inspect.cleandoc(text).partition("Attributes:\n")
    descriptions: dict[str, str] = {}
    for entry in re.split(r"\n(?=    \S)", "\n" + section):
        names, colon, description = entry.partition(":")
        if colon:
            descriptions |= dict.fromkeys(re.split(r",\s*", names.strip()), _to_sentence(description))
    return _to_sentence(prose), descriptions


def _to_sentence(text: str) -> str:
    """Return the text on one line, with Markdown's single backticks."""
    return " ".join(text.split()).replace("``", "`")
