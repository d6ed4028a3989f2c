"""Invitations to workspaces: each is for one e-mail address, valid for 7 days and used once. Section Workspace Members."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs
from sqlalchemy import ColumnElement, ScalarSelect, Table, bindparam, delete, or_, select

from stellary.contract.endpoint import Ok
from stellary.contract.errors import Conflict, Forbidden, NotFound
from stellary.contract.fields import build_value, convert, replace_fields
from stellary.contract.refs import InvitationRef, InvitationTokenRef, OrganizationRef, WorkspaceRef
from stellary.contract.roles import WorkspaceRole
from stellary.contract.wire import UNSET, Listing, Paged, invalid
from stellary.contract.workspaces import (
    ACCEPT_INVITATION,
    INVITE_MEMBER,
    LIST_INVITATIONS,
    REVOKE_INVITATION,
    AcceptedInvitation,
    CreatedInvitation,
    Invitation,
    InviteMember,
)
from stellary.core.accounts import access, rules
from stellary.core.accounts.authentication import digest, new_secret
from stellary.core.accounts.emails import clean_name, send_email
from stellary.core.accounts.joining import adapt_organization_role, join_organization, join_workspace
from stellary.core.accounts.locks import lock_caller, lock_organization, lock_workspace
from stellary.core.accounts.login_attempts import attempts_key, count_attempt
from stellary.core.accounts.member_rows import INVITATION, workspace_value
from stellary.core.accounts.project_sight import PROJECT_OF_WORKSPACE
from stellary.core.accounts.row_types import AcceptedInvitationRow, InvitationByTokenRow
from stellary.core.accounts.tables import (
    invitations,
    organization_members,
    users,
    workspace_members,
    workspaces,
)
from stellary.core.accounts.users import address, address_key
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query, RowType
from stellary.core.kernel.events import InvitationAccepted
from stellary.core.kernel.item_changes import emit_change
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.unit import UnitOfWork, serves

LIFETIME = timedelta(days=7)
PAUSE = timedelta(hours=1)
"""The time in which a person who is invited to a workspace again gets no other e-mail."""
WINDOW = timedelta(days=1)
PER_USER_MAX, PER_ADDRESS_MAX = 50, 10
"""The numbers of e-mails with invitations that a user can send, and that an address gets, within a day."""

_IS_MEMBER = (
    select(workspace_members.c.user_id)
    .join_from(workspace_members, users)
    .where(is_given(workspace_members.c.workspace_id), is_given(users.c.email_key))
)
_INVITER = select(users.c.name, users.c.unverified_since).where(is_given(users.c.id, "user_id"))
_c = invitations.c
_RECENT = Query(
    RowType,
    select(invitations).where(
        is_given(_c.workspace_id),
        is_given(_c.email_key),
        _c.created_at > bindparam("_since"),
    ),
)
_MAKE_ROOM = delete(invitations).where(
    is_given(_c.workspace_id),
    or_(is_given(_c.email_key), _c.expires_at <= bindparam("_now")),
)
_LIST = Pages(
    RowType,
    select(invitations).where(is_given(_c.workspace_id), _c.expires_at > bindparam("_now")),
    _c.id,
)
_PENDING = (
    select(_c.email, workspaces.c.name.label("workspace"), users.c.name.label("inviter"))
    .select_from(
        invitations.join(workspaces, workspaces.c.id == _c.workspace_id).join(
            users, users.c.id == _c.invited_by_id
        )
    )
    .where(
        is_given(_c.token_digest, "digest"),
        _c.expires_at > bindparam("_now"),
        workspaces.c.trash_id.is_(None),
    )
)


def _select_role(members: Table, container: str, user_id: ColumnElement[Any]) -> ScalarSelect[str]:
    """Return a subquery for the role of a user in the organization or workspace of an invitation."""
    is_there = members.c[container] == bindparam(f"_{container}")
    return select(members.c.role).where(is_there, members.c.user_id == user_id).scalar_subquery()


_INVITER_ID = _c.invited_by_id
# The current roles, read after the locks, in the statement that deletes the invitation.
_TAKE = Query(
    AcceptedInvitationRow,
    delete(invitations)
    .where(is_given(_c.id))
    .returning(
        _c.role,
        _c.invited_by_id,
        _c.project_id,
        _c.project_role,
        _select_role(organization_members, "organization_id", bindparam("_user_id")).label("org_role"),
        _select_role(workspace_members, "workspace_id", bindparam("_user_id")).label("ws_role"),
        _select_role(organization_members, "organization_id", _INVITER_ID).label("inviter_org_role"),
        _select_role(workspace_members, "workspace_id", _INVITER_ID).label("inviter_ws_role"),
    ),
)


@attrs.frozen
class PendingInvitation:
    """An invitation as the page shows it to the person who has its token.

    Attributes:
        email: The invited address.
        workspace: The name of the workspace.
        inviter: The name of the user who has sent the invitation.
        may_register: Whether the person may create an account on this server.
    """

    email: str
    workspace: str
    inviter: str
    may_register: bool


def find_pending_invitation(uow: UnitOfWork, token: str) -> PendingInvitation | None:
    """Return the invitation of a token; None if there is none that can still be accepted.

    Args:
        uow: A unit.
        token: The token from the link.
    """
    row = uow.connection.execute(_PENDING, {"_digest": digest(token), "_now": uow.now}).first()
    if row is None:
        return None
    may_register = uow.env.registration != "closed"
    return PendingInvitation(row.email, row.workspace, row.inviter, may_register)


@serves(INVITE_MEMBER)
def invite_member(uow: UnitOfWork, ref: WorkspaceRef, request: InviteMember) -> CreatedInvitation:
    """Invite a person by e-mail. An earlier invitation of the same person is replaced; within an hour, it only gets the new role.

    Raises:
        Invalid: It is not an e-mail address, or the workspace has no such project.
        Conflict: The person is already a member, or the workspace is personal.
        Forbidden: The caller has not confirmed their own address, on a server that verifies addresses.
        RateLimited: The caller has sent, or the person has got, too many e-mails with invitations.
    """
    lock_workspace(uow, ref)
    workspace = access.workspace(uow, ref).row
    inviter = uow.connection.execute(_INVITER, {"_user_id": uow.user_id}).one()
    if uow.env.verify_email and inviter.unverified_since is not None:
        raise Forbidden("confirm your address before you invite others", code="address_not_verified")
    email = address(request.email)
    rules.check_shared(is_personal=workspace.is_personal)
    project = _find_project(uow, workspace.id, request)
    parameters = {"_workspace_id": workspace.id, "_email_key": address_key(email)}
    if uow.connection.execute(_IS_MEMBER, parameters).first() is not None:
        raise Conflict("this person is a member already", code="already_member")
    if uow.env.sends_email:
        recent = _RECENT.first(uow.connection, {**parameters, "_since": uow.now - PAUSE})
        if recent is not None:
            changed = _change_recent(uow, workspace.id, recent, role=request.role, **project)
            return convert(CreatedInvitation, changed, token=None)
        _count_email(uow, email)
    uow.connection.execute(_MAKE_ROOM, {**parameters, "_now": uow.now})
    secret = new_secret()
    invitation = build_value(
        CreatedInvitation,
        request,
        id=uow.new_id(),
        email=email,
        invited_by_id=uow.user_id,
        expires_at=uow.now + LIFETIME,
        created_at=uow.now,
        token=None if uow.env.sends_email else secret,
        **project,
    )
    INVITATION.insert(
        uow,
        invitation,
        workspace_id=workspace.id,
        email_key=parameters["_email_key"],
        token_digest=digest(secret),
    )
    emit_change(uow, workspace.id, None, convert(Invitation, invitation))
    link = f"{uow.env.public_url}/invitations/{secret}"
    _send_email(uow, invitation, clean_name(inviter.name), clean_name(workspace.name), link)
    return invitation


def _find_project(uow: UnitOfWork, workspace_id: str, request: InviteMember) -> dict[str, str | None]:
    """Return the fields of an invitation that name the project of a request.

    Raises:
        Invalid: The workspace has no such project, or there is a role without a project.
    """
    if request.project_id is UNSET:
        if request.project_role is not UNSET:
            raise invalid(("projectRole", "requires projectId"))
        return {"project_id": None, "project_role": None}
    parameters = {"_workspace_id": workspace_id, "_project_id": request.project_id}
    if uow.connection.execute(PROJECT_OF_WORKSPACE, parameters).first() is None:
        raise invalid(("projectId", "must be the id of an existing item"))
    return {"project_id": request.project_id, "project_role": request.project_role or "viewer"}


def _change_recent(uow: UnitOfWork, workspace_id: str, row: RowType, **changes: str | None) -> Invitation:
    """Give an invitation whose e-mail was just sent the roles and the sender of a new one."""
    before = INVITATION.to_value(row)
    after = replace_fields(before, invited_by_id=uow.user_id, **changes)
    if after != before:
        INVITATION.update(uow, before, after)
        emit_change(uow, workspace_id, before, after)
    return after


def _count_email(uow: UnitOfWork, email: str) -> None:
    """Count an e-mail with an invitation.

    Raises:
        RateLimited: The caller has sent, or the mailbox has got, too many within a day.
    """
    # Addresses such as ann+1@example.com lead to one mailbox.
    local, _, domain = address_key(email).rpartition("@")
    mailbox = f"{local.partition('+')[0]}@{domain}"
    for name, amount, reason in (
        (uow.user_id, PER_USER_MAX, "you have sent too many invitations;"),
        (mailbox, PER_ADDRESS_MAX, "this address has got too many invitations;"),
    ):
        error = count_attempt(uow, attempts_key("invitations", name), amount, WINDOW, reason)
        if error is not None:
            raise error


@serves(LIST_INVITATIONS)
def list_invitations(uow: UnitOfWork, ref: WorkspaceRef, request: Paged) -> Listing[Invitation]:
    """Return the invitations that can still be accepted, oldest first."""
    workspace = access.workspace(uow, ref).row
    return _LIST.fetch(uow, request, INVITATION.to_value, _workspace_id=workspace.id, _now=uow.now)


@serves(REVOKE_INVITATION)
def revoke_invitation(uow: UnitOfWork, ref: InvitationRef) -> Ok:
    """Revoke an invitation.

    Raises:
        NotFound: The invitation does not exist, or was accepted or revoked before.
    """
    loaded = access.invitation(uow, ref)
    invitation = INVITATION.to_value(loaded.row)
    INVITATION.delete(uow, invitation)
    emit_change(uow, loaded.roles.workspace_id, invitation, None)
    return Ok()


@serves(ACCEPT_INVITATION)
def accept_invitation(uow: UnitOfWork, ref: InvitationTokenRef) -> AcceptedInvitation:
    """Make the caller a member of the workspace, of its organization, and of the project of the invitation.

    Args:
        uow: A unit that may write.
        ref: The secret from the e-mail.

    Returns:
        The workspace, as its new member sees it. The role is that of the invitation, but not above the inviter's
        current role; a member, or a guest of the workspace, keeps the present role.

    Raises:
        NotFound: The invitation is unknown, used, replaced, revoked or expired, or the inviter may no longer invite.
        Forbidden: It was sent to another address than the caller's.
    """
    invitation = access.invitation_by_token(uow, ref)
    place = WorkspaceRef(invitation.org_slug, invitation.ws_slug)
    lock_organization(uow, place.parent(OrganizationRef))
    lock_workspace(uow, place)
    lock_caller(uow)
    role, taken = _take(uow, invitation)
    join_organization(uow, invitation.organization_id, uow.user_id, role)
    if taken.org_role == "guest" and taken.ws_role is None and role != "guest":
        adapt_organization_role(uow, invitation.organization_id, uow.user_id, role)
    join_workspace(uow, invitation.workspace_id, uow.user_id, role, invitedById=taken.invited_by_id)
    if taken.project_id is not None and taken.project_role is not None:
        ids = {"workspace_id": invitation.workspace_id, "project_id": taken.project_id}
        uow.emit(InvitationAccepted(**ids, user_id=uow.user_id, role=taken.project_role))
    loaded = access.workspace.load(uow, place)
    return AcceptedInvitation(
        org_slug=invitation.org_slug, workspace=workspace_value(loaded.row, loaded.roles)
    )


def _take(uow: UnitOfWork, invitation: InvitationByTokenRow) -> tuple[WorkspaceRole, AcceptedInvitationRow]:
    """Delete an invitation that is being accepted, and return the role that it now grants, and its row."""
    parameters = {
        "_id": invitation.id,
        "_organization_id": invitation.organization_id,
        "_workspace_id": invitation.workspace_id,
        "_user_id": uow.user_id,
    }
    taken = _TAKE.first(uow.connection, parameters)
    if taken is None:
        # If it is accepted twice at the same time, only one of the two deletes the row.
        raise NotFound("Invitation not found")
    inviter = rules.CallerRoles(
        user_id=taken.invited_by_id,
        organization_id=invitation.organization_id,
        org_role=taken.inviter_org_role,
        workspace_id=invitation.workspace_id,
        ws_role=taken.inviter_ws_role,
    )
    granted = rules.granted_role(inviter, INVITE_MEMBER.policy.role, taken.role)
    if granted is None:
        raise NotFound("Invitation not found")
    return granted, taken


def _send_email(
    uow: UnitOfWork, invitation: CreatedInvitation, inviter: str, workspace: str, link: str
) -> None:
    send_email(
        uow,
        invitation.email,
        f"Invitation to {workspace}",
        kind="invitation",
        intro=[f"{inviter} invites you to the workspace {workspace}."],
        action="Accept the invitation",
        link=link,
        outro=[f"The invitation is for {invitation.email} and expires in 7 days."],
        data={"inviter": inviter, "workspace": workspace, "role": invitation.role},
    )
