"""A connection that executes statements directly on the driver once SQLAlchemy has compiled them.

For each execution, SQLAlchemy takes several times as long as the driver: it looks up the compiled statement, and
describes the parameters, the cursor and the result. For a statement that was built once, all of this stays the same.
Therefore SQLAlchemy executes a statement twice; the second execution creates a ``StatementPlan``, which later
executions use.

Many rows are inserted by few statements: on SQLite fifty by each, on PostgreSQL all with COPY.

SQLAlchemy executes statements without a plan, such as those of a host on its own tables. It executes all statements
while an event listener or ``echo`` is active, and raises all errors.
"""

# ruff: noqa: SLF001 - of SQLAlchemy; tests/core/test_direct_connection.py fails if they change

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import Connection, Engine, Executable, Result, SelectBase
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import PoolProxiedConnection

from stellary.core.db.bound_statements import BoundStatement, Row, StatementRejected, StatementReply
from stellary.core.db.statement_plans import (
    PLANS_MAX,
    SEVERAL,
    BoundParameters,
    DirectResult,
    Parameters,
    PlannedResult,
    Plans,
    PlansOfStatement,
    SqlResult,
    SqlRow,
    StatementPlan,
    add_plan,
    build_plan,
)

if TYPE_CHECKING:
    import psycopg

    from stellary.core.db.psycopg_statements import StatementExecutor

_NO_PARAMETERS: Final[Parameters] = {}
_LISTENERS = ("before_execute", "after_execute", "before_cursor_execute", "after_cursor_execute")
_COPIED_MIN = 50
"""The number of rows from which on PostgreSQL gets them with COPY."""
_QUEUED_MAX = 500
"""The number of queued statements that are executed without waiting for further ones."""
_EXECUTOR = "stellary.executor"
"""The key of the executor of a driver connection in its ``info``."""


class SnapshotNeeded(Exception):
    """A unit without a snapshot has executed too many statements, or one that writes, and must run again with one."""


class QueuedResult(PlannedResult):
    """The result of a statement that is executed together with later ones.

    Args:
        bound_statement: The statement.
        plan: Its plan; None for a command.
        execute_queued: Executes the queued statements.
    """

    __slots__ = ("_execute_queued", "bound_statement")

    def __init__(
        self, bound_statement: BoundStatement, plan: StatementPlan | None, execute_queued: Callable[[], None]
    ) -> None:
        super().__init__(plan, None)
        self.bound_statement, self._execute_queued = bound_statement, execute_queued

    def fetch_reply(self) -> StatementReply:
        """Return the reply of the driver. The statement is executed now if it is still queued."""
        if self.reply is None:
            self._execute_queued()
        return super().fetch_reply()


class ExecutedResult:
    """The result of a statement that was executed when it was to be queued.

    Args:
        result: The result.
    """

    __slots__ = ("_result", "_rows", "row_count")

    def __init__(self, result: SqlResult | DirectResult) -> None:
        self.row_count = result.rowcount
        self._rows: Sequence[SqlRow] | None = None
        self._result: Result[Row] = result
        if not isinstance(result, DirectResult) and result.returns_rows:
            # SQLite would read the rows while later statements change them.
            self._result = result.freeze()()

    def fetch_rows(self) -> Sequence[SqlRow]:
        """Return all rows, each time that it is called."""
        if self._rows is None:
            self._rows = self._result.all()
        return self._rows

    def fetch(self) -> Result[Row]:
        """Return the result."""
        return self._result


_COMMIT = QueuedResult(BoundStatement(b"COMMIT", is_command=True), None, lambda: None)


