"""Shares: what is the same on every database is tried in full on SQLite, and on PostgreSQL each operation has its fourth.

The cells of the permission table are no such thing: they are run in full on both. Under the profile ``long`` so is all.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import TypeVar

from hypothesis import settings

from tests.security.stage import Stage
from tests.security.table import NOT_APPLICABLE, PEOPLE, TOKENS, Row

T = TypeVar("T")
OF = 4
# Of the personas, the one for whom nothing is in the way: never left out.
THOROUGH = "OO"


def share(stage: Stage, row: Row, everything: Iterable[T]) -> list[T]:
    """All of it, or the share that falls to an operation."""
    if stage.core.database.is_sqlite or settings.get_current_profile_name() == "long":
        return list(everything)
    first = zlib.crc32(row.operation.encode()) % OF
    return [each for place, each in enumerate(everything) if place % OF == first]


def personas(stage: Stage, row: Row) -> list[str]:
    """Who asks for an operation, as far as the table has them."""
    asked = [each for each in (*PEOPLE, *TOKENS) if row.cells[each] != NOT_APPLICABLE]
    shared = share(stage, row, asked)
    return shared if THOROUGH in shared or THOROUGH not in asked else [THOROUGH, *shared]
