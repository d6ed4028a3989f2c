"""Writes by id, and the refusal of those that the rows in the database make impossible, so that the unit can continue."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from operator import attrgetter
from typing import Final, Generic, ParamSpec, TypedDict, TypeVar, Unpack, get_type_hints

from sqlalchemy import Delete, Executable, Table, TextClause, delete, insert, text, update
from sqlalchemy.exc import IntegrityError

from stellary.contract.errors import Conflict, NotFound
from stellary.contract.wire import Value
from stellary.core.db.base import is_given
from stellary.core.db.errors import build_in_use, is_duplicate
from stellary.core.db.row_fields import FieldOptions, RowFields, check_column
from stellary.core.kernel.unit import UnitOfWork

V = TypeVar("V", bound=Value)
P = ParamSpec("P")
_read_id: Final = attrgetter("id")


class NoColumns(TypedDict):
    """The columns that an insertion sets beside the fields of the item: none."""


class StoredItems(RowFields[V], Generic[V, P]):
    """The fields of a class of items that are inserted, updated and deleted by their id.

    Args:
        kind: The class.
        table: The table.
        name: The name of an item in errors, such as ``Label``.
        columns: A ``TypedDict`` of the columns that an insertion sets beside the fields.
        derived: Functions that return the values of further columns from an item, by column.
        taken: Returns the message and the code of the error if another item has a unique value of an item. Default: no value
            of an item is unique.
        **options: See ``RowFields``.
    """

    def __init__(
        self,
        kind: type[V],
        table: Table,
        name: str,
        columns: Callable[P, Mapping[str, object]],
        *,
        derived: Mapping[str, Callable[[V], object]] | None = None,
        taken: Callable[[V], tuple[str, str]] | None = None,
        **options: Unpack[FieldOptions],
    ) -> None:
        self._derived, self._taken, self._name = derived or {}, taken, name
        hints = get_type_hints(columns)
        for column_name, hint in hints.items():
            check_column(f"{kind.__name__}.{column_name}", hint, table, column_name)
        options["internal"] = (*options.get("internal", ()), *self._derived, *hints)
        super().__init__(kind, table, **options)
        this = is_given(table.c.id)
        self._insert = insert(table)
        self._update, self._delete = update(table).where(this), delete(table).where(this)

    def insert(self, uow: UnitOfWork, item: V, *args: P.args, **columns: P.kwargs) -> None:
        """Insert an item.

        Args:
            item: The item.
            *args: None; a ``ParamSpec`` requires the parameter.
            **columns: The columns beside its fields.

        Raises:
            Conflict: Another item has its unique value. Nothing has changed.
        """
        self._write(uow, self._insert, item, self.to_row(item, **columns))

    def insert_all(self, uow: UnitOfWork, items: Iterable[V], *args: P.args, **columns: P.kwargs) -> None:
        """Insert new items, none of which has a value that could be taken.

        Args:
            items: The items.
            *args: None; a ``ParamSpec`` requires the parameter.
            **columns: The columns beside their fields.
        """
        rows = [self.to_row(item, **columns) for item in items]
        if rows:
            uow.connection.execute(self._insert, rows)

    def update(self, uow: UnitOfWork, before: V, after: V) -> None:
        """Write the fields in which two states of an item differ.

        Args:
            before: The earlier state.
            after: The later state.

        Raises:
            NotFound: Another unit has deleted the item.
            Conflict: Another item has its unique value. Nothing has changed.
        """
        changes = self.to_changes(before, after)
        if changes and not self._write(uow, self._update, after, {"_id": _read_id(before), **changes}):
            raise NotFound(f"{self._name} not found")

    def delete(self, uow: UnitOfWork, item: V) -> None:
        """Delete an item.

        Args:
            item: The item.

        Raises:
            NotFound: Another unit has deleted it.
        """
        delete_row(uow, self._delete, {"_id": _read_id(item)}, self._name)

    def to_row(self, value: V, **columns: object) -> dict[str, object]:
        """Return the row of an item, with derived columns.

        Args:
            value: The item.
            **columns: See ``RowFields.to_row``.
        """
        derived = {name: derive(value) for name, derive in self._derived.items()}
        return super().to_row(value, **derived, **columns)

    def to_changes(self, before: V, after: V) -> dict[str, object]:
        """Return the columns in which two states of an item differ, with derived ones.

        Args:
            before: The earlier state.
            after: The later state.
        """
        changes = super().to_changes(before, after)
        for name, derive in self._derived.items():
            if (new := derive(after)) != derive(before):
                changes[name] = new
        return changes

    def _write(self, uow: UnitOfWork, statement: Executable, item: V, row: dict[str, object]) -> int:
        """Execute a statement, and return the number of rows, which is known for these statements."""
        if self._taken is None:
            return uow.connection.execute(statement, row).rowcount
        with refuse_duplicate(uow, *self._taken(item)):
            return uow.connection.execute(statement, row).rowcount


@contextmanager
def refuse_duplicate(uow: UnitOfWork, message: str, code: str) -> Iterator[None]:
    """Run a block that writes a unique value, in a savepoint, so that the unit can continue after a duplicate.

    Args:
        message: The message of the error if another row has the value.
        code: Its code.

    Raises:
        Conflict: Another row has the value. What the block has written is undone.
    """
    try:
        with uow.attempt():
            yield
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        raise Conflict(message, code=code) from None


_DEFERRED: Mapping[str, TextClause] = {
    "sqlite": text(
        "SELECT DISTINCT host.name FROM sqlite_master AS host, pragma_foreign_key_list(host.name) AS key "
        "WHERE upper(host.sql) LIKE '%DEFERRED%' AND key.\"table\" LIKE 'stellary_%'"
    ),
    "postgresql": text(
        "SELECT format('%I.%I', nspname, conname) FROM pg_constraint JOIN pg_class ON pg_class.oid = confrelid "
        "JOIN pg_namespace ON pg_namespace.oid = connamespace "
        "WHERE contype = 'f' AND condeferred AND relname LIKE 'stellary_%'"
    ),
}
"""By dialect, the statement that finds the host's keys to our tables that are checked at the commit: on SQLite their tables."""
_VIOLATIONS = text("SELECT 1 FROM pragma_foreign_key_check(:_table) WHERE parent LIKE 'stellary_%' LIMIT 1")


def check_references(uow: UnitOfWork) -> None:
    """Check the host's deferred foreign keys now, since its own commit would fail with an error of the driver.

    Args:
        uow: A unit that has deleted rows, and joined a transaction of the host.

    Raises:
        Conflict: A row of the host refers to a deleted row.
    """
    connection = uow.connection
    names = connection.execute(_DEFERRED[connection.dialect.name]).scalars().all()
    if connection.dialect.name == "sqlite":
        if any(connection.execute(_VIOLATIONS, {"_table": name}).first() for name in names):
            raise build_in_use()
    elif names:
        try:
            for mode in ("IMMEDIATE", "DEFERRED"):
                connection.execute(text(f"SET CONSTRAINTS {', '.join(names)} {mode}"))
        except IntegrityError:
            raise build_in_use() from None


def delete_row(uow: UnitOfWork, statement: Delete, keys: Mapping[str, object], kind: str) -> None:
    """Delete a row that the unit has read, and report it as not found if another unit has deleted it since.

    Args:
        statement: Deletes the row.
        keys: The parameters of the statement.
        kind: The kind of the item, for the message, such as ``Webhook``.

    Raises:
        NotFound: Another unit has deleted the row.
    """
    uow.has_deleted = True
    if not uow.connection.execute(statement, keys).rowcount:
        raise NotFound(f"{kind} not found")
