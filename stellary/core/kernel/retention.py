"""Retention: the rules by which rows are deleted that have served their purpose, a few at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Delete, Select, Table, bindparam, delete, select, tuple_

from stellary.core.db.base import UtcDateTime
from stellary.core.kernel.retention_days import Retention
from stellary.core.kernel.units import Units

BATCH_SIZE: Final = 200
"""The maximum number of rows that one transaction deletes, so that other writes do not wait for long."""

NOW = bindparam("_now", type_=UtcDateTime)
"""The current time, for the condition of a rule."""


class RetentionRule:
    """A rule that deletes the rows of a table whose time is over.

    Args:
        table: The table. No row refers to its rows.
        column: The column with the time from which the lifetime counts. An index begins with it.
        lifetime: Returns how long a row is kept after that time.
        condition: A condition that the rows fulfil as well, for which the index may be partial. It may use ``NOW``.
            Default: none.
    """

    def __init__(
        self,
        table: Table,
        column: Column[datetime],
        lifetime: Callable[[Retention], timedelta],
        condition: ColumnElement[bool] | None = None,
    ) -> None:
        self.table = table
        self.column = column
        self.lifetime = lifetime
        conditions = [column <= bindparam("_before", type_=UtcDateTime)]
        if condition is not None:
            conditions.append(condition)
        self._oldest: Select[Any] = (
            select(*table.primary_key.columns)
            .where(*conditions)
            .order_by(column)
            .limit(BATCH_SIZE)
            # A sweep does not wait for a request or another sweep that has locked some of the rows.
            .with_for_update(skip_locked=True)
        )
        self.statements = {
            dialect: build_deletion(table, self._oldest, dialect) for dialect in ("sqlite", "postgresql")
        }

    def delete_batch(self, units: Units) -> int:
        """Delete the oldest rows whose time is over, in a transaction of their own, and return their number."""
        now = units.env.clock()
        parameters = {"_before": now - self.lifetime(units.env.retention), "_now": now}
        with units.database.writing() as connection:
            return connection.execute(self.statements[connection.dialect.name], parameters).rowcount


def build_deletion(table: Table, oldest: Select[Any], dialect: str) -> Delete:
    """Return the statement that deletes the rows of a table whose primary keys another statement selects.

    Args:
        table: The table.
        oldest: The other statement.
        dialect: The name of the database's dialect.
    """
    key = tuple(table.primary_key.columns)
    # PostgreSQL might evaluate a subquery with a limit for each row, but evaluates an expression with locks once.
    keys = oldest if dialect == "sqlite" else select(oldest.cte("oldest"))
    return delete(table).where((tuple_(*key) if len(key) > 1 else key[0]).in_(keys))


def apply_rules(units: Units, rules: Sequence[RetentionRule]) -> dict[str, int]:
    """Delete the rows whose time is over. Between two batches, waiting writes are served.

    Args:
        units: The core.
        rules: The rules.

    Returns:
        The number of deleted rows by the name of the table.
    """
    counts = Counter[str]()
    for rule in rules:
        counts[rule.table.name] += _apply(units, rule)
    return dict(counts)


def _apply(units: Units, rule: RetentionRule) -> int:
    total = 0
    while (count := rule.delete_batch(units)) == BATCH_SIZE:
        total += count
    return total + count
