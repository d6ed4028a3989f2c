"""Reads every SQL statement that is sent, and says which of them reach a tenant's row by its bare id.

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
    Grouping,
    Label,
    TextClause,
    UnaryExpression,
)
from sqlalchemy.sql.selectable import Alias, FromClause, Join, ScalarSelect, Select

from stellary.core.db.base import metadata
from tests.security.sandbox import Sandbox

ROOT = metadata.tables["stellary_organizations"]
SECRETS = ("token_digest",)
OWN = ("user_id", "owner_id")
OWNERS = metadata.tables["stellary_automations"].columns["owner_id"]
"""On whose behalf a rule acts that something has set off: memberships are then asked for that user."""


def _parents(table: Table) -> set[Table]:
    return {key.column.table for column in table.columns for key in column.foreign_keys}


def _tenants() -> set[Table]:
    """The tables whose rows belong to an organization, by foreign keys."""
    found = {ROOT}
    while more := {table for table in metadata.tables.values() if _parents(table) & found} - found:
        found |= more
    return found


TENANTS = _tenants()
PERSONAL = {table for table in metadata.tables.values() if "user_id" in table.columns}
WATCHED = TENANTS | PERSONAL
USERS = metadata.tables["stellary_users"]
Known = set[tuple[Table, Any]]


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
    """Records the statements of a sandbox while it is told to.

    Attributes:
        bare: What was not anchored.
        read: How many statements were looked at.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.bare: set[Bare] = set()
        self.read = 0
        self._operation = ""
        self._actors: set[str | None] = set()
        self._known: Known = set()
        self._unit = 0

    @contextmanager
    def listening(self) -> Iterator[Reader]:
        """Listen to all statements; they count only ``during`` a request."""
        event.listen(self.sandbox.connection, "after_cursor_execute", self._sent)
        try:
            yield self
        finally:
            event.remove(self.sandbox.connection, "after_cursor_execute", self._sent)

    @contextmanager
    def during(self, operation: str, actor: str | None) -> Iterator[None]:
        """Statements sent inside are those of that operation on behalf of that user."""
        self._operation, self._actors = operation, {actor}
        self._known, self._unit = set(), self.sandbox.units
        try:
            yield
        finally:
            self._operation = ""

    def _sent(
        self, connection: Connection, cursor: Any, sql: str, parameters: Any, context: Any, many: bool
    ) -> None:
        if not self._operation or sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            return
        self.read += 1
        if self._unit != self.sandbox.units:
            # What an earlier unit has found may be gone by now. A token that was accepted stays so.
            self._known = {each for each in self._known if each[0].name == "stellary_api_tokens"}
            self._unit = self.sandbox.units
        if context.compiled is None or isinstance(context.compiled.statement, TextClause):
            if any(table.name in sql for table in WATCHED):
                self._tell({"written out as text"}, sql)
            return
        statement = context.compiled.statement
        if _only_locks(context.compiled.statement):
            return
        rows = context.compiled_parameters
        loose = set().union(*(self._loose(context.compiled, values) for values in rows))
        if context.isinsert:
            loose |= self._inserted(statement.table, rows)
        if loose:
            self._tell(loose, sql)
        elif context.compiled._result_columns and not context.isinsert:
            self._answered(connection, sql, parameters, context)

    def _tell(self, loose: Iterable[str], sql: str) -> None:
        self.bare.add(Bare(self._operation, ", ".join(sorted(loose)), sql))

    def _inserted(self, table: Table, rows: list[dict[str, Any]]) -> set[str]:
        """Rows must be put below what is known; they are known from then on."""
        loose = set()
        for row in rows:
            for column in table.columns:
                value = None if column.name == "id" else row.get(column.key)
                if value is not None and any(
                    (kind, value) not in self._known for kind in _kinds(column) & TENANTS
                ):
                    loose.add(f"{table.name}.{column.name}")
            if "id" in table.columns:
                self._known.add((table, row.get("id")))
        return loose

    def _answered(self, connection: Connection, sql: str, parameters: Any, context: Any) -> None:
        """Ask again, since the answer itself can be read only once; its ids are known from then on."""
        columns, owners = _reading(context.compiled).keys, _reading(context.compiled).owners
        if all(table is None for table in columns) or not context.compiled.statement.is_select:
            return
        cursor = connection.connection.cursor()
        cursor.execute(sql, parameters)
        for row in cursor.fetchall():
            self._known |= {
                (table, value) for table, value in zip(columns, row, strict=True) if table is not None
            }
            self._actors |= {value for is_owner, value in zip(owners, row, strict=True) if is_owner}
        cursor.close()

    def _loose(self, compiled: SQLCompiler, values: Mapping[str, Any]) -> set[str]:
        """The tenants' tables of a statement that hang on nothing."""
        reading, names = _reading(compiled), compiled.bind_names
        anchored = {
            each.source for each in reading.bound if self._anchors(each, _value(each.other, names, values))
        }
        loose = {_table_of(source) for source, group in reading.groups.items() if not group & anchored}
        return {str(table) for table in loose & WATCHED}

    def _anchors(self, found: Comparison, value: Any) -> bool:
        column = found.column
        wanted = value if isinstance(value, list | tuple) else [value]
        if column.table is USERS:
            return column.name == "id" and self._actors.issuperset(wanted)
        if column.name in SECRETS:
            return True
        if column.name in OWN and None not in wanted and self._actors.issuperset(wanted):
            return True
        return any(all((kind, each) in self._known for each in wanted) for kind in _kinds(column) & WATCHED)


