"""Organizations and their members."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stellary.client.calling.method import C, IdLike, Resource, SlugHandle, by_id, iterates, method
from stellary.contract.organizations import (
    ADD_ORGANIZATION_MEMBER,
    CREATE_ORGANIZATION,
    DELETE_ORGANIZATION,
    GET_ORGANIZATION,
    LEAVE_ORGANIZATION,
    LIST_ORGANIZATION_MEMBERS,
    LIST_ORGANIZATIONS,
    REMOVE_ORGANIZATION_MEMBER,
    UPDATE_ORGANIZATION,
    UPDATE_ORGANIZATION_MEMBER,
)

if TYPE_CHECKING:
    from stellary.client.resources.activity import OrganizationActivity
    from stellary.client.resources.workspaces import WorkspaceHandle, Workspaces


class Organizations(Resource[C]):
    """The organizations of the caller. Call it with a slug for the handle of one."""

    create = method(CREATE_ORGANIZATION)
    list = method(LIST_ORGANIZATIONS)
    iterate = iterates(LIST_ORGANIZATIONS)
    get = by_id(GET_ORGANIZATION)
    update = by_id(UPDATE_ORGANIZATION)
    delete = by_id(DELETE_ORGANIZATION)
    leave = by_id(LEAVE_ORGANIZATION)

    def __call__(self, organization: IdLike) -> OrganizationHandle[C]:
        return OrganizationHandle(self._caller, self._extend_path(org_slug=organization))


class OrganizationHandle(SlugHandle[C]):
    """One organization."""

    get = method(GET_ORGANIZATION)
    update = method(UPDATE_ORGANIZATION)
    delete = method(DELETE_ORGANIZATION)
    leave = method(LEAVE_ORGANIZATION)

    @property
    def activity(self) -> OrganizationActivity[C]:
        """The activity of the organization."""
        from stellary.client.resources.activity import OrganizationActivity

        return OrganizationActivity(self._caller, self._path_params)

    @property
    def members(self) -> OrganizationMembers[C]:
        """The members of the organization."""
        return OrganizationMembers(self._caller, self._path_params)

    @property
    def workspaces(self) -> Workspaces[C]:
        """The workspaces of the organization."""
        from stellary.client.resources.workspaces import Workspaces

        return Workspaces(self._caller, self._path_params)

    def workspace(self, workspace: IdLike) -> WorkspaceHandle[C]:
        """Return the handle of a workspace, by its slug."""
        return self.workspaces(workspace)


class OrganizationMembers(Resource[C]):
    """The members of an organization. ``update`` and ``remove`` take a user's id, or a member."""

    list = method(LIST_ORGANIZATION_MEMBERS)
    iterate = iterates(LIST_ORGANIZATION_MEMBERS)
    add = method(ADD_ORGANIZATION_MEMBER)
    update = by_id(UPDATE_ORGANIZATION_MEMBER)
    remove = by_id(REMOVE_ORGANIZATION_MEMBER)
