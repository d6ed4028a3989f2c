"""Writes that the rows in the database can make impossible, refused so that the unit can continue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import Delete
from sqlalchemy.exc import IntegrityError

from stellary.contract.errors import Conflict, NotFound
from stellary.core.db.errors import is_duplicate
from stellary.core.kernel.unit import UnitOfWork


@contextmanager
def refuse_duplicate(uow: UnitOfWork, message: str, code: str) -> Iterator[None]:
    """Run a block that writes a unique value, in a savepoint, so that the unit can continue after a duplicate.

    Args:
        uow: The unit of work.
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


def delete_row(uow: UnitOfWork, statement: Delete, keys: Mapping[str, object], kind: str) -> None:
    """Delete a row that the unit has read, and report it as not found if another unit has deleted it since.

    Args:
        uow: The unit of work.
        statement: Deletes the row.
        keys: The parameters of the statement.
        kind: The kind of the item, for the message, such as ``Webhook``.

    Raises:
        NotFound: Another unit has deleted the row.
    """
    if not uow.connection.execute(statement, keys).rowcount:
        raise NotFound(f"{kind} not found")
