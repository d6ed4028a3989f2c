"""Access checks of accounts: the only way to a row. Each reads the caller's roles in the same statement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
from sqlalchemy import ColumnElement, FromClause, Row, Select, and_, bindparam, select

from stellary.contract.errors import Forbidden, NotFound
from stellary.contract.refs import (
    ApiTokenRef,
    InvitationRef,
    InvitationTokenRef,
    OrganizationMemberRef,
    OrganizationRef,
    Ref,
    WorkspaceMemberRef,
    WorkspaceRef,
    WorkspacesRef,
)
from stellary.core.accounts.rules import CallerRoles
from stellary.core.accounts.tables import (
    api_tokens,
    invitations,
    organization_members,
    organizations,
    users,
    workspace_members,
    workspaces,
)
from stellary.core.accounts.tokens import digest
from stellary.core.kernel.unit import UnitOfWork

_ORG_STANDING = (
    organizations.c.id.label("_organization_id"),
    organization_members.c.role.label("_org_role"),
)
_WS_STANDING = (
    *_ORG_STANDING,
    workspaces.c.id.label("_workspace_id"),
    workspaces.c.owner_id.label("_workspace_owner_id"),
    workspaces.c.is_personal.label("_is_personal"),
    workspaces.c.has_listeners.label("_has_listeners"),
    workspace_members.c.role.label("_ws_role"),
    workspace_members.c.pilotage_role.label("_pilotage_role"),
)
_TO_ORGANIZATION: FromClause = organizations.outerjoin(
    organization_members,
    and_(
        organization_members.c.organization_id == organizations.c.id,
        organization_members.c.user_id == bindparam("_user_id"),
    ),
)
_TO_WORKSPACE: FromClause = _TO_ORGANIZATION.join(
    workspaces,
    and_(workspaces.c.organization_id == organizations.c.id, workspaces.c.slug == bindparam("_ws_slug")),
).outerjoin(
    workspace_members,
    and_(
        workspace_members.c.workspace_id == workspaces.c.id,
        workspace_members.c.user_id == bindparam("_user_id"),
    ),
)
ORGANIZATION_ID: ColumnElement[str] = organizations.c.id
"""The organization that an access check has reached."""
WORKSPACE_ID: ColumnElement[str] = workspaces.c.id
"""The workspace that an access check has reached: what an area's own tables are joined to."""


def through_workspace(*columns: ColumnElement[Any], joins: Any = None) -> Select[Any]:
    """Build the statement of an access check to something in a workspace. Built once, at import.

    Args:
        columns: What the access check reads beside the caller's roles.
        joins: A function that extends the FROM clause by outer joins, so that a missing child still tells whether
            its container is there.
    """
    source = _TO_WORKSPACE if joins is None else joins(_TO_WORKSPACE)
    return (
        select(*_WS_STANDING, *columns)
        .select_from(source)
        .where(organizations.c.slug == bindparam("_org_slug"))
    )


def load_with_roles(
    uow: UnitOfWork, statement: Select[Any], ref: WorkspaceRef, **parameters: Any
) -> tuple[Row[Any], CallerRoles]:
    """Run an access check: return its row, and the caller's roles at its workspace.

    Raises:
        NotFound: There is no such workspace, or the caller cannot see it.
    """
    place = {"_user_id": uow.principal_id, "_org_slug": ref.org_slug, "_ws_slug": ref.ws_slug, **parameters}
    row = uow.connection.execute(statement, place).first()
    roles = _to_caller_roles(uow, row)
    if row is None or roles is None or not roles.sees_workspace:
        raise NotFound("Workspace not found")
    if not row._mapping["_has_listeners"]:
        uow.workspaces_without_subscribers.add(row._mapping["_workspace_id"])
    limits = uow.actor.agent_limits
    if limits is not None:
        if limits.workspace_id != roles.workspace_id:
            raise NotFound("Workspace not found")
        project_id = row._mapping.get("of_project")
        if project_id is not None and not limits.sees(project_id):
            # Read again with empty ids, as if the thing did not exist.
            row = uow.connection.execute(statement, place | dict.fromkeys(parameters, "")).one()
    return row, roles


def check_role(uow: UnitOfWork, roles: CallerRoles, author_id: str | None = None) -> None:
    """Check the role of the policy row that runs.

    Args:
        uow: The unit, which carries the policy row.
        roles: The caller's roles, as ``load_with_roles`` returned them.
        author_id: Who made the thing, or whom it is about, where the policy asks that.

    Raises:
        Forbidden: The roles are not enough.
    """
    if not roles.grants(uow.policy.role, author_id):
        raise Forbidden("your role does not allow that", code="insufficient_role")
    uow.mark_authorized()


