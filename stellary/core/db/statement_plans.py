"""The parts of a statement's execution that are the same each time, so that the driver can execute it without SQLAlchemy."""

# ruff: noqa: SLF001 - of SQLAlchemy; tests/core/test_direct_connection.py fails if they change

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast
from weakref import WeakKeyDictionary

from sqlalchemy import CursorResult, Executable, Insert, Row, SelectBase, TextClause, UpdateBase
from sqlalchemy.engine import IteratorResult
from sqlalchemy.sql.compiler import SQLCompiler

from stellary.contract.compiling import compile_function
from stellary.core.db.bound_statements import StatementReply
from stellary.core.db.errors import OUR_TABLES

if TYPE_CHECKING:
    import sqlite3

Parameters: TypeAlias = Mapping[str, object]
BoundParameters: TypeAlias = tuple[object, ...] | dict[str, object]
SqlResult: TypeAlias = CursorResult[Any]
SqlRow: TypeAlias = Row[*tuple[object, ...]]
"""A row as SQLAlchemy returns it, with converted values."""

PLANS_MAX = 32
"""The maximum number of plans of a statement: it has one for each set of parameter names and list lengths."""
SEVERAL: Final = "*"
"""The first part of the key of a plan for several sets of parameters. No parameter has this name."""
ROWS_PER_INSERT: Final = 50
"""The number of rows that SQLite inserts by one statement, if there are so many."""
_PLACEHOLDER = re.compile(r"%\((\w+)\)s|%%")
# Either VALUES, or a SELECT of parameters on a condition.
_INSERTED_ROW = re.compile(
    r"(INSERT INTO (\w+) \([^()]+\) )(?:VALUES (\([^()]+\))|(SELECT (?:\? AS \w+,? )+\nWHERE EXISTS \(.+\)))",
    re.DOTALL,
)
_INSERTED_VALUES = re.compile(
    r"INSERT INTO (?P<target>\w+ \([^()]+\)) VALUES \((?P<values>(?:%\(\w+\)s(?:::[\w ]+)?(?:, )?)+)\)"
)


class _Parameter:
    """A placeholder for the value of a parameter, or for an item of a list."""

    def __init__(self, name: str, index: int | None = None) -> None:
        self.name, self.index = name, index


class StatementPlan:
    """The part of an execution that is the same each time: the SQL, and the conversions of parameters and rows.

    Args:
        result: The result of SQLAlchemy's execution of the statement.
        compiled: The compiled statement, of which ``_is_plain`` is true.
        parameters: The parameters of that execution.
    """

    def __init__(self, result: SqlResult, compiled: SQLCompiler, parameters: Parameters) -> None:
        self.metadata: Any = result._metadata
        self.fetches: bool = self.metadata.returns_rows
        # SQLAlchemy also reads keys that the database has generated; they are not part of the result.
        self.row_getter: Any = (
            result._row_getter if self.fetches and not compiled.implicit_returning else None
        )
        self.make_rows = cast(
            "Callable[[Sequence[object]], Sequence[SqlRow]]", self.row_getter and self.row_getter[1]
        )
        """Converts the rows of the driver to SQLAlchemy's; None if the statement returns none."""
        context: Any = result.context
        placeholders: dict[str, object] = {name: _Parameter(name) for name in parameters}
        self.list_names = _find_list_names(compiled, parameters)
        for name in self.list_names:
            placeholders[name] = [_Parameter(name, index) for index in range(_measure(parameters[name]))]
        expanded = compiled._process_parameters_for_postcompile(
            compiled.construct_params(
                placeholders, extracted_parameters=context.extracted_parameters, escape_names=False
            )
        )
        self.sql: str = expanded.statement
        values = expanded.parameters
        processors: Any = {**compiled._bind_processors, **expanded.processors}
        names = (*((expanded.positiontup or ()) if compiled.positional else values),)
        self._build_binder = partial(_build_binder, values, processors)
        self.bind: Callable[[Parameters], BoundParameters] = self._build_binder(
            names, is_positional=compiled.positional
        )
        """Converts the parameters to the form of the driver."""
        self.raw_sql = b""
        """The SQL with PostgreSQL's own placeholders, for psycopg; empty if the driver executes ``sql``."""
        self.copy_sql = b""
        """The COPY command of PostgreSQL for the same rows; empty if the statement is not an INSERT of plain values."""
        self._sql_of_rows = ""

    def use_sql_of_rows(self) -> None:
        """Let SQLite insert ``ROWS_PER_INSERT`` rows by one statement, which takes half the time for a table with triggers.

        For each statement on such a table, SQLite copies the pages that it changes, so that it can be undone alone.
        """
        row = _INSERTED_ROW.fullmatch(self.sql)
        if row is None:
            return
        start, table, values, query = row.groups()
        if values is not None:
            self._sql_of_rows = f"{start}VALUES {', '.join([values] * ROWS_PER_INSERT)}"
        elif table not in query:
            self._sql_of_rows = start + " UNION ALL ".join([query] * ROWS_PER_INSERT)

    def execute_several(self, driver: sqlite3.Connection, rows: Sequence[tuple[object, ...]]) -> int:
        """Execute the statement for each of several sets of parameters, and return the number of changed rows.

        Args:
            driver: The driver's connection.
            rows: The parameters in the form of the driver.
        """
        batched = len(rows) - len(rows) % ROWS_PER_INSERT if self._sql_of_rows else 0
        row_count = 0
        for first in range(0, batched, ROWS_PER_INSERT):
            values = (*chain.from_iterable(rows[first : first + ROWS_PER_INSERT]),)
            row_count += driver.execute(self._sql_of_rows, values).rowcount
        if batched < len(rows):
            cursor = driver.cursor()
            cursor.executemany(self.sql, rows[batched:])
            row_count += cursor.rowcount
        return row_count

    def use_raw_sql(self) -> None:
        """Let psycopg execute the statement with PostgreSQL's own placeholders, as it is sent.

        Otherwise psycopg would look up or convert the placeholders at each execution, which takes longer than the rest
        of its work: it remembers 128 statements, of at most 4,096 characters.
        """
        numbers: dict[str, int] = {}

        def number_placeholder(match: re.Match[str]) -> str:
            name = match[1]
            return "%" if name is None else f"${numbers.setdefault(name, len(numbers) + 1)}"

        self.raw_sql = _PLACEHOLDER.sub(number_placeholder, self.sql).encode()
        inserted = _INSERTED_VALUES.fullmatch(self.sql)
        if (
            inserted is not None
            and len(numbers) == inserted["values"].count("%(") == inserted["values"].count(",") + 1
        ):
            self.copy_sql = f"COPY {inserted['target']} FROM STDIN".encode()
        self.bind = self._build_binder((*numbers,), is_positional=True)


