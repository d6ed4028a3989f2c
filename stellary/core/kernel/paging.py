"""Keyset pagination: a page starts after the last key of the previous one, so no row is repeated or skipped."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Generic, Self, TypeVar

from sqlalchemy import (
    BindParameter,
    Boolean,
    ColumnElement,
    Executable,
    Integer,
    Select,
    bindparam,
    func,
    select,
    union_all,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import OperatorType

from stellary.contract.errors import Invalid
from stellary.contract.wire import Listing, Paged, Unset, invalid
from stellary.core.db.row_types import Query, RowType
from stellary.core.kernel.unit import UnitOfWork

T = TypeVar("T")
Row = TypeVar("Row", bound=RowType)
_LIMIT = 100
SCAN_MAX = 1_000
"""The maximum number of rows that a page looks through for those that match its filters."""
_BEFORE_ALL, _AFTER_ALL = "", "g" * 24
_BEFORE_ALL_NUMBERS, _AFTER_ALL_NUMBERS = 0, 2**31 - 1


class _Condition(FunctionElement[bool]):
    """A condition on a column and what it is compared with, in a form of its own for each database."""

    type = Boolean()
    forms: ClassVar[tuple[str, str]]
    """The SQL for PostgreSQL and for SQLite, with two placeholders."""

    def self_group(self, against: OperatorType | None = None) -> Self:
        # SQLite has no booleans, and would compare the function with 1, for which it cannot use an index.
        return self


@compiles(_Condition)
def _compile_condition(element: _Condition, compiler: SQLCompiler, **options: object) -> str:
    form = element.forms[compiler.dialect.name != "postgresql"]
    return form.format(*(compiler.process(clause, **options) for clause in element.clauses))


class belongs_to(_Condition):  # noqa: N801 - a function of SQL
    """The condition that a column has the value of a parameter, for statements ordered by that column and a key.

    In ``project_id = $1 ORDER BY project_id, id`` PostgreSQL drops the first column from the order, and may then read
    the rows of all projects by their primary key until it has found a page. With ``ANY``, it reads the index
    on both columns.
    """

    inherit_cache = True
    forms = "{} = ANY (ARRAY[{}])", "{} = {}"


class belongs_to_any(_Condition):  # noqa: N801 - a function of SQL
    """The condition that a column has a value of a subquery, for statements ordered by that column first, like ``belongs_to``."""

    inherit_cache = True
    forms = "{} = ANY (ARRAY{})", "{} IN {}"


class equals_unindexed(_Condition):  # noqa: N801 - a function of SQL
    """The condition that a column has a value, for statements that read the index of another column."""

    inherit_cache = True
    # Unlike an expression around the column, it does not mislead PostgreSQL about the number of matches.
    forms = "{} IS NOT DISTINCT FROM {}", "+{} = {}"


class Pages(Generic[Row]):
    """A list that is returned whole or by the page, in order of an id or a number. Its statements are built once.

    Args:
        row_type: The columns that are read from a row.
        rows: The statement that selects the rows, without an order.
        key: The column to order by, text or a number from 1: unique, and never changed.
        newest_first: Whether the largest key comes first. Default: False.
        container: The column that ``rows`` compares by ``belongs_to``, if the table also has an index on the key alone.
        residual: The conditions of filters that no index answers. A page looks through at most ``SCAN_MAX`` of the rows
            that ``rows`` selects, so it can have fewer rows than its limit, or none, before the last page.
        parts: The statements for the keys of the rows by each of several indexes, in the order of the list, if no index
            has all rows in order.
        until: A column and the parameter to compare it with: after a row with a smaller value, no row matches.
    """

    def __init__(
        self,
        row_type: type[Row],
        rows: Select[Any],
        key: ColumnElement[Any],
        *,
        newest_first: bool = False,
        container: ColumnElement[str] | None = None,
        residual: Sequence[ColumnElement[bool]] = (),
        parts: Sequence[Select[Any]] = (),
        until: tuple[ColumnElement[Any], BindParameter[Any]] | None = None,
    ) -> None:
        self._newest_first = newest_first
        self._counts = isinstance(key.type, Integer)
        self._key = key.name
        order = [key] if container is None else [container, key]
        in_order = rows.order_by(*(column.desc() if newest_first else column for column in order))
        after = bindparam("_after", type_=key.type)
        beyond = key < after if newest_first else key > after
        whole = in_order.where(*residual)
        part = whole.where(beyond)
        self._looks_for_matches = bool(residual)
        self._end: Executable | None = None
        if residual or parts:
            offset = bindparam("_scanned", type_=Integer)
            in_index = parts or [in_order.with_only_columns(key, maintain_column_froms=True)]
            lasts = [keys.where(beyond).limit(1).offset(offset).correlate(None) for keys in in_index]
            for last in lasts:
                end = func.coalesce(last.scalar_subquery(), bindparam("_last", type_=key.type))
                part = part.where(key >= end if newest_first else key <= end)
            if until is None:
                ends = union_all(*(select(last.subquery()) for last in lasts)).subquery("ends")
                nearest = func.max if newest_first else func.min
                self._end = select(nearest(ends.c[key.name]))
            else:
                row = in_order.with_only_columns(key, until[0], maintain_column_froms=True)
                last_row = row.where(beyond).limit(1).offset(offset).subquery("last_row")
                self._end = select(last_row.c[key.name]).where(last_row.c[until[0].name] >= until[1])
        self._whole = Query(row_type, whole)
        self._part = Query(row_type, part.limit(bindparam("_limit")))

    def fetch(
        self, uow: UnitOfWork, request: Paged, build: Callable[[Row], T], **parameters: object
    ) -> Listing[T]:
        """Return the list, or the page that a request asks for.

        Args:
            uow: The unit.
            request: The request, with ``limit`` and ``cursor``. Without both, the whole list is returned.
            build: Converts a row into an item.
            **parameters: The parameters of the statement.

        Raises:
            Invalid: The cursor is not one of this list.
        """
        if not request.limit and not request.cursor:
            return Listing([build(row) for row in self._whole.all(uow.connection, parameters)])
        limit = request.limit or _LIMIT
        parameters = {**parameters, "_after": self._after(request.cursor), "_limit": limit + 1}
        if self._end is not None:
            scanned = SCAN_MAX - 1 if self._looks_for_matches else limit
            parameters |= {"_scanned": scanned, "_last": self._list_ends()[not self._newest_first]}
        rows = self._part.all(uow.connection, parameters)
        more = make_cursor(str(getattr(rows[limit - 1], self._key))) if len(rows) > limit else None
        if more is None and self._end is not None:
            end = uow.connection.execute(self._end, parameters).scalar()
            more = None if end is None else make_cursor(str(end))
        return Listing([build(row) for row in rows[:limit]], more)

    def _after(self, cursor: str | Unset) -> str | int:
        """Return the key after which the page begins."""
        if not cursor:
            return self._list_ends()[self._newest_first]
        key = read_cursor(cursor)
        if not self._counts:
            return key
        if not re.fullmatch("[1-9][0-9]{0,9}", key):
            raise build_cursor_error()
        return min(int(key), _AFTER_ALL_NUMBERS)

    def _list_ends(self) -> tuple[str | int, str | int]:
        """Return values before and after all keys."""
        return (_BEFORE_ALL_NUMBERS, _AFTER_ALL_NUMBERS) if self._counts else (_BEFORE_ALL, _AFTER_ALL)


def keep_row(row: Row) -> Row:
    """Return a row as it is, for a list whose items are built together."""
    return row


def page_of(items: Sequence[T], request: Paged, key: Callable[[T], str]) -> Listing[T]:
    """Return a list in memory, or the page of it that a request asks for. Pages are in the order of the key.

    Args:
        items: The whole list.
        request: The request, with ``limit`` and ``cursor``.
        key: Returns the key of an item.

    Raises:
        Invalid: The cursor is not one of this list.
    """
    if not request.limit and not request.cursor:
        return Listing(items)
    limit = request.limit or _LIMIT
    after = read_cursor(request.cursor) if request.cursor else _BEFORE_ALL
    remaining = sorted((item for item in items if key(item) > after), key=key)
    more = make_cursor(key(remaining[limit - 1])) if len(remaining) > limit else None
    return Listing(remaining[:limit], more)


def make_cursor(key: str) -> str:
    """Return the cursor of the page after a key."""
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> str:
    """Return the key in a cursor.

    Raises:
        Invalid: The cursor is not a valid one.
    """
    try:
        key = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        raise build_cursor_error() from None
    if not key.replace("_", "").isalnum() or make_cursor(key) != cursor:
        raise build_cursor_error()
    return key


def build_cursor_error() -> Invalid:
    """Return the 400 for a cursor that is not one of the list."""
    return invalid(("cursor", "must be a cursor from a response of this list"))
