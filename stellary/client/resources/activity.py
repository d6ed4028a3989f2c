"""The activity of a project."""

from __future__ import annotations

from stellary.client.calling.method import C, Resource, by_id, iterates, method
from stellary.contract.activities import (
    LIST_ACTIVITY,
    LIST_ORGANIZATION_ACTIVITY,
    LIST_WORKSPACE_ACTIVITY,
    UNDO_ACTIVITY,
)


class OrganizationActivity(Resource[C]):
    """The activities of an organization, newest first: changes of its members, its workspaces and itself."""

    list = method(LIST_ORGANIZATION_ACTIVITY)
    iterate = iterates(LIST_ORGANIZATION_ACTIVITY)


class WorkspaceActivity(Resource[C]):
    """The activities of a workspace that are not about cards, newest first."""

    list = method(LIST_WORKSPACE_ACTIVITY)
    iterate = iterates(LIST_WORKSPACE_ACTIVITY)


class ProjectActivity(Resource[C]):
    """The activities of a project, newest first; ``card_id`` selects those of one card."""

    list = method(LIST_ACTIVITY)
    iterate = iterates(LIST_ACTIVITY)
    undo = by_id(UNDO_ACTIVITY)
