"""The trash of a workspace: what was deleted, restoring and purging it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from sqlalchemy import Boolean, ColumnElement, and_, bindparam, or_, select

from stellary.contract.endpoint import Ok
from stellary.contract.errors import Forbidden, NotFound
from stellary.contract.refs import TrashedItemRef, WorkspaceRef
from stellary.contract.trash import (
    LIST_TRASH,
    PURGE_ITEM,
    RESTORE_ITEM,
    ListTrash,
    RestoreItem,
    TrashedItem,
    TrashKind,
)
from stellary.contract.wire import UNSET, Listing, invalid
from stellary.core.accounts import access as accounts_access
from stellary.core.accounts.locks import lock_workspace
from stellary.core.accounts.project_sight import is_visible
from stellary.core.accounts.rules import CallerRoles
from stellary.core.board.order.locks import retry_transaction
from stellary.core.board.queries.filters import is_in_workspace
from stellary.core.board.restoring import cards as restored_cards
from stellary.core.board.restoring import structure
from stellary.core.board.restoring.events import describe_item
from stellary.core.board.rules.references import unknown
from stellary.core.db.base import IdType, is_given
from stellary.core.kernel import trash as stored
from stellary.core.kernel.events import ItemPurged, ItemRestored
from stellary.core.kernel.paging import Pages, belongs_to, equals_unindexed
from stellary.core.kernel.trash import TrashRow, trash
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.knowledge import restoring as documents
from stellary.core.trash import access, purging, rows

_FILTERS: Mapping[str, ColumnElement[bool]] = {
    "kind": equals_unindexed(trash.c.kind, bindparam("kind")),
    "project_id": equals_unindexed(trash.c.project_id, bindparam("project_id")),
}


RESTORERS: Final[Mapping[TrashKind, Callable[[UnitOfWork, TrashRow, RestoreItem], str | None]]] = {
    "card": restored_cards.restore_card,
    "comment": restored_cards.restore_comment,
    "attachment": restored_cards.restore_attachment,
    "label": structure.restore_label,
    "custom_field": structure.restore_custom_field,
    "column": structure.restore_column,
    "scope": structure.restore_scope,
    "project": structure.restore_project,
    "document": documents.restore_document,
    "document_comment": documents.restore_comment,
}
"""The function that restores each kind of item, emits the events of it, and returns its place if that can differ."""
_NAMES: Final[Mapping[TrashKind, str]] = {"label": "name", "custom_field": "name", "project": "key"}
"""By kind of item, the field of the request with which another name or key can be given."""


_SEEN = or_(
    is_visible(trash.c.project_id),
    and_(
        bindparam("_sees_any", type_=Boolean),
        bindparam("_sees_shared", type_=Boolean),
        trash.c.kind == "project",
        is_given(trash.c.deleted_by_id, "user_id"),
    ),
)
_OF_PROJECT = (
    select(trash.c.id)
    .where(is_given(trash.c.workspace_id), trash.c.project_id == bindparam("project_id"))
    .limit(1)
)


@serves(LIST_TRASH)
def list_trash(uow: UnitOfWork, ref: WorkspaceRef, request: ListTrash) -> Listing[TrashedItem]:
    """Return the deleted items of a workspace, the last one first."""
    loaded = accounts_access.workspace(uow, ref)
    workspace, sight = loaded.row, loaded.roles.sight
    filters = {name: value for name in _FILTERS if (value := getattr(request, name)) is not UNSET}
    parameters = {**sight.parameters, "_user_id": loaded.roles.user_id} if sight.is_limited else {}
    listing = _pages(frozenset(filters), sight.is_limited).fetch(
        uow, request, rows.trashed_item, _workspace_id=workspace.id, **filters, **parameters
    )
    if not listing.items and request.project_id is not UNSET:
        parameters = {"_workspace_id": workspace.id, "project_id": request.project_id}
        was_here = uow.connection.execute(_OF_PROJECT, parameters).first() and sight.sees(request.project_id)
        if not was_here and not is_in_workspace(uow, loaded.roles, "projectId", request.project_id):
            raise unknown("projectId")
    return listing


@functools.cache
def _pages(names: frozenset[str], is_limited: bool) -> Pages[TrashRow]:
    """Build the statements of the list, once for each combination of filters."""
    residual = [_FILTERS[name] for name in sorted(names)]
    if is_limited:
        residual.append(_SEEN)
    items = select(*rows.COLUMNS).where(
        belongs_to(trash.c.workspace_id, bindparam("_workspace_id", type_=IdType))
    )
    return Pages(
        TrashRow,
        items,
        trash.c.id,
        newest_first=True,
        container=trash.c.workspace_id,
        residual=residual,
    )


@serves(RESTORE_ITEM)
def restore_item(uow: UnitOfWork, ref: TrashedItemRef, request: RestoreItem) -> TrashedItem:
    """Restore an item to its place, or the nearest one that exists. References to missing items are left out."""
    lock_workspace(uow, ref)
    loaded = access.trashed_item(uow, ref)
    _check_may_restore(loaded.row, loaded.roles)
    # A savepoint, so that an embedding host can continue the unit after a conflict.
    with uow.attempt():
        taken = stored.take(uow, loaded.row.id)
        if taken is None:
            raise NotFound("Trashed item not found")
        if (taken.workspace_id, taken.project_id) != (loaded.row.workspace_id, loaded.row.project_id):
            # It has followed its card or document, to where the caller may not see it.
            retry_transaction(uow)
        _refuse_names(request, loaded.row.kind)
        place = RESTORERS[loaded.row.kind](uow, loaded.row, request)
        if loaded.row.kind in ("scope", "project"):
            documents.restore_children(uow, loaded.row)
    return rows.trashed_item(loaded.row, place)


@serves(PURGE_ITEM)
def purge_item(uow: UnitOfWork, ref: TrashedItemRef) -> Ok:
    """Delete an item for good. A job deletes its rows and files."""
    loaded = access.trashed_item(uow, ref)
    if not purging.purge_now(uow, loaded.row):
        raise NotFound("Trashed item not found")
    uow.emit(ItemPurged(**describe_item(loaded.row)))
    return Ok()


def forget_rows(uow: UnitOfWork, events: Sequence[ItemRestored]) -> None:
    """Delete the rows of restored items from the trash.

    Args:
        events: The restored items.
    """
    for event in events:
        stored.forget(uow, event.trash_id)


def _refuse_names(request: RestoreItem, kind: TrashKind) -> None:
    """Check that a request contains no name or key that a kind of item does not have."""
    problems = [
        (name, f"cannot be given for a deleted {kind.replace('_', ' ')}")
        for name in ("name", "key")
        if name != _NAMES.get(kind) and getattr(request, name) is not UNSET
    ]
    if problems:
        raise invalid(*problems)


def _check_may_restore(row: TrashRow, roles: CallerRoles) -> None:
    """Check that the caller may restore an item: every member, unless only its author could delete it.

    Raises:
        Forbidden: The item has an author, and the caller is neither the author nor an admin, nor has deleted it.
    """
    if (
        row.author_id is not None
        and roles.user_id != row.deleted_by_id
        and not roles.grants("author", row.author_id)
    ):
        raise Forbidden("only its author and admins can restore it", code="insufficient_role")
