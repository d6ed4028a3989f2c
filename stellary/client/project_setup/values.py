"""Values of custom fields, as the API keeps them: checked before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stellary.contract import field_values
from stellary.contract.custom_fields import FieldType


def kept(kind: FieldType, options: Sequence[str], found: Any) -> Any:
    """A value as it is kept; None for one that is taken away.

    Raises:
        ValueError: It is none of the field's type; told as a clause.
    """
    if field_values.clears(kind, found):
        return None
    made = field_values.read(kind, options, found)
    if made is None:
        raise ValueError(field_values.SAID[kind])
    return made
