"""Case-insensitive text search with the same results on every database and for every script."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

from stellary.core.kernel.unit import UnitOfWork

_FUNCTION = "stellary_folded"


class folded(GenericFunction[str]):  # noqa: N801 - a function of SQL
    """A text in case-folded form."""

    type = String()
    name = _FUNCTION
    inherit_cache = True


@compiles(folded, "postgresql")
def _lower(element: folded, compiler: Any, **options: Any) -> str:
    return f"lower({compiler.process(element.clauses, **options)})"


def prepare(uow: UnitOfWork) -> None:
    """Register ``folded`` with the connection. SQLite's own ``lower`` handles only ASCII."""
    connection = uow.connection
    if connection.dialect.name != "sqlite" or connection.info.get(_FUNCTION):
        return
    driver: Any = connection.connection.dbapi_connection
    driver.create_function(_FUNCTION, 1, _fold, deterministic=True)
    connection.info[_FUNCTION] = True


def _fold(text: str | None) -> str | None:
    return None if text is None else text.casefold()


def contains(text: ColumnElement[Any], part: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that a text contains another one, given as ``pattern_of``.

    Args:
        text: The column with the text.
        part: The parameter with the pattern.
    """
    return folded(text).like(folded(part), escape="\\")


def pattern_of(part: str) -> str:
    """Return the LIKE pattern for texts that contain a part, with wildcards escaped."""
    escaped = part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
