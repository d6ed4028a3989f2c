"""Execution: creates the project of a roadmap, once, all or nothing. Section AI Project Wizard of the API reference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import update

from stellary.contract.errors import Conflict
from stellary.contract.project_imports import (
    COLUMNS_MAX,
    IMPORT_PROJECT,
    ImportedCard,
    ImportedChecklistItem,
    ImportedColumn,
    ImportedMember,
    ImportedProject,
    ImportProject,
)
from stellary.contract.projects import Project
from stellary.contract.refs import DraftRef, WorkspaceRef
from stellary.contract.roles import Visibility
from stellary.contract.wire import invalid, utc, wire_fields
from stellary.contract.wizard import EXECUTE_PROJECT_DRAFT, Deliverable, ExecuteProjectDraft, Roadmap
from stellary.core.accounts import people
from stellary.core.db.base import is_given
from stellary.core.kernel.events import ProjectUpdated
from stellary.core.kernel.model_usage import start_of_day
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.knowledge import project_files
from stellary.core.wizard import access, rows
from stellary.core.wizard.row_types import DraftRow
from stellary.core.wizard.rules import stages
from stellary.core.wizard.tables import drafts

PROJECT_DESCRIPTION_MAX = 5_000
_DONE = frozenset({"done", "completed", "finished", "shipped", "terminé", "fini", "fait", "livré"})

_PROJECT = [field.name for field in wire_fields(Project).values()]
_THIS = is_given(drafts.c.id)
_CHANGE = update(drafts).values(version=drafts.c.version + 1)
_CLAIM = _CHANGE.where(_THIS, is_given(drafts.c.version)).values(stage="executed")
_NOTE = update(drafts).where(_THIS)
_FOLLOW = _CHANGE.where(is_given(drafts.c.project_id))


@serves(EXECUTE_PROJECT_DRAFT)
def execute_project_draft(uow: UnitOfWork, ref: DraftRef, request: ExecuteProjectDraft) -> Project:
    """Create the project of a draft: phases become columns, deliverables cards. The draft's author becomes a member.

    Args:
        uow: The unit.
        ref: The draft.
        request: The name and the start date of the project.

    Raises:
        Conflict: The draft has been executed already, has no roadmap, or was changed by another request.
        Invalid: The project would end after the last date of the calendar.
    """
    row = access.draft(uow, ref).row
    stages.find_next(row.stage, "execute")
    # This statement is first, so that a concurrent execution waits for it, and then fails.
    visibility = request.visibility or row.visibility
    claim = {"_id": row.id, "_version": row.version, "visibility": visibility, "updated_at": uow.now}
    if not uow.connection.execute(_CLAIM, claim).rowcount:
        raise Conflict(
            "the draft was executed or changed in the meantime: read it again", code="draft_changed"
        )
    file = _build_file(uow, row, request, visibility)
    with uow.checking(IMPORT_PROJECT.policy):
        imported = project_files.import_file(uow, ref.parent(WorkspaceRef), file).answer
    uow.connection.execute(_NOTE, {"_id": row.id, "project_id": imported.id})
    return Project(**{name: getattr(imported, name) for name in _PROJECT})


def follow_visibility(uow: UnitOfWork, changes: Sequence[ProjectUpdated]) -> None:
    """Show the drafts of projects to as many people as the projects from now on.

    Args:
        changes: The changes of projects.
    """
    for change in changes:
        if "visibility" in change.changed:
            parameters = {"_project_id": change.project_id, "visibility": change.project.visibility}
            uow.connection.execute(_FOLLOW, {**parameters, "updated_at": uow.now})


def _build_file(
    uow: UnitOfWork, row: DraftRow, request: ExecuteProjectDraft, visibility: Visibility
) -> ImportProject:
    roadmap = rows.read_roadmap(row)
    assert roadmap is not None
    start = utc(request.start_date) if request.start_date else roadmap.start_date or start_of_day(uow.now)
    members = []
    if row.created_by_id != uow.user_id:
        author = people.load_people(uow, [row.created_by_id])[row.created_by_id]
        members = [ImportedMember(email=author.email)]
    return ImportProject(
        project=ImportedProject(
            name=request.name or row.name,
            description=_description(row.description),
            visibility=visibility,
        ),
        columns=_columns(roadmap),
        cards=list(_cards(roadmap, start)),
        members=members,
    )


def _columns(roadmap: Roadmap) -> list[ImportedColumn]:
    """Return a column for each phase, and a last one for done cards, unless the last phase has such a name."""
    columns = [ImportedColumn(name=phase.name) for phase in roadmap.phases]
    if columns and columns[-1].name.casefold() in _DONE:
        columns.pop()
        columns.append(ImportedColumn(name=roadmap.phases[-1].name, card_status="done"))
    elif len(columns) < COLUMNS_MAX:
        columns.append(ImportedColumn(name="Done", card_status="done"))
    return columns


def _description(text: str | None) -> str | None:
    if text is None or len(text) <= PROJECT_DESCRIPTION_MAX:
        return text
    return text[: PROJECT_DESCRIPTION_MAX - 1] + "…"


def _cards(roadmap: Roadmap, start: datetime) -> Iterator[ImportedCard]:
    for place, phase in enumerate(roadmap.phases):
        for deliverable in phase.deliverables:
            first, last = _days(deliverable, start, roadmap.days)
            yield ImportedCard(
                title=deliverable.title,
                description=deliverable.description,
                priority=deliverable.priority,
                column_index=place,
                start_date=first,
                due_date=last,
                checklist=[ImportedChecklistItem(title=step) for step in deliverable.checklist],
            )


def _days(deliverable: Deliverable, start: datetime, days: int) -> tuple[datetime, datetime]:
    try:
        return start + timedelta(deliverable.start_day), start + timedelta(deliverable.end_day)
    except OverflowError:
        raise invalid(("startDate", f"must leave {days} days until the end of year 9999")) from None
