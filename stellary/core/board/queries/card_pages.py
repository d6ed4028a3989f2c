"""Pages of cards in order of creation, each read by the index of one of its filters.

A page looks through at most ``SCAN_MAX`` cards of the index, so that it costs the same in a large project. It has fewer cards
than its limit, or none, if fewer of these match the other filters; the next page continues after them.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import attrs
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Integer,
    Select,
    String,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    null,
    select,
)

from stellary.core.board.queries.card_filters import PAGE_CONDITIONS
from stellary.core.board.queries.card_lists import ListStatements, LoadedCards, load_cards
from stellary.core.board.tables import card_terms, cards, columns
from stellary.core.db.base import IdType
from stellary.core.kernel.paging import SCAN_MAX, belongs_to, belongs_to_any, equals_unindexed, make_cursor
from stellary.core.kernel.unit import UnitOfWork

ALL = "all"
TERM = "term"
"""The index of the value of a custom field, by the parameter ``_term``."""

_AFTER, _END = bindparam("_after", type_=IdType), bindparam("_end", type_=IdType)
_PROJECT_ID = bindparam("_project_id", type_=cards.c.project_id.type)
_IN_PROJECT = equals_unindexed(cards.c.project_id, _PROJECT_ID)
_TOO_MANY: ColumnElement[int] = bindparam("_too_many", type_=Integer)


@attrs.frozen
class _OrderedIndex:
    """An index that has the cards of a filter in order of creation.

    Attributes:
        id: The column with the id of the card.
        order: The columns before the id, by which the statement is ordered so that PostgreSQL uses the index.
        conditions: The conditions for the entries of the index.
        checks: Further conditions for the cards of a page.
    """

    id: ColumnElement[str]
    order: Sequence[ColumnElement[Any]]
    conditions: Sequence[ColumnElement[bool]]
    checks: Sequence[ColumnElement[bool]] = ()

    def select_end(self) -> Select[Any]:
        """Return the statement for the last card that a page looks through; null if there are not so many."""
        return self._read(select(self.id)).limit(1).offset(bindparam("_scanned", type_=Integer))

    def add_to(self, page: Select[Any], *, has_end: bool) -> Select[Any]:
        """Return the statement of a page that reads this index, up to the card ``_end``."""
        return self._read(page, has_end=has_end).where(*self.checks)

    def _read(self, rows: Select[Any], *, has_end: bool = False) -> Select[Any]:
        bounded = [self.id <= _END] if has_end else []
        return rows.where(*self.conditions, self.id > _AFTER, *bounded).order_by(*self.order, self.id)


class _TermIndex(_OrderedIndex):
    """The index of the terms of cards, from which the cards are read by their ids."""

    def add_to(self, page: Select[Any], *, has_end: bool) -> Select[Any]:
        """Return the statement of a page that reads this index, up to the card ``_end``."""
        # All that a page looks through, since PostgreSQL might read the cards first in a join.
        matches = self._read(select(self.id), has_end=has_end).limit(_TOO_MANY).scalar_subquery()
        return page.where(belongs_to_any(cards.c.id, matches), *self.checks).order_by(cards.c.id)


@attrs.frozen
class _SmallIndex:
    """An index in another order, which is read if at most ``SCAN_MAX`` cards match: all of them for each page.

    Attributes:
        order: The columns of the index, by which the statement is ordered so that PostgreSQL uses it.
        conditions: The conditions for the cards.
    """

    order: Sequence[ColumnElement[Any]]
    conditions: Sequence[ColumnElement[bool]]

    def _select_ids(self) -> Select[Any]:
        return select(cards.c.id).where(*self.conditions).order_by(*self.order).limit(_TOO_MANY)

    def select_end(self) -> Select[Any]:
        """Return the statement for null if few cards match, and for an empty text if many do."""
        matches = self._select_ids().subquery("matches")
        end = case((func.count() < _TOO_MANY, null()), else_=literal_column("''", String))
        return select(end).select_from(matches)

    def add_to(self, page: Select[Any], *, has_end: bool) -> Select[Any]:
        """Return the statement of a page that reads this index."""
        matches = self._select_ids().correlate(None).scalar_subquery()
        return page.where(belongs_to_any(cards.c.id, matches), cards.c.id > _AFTER).order_by(cards.c.id)


def _of_column(column: ColumnElement[Any], condition: ColumnElement[bool]) -> _OrderedIndex:
    """Return the index on a column, the project and the id."""
    return _OrderedIndex(cards.c.id, [column], [condition, cards.c.project_id == _PROJECT_ID])


def _by_value(column: ColumnElement[Any], name: str) -> _OrderedIndex:
    return _of_column(column, belongs_to(column, bindparam(name, type_=column.type)))


def _of_term(name: str) -> _TermIndex:
    condition = belongs_to(card_terms.c.term, bindparam(name, type_=String))
    return _TermIndex(card_terms.c.card_id, [card_terms.c.term], [condition], [_IN_PROJECT])


def _in_range(column: ColumnElement[Any], *conditions: ColumnElement[bool]) -> _SmallIndex:
    return _SmallIndex(
        [cards.c.project_id, column], [belongs_to(cards.c.project_id, _PROJECT_ID), *conditions]
    )


_INDEXES: Mapping[str, _OrderedIndex | _SmallIndex] = {
    "label_id": _of_term("_label"),
    TERM: _of_term("_term"),
    "assignee_id": _by_value(cards.c.assignee_id, "assignee_id"),
    "no assignee_id": _of_column(cards.c.assignee_id, cards.c.assignee_id.is_(None)),
    "column_id": _OrderedIndex(
        cards.c.id,
        [cards.c.column_id],
        [belongs_to(cards.c.column_id, bindparam("column_id"))],
        checks=[_IN_PROJECT],
    ),
    "status": _by_value(cards.c.status, "status"),
    "priority": _by_value(cards.c.priority, "priority"),
    "no priority": _of_column(cards.c.priority, cards.c.priority.is_(None)),
    # PostgreSQL takes a parameter in an array for a text.
    "archived": _of_column(
        cards.c.archived, belongs_to(cards.c.archived, cast(bindparam("archived", type_=Boolean), Boolean))
    ),
    "updated_since": _in_range(cards.c.updated_at, cards.c.updated_at >= bindparam("updated_since")),
    "due_before": _in_range(cards.c.due_date, cards.c.due_date < bindparam("due_before")),
    "due_after": _in_range(cards.c.due_date, cards.c.due_date >= bindparam("due_after")),
    "due_before due_after": _in_range(
        cards.c.due_date,
        cards.c.due_date < bindparam("due_before"),
        cards.c.due_date >= bindparam("due_after"),
    ),
    "scope_id": _SmallIndex(
        [cards.c.column_id, cards.c.archived, cards.c.position],
        [
            belongs_to_any(
                cards.c.column_id,
                select(columns.c.id).where(columns.c.scope_id == bindparam("scope_id")).scalar_subquery(),
            ),
            _IN_PROJECT,
        ],
    ),
    ALL: _OrderedIndex(cards.c.id, [cards.c.project_id], [belongs_to(cards.c.project_id, _PROJECT_ID)]),
}
"""The indexes by the filter that they answer, those that usually select the fewest cards first."""


def fetch_page(
    uow: UnitOfWork,
    names: Collection[str],
    value_conditions: Sequence[ColumnElement[bool]],
    parameters: Mapping[str, object],
    project_key: str,
    limit: int,
) -> tuple[LoadedCards, str | None]:
    """Return the cards of a page, and the cursor of the next one; None if it is the last.

    Args:
        names: The names of the filters, and ``TERM`` if there is one.
        value_conditions: The conditions of filters by custom fields.
        parameters: The parameters of the statement, with the id ``_after`` which the page begins.
        project_key: The prefix of the cards' keys.
        limit: The maximum number of cards.
    """
    filters = frozenset(names)
    candidates = _find_candidates(filters)
    index, end = candidates[0], None
    parameters = {**parameters, "_scanned": SCAN_MAX - 1, "_too_many": SCAN_MAX + 1}
    if filters - {index} or value_conditions or isinstance(_INDEXES[index], _SmallIndex):
        ends = uow.connection.execute(_select_ends(candidates), parameters).one()
        index, end = _choose_index(dict(zip(candidates, ends, strict=True)))
    statements = _select_page(filters, index, has_end=end is not None)
    if value_conditions:
        # Building a statement costs as much as fetching forty cards.
        statements = statements.where(*value_conditions)
    loaded = load_cards(uow, statements, {**parameters, "_end": end, "_limit": limit + 1}, project_key)
    if len(loaded.listed) > limit:
        return loaded.first(limit), make_cursor(loaded.listed[limit - 1].id)
    return loaded, None if end is None else make_cursor(end)


@functools.lru_cache(maxsize=256)
def _find_candidates(filters: frozenset[str]) -> tuple[str, ...]:
    """Return the names of the indexes that can answer a combination of filters, at least one of them in order."""
    names = [
        name for name in _INDEXES if filters.issuperset(name.split(" ") if name.startswith("due") else [name])
    ]
    if any(isinstance(_INDEXES[name], _OrderedIndex) for name in names):
        return tuple(names)
    return (*names, ALL)


def _choose_index(ends: Mapping[str, str | None]) -> tuple[str, str | None]:
    """Return the index of which a page looks through the most cards of the project, and the last of these.

    Args:
        ends: The last card that a page looks through, by index; None for the last one of the project.
    """
    for name, end in ends.items():
        if end is None:
            return name, None
    name = max(ends, key=lambda name: ends[name] or "")
    return name, ends[name]


@functools.lru_cache(maxsize=256)
def _select_ends(candidates: tuple[str, ...]) -> Select[Any]:
    return select(*(_INDEXES[name].select_end().scalar_subquery() for name in candidates))


@functools.lru_cache(maxsize=256)
def _select_page(filters: frozenset[str], index: str, *, has_end: bool) -> ListStatements:
    """Return the statements of a page, built once per combination of filters and index."""
    # A label that has just been removed from a card may still be a term of it.
    names = filters - ({TERM, index} - {"label_id"})
    conditions = [PAGE_CONDITIONS[name] for name in sorted(names)]
    page = select(cards.c.id).where(*conditions).limit(bindparam("_limit"))
    return ListStatements(_INDEXES[index].add_to(page, has_end=has_end))
