"""Deleted workspaces and organizations: out of reach at once, restored whole or purged.

A deleted container keeps its rows, but gets a slug that no path can contain, so no access check finds it. ``trash_id``
marks it, and the workspaces of a deleted organization, for statements that find workspaces by other ways. The purge is a job,
which deletes the rows in batches, the innermost ones first.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import cache, partial
from typing import Final, TypedDict

from sqlalchemy import Delete, Table, and_, bindparam, delete, exists, insert, or_, select, update

from stellary.contract.activities import ActivityType
from stellary.contract.endpoint import Ok
from stellary.contract.errors import Forbidden, NotFound
from stellary.contract.fields import replace_fields
from stellary.contract.organizations import Organization
from stellary.contract.refs import OrganizationRef, Ref, TrashedContainerRef
from stellary.contract.trash import (
    LIST_CONTAINERS,
    PURGE_CONTAINER,
    RESTORE_CONTAINER,
    ContainerKind,
    RestoreContainer,
    TrashedContainer,
)
from stellary.contract.wire import UNSET, Listing, Paged
from stellary.contract.workspaces import Workspace
from stellary.core.accounts.access_checks import AccessByRef
from stellary.core.accounts.agent_users import delete_agent_users
from stellary.core.accounts.audience import LEADS, name_of
from stellary.core.accounts.locks import lock_organization
from stellary.core.accounts.row_types import TrashedContainerRow
from stellary.core.accounts.tables import organization_members, organizations, workspace_members, workspaces
from stellary.core.db.base import IdType, is_given
from stellary.core.db.row_fields import RowFields
from stellary.core.db.row_types import Query
from stellary.core.kernel import jobs
from stellary.core.kernel.events import OrganizationItemChanged, WorkspacesRestored
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.retention import BatchSize, restrict
from stellary.core.kernel.signals import ACCESS
from stellary.core.kernel.trash import expire, trash
from stellary.core.kernel.trash_statements import find_contents
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.kernel.writes import refuse_duplicate

_TABLES: Final[dict[ContainerKind, Table]] = {"workspace": workspaces, "organization": organizations}
_FIELDS = RowFields(
    TrashedContainer,
    trash,
    selected={"deleted_by_name": name_of(trash.c.deleted_by_id)},
    converted=("slug",),
    internal=("key", "workspace_id", "project_id", "author_id", "row_count", "size"),
)

_USER_ID = bindparam("_user_id", type_=IdType)
_containers = trash.alias("containers")
_IS_WORKSPACE = _containers.c.kind == "workspace"
_ADMINISTERS = exists().where(
    workspace_members.c.workspace_id == _containers.c.item_id,
    workspace_members.c.user_id == _USER_ID,
    workspace_members.c.role == "admin",
)
_VISIBLE = (
    select(
        _containers,
        organizations.c.slug.label("org_slug"),
        name_of(_containers.c.deleted_by_id).label("deleted_by_name"),
        or_(
            organization_members.c.role == "owner", and_(_IS_WORKSPACE, workspaces.c.owner_id == _USER_ID)
        ).label("is_owner"),
    )
    .select_from(
        organization_members.join(
            _containers, _containers.c.organization_id == organization_members.c.organization_id
        )
        .join(organizations, organizations.c.id == _containers.c.organization_id)
        .outerjoin(workspaces, and_(_IS_WORKSPACE, workspaces.c.id == _containers.c.item_id))
    )
    .where(
        organization_members.c.user_id == _USER_ID,
        or_(
            and_(_containers.c.kind == "organization", LEADS),
            # The workspaces of a deleted organization come back with it.
            and_(_IS_WORKSPACE, organizations.c.trash_id.is_(None), or_(LEADS, _ADMINISTERS)),
        ),
    )
)
_LIST = Pages(TrashedContainerRow, _VISIBLE, _containers.c.id, newest_first=True)
_ONE = Query(TrashedContainerRow, _VISIBLE.where(is_given(_containers.c.id, "trash_id")))
_INSERT = insert(trash)
_TAKE = delete(trash).where(is_given(trash.c.id, "trash_id")).returning(trash.c.id)
_MARK = {kind: update(table).where(is_given(table.c.id)) for kind, table in _TABLES.items()}
_MARK_WORKSPACES = update(workspaces).where(
    is_given(workspaces.c.organization_id, "id"), workspaces.c.trash_id.is_(None)
)
_UNMARK_WORKSPACES = (
    update(workspaces).where(is_given(workspaces.c.trash_id)).values(trash_id=None).returning(workspaces.c.id)
)


def put_container(uow: UnitOfWork, container: Workspace | Organization) -> None:
    """Move a workspace or an organization to the trash: nobody reaches it and what is in it from then on.

    Args:
        uow: A unit that has locked the organization.
        container: The workspace or the organization.
    """
    trash_id = uow.new_id()
    kind: ContainerKind = "workspace" if isinstance(container, Workspace) else "organization"
    entry = {
        "id": trash_id,
        "kind": kind,
        "item_id": container.id,
        "name": container.name,
        "slug": container.slug,
        "organization_id": container.organization_id if isinstance(container, Workspace) else container.id,
        "deleted_by_id": uow.user_id,
        "row_count": 0,
        "size": 0,
        "deleted_at": uow.now,
        "expires_at": uow.now + timedelta(days=uow.env.trash_days),
    }
    uow.connection.execute(_INSERT, entry)
    # A tilde matches no pattern of a slug.
    parameters = {"_id": container.id, "trash_id": trash_id}
    uow.connection.execute(_MARK[kind], {**parameters, "slug": f"~{container.id}"})
    if kind == "organization":
        uow.connection.execute(_MARK_WORKSPACES, parameters)
    uow.send_on_commit(ACCESS)


@serves(LIST_CONTAINERS)
def list_containers(uow: UnitOfWork, ref: Ref, request: Paged) -> Listing[TrashedContainer]:
    """Return the deleted organizations and workspaces that the caller administers, the last one first."""
    return _LIST.fetch(uow, request, _FIELDS.to_value, _user_id=uow.user_id)


@serves(RESTORE_CONTAINER)
def restore_container(
    uow: UnitOfWork, ref: TrashedContainerRef, request: RestoreContainer
) -> TrashedContainer:
    """Restore a workspace or an organization with everything in it.

    Raises:
        NotFound: The caller administers no such container, or it was restored or purged.
        Conflict: The slug has been taken since.
    """
    row = trashed_container(uow, ref)
    slug = row.slug if request.slug is UNSET else request.slug
    parameters = {"_id": row.item_id, "trash_id": None, "slug": slug}
    message = f"another {row.kind} has the slug {slug!r}: pass another one as slug"
    with refuse_duplicate(uow, message, "duplicate_slug"):
        _take(uow, ref)
        uow.connection.execute(_MARK[row.kind], parameters)
    if row.kind == "workspace":
        restored_ids = [row.item_id]
    else:
        unmarked = uow.connection.execute(_UNMARK_WORKSPACES, {"_trash_id": row.id})
        restored_ids = list(unmarked.scalars())
    uow.emit(WorkspacesRestored(workspace_ids=tuple(restored_ids)))
    uow.emit(_build_event(row, "item_restored", slug))
    return _FIELDS.to_value(row)


@serves(PURGE_CONTAINER)
def purge_container(uow: UnitOfWork, ref: TrashedContainerRef) -> Ok:
    """Delete a workspace or an organization for good. A job deletes its rows in batches.

    Raises:
        NotFound: The caller administers no such container, or it was restored or purged.
        Forbidden: The caller could not delete it: only owners can.
    """
    row = trashed_container(uow, ref)
    if not row.is_owner:
        raise Forbidden("only its owner can delete it for good", code="insufficient_role")
    _take(uow, ref)
    enqueue(uow, [(row.kind, row.item_id)])
    uow.emit(_build_event(row, "item_purged", row.slug))
    return Ok()


def trashed_container(uow: UnitOfWork, ref: TrashedContainerRef) -> TrashedContainerRow:
    """Check access to a deleted workspace or organization.

    Args:
        ref: The entry in the trash.

    Raises:
        NotFound: The caller administers no such container, or it was restored or purged.
    """
    parameters = {"_user_id": uow.user_id, "_trash_id": ref.trash_id}
    row = _ONE.first(uow.connection, parameters)
    if row is not None:
        # The organization might be deleted at the same time, so the entry is read again under the lock.
        lock_organization(uow, OrganizationRef(row.org_slug))
        row = _ONE.first(uow.connection, parameters)
    if row is None:
        raise NotFound("Trashed item not found")
    uow.mark_authorized()
    return row


def _take(uow: UnitOfWork, ref: TrashedContainerRef) -> None:
    if uow.connection.execute(_TAKE, {"_trash_id": ref.trash_id}).first() is None:
        raise NotFound("Trashed item not found")


def _build_event(row: TrashedContainerRow, type: ActivityType, slug: str | None) -> OrganizationItemChanged:
    container = _FIELDS.to_value(row)
    return OrganizationItemChanged(
        organization_id=row.organization_id,
        type=type,
        kind=row.kind,
        item_id=row.item_id,
        name=row.name,
        before=container,
        after=replace_fields(container, slug=slug),
        meta={},
    )


ACCESS_BY_REF: Final[AccessByRef] = {TrashedContainerRef: trashed_container}
"""The access check for the refs of this module."""


# ---------------------------------------------------------------------------------------------- the purge

DELETE: Final = "trash.delete_container"
"""The kind of the job that deletes the rows of a purged workspace or organization."""
_ENTRY_COLUMNS = {"workspace": trash.c.workspace_id, "organization": trash.c.organization_id}
_INSIDE = {
    "workspace": select(workspaces.c.id).where(is_given(workspaces.c.id)),
    "organization": select(workspaces.c.id).where(is_given(workspaces.c.organization_id, "id")),
}
_DELETE = {kind: delete(table).where(is_given(table.c.id)) for kind, table in _TABLES.items()}
_IS_DELETED = {
    kind: select(table.c.id).where(is_given(table.c.id), table.c.trash_id.is_not(None))
    for kind, table in _TABLES.items()
}


class Purge(TypedDict):
    """The payload of the job: the container, and how far it has come.

    Attributes:
        kind, id: The container.
        table: The number of the table whose rows are deleted next.
        rows: The number of rows to delete next.
    """

    kind: ContainerKind
    id: str
    table: int
    rows: int


def enqueue(uow: UnitOfWork, containers: Iterable[tuple[ContainerKind, str]]) -> None:
    """Schedule the deletion of containers whose entries in the trash have been deleted.

    Args:
        containers: The kind and the id of each.
    """
    for kind, id in containers:
        jobs.enqueue(uow, DELETE, Purge(kind=kind, id=id, table=0, rows=BatchSize.MIN))


def delete_batch(uow: UnitOfWork, payload: Purge) -> None:
    """Delete the next rows of a container; in the end, the container itself.

    Args:
        payload: The payload of the job.
    """
    kind, id = payload["kind"], payload["id"]
    if uow.connection.execute(_IS_DELETED[kind], {"_id": id}).first() is None:
        return
    deletions = _build_deletions(kind, uow.connection.dialect.name)
    size = BatchSize(payload["rows"])
    for number, statement in enumerate(deletions[payload["table"] :], payload["table"]):
        if size.delete(partial(_delete_rows, uow, statement, id)):
            jobs.enqueue(uow, DELETE, Purge(kind=kind, id=id, table=number, rows=size.rows))
            return
    delete_container(uow, kind, id)


def _delete_rows(uow: UnitOfWork, statement: Delete, id: str, limit: int) -> int:
    return uow.connection.execute(statement, {"_item_id": id, "_limit": limit}).rowcount


def delete_container(uow: UnitOfWork, kind: ContainerKind, id: str) -> None:
    """Delete a workspace or an organization with everything that is left in it, which the database does by foreign keys.

    Args:
        kind: ``workspace`` or ``organization``.
        id: Its id.
    """
    workspace_ids = uow.connection.execute(_INSIDE[kind], {"_id": id}).scalars().all()
    uow.connection.execute(_DELETE[kind], {"_id": id})
    expire(uow, _ENTRY_COLUMNS[kind], id)
    delete_agent_users(uow, workspace_ids)


@cache
def _build_deletions(kind: ContainerKind, dialect: str) -> tuple[Delete, ...]:
    """Return the statements that each delete some rows of a table in a container, from the inside out."""
    contents = find_contents(_TABLES[kind])
    return tuple(
        restrict(
            delete(table),
            select(*table.primary_key.columns).where(or_(*conditions)).limit(bindparam("_limit")),
            dialect,
        )
        for table, conditions in reversed(list(contents.items()))
        # The workspaces of an organization stay until the end, since they lead to the users of its agents.
        if table not in _TABLES.values()
    )
