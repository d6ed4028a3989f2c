"""Statements that are executed in one round trip to the database, and their results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

Row: TypeAlias = tuple[object, ...]


class BoundStatement(NamedTuple):
    """A statement to execute.

    Attributes:
        sql: The statement, with PostgreSQL's own placeholders (``$1``).
        parameters: The values of the placeholders.
        is_command: Whether it is a command such as ``SAVEPOINT``, which is never prepared.
        is_repeated: Whether the statement is executed several times in the same round trip, so that it should be prepared.
        requires_row: Whether the transaction fails if the statement changes no row, as after a serialization failure.
    """

    sql: bytes
    parameters: Sequence[object] = ()
    is_command: bool = False
    is_repeated: bool = False
    requires_row: bool = False


StatementReply: TypeAlias = tuple[Sequence[Row], int]
"""The rows of a statement, and the number of rows that it has returned or changed."""


class StatementRejected(Exception):
    """A statement that the database has rejected, and the error of the driver."""

    def __init__(self, statement: BoundStatement, error: Exception) -> None:
        super().__init__(error)
        self.statement, self.error = statement, error