class CoreConnection(Connection):
    """A connection of the core's own engine, on which SQLAlchemy executes all statements.

    Attributes:
        statements_left: The number of SELECTs that may still be executed without a transaction; None in a transaction.
        watchdog_ticket: The ticket by which the watchdog knows the connection; None while it is not watched.
        schema: The schema of PostgreSQL that it uses; None for that of the engine.
        has_schema_alone: Whether it uses the schema outside of transactions, too.
        on_return: Called before the connection returns to its pool; None for nothing.
        statement_count: The number of statements that it has executed; 0 if SQLAlchemy executes all of them.
        row_count: The number of rows that they returned, apart from those that SQLAlchemy has read.
    """

    statements_left: int | None = None
    watchdog_ticket: int | None = None
    schema: str | None = None
    has_schema_alone = True
    on_return: Callable[[], None] | None = None
    statement_count = row_count = 0

    def end_statements(self) -> None:
        """End the statements that are executed without a transaction."""
        self.statements_left = None
        if self.in_transaction():
            # SQLAlchemy has begun one for a statement without a plan.
            self.rollback()


class DirectConnection(CoreConnection):
    """A connection that executes statements directly on the driver.

    Args:
        engine: The engine.
        plans: The plans of statements on this engine.
    """

    def __init__(self, engine: Engine, plans: Plans) -> None:
        super().__init__(engine)
        self._plans = plans
        self._can_queue = engine.dialect.driver == "psycopg"
        self._queued: list[QueuedResult] = []
        self._has_executed = False

    def execute(self, statement: Executable, parameters: Any = None, *, execution_options: Any = None) -> Any:
        """Execute a statement; see ``sqlalchemy.Connection.execute``.

        Args:
            statement: The statement.
            parameters: The parameters by name, or a list of such mappings. Default: none.
            execution_options: As in SQLAlchemy. Default: none.

        Raises:
            SnapshotNeeded: The unit has no snapshot, and this statement needs one.
        """
        if self.statements_left is not None:
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
        bound = self._bind_plan(statement, values)
        if bound is not None:
            return DirectResult(bound[0], self._execute_plan(*bound))
        plans = self._plans.get(statement)
        key = () if plans is None else plans.make_key(values)
        result = super().execute(statement, parameters)
        if plans is None:
            self._plans[statement] = PlansOfStatement()
        elif key not in plans.plans and len(plans.plans) < PLANS_MAX:
            add_plan(plans, statement, values, result)
        return result

    def fetch_rows(self, statement: Executable, parameters: Parameters) -> Sequence[SqlRow]:
        """Execute a statement, and return its rows; see the function ``fetch_rows``.

        Args:
            statement: The statement.
            parameters: The parameters by name.
        """
        bound = self._bind_plan(statement, parameters)
        if bound is None:
            result: Result[*tuple[object, ...]] = self.execute(statement, parameters)
            return result.all()
        if self.statements_left is not None:
            self._count(statement)
        plan, values = bound
        return plan.make_rows(self._execute_plan(plan, values)[0])

    def queue(
        self, statement: Executable, parameters: Parameters, *, requires_row: bool = False
    ) -> PlannedResult | ExecutedResult:
        """Queue a statement; see ``queue_statement``.

        Args:
            statement: The statement.
            parameters: The parameters by name.
            requires_row: Whether the transaction fails if no row is changed.
        """
        bound = self._bind_plan(statement, parameters)
        if bound is None:
            return ExecutedResult(self.execute(statement, parameters))
        if self.statements_left is not None:
            self._count(statement)
        plan, values = bound
        if not self._can_queue:
            return PlannedResult(plan, self._execute_plan(plan, values))
        bound_statement = BoundStatement(
            plan.raw_sql, cast("Sequence[object]", values), requires_row=requires_row
        )
        return self._enqueue(bound_statement, plan)

    def queue_rows(self, statement: Executable, rows: list[Parameters]) -> None:
        """Queue a statement for each of several sets of parameters; see the function ``queue_rows``.

        Args:
            statement: The statement.
            rows: The sets of parameters, all with the same names.
        """
        bound = self._bind_several(statement, rows) if self._can_queue else None
        if bound is None:
            self.execute(statement, rows)
            return
        plan, bound_rows = bound
        if plan.copy_sql and len(bound_rows) >= _COPIED_MIN:
            self._execute_plan(plan, bound_rows)
            return
        for values in bound_rows:
            self._enqueue(
                BoundStatement(plan.raw_sql, cast("Sequence[object]", values), is_repeated=True), plan
            )

    def queue_command(self, command: str) -> None:
        """Queue a command of PostgreSQL, such as ``SAVEPOINT unit``."""
        self._enqueue(BoundStatement(command.encode(), is_command=True), None)

    def has_open_transaction(self) -> bool:
        """Return whether the transaction on PostgreSQL is open and not aborted; it begins with its first statement."""
        executor = None if self._dbapi_connection is None else self._get_executor()
        if executor is None:
            return False
        return executor.is_in_transaction() if self._has_executed else executor.is_idle()

    def end_statements(self) -> None:
        """End the statements that are executed without a transaction. Those that are still queued are not executed."""
        self._queued.clear()
        super().end_statements()

    def _enqueue(self, bound_statement: BoundStatement, plan: StatementPlan | None) -> QueuedResult:
        queued = QueuedResult(bound_statement, plan, self.execute_queued)
        if bound_statement.requires_row:
            # Otherwise the transaction fails, so the number is known.
            queued.reply = (), 1
        self._queued.append(queued)
        if len(self._queued) >= _QUEUED_MAX:
            self.execute_queued()
        return queued

    def execute_queued(self) -> None:
        """Execute the queued statements."""
        if self._queued:
            self._run_queue()

    def _bind_plan(
        self, statement: Executable, values: Parameters
    ) -> tuple[StatementPlan, BoundParameters] | None:
        """Return the plan of a statement and its parameters for the driver; None if SQLAlchemy must execute it."""
        plans = self._plans.get(statement)
        plan = None if plans is None else plans.plans.get(plans.make_key(values))
        if plan is None or self.find_driver() is None:
            return None
        try:
            return plan, plan.bind(values)
        except Exception:  # noqa: BLE001 - SQLAlchemy raises its own error
            return None

    def _bind_several(
        self, statement: Executable, rows: list[Parameters]
    ) -> tuple[StatementPlan, list[BoundParameters]] | None:
        """Return the same as ``_bind_plan`` for several sets of parameters, all with the same names."""
        plans = self._plans.get(statement)
        plan = None if plans is None else plans.plans.get((SEVERAL, *rows[0]))
        if plan is None or self.find_driver() is None:
            return None
        count = len(rows[0])
        try:
            bound = [plan.bind(row) for row in rows if len(row) == count]
        except Exception:  # noqa: BLE001 - SQLAlchemy raises its own error
            return None
        return (plan, bound) if len(bound) == len(rows) else None

    def _execute_several(self, statement: Executable, rows: list[Parameters]) -> object:
        """Execute a statement once for each of several sets of parameters."""
        bound = self._bind_several(statement, rows)
        if bound is not None:
            return DirectResult(bound[0], self._execute_plan(*bound))
        result = super().execute(statement, rows)
        plans = self._plans.get(statement)
        key = (SEVERAL, *rows[0])
        if plans is None:
            self._plans[statement] = PlansOfStatement()
        elif key not in plans.plans and len(plans.plans) < PLANS_MAX:
            plans.plans[key] = build_plan(statement, rows[0], result, is_several=True)
        return result

    def _count(self, statement: Executable) -> None:
        if not self.statements_left or not isinstance(statement, SelectBase):
            raise SnapshotNeeded
        self.statements_left -= 1

    def _execute_plan(
        self, plan: StatementPlan, bound: BoundParameters | list[BoundParameters]
    ) -> StatementReply:
        if plan.raw_sql:
            rows = cast("list[Row]", bound if type(bound) is list else [bound])
            if plan.copy_sql and len(rows) >= _COPIED_MIN:
                return (), self._copy_rows(plan.copy_sql, rows)
            queued = [
                QueuedResult(
                    BoundStatement(plan.raw_sql, row, is_repeated=len(rows) > 1), plan, self.execute_queued
                )
                for row in rows
            ]
            self._queued += queued
            self._run_queue()
            return queued[0].fetch_reply()[0], sum(result.row_count for result in queued)
        pooled = self._dbapi_connection
        driver: Any = None if pooled is None else pooled.dbapi_connection
        try:
            if type(bound) is list:
                self.statement_count += 1
                return (), plan.execute_several(driver, cast("list[Row]", bound))
            cursor = driver.execute(plan.sql, bound)
            fetched = cursor.fetchall() if plan.fetches else ()
            self.statement_count += 1
            self.row_count += len(fetched)
        except BaseException as error:
            if isinstance(error, Exception) and not isinstance(error, self.dialect.loaded_dbapi.Error):
                raise
            self._handle_dbapi_exception(error, plan.sql, bound, None, None)
        return fetched, cursor.rowcount

    def _copy_rows(self, command: bytes, rows: Sequence[Row]) -> int:
        """Insert rows with COPY, and return their number. It takes two thirds of the time of an INSERT for each row."""
        self.execute_queued()
        self._has_executed = True
        driver = cast("psycopg.Connection[Row]", self.connection.dbapi_connection)
        try:
            with driver.cursor() as cursor:
                with cursor.copy(command) as copy:
                    for row in rows:
                        copy.write_row(row)
                return cursor.rowcount
        except BaseException as error:
            if isinstance(error, Exception) and not isinstance(error, self.dialect.loaded_dbapi.Error):
                raise
            self._handle_dbapi_exception(error, command.decode(), None, None, None)

    def _run_queue(self, *, commits: bool = False) -> None:
        """Execute the queued statements in one round trip, and commit in the same one if that is requested."""
        queued, self._queued = self._queued, []
        self._has_executed = True
        failed = queued[-1]
        try:
            try:
                replies = self._get_executor().execute(
                    [result.bound_statement for result in queued], commits=commits
                )
            except StatementRejected as failure:
                failed = next(
                    (result for result in queued if result.bound_statement is failure.statement), _COMMIT
                )
                raise failure.error from None
        except BaseException as error:
            if isinstance(error, Exception) and not isinstance(error, self.dialect.loaded_dbapi.Error):
                raise
            sql = None if failed.plan is None else failed.plan.sql
            self._handle_dbapi_exception(
                error, sql, (*failed.bound_statement.parameters,) or None, None, None
            )
        self.statement_count += len(queued)
        for result, reply in zip(queued, replies, strict=True):
            result.reply = reply
            self.row_count += len(reply[0])

    def _get_executor(self) -> StatementExecutor:
        pooled = self._dbapi_connection
        assert pooled is not None
        executor: StatementExecutor | None = pooled.info.get(_EXECUTOR)
        if executor is None:
            # Imported here, since the driver is installed only where PostgreSQL is used.
            from stellary.core.db.psycopg_statements import StatementExecutor

            executor = pooled.info[_EXECUTOR] = StatementExecutor(
                cast("psycopg.Connection[Row]", pooled.dbapi_connection)
            )
        return executor

    @property
    def connection(self) -> PoolProxiedConnection:
        """The driver's connection, on which the queued statements have been executed."""
        self.execute_queued()
        return super().connection

    def _execute_context(self, *arguments: Any, **options: Any) -> SqlResult:
        self.execute_queued()
        self._has_executed = True
        self.statement_count += 1
        return super()._execute_context(*arguments, **options)

    def _commit_impl(self) -> None:
        is_queued = bool(self._queued)
        try:
            if is_queued and not self._has_listeners("commit"):
                self._run_queue(commits=True)
            else:
                super()._commit_impl()
        except BaseException:
            if is_queued:
                # Otherwise the transaction would stay open: SQLAlchemy does not roll back after a failed commit.
                with suppress(DBAPIError):
                    self._rollback_impl()
            raise
        self._has_executed = False

    def _has_listeners(self, *names: str) -> bool:
        # The flags stay set after the listeners have been removed, also those of all engines.
        has_events = self._has_events or self.engine._has_events
        return has_events and any(getattr(self.dispatch, name) for name in names)

    def _rollback_impl(self) -> None:
        self._queued.clear()
        self._has_executed = False
        super()._rollback_impl()

    def _rollback_to_savepoint_impl(self, name: str) -> None:
        # Queued after the savepoint, since its creation has executed what was queued before.
        self._queued.clear()
        super()._rollback_to_savepoint_impl(name)

    def scalar(self, statement: Executable, parameters: Any = None, *, execution_options: Any = None) -> Any:
        """Execute a statement, and return the first column of its first row; None without a row.

        Args:
            statement: The statement.
            parameters: The parameters by name. Default: none.
            execution_options: As in SQLAlchemy. Default: none.
        """
        return self.execute(statement, parameters, execution_options=execution_options).scalar()

    def find_driver(self) -> Any:
        """Return the driver's connection; None if SQLAlchemy has to execute or reject the statement."""
        if self.statements_left is None:
            block, transaction = self._trans_context_manager, self._nested_transaction or self._transaction
            if (
                block is None
                or transaction is None
                or not (block._transaction_is_active() and transaction.is_active)
            ):
                return None
        dialect = self.dialect
        if self._echo or (
            dialect._has_events and (dialect.dispatch.do_execute or dialect.dispatch.do_execute_no_params)
        ):
            return None
        # For each statement, without a call if there are none.
        if (self._has_events or self.engine._has_events) and self._has_listeners(*_LISTENERS):
            return None
        pooled = self._dbapi_connection
        return None if pooled is None else pooled.dbapi_connection


