"""The conditions of the filters of card lists, by name; those for cards without a value are called ``no priority``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import ColumnElement, String, Text, bindparam, cast, func, or_, type_coerce

from stellary.contract.limits import ID_PATTERN
from stellary.core.board.queries import searching
from stellary.core.board.tables import cards
from stellary.core.kernel.paging import equals_unindexed

_KEY: ColumnElement[str] = bindparam("_project_key", type_=String) + "-" + cast(cards.c.number, String)


LABELS = type_coerce(cards.c.label_ids, Text)


def label_pattern(label_id: str) -> str:
    """Return the pattern of the labels of cards with a label."""
    # An id has 24 hex digits, so a quoted id only matches itself. A text that is not an id matches no card.
    return f'%"{label_id}"%' if re.fullmatch(ID_PATTERN, label_id) else ""


def contains_text(pattern: ColumnElement[str], key: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that a card contains a text.

    Args:
        pattern: The parameter with the pattern of the text.
        key: The expression with the key of the card.
    """
    return or_(*(searching.contains(text, pattern) for text in (cards.c.title, cards.c.description, key)))


def _avoid_index(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return a column as an expression for which no database uses an index."""
    return func.coalesce(column, column, type_=column.type)


def _build_conditions(
    equals: Callable[[ColumnElement[Any], ColumnElement[Any]], ColumnElement[bool]],
    read: Callable[[ColumnElement[Any]], ColumnElement[Any]],
) -> dict[str, ColumnElement[bool]]:
    """Build the conditions.

    Args:
        equals: Compares a column with a value.
        read: Returns the expression by which a column is compared otherwise.
    """
    equal = ("column_id", "scope_id", "assignee_id", "priority", "status", "archived")
    return {
        **{name: equals(cards.c[name], bindparam(name, type_=cards.c[name].type)) for name in equal},
        "label_id": LABELS.like(bindparam("label_id", type_=Text)),
        "due_before": read(cards.c.due_date) < bindparam("due_before"),
        "due_after": read(cards.c.due_date) >= bindparam("due_after"),
        "updated_since": read(cards.c.updated_at) >= bindparam("updated_since"),
        "q": contains_text(bindparam("q", type_=String), _KEY),
        "no assignee_id": read(cards.c.assignee_id).is_(None),
        "no label_id": LABELS == "[]",
        "no priority": read(cards.c.priority).is_(None),
    }


CONDITIONS: Final = _build_conditions(operator.eq, lambda column: column)
"""The conditions of whole lists."""
NAMES: Final = tuple(name for name in CONDITIONS if " " not in name)
"""The names of the filters."""
PAGE_CONDITIONS: Final = _build_conditions(equals_unindexed, _avoid_index)
"""The conditions of pages, which read the index of another filter."""
