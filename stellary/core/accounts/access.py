"""Access checks of accounts, which load rows. Each reads a row and the caller's roles in one statement."""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import ColumnElement, FromClause, Select, and_, bindparam, select

from stellary.contract.errors import Forbidden, NotFound
from stellary.contract.refs import (
    ApiTokenRef,
    IdentityRef,
    InvitationRef,
    InvitationTokenRef,
    OrganizationMemberRef,
    OrganizationRef,
    SessionRef,
    WorkspaceMemberRef,
    WorkspaceRef,
    WorkspacesRef,
)
from stellary.core.accounts.access_checks import (
    IN_ORGANIZATION,
    ORGANIZATION_ID,
    ORGANIZATION_ROLES,
    TO_ORGANIZATION,
    WORKSPACE_ID,
    AccessByRef,
    AccessCheck,
    Link,
    Loaded,
    by_ref,
    check_active,
    check_role,
)
from stellary.core.accounts.authentication import digest
from stellary.core.accounts.member_rows import INVITATION
from stellary.core.accounts.row_types import (
    IdRow,
    InvitationByTokenRow,
    LoadedOrganizationMemberRow,
    LoadedWorkspaceMemberRow,
    OrganizationRow,
    WorkspaceRow,
)
from stellary.core.accounts.rules import CallerRoles
from stellary.core.accounts.tables import (
    api_tokens,
    identities,
    invitations,
    organization_members,
    organizations,
    sessions,
    users,
    workspace_members,
    workspaces,
)
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query, RowType
from stellary.core.kernel.unit import UnitOfWork

Row = TypeVar("Row", bound=RowType)

_org_member = organization_members.alias("member")
_ws_member = workspace_members.alias("ws_member")
_person = users.alias("person")
_PERSON = (_person.c.email, _person.c.name, _person.c.deactivated_at)


def _select_in_organization(*columns: ColumnElement[Any], source: FromClause) -> Select[Any]:
    return select(*ORGANIZATION_ROLES, *columns).select_from(source).where(IN_ORGANIZATION)


_ORGANIZATION = Query(OrganizationRow, _select_in_organization(*organizations.c, source=TO_ORGANIZATION))
_ORGANIZATION_MEMBER = Query(
    LoadedOrganizationMemberRow,
    _select_in_organization(
        organizations.c.owner_id,
        *_org_member.c,
        *_PERSON,
        source=TO_ORGANIZATION.outerjoin(
            _org_member,
            and_(
                _org_member.c.organization_id == organizations.c.id,
                _org_member.c.user_id == bindparam("ref_user_id"),
            ),
        ).outerjoin(_person, _person.c.id == _org_member.c.user_id),
    ),
)
_INVITATION_BY_TOKEN = Query(
    InvitationByTokenRow,
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
        .join(users, is_given(users.c.id, "user_id"))
    )
    .where(
        is_given(invitations.c.token_digest, "digest"),
        invitations.c.expires_at > bindparam("_now"),
        workspaces.c.trash_id.is_(None),
    ),
)
_API_TOKEN, _IDENTITY = (
    Query(IdRow, select(table.c.id).where(is_given(table.c.id), is_given(table.c.user_id)))
    for table in (api_tokens, identities)
)

_SESSION = Query(
    IdRow,
    select(sessions.c.id)
    .join_from(sessions, users)
    .where(
        is_given(sessions.c.id, "session_id"),
        is_given(sessions.c.user_id),
        sessions.c.ended_at.is_(None),
        sessions.c.expires_at > bindparam("_now"),
        sessions.c.generation == users.c.token_generation,
    ),
)

workspace = AccessCheck(WorkspaceRef, WorkspaceRow, columns=workspaces.c)
"""The access check for a workspace."""

workspace_member = AccessCheck(
    WorkspaceMemberRef,
    LoadedWorkspaceMemberRow,
    Link("Member", _ws_member, "user_id", _ws_member.c.workspace_id == WORKSPACE_ID, column="user_id"),
    Link(
        None,
        _org_member,
        within=and_(
            _org_member.c.organization_id == ORGANIZATION_ID, _org_member.c.user_id == _ws_member.c.user_id
        ),
    ),
    Link(None, _person, within=_person.c.id == _ws_member.c.user_id),
    columns=(*_ws_member.c, _org_member.c.role.label("member_org_role"), *_PERSON),
    subject="user_id",
)
"""The access check for a member of a workspace."""

