"""SQL conditions for tests of the fields of cards, which are built for each request."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, String, Text, and_, case, cast, literal, or_, select, true, type_coerce

from stellary.contract.limits import ID_PATTERN
from stellary.core.board.queries import searching
from stellary.core.board.rules.card_conditions import (
    CHOICES,
    DATES,
    Combination,
    Condition,
    SortKey,
    Test,
    Value,
)
from stellary.core.board.tables import cards, projects, relations

Column: TypeAlias = ColumnElement[Any]
_LABELS, _CHECKLIST = (type_coerce(column, Text) for column in (cards.c.label_ids, cards.c.checklist))
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
    "label": _LABELS == "[]",
    "checklist": _CHECKLIST == "[]",
    "assignee": cards.c.assignee_id.is_(None),
    "priority": cards.c.priority.is_(None),
    **{field: cards.c[column].is_(None) for field, column in DATES.items()},
}


def _contain(text: str) -> ColumnElement[bool]:
    pattern = literal(searching.pattern_of(text))
    return or_(
        *(searching.contains(column, pattern) for column in (cards.c.title, cards.c.description, _KEY))
    )


_MATCHES: Mapping[str, Callable[[str], ColumnElement[bool]]] = {
    **{name: cards.c[f"{name}_id"].__eq__ for name in ("assignee", "column", "scope", "project")},
    **{name: cards.c[name].__eq__ for name in ("priority", "status")},
    "label": lambda label_id: _LABELS.like(
        literal(f'%"{label_id}"%' if re.fullmatch(ID_PATTERN, label_id) else "")
    ),
    "archived": lambda flag: cards.c.archived == literal(flag == "true"),
    "blocked": lambda flag: _IS_BLOCKED if flag == "true" else ~_IS_BLOCKED,
    "checklist": lambda state: (
        _CHECKLIST.like(_UNFINISHED)
        if state == "incomplete"
        else and_(_CHECKLIST != "[]", _CHECKLIST.not_like(_UNFINISHED))
    ),
    "text": _contain,
}
"""The condition that a card has a value, by field."""


def build_condition(condition: Condition) -> ColumnElement[bool]:
    """Return the SQL condition of a condition whose names are resolved."""
    if isinstance(condition, Combination):
        parts = [build_condition(part) for part in condition.parts]
        if condition.operator == "not":
            return parts[0].is_not(true())
        return (and_ if condition.operator == "and" else or_)(*parts)
    assert isinstance(condition, Test)
    matches = [_match(condition.field, value) for value in condition.values]
    if not matches:
        column = cards.c[DATES[condition.field]]
        matches = [
            and_(
                *([column >= literal(condition.lower, column.type)] if condition.lower else []),
                *([column < literal(condition.upper, column.type)] if condition.upper else []),
            )
        ]
    matched = or_(*matches)
    return matched.is_not(true()) if condition.negated else matched


def _match(field: str, value: Value) -> ColumnElement[bool]:
    if isinstance(value, str):
        return _MATCHES[field](value)
    return _EMPTY[field] if value is None else ~_EMPTY[field]


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
    return case(*((column == value, rank) for rank, value in enumerate(CHOICES[key.field])))
