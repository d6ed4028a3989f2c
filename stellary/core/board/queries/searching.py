"""Case-insensitive text search with the same results on every database and for every script."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, String, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

from stellary.contract.spellings import ACCENTED, fold_accents

TITLES_MAX = 1_000
_FUNCTION = "stellary_folded"
_PLAIN_FUNCTION = "stellary_plain"


class folded(GenericFunction[str]):  # noqa: N801 - a function of SQL
    """A text in case-folded form."""

    type = String()
    name = _FUNCTION
    inherit_cache = True


class plain(GenericFunction[str]):  # noqa: N801 - a function of SQL
    """A text in case-folded form, without accents."""

    type = String()
    name = _PLAIN_FUNCTION
    inherit_cache = True


@compiles(folded, "postgresql")
def _lower(element: folded, compiler: SQLCompiler, **options: object) -> str:
    return f"lower({compiler.process(element.clauses, **options)})"


@compiles(plain, "postgresql")
def _remove_accents(element: plain, compiler: SQLCompiler, **options: object) -> str:
    text = f"normalize(lower({compiler.process(element.clauses, **options)}), NFD)"
    text = f"replace(replace({text}, 'ß', 'ss'), 'ς', 'σ')"  # noqa: RUF001
    return rf"regexp_replace({text}, '{ACCENTED}', '\1', 'g')"


def prepare(connection: Connection) -> None:
    """Register the functions with the connection. SQLite's own ``lower`` handles only ASCII."""
    if connection.dialect.name != "sqlite" or connection.info.get(_FUNCTION):
        return
    driver: Any = connection.connection.dbapi_connection
    driver.create_function(_FUNCTION, 1, _fold, deterministic=True)
    driver.create_function(_PLAIN_FUNCTION, 1, fold_accents, deterministic=True)
    connection.info[_FUNCTION] = True


def _fold(text: str | None) -> str | None:
    return None if text is None else text.casefold()


def select_titled(rows: Select[Any], title: ColumnElement[Any]) -> list[Select[Any]]:
    """Return statements for the rows with a title: apart from case, then apart from accents too.

    Their parameters are the title, ``_text``, and the same with single blanks, ``_words``.

    Args:
        rows: The statement for rows with any title.
        title: The column with the title.
    """
    is_exact = title == bindparam("_text")
    return [
        rows.where(is_exact | (form(title) == form(bindparam("_words"))))
        .order_by(is_exact.desc())
        .limit(TITLES_MAX)
        for form in (folded, plain)
    ]


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