invitation = AccessCheck(
    InvitationRef,
    RowType,
    Link("Invitation", invitations, "invitation_id", invitations.c.workspace_id == WORKSPACE_ID),
    columns=INVITATION.columns,
)
"""The access check for an invitation that the caller may revoke."""


def organization(uow: UnitOfWork, ref: OrganizationRef | WorkspacesRef) -> Loaded[OrganizationRow]:
    """Check access to an organization.

    Args:
        uow: The unit of work. The policy row that runs names the required role.
        ref: The organization.

    Raises:
        NotFound: No organization has that slug, or the caller is not a member.
        Forbidden: The caller's role is not enough, or the account is deactivated.
    """
    return _load_in_organization(uow, _ORGANIZATION, ref)


def organization_member(uow: UnitOfWork, ref: OrganizationMemberRef) -> Loaded[LoadedOrganizationMemberRow]:
    """Check access to a member of an organization.

    Args:
        uow: The unit of work. The policy row that runs names the required role.
        ref: The member.

    Raises:
        NotFound: The caller does not see the organization, or it has no such member.
        Forbidden: The caller's role is not enough.
    """
    loaded = _load_in_organization(uow, _ORGANIZATION_MEMBER, ref, ref_user_id=ref.user_id)
    # An outer join returns a row even without a member.
    if loaded.row.user_id is None:
        raise NotFound("Member not found")
    return loaded


def _load_in_organization(
    uow: UnitOfWork, query: Query[Row], ref: OrganizationRef, **parameters: str
) -> Loaded[Row]:
    caller = {"_user_id": uow.principal_id, "_session_id": uow.pending_session_id}
    row = query.first(uow.connection, {**caller, "_org_slug": ref.org_slug, **parameters})
    if row is not None:
        organization_id, org_role, generation = row[: len(ORGANIZATION_ROLES)]
        uow.confirm_login(uow.principal_id, generation)
        roles = CallerRoles(user_id=uow.principal_id, organization_id=organization_id, org_role=org_role)
        if roles.sees_organization:
            check_active(uow, generation)
            check_role(uow, roles)
            return Loaded(row, roles)
    raise NotFound("Organization not found")


def invitation_by_token(uow: UnitOfWork, ref: InvitationTokenRef) -> InvitationByTokenRow:
    """Check that the caller was invited.

    Args:
        ref: The token that was mailed.

    Raises:
        NotFound: No invitation has that token, or it was accepted, replaced or revoked, or has expired.
        Forbidden: It was sent to another user.
    """
    row = _INVITATION_BY_TOKEN.first(
        uow.connection, {"_user_id": uow.user_id, "_digest": digest(ref.token), "_now": uow.now}
    )
    if row is None:
        raise NotFound("Invitation not found")
    if not row.is_callers:
        raise Forbidden("the invitation was sent to another e-mail address", code="other_invitee")
    uow.mark_authorized()
    return row


def api_token(uow: UnitOfWork, ref: ApiTokenRef) -> IdRow:
    """Check access to an API token of the caller.

    Args:
        ref: The token.

    Raises:
        NotFound: The caller has no such token.
    """
    return _load_own(uow, _API_TOKEN, "API token", _id=ref.id)


def session(uow: UnitOfWork, ref: SessionRef) -> IdRow:
    """Check access to a session of the caller.

    Args:
        ref: The session.

    Raises:
        NotFound: The caller has no such session, or it has ended.
    """
    return _load_own(uow, _SESSION, "Session", _session_id=ref.session_id, _now=uow.now)


def identity(uow: UnitOfWork, ref: IdentityRef) -> IdRow:
    """Check access to an identity of the caller.

    Args:
        ref: The identity.

    Raises:
        NotFound: The caller has no such identity.
    """
    return _load_own(uow, _IDENTITY, "Identity", _id=ref.identity_id)


def _load_own(uow: UnitOfWork, query: Query[IdRow], kind: str, **parameters: object) -> IdRow:
    row = query.first(uow.connection, {"_user_id": uow.user_id, **parameters})
    if row is None:
        raise NotFound(f"{kind} not found")
    uow.mark_authorized()
    return row


ACCESS_BY_REF: AccessByRef = {
    **by_ref(workspace, workspace_member, invitation),
    OrganizationRef: organization,
    OrganizationMemberRef: organization_member,
    WorkspacesRef: organization,
    InvitationTokenRef: invitation_by_token,
    ApiTokenRef: api_token,
    SessionRef: session,
    IdentityRef: identity,
}
"""The access check for each kind of ref."""
