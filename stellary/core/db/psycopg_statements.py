"""Execution of statements on a psycopg connection without its cursors, several in one round trip.

For a statement that is already converted and prepared, a cursor of psycopg takes twice as long as this module; its own
pipelines take even longer than separate statements, and send ``BEGIN`` in a round trip of its own.

With ``prepared_statements``, this is the only module that uses psycopg's internals; ``tests/core/test_queued_statements.py``
fails if they change.
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import Connection, Error, generators
from psycopg._preparing import Prepare
from psycopg.abc import Buffer, PQGen
from psycopg.abc import Transformer as AnyTransformer
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import InvalidTextRepresentation, SerializationFailure, error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

from stellary.core.db.bound_statements import BoundStatement, Row, StatementRejected, StatementReply

STATEMENTS_MAX = 500
"""The maximum number of statements in a round trip, all of which are in memory together with their results."""
NO_ROW = "the row has been changed by another transaction"
# The conversion fails without a row.
_REQUIRING_ROW = b"WITH changed AS (%%b RETURNING '1') SELECT coalesce((TABLE changed), '%b')::integer"
_REQUIRING_ROW %= NO_ROW.encode()
_FORMATS = [[PyFormat.AUTO] * count for count in range(64)]


class _ConvertedStatement:
    """A statement whose parameters are converted. psycopg's statement manager uses it as the key of a prepared statement.

    Attributes:
        query, types: The statement, and the types of its parameters.
        preparation: Whether the statement is prepared, or has to be.
        name: The name of the prepared statement.
    """

    __slots__ = ("formats", "name", "preparation", "query", "statement", "types", "values")

    def __init__(
        self, statement: BoundStatement, driver: Connection[Row], transformer: AnyTransformer
    ) -> None:
        self.statement, self.query = statement, statement.sql
        if statement.requires_row:
            self.query = _REQUIRING_ROW % statement.sql
        self.values: Sequence[Buffer | None] | None = None
        self.types: tuple[int, ...] = ()
        self.formats: Sequence[Format] | None = None
        self.preparation, self.name = Prepare.NO, b""
        if statement.is_command:
            return
        count = len(statement.parameters)
        formats = _FORMATS[count] if count < len(_FORMATS) else [PyFormat.AUTO] * count
        self.values = transformer.dump_sequence(statement.parameters, formats)
        self.types, self.formats = transformer.types or (), transformer.formats
        prepare = True if statement.is_repeated else None
        self.preparation, self.name = driver._prepared.get(self, prepare)  # type: ignore[arg-type] # noqa: SLF001

    def send(self, pgconn: PGconn) -> None:
        """Send the statement, after its preparation if it is not prepared yet."""
        if self.preparation is Prepare.NO:
            pgconn.send_query_params(
                self.query, self.values, param_types=self.types, param_formats=self.formats
            )
            return
        if self.preparation is Prepare.SHOULD:
            pgconn.send_prepare(self.name, self.query, param_types=self.types)
        pgconn.send_query_prepared(self.name, self.values, param_formats=self.formats)


class StatementExecutor:
    """The execution of statements on one connection. psycopg's own cursors can be used on it as well.

    Args:
        driver: The connection.
    """

    def __init__(self, driver: Connection[Row]) -> None:
        self._driver = driver
        self._transformer: AnyTransformer = Transformer(driver)

    def is_idle(self) -> bool:
        """Return whether no transaction is open."""
        return self._driver.pgconn.transaction_status == TransactionStatus.IDLE

    def is_in_transaction(self) -> bool:
        """Return whether a transaction is open that no error has aborted."""
        return self._driver.pgconn.transaction_status == TransactionStatus.INTRANS

    def execute(self, statements: Sequence[BoundStatement], *, commits: bool = False) -> list[StatementReply]:
        """Execute statements in order, in one round trip, and return their results.

        Without autocommit, a transaction is begun with the first of them if none is open.

        Args:
            statements: The statements. After one that fails, none is executed.
            commits: Whether to commit the transaction in the same round trip, if all succeed.

        Raises:
            StatementRejected: PostgreSQL has rejected a statement, or the commit.
            psycopg.Error: The connection was lost.
        """
        driver = self._driver
        results: list[StatementReply] = []
        with driver.lock:
            begins = self.is_idle() and not driver.autocommit
            begin = driver._get_tx_start_command() if begins else None  # noqa: SLF001
            for first in range(0, max(1, len(statements)), STATEMENTS_MAX):
                batch = [
                    _ConvertedStatement(statement, driver, self._transformer)
                    for statement in statements[first : first + STATEMENTS_MAX]
                ]
                commit = b"COMMIT" if commits and first + STATEMENTS_MAX >= len(statements) else None
                if (
                    begin is None
                    and commit is None
                    and len(batch) == 1
                    and batch[0].preparation is not Prepare.SHOULD
                ):
                    batch[0].send(driver.pgconn)
                    results.append(self._read(batch[0], driver.wait(generators.execute(driver.pgconn))))
                else:
                    results += self._execute_batch(batch, begin, commit)
                begin = None
            if driver._prepared._to_flush:  # noqa: SLF001
                driver.wait(driver._prepared.maintain_gen(driver))  # noqa: SLF001
        return results

    def _execute_batch(
        self, batch: Sequence[_ConvertedStatement], begin: bytes | None, commit: bytes | None
    ) -> list[StatementReply]:
        """Execute statements in a pipeline of libpq, between two optional commands."""
        driver, pgconn = self._driver, self._driver.pgconn
        pgconn.enter_pipeline_mode()
        try:
            if begin is not None:
                pgconn.send_query_params(begin, None)
            names: dict[tuple[bytes, tuple[int, ...]], bytes] = {}
            for bound in batch:
                if bound.preparation is Prepare.SHOULD:
                    key = (bound.query, bound.types)
                    if key in names:
                        bound.preparation, bound.name = Prepare.YES, names[key]
                    names[key] = bound.name
                bound.send(pgconn)
            if commit is not None:
                pgconn.send_query_params(commit, None)
            pgconn.pipeline_sync()
            replies = iter(driver.wait(self._fetch_until_sync()))
        finally:
            self._leave_pipeline()
        if begin is not None:
            self._check(BoundStatement(begin), next(replies))
        results = []
        for bound in batch:
            if bound.preparation is Prepare.SHOULD:
                self._check(bound.statement, next(replies))
            results.append(self._read(bound, next(replies)))
        if commit is not None:
            self._check(BoundStatement(commit), next(replies))
        return results

    def _fetch_until_sync(self) -> PQGen[list[list[PGresult]]]:
        pgconn = self._driver.pgconn
        yield from generators.send(pgconn)
        replies: list[list[PGresult]] = []
        while True:
            reply = yield from generators.fetch_many(pgconn)
            if reply and reply[0].status == ExecStatus.PIPELINE_SYNC:
                return replies
            replies.append(reply)

    def _leave_pipeline(self) -> None:
        pgconn = self._driver.pgconn
        if pgconn.status == ConnStatus.BAD:
            return
        try:
            pgconn.exit_pipeline_mode()
        except Error:
            # Some results were not read, and the next statement would get them.
            self._driver.close()

    def _check(self, statement: BoundStatement, reply: Sequence[PGresult]) -> PGresult:
        """Return the result of a reply.

        Raises:
            StatementRejected: PostgreSQL has rejected the statement.
        """
        result = reply[-1]
        if result.status in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
            return result
        error: Error = error_from_result(result, encoding=self._driver.pgconn._encoding)  # noqa: SLF001
        if statement.requires_row and isinstance(error, InvalidTextRepresentation):
            error = SerializationFailure(NO_ROW)
        raise StatementRejected(statement, error)

    def _read(self, bound: _ConvertedStatement, reply: Sequence[PGresult]) -> StatementReply:
        result = self._check(bound.statement, reply)
        if not bound.statement.is_command:
            prepared = self._driver._prepared  # noqa: SLF001
            key = prepared.maybe_add_to_cache(bound, bound.preparation, bound.name)  # type: ignore[arg-type]
            if key is not None:
                prepared.validate(key, bound.preparation, bound.name, reply)
        if result.status != ExecStatus.TUPLES_OK:
            return (), result.command_tuples or 0
        self._transformer.set_pgresult(result)
        return self._transformer.load_rows(0, result.ntuples, tuple), result.ntuples