class DirectResult(IteratorResult[Any]):
    """The result of a statement that the driver has executed.

    Args:
        plan: The plan of the statement.
        reply: The reply of the driver.
    """

    _memoized_keys = frozenset({"_row_getter"})

    def __init__(self, plan: StatementPlan, reply: StatementReply) -> None:
        rows, self.rowcount = reply
        super().__init__(plan.metadata, iter(() if plan.row_getter is None else rows))
        # Cached for all results of the plan; discarded when the columns of the result change.
        self.__dict__["_row_getter"] = plan.row_getter


class PlannedResult:
    """The result of a statement that the driver has executed, or will execute together with later ones.

    Args:
        plan: The plan of the statement; None for a command.
        reply: The reply of the driver; None as long as the statement is queued.
    """

    __slots__ = ("plan", "reply")

    def __init__(self, plan: StatementPlan | None, reply: StatementReply | None) -> None:
        self.plan, self.reply = plan, reply

    @property
    def row_count(self) -> int:
        """The number of rows that were changed, or that are in the result."""
        return self.fetch_reply()[1]

    def fetch_reply(self) -> StatementReply:
        """Return the reply of the driver. The statement is executed now if it is still queued."""
        assert self.reply is not None
        return self.reply

    def fetch_rows(self) -> Sequence[SqlRow]:
        """Return all rows, like ``fetch().all()``."""
        assert self.plan is not None
        return self.plan.make_rows(self.fetch_reply()[0])

    def fetch(self) -> DirectResult:
        """Return the result."""
        assert self.plan is not None
        return DirectResult(self.plan, self.fetch_reply())


class PlansOfStatement:
    """The plans of a statement, by the names of its parameters and the lengths of its list parameters.

    Attributes:
        plans: The plans; None for executions that are left to SQLAlchemy.
        list_names: The parameters that are lists, by the names of all parameters; without names if there are none.
    """

    __slots__ = ("list_names", "plans")

    def __init__(self) -> None:
        self.plans: dict[tuple[str | int, ...], StatementPlan | None] = {}
        self.list_names: dict[tuple[str, ...], tuple[str, ...]] = {}

    def make_key(self, parameters: Parameters) -> tuple[str | int, ...]:
        """Return the key of the plan for some parameters."""
        names = (*parameters,)
        list_names = self.list_names.get(names) if self.list_names else None
        return names if not list_names else (*names, *(_measure(parameters[name]) for name in list_names))