def fetch_rows(connection: Connection, statement: Executable, parameters: Parameters) -> Sequence[SqlRow]:
    """Execute a statement, and return its rows, without SQLAlchemy's result if the driver executes it.

    Args:
        connection: The connection.
        statement: The statement, which returns rows.
        parameters: The parameters by name.
    """
    if isinstance(connection, DirectConnection):
        return connection.fetch_rows(statement, parameters)
    return connection.execute(statement, parameters).all()


def queue_statement(
    connection: Connection, statement: Executable, parameters: Parameters, *, requires_row: bool = False
) -> PlannedResult | ExecutedResult:
    """Execute a statement in the same round trip to PostgreSQL as later ones.

    It is executed when its result is fetched, before the next statement that is not queued, or with the commit, always
    in the order of the calls. If PostgreSQL rejects it, the error is raised there. SQLite executes it immediately.

    Args:
        connection: The connection.
        statement: The statement.
        parameters: The parameters by name.
        requires_row: Whether a transaction that is sent later fails as after a serialization failure if no row is changed.
    """
    if isinstance(connection, DirectConnection):
        return connection.queue(statement, parameters, requires_row=requires_row)
    return ExecutedResult(connection.execute(statement, parameters))


def queue_rows(connection: Connection, statement: Executable, rows: Sequence[Mapping[str, object]]) -> None:
    """Execute a statement for each of several sets of parameters, together with later statements; see ``queue_statement``.

    Args:
        connection: The connection.
        statement: The statement, whose result is not needed.
        rows: The sets of parameters, all with the same names.
    """
    if len(rows) == 1:
        queue_statement(connection, statement, rows[0])
    elif isinstance(connection, DirectConnection):
        connection.queue_rows(statement, [*rows])
    else:
        connection.execute(statement, rows)


def execute_queued(connection: Connection) -> None:
    """Execute the queued statements of a connection, so that their errors are raised here."""
    if isinstance(connection, DirectConnection):
        connection.execute_queued()


def allow_statement(connection: Connection) -> None:
    """Allow one more statement without a snapshot, since the last one has only read the caller's token."""
    if isinstance(connection, DirectConnection) and connection.statements_left is not None:
        connection.statements_left += 1


def has_snapshot(connection: Connection) -> bool:
    """Return whether all statements of a unit that only reads see the same state of the database."""
    return not isinstance(connection, DirectConnection) or connection.statements_left is None


def require_snapshot(connection: Connection) -> None:
    """Raise an error if the unit has no snapshot, before a service executes statements that must see the same state.

    Raises:
        SnapshotNeeded: The unit has none. It runs again with one.
    """
    if not has_snapshot(connection):
        raise SnapshotNeeded
