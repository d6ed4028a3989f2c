"""A connection that executes statements directly on the driver once SQLAlchemy has compiled them.

For each execution, SQLAlchemy takes several times as long as the driver: it looks up the compiled statement, and
describes the parameters, the cursor and the result. For a statement that was built once, all of this stays the same.
Therefore SQLAlchemy executes a statement twice; the second execution creates a ``StatementPlan``, which later
executions use.

SQLAlchemy executes statements without a plan, such as those of a host on its own tables. It executes all statements
while an event listener or ``echo`` is active, and raises all errors.
"""

# ruff: noqa: SLF001 - of SQLAlchemy; tests/core/test_direct_connection.py fails if they change

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from weakref import WeakKeyDictionary

from sqlalchemy import (
    Connection,
    CursorResult,
    Engine,
    Executable,
    SelectBase,
    TextClause,
    UpdateBase,
)
from sqlalchemy.engine import IteratorResult
from sqlalchemy.sql.compiler import SQLCompiler

from stellary.core.db.errors import OUR_TABLES

if TYPE_CHECKING:
    from psycopg import RawCursor

Parameters: TypeAlias = Mapping[str, object]
BoundParameters: TypeAlias = tuple[object, ...] | dict[str, object]
Row: TypeAlias = tuple[object, ...]

SqlResult: TypeAlias = CursorResult[Any]

_NO_PARAMETERS: Final[Parameters] = {}
_PLANS_MAX = 32
"""The maximum number of plans of a statement: it has one for each set of parameter names and list lengths."""
_SEVERAL: Final = "*"
"""The first part of the key of a plan for several sets of parameters. No parameter has this name."""
_LISTENERS = ("before_execute", "after_execute", "before_cursor_execute", "after_cursor_execute")
_PLACEHOLDER = re.compile(r"%\((\w+)\)s|%%")
_HANDLERS = ("do_execute", "do_execute_no_params")


class SnapshotNeeded(Exception):
    """A unit without a snapshot has executed too many statements, or one that writes, and must run again with one."""


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
        self.raw_cursor: type[RawCursor[Row]] | None = None
        """The class of cursors that execute ``raw_sql``; None if the driver executes ``sql``."""
        self.raw_sql = b""

    def use_raw_cursor(self) -> None:
        """Let psycopg execute the statement with PostgreSQL's own placeholders, as it is sent.

        Otherwise psycopg would look up or convert the placeholders at each execution, which takes longer than the rest
        of its work: it remembers 128 statements, of at most 4,096 characters.
        """
        # Imported here, since the driver is installed only where PostgreSQL is used.
        from psycopg import RawCursor

        numbers: dict[str, int] = {}

        def number_placeholder(match: re.Match[str]) -> str:
            name = match[1]
            return "%" if name is None else f"${numbers.setdefault(name, len(numbers) + 1)}"

        self.raw_sql = _PLACEHOLDER.sub(number_placeholder, self.sql).encode()
        self.bind = self._build_binder((*numbers,), is_positional=True)
        self.raw_cursor = RawCursor


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


class DirectResult(IteratorResult[Any]):
    """The result of a statement that the driver has executed.

    Args:
        plan: The plan of the statement.
        rows: All rows.
        rowcount: The number of rows that were changed, or that are in the result.
    """

    _memoized_keys = frozenset({"_row_getter"})

    def __init__(self, plan: StatementPlan, rows: Sequence[Any], rowcount: int) -> None:
        super().__init__(plan.metadata, iter(rows))
        self.rowcount = rowcount
        # Cached for all results of the plan; discarded when the columns of the result change.
        self.__dict__["_row_getter"] = plan.row_getter


