"""SQL conditions for tests of the fields of cards, which are built for each request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Integer,
    String,
    Text,
    and_,
    case,
    cast,
    literal,
    or_,
    select,
    true,
    type_coerce,
)

from stellary.core.board.queries import searching
from stellary.core.board.queries.card_filters import LABELS, contains_text, label_pattern
from stellary.core.board.rules.card_conditions import (
    CHOICES,
    DATES,
    RANGES,
    Combination,
    Condition,
    SortKey,
    Test,
    Value,
)
from stellary.core.board.tables import cards, projects, relations

Column: TypeAlias = ColumnElement[Any]
_CHECKLIST = type_coerce(cards.c.checklist, Text)
_UNFINISHED = literal('%"done":false%')
_KEY: ColumnElement[str] = (
    select(projects.c.key).where(projects.c.id == cards.c.project_id).correlate(cards).scalar_subquery()
    + "-"
    + cast(cards.c.number, String)
)
_blockers = cards.alias("blockers")
_IS_BLOCKED = (
    select(relations.c.id)
    .join_from(relations, _blockers, _blockers.c.id == relations.c.source_id)
    .where(
        relations.c.target_id == cards.c.id,
        relations.c.type == "blocks",
        _blockers.c.status != "done",
        ~_blockers.c.archived,
    )
    .correlate(cards)
    .exists()
)
_EMPTY: Mapping[str, ColumnElement[bool]] = {
    "label": LABELS == "[]",
    "checklist": _CHECKLIST == "[]",
    "assignee": cards.c.assignee_id.is_(None),
    "priority": cards.c.priority.is_(None),
    **{field: cards.c[column].is_(None) for field, column in RANGES.items()},
}


_COLUMNS: Mapping[str, ColumnElement[str]] = {
    **{name: cards.c[f"{name}_id"] for name in ("assignee", "column", "scope", "project")},
    **{name: cards.c[name] for name in ("priority", "status")},
}
"""The columns that have the values of a field, by field."""
_MATCHES: Mapping[str, Callable[[str], ColumnElement[bool]]] = {
    "label": lambda label_id: LABELS.like(literal(label_pattern(label_id))),
    "archived": lambda flag: cards.c.archived == literal(flag == "true"),
    "blocked": lambda flag: _IS_BLOCKED if flag == "true" else ~_IS_BLOCKED,
    "checklist": lambda state: (
        _CHECKLIST.like(_UNFINISHED)
        if state == "incomplete"
        else and_(_CHECKLIST != "[]", _CHECKLIST.not_like(_UNFINISHED))
    ),
    "text": lambda text: contains_text(literal(searching.pattern_of(text)), _KEY),
}
"""The condition that a card has a value, by other fields."""


def build_condition(condition: Condition) -> ColumnElement[bool]:
    """Return the SQL condition of a condition whose names are resolved."""
    if isinstance(condition, Combination):
        parts = [build_condition(part) for part in condition.parts]
        if condition.operator == "not":
            return parts[0].is_not(true())
        return (and_ if condition.operator == "and" else or_)(*parts)
    assert isinstance(condition, Test)
    matches = _match(condition.field, list(dict.fromkeys(condition.values)))
    if not matches:
        column = cards.c[RANGES[condition.field]]
        matches = [
            and_(
                *([column >= literal(condition.lower, column.type)] if condition.lower is not None else []),
                *([column < literal(condition.upper, column.type)] if condition.upper is not None else []),
            )
        ]
    matched = or_(*matches)
    return matched.is_not(true()) if condition.negated else matched


def _match(field: str, values: Sequence[Value]) -> list[ColumnElement[bool]]:
    """Return conditions of which one has to match."""
    texts = [value for value in values if isinstance(value, str)]
    empty = [
        _EMPTY[field] if value is None else ~_EMPTY[field] for value in values if not isinstance(value, str)
    ]
    if texts and field in _COLUMNS:
        # Compiled once for any number of values.
        return [*empty, _COLUMNS[field].in_(texts)]
    return [*empty, *map(_MATCHES[field], texts)] if texts else empty


def sort_parts(key: SortKey) -> list[Column]:
    """Return what a statement orders cards by: those without a value come last.

    Args:
        key: The field.
    """
    value = sort_value(key)
    return [value.is_(None), value.desc() if key.descending else value]


def sort_value(key: SortKey) -> Column:
    """Return the column by which cards are sorted, or the rank of its value.

    Args:
        key: The field.
    """
    if key.field in DATES:
        return cards.c[DATES[key.field]]
    column = cards.c[key.field]
    if key.field in RANGES:
        # As it is stored: the places of cursors are whole numbers.
        return type_coerce(column, Integer)
    return case(*((column == value, rank) for rank, value in enumerate(CHOICES[key.field])))
