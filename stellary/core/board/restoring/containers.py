"""The check before an item is restored that its container exists."""

from __future__ import annotations

from stellary.contract.errors import Conflict
from stellary.contract.trash import TrashKind
from stellary.core.board.order.locks import LOCK_PROJECT
from stellary.core.kernel import trash
from stellary.core.kernel.unit import UnitOfWork


def lock_project_of(uow: UnitOfWork, item: trash.TrashRow) -> str:
    """Lock the project of a deleted item until the transaction ends, and return its id.

    Args:
        item: The entry of the item.

    Raises:
        Conflict: The project is gone; if it is in the trash, it has to be restored first.
    """
    project_id = item.project_id or ""
    if uow.connection.execute(LOCK_PROJECT, {"_project_id": project_id}).first() is None:
        raise missing_container(uow, "project", project_id)
    return project_id


def missing_container(uow: UnitOfWork, kind: TrashKind, item_id: str) -> Conflict:
    """Return the error of an item whose container is gone.

    Args:
        kind: The kind of the container.
        item_id: Its id.
    """
    trash_id = trash.find_entry(uow, kind, item_id)
    if trash_id is None:
        return Conflict(f"the {kind} that it belongs to no longer exists", code="container_missing")
    return Conflict(
        f"the {kind} that it belongs to is in the trash: restore {trash_id} first", code="container_in_trash"
    )
