"""Workspaces, their members, and invitations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stellary.client.calling.method import C, IdLike, Resource, SlugHandle, by_id, follows, iterates, method
from stellary.contract.search import SEARCH
from stellary.contract.workspace_events import STREAM_EVENTS
from stellary.contract.workspaces import (
    ACCEPT_INVITATION,
    CREATE_WORKSPACE,
    DELETE_WORKSPACE,
    GET_WORKSPACE,
    INVITE_MEMBER,
    LIST_INVITATIONS,
    LIST_WORKSPACE_MEMBERS,
    LIST_WORKSPACES,
    REMOVE_WORKSPACE_MEMBER,
    REVOKE_INVITATION,
    UPDATE_WORKSPACE,
    UPDATE_WORKSPACE_MEMBER,
)

if TYPE_CHECKING:
    from stellary.client.resources.activity import WorkspaceActivity
    from stellary.client.resources.agents import Agents, MissionHandle, Proposals
    from stellary.client.resources.documents import DocumentHandle, Documents
    from stellary.client.resources.imports import Imports
    from stellary.client.resources.pilotage import Pilotage
    from stellary.client.resources.project_drafts import ProjectDrafts
    from stellary.client.resources.projects import ProjectHandle, Projects
    from stellary.client.resources.scopes import AnyScopes
    from stellary.client.resources.trash import Trash
    from stellary.client.resources.webhooks import Webhooks


class Workspaces(Resource[C]):
    """The workspaces of an organization. Call it with a slug for the handle of one."""

    create = method(CREATE_WORKSPACE)
    list = method(LIST_WORKSPACES)
    iterate = iterates(LIST_WORKSPACES)
    get = by_id(GET_WORKSPACE)
    update = by_id(UPDATE_WORKSPACE)
    delete = by_id(DELETE_WORKSPACE)

    def __call__(self, workspace: IdLike) -> WorkspaceHandle[C]:
        return WorkspaceHandle(self._caller, self._extend_path(ws_slug=workspace))


class WorkspaceHandle(SlugHandle[C]):
    """One workspace."""

    get = method(GET_WORKSPACE)
    update = method(UPDATE_WORKSPACE)
    delete = method(DELETE_WORKSPACE)
    search = method(SEARCH)
    iterate_search = iterates(SEARCH)
    events = follows(STREAM_EVENTS)

    @property
    def activity(self) -> WorkspaceActivity[C]:
        """The activity of the workspace, without that of cards, which is in ``board.activity``."""
        from stellary.client.resources.activity import WorkspaceActivity

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
    def project_drafts(self) -> ProjectDrafts[C]:
        """The project drafts of the workspace."""
        from stellary.client.resources.project_drafts import ProjectDrafts

        return ProjectDrafts(self._caller, self._path_params)

    @property
    def imports(self) -> Imports[C]:
        """The imports in parts of the workspace."""
        from stellary.client.resources.imports import Imports

        return Imports(self._caller, self._path_params)

    @property
    def webhooks(self) -> Webhooks[C]:
        """The webhooks of the workspace."""
        from stellary.client.resources.webhooks import Webhooks

        return Webhooks(self._caller, self._path_params)

    @property
    def scopes(self) -> AnyScopes[C]:
        """The scopes of all projects; ``ws.project(…).scopes`` creates and lists those of one project."""
        from stellary.client.resources.scopes import AnyScopes

        return AnyScopes(self._caller, self._path_params)

    @property
    def pilotage(self) -> Pilotage[C]:
        """The pilotage of the workspace: missions, priorities, todos, decisions and proposed actions."""
        from stellary.client.resources.pilotage import Pilotage

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
        from stellary.client.resources.trash import Trash

        return Trash(self._caller, self._path_params)

    def document(self, document: IdLike) -> DocumentHandle[C]:
        """Return the handle of a document."""
        return self.documents(document)

    @property
    def proposals(self) -> Proposals[C]:
        """The changes that agents of the workspace have proposed."""
        from stellary.client.resources.agents import Proposals

        return Proposals(self._caller, self._path_params)

    def mission(self, mission: IdLike) -> MissionHandle[C]:
        """Return the handle of an agent's mission."""
        from stellary.client.resources.agents import MissionHandle

        return MissionHandle(self._caller, self._extend_path(mission_id=mission))

    def project(self, project: IdLike) -> ProjectHandle[C]:
        """Return the handle of a project."""
        return self.projects(project)


class WorkspaceMembers(Resource[C]):
    """The members of a workspace. ``update`` and ``remove`` take a user's id, or a member."""

    list = method(LIST_WORKSPACE_MEMBERS)
    iterate = iterates(LIST_WORKSPACE_MEMBERS)
    invite = method(INVITE_MEMBER)
    update = by_id(UPDATE_WORKSPACE_MEMBER)
    remove = by_id(REMOVE_WORKSPACE_MEMBER)


class Invitations(Resource[C]):
    """The pending invitations to a workspace; ``workspace.members.invite`` creates them."""

    list = method(LIST_INVITATIONS)
    iterate = iterates(LIST_INVITATIONS)
    revoke = by_id(REVOKE_INVITATION)


class ReceivedInvitations(Resource[C]):
    """The invitations that the caller has received. ``accept`` takes the token from the e-mail."""

    accept = by_id(ACCEPT_INVITATION)
