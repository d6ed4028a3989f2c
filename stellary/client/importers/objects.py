"""Reading of the objects in other tools' files. Values whose type differs from the declared one are omitted and reported."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from stellary.client.importers.formats import ObjectFormat, ValueFormat, ValueType
from stellary.client.importers.reading import NAME_MAX, LossReport, text_of

ID_MAX = 100
NUMBER_MAX = 2_000_000_000
"""The highest number of a card."""
_INTEGER_END = 2**53

_DESCRIPTIONS: Mapping[ValueType, str] = {
    "text": "a text",
    "id": f"a text of 1 to {ID_MAX} characters",
    "integer": "an integer of at most 15 digits",
    "number": "a number",
    "boolean": "true or false",
}


def read_object(value: Any, object_format: ObjectFormat, where: str, report: LossReport) -> dict[str, Any]:
    """Return the fields of an object that the importer reads, each of its declared type.

    Fields with content that the importer neither reads nor ignores are reported, as are values of another type.

    Args:
        value: The object in the file; for anything else, the result is empty.
        object_format: The fields and their types.
        where: The place of the object, for the report. Not used if the format has a ``named_by``.
        report: The report of the file.
    """
    if isinstance(value, str) and object_format.text_field is not None:
        value = {object_format.text_field: value}
    note = report.note_once if object_format.repeated else report.note
    if not isinstance(value, dict):
        note(object_format.kind, "it is not an object", where)
        return {}
    where = _describe_place(value, object_format) or where
    fields = {}
    for name, field_value in value.items():
        kind = f"{object_format.kind}.{name}"
        field_type = object_format.types.get(name)
        if field_type is None:
            if object_format.reports(name) and _has_content(field_value):
                note(kind, "Stellary has no equivalent", where)
        elif field_value is not None:
            field = _read_value(field_value, field_type, kind, where, note, report)
            if field is not None:
                fields[name] = field
    return fields


def is_card_number(value: Any) -> bool:
    """Return whether a value of a file can be the number of a card."""
    return _is_integer(value) and 0 < value <= NUMBER_MAX


def _read_value(
    value: Any,
    value_type: ValueFormat,
    kind: str,
    where: str,
    note: Callable[[str, str, str], None],
    report: LossReport,
) -> Any:
    """Return a value if it has the declared type; otherwise note it and return None."""
    if isinstance(value_type, ObjectFormat):
        fields = read_object(value, value_type, where, report)
        if value_type.required is None or value_type.required in fields:
            return fields
        place = _describe_place(value, value_type) or where
        note(value_type.kind, f"it has no valid {value_type.required}", place)
        return None
    if isinstance(value_type, list):
        if not isinstance(value, list):
            note(kind, "it is not a list", where)
            return None
        items = [_read_value(item, value_type[0], kind, where, note, report) for item in value]
        return [item for item in items if item is not None]
    if not _MATCHES[value_type](value):
        note(kind, f"it is not {_DESCRIPTIONS[value_type]}", where)
        return None
    return text_of(value) if value_type == "text" else value


def _describe_place(value: Any, object_format: ObjectFormat) -> str | None:
    name = value.get(object_format.named_by) if isinstance(value, dict) else None
    if isinstance(name, str):
        return f"{object_format.kind} {text_of(name)[:NAME_MAX]!r}"
    return f"{object_format.kind} {name}" if _is_integer(name) else None


def _has_content(value: Any) -> bool:
    # A file may be nested more deeply than Python can recurse.
    remaining = [value]
    while remaining:
        nested = remaining.pop()
        if isinstance(nested, Mapping):
            remaining.extend(item for name, item in nested.items() if name != "url")
        elif isinstance(nested, list):
            remaining.extend(nested)
        elif nested:
            return True
    return False


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -_INTEGER_END < value < _INTEGER_END


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= ID_MAX and text_of(value) == value


_MATCHES: Mapping[ValueType, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "id": _is_id,
    "integer": _is_integer,
    "number": lambda value: _is_integer(value) or (isinstance(value, float) and math.isfinite(value)),
    "boolean": lambda value: isinstance(value, bool),
}
