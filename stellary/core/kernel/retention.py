"""Retention: the rules by which rows, or their contents, are deleted that have served their purpose."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Delete,
    Integer,
    Select,
    Table,
    TextClause,
    Update,
    bindparam,
    delete,
    select,
    tuple_,
    update,
)

from stellary.core.db.base import UtcDateTime
from stellary.core.kernel.retention_days import Retention
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.kernel.units import Units

C = TypeVar("C", Delete, Update)

NOW = bindparam("_now", type_=UtcDateTime)
"""The current time, for the condition of a rule."""


class BatchSize:
    """The number of rows that one transaction deletes, adapted so that no other write waits for more than 50 ms.

    The next batch is half as large if the last one took more than 20 ms, and twice as large if it took less than 10 ms. So
    if rows take equally long, no batch takes more than 20 ms after the first one, which has 25 rows.

    Args:
        rows: The size of the next batch. Default: the smallest one.
        clock: Returns the time in seconds. Default: the monotonic clock.

    Attributes:
        rows: The size of the next batch.
    """

    MIN: Final = 25
    MAX: Final = 400
    _LONG: Final = 0.020
    _SHORT: Final = 0.010

    def __init__(self, rows: int = MIN, clock: Callable[[], float] = time.monotonic) -> None:
        self.rows = rows
        self._clock = clock

    def delete(self, delete_rows: Callable[[int], int]) -> int:
        """Delete a batch, adapt the size of the next one, and return the number of deleted rows.

        Args:
            delete_rows: Deletes at most the given number of rows, and returns the number of deleted rows.
        """
        began = self._clock()
        count = delete_rows(self.rows)
        seconds = self._clock() - began
        if seconds > self._LONG:
            self.rows = max(self.rows // 2, 1)
        elif seconds < self._SHORT and count == self.rows:
            self.rows = min(self.rows * 2, self.MAX)
        return count


class CountLimit:
    """A limit to the rows of each container, such as the traces of a rule, whose oldest rows are deleted now and then.

    Args:
        table: The table.
        container: The column with the id of the container.
        rows_max: The number of rows to keep.
        *conditions: The conditions of the rows that are deleted; others stay, but count. Default: all.

    Attributes:
        every: About one new row in so many has the effect that the oldest are deleted.
    """

    def __init__(self, table: Table, container: str, rows_max: int, *conditions: ColumnElement[bool]) -> None:
        self._container, self.rows_max, self.every = container, rows_max, 100
        newer = table.alias("newer")
        id: BindParameter[str] = bindparam("_container_id")
        last = select(newer.c.id).where(newer.c[container] == id).order_by(newer.c.id.desc())
        last = last.limit(1).offset(bindparam("_rows_max", type_=Integer))
        self._delete = delete(table).where(
            table.c[container] == id, *conditions, table.c.id <= last.scalar_subquery()
        )

    def apply(self, uow: UnitOfWork, new_rows: Iterable[Mapping[str, object]]) -> None:
        """Delete the oldest rows of some of the containers that have new rows.

        Args:
            new_rows: The new rows.
        """
        for id in {row[self._container] for row in new_rows if int(str(row["id"]), 16) % self.every == 0}:
            self.delete_oldest(uow, str(id))

    def delete_oldest(self, uow: UnitOfWork, container_id: str) -> None:
        """Delete the oldest rows of a container.

        Args:
            container_id: The container.
        """
        parameters = {"_container_id": container_id, "_rows_max": self.rows_max}
        uow.connection.execute(self._delete, parameters)


class RetentionRule:
    """A rule that deletes or changes the rows of a table whose time is over.

    Args:
        table: The table. No row refers to its rows.
        column: The column with the time from which the lifetime counts. An index begins with it.
        lifetime: Returns how long a row is kept after that time. Default: not at all, for columns with the end of a lifetime.
        condition: A condition that the rows fulfil as well, for which the index may be partial. It may use ``NOW``.
            Default: none.
        values: The values of columns that the rows get instead of being deleted; they must not fulfil the condition then.
            Default: none, and rows are deleted.
    """

    def __init__(
        self,
        table: Table,
        column: Column[datetime],
        lifetime: Callable[[Retention], timedelta] = lambda _: timedelta(),
        condition: ColumnElement[bool] | TextClause | None = None,
        values: Mapping[str, object] | None = None,
    ) -> None:
        self.table = table
        self.column = column
        self.lifetime = lifetime
        conditions: list[ColumnElement[bool] | TextClause] = [
            column <= bindparam("_before", type_=UtcDateTime)
        ]
        if condition is not None:
            conditions.append(condition)
        self._oldest: Select[Any] = (
            select(*table.primary_key.columns)
            .where(*conditions)
            .order_by(column)
            .limit(bindparam("_limit"))
            # A sweep does not wait for a request or another sweep that has locked some of the rows.
            .with_for_update(skip_locked=True)
        )
        self.statements: dict[str, Delete | Update] = {
            dialect: restrict(delete(table), self._oldest, dialect)
            if values is None
            else restrict(update(table).values(values), self._oldest, dialect)
            for dialect in ("sqlite", "postgresql")
        }

    def delete_batch(self, units: Units, limit: int) -> int:
        """Apply the rule to the oldest rows whose time is over, in a transaction of their own, and return their number.

        Args:
            units: The core.
            limit: The maximum number of rows.
        """
        now = units.env.clock()
        parameters = {"_before": now - self.lifetime(units.env.retention), "_now": now, "_limit": limit}
        with units.database.writing() as connection:
            return connection.execute(self.statements[connection.dialect.name], parameters).rowcount


def restrict(change: C, oldest: Select[Any], dialect: str) -> C:
    """Return a statement that is restricted to the rows whose primary keys another statement selects.

    Args:
        change: The statement.
        oldest: The other statement.
        dialect: The name of the database's dialect.
    """
    key = tuple(change.table.primary_key)
    # PostgreSQL might evaluate a subquery with a limit for each row, but evaluates a materialized expression once.
    keys = oldest if dialect == "sqlite" else select(oldest.cte("oldest").prefix_with("MATERIALIZED"))
    return change.where((tuple_(*key) if len(key) > 1 else key[0]).in_(keys))


def apply_rules(
    units: Units, rules: Sequence[RetentionRule], clock: Callable[[], float] = time.monotonic
) -> dict[str, int]:
    """Delete the rows whose time is over. Between two batches, waiting writes are served.

    Args:
        units: The core.
        rules: The rules.
        clock: Measures the batches, in seconds. Default: the monotonic clock.

    Returns:
        The number of deleted or changed rows by the name of the table.
    """
    counts = Counter[str]()
    for rule in rules:
        # Rows of another table take another time.
        size = BatchSize(clock=clock)
        is_full = True
        while is_full:
            limit = size.rows
            count = size.delete(partial(rule.delete_batch, units))
            counts[rule.table.name] += count
            is_full = count == limit
    return dict(counts)
