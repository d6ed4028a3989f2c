"""The statements that are sent to any database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event


@contextmanager
def record_statements() -> Iterator[list[str]]:
    """Yield the list of the statements that are sent in the block, without begin, commit and savepoints."""
    statements: list[str] = []

    def record(connection: Any, cursor: Any, sql: str, *remaining: Any) -> None:
        if not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            statements.append(sql)

    event.listen(Engine, "after_cursor_execute", record)
    try:
        yield statements
    finally:
        event.remove(Engine, "after_cursor_execute", record)
