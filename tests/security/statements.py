"""A reader of SQL statements that finds those that reach a row of a tenant by its bare id.

A statement is anchored if each tenant's table in it is joined, key to key, to one of these: the caller's own membership
(``user_id``), a secret's digest, or an id that an anchored statement of the same unit of work has answered with or
that was inserted there. An id that came with the request is none of these until an access check has found it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import attrs
from sqlalchemy import Column, Connection, Table, event
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import (
    BinaryExpression,
    BindParameter,
    BooleanClauseList,
    ClauseElement,
    ColumnClause,
    Grouping,
    Label,
    TextClause,
    UnaryExpression,
)
from sqlalchemy.sql.selectable import (
    Alias,
    CompoundSelect,
    FromClause,
    Join,
    ScalarSelect,
    Select,
    TableClause,
)

from tests.security.sandbox import Sandbox
from tests.support.core_parts import belongs_to, belongs_to_any, equals_unindexed
from tests.support.tables import metadata

ROOT = metadata.tables["stellary_organizations"]
SECRETS = ("token_digest",)
OWNER_COLUMNS = ("user_id", "owner_id")
OWNERS = (
    metadata.tables["stellary_automations"].columns["owner_id"],
    metadata.tables["stellary_email_tokens"].columns["user_id"],
)
"""The users on whose behalf a triggered rule acts, and a request with the token of an email."""


def _parents(table: Table) -> set[Table]:
    return {key.column.table for column in table.columns for key in column.foreign_keys}


def _tenants() -> set[Table]:
    """Return the tables whose rows belong to an organization, by foreign keys."""
    tenants = {ROOT}
    while more := {table for table in metadata.tables.values() if _parents(table) & tenants} - tenants:
        tenants |= more
    return tenants


TENANTS = _tenants()
PERSONAL = {table for table in metadata.tables.values() if "user_id" in table.columns}
WATCHED = TENANTS | PERSONAL
USERS = metadata.tables["stellary_users"]
FoundIds = set[tuple[Table, Any]]


@attrs.frozen
class Comparison:
    """A column that has to equal something for a row to be taken: a bound value, or another column."""

    column: Column[Any]
    source: FromClause
    other: Any


@attrs.frozen(order=True)
class Bare:
    """A statement that reaches rows without an anchor."""

    operation: str
    tables: str
    sql: str


class Reader:
    """Reads the statements of a sandbox.

    Attributes:
        bare: The statements without an anchor.
        inserts: The INSERTs, as SQL.
        read: The number of statements so far.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.bare: set[Bare] = set()
        self.inserts: set[str] = set()
        self.read = 0
        self._operation = ""
        self._actors: set[str | None] = set()
        self._found_ids: FoundIds = set()
        self._unit = 0

    @contextmanager
    def listen(self) -> Iterator[Reader]:
        """Listen to all statements; only those that ``record`` covers count."""
        event.listen(self.sandbox.connection, "after_cursor_execute", self._read_statement)
        try:
            yield self
        finally:
            event.remove(self.sandbox.connection, "after_cursor_execute", self._read_statement)

    @contextmanager
    def record(self, operation: str, actor: str | None) -> Iterator[None]:
        """Read the statements that are sent inside, on behalf of a user."""
        self._operation, self._actors = operation, {actor}
        self._found_ids, self._unit = set(), self.sandbox.units
        try:
            yield
        finally:
            self._operation = ""

    def _read_statement(
        self, connection: Connection, cursor: Any, sql: str, parameters: Any, context: Any, many: bool
    ) -> None:
        if not self._operation or sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            return
        self.read += 1
        if sql.startswith("INSERT"):
            self.inserts.add(sql)
        if self._unit != self.sandbox.units:
            # Rows that an earlier unit has read may be deleted. An accepted token stays accepted.
            self._found_ids = {pair for pair in self._found_ids if pair[0].name == "stellary_api_tokens"}
            self._unit = self.sandbox.units
        if context.compiled is None or isinstance(context.compiled.statement, TextClause):
            if any(table.name in sql for table in WATCHED):
                self._report({"written out as text"}, sql)
            return
        statement = context.compiled.statement
        if _only_locks(context.compiled.statement):
            return
        rows = context.compiled_parameters
        unanchored = set().union(*(self._find_unanchored(context.compiled, values) for values in rows))
        if context.isinsert:
            unanchored |= self._check_rows(statement.table, rows)
        if unanchored:
            self._report(unanchored, sql)
        elif context.compiled._result_columns and not context.isinsert:
            self._collect_ids(connection, sql, parameters, context)

    def _report(self, unanchored: Iterable[str], sql: str) -> None:
        self.bare.add(Bare(self._operation, ", ".join(sorted(unanchored)), sql))

    def _check_rows(self, table: Table, rows: list[dict[str, Any]]) -> set[str]:
        """Check that rows are inserted below ids that were found, and add their own ids."""
        unanchored = set()
        for row in rows:
            for column in table.columns:
                value = None if column.name == "id" else row.get(column.key)
                if value is not None and any(
                    (kind, value) not in self._found_ids for kind in _kinds(column) & TENANTS
                ):
                    unanchored.add(f"{table.name}.{column.name}")
            if "id" in table.columns:
                self._found_ids.add((table, row.get("id")))
        return unanchored

    def _collect_ids(self, connection: Connection, sql: str, parameters: Any, context: Any) -> None:
        """Execute the statement again, since its result can be read only once, and add the ids of the result."""
        columns, owners = _reading(context.compiled).keys, _reading(context.compiled).owners
        if not (any(table is not None for table in columns) or any(owners)):
            return
        if not context.compiled.statement.is_select:
            return
        cursor = connection.connection.cursor()
        cursor.execute(sql, parameters)
        for row in cursor.fetchall():
            self._found_ids |= {
                (table, value) for table, value in zip(columns, row, strict=True) if table is not None
            }
            self._actors |= {value for is_owner, value in zip(owners, row, strict=True) if is_owner}
        cursor.close()

    def _find_unanchored(self, compiled: SQLCompiler, values: Mapping[str, Any]) -> set[str]:
        """Return the tables of tenants in a statement that no anchor reaches."""
        reading, names = _reading(compiled), compiled.bind_names
        anchored = {
            comparison.source
            for comparison in reading.bound
            if self._anchors(comparison, _value(comparison.other, names, values))
        }
        tables = {_table_of(source) for source, group in reading.groups.items() if not group & anchored}
        return {str(table) for table in tables & WATCHED}

    def _anchors(self, comparison: Comparison, value: Any) -> bool:
        column = comparison.column
        values = value if isinstance(value, list | tuple) else [value]
        if column.table is USERS:
            return column.name == "id" and self._actors.issuperset(values)
        if column.name in SECRETS:
            return True
        if column.name in OWNER_COLUMNS and None not in values and self._actors.issuperset(values):
            return True
        return any(
            all((kind, value) in self._found_ids for value in values) for kind in _kinds(column) & WATCHED
        )


