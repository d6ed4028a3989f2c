"""Prepared statements of PostgreSQL that outlive a rollback.

psycopg forgets all prepared statements of a connection at each rollback, in case the transaction created or dropped
tables. Our pooled connections only read and change rows, and each rejected request (4xx) rolls back: without this
module, the requests after it would parse and plan their statements again.

This is the only module that uses psycopg's internals; ``tests/core/test_prepared_statements.py`` fails if they change.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from psycopg import Connection
from psycopg._preparing import Prepare, PrepareManager
from psycopg.pq.abc import PGresult

_DISCARDING_COMMAND = re.compile(rb"(?:DROP|ALTER|DISCARD ALL|DEALLOCATE ALL)\b")


class LastingStatements(PrepareManager):
    """The prepared statements of a connection, which are kept at a rollback."""

    def clear(self) -> bool:
        """Discard nothing. psycopg calls this after each ``ROLLBACK`` to discard the prepared statements."""
        return False

    def _should_discard(self, prep: Prepare, results: Sequence[PGresult], *_: Any) -> bool:
        if any(_DISCARDING_COMMAND.match(result.command_status or b"") for result in results):
            return super().clear()
        return False


def keep_statements(driver: Connection[Any]) -> None:
    """Keep the prepared statements of a connection when it rolls back.

    Args:
        driver: The connection. Statements that it has prepared already are kept as well.
    """
    statements = driver._prepared  # noqa: SLF001 - see the contract test
    # A subclass may have other rules, which must not be overridden.
    if type(statements) is PrepareManager:
        lasting = LastingStatements()
        vars(lasting).update(vars(statements))
        driver._prepared = lasting  # noqa: SLF001
