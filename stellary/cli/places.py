"""Places: organizations, workspaces and projects, and in which of them one works."""

from __future__ import annotations

import click

from stellary.cli.finding import one_project
from stellary.cli.output import as_json, show, tell
from stellary.cli.session import Session, in_workspace, pass_session


@click.command()
@as_json
@pass_session
def orgs(session: Session, as_json: bool) -> None:
    """List your organizations.

    \b
    Example:
      stellary orgs
    """
    show(list(session.client.organizations.iterate()), as_json, "You belong to no organization.")


@click.command()
@click.argument("org", required=False)
@as_json
@pass_session
def workspaces(session: Session, org: str | None, as_json: bool) -> None:
    """List the workspaces that you reach: of an organization, or of the one in which you work.

    \b
    Example:
      stellary workspaces acme
    """
    named = org or session.setting("org")
    if not named:
        raise click.ClickException("say which organization: stellary workspaces ORG")
    found = list(session.client.organization(named).workspaces.iterate())
    show(found, as_json, f"You reach no workspace of {named}.")


@click.command()
@click.option("--archived", is_flag=True, help="Those that are put away.")
@as_json
@in_workspace
def projects(session: Session, archived: bool, as_json: bool) -> None:
    """List the projects of a workspace.

    \b
    Example:
      stellary projects --workspace acme/eng
    """
    found = list(session.workspace().projects.iterate(archived=archived))
    show(found, as_json, "There are no projects." if not archived else "No project is archived.")


@click.command()
@click.argument("place", required=False)
@click.option("-p", "--project", metavar="KEY", help="A project of the workspace in which you work.")
@pass_session
def use(session: Session, place: str | None, project: str | None) -> None:
    """Say where you work: ORG/SLUG, or ORG/SLUG/KEY with a project. Without anything, show it.

    \b
    Example:
      stellary use acme/eng
      stellary use acme/eng/LAUNCH
      stellary use --project "Q1 Launch"
    """
    if place:
        org, workspace, project = _parts(place, project)
        session.client.workspace(org, workspace).get()
        session.org, session.workspace_slug = org, workspace
        if not project:
            session.remember(org=org, workspace=workspace, project=None)
    if project:
        found = one_project(session.workspace(), project)
        session.remember(
            org=session.setting("org"), workspace=session.setting("workspace"), project=found.key
        )
    known = [session.config.org, session.config.workspace, session.config.project]
    tell(
        "You work in " + "/".join(each for each in known if each) + "."
        if known[0]
        else "You work nowhere yet."
    )


def _parts(place: str, project: str | None) -> tuple[str, str, str | None]:
    parts = place.split("/")
    if len(parts) not in (2, 3) or not all(parts):
        raise click.UsageError("a place is ORG/SLUG, or ORG/SLUG/KEY", click.get_current_context())
    return parts[0], parts[1], parts[2] if len(parts) == 3 else project


COMMANDS = (orgs, workspaces, projects, use)
