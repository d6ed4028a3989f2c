"""Query plans: what a database reads to answer the statements that some code sends."""

import gc
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Engine, event

from stellary.core import Core
from tests.support.core_parts import searching

Statement = tuple[str, Any]
T = TypeVar("T")


def find_declared(kind: type[T]) -> list[T]:
    """Return the objects of a class that an imported module of the core has declared, also as part of another object."""
    pending: list[object] = [
        vars(module) for name, module in sys.modules.items() if name.startswith("stellary.core.")
    ]
    seen, declared = set(), []
    while pending:
        for item in gc.get_referents(pending.pop()):
            if id(item) in seen:
                continue
            seen.add(id(item))
            if isinstance(item, kind):
                declared.append(item)
            elif isinstance(item, dict | list | tuple) or type(item).__module__.startswith("stellary.core."):
                pending.append(item)
    return declared


@contextmanager
def sent_statements(
    start: tuple[str, ...] = ("SELECT", "UPDATE", "DELETE", "WITH"),
) -> Iterator[list[Statement]]:
    """Collect the statements that are sent to any database in the block, with their parameters, each once."""
    sent: list[Statement] = []

    def collect(_: Any, __: Any, sql: str, parameters: Any, ___: Any, many: bool) -> None:
        if sql.startswith(start) and all(sql != sql_sent for sql_sent, _ in sent):
            sent.append((sql, parameters[0] if many else parameters))

    event.listen(Engine, "before_cursor_execute", collect)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", collect)


def count_steps(core: Core, statement: Statement) -> int:
    """Return the number of steps of SQLite's virtual machine that a statement takes, in tens."""
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    with core.database.open_raw() as connection:
        searching.prepare(connection)
        driver: Any = connection.connection.driver_connection
        driver.set_progress_handler(count, 10)
        try:
            driver.execute(*statement).fetchall()
        finally:
            driver.set_progress_handler(None, 0)
    return steps


def update_statistics(core: Core) -> None:
    """Let the planner of PostgreSQL know how many rows there are; SQLite does not need it."""
    if not core.database.is_sqlite:
        with core.database.open_raw() as connection:
            connection.exec_driver_sql("ANALYZE")
            connection.commit()


def explain(core: Core, statement: Statement, without: tuple[str, ...] = ()) -> str:
    """Return the plan of a statement, one step a line; on PostgreSQL with the rows that it has read.

    Args:
        core: The core.
        statement: The statement and its parameters.
        without: The methods that PostgreSQL's planner avoids, such as ``seqscan``.
    """
    sql, parameters = statement
    prefix = "EXPLAIN QUERY PLAN " if core.database.is_sqlite else "EXPLAIN (ANALYZE, TIMING OFF) "
    with core.database.open_raw() as connection, connection.begin() as transaction:
        searching.prepare(connection)
        for method in () if core.database.is_sqlite else without:
            connection.exec_driver_sql(f"SET LOCAL enable_{method} = off")
        rows = connection.exec_driver_sql(prefix + sql, parameters).all()
        # PostgreSQL has carried it out.
        transaction.rollback()
    return "\n".join(str(row[-1]) for row in rows)


def steps_that_read_much(plan: str, rows_max: int = 100) -> list[str]:
    """Return the steps of a plan that read a whole table or index, sort it, or read more rows than so many."""
    return [line.strip() for line in plan.splitlines() if _reads_much(line, rows_max)]


def _reads_much(line: str, rows_max: int) -> bool:
    if "TEMP B-TREE" in line or "Seq Scan on stellary" in line or "Sort Key" in line:
        return True
    if line.startswith(("SCAN stellary", "SEARCH stellary")):
        # A range of an index may be all of it; only equality narrows it down.
        return "=?" not in line
    read = re.search(r"actual rows=(\d+)|Rows Removed by Filter: (\d+)", line)
    return read is not None and int(read[1] or read[2]) > rows_max
