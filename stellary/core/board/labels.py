"""Labels of a project, and on its cards. Section Labels of the API reference."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from stellary.contract.endpoint import Ok
from stellary.contract.errors import Conflict
from stellary.contract.labels import (
    CREATE_LABEL,
    DEFAULT_COLOR,
    DELETE_LABEL,
    LIST_LABELS,
    UPDATE_LABEL,
    CreateLabel,
    Label,
    UpdateLabel,
)
from stellary.contract.paging import Listing, Paged
from stellary.contract.refs import LabelRef, ProjectRef
from stellary.core.board import access
from stellary.core.board.tables import labels
from stellary.core.paging import Pages
from stellary.core.unit import UnitOfWork, serves

_INSERT = insert(labels)
_UPDATE = update(labels).where(labels.c.id == bindparam("_id"))
_DELETE = delete(labels).where(labels.c.id == bindparam("_id"))
_LIST = Pages(select(labels).where(labels.c.project_id == bindparam("_project_id")), labels.c.id)


@serves(CREATE_LABEL)
def create_label(uow: UnitOfWork, ref: ProjectRef, request: CreateLabel) -> Label:
    """Make a label; its name must be new in the project."""
    project = access.project(uow, ref).row
    made = Label(
        id=uow.new_id(),
        project_id=project.id,
        name=request.name,
        color=request.color or DEFAULT_COLOR,
        created_at=uow.now,
        updated_at=uow.now,
    )
    _write(uow, _INSERT, made, id=made.id, project_id=made.project_id, created_at=made.created_at)
    return made


@serves(LIST_LABELS)
def list_labels(uow: UnitOfWork, ref: ProjectRef, request: Paged) -> Listing[Label]:
    """The project's labels in the order in which they were made."""
    project = access.project(uow, ref).row
    return _LIST.fetch(uow, request, _label, _project_id=project.id)


@serves(UPDATE_LABEL)
def update_label(uow: UnitOfWork, ref: LabelRef, request: UpdateLabel) -> Label:
    """Rename a label or give it another colour."""
    before = access.label(uow, ref).row
    after = Label(
        id=before.id,
        project_id=before.project_id,
        name=request.name or before.name,
        color=request.color or before.color,
        created_at=before.created_at,
        updated_at=uow.now,
    )
    _write(uow, _UPDATE, after, _id=after.id)
    return after


@serves(DELETE_LABEL)
def delete_label(uow: UnitOfWork, ref: LabelRef) -> Ok:
    """Delete a label, and take it off all cards."""
    label = access.label(uow, ref).row
    uow.connection.execute(_DELETE, {"_id": label.id})
    return Ok()


def _write(uow: UnitOfWork, statement: Any, label: Label, **more: Any) -> None:
    changed = {
        "name": label.name,
        "name_key": label.name.casefold(),
        "color": label.color,
        "updated_at": label.updated_at,
    }
    try:
        uow.connection.execute(statement, {**changed, **more})
    except IntegrityError:
        raise Conflict(f"the project has a label {label.name!r} already", code="duplicate_name") from None


def _label(row: Row[Any]) -> Label:
    return Label(
        id=row.id,
        project_id=row.project_id,
        name=row.name,
        color=row.color,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
