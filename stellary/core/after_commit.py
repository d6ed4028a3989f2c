"""Effects after commit: letters and signals of a unit that has joined a transaction of the host's."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, event

from stellary.core.borrowing import on_commit_of


def after_commit(connection: Connection, do: Callable[[], None]) -> None:
    """Do something once the transaction of the connection has been committed, and never if it is rolled back."""
    on_commit = on_commit_of(connection)
    if on_commit is not None:
        on_commit(do)
        return
    due = [do]

    def committed(_: Connection) -> None:
        while due:
            due.pop()()

    event.listen(connection, "commit", committed)
    event.listen(connection, "rollback", lambda _: due.clear())
