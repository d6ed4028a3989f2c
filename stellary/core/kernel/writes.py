"""Writes that the rows in the database can make impossible, refused so that the unit can continue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import Delete, TextClause, text
from sqlalchemy.exc import IntegrityError

from stellary.contract.errors import Conflict, NotFound
from stellary.core.db.errors import build_in_use, is_duplicate
from stellary.core.kernel.unit import UnitOfWork


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
