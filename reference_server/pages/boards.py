"""The pages of a user who has signed in: the projects, and the views of a board, as the SDK shows them in notebooks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from reference_server.pages.rendering import VIEW_HEADERS, render_message, render_page
from reference_server.pages.requests import PageApi, PageRequest
from reference_server.pages.sessions import render_sign_in
from stellary.contract.errors import NotFound, Unauthenticated
from stellary.contract.port import RawResponse

if TYPE_CHECKING:
    from stellary import Stellary

WORKSPACES_MAX = 50
"""The number of workspaces whose projects the first page lists."""
OTHER_VIEWS = {
    "list": "List",
    "calendar": "Calendar",
    "roadmap": "Roadmap",
    "stats": "Statistics",
    "flow": "Flow",
}
"""The titles of the views of a project beside the board, by the last part of their path."""


def show_home(request: PageRequest, api: PageApi) -> RawResponse:
    """Return the page with the projects of the user who has signed in, by workspace."""
    return _show_signed_in(request, api, _render_home)


def show_board(request: PageRequest, api: PageApi, view: str = "kanban") -> RawResponse:
    """Return the page with a view of a project.

    Args:
        request: The request, whose path names the project.
        api: The API.
        view: The name of the view. Default: ``kanban``.
    """
    return _show_signed_in(request, api, partial(_render_board, view))


def _show_signed_in(
    request: PageRequest, api: PageApi, render: Callable[[PageRequest, Stellary], RawResponse]
) -> RawResponse:
    """Return a page for the user who has signed in, or else the form to do so."""
    client = api.open_client()
    if client is not None:
        try:
            return render(request, client)
        except Unauthenticated:
            # The session has ended.
            pass
        except NotFound:
            sentence = "There is no such page, or you have no access to it."
            return render_message(request, "Not found", sentence, status=404, is_signed_in=True)
    return render_sign_in(request, request.path, status=401)


def _render_home(request: PageRequest, client: Stellary) -> RawResponse:
    workspaces = [
        (organization, workspace)
        for organization in client.organizations.list()
        for workspace in client.organization(organization.slug).workspaces.list()
    ]
    sections = []
    for organization, workspace in workspaces[:WORKSPACES_MAX]:
        projects = [
            (_board_path(request, organization.slug, workspace.slug, project.id), project.name)
            for project in client.workspace(organization.slug, workspace.slug).projects.list()
        ]
        sections.append((f"{organization.name} / {workspace.name}", projects))
    more = len(workspaces) - len(sections)
    return render_page(request, "home", workspaces=sections, more=more)


def _render_board(view: str, request: PageRequest, client: Stellary) -> RawResponse:
    # Loaded when the first board is shown.
    from stellary.client.display import load

    organization, workspace, project_id = (
        request.parameters[name] for name in ("org_slug", "ws_slug", "project_id")
    )
    project = client.workspace(organization, workspace).project(project_id)
    path = _board_path(request, organization, workspace, project_id)
    return render_page(
        request,
        "board",
        headers=VIEW_HEADERS,
        name=project.get().name,
        tabs={path: "Board", **{f"{path}/{name}": title for name, title in OTHER_VIEWS.items()}},
        current=OTHER_VIEWS.get(view, "Board"),
        view=load(project, view).html(),
    )


def _board_path(request: PageRequest, *parts: str) -> str:
    return f"{request.prefix}/boards/" + "/".join(quote(part, safe="") for part in parts)
