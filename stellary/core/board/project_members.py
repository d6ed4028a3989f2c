"""Members of a project, who are notified of its changes. Section Project Members of the API reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, delete, insert, select, update

from stellary.contract.endpoint import Ok
from stellary.contract.errors import Forbidden, NotFound
from stellary.contract.fields import build_value, replace_fields
from stellary.contract.policies import WORKSPACE_READ
from stellary.contract.projects import (
    ADD_PROJECT_MEMBER,
    LIST_PROJECT_MEMBERS,
    REMOVE_PROJECT_MEMBER,
    UPDATE_PROJECT_MEMBER,
    AddProjectMember,
    ListProjectMembers,
    ProjectMember,
    UpdateProjectMember,
)
from stellary.contract.refs import ProjectMemberRef, ProjectRef
from stellary.contract.roles import ProjectRole
from stellary.contract.wire import Listing
from stellary.core.accounts import people
from stellary.core.accounts.audience import select_leaders
from stellary.core.accounts.locks import lock_workspace
from stellary.core.accounts.project_sight import is_member, is_shared
from stellary.core.accounts.users import address_key
from stellary.core.board import access
from stellary.core.board.row_types import MemberRow
from stellary.core.board.tables import project_members, projects
from stellary.core.db.base import is_given
from stellary.core.db.row_fields import RowFields
from stellary.core.kernel.events import InvitationAccepted, ProjectMemberAdded, ProjectMemberRemoved
from stellary.core.kernel.item_changes import emit_member_change
from stellary.core.kernel.paging import Pages, keep_row
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.kernel.writes import delete_row, refuse_duplicate

_FIELDS = RowFields(ProjectMember, project_members, computed=("email", "name"), internal=("project_id",))
_LIST = Pages(
    MemberRow,
    select(project_members.c.user_id, project_members.c.role, project_members.c.created_at).where(
        is_given(project_members.c.project_id)
    ),
    project_members.c.user_id,
)
_leaders = select_leaders(bindparam("_workspace_id"))
_LIST_ADMINS = Pages(MemberRow, _leaders, _leaders.selected_columns.user_id)
_INSERT = insert(project_members)
_LOCKED_PROJECT = (
    select(projects.c.id)
    .where(
        is_given(projects.c.id, "project_id"),
        is_given(projects.c.workspace_id),
        # The admins of an organization may be members of a project of a workspace before they are members of that.
        ~is_member(projects.c.id, bindparam("_user_id")),
    )
    .with_for_update(read=True, key_share=True)
)
_MEMBER = (is_given(project_members.c.project_id), is_given(project_members.c.user_id))
_UPDATE = update(project_members).where(*_MEMBER)
DELETE_MEMBER = delete(project_members).where(*_MEMBER)


@serves(LIST_PROJECT_MEMBERS)
def list_project_members(
    uow: UnitOfWork, ref: ProjectRef, request: ListProjectMembers
) -> Listing[ProjectMember]:
    """Return the members of a project, or the admins who see it.

    Args:
        ref: The project.
        request: The request.

    Raises:
        Forbidden: A guest, or a token that is bound to projects, asks for the admins.
    """
    loaded = access.project(uow, ref)
    if request.admins:
        uow.actor.require(WORKSPACE_READ)
        if loaded.roles.is_guest:
            raise Forbidden("guests cannot list the admins of the workspace", code="insufficient_role")
    place = {"_project_id": loaded.row.id, "_workspace_id": loaded.row.workspace_id}
    page = (_LIST_ADMINS if request.admins else _LIST).fetch(uow, request, keep_row, **place)
    people_by_id = people.load_people(uow, [row.user_id for row in page.items])
    return Listing([member_value(people_by_id[row.user_id], row) for row in page.items], page.next)


@serves(ADD_PROJECT_MEMBER)
def add_project_member(uow: UnitOfWork, ref: ProjectRef, request: AddProjectMember) -> ProjectMember:
    """Add a person with access to the workspace; others are reported as unknown."""
    loaded = access.project(uow, ref)
    email_key = address_key(request.email)
    person = people.reaching_by_emails(uow, loaded.row.workspace_id, [email_key]).get(email_key)
    if person is None:
        raise NotFound("no member of the workspace has this e-mail address", code="unknown_email")
    member = build_value(
        ProjectMember, request, user_id=person.id, email=person.email, name=person.name, created_at=uow.now
    )
    with refuse_duplicate(uow, "already a member of the project", "already_member"):
        uow.connection.execute(_INSERT, _FIELDS.to_row(member, project_id=loaded.row.id))
    ids = {"workspace_id": loaded.row.workspace_id, "project_id": loaded.row.id}
    uow.emit(ProjectMemberAdded(**ids, user_id=person.id, member=member))
    return member


@serves(UPDATE_PROJECT_MEMBER)
def update_project_member(
    uow: UnitOfWork, ref: ProjectMemberRef, request: UpdateProjectMember
) -> ProjectMember:
    """Change the role of a member."""
    row = access.project_member(uow, ref).row
    before = member_value(people.load_people(uow, [row.user_id])[row.user_id], row)
    after = replace_fields(before, role=request.role)
    if changes := _FIELDS.to_changes(before, after):
        keys = {"_project_id": row.id, "_user_id": row.user_id}
        uow.connection.execute(_UPDATE, {**keys, **changes})
        emit_member_change(uow, row.workspace_id, row.id, before, after)
    return after


@serves(REMOVE_PROJECT_MEMBER)
def remove_project_member(uow: UnitOfWork, ref: ProjectMemberRef) -> Ok:
    """Remove a member; cards stay assigned to that person, unless that person no longer sees the project."""
    loaded = access.project_member(uow, ref)
    if not is_shared(uow, loaded.row.workspace_id, loaded.row.id):
        # Members of a project that not everyone sees may be assigned to its cards concurrently.
        lock_workspace(uow, ref)
    keys = {"_project_id": loaded.row.id, "_user_id": loaded.row.user_id}
    delete_row(uow, DELETE_MEMBER, keys, "Member")
    ids = {"workspace_id": loaded.row.workspace_id, "project_id": loaded.row.id}
    uow.emit(ProjectMemberRemoved(**ids, user_id=loaded.row.user_id))
    return Ok()


def add_invited(uow: UnitOfWork, events: Sequence[InvitationAccepted]) -> None:
    """Add the people who have accepted invitations to their projects, unless the project was deleted in between.

    Args:
        events: The accepted invitations.
    """
    for event in events:
        person = people.load_people(uow, [event.user_id])[event.user_id]
        parameters = {f"_{name}": getattr(event, name) for name in ("project_id", "workspace_id", "user_id")}
        if uow.connection.execute(_LOCKED_PROJECT, parameters).first() is None:
            continue
        member = ProjectMember(
            user_id=person.id, email=person.email, name=person.name, created_at=uow.now, role=event.role
        )
        uow.connection.execute(_INSERT, _FIELDS.to_row(member, project_id=event.project_id))
        ids = {"workspace_id": event.workspace_id, "project_id": event.project_id, "user_id": person.id}
        uow.emit(ProjectMemberAdded(**ids, member=member))


def insert_members(uow: UnitOfWork, project_id: str, roles: Mapping[str, ProjectRole]) -> None:
    """Insert the members of a new project.

    Args:
        project_id: The project.
        roles: The roles by user; at least one.
    """
    common = {"project_id": project_id, "created_at": uow.now}
    rows = [{**common, "user_id": id, "role": role} for id, role in roles.items()]
    uow.connection.execute(_INSERT, rows)


def member_value(person: people.Person, row: MemberRow) -> ProjectMember:
    """Return the member of a row.

    Args:
        person: The user of the row.
        row: The row.
    """
    return _FIELDS.to_value(row, email=person.email, name=person.name)
