"""Workspaces, their members, and invitations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stellary.client.calling.method import C, IdLike
from stellary.client.methods.workspaces import (
    Invitations,
    WorkspaceHandleMethods,
    WorkspaceMembers,
    WorkspacesMethods,
)

if TYPE_CHECKING:
    from stellary.client.methods.activity import WorkspaceActivity
    from stellary.client.methods.agents import Proposals
    from stellary.client.methods.cards import WorkspaceCards
    from stellary.client.methods.imports import Imports
    from stellary.client.methods.pilotage import Pilotage
    from stellary.client.methods.project_drafts import ProjectDrafts
    from stellary.client.methods.saved_filters import SavedFilters
    from stellary.client.methods.scopes import AnyScopes
    from stellary.client.methods.trash import Trash
    from stellary.client.methods.webhooks import Webhooks
    from stellary.client.resources.agents import Agents, MissionHandle
    from stellary.client.resources.documents import DocumentHandle, Documents
    from stellary.client.resources.projects import ProjectHandle, Projects


class Workspaces(WorkspacesMethods[C]):
    """The workspaces of an organization. Call it with a slug for the handle of one."""

    def __call__(self, workspace: IdLike) -> WorkspaceHandle[C]:
        return WorkspaceHandle(self._caller, self._extend_path(ws_slug=workspace))


class WorkspaceHandle(WorkspaceHandleMethods[C]):
    """One workspace."""

    @property
    def activity(self) -> WorkspaceActivity[C]:
        """The activity of the workspace, without that of cards, which is in ``board.activity``."""
        from stellary.client.methods.activity import WorkspaceActivity

        return WorkspaceActivity(self._caller, self._path_params)

    @property
    def members(self) -> WorkspaceMembers[C]:
        """The members of the workspace."""
        return WorkspaceMembers(self._caller, self._path_params)

    @property
    def invitations(self) -> Invitations[C]:
        """The invitations to the workspace that have not been accepted yet."""
        return Invitations(self._caller, self._path_params)

    @property
    def projects(self) -> Projects[C]:
        """The projects of the workspace."""
        from stellary.client.resources.projects import Projects

        return Projects(self._caller, self._path_params)

    @property
    def cards(self) -> WorkspaceCards[C]:
        """The cards of all projects of the workspace."""
        from stellary.client.methods.cards import WorkspaceCards

        return WorkspaceCards(self._caller, self._path_params)

    @property
    def saved_filters(self) -> SavedFilters[C]:
        """Saved filters of the workspace, which lists of cards take as ``saved``."""
        from stellary.client.methods.saved_filters import SavedFilters

        return SavedFilters(self._caller, self._path_params)

    @property
    def project_drafts(self) -> ProjectDrafts[C]:
        """The project drafts of the workspace."""
        from stellary.client.methods.project_drafts import ProjectDrafts

        return ProjectDrafts(self._caller, self._path_params)

    @property
    def imports(self) -> Imports[C]:
        """The imports in parts of the workspace."""
        from stellary.client.methods.imports import Imports

        return Imports(self._caller, self._path_params)

    @property
    def webhooks(self) -> Webhooks[C]:
        """The webhooks of the workspace."""
        from stellary.client.methods.webhooks import Webhooks

        return Webhooks(self._caller, self._path_params)

    @property
    def scopes(self) -> AnyScopes[C]:
        """The scopes of all projects; ``ws.project(…).scopes`` creates and lists those of one project."""
        from stellary.client.methods.scopes import AnyScopes

        return AnyScopes(self._caller, self._path_params)

    @property
    def pilotage(self) -> Pilotage[C]:
        """The pilotage of the workspace: missions, priorities, todos, decisions and proposed actions."""
        from stellary.client.methods.pilotage import Pilotage

        return Pilotage(self._caller, self._path_params)

    @property
    def agents(self) -> Agents[C]:
        """The agents of the workspace."""
        from stellary.client.resources.agents import Agents

        return Agents(self._caller, self._path_params)

    @property
    def documents(self) -> Documents[C]:
        """The documents of the workspace."""
        from stellary.client.resources.documents import Documents

        return Documents(self._caller, self._path_params)

    @property
    def trash(self) -> Trash[C]:
        """The deleted items of the workspace."""
        from stellary.client.methods.trash import Trash

        return Trash(self._caller, self._path_params)

    def document(self, document: IdLike) -> DocumentHandle[C]:
        """Return the handle of a document."""
        return self.documents(document)

    @property
    def proposals(self) -> Proposals[C]:
        """The changes that agents of the workspace have proposed."""
        from stellary.client.methods.agents import Proposals

        return Proposals(self._caller, self._path_params)

    def mission(self, mission: IdLike) -> MissionHandle[C]:
        """Return the handle of an agent's mission."""
        from stellary.client.resources.agents import MissionHandle

        return MissionHandle(self._caller, self._extend_path(mission_id=mission))

    def project(self, project: IdLike) -> ProjectHandle[C]:
        """Return the handle of a project."""
        return self.projects(project)
