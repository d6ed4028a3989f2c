"""Organizations, workspaces and projects: lists, and the selection to work in."""

from __future__ import annotations

import click

from stellary.cli.finding import find_project
from stellary.cli.output import JsonCommand, JsonOptions, as_json, print_line, show
from stellary.cli.session import PROJECT, CommandContext, complete_lazily, in_workspace, pass_session
from stellary.contract.model_usage import DAYS_MAX


@click.command(cls=JsonCommand)
@as_json
@pass_session
def orgs(session: CommandContext, as_json: JsonOptions) -> None:
    """List your organizations.

    \b
    Example:
      stellary orgs
    """
    show(list(session.client.organizations.iterate()), as_json, "You are not in any organization.")


@click.command(cls=JsonCommand)
@click.argument("org", required=False, shell_complete=complete_lazily("complete_organizations"))
@as_json
@pass_session
def workspaces(session: CommandContext, org: str | None, as_json: JsonOptions) -> None:
    """List the workspaces of an organization that you have access to. Default: the current organization.

    \b
    Example:
      stellary workspaces acme
    """
    org_slug = org or session.setting("org")
    if not org_slug:
        raise click.ClickException("name an organization: stellary workspaces ORG")
    workspaces = list(session.client.organization(org_slug).workspaces.iterate())
    show(workspaces, as_json, f"You have no access to a workspace of {org_slug}.")


@click.command(cls=JsonCommand)
@click.option("--archived", is_flag=True, help="List archived projects instead.")
@as_json
@in_workspace
def projects(session: CommandContext, archived: bool, as_json: JsonOptions) -> None:
    """List the projects of a workspace.

    \b
    Example:
      stellary projects --workspace acme/eng
    """
    projects = list(session.workspace().projects.iterate(archived=archived))
    show(projects, as_json, "There are no projects." if not archived else "There are no archived projects.")


@click.command(cls=JsonCommand)
@click.option(
    "--days", type=click.IntRange(1, DAYS_MAX), default=30, show_default=True, help="The number of days."
)
@as_json
@in_workspace
def usage(session: CommandContext, days: int, as_json: JsonOptions) -> None:
    """Show what language models have used in a workspace, by day.

    \b
    Example:
      stellary usage --days 7
    """
    usage = session.workspace().usage(days=days)
    show(usage.days, as_json, "No language model was used.")
    if not as_json:
        print_line(f"{usage.tokens_today:,} of {usage.daily_budget:,} tokens are used today.")


@click.command()
@click.argument("path", required=False, shell_complete=complete_lazily("complete_workspaces"))
@PROJECT
@pass_session
def use(session: CommandContext, path: str | None, project: str | None) -> None:
    """Select a workspace (ORG/SLUG) or project (ORG/SLUG/KEY) to work in.

    Without arguments, show the selection.

    \b
    Example:
      stellary use acme/eng
      stellary use acme/eng/LAUNCH
      stellary use --project "Q1 Launch"
    """
    if path:
        org, workspace, project = _split_path(path, project)
        session.client.workspace(org, workspace).get()
        session.org, session.workspace_slug = org, workspace
        if not project:
            session.save(org=org, workspace=workspace, project=None)
    if project:
        match = find_project(session.workspace(), project)
        session.save(org=session.setting("org"), workspace=session.setting("workspace"), project=match.key)
    selected = [session.config.org, session.config.workspace, session.config.project]
    print_line(
        "Now working in " + "/".join(part for part in selected if part) + "."
        if selected[0]
        else "No workspace is selected."
    )


def _split_path(path: str, project: str | None) -> tuple[str, str, str | None]:
    parts = path.split("/")
    if len(parts) not in (2, 3) or not all(parts):
        raise click.UsageError("PATH must be ORG/SLUG or ORG/SLUG/KEY", click.get_current_context())
    return parts[0], parts[1], parts[2] if len(parts) == 3 else project


COMMANDS = (orgs, workspaces, projects, use, usage)
