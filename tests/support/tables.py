"""The tables of the core, by their names without the prefix: ``from tests.support.tables import cards, users``."""

import sqlalchemy as sa

from stellary.core.migrations.schema import metadata


def __getattr__(name: str) -> sa.Table:
    try:
        return metadata.tables[f"stellary_{name}"]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
