"""Rules of accounts: permissions of roles, and changes of members. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import attrs

from stellary.contract.endpoint import Role
from stellary.contract.errors import Conflict, Forbidden
from stellary.contract.roles import OrganizationRole, PilotageRole, WorkspaceRole

_RANKS = {"member": 1, "admin": 2, "owner": 3}


def reaches(org_role: str | None, ws_role: str | None, *, is_personal: bool) -> bool:
    """Members reach their workspace; who leads the organization reaches every one but somebody's personal one."""
    return ws_role is not None or (org_role in ("owner", "admin") and not is_personal)


def is_admin(org_role: str | None, ws_role: str | None, *, is_personal: bool) -> bool:
    """Return whether somebody is an admin of a workspace: as a member, or since they lead the organization."""
    return ws_role == "admin" or (org_role in ("owner", "admin") and not is_personal)


@attrs.frozen
class CallerRoles:
    """The caller's roles in an organization, a workspace and a project.

    Attributes:
        user_id: The caller.
        org_role: The role in the organization; None without membership.
        ws_role: The role in the workspace; None without membership, or if no workspace is concerned.
        pilotage_role: The pilotage role in the list of members.
        in_project: True for a member of the project, if one is concerned.
    """

    user_id: str
    organization_id: str
    org_role: OrganizationRole | None
    workspace_id: str | None = None
    workspace_owner_id: str | None = None
    is_personal: bool = False
    ws_role: WorkspaceRole | None = None
    pilotage_role: PilotageRole | None = None
    in_project: bool = False

    @property
    def leads_organization(self) -> bool:
        return self.org_role in ("owner", "admin")

    @property
    def sees_organization(self) -> bool:
        return self.org_role is not None

    @property
    def sees_workspace(self) -> bool:
        return self.workspace_id is not None and reaches(
            self.org_role, self.ws_role, is_personal=self.is_personal
        )

    @property
    def workspace_role(self) -> WorkspaceRole | None:
        """The role that holds: who leads the organization is an implicit admin."""
        if not self.sees_workspace:
            return None
        return "admin" if self.leads_organization else self.ws_role

    @property
    def effective_pilotage_role(self) -> PilotageRole | None:
        """The pilotage role that holds: who leads the organization is an implicit pilotage owner."""
        if not self.sees_workspace:
            return None
        return "owner" if self.leads_organization else self.pilotage_role

    def grants(self, role: Role, author_id: str | None = None) -> bool:
        """Return whether the roles are enough for a policy row.

        Args:
            role: The role that the policy row requires.
            author_id: The author of the thing or the user that it is about, for policies that depend on it.
        """
        check = _GRANTS.get(role)
        return check is not None and check(self, author_id)


def _is_admin(who: CallerRoles) -> bool:
    return who.workspace_role == "admin"


_GRANTS: Mapping[Role, Callable[[CallerRoles, str | None], bool]] = {
    "org_read": lambda who, _: who.sees_organization,
    "org_admin": lambda who, _: who.leads_organization,
    "org_owner": lambda who, _: who.org_role == "owner",
    "ws_read": lambda who, _: who.sees_workspace,
    "ws_admin": lambda who, _: _is_admin(who),
    "ws_admin_or_self": lambda who, whom: who.sees_workspace and (_is_admin(who) or whom == who.user_id),
    "author": lambda who, author: who.sees_workspace and (_is_admin(who) or author == who.user_id),
    "ws_owner": lambda who, _: (
        who.sees_workspace and (who.workspace_owner_id == who.user_id or who.org_role == "owner")
    ),
    "proj_manage": lambda who, _: who.sees_workspace and (_is_admin(who) or who.in_project),
    "pil_write": lambda who, _: who.effective_pilotage_role == "owner",
    "pil_review": lambda who, _: who.effective_pilotage_role in ("owner", "reviewer"),
}
"""The check for each role of a policy row. A role without an entry is not granted to any caller."""


