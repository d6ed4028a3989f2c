"""Custom fields: what a project wants to know of its cards. Section Custom Fields of the API reference."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from stellary.contract.wire import Value, value

FieldType = Literal["text", "number", "select", "multi-select", "date", "boolean"]


@value
class CustomField(Value):
    """The definition of a field that each card of the project has.

    Attributes:
        options: What can be chosen, for ``select`` and ``multi-select``; else empty.
    """

    id: str
    project_id: str
    name: str
    type: FieldType
    options: list[str]
    required: bool
    created_at: datetime
    updated_at: datetime
