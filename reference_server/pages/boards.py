"""The pages of a user who has signed in: the projects, and the views of a board, as the SDK shows them in notebooks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from reference_server.pages.layout import heading, link_list, paragraph, render_page, tabs
from reference_server.pages.requests import PageApi, PageRequest
from reference_server.pages.sessions import build_header, render_sign_in
from stellary.contract.errors import NotFound, Unauthenticated
from stellary.contract.port import RawResponse

if TYPE_CHECKING:
    from stellary import Stellary

WORKSPACES_MAX = 50
"""The number of workspaces whose projects the first page lists."""
OTHER_VIEWS = {"list": "List", "calendar": "Calendar", "roadmap": "Roadmap", "stats": "Statistics"}
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
            message = paragraph("There is no such page, or you have no access to it.")
            return render_page("Not found", message, status=404, header=build_header(request))
    return render_sign_in(request, request.path, status=401)


def _render_home(request: PageRequest, client: Stellary) -> RawResponse:
    workspaces = [
        (organization, workspace)
        for organization in client.organizations.list()
        for workspace in client.organization(organization.slug).workspaces.list()
    ]
    sections: list[str] = []
    for organization, workspace in workspaces[:WORKSPACES_MAX]:
        projects = client.workspace(organization.slug, workspace.slug).projects.list()
        links = [
            (_board_path(request, organization.slug, workspace.slug, project.id), project.name)
            for project in projects
        ]
        sections += [
            heading(f"{organization.name} / {workspace.name}"),
            link_list(links) if links else paragraph("No projects yet."),
        ]
    if len(workspaces) > WORKSPACES_MAX:
        sections.append(paragraph(f"+ {len(workspaces) - WORKSPACES_MAX} more workspaces"))
    account_pages = [
        (f"{request.prefix}/account", "E-mail address and deletion"),
        (f"{request.prefix}/my-tokens", "API tokens"),
        (f"{request.prefix}/second-factor", "Second factor"),
    ]
    sections += [heading("Your account"), link_list(account_pages)]
    return render_page("Your projects", *sections, header=build_header(request))


def _render_board(view: str, request: PageRequest, client: Stellary) -> RawResponse:
    # Loaded when the first board is shown.
    from stellary.client.display import load

    organization, workspace, project_id = (
        request.parameters[name] for name in ("org_slug", "ws_slug", "project_id")
    )
    project = client.workspace(organization, workspace).project(project_id)
    name = project.get().name
    path = _board_path(request, organization, workspace, project_id)
    links = [(path, "Board"), *((f"{path}/{name}", title) for name, title in OTHER_VIEWS.items())]
    return render_page(
        name,
        tabs("Views", links, OTHER_VIEWS.get(view, "Board")),
        load(project, view).html(),
        header=build_header(request),
        is_wide=True,
    )


def _board_path(request: PageRequest, *parts: str) -> str:
    return f"{request.prefix}/boards/" + "/".join(quote(part, safe="") for part in parts)
