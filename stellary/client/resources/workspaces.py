"""Workspaces, their members, and invitations to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stellary.client.calling.method import C, Id, Resource, by_id, follows, iterates, method
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
    from stellary.client.resources.agents import Agents, MissionHandle, Proposals
    from stellary.client.resources.documents import DocumentHandle, Documents
    from stellary.client.resources.pilotage import Pilotage
    from stellary.client.resources.project_drafts import ProjectDrafts
    from stellary.client.resources.projects import ProjectHandle, Projects
    from stellary.client.resources.scopes import AnyScopes
    from stellary.client.resources.webhooks import Webhooks


class Workspaces(Resource[C]):
    """The workspaces of an organization. Called with a slug it gives the handle of one."""

    create = method(CREATE_WORKSPACE)
    list = method(LIST_WORKSPACES)
    iterate = iterates(LIST_WORKSPACES)
    get = by_id(GET_WORKSPACE)
    update = by_id(UPDATE_WORKSPACE)
    delete = by_id(DELETE_WORKSPACE)

    def __call__(self, workspace: Id) -> WorkspaceHandle[C]:
        return WorkspaceHandle(self._caller, self._below(ws_slug=workspace))


class WorkspaceHandle(Resource[C]):
    """One workspace."""

    get = method(GET_WORKSPACE)
    update = method(UPDATE_WORKSPACE)
    delete = method(DELETE_WORKSPACE)
    search = method(SEARCH)
    iterate_search = iterates(SEARCH)
    events = follows(STREAM_EVENTS)

    @property
    def members(self) -> WorkspaceMembers[C]:
        """Who belongs to it."""
        return WorkspaceMembers(self._caller, self._place)

    @property
    def invitations(self) -> Invitations[C]:
        """Who has been invited to it and has not accepted yet."""
        return Invitations(self._caller, self._place)

    @property
    def projects(self) -> Projects[C]:
        """Its projects."""
        from stellary.client.resources.projects import Projects

        return Projects(self._caller, self._place)

    @property
    def project_drafts(self) -> ProjectDrafts[C]:
        """The projects that are being made of briefs."""
        from stellary.client.resources.project_drafts import ProjectDrafts

        return ProjectDrafts(self._caller, self._place)

    @property
    def webhooks(self) -> Webhooks[C]:
        """Where what happens in it is told."""
        from stellary.client.resources.webhooks import Webhooks

        return Webhooks(self._caller, self._place)

    @property
    def scopes(self) -> AnyScopes[C]:
        """The scopes of its projects; ``ws.project(…).scopes`` makes and lists those of one."""
        from stellary.client.resources.scopes import AnyScopes

        return AnyScopes(self._caller, self._place)

    @property
    def pilotage(self) -> Pilotage[C]:
        """What it is out to reach: missions, priorities, todos, decisions, and what is proposed."""
        from stellary.client.resources.pilotage import Pilotage

        return Pilotage(self._caller, self._place)

    @property
    def agents(self) -> Agents[C]:
        """Its agents."""
        from stellary.client.resources.agents import Agents

        return Agents(self._caller, self._place)

    @property
    def documents(self) -> Documents[C]:
        """What is written down in it."""
        from stellary.client.resources.documents import Documents

        return Documents(self._caller, self._place)

    def document(self, document: Id) -> DocumentHandle[C]:
        """One of its documents."""
        return self.documents(document)

    @property
    def proposals(self) -> Proposals[C]:
        """What its agents want to change."""
        from stellary.client.resources.agents import Proposals

        return Proposals(self._caller, self._place)

    def mission(self, mission: Id) -> MissionHandle[C]:
        """A mission of one of its agents."""
        from stellary.client.resources.agents import MissionHandle

        return MissionHandle(self._caller, self._below(mission_id=mission))

    def project(self, project: Id) -> ProjectHandle[C]:
        """One of its projects: the board."""
        return self.projects(project)


class WorkspaceMembers(Resource[C]):
    """Who belongs to a workspace. ``update`` and ``remove`` take a user's id, or a member."""

    list = method(LIST_WORKSPACE_MEMBERS)
    iterate = iterates(LIST_WORKSPACE_MEMBERS)
    invite = method(INVITE_MEMBER)
    update = by_id(UPDATE_WORKSPACE_MEMBER)
    remove = by_id(REMOVE_WORKSPACE_MEMBER)


class Invitations(Resource[C]):
    """The invitations to a workspace that wait to be accepted; ``workspace.members.invite`` makes them."""

    list = method(LIST_INVITATIONS)
    iterate = iterates(LIST_INVITATIONS)
    revoke = by_id(REVOKE_INVITATION)


class ReceivedInvitations(Resource[C]):
    """Invitations as those see them who got one. ``accept`` takes the token that was mailed."""

    accept = by_id(ACCEPT_INVITATION)
