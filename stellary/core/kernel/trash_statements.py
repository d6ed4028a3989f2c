"""The statements that copy rows to the trash and insert them again, built from the foreign keys of the schema."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    CompoundSelect,
    Executable,
    FromClause,
    Integer,
    LargeBinary,
    Select,
    String,
    Table,
    Text,
    Update,
    bindparam,
    case,
    cast,
    column,
    exists,
    func,
    insert,
    literal,
    literal_column,
    null,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from stellary.core.db.base import IdType, is_among, is_given, metadata

LEFT_OUT: Final[Mapping[str, str]] = {
    "stellary_imports": "an import is not continued after its project was deleted",
    "stellary_import_parts": "an import is not continued after its project was deleted",
}
"""Tables whose rows are deleted for good, with the reason."""

UNLOCKED: Final[Mapping[str, str]] = {
    "stellary_agent_missions": "a mission is cancelled when it is restored, so the end of its log does not matter",
}
"""Parent tables whose rows are not locked before they are copied, with the reason."""

FUNCTIONS: Final = (
    (
        "CREATE OR REPLACE FUNCTION stellary_store_row(anyelement) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE"
        " AS $$ SELECT to_json($1)::text $$"
    ),
    (
        "CREATE OR REPLACE FUNCTION stellary_load_row(anyelement, text) RETURNS anyelement LANGUAGE sql IMMUTABLE"
        " PARALLEL SAFE AS $$ SELECT json_populate_record($1, $2::json) $$"
    ),
)
"""The statements that create the functions of PostgreSQL by which rows are stored and loaded.

Those of PostgreSQL depend on the time zone of the session, so Citus does not execute them in an INSERT … SELECT. Stored times have
their offset, so the results do not depend on it. A change of them needs a migration that creates them again.
"""

_LOCK: Select[Any] = select().with_for_update()
_ITEM_ID = bindparam("_item_id", type_=IdType)
_TRASH_ID = bindparam("_trash_id", type_=IdType)


def _list_parents(table: Table) -> Iterator[tuple[Column[Any], Table]]:
    """Yield the foreign-key columns of a table whose rows are deleted with their parents, and the parents' tables."""
    if table.name in LEFT_OUT:
        return
    for key in sorted(table.foreign_keys, key=lambda key: key.parent.name):
        # Users are never deleted. Columns are parents of cards, although the database does not delete cards
        # with them.
        if key.ondelete != "SET NULL" and key.column.table.name != "stellary_users":
            yield key.parent, key.column.table


@functools.cache
def find_contents(root: Table) -> Mapping[Table, tuple[ColumnElement[bool], ...]]:
    """Return the conditions of the rows that are deleted with an item, by table, from the outside in.

    Args:
        root: The table of the item, whose id is the parameter ``_item_id``.

    Returns:
        For each table, alternative conditions; each can use an index.
    """
    contents: dict[Table, tuple[ColumnElement[bool], ...]] = {root: (root.c.id == _ITEM_ID,)}
    for table in metadata.sorted_tables:
        parents = [(key, parent) for key, parent in _list_parents(table) if parent in contents]
        if parents and table is not root:
            contents[table] = tuple(
                _refers_to(key, parent, root, contents) for key, parent in _choose(parents, list(contents))
            )
    return contents


def _refers_to(
    key: Column[Any], target: Table, root: Table, contents: Mapping[Table, tuple[ColumnElement[bool], ...]]
) -> ColumnElement[bool]:
    """Return the condition that a column refers to a row of an item's contents."""
    if target is root:
        return key == _ITEM_ID
    return key.in_(select(target.c.id).where(or_(*contents[target])))


def _choose(parents: list[tuple[Column[Any], Table]], order: list[Table]) -> list[tuple[Column[Any], Table]]:
    """Return the columns by which all rows of a table are found.

    If each row has several containers, the outermost one is enough. If all columns are nullable, those that
    refer to the item itself are enough, if there are any. A relation of two cards needs both columns.
    """
    required = [(key, parent) for key, parent in parents if not key.nullable]
    of_root = [(key, parent) for key, parent in parents if parent is order[0]]
    if not required:
        return of_root or parents
    outermost = min((parent for _, parent in required), key=order.index)
    return [(key, parent) for key, parent in required if parent is outermost]


