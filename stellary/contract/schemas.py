"""Schemas: the contract's classes as JSON Schema (draft 2020-12), for OpenAPI and for tools."""

from __future__ import annotations

import inspect
import re
from datetime import date, datetime
from typing import Annotated, Any, Literal, get_args, get_origin

import attrs

from stellary.contract.limits import Reference, Secret, checks
from stellary.contract.naming import marks, members, once, whole, wire_fields
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request

Schema = dict[str, Any]

_PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    datetime: {"type": "string", "format": "date-time"},
    # A request takes both.
    date: {
        "type": "string",
        "anyOf": [{"format": "date"}, {"format": "date-time"}],
        "description": "An ISO 8601 date (midnight UTC), or a date-time with an offset.",
    },
    Any: {},
}


class Schemas:
    """Collects the schema of each class that is asked for, and of those in it; everything else refers to them.

    Attributes:
        made: By the name of the class.
    """

    def __init__(self, prefix: str = "#/components/schemas/") -> None:
        self.made: dict[str, Schema] = {}
        self._prefix = prefix
        self._classes: dict[str, type] = {}

    def of(self, kind: Any) -> Schema:
        """The schema of a type: a reference for a class of the contract, else the schema itself."""
        if get_origin(kind) is Annotated:
            return self._limited(kind)
        parts = [part for part in members(kind) if part is not Unset]
        if type(None) in parts:
            return _nullable(self.of(_rest(parts)))
        if len(parts) > 1:
            return {"anyOf": [self.of(part) for part in parts]}
        return self._single(kind) if parts[0] is kind else self.of(parts[0])

    def field(self, cls: type, field: attrs.Attribute[Any]) -> Schema:
        """The schema of a field, with its default and what the class says of it."""
        made = dict(self.of(field.type))
        if said := documentation(cls)[1].get(field.name):
            made["description"] = in_wire_words(cls, said)
        if field.default is not attrs.NOTHING and field.default is not UNSET:
            made["default"] = field.default
        return made

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

    def _limited(self, kind: Any) -> Schema:
        made = self.of(get_args(kind)[0])
        for limit in checks(kind):
            made |= limit.schema()
        if any(isinstance(mark, Secret) for mark in marks(kind)):
            made["format"] = "password"
        if any(isinstance(mark, Reference) for mark in marks(kind)):
            made["description"] = "The id of something that the caller can see."
        return made

    def _reference(self, cls: type) -> Schema:
        name = cls.__name__
        if self._classes.setdefault(name, cls) is not cls:
            raise TypeError(f"two classes of the contract are called {name}")
        if name not in self.made:
            self.made[name] = {}  # so that a class may refer to itself
            self.made[name].update(self._object(cls))
        return {"$ref": self._prefix + name}

    def _object(self, cls: type) -> Schema:
        fields = wire_fields(cls)
        said = issubclass(cls, Request)
        required = [
            name
            for name, field in fields.items()
            if (field.default is attrs.NOTHING if said else Unset not in members(field.type))
        ]
        made: Schema = {"type": "object", "title": cls.__name__}
        if prose := documentation(cls)[0]:
            made["description"] = in_wire_words(cls, prose)
        if (body := whole(cls)) is not None:
            return made | self.of(body.type)
        made["properties"] = {name: self.field(cls, field) for name, field in fields.items()}
        if required:
            made["required"] = required
        if issubclass(cls, Request):
            made["additionalProperties"] = cls.tolerant
        return made


def _rest(parts: list[Any]) -> Any:
    rest = [part for part in parts if part is not type(None)]
    if len(rest) != 1:
        raise TypeError(f"a nullable field has one type beside None, not {rest}")
    return rest[0]


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
    """What the docstring of a contract class says: its prose, and a sentence for each field by its Python name.

    A field that is described in a class above is described there for all.
    """
    prose, fields = "", {}
    for each in reversed(cls.__mro__):
        if attrs.has(each):
            prose, own = _parsed(each.__doc__ or "")
            fields.update(own)
    return prose, fields


def in_wire_words(cls: type, said: str) -> str:
    """What a docstring says, for readers of JSON: ``null``, and fields by their wire names."""
    names = {field.name: name for name, field in wire_fields(cls).items()}
    told = re.sub(r"`(\w+)`", lambda found: f"`{names.get(found[1], found[1])}`", said)
    return re.sub(r"\bNone\b", "null", told)


def _parsed(text: str) -> tuple[str, dict[str, str]]:
    prose, _, section = inspect.cleandoc(text).partition("Attributes:\n")
    found: dict[str, str] = {}
    for entry in re.split(r"\n(?=    \S)", "\n" + section):
        names, colon, said = entry.partition(":")
        if colon:
            found |= dict.fromkeys(re.split(r",\s*", names.strip()), _sentence(said))
    return _sentence(prose), found


def _sentence(text: str) -> str:
    """Running text on one line, in Markdown's single backticks."""
    return " ".join(text.split()).replace("``", "`")
