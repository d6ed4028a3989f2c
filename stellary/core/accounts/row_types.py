"""The rows of accounts, as their statements select them."""

from __future__ import annotations

from datetime import datetime

from stellary.contract.endpoint import TokenScope
from stellary.contract.roles import OrganizationRole, PilotageRole, ProjectRole, WorkspaceRole
from stellary.contract.trash import ContainerKind
from stellary.core.db.row_types import RowType


class PersonRow(RowType):
    """The id, the address and the name of a user."""

    id: str
    email: str
    name: str


class UserRow(PersonRow):
    """A user."""

    password_hash: str | None
    token_generation: int
    unverified_since: datetime | None
    deactivated_at: datetime | None
    created_at: datetime


class IdentifiedUserRow(UserRow):
    """A user, with what decides whether an identity of a provider may be linked without a password."""

    external_id: str | None
    agent_of_id: str | None
    has_identity: bool


class UserWithRoleRow(UserRow):
    """A user, with the pilotage role in their personal workspace; None without such a workspace."""

    pilotage_role: PilotageRole | None


class ProvisionedRow(RowType):
    """An organization and one of its workspaces, with the roles of a user; None where there is none."""

    id: str
    owner_id: str
    organization_role: OrganizationRole | None
    workspace_id: str | None
    workspace_owner_id: str | None
    role: WorkspaceRole | None
    pilotage_role: PilotageRole | None


class ProvisionedSeatRow(RowType):
    """A user's seat in an organization, or in one of its workspaces; each with its owner."""

    organization: str
    organization_owner_id: str
    workspace: str | None
    owner_id: str
    role: str
    pilotage_role: str | None


class CallerRow(UserWithRoleRow):
    """The caller, with the password generation that the caller's login needs; None if the session has ended."""

    live_generation: int | None


class MembershipRow(RowType):
    """A membership of the caller in an organization."""

    id: str
    slug: str
    role: OrganizationRole
    trash_id: str | None
    member_count: int


class SecondFactorRow(RowType):
    """The second factor of a user, which may not be confirmed yet."""

    secret: str
    last_step: int
    confirmed_at: datetime | None


class OrganizationRow(RowType):
    """An organization."""

    id: str
    name: str
    owner_id: str


class ListedOrganizationRow(OrganizationRow):
    """An organization, with the caller's role."""

    role: OrganizationRole


class OrganizationMemberRow(RowType):
    """A member of an organization."""

    user_id: str
    role: OrganizationRole


class LoadedOrganizationMemberRow(OrganizationMemberRow):
    """A member of an organization, with the organization's owner."""

    owner_id: str


class WorkspaceRow(RowType):
    """A workspace."""

    id: str
    organization_id: str
    name: str
    owner_id: str
    is_personal: bool
    pilotage_cycle: str


class ListedWorkspaceRow(WorkspaceRow):
    """A workspace, with the caller's roles as a member, before organization roles are considered."""

    role: WorkspaceRole | None
    pilotage_role: PilotageRole | None


class WorkspaceMemberRow(RowType):
    """A member of a workspace."""

    user_id: str
    name: str


class LoadedWorkspaceMemberRow(WorkspaceMemberRow):
    """A member of a workspace, with the role in the organization."""

    member_org_role: OrganizationRole


class SeatOwnersRow(RowType):
    """A workspace, with its owner and that of its organization."""

    id: str
    owner_id: str
    organization_owner_id: str


class SeatRow(WorkspaceMemberRow):
    """A member, with the workspace."""

    workspace_id: str


class IdRow(RowType):
    """A row that only has an id."""

    id: str


class InvitationByTokenRow(RowType):
    """An invitation, with the slugs of its workspace, for the user who accepts it."""

    id: str
    workspace_id: str
    organization_id: str
    ws_slug: str
    org_slug: str
    is_callers: bool


class AcceptedInvitationRow(RowType):
    """An invitation that has just been deleted, with the current roles of its inviter, and of the person who accepts it."""

    role: WorkspaceRole
    invited_by_id: str
    project_id: str | None
    project_role: ProjectRole | None
    org_role: OrganizationRole | None
    ws_role: WorkspaceRole | None
    inviter_org_role: OrganizationRole | None
    inviter_ws_role: WorkspaceRole | None


class OAuthGrantRow(RowType):
    """The API token of an OAuth grant, which its program renews."""

    scopes: list[TokenScope]
    grant_digests: dict[str, str] | None
    renewals: int | None
    renewable_until: datetime | None


class LoginAttemptsRow(RowType):
    """The login attempts of an account or an address."""

    key: str
    failures: int
    window_ends_at: datetime
    known_until: datetime | None


class TrashedContainerRow(RowType):
    """A deleted workspace or organization that the caller administers: ``is_owner`` if the caller owns it."""

    id: str
    kind: ContainerKind
    item_id: str
    name: str
    slug: str | None
    org_slug: str
    organization_id: str
    is_owner: bool
