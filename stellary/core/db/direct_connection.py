"""A connection that executes statements directly on the driver once SQLAlchemy has compiled them.

SQLAlchemy takes several times as long for each execution as the driver does: it looks up the compiled statement, and
describes parameters, cursor and result anew. For a statement that was built once, all of that stays the same. So the
first two executions are SQLAlchemy's; the second one leaves a ``StatementPlan``, and later executions follow it.

SQLAlchemy executes what has no plan: statements of a host on its own tables, and those with a list of values or of several
sets of parameters. It executes everything while an event listener or ``echo`` is to hear of it, and makes all errors.
"""

# ruff: noqa: SLF001 - of SQLAlchemy; tests/core/test_direct_connection.py fails if they change

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias
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

Parameters: TypeAlias = Mapping[str, object]
BoundParameters: TypeAlias = tuple[object, ...] | dict[str, object]

_NO_PARAMETERS: Final[Parameters] = {}
_PLANS_MAX = 8
"""The number of plans of one statement, which has one for each set of parameter names."""
_LISTENERS = ("before_execute", "after_execute", "before_cursor_execute", "after_cursor_execute")
_HANDLERS = ("do_execute", "do_execute_no_params")


class SnapshotNeeded(Exception):
    """More statements than a unit without a snapshot may execute, or one that writes. The unit has to run again in one."""


class _Parameter:
    """A placeholder for the value of a parameter."""

    def __init__(self, name: str) -> None:
        self.name = name


class StatementPlan:
    """The part of an execution that is the same each time: the SQL, and the conversions of parameters and rows.

    Args:
        result: The result of SQLAlchemy's execution of the statement.
        compiled: The compiled statement, of which ``_is_plain`` is true.
        parameters: The parameters of that execution.
    """

    def __init__(self, result: CursorResult[Any], compiled: SQLCompiler, parameters: Parameters) -> None:
        self.sql: str = compiled.string
        self.metadata: Any = result._metadata
        self.fetches: bool = self.metadata.returns_rows
        # SQLAlchemy reads some keys that the database has generated; they are no part of the result.
        self.row_getter: Any = (
            result._row_getter if self.fetches and not compiled.implicit_returning else None
        )
        context: Any = result.context
        values = compiled.construct_params(
            {name: _Parameter(name) for name in parameters},
            extracted_parameters=context.extracted_parameters,
            escape_names=False,
        )
        processors: Any = compiled._bind_processors
        self._is_positional = compiled.positional
        self._names = (*((compiled.positiontup or ()) if self._is_positional else values),)
        self._constants: dict[str, object] = {}
        self._sources: list[str] = []
        self._processors: list[tuple[int, Callable[[object], object]]] = []
        for index, name in enumerate(self._names):
            value, process = values[name], processors.get(name)
            if isinstance(value, _Parameter):
                self._sources.append(value.name)
                if process is not None:
                    self._processors.append((index, process))
            else:
                self._sources.append(name)
                self._constants[name] = value if process is None else process(value)

    def bind(self, parameters: Parameters) -> BoundParameters:
        """Return the parameters as the driver takes them."""
        if self._constants:
            parameters = {**self._constants, **parameters}
        values = [parameters[name] for name in self._sources]
        for index, process in self._processors:
            values[index] = process(values[index])
        return tuple(values) if self._is_positional else dict(zip(self._names, values, strict=True))


Plans: TypeAlias = WeakKeyDictionary[Executable, dict[tuple[str, ...], StatementPlan | None]]
"""The plans of an engine, by statement and parameter names; None for executions that are left to SQLAlchemy."""


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
        # Otherwise each result would build its own. It is forgotten when the columns of the result change.
        self.__dict__["_row_getter"] = plan.row_getter


class DirectConnection(Connection):
    """A connection of an engine that is not a host's.

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

        Raises:
            SnapshotNeeded: The unit has no snapshot, and this statement needs one.
        """
        self._count(statement)
        values = parameters
        if parameters is None:
            values = _NO_PARAMETERS
        elif type(parameters) is list and len(parameters) == 1:
            values = parameters[0]
        if type(values) is not dict or execution_options is not None:
            return super().execute(statement, parameters, execution_options=execution_options)
        names = tuple(values)
        plans = self._plans.get(statement)
        plan = None if plans is None else plans.get(names)
        driver = None if plan is None else self._find_driver()
        if plan is not None and driver is not None:
            try:
                bound = plan.bind(values)
            except Exception:  # noqa: BLE001 - SQLAlchemy raises its own error
                return super().execute(statement, parameters)
            return self._execute_plan(driver, plan, bound)
        result = super().execute(statement, parameters)
        if plans is None:
            self._plans[statement] = {}
        elif names not in plans and len(plans) < _PLANS_MAX:
            plans[names] = _make_plan(statement, values, result)
        return result

    def _count(self, statement: Executable) -> None:
        if self.statements_left is not None:
            if not self.statements_left or not isinstance(statement, SelectBase):
                raise SnapshotNeeded
            self.statements_left -= 1

    def _execute_plan(self, driver: Any, plan: StatementPlan, bound: BoundParameters) -> DirectResult:
        try:
            cursor = driver.execute(plan.sql, bound)
            rows = cursor.fetchall() if plan.fetches else ()
        except BaseException as error:
            if isinstance(error, Exception) and not isinstance(error, self.dialect.loaded_dbapi.Error):
                raise
            self._handle_dbapi_exception(error, plan.sql, bound, None, None)
        return DirectResult(plan, () if plan.row_getter is None else rows, cursor.rowcount)

    def scalar(self, statement: Executable, parameters: Any = None, *, execution_options: Any = None) -> Any:
        """Execute a statement, and return the first column of its first row; None without a row."""
        return self.execute(statement, parameters, execution_options=execution_options).scalar()

    def _find_driver(self) -> Any:
        """Return the driver's connection; None if SQLAlchemy has to execute the statement, or to refuse it."""
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
    """Allow one more statement outside of a snapshot, since the last one has only read the caller's token."""
    if isinstance(connection, DirectConnection) and connection.statements_left is not None:
        connection.statements_left += 1


def _has_listeners(dispatch: Any, names: Sequence[str]) -> bool:
    return any(getattr(dispatch, name) for name in names)


def _make_plan(
    statement: Executable, parameters: Parameters, result: CursorResult[Any]
) -> StatementPlan | None:
    """Return the plan of a statement that SQLAlchemy has just executed; None if SQLAlchemy has to execute it always."""
    context: Any = result.context
    compiled = context.compiled
    if (
        not isinstance(statement, (SelectBase, UpdateBase, TextClause))
        or statement.get_execution_options()
        or not isinstance(compiled, SQLCompiler)
        or not _is_plain(compiled)
    ):
        return None
    plan = StatementPlan(result, compiled, parameters)
    return plan if (plan.sql, plan.bind(parameters)) == (context.statement, context.parameters[0]) else None


def _is_plain(compiled: SQLCompiler) -> bool:
    """Return whether the SQL is ours and always the same, so that only the values of parameters change."""
    return OUR_TABLES in compiled.string and not (
        compiled.literal_execute_params
        or compiled.post_compile_params
        or compiled.insert_prefetch
        or compiled.update_prefetch
        or compiled.escaped_bind_names
        or compiled.schema_translate_map
        or compiled.has_out_parameters
        or any(bind.callable for bind in compiled.bind_names)
    )