def _to_caller_roles(uow: UnitOfWork, row: Row[Any] | None) -> CallerRoles | None:
    if row is None:
        return None
    values = row._mapping
    return CallerRoles(
        user_id=uow.principal_id,
        organization_id=values["_organization_id"],
        org_role=values["_org_role"],
        workspace_id=values.get("_workspace_id"),
        workspace_owner_id=values.get("_workspace_owner_id"),
        is_personal=bool(values.get("_is_personal")),
        ws_role=values.get("_ws_role"),
        pilotage_role=values.get("_pilotage_role"),
        in_project=bool(values.get("_in_project")),
    )


@attrs.frozen
class Loaded:
    """The result of an access check: the row, and the caller's roles."""

    row: Row[Any]
    roles: CallerRoles


# ---------------------------------------------------------------------------------- access checks

_org_member = organization_members.alias("member")
_ws_member = workspace_members.alias("ws_member")
_person = users.alias("person")
_PERSON = (_person.c.email, _person.c.name)


def _through_organization(*columns: ColumnElement[Any], source: FromClause) -> Select[Any]:
    return (
        select(*_ORG_STANDING, *columns)
        .select_from(source)
        .where(organizations.c.slug == bindparam("_org_slug"))
    )


def _to_ws_member(source: FromClause) -> FromClause:
    return (
        source.outerjoin(
            _ws_member,
            and_(_ws_member.c.workspace_id == WORKSPACE_ID, _ws_member.c.user_id == bindparam("_member_id")),
        )
        .outerjoin(
            _org_member,
            and_(
                _org_member.c.organization_id == organizations.c.id,
                _org_member.c.user_id == _ws_member.c.user_id,
            ),
        )
        .outerjoin(_person, _person.c.id == _ws_member.c.user_id)
    )


def _to_invitation(source: FromClause) -> FromClause:
    return source.outerjoin(
        invitations,
        and_(invitations.c.workspace_id == WORKSPACE_ID, invitations.c.id == bindparam("_invitation_id")),
    )


_ORGANIZATION = _through_organization(*organizations.c, source=_TO_ORGANIZATION)
_ORGANIZATION_MEMBER = _through_organization(
    organizations.c.owner_id,
    _org_member.c.user_id,
    _org_member.c.role,
    _org_member.c.created_at,
    *_PERSON,
    source=_TO_ORGANIZATION.outerjoin(
        _org_member,
        and_(
            _org_member.c.organization_id == organizations.c.id,
            _org_member.c.user_id == bindparam("_member_id"),
        ),
    ).outerjoin(_person, _person.c.id == _org_member.c.user_id),
)
_WORKSPACE = through_workspace(*workspaces.c)
_WORKSPACE_MEMBER = through_workspace(
    _ws_member.c.user_id,
    _ws_member.c.role,
    _org_member.c.role.label("member_org_role"),
    _ws_member.c.pilotage_role,
    _ws_member.c.created_at,
    *_PERSON,
    joins=_to_ws_member,
)
_INVITATION = through_workspace(invitations.c.id, joins=_to_invitation)
_INVITATION_BY_TOKEN = (
    select(
        invitations.c.id,
        invitations.c.role,
        invitations.c.workspace_id,
        workspaces.c.organization_id,
        workspaces.c.slug.label("ws_slug"),
        organizations.c.slug.label("org_slug"),
        (invitations.c.email_key == users.c.email_key).label("is_callers"),
    )
    .select_from(
        invitations.join(workspaces, workspaces.c.id == invitations.c.workspace_id)
        .join(organizations, organizations.c.id == workspaces.c.organization_id)
        .join(users, users.c.id == bindparam("_user_id"))
    )
    .where(invitations.c.token_digest == bindparam("_digest"), invitations.c.expires_at > bindparam("_now"))
)
_API_TOKEN = select(api_tokens.c.id).where(
    api_tokens.c.id == bindparam("_token_id"), api_tokens.c.user_id == bindparam("_user_id")
)


def organization(uow: UnitOfWork, ref: OrganizationRef | WorkspacesRef) -> Loaded:
    """Check access to an organization.

    Raises:
        NotFound: There is none of that slug, or the caller is no member.
        Forbidden: The caller's role is not enough.
    """
    return _organization(uow, _ORGANIZATION, ref)