@attrs.frozen
class Reading:
    """The meaning of a statement, independent of the values that are bound to it.

    Attributes:
        groups: By table, the tables that are joined with it, key to key.
        bound: The comparisons with a bound value.
        keys: For each column of the result, the table whose ids it holds.
        owners: For each column of the result, whether it holds one of ``OWNERS``.
    """

    groups: Mapping[FromClause, set[FromClause]]
    bound: Sequence[Comparison]
    keys: Sequence[Table | None]
    owners: Sequence[bool]


@functools.cache
def _reading(compiled: SQLCompiler) -> Reading:
    statement = compiled.statement
    sources = {source for source in _sources(statement) if _table_of(source) in WATCHED | {USERS}}
    groups = {source: {source} for source in sources}
    bound = []
    for one in _comparisons(statement):
        other = one.other
        if not isinstance(other, Comparison):
            bound.append(one)
        elif {one.source, other.source} <= sources and _is_related(one.column, other.column):
            joined = groups[one.source] | groups[other.source]
            groups.update(dict.fromkeys(joined, joined))
    results = [entry.objects for entry in compiled._result_columns]
    owners = [any(column is owner for column in objects for owner in OWNERS) for objects in results]
    return Reading(groups, bound, [_key_of(objects) for objects in results], owners)


def _only_locks(statement: Any) -> bool:
    """Return whether a statement locks rows and reads no data: some rows are locked before their access check."""
    if not isinstance(statement, Select) or statement._for_update_arg is None:
        return False
    return all(getattr(column, "primary_key", False) for column in statement.selected_columns)


