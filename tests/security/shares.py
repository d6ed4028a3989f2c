"""Shares: what is the same on every database is tried on SQLite, and of it each operation has its sixth on PostgreSQL.

Of the callers, who are mostly told alike what is not there, every third one tries each operation on SQLite. The cells of
the permission table are no such thing: they are run in full on both. Under the profile ``long``, which is that of ``dev.py
fuzz``, so is all.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import TypeVar

from hypothesis import settings

from tests.security.permission_world import PermissionWorld
from tests.security.table import NOT_APPLICABLE, PEOPLE, TOKENS, Row

T = TypeVar("T")
ON_POSTGRESQL = 6
# Of the personas, the one for whom nothing is in the way: never left out.
THOROUGH = "OO"


def share(
    permission_world: PermissionWorld, row: Row, everything: Iterable[T], on_sqlite: int = 1
) -> list[T]:
    """All of it, or the share that falls to an operation: one of so many."""
    of = on_sqlite if permission_world.core.database.is_sqlite else ON_POSTGRESQL
    if settings.get_current_profile_name() == "long":
        of = 1
    first = zlib.crc32(row.operation.encode()) % of
    return [each for place, each in enumerate(everything) if place % of == first]


def personas(permission_world: PermissionWorld, row: Row, on_sqlite: int = 3) -> list[str]:
    """Who asks for an operation, as far as the table has them."""
    asked = [each for each in (*PEOPLE, *TOKENS) if row.cells[each] != NOT_APPLICABLE]
    shared = share(permission_world, row, asked, on_sqlite=on_sqlite)
    return shared if THOROUGH in shared or THOROUGH not in asked else [THOROUGH, *shared]
