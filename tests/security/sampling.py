"""Samples of cases and personas that are answered alike: some of them are tried for each endpoint.

What does not depend on the database is tried in full on SQLite, such as the cells of the permission table; on PostgreSQL
each endpoint tries a sixth. Most personas get the same answer for an item that does not exist, so each endpoint tries every
third of them on SQLite. The profile ``long``, which ``dev.py fuzz`` and ``dev.py permissions`` use, tries everything.
"""

import zlib
from collections.abc import Iterable
from typing import TypeVar

from hypothesis import settings

from tests.security.permission_world import PermissionWorld
from tests.security.table import NOT_APPLICABLE, PEOPLE, TOKENS, Row

T = TypeVar("T")
POSTGRES_STEP = 6
UNRESTRICTED = "OO"
"""The persona that may do everything; each endpoint tries it."""


def sample(permission_world: PermissionWorld, row: Row, cases: Iterable[T], sqlite_step: int = 1) -> list[T]:
    """Return the cases that an endpoint tries.

    Args:
        permission_world: The world, which determines the database.
        row: The endpoint. Other endpoints try other cases.
        cases: All cases.
        sqlite_step: On SQLite, one of so many cases is tried.
    """
    step = sqlite_step if permission_world.core.database.is_sqlite else POSTGRES_STEP
    if settings.get_current_profile_name() == "long":
        step = 1
    first = zlib.crc32(row.operation.encode()) % step
    return [case for index, case in enumerate(cases) if index % step == first]


def sample_personas(permission_world: PermissionWorld, row: Row, sqlite_step: int = 3) -> list[str]:
    """Return the personas that try an endpoint, of those that the table has a cell for."""
    personas = [persona for persona in (*PEOPLE, *TOKENS) if row.cells[persona] != NOT_APPLICABLE]
    sampled = sample(permission_world, row, personas, sqlite_step)
    return sampled if UNRESTRICTED in sampled or UNRESTRICTED not in personas else [UNRESTRICTED, *sampled]
