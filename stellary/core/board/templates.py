"""Templates of new projects: three that each workspace has, and its own, which are project files. Section Projects of the API reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypedDict

import orjson
from sqlalchemy import func, select

from stellary.contract.cards import CardStatus
from stellary.contract.endpoint import Ok
from stellary.contract.errors import Conflict
from stellary.contract.fields import convert, get_set_fields, replace_fields
from stellary.contract.project_exports import FileCard, ProjectFile
from stellary.contract.project_imports import ImportProject
from stellary.contract.projects import (
    DELETE_TEMPLATE,
    LIST_TEMPLATES,
    TEMPLATES_MAX,
    UPDATE_TEMPLATE,
    ProjectTemplate,
    SaveTemplate,
    TemplateColumn,
    TemplateLabel,
    UpdateTemplate,
)
from stellary.contract.refs import TemplateRef, WorkspaceRef
from stellary.contract.wire import JsonObject, Listing, Paged, as_dict, dump, load, read
from stellary.core.accounts import access as accounts_access
from stellary.core.board import access
from stellary.core.board.row_types import TemplateRow
from stellary.core.board.rules.templates import build_file
from stellary.core.board.tables import project_templates
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.paging import page_of
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.kernel.writes import StoredItems

FILE_MAX: Final = 5 * 1024 * 1024
"""The maximum size of the file of a template, in bytes."""


class _Contents(TypedDict):
    """The columns of a new template that are no fields."""

    workspace_id: str
    columns: list[JsonObject]
    labels: list[JsonObject]
    file: bytes


def _columns(*columns: tuple[str, CardStatus]) -> list[TemplateColumn]:
    return [TemplateColumn(name=name, card_status=status) for name, status in columns]


def _labels(**colors: str) -> list[TemplateLabel]:
    return [TemplateLabel(name=name.replace("_", " "), color=color) for name, color in colors.items()]


TEMPLATES: Mapping[str, ProjectTemplate] = {
    template.id: template
    for template in (
        ProjectTemplate(
            id="simple",
            name="Simple",
            description="Three columns, for anything that has to be done.",
            columns=_columns(("To Do", "open"), ("In Progress", "in_progress"), ("Done", "done")),
            labels=_labels(Important="#ef4444", Waiting="#f59e0b", Idea="#3b82f6"),
        ),
        ProjectTemplate(
            id="development",
            name="Development",
            description="From the backlog through review, for software.",
            columns=_columns(
                ("Backlog", "open"),
                ("To Do", "open"),
                ("In Progress", "in_progress"),
                ("In Review", "in_progress"),
                ("Done", "done"),
            ),
            labels=_labels(Bug="#ef4444", Feature="#22c55e", Improvement="#3b82f6", Chore="#6b7280"),
        ),
        ProjectTemplate(
            id="agency",
            name="Agency",
            description="From the brief to what is shipped, for work on behalf of clients.",
            columns=_columns(
                ("Brief", "open"),
                ("Design", "in_progress"),
                ("Development", "in_progress"),
                ("Client Review", "in_progress"),
                ("Shipped", "done"),
            ),
            labels=_labels(Design="#a855f7", Copy="#f59e0b", Development="#3b82f6", Urgent="#ef4444"),
        ),
    )
}

_NAMES: Final = frozenset(template.name.casefold() for template in TEMPLATES.values())


def _describe_duplicate(template: ProjectTemplate) -> tuple[str, str]:
    return f"there is a template {template.name!r} already", "duplicate_name"


_STORED = StoredItems(
    ProjectTemplate,
    project_templates,
    "Template",
    _Contents,
    computed=("columns", "labels"),
    converted=("created_by_id",),
    derived={"name_key": lambda template: template.name.casefold()},
    taken=_describe_duplicate,
)
_IN_WORKSPACE = is_given(project_templates.c.workspace_id)
_OWN = Query(TemplateRow, select(*access.TEMPLATE).where(_IN_WORKSPACE).order_by(project_templates.c.id))
_COUNT = select(func.count()).select_from(project_templates).where(_IN_WORKSPACE)
_FILE = select(project_templates.c.file).where(_IN_WORKSPACE, is_given(project_templates.c.id))


@serves(LIST_TEMPLATES)
def list_templates(uow: UnitOfWork, ref: WorkspaceRef, request: Paged) -> Listing[ProjectTemplate]:
    """Return the templates: the simplest one first, those of the workspace last, in the order in which they were saved."""
    roles = accounts_access.workspace(uow, ref).roles
    templates = list(TEMPLATES.values())
    if roles.sight.sees_outside:
        templates += map(_to_template, _OWN.all(uow.connection, {"_workspace_id": roles.workspace_id}))
    return page_of(templates, request, lambda template: template.id)


def add_template(
    uow: UnitOfWork,
    workspace_id: str,
    request: SaveTemplate,
    exported: ProjectFile,
    cards: Sequence[FileCard],
) -> ProjectTemplate:
    """Insert a template, and return it.

    Args:
        workspace_id: The workspace, which is locked.
        request: The name and the description.
        exported: The export of a project.
        cards: Those of its cards that the template has.

    Raises:
        Conflict: The template is too large, its name is taken, or there are too many.
        Invalid: The file could not be imported.
    """
    file = build_file(orjson.loads(dump(replace_fields(exported, cards=cards, members=[]))))
    load(ImportProject, file)
    contents = orjson.dumps(file)
    if len(contents) > FILE_MAX:
        raise Conflict(f"the template would have more than {FILE_MAX} bytes", code="template_too_large")
    if uow.connection.execute(_COUNT, {"_workspace_id": workspace_id}).scalar_one() >= TEMPLATES_MAX:
        raise Conflict(f"a workspace has at most {TEMPLATES_MAX} templates", code="templates_full")
    template = ProjectTemplate(
        id=uow.new_id(),
        name=request.name,
        description=request.description,
        columns=[convert(TemplateColumn, column) for column in exported.columns],
        labels=[convert(TemplateLabel, label) for label in exported.labels],
        card_count=len(cards),
        created_by_id=uow.user_id,
    )
    _check_name(template)
    columns, labels = ([as_dict(item) for item in items] for items in (template.columns, template.labels))
    _STORED.insert(uow, template, workspace_id=workspace_id, columns=columns, labels=labels, file=contents)
    return template


@serves(UPDATE_TEMPLATE)
def update_template(uow: UnitOfWork, ref: TemplateRef, request: UpdateTemplate) -> ProjectTemplate:
    """Rename or describe a template.

    Raises:
        Conflict: The name is taken.
    """
    before = _to_template(access.template(uow, ref).row)
    after = replace_fields(before, **get_set_fields(request, ProjectTemplate))
    _check_name(after)
    _STORED.update(uow, before, after)
    return after


@serves(DELETE_TEMPLATE)
def delete_template(uow: UnitOfWork, ref: TemplateRef) -> Ok:
    """Delete a template for good."""
    _STORED.delete(uow, _to_template(access.template(uow, ref).row))
    return Ok()


def load_file(uow: UnitOfWork, workspace_id: str, id: str) -> JsonObject | None:
    """Return the file of a template of a workspace, or None if there is no such template.

    Args:
        workspace_id: The workspace.
        id: The id of the template.
    """
    file = uow.connection.execute(_FILE, {"_workspace_id": workspace_id, "_id": id}).scalar()
    return None if file is None else orjson.loads(file)


def _check_name(template: ProjectTemplate) -> None:
    """Check that a template of a workspace is not called like one that each workspace has."""
    if template.name.casefold() in _NAMES:
        message, code = _describe_duplicate(template)
        raise Conflict(message, code=code)


def _to_template(row: TemplateRow) -> ProjectTemplate:
    columns = [read(TemplateColumn, column) for column in row.columns]
    return _STORED.to_value(row, columns=columns, labels=[read(TemplateLabel, label) for label in row.labels])
