"""A check that statements get values of columns that exist: SQLAlchemy ignores other names, so a misspelt one writes nothing."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Insert, Update
from sqlalchemy.sql.compiler import SQLCompiler


def check_values() -> None:
    """Let the compilation of a statement on our tables fail if one of its values belongs to no column."""
    compile_statement = SQLCompiler.__init__

    def compile_checked(
        self: SQLCompiler, dialect: Any, statement: Any, *args: Any, column_keys: Any = None, **options: Any
    ) -> None:
        compile_statement(self, dialect, statement, *args, column_keys=column_keys, **options)
        if isinstance(statement, Insert | Update) and str(statement.table.name).startswith("stellary_"):
            _check_names(statement, self.binds, column_keys or ())

    SQLCompiler.__init__ = compile_checked  # type: ignore[method-assign]


def _check_names(statement: Insert | Update, binds: Iterable[str], names: Iterable[str]) -> None:
    columns = statement.table.c
    for name in names:
        # Parameters that are no columns begin with an underscore; a statement need not have all that it gets.
        if not name.startswith("_") and name not in columns and name not in binds:
            raise TypeError(f"{statement.table.name} has no column {name!r}")