Plans: TypeAlias = WeakKeyDictionary[Executable, PlansOfStatement]
"""The plans of an engine, by statement."""


def add_plan(
    plans: PlansOfStatement, statement: Executable, parameters: Parameters, result: SqlResult
) -> None:
    """Add the plan of a statement that SQLAlchemy has just executed, or record that SQLAlchemy must always execute it.

    Args:
        plans: The plans of the statement.
        statement: The statement.
        parameters: The parameters of the execution.
        result: The result of the execution.
    """
    plan = build_plan(statement, parameters, result)
    if plan is not None and plan.list_names:
        plans.list_names[(*parameters,)] = plan.list_names
    plans.plans[plans.make_key(parameters)] = plan


def build_plan(
    statement: Executable, parameters: Parameters, result: SqlResult, *, is_several: bool = False
) -> StatementPlan | None:
    """Return the plan of a statement that SQLAlchemy has just executed; None if SQLAlchemy must always execute it.

    Args:
        statement: The statement.
        parameters: The parameters, or the first of several sets of parameters.
        result: The result of the execution.
        is_several: Whether there were several sets of parameters.
    """
    context: Any = result.context
    compiled = context.compiled
    if (
        not isinstance(statement, (SelectBase, UpdateBase, TextClause))
        or statement.get_execution_options()
        or not isinstance(compiled, SQLCompiler)
        or not _is_plain(compiled)
        or (is_several and (result.returns_rows or _find_list_names(compiled, parameters)))
    ):
        return None
    plan = StatementPlan(result, compiled, parameters)
    if (plan.sql, plan.bind(parameters)) != (context.statement, context.parameters[0]):
        return None
    if context.dialect.driver == "psycopg":
        plan.use_raw_sql()
    elif is_several and isinstance(statement, Insert) and context.dialect.name == "sqlite":
        plan.use_sql_of_rows()
    return plan


def _build_binder(
    values: Mapping[str, object],
    processors: Mapping[str, Callable[[object], object]],
    names: Sequence[str],
    *,
    is_positional: bool,
) -> Callable[[Parameters], BoundParameters]:
    """Return a generated function from the parameters of a statement to those of the driver.

    Args:
        values: The placeholders and constants, by the names of the driver.
        processors: The functions that convert values, by the names of the driver.
        names: The names of the driver, in the order of the statement.
        is_positional: Whether the driver takes a tuple; otherwise a dict.
    """
    scope: dict[str, Any] = {}
    expressions = []
    for index, name in enumerate(names):
        value, process = values[name], processors.get(name)
        if not isinstance(value, _Parameter):
            scope[f"constant_{index}"] = value if process is None else process(value)
            expressions.append(f"constant_{index}")
            continue
        item = "" if value.index is None else f"[{value.index}]"
        expression = f"parameters[{value.name!r}]{item}"
        if process is not None:
            scope[f"process_{index}"] = process
            expression = f"process_{index}({expression})"
        expressions.append(expression)
    if is_positional:
        result = f"({''.join(f'{expression}, ' for expression in expressions)})"
    else:
        pairs = (f"{name!r}: {expression}" for name, expression in zip(names, expressions, strict=True))
        result = f"{{{', '.join(pairs)}}}"
    # Its names are quoted by repr().
    return compile_function("bind", "parameters", [f"return {result}"], scope)


def _find_list_names(compiled: SQLCompiler, parameters: Parameters) -> tuple[str, ...]:
    """Return the parameters that are lists of values, each of which becomes a parameter of its own."""
    names = {name for bind in compiled.post_compile_params for name in (bind.key, compiled.bind_names[bind])}
    return tuple(name for name in parameters if name in names)


def _measure(values: object) -> int:
    """Return the length of a list; -1 for a collection without an order, which has no plan."""
    return len(values) if isinstance(values, (list, tuple)) else -1


def _is_plain(compiled: SQLCompiler) -> bool:
    """Return whether the statement is the core's own and its SQL is always the same, apart from parameter values."""
    return OUR_TABLES in compiled.string and not (
        compiled.literal_execute_params
        or compiled.insert_prefetch
        or compiled.update_prefetch
        or compiled.escaped_bind_names
        or compiled.schema_translate_map
        or compiled.has_out_parameters
        or any(bind.callable for bind in compiled.bind_names)
        or any(bind.type._is_tuple_type for bind in compiled.post_compile_params)
    )
