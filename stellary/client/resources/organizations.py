"""Organizations and their members."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stellary.client.calling.method import C, IdLike
from stellary.client.methods.organizations import (
    OrganizationHandleMethods,
    OrganizationMembers,
    OrganizationsMethods,
)

if TYPE_CHECKING:
    from stellary.client.methods.activity import OrganizationActivity
    from stellary.client.resources.workspaces import WorkspaceHandle, Workspaces


class Organizations(OrganizationsMethods[C]):
    """The organizations of the caller. Call it with a slug for the handle of one."""

    def __call__(self, organization: IdLike) -> OrganizationHandle[C]:
        return OrganizationHandle(self._caller, self._extend_path(org_slug=organization))


class OrganizationHandle(OrganizationHandleMethods[C]):
    """One organization."""

    @property
    def activity(self) -> OrganizationActivity[C]:
        """The activity of the organization."""
        from stellary.client.methods.activity import OrganizationActivity

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
