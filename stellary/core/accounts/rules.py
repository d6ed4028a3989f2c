"""Rules of accounts: permissions of roles, and changes of members. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import attrs

from stellary.contract.endpoint import Policy, Role
from stellary.contract.errors import Conflict, Forbidden
from stellary.contract.roles import (
    PROJECT_ROLES,
    OrganizationRole,
    PilotageRole,
    ProjectRole,
    WorkspaceRole,
)
from stellary.contract.workspaces import WorkspaceMember

FORMER_NAME = "former member"
"""The name of a deleted account."""
_RANKS = {"guest": 0, "member": 1, "admin": 2, "owner": 3}


def reaches(org_role: str | None, ws_role: str | None, *, is_personal: bool) -> bool:
    """Return whether a user has access to a workspace: members do, and organization admins unless it is personal.

    Args:
        org_role: The role in the organization; None for other users.
        ws_role: The role as a member of the workspace; None for other users.
        is_personal: Whether the workspace is the personal one of a user.
    """
    return ws_role is not None or (org_role in ("owner", "admin") and not is_personal)


def is_admin(org_role: str | None, ws_role: str | None, *, is_personal: bool) -> bool:
    """Return whether a user is an admin of a workspace: by their own role, or as an organization admin.

    Args:
        org_role: The role in the organization; None for other users.
        ws_role: The role as a member of the workspace; None for other users.
        is_personal: Whether the workspace is the personal one of a user.
    """
    return ws_role == "admin" or (org_role in ("owner", "admin") and not is_personal)


@attrs.frozen
class ProjectSight:
    """The projects of a workspace that a caller sees.

    Attributes:
        hidden: The private projects that the caller is not a member of, deleted ones included.
        only: The only projects that the token or the agent sees; None for all.
        sees_outside: Whether the caller sees what is in no project. Tokens that are bound to projects do not.
        member_id: The user whose memberships decide which private projects are seen; empty if the workspace has none;
            None for admins, who see all of them.
        guest_projects: The projects that a guest is a member of; None for everyone else.
    """

    hidden: frozenset[str] = frozenset()
    only: frozenset[str] | None = None
    sees_outside: bool = True
    member_id: str | None = None
    guest_projects: frozenset[str] | None = None

    @property
    def is_limited(self) -> bool:
        return bool(self.hidden) or self.only is not None or self.guest_projects is not None

    def sees(self, project_id: str | None) -> bool:
        """Return whether the caller sees a project, and what is in it; or, for None, what is in no project."""
        if project_id is None:
            return self.sees_outside
        return (
            project_id not in self.hidden
            and (self.only is None or project_id in self.only)
            and (self.guest_projects is None or project_id in self.guest_projects)
        )

    def sees_all(self, project_ids: Iterable[str] | None) -> bool:
        """Return whether the caller sees all of some projects; for None, which are unknown, whether no project is hidden."""
        return not self.is_limited or (project_ids is not None and all(map(self.sees, project_ids)))

    @property
    def parameters(self) -> dict[str, object]:
        """The parameters of the condition ``project_sight.is_visible``."""
        only = self.only
        return {
            "_member_id": self.member_id,
            "_sees_private": self.member_id is None,
            "_sees_shared": self.guest_projects is None,
            "_only": sorted(only or ()),
            "_sees_any": only is None,
            "_sees_outside": self.sees_outside,
        }


SEES_ALL = ProjectSight()
"""What a caller without limits sees: all projects of a workspace."""
_PROJECT_RANKS = {role: rank for rank, role in enumerate(PROJECT_ROLES)}


def find_project_role(
    own_role: ProjectRole | None, others_role: ProjectRole | None, *, is_admin: bool
) -> ProjectRole | None:
    """Return the effective role in a project; None if the project is hidden. Admins of the workspace are managers.

    Args:
        own_role: The role as a member of the project; None for other users.
        others_role: The role of the members of the workspace who are not members of the project; None if it is private, and
            for guests.
        is_admin: Whether the user is an admin of the workspace.
    """
    return "manager" if is_admin else own_role or others_role


@attrs.frozen
class CallerRoles:
    """The caller's roles in an organization, a workspace and a project.

    Attributes:
        user_id: The caller.
        org_role: The role in the organization; None without membership.
        workspace_id: The workspace; empty if none is concerned.
        ws_role: The role in the workspace; None without membership, or if no workspace is concerned.
        pilotage_role: The pilotage role as a member of the workspace.
        in_project: True for a member of the project, if one is concerned.
        project_role: The effective role in the project; None if no project is concerned, or if it is hidden.
        sight: The projects of the workspace that the caller sees.
    """

    user_id: str
    organization_id: str
    org_role: OrganizationRole | None
    workspace_id: str = ""
    workspace_owner_id: str | None = None
    is_personal: bool = False
    ws_role: WorkspaceRole | None = None
    pilotage_role: PilotageRole | None = None
    in_project: bool = False
    project_role: ProjectRole | None = None
    sight: ProjectSight = SEES_ALL

    @property
    def leads_organization(self) -> bool:
        return self.org_role in ("owner", "admin")

    @property
    def sees_organization(self) -> bool:
        return self.org_role is not None

    @property
    def is_guest(self) -> bool:
        """Return whether the user is a guest of the workspace; or, if none is concerned, of the organization."""
        return (self.workspace_role if self.workspace_id else self.org_role) == "guest"

    @property
    def sees_workspace(self) -> bool:
        return bool(self.workspace_id) and reaches(self.org_role, self.ws_role, is_personal=self.is_personal)

    @property
    def workspace_role(self) -> WorkspaceRole | None:
        """The effective role: organization admins are implicit workspace admins."""
        if not self.sees_workspace:
            return None
        return "admin" if self.leads_organization else self.ws_role

    @property
    def effective_pilotage_role(self) -> PilotageRole | None:
        """The effective pilotage role: organization admins are implicit pilotage owners."""
        if not self.sees_workspace:
            return None
        return "owner" if self.leads_organization else self.pilotage_role

    def enter_project(self, own_role: ProjectRole | None, others_role: ProjectRole | None) -> CallerRoles:
        """Return the roles with the effective one in a project.

        Args:
            own_role: The role as a member of the project; None for other users.
            others_role: The role of the members of the workspace who are not members of the project; None if it is private.
        """
        others_role = None if self.is_guest else others_role
        role = find_project_role(own_role, others_role, is_admin=self.workspace_role == "admin")
        return attrs.evolve(self, in_project=own_role is not None, project_role=role)

    def lacks(self, policy: Policy) -> ProjectRole | None:
        """Return the role in the project that a policy row requires and the caller lacks; None if nothing is missing."""
        needed = policy.project
        if needed is None or self.project_role is None:
            return None
        return None if _PROJECT_RANKS[self.project_role] >= _PROJECT_RANKS[needed] else needed

    def admits(self, policy: Policy) -> bool:
        """Return whether a policy row is not closed to the user as a guest."""
        return policy.guests or not self.is_guest

    def grants(self, role: Role, author_id: str | None = None) -> bool:
        """Return whether the roles satisfy a policy row.

        Args:
            role: The role that the policy row requires.
            author_id: The author of the item, or the user that it is about, for policies that depend on it.
        """
        check = _GRANTS.get(role)
        return check is not None and check(self, author_id)


def _is_admin(roles: CallerRoles) -> bool:
    return roles.workspace_role == "admin"


_GRANTS: Mapping[Role, Callable[[CallerRoles, str | None], bool]] = {
    "org_read": lambda roles, _: roles.sees_organization,
    "org_admin": lambda roles, _: roles.leads_organization,
    "org_owner": lambda roles, _: roles.org_role == "owner",
    "ws_read": lambda roles, _: roles.sees_workspace,
    "ws_admin": lambda roles, _: _is_admin(roles),
    "ws_admin_or_self": lambda roles, user: (
        roles.sees_workspace and (_is_admin(roles) or user == roles.user_id)
    ),
    "author": lambda roles, author: roles.sees_workspace and (_is_admin(roles) or author == roles.user_id),
    "creator": lambda roles, creator: roles.sees_workspace and creator == roles.user_id,
    "author_or_manager": lambda roles, author: (
        roles.sees_workspace and (roles.project_role == "manager" or author == roles.user_id)
    ),
    "ws_owner": lambda roles, _: (
        roles.sees_workspace and (roles.workspace_owner_id == roles.user_id or roles.org_role == "owner")
    ),
    "proj_manage": lambda roles, _: roles.sees_workspace and (_is_admin(roles) or roles.in_project),
    "pil_write": lambda roles, _: roles.effective_pilotage_role == "owner",
    "pil_review": lambda roles, _: roles.effective_pilotage_role in ("owner", "reviewer"),
}
"""The check for each role of a policy row. A role without an entry is not granted to any caller."""


def check_grant(actor_role: str | None, role: str) -> None:
    """Check that the actor may give a role: not above their own, and never ``owner``.

    Args:
        actor_role: The actor's role in the organization.
        role: The role to give.

    Raises:
        Forbidden: The role is above the actor's, or it is owner.
    """
    if role == "owner" or _RANKS.get(actor_role or "", 0) < _RANKS[role]:
        raise Forbidden("you cannot give a role above your own", code="insufficient_role")


def check_touch(actor_role: str | None, member_role: str) -> None:
    """Check that the actor may change or remove a member of an organization.

    Args:
        actor_role: The role of the member who acts; None for other users.
        member_role: The role of the member to change or remove.

    Raises:
        Conflict: The member is the owner.
        Forbidden: The member's role is equal to the actor's, or above it.
    """
    check_leave(member_role)
    if _RANKS.get(actor_role or "", 0) <= _RANKS[member_role]:
        raise Forbidden("you can change or remove only members with a lower role", code="insufficient_role")


def check_leave(role: str) -> None:
    """Check that a member may leave or be removed: the owner of an organization cannot.

    Raises:
        Conflict: The member is the owner.
    """
    if role == "owner":
        raise Conflict("the owner of an organization cannot be changed, removed or leave", code="owner_stays")


@attrs.frozen
class Seat:
    """A workspace of an organization, with a user's role in its list of members."""

    workspace_id: str
    is_personal: bool
    ws_role: str | None


