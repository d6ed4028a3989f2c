"""The trash: rows that a service deletes, stored as JSON, so that they can be inserted again.

``put_item`` copies the row of an item and all rows that the database deletes with it, found by the schema's foreign keys;
then the service deletes them. No reader sees a row of the trash, and names that an item had are free.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeAlias

import attrs
import orjson
from sqlalchemy import (
    DDL,
    BigInteger,
    Column,
    ColumnElement,
    Index,
    Integer,
    Select,
    String,
    Table,
    Text,
    and_,
    bindparam,
    delete,
    event,
    exists,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningInsert

from stellary.contract.errors import NotFound
from stellary.contract.trash import TrashKind
from stellary.core.db.base import IdType, UtcDateTime, is_among, is_given, json_text, metadata, partial_index
from stellary.core.db.row_types import Query, RowType
from stellary.core.kernel import trash_statements
from stellary.core.kernel.unit import UnitOfWork

trash = Table(
    "stellary_trash",
    metadata,
    Column("id", IdType, primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("item_id", IdType, nullable=False, index=True),
    Column("name", String(500), nullable=False),
    # The key of a card or a project.
    Column("key", String(20)),
    # The slug of a workspace or an organization.
    Column("slug", String(60)),
    # The containers of the item, or the item itself. No foreign keys: containers may be in the trash as well.
    Column("organization_id", IdType, nullable=False),
    Column("workspace_id", IdType),
    Column("project_id", IdType, index=True),
    # The author, of an item that only its author, the user who deleted it, and admins may restore.
    Column("author_id", IdType),
    Column("deleted_by_id", IdType, nullable=False),
    Column("row_count", Integer, nullable=False),
    # Bytes of its rows and files.
    Column("size", BigInteger, nullable=False),
    Column("deleted_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
    Index("ix_stellary_trash_workspace_id_id", "workspace_id", "id"),
    Index("ix_stellary_trash_organization_id_kind_id", "organization_id", "kind", "id"),
)

rows = Table(
    "stellary_trash_rows",
    metadata,
    # No foreign key: the rows of a purged item are deleted in batches, after its entry.
    Column("trash_id", IdType, primary_key=True),
    # For a reference that the deletion has cleared or changed: the table and the column, with a dot between them.
    Column("table_name", String(80), primary_key=True),
    # The primary key of the row; its parts have spaces between them.
    Column("key", String(120), primary_key=True),
    Column("data", Text, nullable=False),
    # The file that the row refers to, which is therefore kept.
    Column("blob_key", String(40)),
    Column("file_size", Integer),
    partial_index("ix_stellary_trash_rows_blob_key", "blob_key", where="blob_key IS NOT NULL"),
    Index("ix_stellary_trash_rows_table_name_key", "table_name", "key"),
)

for _function in trash_statements.FUNCTIONS:
    event.listen(rows, "after_create", DDL(_function).execute_if(dialect="postgresql"))  # type: ignore[no-untyped-call]

JsonRow: TypeAlias = dict[str, Any]
"""A stored row: its values by column, in the form of the database. Or values of a column, by the id of the row."""


class TrashRow(RowType):
    """An item in the trash."""

    id: str
    kind: TrashKind
    item_id: str
    name: str
    key: str | None
    workspace_id: str | None
    project_id: str | None
    author_id: str | None
    deleted_by_id: str


class StoredRow(RowType):
    """A row of an item in the trash."""

    key: str
    data: str


_TRASH_ID = bindparam("_trash_id", type_=IdType)
_THIS = rows.c.trash_id == _TRASH_ID
_BATCH = 500
_IS_IN_TABLE = is_given(rows.c.table_name, "table")
_OF_TABLE = (_THIS, _IS_IN_TABLE)
_INSERT_ROW = insert(rows)
_TAKE = Query(TrashRow, delete(trash).where(is_given(trash.c.id)).returning(*trash.c))
_ROWS = Query(StoredRow, select(rows.c.key, rows.c.data).where(*_OF_TABLE).order_by(rows.c.key))
_REFERENCES = Query(
    StoredRow,
    select(rows.c.key, rows.c.data)
    .join_from(rows, trash, trash.c.id == rows.c.trash_id)
    .where(is_given(trash.c.kind), is_given(trash.c.project_id), _IS_IN_TABLE),
)
_FIRST = select(rows.c.data).where(*_OF_TABLE).limit(1)
_TABLES = select(rows.c.table_name).where(_THIS).distinct()
_FORGET = delete(rows).where(_THIS)
_FILES = Query(
    StoredRow,
    select(rows.c.key, rows.c.data).where(rows.c.blob_key.is_not(None), _IS_IN_TABLE),
)
USED_BLOBS = select(rows.c.blob_key).where(is_among(rows.c.blob_key, "keys"))
_REWRITE = update(rows).where(*_OF_TABLE, is_given(rows.c.key))
_STORED: Select[Any] = select(rows.c.trash_id, rows.c.key, rows.c.data).where(_IS_IN_TABLE)
_IN_TRASH = _STORED.where(is_among(rows.c.key))
_OF_PROJECT = _STORED.join_from(trash, rows, rows.c.trash_id == trash.c.id).where(
    is_given(trash.c.project_id), rows.c.data.like(bindparam("_text"))
)
_OF_ITEMS = _OF_PROJECT.where(is_given(trash.c.kind), rows.c.key == trash.c.item_id)
_EXPIRE = {
    column.name: update(trash)
    .where(column == bindparam("_container_id", type_=IdType))
    .values(expires_at=bindparam("_now", type_=UtcDateTime))
    for column in (trash.c.workspace_id, trash.c.organization_id)
}
_ON_CARDS = and_(is_given(trash.c.project_id), trash.c.kind.in_(("comment", "attachment")))
_KEYS_OF = select(trash.c.key).where(_ON_CARDS, is_among(trash.c.key)).distinct()
_MOVE_ENTRIES = update(trash).where(_ON_CARDS, is_given(trash.c.key))
_IN_DOCUMENTS = json_text(rows.c.data, "document_id").in_(bindparam("_document_ids", expanding=True))
MOVE_DOCUMENT_COMMENTS = update(trash).where(
    is_given(trash.c.workspace_id),
    trash.c.kind == "document_comment",
    exists().where(rows.c.trash_id == trash.c.id, rows.c.key == trash.c.item_id, _IN_DOCUMENTS),
)
"""The statement with which the deleted comments of ``_document_ids`` get another workspace and project."""
_ENTRY_OF = select(trash.c.id).where(is_given(trash.c.kind), is_given(trash.c.item_id))


@attrs.frozen
class Item:
    """An item that is deleted.

    Attributes:
        name: The name by which people recognize it.
        project_id: The project that it belongs to, or is; None if there is none.
    """

    id: str
    name: str
    project_id: str | None


class Containers(Protocol):
    """The organization and the workspace of an item."""

    @property
    def organization_id(self) -> str: ...
    @property
    def workspace_id(self) -> str | None: ...


def put_item(
    uow: UnitOfWork,
    table: Table,
    kind: TrashKind,
    item: Item,
    containers: Containers,
    *,
    key: str | None = None,
    author_id: str | None = None,
) -> str:
    """Copy an item and all that is deleted with it to the trash. The caller deletes it afterwards.

    On PostgreSQL the copied rows that others refer to are locked first, so that nothing is added to them until the
    transaction ends.

    Args:
        table: The table of the item.
        kind: The kind of the item.
        item: The item.
        containers: Its organization and its workspace, such as the caller's roles in them.
        key: The key of a card or a project. Default: none.
        author_id: The author, for items that not every member of the workspace may restore. Default: none.

    Returns:
        The id of the entry.

    Raises:
        NotFound: Another unit has deleted the item.
    """
    uow.has_deleted = True
    dialect = uow.connection.dialect.name
    trash_id = uow.new_id()
    parameters = {"_trash_id": trash_id, "_item_id": item.id}
    lock(uow, table, item.id)
    uow.connection.execute(trash_statements.build_copy(table, rows, dialect), parameters)
    links = trash_statements.build_links(table, rows)
    if links is not None:
        uow.connection.execute(links, parameters)
    entry = {
        "_trash_id": trash_id,
        "kind": kind,
        "item_id": item.id,
        "name": item.name,
        "key": key,
        "organization_id": containers.organization_id,
        "workspace_id": containers.workspace_id,
        "project_id": item.project_id,
        "author_id": author_id,
        "deleted_by_id": uow.user_id,
        "deleted_at": uow.now,
        "expires_at": uow.now + timedelta(days=uow.env.trash_days),
    }
    if uow.connection.execute(trash_statements.build_entry(trash, rows, dialect), entry).first() is None:
        raise NotFound(f"{kind.replace('_', ' ').capitalize()} not found")
    return trash_id


def lock(uow: UnitOfWork, table: Table, item_id: str) -> None:
    """Lock an item and its contents, so that nothing is added to them until the transaction ends.

    Args:
        table: The table of the item.
        item_id: The id of the item.
    """
    if uow.connection.dialect.name != "sqlite":
        for statement in trash_statements.build_locks(table):
            uow.connection.execute(statement, {"_item_id": item_id})


def add_references(uow: UnitOfWork, trash_id: str, column: Column[Any], values: Mapping[str, object]) -> None:
    """Store values of other rows that the deletion of an item changes, so that restoring can put them back.

    Args:
        trash_id: The entry of the item.
        column: The column that changes.
        values: The values to store as JSON, by the id of the row.
    """
    if values:
        stored = {"trash_id": trash_id, "table_name": str(column)}
        uow.connection.execute(
            _INSERT_ROW,
            [{**stored, "key": key, "data": orjson.dumps(value).decode()} for key, value in values.items()],
        )


def build_references(
    column: Column[Any], data: ColumnElement[str], condition: ColumnElement[bool]
) -> ReturningInsert[tuple[str, str]]:
    """Return the statement that stores values of a column like ``add_references``, for the entry ``_trash_id``.

    It returns the stored rows: ``key`` and ``data``.

    Args:
        column: The column that changes.
        data: Its value as JSON.
        condition: The rows whose values are stored.
    """
    table = column.table
    values = select(_TRASH_ID, literal(str(column), String), table.c.id, data).where(condition)
    statement = insert(rows).from_select(["trash_id", "table_name", "key", "data"], values)
    return statement.returning(rows.c.key, rows.c.data)


def list_references(uow: UnitOfWork, kind: TrashKind, project_id: str, column: Column[Any]) -> JsonRow:
    """Return the values that ``add_references`` has stored for a column, of all entries of a kind, by the id of the row.

    Args:
        kind: The kind of the entries.
        project_id: Their project.
        column: The column.
    """
    parameters = {"_kind": kind, "_project_id": project_id, "_table": str(column)}
    stored = _REFERENCES.all(uow.connection, parameters)
    return {row.key: orjson.loads(row.data) for row in stored}


def load_rows(uow: UnitOfWork, trash_id: str, source: Table | Column[Any]) -> JsonRow:
    """Return the rows of a table in an entry by their primary key, with values in the form of the database.

    Args:
        trash_id: The entry.
        source: The table; or a column, for the values that ``add_references`` has stored.
    """
    stored = _ROWS.all(uow.connection, {"_trash_id": trash_id, "_table": str(source)})
    return {row.key: orjson.loads(row.data) for row in stored}


def load_keys(uow: UnitOfWork, trash_id: str, table: Table) -> set[str]:
    """Return the primary keys of the rows of a table in an entry.

    Args:
        trash_id: The entry.
        table: The table.
    """
    return {row.key for row in _ROWS.all(uow.connection, {"_trash_id": trash_id, "_table": table.name})}


def find_rows(uow: UnitOfWork, table: Table, keys: Sequence[str]) -> list[tuple[str, str, JsonRow]]:
    """Return the rows of a table that are in any entry: the entry, the key, and the row.

    Args:
        table: The table.
        keys: The primary keys to look for.
    """
    return [
        (trash_id, key, orjson.loads(data))
        for first in range(0, len(keys), _BATCH)
        for trash_id, key, data in uow.connection.execute(
            _IN_TRASH, {"_table": table.name, "_keys": list(keys[first : first + _BATCH])}
        )
    ]


def find_item_rows(
    uow: UnitOfWork, kind: TrashKind, project_id: str, source: Table | Column[Any], referenced_id: str
) -> list[tuple[str, str, JsonRow]]:
    """Return what is stored of deleted items of a project and contains an id: the entry, the key, and the data.

    Args:
        kind: The kind of the items.
        project_id: The project.
        source: The table of the items, or the column of ``add_references``.
        referenced_id: The id.
    """
    parameters = {"_kind": kind, "_project_id": project_id, "_table": str(source)}
    rows_of_items = uow.connection.execute(_OF_ITEMS, {**parameters, "_text": f'%"{referenced_id}"%'})
    return [(trash_id, key, orjson.loads(data)) for trash_id, key, data in rows_of_items]


def find_project_rows(
    uow: UnitOfWork, project_id: str, table: Table, referenced_id: str
) -> list[tuple[str, str, JsonRow]]:
    """Return the rows of a table in all entries of a project that contain an id: the entry, the key, and the row.

    Args:
        project_id: The project.
        table: The table of the rows.
        referenced_id: The id.
    """
    parameters = {"_project_id": project_id, "_table": table.name, "_text": f"%{referenced_id}%"}
    stored_rows = uow.connection.execute(_OF_PROJECT, parameters)
    return [(trash_id, key, orjson.loads(data)) for trash_id, key, data in stored_rows]


def rewrite_row(
    uow: UnitOfWork, trash_id: str, source: Table | Column[Any], key: str, row: Mapping[str, object]
) -> None:
    """Replace a row in the trash, such as one that refers to something that was restored.

    Args:
        trash_id: The entry.
        source: The table of the row, or the column of ``add_references``.
        key: Its primary key.
        row: The row, with values in the form of the database.
    """
    parameters = {"_trash_id": trash_id, "_table": str(source), "_key": key}
    uow.connection.execute(_REWRITE, {**parameters, "data": orjson.dumps(row).decode()})


def move_row(uow: UnitOfWork, trash_id: str, other_id: str, table: Table, key: str) -> None:
    """Move a row to another entry, with which it is restored.

    Args:
        trash_id: The entry that has the row.
        other_id: The entry that gets it.
        table: The table of the row.
        key: Its primary key.
    """
    parameters = {"_trash_id": trash_id, "_table": table.name, "_key": key}
    uow.connection.execute(_REWRITE, {**parameters, "trash_id": other_id})


def to_stored_time(uow: UnitOfWork, time: datetime | None) -> str | None:
    """Return a time as ``rewrite_row`` takes it.

    Args:
        time: The time, if there is one.
    """
    if time is None:
        return None
    if uow.connection.dialect.name != "sqlite":
        return time.isoformat()
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def find_entry(uow: UnitOfWork, kind: TrashKind, item_id: str) -> str | None:
    """Return the id of the entry of an item; None if it is not in the trash.

    Args:
        kind: The kind of the item.
        item_id: The id of the item.
    """
    entry_id: str | None = uow.connection.execute(_ENTRY_OF, {"_kind": kind, "_item_id": item_id}).scalar()
    return entry_id


def move_entries(uow: UnitOfWork, project_id: str, keys: Mapping[str, str], place: Mapping[str, str]) -> None:
    """Move the deleted comments and files of cards to the project that the cards have entered.

    Args:
        project_id: The project that they have left.
        keys: The new keys of the cards, by their former ones.
        place: The workspace and the project that they have entered: ``_workspace_id`` and ``_project_id``.
    """
    former_keys = (
        uow.connection.execute(_KEYS_OF, {"_project_id": project_id, "_keys": [*keys]}).scalars().all()
    )
    new_values = {"workspace_id": place["_workspace_id"], "project_id": place["_project_id"]}
    if former_keys:
        moves = [
            {"_project_id": project_id, "_key": key, "key": keys[key], **new_values} for key in former_keys
        ]
        uow.connection.execute(_MOVE_ENTRIES, moves)


def take(uow: UnitOfWork, trash_id: str) -> TrashRow | None:
    """Delete an entry and return it; its rows stay.

    Args:
        trash_id: The entry.

    Returns:
        None if another unit has restored or purged it.
    """
    return _TAKE.first(uow.connection, {"_id": trash_id})


def reinsert(
    uow: UnitOfWork,
    trash_id: str,
    *,
    changes: Mapping[Column[Any], object] | None = None,
    skip: Iterable[Table] = (),
) -> None:
    """Insert the rows of an entry again, in the order of the foreign keys.

    A reference to something that no longer exists is cleared; a row that requires the reference is left out.

    Args:
        trash_id: The entry.
        changes: New values by column, which all rows of its table get. Default: none.
        skip: Tables whose rows are left to ``reinsert_rows``.
    """
    names = set(uow.connection.execute(_TABLES, {"_trash_id": trash_id}).scalars())
    names -= {table.name for table in skip}
    for table in metadata.sorted_tables:
        if table.name in names:
            _reinsert(uow, trash_id, table, changes or {}, None)
    for name in sorted(names - metadata.tables.keys()):
        _restore_links(uow, trash_id, name)


def reinsert_rows(uow: UnitOfWork, trash_id: str, table: Table, keys: Sequence[str]) -> None:
    """Insert some rows of a table again.

    Args:
        trash_id: The entry.
        table: The table.
        keys: The primary keys of the rows.
    """
    for first in range(0, len(keys), _BATCH):
        _reinsert(uow, trash_id, table, {}, keys[first : first + _BATCH])


def _reinsert(
    uow: UnitOfWork,
    trash_id: str,
    table: Table,
    changes: Mapping[Column[Any], object],
    keys: Sequence[str] | None,
) -> None:
    parameters: dict[str, object] = {"_trash_id": trash_id, "_table": table.name}
    data = uow.connection.execute(_FIRST, parameters).scalar()
    if data is None:
        return
    # Columns may have been added or dropped since the row was stored.
    stored = frozenset(orjson.loads(data))
    changed = {column.name: value for column, value in changes.items() if column.table is table}
    statement = trash_statements.build_insertion(
        table, rows, uow.connection.dialect.name, stored, frozenset(changed), only_keys=keys is not None
    )
    parameters |= {f"_new_{name}": value for name, value in changed.items()}
    if keys is not None:
        parameters["_keys"] = list(keys)
    uow.connection.execute(statement, parameters)


def _restore_links(uow: UnitOfWork, trash_id: str, name: str) -> None:
    """Restore the references that the database has cleared, unless they have been set again since.

    References within a hierarchy are restored by its area, which checks for cycles.
    """
    table_name, _, column_name = name.partition(".")
    column = metadata.tables[table_name].c[column_name]
    links = load_rows(uow, trash_id, column)
    (key,) = column.foreign_keys or (None,)
    # All other values were stored by ``add_references``; a reference in a hierarchy could close a cycle.
    if key is None or key.ondelete != "SET NULL" or key.column.table is column.table:
        return
    uow.connection.execute(
        trash_statements.build_link_update(column),
        [{"_id": id, "_value": value} for id, value in links.items()],
    )


def expire(uow: UnitOfWork, container: Column[Any], id: str) -> None:
    """Let the items of a container expire, which is deleted for good. The next purge deletes them.

    Args:
        container: The column of the trash with the id of the container.
        id: The id of the container.
    """
    uow.connection.execute(_EXPIRE[container.name], {"_container_id": id, "_now": uow.now})


def forget(uow: UnitOfWork, trash_id: str) -> None:
    """Delete the rows of an entry that has been restored.

    Args:
        trash_id: The entry.
    """
    uow.connection.execute(_FORGET, {"_trash_id": trash_id})


def find_used_blobs(uow: UnitOfWork, keys: Sequence[str]) -> set[str]:
    """Return those of the given files that rows of the trash refer to; they are kept.

    Args:
        keys: The keys of the files.
    """
    return set(uow.connection.execute(USED_BLOBS, {"_keys": list(keys)}).scalars())


def find_all_files(uow: UnitOfWork) -> dict[str, tuple[int, str]]:
    """Return the size and SHA-256 of each file of a deleted attachment, by blob key, for the whole database."""
    parameters = {"_table": "stellary_attachments"}
    files = [orjson.loads(row.data) for row in _FILES.all(uow.connection, parameters)]
    return {file["blob_key"]: (file["size"], file["sha256"]) for file in files}
