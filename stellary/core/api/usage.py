"""The size of the database: rows and bytes of each table, and an estimate for each organization."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import attrs
from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Table,
    bindparam,
    cast,
    func,
    null,
    select,
    text,
)
from sqlalchemy.exc import OperationalError

from stellary.core.db.database import Database
from stellary.core.kernel import trash
from stellary.core.migrations.history import VERSION_TABLE
from stellary.core.migrations.schema import metadata

_USERS: Final = "stellary_users"
_ORGANIZATIONS: Final = metadata.tables["stellary_organizations"]
_WORKSPACES: Final = metadata.tables["stellary_workspaces"]
_FILE_SIZES: Final = (metadata.tables["stellary_attachments"].c.size, trash.rows.c.file_size)
_SQLITE_BYTES = text(
    "SELECT m.tbl_name, sum(s.pgsize) AS size FROM dbstat AS s JOIN sqlite_schema AS m ON m.name = s.name"
    " WHERE s.aggregate = TRUE GROUP BY m.tbl_name"
)
_POSTGRES_BYTES = select(func.pg_total_relation_size(func.to_regclass(bindparam("_name"))))
_SLUGS = select(_ORGANIZATIONS.c.id, _ORGANIZATIONS.c.slug).order_by(_ORGANIZATIONS.c.slug)


@attrs.frozen
class TableUsage:
    """The size of a table.

    Attributes:
        bytes: With its indexes; None if the database cannot tell.
    """

    name: str
    rows: int
    bytes: int | None


@attrs.frozen
class OrganizationUsage:
    """The size of an organization.

    Attributes:
        slug: None for rows that belong to no organization, such as accounts and sessions.
        rows: The rows of all tables.
        bytes: The bytes of each table, shared out by the number of rows; None if the database cannot tell.
        file_bytes: The bytes of its attachments, and of those in the trash.
    """

    slug: str | None
    rows: int
    bytes: int | None
    file_bytes: int


@attrs.frozen
class Usage:
    """The size of a database. Both lists begin with the largest."""

    tables: list[TableUsage]
    organizations: list[OrganizationUsage]


def measure_usage(database: Database) -> Usage:
    """Count the rows of a database in one snapshot, which reads each table once.

    Args:
        database: The database, with an up-to-date schema.
    """
    tables = [table for table in metadata.sorted_tables if table.name != VERSION_TABLE]
    with database.open_migrating() as connection, connection.begin():
        if not database.is_sqlite:
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        sizes = _measure_bytes(connection, tables)
        counts: dict[Table, dict[str | None, int]] = {}
        for table in tables:
            rows = connection.execute(_select_by_organization(table, func.count()))
            counts[table] = {row.organization_id: row.value for row in rows}
        files: dict[str | None, int] = defaultdict(int)
        for size in _FILE_SIZES:
            for row in connection.execute(_select_by_organization(size.table, func.sum(size))):
                files[row.organization_id] += int(row.value or 0)
        slugs: dict[str | None, str] = {row.id: row.slug for row in connection.execute(_SLUGS)}
    table_usages = [
        TableUsage(table.name, sum(by_organization.values()), None if sizes is None else sizes[table.name])
        for table, by_organization in counts.items()
    ]
    organization_usages = [
        OrganizationUsage(
            slugs.get(organization_id),
            sum(by_organization.get(organization_id, 0) for by_organization in counts.values()),
            None if sizes is None else _share_bytes(organization_id, counts, sizes),
            files[organization_id],
        )
        for organization_id in [*slugs, None]
    ]
    return Usage(
        sorted(table_usages, key=lambda usage: (-(usage.bytes or 0), -usage.rows, usage.name)),
        sorted(
            organization_usages,
            key=lambda usage: (usage.slug is None, -(usage.bytes or 0) - usage.file_bytes, usage.slug),
        ),
    )


def _share_bytes(
    organization_id: str | None,
    counts: dict[Table, dict[str | None, int]],
    sizes: dict[str, int],
) -> int:
    """Return the bytes of an organization: of each table, the part that its rows are of all rows."""
    return sum(
        sizes[table.name] * by_organization[organization_id] // sum(by_organization.values())
        for table, by_organization in counts.items()
        if by_organization.get(organization_id)
    )


def _measure_bytes(connection: Connection, tables: list[Table]) -> dict[str, int] | None:
    if connection.dialect.name != "sqlite":
        return {
            table.name: connection.execute(_POSTGRES_BYTES, {"_name": table.name}).scalar_one()
            for table in tables
        }
    try:
        sizes = {row.tbl_name: row.size for row in connection.execute(_SQLITE_BYTES)}
    except OperationalError:
        # SQLite was built without the virtual table.
        return None
    return {**dict.fromkeys((table.name for table in tables), 0), **sizes}


def _select_by_organization(table: Table, aggregate: ColumnElement[int]) -> Select[str | None, int]:
    """Return a statement for an aggregate of a table by the id of the organization, which may be null."""
    source: FromClause = table
    current = table
    while (step := _find_step(current)) is not None:
        key, parent = step
        source = source.outerjoin(parent, parent.c.id == key)
        current = parent
    organization_id: ColumnElement[str | None] = cast(null(), _ORGANIZATIONS.c.id.type)
    if current is _ORGANIZATIONS:
        organization_id = current.c.id
    elif "organization_id" in current.c:
        organization_id = current.c.organization_id
    return (
        select(organization_id.label("organization_id"), aggregate.label("value"))
        .select_from(source)
        .group_by(text("1"))
    )


def _find_step(table: Table) -> tuple[ColumnElement[str], Table] | None:
    """Return the column by which a row finds its organization, and the table that the column refers to."""
    if table is _ORGANIZATIONS or ("organization_id" in table.c and not table.c.organization_id.nullable):
        return None
    if "workspace_id" in table.c:
        return table.c.workspace_id, _WORKSPACES
    if table is trash.rows:
        return trash.rows.c.trash_id, trash.trash
    required = [
        (key.parent, key.column.table)
        for key in sorted(table.foreign_keys, key=lambda key: key.parent.name)
        if not key.parent.nullable and key.column.table.name != _USERS
    ]
    return required[0] if required else None
