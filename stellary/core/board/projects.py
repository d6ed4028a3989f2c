"""Projects. Section Projects of the API reference."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date

from sqlalchemy import Executable, bindparam, delete, func, insert, select, update

from stellary.contract.automations import CREATE_AUTOMATION
from stellary.contract.endpoint import Ok
from stellary.contract.errors import Conflict
from stellary.contract.fields import build_value, convert, find_changed_fields, replace_fields, update_value
from stellary.contract.labels import Label
from stellary.contract.naming import camel
from stellary.contract.policies import PROJECT_MANAGE, WORKSPACE_ADMIN
from stellary.contract.project_imports import IMPORT_PROJECT, ImportedProject, ImportProject, ProjectImport
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
from stellary.contract.scopes import CreateScope, ScopeColumn
from stellary.contract.wire import UNSET, Listing, invalid, load, utc
from stellary.core.accounts import access as accounts_access
from stellary.core.accounts import project_sight
from stellary.core.accounts.access_checks import check_role
from stellary.core.accounts.locks import lock_workspace
from stellary.core.accounts.rules import CallerRoles
from stellary.core.board import access
from stellary.core.board.columns import COLUMNS
from stellary.core.board.labels import LABELS
from stellary.core.board.order.locks import lock_columns
from stellary.core.board.project_members import insert_members
from stellary.core.board.row_types import ListedProjectRow
from stellary.core.board.rows import scope_rows
from stellary.core.board.rules.fields import new_item, value_or
from stellary.core.board.rules.keys import find_free_key
from stellary.core.board.rules.scopes import build_column, build_scope
from stellary.core.board.rules.templates import move_dates
from stellary.core.board.tables import PROJECT_WORKSPACE_ID, cards, projects
from stellary.core.board.templates import TEMPLATES, load_file
from stellary.core.db.base import is_given
from stellary.core.db.row_fields import RowFields
from stellary.core.db.row_types import Query
from stellary.core.kernel import trash
from stellary.core.kernel.events import ProjectCreated, ProjectUpdated
from stellary.core.kernel.item_changes import emit_change
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.unit import UnitOfWork, find_service, serves
from stellary.core.kernel.writes import refuse_duplicate

DEFAULT_SCOPE = "Main"

_FIELDS = RowFields(
    Project,
    projects,
    selected={"workspace_id": PROJECT_WORKSPACE_ID, "member_count": access.MEMBER_COUNT},
    internal=("workspace_id", "template_id", "last_number", "created_by_id", "version"),
)
_PROJECT = _FIELDS.columns
_IN_WORKSPACE = is_given(projects.c.workspace_id)
_FILTERED = select(*_PROJECT).where(
    _IN_WORKSPACE,
    # Without a value, all projects.
    projects.c.archived == func.coalesce(bindparam("_archived"), projects.c.archived),
)
_LIST = Pages(ListedProjectRow, _FILTERED, projects.c.id)
_LIMITED_LIST = Pages(
    ListedProjectRow, _FILTERED.where(project_sight.is_visible(projects.c.id)), projects.c.id
)

_ONE = Query(ListedProjectRow, select(*_PROJECT).where(is_given(projects.c.id)))
_KEYS = select(projects.c.key).where(_IN_WORKSPACE)
_INSERT = insert(projects)
_UPDATE = update(projects).where(is_given(projects.c.id))
# Cards are deleted first, since the database does not delete a column that still has cards.
_DELETE = (
    delete(cards).where(is_given(cards.c.project_id, "id")),
    delete(projects).where(is_given(projects.c.id)),
)


@serves(CREATE_PROJECT)
def create_project(uow: UnitOfWork, ref: WorkspaceRef, request: CreateProject) -> Project:
    """Create a project from a template; its creator becomes a member."""
    workspace = accounts_access.workspace(uow, ref).row
    if request.template_id not in TEMPLATES:
        return _import_template(uow, ref, request, workspace.id)
    if request.start_date is not UNSET:
        raise invalid(("startDate", "requires a template of the workspace, since the others have no dates"))
    project = build_value(
        Project,
        request,
        estimate_unit=request.estimate_unit or "points",
        workspace_id=workspace.id,
        key="",
        archived=False,
        member_count=1,
        **new_item(uow),
    )
    project = insert_project(
        uow, project, lambda taken: _choose_key(request, taken), template_id=request.template_id
    )
    insert_members(uow, project.id, {uow.principal_id: "manager"})
    _insert_template(uow, project.id, request)
    uow.emit(ProjectCreated(workspace_id=workspace.id, project_id=project.id, project=project))
    return project


def _import_template(
    uow: UnitOfWork, ref: WorkspaceRef, request: CreateProject, workspace_id: str
) -> Project:
    """Create a project from a template of the workspace: import its file."""
    file = load_file(uow, workspace_id, request.template_id)
    if file is None:
        names = ", ".join(TEMPLATES)
        raise invalid(("templateId", f"must be {names}, or the id of a template of the workspace"))
    if file["automations"]:
        # An import would leave them out.
        uow.actor.require(CREATE_AUTOMATION.policy)
    start = request.start_date if isinstance(request.start_date, date) else uow.now
    move_dates(file, utc(start).date())
    contents = load(ImportProject, file)
    defaults = {
        name: getattr(contents.project, name)
        for name in ("description", "estimate_unit")
        if getattr(request, name) is UNSET
    }
    project = convert(ImportedProject, request, **defaults)
    service = find_service(uow, IMPORT_PROJECT.operation)
    imported: ProjectImport = service.function(uow, ref, convert(ImportProject, contents, project=project))
    if request.key:
        # An import takes another key.
        _choose_key(request, {request.key}.difference([imported.key]))
    return convert(Project, imported)


def _choose_key(request: CreateProject, taken: Collection[str]) -> str:
    if request.key and request.key in taken:
        raise Conflict("another project of the workspace has that key", code="duplicate_key")
    return request.key or find_free_key(request.name, taken)


def insert_project(
    uow: UnitOfWork,
    project: Project,
    choose_key: Callable[[Collection[str]], str],
    *,
    template_id: str,
    last_number: int = 0,
) -> Project:
    """Insert a project with a free key, and try again if another unit takes the key.

    Args:
        project: The project; its key is ignored.
        choose_key: Returns the key for the set of keys that are taken.
        template_id: The template from which it is made.
        last_number: The highest card number that is not free.

    Returns:
        The project with its key.
    """
    row = _build_row(uow, project, template_id, last_number)
    return _write_with_free_key(uow, project, choose_key, _INSERT, row)


def insert_hidden_project(uow: UnitOfWork, project: Project, key: str, last_number: int) -> None:
    """Insert an imported project that belongs to no workspace yet, so that no reader finds it.

    Args:
        project: The project; its key and its workspace are ignored.
        key: The key that it will have if the key is still free then.
        last_number: The highest card number that is not free.
    """
    row = _build_row(uow, project, "import", last_number)
    uow.connection.execute(_INSERT, {**row, "workspace_id": None, "key": key})


def _build_row(uow: UnitOfWork, project: Project, template_id: str, last_number: int) -> dict[str, object]:
    internal = {"template_id": template_id, "last_number": last_number, "created_by_id": uow.user_id}
    return _FIELDS.to_row(project, version=1, workspace_id=project.workspace_id, **internal)


def reveal_project(
    uow: UnitOfWork, project: Project, choose_key: Callable[[Collection[str]], str]
) -> Project:
    """Move a hidden project into its workspace, with a free key.

    Args:
        project: The project; its key is ignored.
        choose_key: Returns the key for the set of keys that are taken.

    Returns:
        The project with its key.
    """
    row = _FIELDS.to_row(project, workspace_id=project.workspace_id)
    return _write_with_free_key(uow, project, choose_key, _UPDATE, {"_id": project.id, **row})


def taken_keys(uow: UnitOfWork, workspace_id: str) -> set[str]:
    """Return the keys of the projects of a workspace.

    Args:
        workspace_id: The workspace.
    """
    return set(uow.connection.execute(_KEYS, {"_workspace_id": workspace_id}).scalars())


def _write_with_free_key(
    uow: UnitOfWork,
    project: Project,
    choose_key: Callable[[Collection[str]], str],
    statement: Executable,
    row: Mapping[str, object],
) -> Project:
    project_sight.set_visibility(uow, project.workspace_id, project.id, project.visibility, is_new=True)
    previous_key = None
    while True:
        key = choose_key(taken_keys(uow, project.workspace_id))
        try:
            with refuse_duplicate(uow, f"another project has the key {key!r}", "duplicate_key"):
                uow.connection.execute(statement, {**row, "key": key})
            return replace_fields(project, key=key)
        except Conflict:
            # In a snapshot, the host's transaction never sees the project that has the key.
            if key == previous_key:
                raise
            previous_key = key


def _insert_template(uow: UnitOfWork, project_id: str, request: CreateProject) -> None:
    template = TEMPLATES[request.template_id]
    scope = build_scope(uow, CreateScope(name=DEFAULT_SCOPE), project_id, 0, is_default=True)
    columns = [
        build_column(uow, convert(ScopeColumn, column), project_id, scope.id, index)
        for index, column in enumerate(template.columns)
    ]
    labels = [convert(Label, label, project_id=project_id, **new_item(uow)) for label in template.labels]
    scope_rows.FIELDS.insert(uow, scope)
    COLUMNS.insert_all(uow, columns)
    LABELS.insert_all(uow, labels)


@serves(LIST_PROJECTS)
def list_projects(uow: UnitOfWork, ref: WorkspaceRef, request: ListProjects) -> Listing[Project]:
    """Return the projects of a workspace in order of creation."""
    return list_visible_projects(uow, accounts_access.workspace(uow, ref).roles, request)


def list_visible_projects(uow: UnitOfWork, roles: CallerRoles, request: ListProjects) -> Listing[Project]:
    """Return the projects that a request selects, for a workspace whose access was checked.

    Args:
        roles: The caller's roles in the workspace.
        request: The filter and the page.
    """
    archived = value_or(request.archived, None)
    parameters: dict[str, object] = {"_workspace_id": roles.workspace_id, "_archived": archived}
    if not roles.sight.is_limited:
        return _LIST.fetch(uow, request, project_value, **parameters)
    return _LIMITED_LIST.fetch(uow, request, project_value, **parameters, **roles.sight.parameters)


@serves(GET_PROJECT)
def get_project(uow: UnitOfWork, ref: ProjectRef) -> Project:
    """Return a project."""
    return project_value(access.project(uow, ref).row)


@serves(UPDATE_PROJECT)
def update_project(uow: UnitOfWork, ref: ProjectRef, request: UpdateProject) -> Project:
    """Update a project."""
    if request.visibility is not UNSET:
        # People who see it now may be assigned to its cards concurrently.
        lock_workspace(uow, ref)
    loaded = access.load_locked_project(uow, ref)
    row = loaded.row
    uow.require_version(row.version)
    uow.record_dependency("project", row.id, row.version)
    before = project_value(row)
    after = update_value(before, request, uow.now)
    if after is before:
        return before
    if after.member_role != before.member_role:
        with uow.checking(PROJECT_MANAGE):
            check_role(uow, loaded.roles)
    if after.visibility != before.visibility:
        with uow.checking(WORKSPACE_ADMIN):
            check_role(uow, loaded.roles)
        project_sight.set_visibility(uow, after.workspace_id, after.id, after.visibility)
    changes = {"version": row.version + 1, **_FIELDS.to_changes(before, after)}
    uow.connection.execute(_UPDATE, {"_id": row.id, **changes})
    changed = tuple(camel(name) for name in find_changed_fields(before, after) if name != "updated_at")
    ids = {"workspace_id": after.workspace_id, "project_id": after.id}
    uow.emit(ProjectUpdated(**ids, before=before, project=after, changed=changed))
    return after


@serves(DELETE_PROJECT)
def delete_project(uow: UnitOfWork, ref: ProjectRef) -> Ok:
    """Move a project with its columns, cards, labels and members to the trash."""
    loaded = access.load_locked_project(uow, ref)
    before = loaded.row
    uow.require_version(before.version)
    lock_columns(uow, before.id)
    item = trash.Item(before.id, before.name, before.id)
    trash.put_item(
        uow, projects, "project", item, loaded.roles, key=before.key, author_id=before.created_by_id
    )
    for statement in _DELETE:
        uow.connection.execute(statement, {"_id": before.id})
    project = project_value(before)
    emit_change(uow, project.workspace_id, project, None)
    return Ok()


def load_project(uow: UnitOfWork, project_id: str) -> Project:
    """Return a project whose access was checked.

    Args:
        project_id: The project.
    """
    project = project_value(access.require_row(_ONE.first(uow.connection, {"_id": project_id}), "Project"))
    if project.visibility == "workspace":
        uow.shared_places.add(project.id)
    return project


def project_value(row: ListedProjectRow) -> Project:
    """Return the project of a row with ``member_count``."""
    return _FIELDS.to_value(row)
