"""The statements that are sent to any database."""

from collections.abc import Callable, Iterator
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


def count_statements(call: Callable[..., object], *arguments: Any, **named_arguments: Any) -> int:
    """Call a function, and return the number of the statements that it sends."""
    with record_statements() as statements:
        call(*arguments, **named_arguments)
    return len(statements)