def _organization(uow: UnitOfWork, statement: Select[Any], ref: OrganizationRef, **parameters: Any) -> Loaded:
    row = uow.connection.execute(
        statement, {"_user_id": uow.principal_id, "_org_slug": ref.org_slug, **parameters}
    ).first()
    roles = _to_caller_roles(uow, row)
    if row is None or roles is None or not roles.sees_organization:
        raise NotFound("Organization not found")
    check_role(uow, roles)
    return Loaded(row, roles)


def organization_member(uow: UnitOfWork, ref: OrganizationMemberRef) -> Loaded:
    """Check access to a member of an organization; return its row.

    The row has user_id, role, created_at, email and name, and the owner_id of the organization.

    Raises:
        NotFound: The caller does not see the organization, or it has no such member.
        Forbidden: The caller's role is not enough.
    """
    at = _organization(uow, _ORGANIZATION_MEMBER, ref, _member_id=ref.user_id)
    if at.row.user_id is None:
        raise NotFound("Member not found")
    return at


def workspace(uow: UnitOfWork, ref: WorkspaceRef) -> Loaded:
    """Check access to a workspace.

    Raises:
        NotFound: There is none of those slugs, or the caller does not reach it.
        Forbidden: The caller's role is not enough.
    """
    row, roles = load_with_roles(uow, _WORKSPACE, ref)
    check_role(uow, roles)
    return Loaded(row, roles)


def workspace_joined(uow: UnitOfWork, ref: WorkspaceRef) -> Loaded:
    """Return a workspace that the caller has just joined or created. The service has run another access check before."""
    return Loaded(*load_with_roles(uow, _WORKSPACE, ref))


def workspace_member(uow: UnitOfWork, ref: WorkspaceMemberRef) -> Loaded:
    """Check access to a member of a workspace; return its row.

    The row has user_id, role, pilotage_role, created_at, email and name, and member_org_role, the role in the organization.

    Raises:
        NotFound: The caller does not reach the workspace, or it has no such member.
        Forbidden: The caller's role is not enough.
    """
    row, roles = load_with_roles(uow, _WORKSPACE_MEMBER, ref, _member_id=ref.user_id)
    check_role(uow, roles, ref.user_id)
    if row.user_id is None:
        raise NotFound("Member not found")
    return Loaded(row, roles)


def invitation(uow: UnitOfWork, ref: InvitationRef) -> Loaded:
    """Check that the caller may revoke an invitation.

    Raises:
        NotFound: The caller does not reach the workspace, or it has no such invitation.
        Forbidden: The caller's role is not enough.
    """
    row, roles = load_with_roles(uow, _INVITATION, ref, _invitation_id=ref.invitation_id)
    check_role(uow, roles)
    if row.id is None:
        raise NotFound("Invitation not found")
    return Loaded(row, roles)


def invitation_by_token(uow: UnitOfWork, ref: InvitationTokenRef) -> Row[Any]:
    """Check that the caller was invited; return what the invitation leads to.

    Raises:
        NotFound: There is none of that secret, or it was used, replaced, taken back, or has expired.
        Forbidden: It was sent to somebody else.
    """
    row = uow.connection.execute(
        _INVITATION_BY_TOKEN, {"_user_id": uow.user_id, "_digest": digest(ref.token), "_now": uow.now}
    ).first()
    if row is None:
        raise NotFound("Invitation not found")
    if not row.is_callers:
        raise Forbidden("the invitation was sent to another e-mail address", code="other_invitee")
    uow.mark_authorized()
    return row


def api_token(uow: UnitOfWork, ref: ApiTokenRef) -> Row[Any]:
    """Check access to an API token of the caller.

    Raises:
        NotFound: The caller has no such token.
    """
    row = uow.connection.execute(_API_TOKEN, {"_user_id": uow.user_id, "_token_id": ref.id}).first()
    if row is None:
        raise NotFound("API token not found")
    uow.mark_authorized()
    return row


ACCESS_BY_REF: Mapping[type[Ref], Callable[[UnitOfWork, Any], object]] = {
    OrganizationRef: organization,
    OrganizationMemberRef: organization_member,
    WorkspacesRef: organization,
    WorkspaceRef: workspace,
    WorkspaceMemberRef: workspace_member,
    InvitationRef: invitation,
    InvitationTokenRef: invitation_by_token,
    ApiTokenRef: api_token,
}
"""The access check for each kind of ref."""