def _value(bound: BindParameter[Any], names: Mapping[Any, str], values: Mapping[str, Any]) -> Any:
    """Return the value that is sent for a parameter. The list of an IN has become one value for each item."""
    name = names.get(bound, bound.key)
    if bound.expanding and name not in values:
        return [item for key, item in values.items() if re.fullmatch(rf"{re.escape(name)}_\d+", key)]
    return values.get(name, bound.value)


def _table_of(source: Any) -> Table | None:
    if isinstance(source, Alias):
        source = source.element
    # Areas below that of a table have a TableClause with the columns that they read.
    return metadata.tables.get(source.name) if isinstance(source, TableClause) else None


def _key_of(objects: Any) -> Table | None:
    """Return the table whose ids a column of a result holds."""
    for element in objects:
        column = element.element if isinstance(element, Label) else element
        if isinstance(column, ColumnClause) and (table := _table_of(column.table)) is not None:
            return next(iter(_kinds(table.columns[column.name]) & WATCHED), None)
    return None


@functools.cache
def _kinds(column: Column[Any]) -> frozenset[Table]:
    """Return the tables whose ids a column holds, by its foreign keys or else by its name, as in activities."""
    if column.name == "id":
        return frozenset({column.table})
    table = metadata.tables.get(f"stellary_{column.name.removesuffix('_id')}s")
    parents = {key.column.table for key in column.foreign_keys}
    return frozenset(parents or ({table} if table is not None and column.name.endswith("_id") else ()))


def _is_related(one: Column[Any], other: Column[Any]) -> bool:
    """Return whether two columns hold ids of the same kind."""
    return bool(_kinds(one) & _kinds(other))


def _sources(statement: Any) -> Iterator[FromClause]:
    """Yield the tables that rows are read from, once for each alias."""
    if statement.is_update or statement.is_delete:
        yield statement.table
    for element in visitors.iterate(statement):
        if isinstance(element, Select):
            for source in element.get_final_froms():
                yield from _leaves(source)


def _leaves(source: FromClause) -> Iterator[FromClause]:
    if isinstance(source, Join):
        yield from _leaves(source.left)
        yield from _leaves(source.right)
    else:
        yield source


def _comparisons(statement: ClauseElement) -> Iterator[Comparison]:
    """Yield the comparisons that hold for each row, in the statement and in its subqueries."""
    for element in visitors.iterate(statement):
        if isinstance(element, Select):
            yield from _all_of(element.whereclause)
            # This includes joins that were written as methods of the select.
            for source in element.get_final_froms():
                for inner in visitors.iterate(source):
                    if isinstance(inner, Join):
                        yield from _all_of(inner.onclause)
        elif getattr(element, "is_update", False) or getattr(element, "is_delete", False):
            yield from _all_of(element.whereclause)


def _all_of(condition: Any) -> Iterator[Comparison]:
    """Yield the comparisons that a condition implies, which excludes those inside OR and NOT."""
    if isinstance(condition, Grouping):
        yield from _all_of(condition.element)
    elif isinstance(condition, BooleanClauseList):
        if condition.operator is operators.and_ or len(condition.clauses) == 1:
            for clause in condition.clauses:
                yield from _all_of(clause)
    elif isinstance(condition, UnaryExpression) and condition.operator is operators.exists:
        return
    elif isinstance(condition, belongs_to | belongs_to_any | equals_unindexed) or (
        isinstance(condition, BinaryExpression) and condition.operator in (operators.eq, operators.in_op)
    ):
        left, right = (
            (condition.left, condition.right)
            if isinstance(condition, BinaryExpression)
            else condition.clauses
        )
        sides = [_side(left), _side(right)]
        for one, other in (sides, sides[::-1]):
            if isinstance(one, Comparison) and other is not None:
                yield attrs.evolve(one, other=other)


def _side(element: Any) -> Comparison | BindParameter[Any] | None:
    """Return one side of a comparison: a column of a table or of a subquery, or a bound value."""
    if isinstance(element, Grouping):
        return _side(element.element)
    if isinstance(element, BindParameter):
        return element
    if isinstance(element, ScalarSelect):
        element = element.element
    if isinstance(element, CompoundSelect):
        # The tables of the other parts need anchors of their own.
        element = element.selects[0]
    if isinstance(element, Select):
        columns = list(element.selected_columns)
        return _side(columns[0]) if len(columns) == 1 else None
    if isinstance(element, ColumnClause) and (table := _table_of(element.table)) is not None:
        return Comparison(table.columns[element.name], element.table, None)
    return None
