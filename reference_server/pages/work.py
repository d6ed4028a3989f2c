"""The pages on which people work: what is theirs to do, boards, cards, documents, notifications and approvals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final

import attrs

from reference_server.pages.operations import OperationPage, PageForm, Read, build_ref, show_signed_in
from reference_server.pages.rendering import VIEW_HEADERS, render_page
from reference_server.pages.requests import ApiResponse, PageApi, PageRequest
from stellary.contract.attachments import DOWNLOAD_ATTACHMENT
from stellary.contract.errors import Forbidden, NotFound
from stellary.contract.notifications import NotificationKind
from stellary.contract.port import RawResponse
from stellary.contract.projects import Project
from stellary.contract.saved_filters import SavedFilter

if TYPE_CHECKING:
    from stellary import Stellary
    from stellary.client.handles import Workspace

WORKSPACES_MAX = 50
"""The number of workspaces that a page names."""
OTHER_VIEWS: Final = {
    "list": "List",
    "calendar": "Calendar",
    "roadmap": "Roadmap",
    "stats": "Statistics",
    "flow": "Flow",
}
"""The titles of the views of a project beside the board, by the last part of their path."""
KINDS: Final[Mapping[NotificationKind, str]] = {
    "assignment": "You are assigned a card",
    "mention": "You are mentioned",
    "review": "A document or a proposal waits for your review",
    "approval": "Your proposal is decided",
    "invitation": "You are invited",
    "notice": "Something needs your attention",
    "automation": "A rule of yours fails or is switched off",
    "webhook": "A webhook is given up",
    "reminder": "You are reminded",
    "card": "A card that you follow changes",
    "document": "A document that you follow changes",
    "project": "A project that you follow changes",
}
"""The kinds of notifications in words. A page with a kind that is missing here fails."""


@attrs.frozen
class WorkspaceLink:
    """A workspace on a page.

    Attributes:
        name: Its name, after that of its organization.
        path: Its part of a path: ``acme/eng``.
        projects: Its projects, if the page shows them.
        filters: The filters that the user has saved, and the shared ones, if the page shows them.
    """

    name: str
    path: str
    projects: Sequence[Project] = ()
    filters: Sequence[SavedFilter] = ()


def list_places(
    request: PageRequest, api: PageApi, *, has_projects: bool = False
) -> dict[str, WorkspaceLink]:
    """Return the workspaces of the user by id, at most 50, of the first 50 organizations.

    Args:
        request: The request.
        api: The API.
        has_projects: Whether to read their projects and saved filters as well. Default: False.
    """
    client = _open_client(api)

    def list_contents(organization: str, workspace: str) -> tuple[Sequence[Project], Sequence[SavedFilter]]:
        handle = client.workspace(organization, workspace)
        return handle.projects.list(), handle.saved_filters.list()

    workspaces = (
        (organization, workspace)
        for organization in client.organizations.list(limit=WORKSPACES_MAX)
        for workspace in client.organization(organization.slug).workspaces.list(limit=WORKSPACES_MAX)
    )
    return {
        workspace.id: WorkspaceLink(
            f"{organization.name} / {workspace.name}",
            f"{organization.slug}/{workspace.slug}",
            *(list_contents(organization.slug, workspace.slug) if has_projects else ()),
        )
        for organization, workspace in islice(workspaces, WORKSPACES_MAX)
    }


def find_filter(request: PageRequest, api: PageApi) -> SavedFilter:
    """Return the saved filter of the path.

    Raises:
        NotFound: The user has no such filter.
    """
    for saved in _open_workspace(request, api).saved_filters.iterate():
        if saved.id == request.parameters["saved_filter_id"]:
            return saved
    raise NotFound("Saved filter not found")


def list_people(request: PageRequest, api: PageApi) -> dict[str, str]:
    """Return the names of the members and agents of a workspace by id, at most 500 of each."""
    workspace = _open_workspace(request, api)
    names = {member.user_id: member.name for member in workspace.members.list(limit=500)}
    # Guests see no agents.
    with suppress(Forbidden):
        names |= {agent.id: agent.name for agent in workspace.agents.list(limit=500)}
    return names


def draw_view(view: str, request: PageRequest, api: PageApi) -> str:
    """Return a view of a project as the SDK shows it in notebooks, with headings for a page that has a title.

    Args:
        view: The name of the view.
        request: The request, whose path names the project.
        api: The API.
    """
    # Loaded when the first board is shown.
    from stellary.client.display import load
    from stellary.client.display import view as build_view

    organization, workspace, project_id = (
        request.parameters[name] for name in ("org_slug", "ws_slug", "project_id")
    )
    project = _open_client(api).workspace(organization, workspace).project(project_id)
    if view in ("roadmap", "stats", "flow"):
        return load(project, view).html(level=1)
    card_url = f"{request.prefix}/boards/{organization}/{workspace}/{project_id}/cards/"
    return build_view(project.board(), view, card_url=card_url).html(level=1)


def _open_client(api: PageApi) -> Stellary:
    """Return the client of the user, who has signed in, since the page has read something before."""
    client = api.open_client()
    assert client is not None
    return client


def _open_workspace(request: PageRequest, api: PageApi) -> Workspace:
    """Return the client of the workspace of the path."""
    return _open_client(api).workspace(request.parameters["org_slug"], request.parameters["ws_slug"])


def show_file(request: PageRequest, api: PageApi) -> RawResponse:
    """Return a file of a card."""
    ref = build_ref(DOWNLOAD_ATTACHMENT.ref, request.parameters)
    return show_signed_in(request, lambda: api.open_file(DOWNLOAD_ATTACHMENT, ref))


def show_token(request: PageRequest, response: ApiResponse) -> RawResponse:
    """Return the page with a new token, which is not shown again."""
    return render_page(request, "new_api_token", token=response.body)


HOME = OperationPage(
    "home",
    {
        "work": Read("me.work"),
        "unread": Read("notifications.count"),
        "places": partial(list_places, has_projects=True),
    },
)
BOARDS = {
    view: OperationPage(
        "board",
        {
            "project": Read("projects.get"),
            "view": partial(draw_view, view),
            "other_views": lambda *_: OTHER_VIEWS,
        },
        headers=VIEW_HEADERS,
    )
    for view in ("kanban", *OTHER_VIEWS)
}
CARD = OperationPage(
    "card",
    {
        "card": Read("cards.get"),
        "project": Read("projects.get"),
        "scopes": Read("scopes.list"),
        "columns": Read("columns.list"),
        "labels": Read("labels.list"),
        "people": list_people,
        "files": Read("attachments.list", {"limit": 100}),
        "comments": Read("comments.list", {"limit": 50}),
        "history": Read("projects.activity", {"limit": 20, "cardId": ":card_id"}),
        "watch": Read("cards.get_watch"),
    },
    {
        "watch": PageForm("cards.watch", "You are notified of each change.", {"level": "watch"}),
        "mute": PageForm("cards.watch", "You are not notified of changes.", {"level": "mute"}),
        "unwatch": PageForm("cards.unwatch", "You are notified as by default."),
        "move": PageForm("cards.update", "The card is moved."),
        "assign": PageForm("cards.update", "The assignment is saved."),
        "due": PageForm("cards.update", "The due date is saved."),
        "edit": PageForm("cards.update", "The text is saved."),
        "archive": PageForm("cards.update", "The card is archived.", {"archived": True}),
        "restore": PageForm("cards.update", "The card is back on the board.", {"archived": False}),
        "tick": PageForm("checklist.update", "The checklist is saved."),
        "add": PageForm("checklist.add", "The item is added."),
        "comment": PageForm("comments.create", "Your comment is posted."),
    },
)
FILTER = OperationPage(
    "filter",
    {
        "workspace": Read("workspaces.get"),
        "saved": find_filter,
        "cards": Read("cards.list_in_workspace", {"limit": 100, "saved": ":saved_filter_id"}),
        "projects": Read("projects.list"),
    },
)
DOCUMENTS = OperationPage(
    "documents", {"workspace": Read("workspaces.get"), "documents": Read("documents.list", {"limit": 100})}
)
_MARKDOWN = {"contentFormat": "markdown"}
DOCUMENT = OperationPage(
    "document",
    {
        "document": Read("documents.get", _MARKDOWN),
        "versions": Read("documents.versions", {"limit": 20}),
        "comments": Read("document_comments.list", {"limit": 50}),
    },
    {
        "submit": PageForm("documents.submit_review", "The document is submitted for review."),
        "approve": PageForm("documents.review", "The document is approved.", {"status": "approved"}),
        "reject": PageForm(
            "documents.review", "Your request for changes is sent.", {"status": "changes_requested"}
        ),
        "comment": PageForm("document_comments.create", "Your comment is posted."),
    },
)
VERSION = OperationPage("version", {"version": Read("documents.get_version", _MARKDOWN)})
NOTIFICATIONS = OperationPage(
    "notifications",
    {"notifications": Read("notifications.list", {"limit": 50}), "places": list_places},
    {
        "read_all": PageForm("notifications.read_all", "All notifications are marked as read."),
        "read": PageForm("notifications.read", "The notification is marked as read."),
    },
)
PREFERENCES = OperationPage(
    "preferences",
    {"preferences": Read("notifications.preferences"), "kinds": lambda *_: KINDS},
    {"save": PageForm("notifications.update_preferences", "Your choices are saved.")},
)
APPROVALS = OperationPage(
    "approvals",
    {
        "workspace": Read("workspaces.get"),
        "proposals": Read("proposals.list", {"limit": 50, "status": "pending"}, is_optional=True),
        "actions": Read("pilotage.list_actions", {"limit": 50, "status": "suggested"}, is_optional=True),
        "people": list_people,
    },
    {
        "approve": PageForm("proposals.approve", "The proposal is approved."),
        "reject": PageForm("proposals.reject", "The proposal is rejected."),
        "approve_action": PageForm("pilotage.review_action", "The action is approved.", {"approved": True}),
        "reject_action": PageForm("pilotage.review_action", "The action is rejected.", {"approved": False}),
    },
)
TOKENS = OperationPage(
    "api_tokens",
    {"tokens": Read("api_tokens.list", {"limit": 100})},
    {
        "create": PageForm("api_tokens.create", then=show_token),
        "revoke": PageForm("api_tokens.delete", "The token is revoked."),
    },
)