@functools.cache
def build_locks(root: Table) -> tuple[Executable, ...]:
    """Return the statements that lock those rows of an item that are parents of other rows, from the outside in."""
    contents = find_contents(root)
    parents = {parent for table in contents for _, parent in _list_parents(table)}
    return tuple(
        select(func.count()).select_from(
            _LOCK.add_columns(table.c.id).where(or_(*paths)).order_by(table.c.id).subquery()
        )
        for table, paths in contents.items()
        if table is root or (table in parents and table.name not in UNLOCKED)
    )


@functools.cache
def build_copy(root: Table, rows: Table, dialect: str) -> Executable:
    """Return the statement that copies an item and its contents to the table of the trash.

    Args:
        root: The table of the item.
        rows: The table of the trash.
        dialect: The name of the database's dialect.
    """
    names = ["trash_id", "table_name", "key", "data", "blob_key", "file_size"]
    selects = [
        select(
            _TRASH_ID.label("trash_id"),
            literal(table.name, String).label("table_name"),
            _key(table).label("key"),
            _to_json(table, dialect).label("data"),
            (table.c.blob_key if "blob_key" in table.c else cast(null(), String)).label("blob_key"),
            (table.c.size if "blob_key" in table.c and "size" in table.c else cast(null(), Integer)).label(
                "file_size"
            ),
        ).where(path)
        for table, paths in find_contents(root).items()
        for path in paths
    ]
    source = selects[0] if len(selects) == 1 else union_all(*selects)
    return _insert_missing(rows, names, source, dialect)


@functools.cache
def build_links(root: Table, rows: Table) -> Executable | None:
    """Return the statement that stores which rows refer to an item by a key that its deletion clears.

    Args:
        root: The table of the item.
        rows: The table of the trash.

    Returns:
        None if no row can refer to the item in this way.
    """
    contents = find_contents(root)
    selects = [
        select(
            _TRASH_ID.label("trash_id"),
            literal(str(key.parent), String).label("table_name"),
            table.c.id.label("key"),
            (literal('"', Text) + key.parent + literal('"', Text)).label("data"),
        ).where(_refers_to(key.parent, key.column.table, root, contents))
        for table in metadata.sorted_tables
        for key in sorted(table.foreign_keys, key=lambda key: key.parent.name)
        if key.ondelete == "SET NULL" and key.column.table in contents
        if table not in contents or table is key.column.table
    ]
    if not selects:
        return None
    source = selects[0] if len(selects) == 1 else union_all(*selects)
    return insert(rows).from_select(["trash_id", "table_name", "key", "data"], source)


@functools.cache
def build_entry(trash: Table, rows: Table, dialect: str) -> Executable:
    """Return the statement that inserts an entry, with the number of its rows and their bytes, if it has any rows.

    It returns the id of the entry, since the number of inserted rows is not known for every INSERT … SELECT.

    Args:
        trash: The table of entries.
        rows: The table of their rows.
        dialect: The name of the database's dialect.
    """
    size = (
        func.length(cast(rows.c.data, LargeBinary)) if dialect == "sqlite" else func.octet_length(rows.c.data)
    )
    values: dict[str, ColumnElement[Any]] = {
        # Only containers, whose rows are not stored, have a slug.
        item.name: bindparam(item.name, type_=item.type)
        for item in trash.c
        if item.name != "slug"
    }
    values["id"] = _TRASH_ID
    values["row_count"] = func.count()
    values["size"] = cast(
        func.coalesce(func.sum(size), 0) + func.coalesce(func.sum(rows.c.file_size), 0), BigInteger
    )
    counted = (
        select(*(value.label(name) for name, value in values.items()))
        .where(rows.c.trash_id == _TRASH_ID)
        .having(func.count() > 0)
    )
    return insert(trash).from_select(list(values), counted, include_defaults=False).returning(trash.c.id)