def find_lost_workspaces(seats: Iterable[Seat], before: str, after: str | None) -> list[str]:
    """Return the workspaces that a user loses access to when the role in the organization changes.

    Args:
        seats: All workspaces of the organization.
        before: The role until now.
        after: The role from now on; None if the user leaves, which also ends memberships in workspaces.
    """
    return [
        seat.workspace_id
        for seat in seats
        if reaches(before, seat.ws_role, is_personal=seat.is_personal)
        and not reaches(after, seat.ws_role if after else None, is_personal=seat.is_personal)
    ]


def find_lost_admin_rights(seats: Iterable[Seat], before: str, after: str) -> list[str]:
    """Return the workspaces in which a user is no longer an admin but still has access.

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


def check_workspace_member(is_owner: bool, before: WorkspaceMember, after: WorkspaceMember | None) -> None:
    """Check that the owner of a workspace stays its member, admin and pilotage owner.

    Args:
        is_owner: Whether the member owns the workspace.
        before: The member with the current roles.
        after: The member with the new ones; None to remove the member.

    Raises:
        Conflict: The member is the owner, and the roles would change.
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
    """Check that a workspace is not personal: a personal workspace has no other members, and exists as long as the account.

    Raises:
        Conflict: The workspace is personal.
    """
    if is_personal:
        raise Conflict(
            "a personal workspace belongs to its owner alone, and exists as long as the account",
            code="personal_workspace",
        )
