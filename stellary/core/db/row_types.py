"""Statements whose rows have a declared type, so that the type checker knows their columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from sqlalchemy import Connection, Executable

from stellary.core.db.direct_connection import ExecutedResult, fetch_rows, queue_statement
from stellary.core.db.statement_plans import PlannedResult

Row_co = TypeVar("Row_co", bound="RowType", covariant=True)


class RowType:
    """Base of the classes that declare the columns that are read from a row.

    A row type is a description: the rows themselves are SQLAlchemy's, and nothing is converted. A test compares the
    names and the types with the columns of every ``Query``. A column that can be null is declared as optional.
    """

    if TYPE_CHECKING:

        @property
        def _mapping(self) -> Mapping[str, Any]: ...

        @overload
        def __getitem__(self, index: int) -> Any: ...
        @overload
        def __getitem__(self, index: slice) -> tuple[Any, ...]: ...
        def __getitem__(self, index: int | slice) -> Any: ...


class Query(Generic[Row_co]):
    """A statement that is built once, at import, and whose rows have a declared type.

    Args:
        row_type: The columns that are read from a row; the statement may have more.
        statement: A SELECT, or a statement with RETURNING.
    """

    __slots__ = ("__weakref__", "row_type", "statement")

    def __init__(self, row_type: type[Row_co], statement: Executable) -> None:
        self.row_type = row_type
        self.statement = statement

    def first(self, connection: Connection, parameters: Mapping[str, object]) -> Row_co | None:
        """Return the first row, or None if there is none.

        Args:
            connection: The connection.
            parameters: The parameters by name.
        """
        rows = self.all(connection, parameters)
        return rows[0] if rows else None

    def one(self, connection: Connection, parameters: Mapping[str, object]) -> Row_co:
        """Return the only row.

        Args:
            connection: The connection.
            parameters: The parameters by name.
        """
        result: Any = connection.execute(self.statement, parameters)
        row: Row_co = result.one()
        return row

    def all(self, connection: Connection, parameters: Mapping[str, object]) -> Sequence[Row_co]:
        """Return all rows.

        Args:
            connection: The connection.
            parameters: The parameters by name.
        """
        return cast("Sequence[Row_co]", fetch_rows(connection, self.statement, parameters))

    def queue(self, connection: Connection, parameters: Mapping[str, object]) -> QueuedRows[Row_co]:
        """Execute the statement together with later ones; see ``queue_statement``.

        Args:
            connection: The connection.
            parameters: The parameters by name.
        """
        return QueuedRows(queue_statement(connection, self.statement, parameters))


class QueuedRows(Generic[Row_co]):
    """The rows of a statement that is executed together with later ones.

    Args:
        result: The result of the statement.
    """

    __slots__ = ("_result",)

    def __init__(self, result: PlannedResult | ExecutedResult) -> None:
        self._result = result

    def first(self) -> Row_co | None:
        """Return the first row, or None if there is none."""
        rows = self.all()
        return rows[0] if rows else None

    def all(self) -> Sequence[Row_co]:
        """Return all rows."""
        return cast("Sequence[Row_co]", self._result.fetch_rows())