@attrs.frozen
class Reading:
    """What a statement says, whatever values are bound to it.

    Attributes:
        groups: Of each table in it: which tables hang together with it, key by key.
        bound: What has to equal a bound value.
        keys: The table whose ids stand in each column of the answer.
        owners: Which columns of the answer say on whose behalf a rule acts.
    """

    groups: Mapping[FromClause, set[FromClause]]
    bound: Sequence[Comparison]
    keys: Sequence[Table | None]
    owners: Sequence[bool]


@functools.cache
def _reading(compiled: SQLCompiler) -> Reading:
    statement = compiled.statement
    sources = {each for each in _sources(statement) if _table_of(each) in WATCHED | {USERS}}
    groups = {source: {source} for source in sources}
    bound = []
    for each in _comparisons(statement):
        if not isinstance(each.other, Comparison):
            bound.append(each)
        elif {each.source, each.other.source} <= sources and _related(each.column, each.other.column):
            joined = groups[each.source] | groups[each.other.source]
            groups.update(dict.fromkeys(joined, joined))
    answered = [entry.objects for entry in compiled._result_columns]
    owners = [any(each is OWNERS for each in objects) for objects in answered]
    return Reading(groups, bound, [_key_of(objects) for objects in answered], owners)


def _only_locks(statement: Any) -> bool:
    """Whether a statement locks rows and tells nothing: what is in the way is locked before its access check."""
    if not isinstance(statement, Select) or statement._for_update_arg is None:
        return False
    return all(getattr(column, "primary_key", False) for column in statement.selected_columns)


def _value(bound: BindParameter[Any], names: Mapping[Any, str], values: Mapping[str, Any]) -> Any:
    """What is sent for a bound value. The list of an IN has become one value for each entry."""
    name = names.get(bound, bound.key)
    if bound.expanding and name not in values:
        return [found for key, found in values.items() if re.fullmatch(rf"{re.escape(name)}_\d+", key)]
    return values.get(name, bound.value)


def _table_of(source: Any) -> Table | None:
    if isinstance(source, Alias):
        source = source.element
    return source if isinstance(source, Table) else None


def _key_of(objects: Any) -> Table | None:
    """The table whose ids stand in that column of an answer."""
    for named in objects:
        each = named.element if isinstance(named, Label) else named
        if isinstance(each, Column) and _table_of(each.table) is not None:
            return next(iter(_kinds(_table_of(each.table).columns[each.name]) & WATCHED), None)
    return None


@functools.cache
def _kinds(column: Column[Any]) -> frozenset[Table]:
    """Whose ids a column holds, by its foreign keys, or else by its name: an activity outlives what it names."""
    if column.name == "id":
        return frozenset({column.table})
    named = metadata.tables.get(f"stellary_{column.name.removesuffix('_id')}s")
    found = {key.column.table for key in column.foreign_keys}
    return frozenset(found or ({named} if named is not None and column.name.endswith("_id") else ()))


def _related(one: Column[Any], other: Column[Any]) -> bool:
    """Whether two columns hold ids of one kind."""
    return bool(_kinds(one) & _kinds(other))


def _sources(statement: Any) -> Iterator[FromClause]:
    """The tables that rows are taken from, each as often as it is named otherwise."""
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
    """What must hold of each row that is taken, here and in what the statement contains."""
    for element in visitors.iterate(statement):
        if isinstance(element, Select):
            yield from _all_of(element.whereclause)
            # Joins that were written as methods of the select are made here.
            for source in element.get_final_froms():
                for inner in visitors.iterate(source):
                    if isinstance(inner, Join):
                        yield from _all_of(inner.onclause)
        elif getattr(element, "is_update", False) or getattr(element, "is_delete", False):
            yield from _all_of(element.whereclause)


def _all_of(condition: Any) -> Iterator[Comparison]:
    """The comparisons of a condition that hold whenever it does: not those inside of OR and NOT."""
    if isinstance(condition, Grouping):
        yield from _all_of(condition.element)
    elif isinstance(condition, BooleanClauseList):
        if condition.operator is operators.and_ or len(condition.clauses) == 1:
            for each in condition.clauses:
                yield from _all_of(each)
    elif isinstance(condition, UnaryExpression) and condition.operator is operators.exists:
        return
    elif isinstance(condition, BinaryExpression) and condition.operator in (operators.eq, operators.in_op):
        sides = [_side(condition.left), _side(condition.right)]
        for one, other in (sides, sides[::-1]):
            if isinstance(one, Comparison) and other is not None:
                yield attrs.evolve(one, other=other)


def _side(found: Any) -> Comparison | BindParameter[Any] | None:
    """One side of a comparison: a column of a table, or what a subquery selects; or a bound value."""
    if isinstance(found, Grouping):
        return _side(found.element)
    if isinstance(found, BindParameter):
        return found
    if isinstance(found, ScalarSelect):
        found = found.element
    if isinstance(found, Select):
        columns = list(found.selected_columns)
        return _side(columns[0]) if len(columns) == 1 else None
    if isinstance(found, Column) and (table := _table_of(found.table)) is not None:
        return Comparison(table.columns[found.name], found.table, None)
    return None