def outranks(actor_role: str | None, other_role: str) -> bool:
    """Return whether a member with one role may change or remove a member with another."""
    return _RANKS.get(actor_role or "", 0) > _RANKS[other_role]


def check_grant(actor_role: str | None, role: str) -> None:
    """Check that the actor may give a role: not above their own, and never owner.

    Args:
        actor_role: The actor's role in the organization.
        role: The role to give.

    Raises:
        Forbidden: The role is above the actor's, or it is owner.
    """
    if role == "owner" or _RANKS.get(actor_role or "", 0) < _RANKS[role]:
        raise Forbidden("nobody can give a role above their own", code="insufficient_role")


def check_touch(actor_role: str | None, member_role: str) -> None:
    """The owner of an organization stays its owner; a member is changed or removed by who outranks it.

    Raises:
        Conflict: The member is the owner.
        Forbidden: The member's role is the actor's, or above it.
    """
    check_leave(member_role)
    if not outranks(actor_role, member_role):
        raise Forbidden("you must outrank whom you change or remove", code="insufficient_role")


def check_leave(role: str) -> None:
    """The owner of an organization stays.

    Raises:
        Conflict: Who would go is the owner.
    """
    if role == "owner":
        raise Conflict("the owner of an organization cannot be changed, removed or leave", code="owner_stays")


@attrs.frozen
class Seat:
    """A workspace of an organization, and somebody's role as its member list has it."""

    workspace_id: str
    is_personal: bool
    ws_role: str | None


def find_lost_workspaces(seats: Iterable[Seat], before: str, after: str | None) -> list[str]:
    """Return the workspaces that a user loses access to by a change of the role in the organization.

    Args:
        seats: All workspaces of the organization.
        before: The role until now.
        after: The role from now on; None for somebody who goes, and is no member of the workspaces any more either.
    """
    return [
        seat.workspace_id
        for seat in seats
        if reaches(before, seat.ws_role, is_personal=seat.is_personal)
        and not reaches(after, seat.ws_role if after else None, is_personal=seat.is_personal)
    ]


def find_lost_admin_rights(seats: Iterable[Seat], before: str, after: str) -> list[str]:
    """Return the workspaces in which a user is no longer an admin, but which the user still reaches.

    Args:
        seats: All workspaces of the organization.
        before: The user's role in the organization until now.
        after: The role from now on.
    """
    return [
        seat.workspace_id
        for seat in seats
        if reaches(after, seat.ws_role, is_personal=seat.is_personal)
        and is_admin(before, seat.ws_role, is_personal=seat.is_personal)
        and not is_admin(after, seat.ws_role, is_personal=seat.is_personal)
    ]


def check_workspace_member(is_owner: bool, before: tuple[str, str], after: tuple[str, str] | None) -> None:
    """The owner of a workspace stays in it, as an admin and a pilotage owner.

    Args:
        is_owner: Whether the member owns the workspace.
        before: Role and pilotage role as they are.
        after: As they are to be; None for somebody who goes.

    Raises:
        Conflict: It would be otherwise.
    """
    if is_owner and after != before:
        raise Conflict("the owner of a workspace cannot be changed, removed or leave", code="owner_stays")


def granted_role(inviter: CallerRoles, required_role: Role, role: WorkspaceRole) -> WorkspaceRole | None:
    """Return the role that an invitation grants when it is accepted.

    Args:
        inviter: The inviter's current roles.
        required_role: The role that the policy of inviting requires.
        role: The role that the invitation names.

    Returns:
        The lower one of that role and the inviter's; None if the inviter may no longer invite.
    """
    if not inviter.grants(required_role):
        return None
    return role if _RANKS[role] <= _RANKS[inviter.workspace_role or "member"] else inviter.workspace_role


def check_shared(*, is_personal: bool) -> None:
    """A personal workspace is its owner's alone, for as long as the account is there.

    Raises:
        Conflict: The workspace is a personal one.
    """
    if is_personal:
        raise Conflict(
            "a personal workspace is its owner's alone, and stays as long as the account",
            code="personal_workspace",
        )
