"""Projects. Section Projects of the API reference."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from stellary.contract.endpoint import Ok
from stellary.contract.errors import Conflict, NotFound
from stellary.contract.naming import camel
from stellary.contract.paging import Listing
from stellary.contract.projects import (
    CREATE_PROJECT,
    DELETE_PROJECT,
    GET_PROJECT,
    LIST_PROJECTS,
    UPDATE_PROJECT,
    CreateProject,
    ListProjects,
    Project,
    UpdateProject,
)
from stellary.contract.refs import ProjectRef, WorkspaceRef
from stellary.contract.unset import UNSET
from stellary.contract.wire import wire_fields
from stellary.core.accounts import access as accounts_access
from stellary.core.board import access
from stellary.core.board.order.locks import lock_columns
from stellary.core.board.row_types import ListedProjectRow
from stellary.core.board.rules.keys import find_free_key
from stellary.core.board.tables import cards, columns, labels, project_members, projects, scopes
from stellary.core.board.templates import TEMPLATES
from stellary.core.kernel.events import ProjectCreated, ProjectUpdated
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.unit import UnitOfWork, serves

DEFAULT_SCOPE = "Main"

_FIELDS = [field.name for field in wire_fields(Project).values()]
_PROJECT = (
    projects.c.id,
    projects.c.name,
    projects.c.description,
    projects.c.key,
    projects.c.workspace_id,
    projects.c.archived,
    access.MEMBER_COUNT,
    projects.c.created_at,
    projects.c.updated_at,
)
_IN_WORKSPACE = projects.c.workspace_id == bindparam("_workspace_id")
_LIST = Pages(ListedProjectRow, select(*_PROJECT).where(_IN_WORKSPACE), projects.c.id)
_LIST_ARCHIVED = Pages(
    ListedProjectRow,
    select(*_PROJECT).where(_IN_WORKSPACE, projects.c.archived == bindparam("_archived")),
    projects.c.id,
)
_KEYS = select(projects.c.key).where(_IN_WORKSPACE)
_INSERT = insert(projects)
_INSERT_MEMBER = insert(project_members)
_INSERT_SCOPE = insert(scopes)
_INSERT_COLUMNS = insert(columns)
_INSERT_LABELS = insert(labels)
_UPDATE = update(projects).where(projects.c.id == bindparam("_id"))
# Cards first: a column does not go with its cards, and the database asks for them at each of its own deletions.
_DELETE = (
    delete(cards).where(cards.c.project_id == bindparam("_id")),
    delete(projects).where(projects.c.id == bindparam("_id")),
)


@serves(CREATE_PROJECT)
def create_project(uow: UnitOfWork, ref: WorkspaceRef, request: CreateProject) -> Project:
    """Create a project from a template; its creator becomes a member."""
    workspace = accounts_access.workspace(uow, ref).row
    project_id = uow.new_id()
    description = None if request.description is UNSET else request.description
    row = {
        "id": project_id,
        "workspace_id": workspace.id,
        "name": request.name,
        "description": description,
        "template_id": request.template_id,
        "archived": False,
        "last_number": 0,
        "created_by_id": uow.user_id,
        "version": 1,
        "created_at": uow.now,
        "updated_at": uow.now,
    }
    key = insert_project(uow, row, lambda taken: _choose_key(request, taken))
    member = {"project_id": project_id, "user_id": uow.principal_id, "created_at": uow.now}
    uow.connection.execute(_INSERT_MEMBER, member)
    _insert_template(uow, project_id, request)
    project = Project(
        id=project_id,
        name=request.name,
        description=description,
        key=key,
        workspace_id=workspace.id,
        archived=False,
        member_count=1,
        created_at=uow.now,
        updated_at=uow.now,
    )
    uow.emit(ProjectCreated(workspace_id=workspace.id, project_id=project.id, project=project))
    return project


def _choose_key(request: CreateProject, taken: Collection[str]) -> str:
    if request.key and request.key in taken:
        raise Conflict("another project of the workspace has that key", code="duplicate_key")
    return request.key or find_free_key(request.name, taken)


def insert_project(uow: UnitOfWork, row: dict[str, Any], choose_key: Callable[[Collection[str]], str]) -> str:
    """Insert a project with a free key, and try again if another unit takes the key.

    Args:
        uow: The unit of work.
        row: The row of the project without its key.
        choose_key: Returns the key for the set of keys that are taken.

    Returns:
        The key.
    """
    previous_key = None
    while True:
        taken = set(uow.connection.execute(_KEYS, {"_workspace_id": row["workspace_id"]}).scalars())
        key = choose_key(taken)
        if key == previous_key:
            # The key is free, so another reference failed: the workspace was deleted.
            raise NotFound("Workspace not found")
        try:
            with uow.connection.begin_nested():
                uow.connection.execute(_INSERT, {**row, "key": key})
            return key
        except IntegrityError:
            previous_key = key


def _insert_template(uow: UnitOfWork, project_id: str, request: CreateProject) -> None:
    template = TEMPLATES[request.template_id]
    times = {"created_at": uow.now, "updated_at": uow.now}
    scope_id = uow.new_id()
    uow.connection.execute(
        _INSERT_SCOPE,
        {
            "id": scope_id,
            "project_id": project_id,
            "name": DEFAULT_SCOPE,
            "description": None,
            "position": 0,
            "is_default": True,
            "start_date": None,
            "due_date": None,
            "active_view": "kanban",
            "view_settings": {},
            **times,
        },
    )
    uow.connection.execute(
        _INSERT_COLUMNS,
        [
            {
                "id": uow.new_id(),
                "project_id": project_id,
                "scope_id": scope_id,
                "name": column.name,
                "position": position,
                "card_status": column.card_status,
                "wip_limit": None,
                **times,
            }
            for position, column in enumerate(template.columns)
        ],
    )
    uow.connection.execute(
        _INSERT_LABELS,
        [
            {
                "id": uow.new_id(),
                "project_id": project_id,
                "name": label.name,
                "name_key": label.name.casefold(),
                "color": label.color,
                **times,
            }
            for label in template.labels
        ],
    )


@serves(LIST_PROJECTS)
def list_projects(uow: UnitOfWork, ref: WorkspaceRef, request: ListProjects) -> Listing[Project]:
    """Return the projects of a workspace in order of creation."""
    return list_projects_of_workspace(uow, accounts_access.workspace(uow, ref).row.id, request)


def list_projects_of_workspace(uow: UnitOfWork, workspace_id: str, request: ListProjects) -> Listing[Project]:
    """Return the projects that a request selects, for a workspace whose access was checked."""
    parameters = {"_workspace_id": workspace_id}
    if request.archived is UNSET:
        listing = _LIST.fetch(uow, request, project_value, **parameters)
    else:
        listing = _LIST_ARCHIVED.fetch(uow, request, project_value, **parameters, _archived=request.archived)
    limits = uow.actor.agent_limits
    if limits is None:
        return listing
    return Listing([project for project in listing.items if limits.sees(project.id)], listing.next)


@serves(GET_PROJECT)
def get_project(uow: UnitOfWork, ref: ProjectRef) -> Project:
    """Return a project."""
    return project_value(access.project(uow, ref).row)


@serves(UPDATE_PROJECT)
def update_project(uow: UnitOfWork, ref: ProjectRef, request: UpdateProject) -> Project:
    """Update a project."""
    before = access.load_locked_project(uow, ref).row
    uow.require_version(before.version)
    uow.record_dependency("project", before.id, before.version)
    new_values: dict[str, Any] = {
        "name": request.name,
        "description": request.description,
        "archived": request.archived,
    }
    changes = {
        name: value
        for name, value in new_values.items()
        if value is not UNSET and value != getattr(before, name)
    }
    if not changes:
        return project_value(before)
    changed = tuple(map(camel, changes))
    changes["updated_at"] = uow.now
    uow.connection.execute(_UPDATE, {"_id": before.id, "version": before.version + 1, **changes})
    after = project_value(before, **changes)
    uow.emit(
        ProjectUpdated(workspace_id=after.workspace_id, project_id=after.id, project=after, changed=changed)
    )
    return after


@serves(DELETE_PROJECT)
def delete_project(uow: UnitOfWork, ref: ProjectRef) -> Ok:
    """Delete a project with its columns, cards, labels and members."""
    before = access.load_locked_project(uow, ref).row
    uow.require_version(before.version)
    lock_columns(uow, before.id)
    for statement in _DELETE:
        uow.connection.execute(statement, {"_id": before.id})
    return Ok()


def project_value(row: ListedProjectRow, **changes: Any) -> Project:
    """Return the project of a row with ``member_count``, with some fields replaced."""
    fields = {name: getattr(row, name) for name in _FIELDS}
    return Project(**(fields | changes))
