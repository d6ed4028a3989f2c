"""Row types: each declares columns that its statements select, with the types that the database returns."""

from datetime import datetime
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from sqlalchemy import Boolean, Column, ColumnElement, Integer, MetaData, String, Table, select
from sqlalchemy.types import NullType

import stellary.core.api.dispatch
from stellary.core.db.base import Json, UtcDateTime
from stellary.core.db.row_types import Query, RowType
from tests.support.each_case import for_each
from tests.support.plans import find_declared

assert stellary.core.api.dispatch.SERVICES, "imports the modules of every area"


def queries() -> list[Query[Any]]:
    """Return every statement that a module of the core has declared, also as part of another object."""
    return find_declared(Query)


def problems(row_type: type[RowType], statement: Any) -> list[str]:
    """Return what a row type declares and its statement does not select, by column."""
    columns = statement.exported_columns
    mismatches = []
    for name, declared in get_type_hints(row_type).items():
        column = columns.get(name)
        if column is None:
            mismatches.append(f"{row_type.__name__}.{name} is not selected")
        elif not fits(declared, column):
            mismatches.append(f"{row_type.__name__}.{name} is {declared}, and the column {column.type!r}")
    return mismatches


def fits(declared: Any, column: ColumnElement[Any]) -> bool:
    """Return whether values of a column have the declared type."""
    options = get_args(declared) if get_origin(declared) in (Union, UnionType) else (declared,)
    is_nullable = isinstance(column, Column) and column.nullable
    if is_nullable and NoneType not in options and declared not in (Any, object):
        return False
    if isinstance(column.type, Json | NullType):
        return True
    python_type = datetime if isinstance(column.type, UtcDateTime) else column.type.python_type
    return all(option is NoneType or base_type(option) is python_type for option in options)


def base_type(declared: Any) -> Any:
    """Return the class of a type: ``str`` for a Literal of strings."""
    return type(get_args(declared)[0]) if get_origin(declared) is Literal else declared


def test_row_types_match_their_statements():
    declared = queries()
    assert len(declared) > 30
    assert [problem for query in declared for problem in problems(query.row_type, query.statement)] == []


class ThingRow(RowType):
    """A row of a table of things."""

    id: str
    status: Literal["open", "done"]
    count: int | None


class MisspeltRow(RowType):
    """A row with a column that no statement selects."""

    identifier: str


class WrongRow(RowType):
    """A row with columns of other types."""

    id: int
    count: int


things = Table(
    "things",
    MetaData(),
    Column("id", String, primary_key=True),
    Column("status", String, nullable=False),
    Column("count", Integer),
    Column("active", Boolean, nullable=False),
)


@for_each("row_type, expected", [(ThingRow, []), (MisspeltRow, ["identifier"]), (WrongRow, ["id", "count"])])
def test_mismatched_columns_are_reported(row_type, expected):
    reported = problems(row_type, select(things))
    assert [problem.split()[0].partition(".")[2] for problem in reported] == expected
