"""The tables of the core, by their names without the prefix: ``from tests.support.tables import cards, users``."""

from typing import Any

import sqlalchemy as sa

from stellary.core import NOBODY, Core
from stellary.core.migrations.schema import metadata


def __getattr__(name: str) -> sa.Table:
    try:
        return metadata.tables[f"stellary_{name}"]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


def count_rows(core: Core, table: sa.Table, *conditions: sa.ColumnElement[bool]) -> int:
    """Return the number of rows of a table, or of those that meet conditions."""
    with core.view(NOBODY) as uow:
        count = sa.select(sa.func.count()).select_from(table).where(*conditions)
        return uow.connection.execute(count).scalar_one()


def read_rows(core: Core) -> dict[str, list[Any]]:
    """Return all rows of the database, by table."""
    with core.view(NOBODY) as uow:
        return {
            table.name: list(uow.connection.execute(table.select().order_by(*table.primary_key)))
            for table in metadata.sorted_tables
        }
