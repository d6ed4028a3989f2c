"""Values of custom fields in the form in which the API stores them, checked before any request is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stellary.contract import field_values
from stellary.contract.custom_fields import FieldType


def to_stored(kind: FieldType, options: Sequence[str], value: Any) -> Any:
    """Return a value in the form in which the API stores it; None if it clears the field.

    Args:
        kind: The type of the field.
        options: The options of a ``select`` or ``multi-select``.
        value: The declared value.

    Raises:
        ValueError: The value does not fit the field's type; the message is a clause that follows the path.
    """
    if field_values.clears(kind, value):
        return None
    stored = field_values.read(kind, options, value)
    if stored is None:
        raise ValueError(field_values.MESSAGES[kind])
    return stored
