"""The projects that a caller sees: the one rule, as columns of access checks and as a condition for lists.

Whatever a caller does not see is hidden everywhere. Statements that read rows of several projects for a caller have the
condition ``is_visible``, and get the parameters of the caller's ``ProjectSight``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final, cast

from sqlalchemy import (
    BindParameter,
    Boolean,
    ColumnElement,
    FromClause,
    ScalarSelect,
    Select,
    String,
    and_,
    bindparam,
    case,
    column,
    delete,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    table,
)

from stellary.contract.roles import Visibility
from stellary.core.accounts.audience import (
    Condition,
    IdColumn,
    is_guest,
    is_reachable,
    leads,
    reviewers,
    sees,
)
from stellary.core.accounts.rules import SEES_ALL, ProjectSight
from stellary.core.accounts.tables import private_projects, users, workspace_members, workspaces
from stellary.core.db.base import IdType, as_json, is_among, is_given
from stellary.core.kernel.unit import Actor, UnitOfWork

# Projects and their members; their tables are the board's, which is above.
_PROJECTS = table("stellary_projects", column("id", IdType), column("workspace_id", IdType))
_MEMBERS = table(
    "stellary_project_members",
    column("project_id", IdType),
    column("user_id", IdType),
    column("role", String),
)
CALLER: Final = _MEMBERS.alias("caller")
"""The membership of the caller in the project of an access check."""
_own = _MEMBERS.alias("own")
_sighted = workspaces.alias("sighted")


def _join_ids(id: IdColumn) -> ColumnElement[str]:
    # A literal, since a parameter would be sent with each request.
    return func.aggregate_strings(id, cast("str", literal_column("','")))


def join_caller(source: FromClause, project: FromClause) -> FromClause:
    """Return a FROM clause with the membership of the caller in a project.

    Args:
        source: The clause with the project.
        project: The table of the project.
    """
    is_own = and_(CALLER.c.project_id == project.c.id, is_given(CALLER.c.user_id))
    return source.outerjoin(CALLER, is_own)


def select_roles(project: FromClause) -> tuple[ColumnElement[Any], ...]:
    """Return the columns on which the role in a project depends: ``own_role`` and ``others_role``; both null if hidden."""
    # A literal costs less than a parameter, in each request.
    others_role = case((project.c.visibility == literal_column("'workspace'"), project.c.member_role))
    return CALLER.c.role.label("own_role"), others_role.label("others_role")


def is_member(project_id: IdColumn, user_id: IdColumn) -> Condition:
    """Return the condition that a user is a member of a project.

    Args:
        project_id: The column or parameter with the id of the project.
        user_id: The column or parameter with the id of the user.
    """
    return exists().where(_own.c.project_id == project_id, _own.c.user_id == user_id).correlate_except(_own)


def is_private(project_id: IdColumn) -> Condition:
    """Return the condition that a project is private, or was when it was deleted."""
    return exists().where(private_projects.c.project_id == project_id).correlate_except(private_projects)


def may_hide_projects(workspace_id: IdColumn) -> Condition:
    """Return the condition that a workspace has a private project or a guest, or had one."""
    is_private = exists().where(private_projects.c.workspace_id == workspace_id)
    # No EXISTS, for which PostgreSQL might read all workspaces.
    has_guests = select(_sighted.c.has_guests).where(_sighted.c.id == workspace_id)
    return or_(
        is_private.correlate_except(private_projects),
        has_guests.correlate_except(_sighted).scalar_subquery(),
    )


def sees_project(user_id: IdColumn, project_id: IdColumn, workspace_id: IdColumn) -> Condition:
    """Return the condition that a user who has access to a workspace also sees one of its projects.

    Args:
        user_id: The column or parameter with the id of the user.
        project_id: The column or parameter with the id of the project.
        workspace_id: The column or parameter with the id of the workspace.
    """
    is_hidden = exists().where(
        private_projects.c.project_id == project_id, private_projects.c.workspace_id == workspace_id
    )
    is_open = and_(~is_hidden.correlate_except(private_projects), ~is_guest(user_id, workspace_id))
    return or_(is_open, is_member(project_id, user_id), leads(user_id, workspace_id))


def knows(user_id: IdColumn, other_id: IdColumn, workspace_id: IdColumn) -> Condition:
    """Return the condition that a user may know that another person has access to a workspace: guests know members of their projects.

    Args:
        user_id: The column or parameter with the id of the user.
        other_id: The column or parameter with the id of the other person.
        workspace_id: The column or parameter with the id of the workspace.
    """
    shared = (
        select(_own.c.project_id)
        .join(_PROJECTS, _PROJECTS.c.id == _own.c.project_id)
        .where(
            _own.c.user_id == other_id,
            _PROJECTS.c.workspace_id == workspace_id,
            exists().where(CALLER.c.project_id == _own.c.project_id, CALLER.c.user_id == user_id),
        )
    )
    shares_one = shared.exists().correlate_except(_own, _PROJECTS, CALLER)
    return or_(
        ~is_guest(user_id, workspace_id), other_id == user_id, shares_one, leads(user_id, workspace_id)
    )


def sees_all_projects(user_id: IdColumn, workspace_id: IdColumn) -> Condition:
    """Return the condition that no project of a workspace is hidden from a user, not even a deleted one.

    Args:
        user_id: The column or parameter with the id of the user.
        workspace_id: The column or parameter with the id of the workspace.
    """
    is_hidden = exists().where(
        private_projects.c.workspace_id == workspace_id, ~is_member(private_projects.c.project_id, user_id)
    )
    sees_rest = and_(~is_hidden.correlate_except(private_projects), ~is_guest(user_id, workspace_id))
    return or_(sees_rest, leads(user_id, workspace_id))


def select_action_reviewers(workspace_id: IdColumn) -> Select[str]:
    """Return a statement for the ids of the reviewers from whom no project is hidden, since actions may name items of any."""
    return reviewers(workspace_id).where(sees_all_projects(users.c.id, workspace_id))


def select_visible_projects(user_id: IdColumn, ids: BindParameter[Any]) -> Select[str]:
    """Return a statement for those of some projects that a user sees.

    Args:
        user_id: The parameter with the id of the user.
        ids: The expanding parameter with the ids of the projects.
    """
    workspace_id = _PROJECTS.c.workspace_id
    return select(_PROJECTS.c.id).where(
        _PROJECTS.c.id.in_(ids),
        is_reachable(workspace_id),
        sees(user_id, workspace_id),
        sees_project(user_id, _PROJECTS.c.id, workspace_id),
    )


PROJECT_OF_WORKSPACE: Final = select(_PROJECTS.c.id).where(
    is_given(_PROJECTS.c.id, "project_id"), is_given(_PROJECTS.c.workspace_id)
)
"""The statement for the id of the project ``_project_id``, if it is one of the workspace ``_workspace_id``."""


def is_stranger(user_id: IdColumn, project_id: IdColumn, workspace_id: IdColumn) -> Condition:
    """Return the condition that a person, who is no agent, does not see a project.

    Args:
        user_id: The column or parameter with the id of the user.
        project_id: The column or parameter with the id of the project.
        workspace_id: The column or parameter with the id of the workspace.
    """
    is_person = exists().where(users.c.id == user_id, users.c.agent_of_id.is_(None)).correlate_except(users)
    return and_(is_person, ~sees_project(user_id, project_id, workspace_id))


_is_hidden = ~is_member(private_projects.c.project_id, bindparam("_user_id"))
_HIDDEN: Final[ScalarSelect[str]] = (
    select(_join_ids(case((_is_hidden, private_projects.c.project_id), else_="")))
    .where(private_projects.c.workspace_id == workspaces.c.id)
    .correlate(workspaces)
    .scalar_subquery()
)
_OWN: Final[ScalarSelect[str]] = (
    select(_join_ids(_own.c.project_id))
    .join(_PROJECTS, _PROJECTS.c.id == _own.c.project_id)
    .where(is_given(_own.c.user_id), _PROJECTS.c.workspace_id == workspaces.c.id)
    .correlate(workspaces)
    .scalar_subquery()
)
SEEN_OR_HIDDEN: Final[ColumnElement[str]] = case(
    (workspace_members.c.role == literal_column("'guest'"), _OWN), else_=_HIDDEN
)
"""For a guest, the ids of the projects that they are a member of. For others, of the private projects of the workspace: the ids
of those that are hidden, and nothing for each other one; null without any."""


def is_visible(project_id: IdColumn) -> Condition:
    """Return the condition that a row is in no project, or in one that the caller sees.

    Args:
        project_id: The column with the id of the project, or null.
    """
    is_shown = or_(bindparam("_sees_any", type_=Boolean), project_id.in_(bindparam("_only", expanding=True)))
    # A project may become private after the access check, while a stream is open.
    is_open = or_(
        bindparam("_sees_private", type_=Boolean),
        and_(bindparam("_sees_shared", type_=Boolean), ~is_private(project_id)),
        is_member(project_id, bindparam("_member_id", type_=IdType)),
    )
    return or_(
        and_(project_id.is_(None), bindparam("_sees_outside", type_=Boolean)),
        and_(is_shown, is_open),
    )


def names_hidden(
    project_ids: ColumnElement[Any],
    sees: Callable[[ColumnElement[Any]], ColumnElement[bool]],
) -> ColumnElement[bool]:
    """Return the condition that there is a project among some that the caller does not see.

    Args:
        project_ids: The column with the ids of the projects, as the keys of an object, which both databases can list.
        sees: Returns the condition that the caller sees a project.
    """
    ids = func.json_each(as_json(project_ids)).table_valued(column("key", IdType))
    return select(ids.c.key).where(~sees(ids.c.key)).correlate_except(ids).exists()


def sees_named(
    user_id: ColumnElement[Any],
    project_ids: ColumnElement[Any],
    workspace_id: ColumnElement[Any],
) -> ColumnElement[bool]:
    """Return the condition that a user sees all of some projects; for null, which are unknown, that none is hidden.

    Args:
        user_id: The column or parameter with the id of the user.
        project_ids: The column with the ids of the projects, as the keys of an object.
        workspace_id: The column or parameter with the id of the workspace.
    """
    is_hidden = names_hidden(project_ids, lambda project_id: sees_project(user_id, project_id, workspace_id))
    return or_(and_(project_ids.is_not(None), ~is_hidden), sees_all_projects(user_id, workspace_id))


_UNSHARED: Final = select(
    or_(
        exists().where(is_among(private_projects.c.project_id)),
        exists().where(is_given(workspaces.c.id, "workspace_id"), workspaces.c.has_guests),
    )
)


def are_shared(uow: UnitOfWork, workspace_id: str, project_ids: Collection[str]) -> bool:
    """Return whether everyone with access to a workspace sees all of some projects.

    Args:
        workspace_id: The workspace.
        project_ids: The projects.
    """
    parameters = {"_workspace_id": workspace_id, "_project_ids": list(project_ids)}
    return not project_ids or not uow.connection.execute(_UNSHARED, parameters).scalar_one()


def find_sight(
    actor: Actor, member_id: str | None = None, listed: str | None = None, *, is_guest: bool = False
) -> ProjectSight:
    """Return what a caller sees.

    Args:
        actor: The caller, whose token or agent may be limited to some projects.
        member_id: The user on whose memberships it depends; None for admins.
        listed: The projects that the user sees as a guest, or does not see, as ``SEEN_OR_HIDDEN`` reads them.
        is_guest: Whether the user is a guest.
    """
    limits = actor.agent_limits
    only = actor.token_project_ids if limits is None else limits.project_ids
    if member_id is None and only is None:
        return SEES_ALL
    ids = frozenset(filter(None, (listed or "").split(",")))
    if is_guest:
        return ProjectSight(only=only, sees_outside=False, member_id=member_id, guest_projects=ids)
    if member_id is not None and listed is None:
        member_id = ""
    return ProjectSight(ids, only, actor.token_project_ids is None, member_id)


def is_shared(uow: UnitOfWork, workspace_id: str, project_id: str | None) -> bool:
    """Return whether everyone with access to a workspace is known to see a project; or, for None, what is in no project.

    Args:
        workspace_id: The workspace.
        project_id: The project.
    """
    return uow.shared_places.issuperset((workspace_id, project_id or workspace_id))


_HIDE = insert(private_projects)
_SHOW = delete(private_projects).where(is_given(private_projects.c.project_id))


def set_visibility(
    uow: UnitOfWork, workspace_id: str, project_id: str, visibility: Visibility, *, is_new: bool = False
) -> None:
    """Record that a project is private, or no longer.

    Args:
        workspace_id: The workspace of the project.
        project_id: The project.
        visibility: Who sees it from now on.
        is_new: Whether it is a new project, of which nothing is recorded.
    """
    if visibility == "private":
        uow.shared_places.discard(project_id)
        uow.connection.execute(_HIDE, {"project_id": project_id, "workspace_id": workspace_id})
        return
    uow.shared_places.add(project_id)
    if not is_new:
        uow.connection.execute(_SHOW, {"_project_id": project_id})