@functools.lru_cache(maxsize=256)
def build_insertion(
    table: Table,
    rows: Table,
    dialect: str,
    stored: frozenset[str],
    changed: frozenset[str],
    *,
    only_keys: bool,
) -> Executable:
    """Return the statement that inserts the rows of a table again.

    Args:
        table: The table.
        rows: The table of the trash.
        dialect: The name of the database's dialect.
        stored: The columns that the stored rows have.
        changed: The columns that get the values of parameters, named ``_new_`` and the column.
        only_keys: Whether only the rows of the keys in ``_keys`` are inserted.
    """
    columns = [item for item in table.c if item.name in stored]
    here = [rows.c.trash_id == _TRASH_ID, is_given(rows.c.table_name, "table")]
    if only_keys:
        here.append(is_among(rows.c.key))
    source, values = _from_json(columns, rows, here, dialect)
    values |= {name: bindparam(f"_new_{name}", type_=table.c[name].type) for name in changed}
    conditions: list[ColumnElement[bool]] = []
    for item in columns:
        for key in item.foreign_keys:
            value, target = values[item.name], key.column.table.alias()
            is_there: ColumnElement[bool] = exists().where(target.c[key.column.name] == value)
            if key.column.table is table:
                # Rows that this statement inserts do not exist yet.
                other = rows.alias()
                is_there = or_(
                    is_there,
                    exists().where(
                        other.c.trash_id == _TRASH_ID,
                        is_given(other.c.table_name, "table"),
                        other.c.key == value,
                    ),
                )
            if item.nullable and (key.ondelete == "SET NULL" or key.ondelete is None):
                values[item.name] = case((is_there, value), else_=null())
            elif item.nullable:
                conditions.append(or_(value.is_(None), is_there))
            else:
                conditions.append(is_there)
    selected = select(*(values[item.name].label(item.name) for item in columns)).select_from(source)
    return insert(table).from_select(
        [item.name for item in columns], selected.where(*conditions), include_defaults=False
    )


def _from_json(
    columns: list[Column[Any]], rows: Table, here: list[ColumnElement[bool]], dialect: str
) -> tuple[FromClause, dict[str, ColumnElement[Any]]]:
    """Return the FROM clause that reads stored rows, and their values by column."""
    if dialect == "sqlite":
        parsed = (
            select(*(func.json_extract(rows.c.data, f"$.{item.name}").label(item.name) for item in columns))
            .where(*here)
            .subquery("stored")
        )
        return parsed, {item.name: parsed.c[item.name] for item in columns}
    empty: ColumnElement[Any] = literal_column(f"CAST(NULL AS {columns[0].table.name})")
    record = (
        func.stellary_load_row(empty, rows.c.data)
        .table_valued(*(column(item.name, item.type) for item in columns))
        .alias("stored")
    )
    source = select(*record.c).select_from(rows.join(record, true())).where(*here).subquery("stored_rows")
    return source, {item.name: source.c[item.name] for item in columns}


def _key(table: Table) -> ColumnElement[str]:
    """Return the primary key of a row as one text."""
    parts: list[ColumnElement[str]] = [cast(part, Text) for part in table.primary_key.columns]
    return functools.reduce(lambda start, part: start + literal(" ", Text) + part, parts)


def _to_json(table: Table, dialect: str) -> ColumnElement[str]:
    """Return a row as JSON, with values in the form of the database."""
    if dialect != "sqlite":
        return func.stellary_store_row(table.table_valued(), type_=Text)
    parts: list[ColumnElement[Any]] = []
    for item in table.c:
        parts += [literal_column(f"'{item.name}'"), item]
    return func.json_object(*parts)


def _insert_missing(
    rows: Table, names: list[str], source: Select[Any] | CompoundSelect[Any], dialect: str
) -> Executable:
    """Return an INSERT that ignores the rows that another alternative of a condition has found before."""
    make = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return make(rows).from_select(names, source, include_defaults=False).on_conflict_do_nothing()


@functools.cache
def build_link_update(column: Column[Any]) -> Update:
    """Return the statement that sets a reference ``_value`` of the row ``_id`` again, unless it has another value.

    Args:
        column: The column with the reference.
    """
    return (
        update(column.table)
        .where(is_given(column.table.c.id), column.is_(None))
        .values({column.name: bindparam("_value", type_=column.type)})
    )