class DirectConnection(Connection):
    """A connection of the core's own engine.

    Args:
        engine: The engine.
        plans: The plans of statements on this engine.

    Attributes:
        statements_left: The number of SELECTs that may still be executed outside of a snapshot; None inside of one.
    """

    statements_left: int | None = None

    def __init__(self, engine: Engine, plans: Plans) -> None:
        super().__init__(engine)
        self._plans = plans

    def execute(self, statement: Executable, parameters: Any = None, *, execution_options: Any = None) -> Any:
        """Execute a statement; see ``sqlalchemy.Connection.execute``.

        Args:
            statement: The statement.
            parameters: The parameters by name, or a list of such mappings. Default: none.
            execution_options: As in SQLAlchemy. Default: none.

        Raises:
            SnapshotNeeded: The unit has no snapshot, and this statement needs one.
        """
        self._count(statement)
        values = parameters
        if parameters is None:
            values = _NO_PARAMETERS
        elif type(parameters) is list and len(parameters) == 1:
            values = parameters[0]
        if type(values) is list and values and execution_options is None:
            return self._execute_several(statement, values)
        if type(values) is not dict or execution_options is not None:
            return super().execute(statement, parameters, execution_options=execution_options)
        plans = self._plans.get(statement)
        key = () if plans is None else plans.make_key(values)
        plan = None if plans is None else plans.plans.get(key)
        driver = None if plan is None else self._find_driver()
        if plan is not None and driver is not None:
            try:
                bound = plan.bind(values)
            except Exception:  # noqa: BLE001 - SQLAlchemy raises its own error
                return super().execute(statement, parameters)
            return self._execute_plan(driver, plan, bound)
        result = super().execute(statement, parameters)
        if plans is None:
            self._plans[statement] = PlansOfStatement()
        elif key not in plans.plans and len(plans.plans) < _PLANS_MAX:
            _add_plan(plans, statement, values, result)
        return result

    def _execute_several(self, statement: Executable, rows: list[Parameters]) -> object:
        """Execute a statement once for each of several sets of parameters."""
        plans = self._plans.get(statement)
        key = (_SEVERAL, *rows[0])
        plan = None if plans is None else plans.plans.get(key)
        driver = None if plan is None else self._find_driver()
        if plan is not None and driver is not None:
            count = len(rows[0])
            try:
                bound = [plan.bind(row) for row in rows if len(row) == count]
            except Exception:  # noqa: BLE001 - SQLAlchemy raises its own error
                bound = []
            if len(bound) == len(rows):
                return self._execute_plan(driver, plan, bound)
        result = super().execute(statement, rows)
        if plans is None:
            self._plans[statement] = PlansOfStatement()
        elif key not in plans.plans and len(plans.plans) < _PLANS_MAX:
            plans.plans[key] = _build_plan(statement, rows[0], result, is_several=True)
        return result

    def _count(self, statement: Executable) -> None:
        if self.statements_left is not None:
            if not self.statements_left or not isinstance(statement, SelectBase):
                raise SnapshotNeeded
            self.statements_left -= 1

    def _execute_plan(
        self, driver: Any, plan: StatementPlan, bound: BoundParameters | list[BoundParameters]
    ) -> DirectResult:
        try:
            if type(bound) is list:
                cursor = driver.cursor() if plan.raw_cursor is None else plan.raw_cursor(driver)
                cursor.executemany(plan.raw_sql or plan.sql, bound)
            elif plan.raw_cursor is None:
                cursor = driver.execute(plan.sql, bound)
            else:
                cursor = plan.raw_cursor(driver).execute(plan.raw_sql, bound)
            rows = cursor.fetchall() if plan.fetches else ()
        except BaseException as error:
            if isinstance(error, Exception) and not isinstance(error, self.dialect.loaded_dbapi.Error):
                raise
            self._handle_dbapi_exception(error, plan.sql, bound, None, None)
        return DirectResult(plan, () if plan.row_getter is None else rows, cursor.rowcount)

    def scalar(self, statement: Executable, parameters: Any = None, *, execution_options: Any = None) -> Any:
        """Execute a statement, and return the first column of its first row; None without a row.

        Args:
            statement: The statement.
            parameters: The parameters by name. Default: none.
            execution_options: As in SQLAlchemy. Default: none.
        """
        return self.execute(statement, parameters, execution_options=execution_options).scalar()

    def _find_driver(self) -> Any:
        """Return the driver's connection; None if SQLAlchemy has to execute or reject the statement."""
        block, transaction = self._trans_context_manager, self._nested_transaction or self._transaction
        if (
            block is None
            or transaction is None
            or not (block._transaction_is_active() and transaction.is_active)
        ):
            return None
        dialect = self.dialect
        if self._echo or (dialect._has_events and _has_listeners(dialect.dispatch, _HANDLERS)):
            return None
        if (self._has_events or self.engine._has_events) and _has_listeners(self.dispatch, _LISTENERS):
            return None
        pooled = self._dbapi_connection
        return None if pooled is None else pooled.dbapi_connection


def allow_statement(connection: Connection) -> None:
    """Allow one more statement without a snapshot, since the last one has only read the caller's token."""
    if isinstance(connection, DirectConnection) and connection.statements_left is not None:
        connection.statements_left += 1


def _has_listeners(dispatch: Any, names: Sequence[str]) -> bool:
    return any(getattr(dispatch, name) for name in names)


def _add_plan(
    plans: PlansOfStatement, statement: Executable, parameters: Parameters, result: SqlResult
) -> None:
    """Add the plan of a statement that SQLAlchemy has just executed, or record that SQLAlchemy must always execute it."""
    plan = _build_plan(statement, parameters, result)
    if plan is not None and plan.list_names:
        plans.list_names[(*parameters,)] = plan.list_names
    plans.plans[plans.make_key(parameters)] = plan


def _build_plan(
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
        plan.use_raw_cursor()
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
        body = "".join(f"{expression}, " for expression in expressions)
        source = f"lambda parameters: ({body})"
    else:
        pairs = zip(names, expressions, strict=True)
        source = (
            f"lambda parameters: {{{', '.join(f'{name!r}: {expression}' for name, expression in pairs)}}}"
        )
    bind: Callable[[Parameters], BoundParameters] = eval(source, scope)  # noqa: S307 - of names that repr() quotes
    return bind


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
