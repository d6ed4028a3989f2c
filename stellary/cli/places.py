"""Organizations, workspaces and projects: lists, the selection to work in, and the settings of projects."""

from __future__ import annotations

from typing import Any, get_args

import click

from stellary.cli.finding import find_project, find_template
from stellary.cli.options import (
    PROJECT,
    DayParam,
    Group,
    complete_organizations,
    complete_workspaces,
    fail_usage,
    in_project,
    in_workspace,
    with_json,
)
from stellary.cli.output import JsonCommand, print_line, print_result, show
from stellary.cli.session import CommandContext, pass_session
from stellary.contract.model_usage import DAYS_MAX
from stellary.contract.projects import Project
from stellary.contract.roles import OthersRole, Visibility

_DESCRIPTION = click.option("--description", metavar="TEXT", help="The description.")
_VISIBILITY = click.option(
    "--visibility",
    type=click.Choice(get_args(Visibility)),
    help="Who sees it: all members of the workspace, or only its own members and the admins.",
)
_MEMBER_ROLE = click.option(
    "--member-role",
    type=click.Choice(get_args(OthersRole)),
    help="The role of the members of the workspace who are not members of the project.",
)


@click.command(cls=JsonCommand)
@with_json
def orgs(session: CommandContext) -> None:
    """List your organizations.

    \b
    Example:
      stellary orgs
    """
    show(list(session.client.organizations.iterate()), session.json, "You are not in any organization.")


@click.command(cls=JsonCommand)
@click.argument("org", required=False, shell_complete=complete_organizations)
@with_json
def workspaces(session: CommandContext, org: str | None) -> None:
    """List the workspaces of an organization that you have access to. Default: the current organization.

    \b
    Example:
      stellary workspaces acme
    """
    org_slug = org or session.setting("org")
    if not org_slug:
        raise click.ClickException("name an organization: stellary workspaces ORG")
    workspaces = list(session.client.organization(org_slug).workspaces.iterate())
    show(workspaces, session.json, f"You have no access to a workspace of {org_slug}.")


@click.command(cls=JsonCommand)
@click.option("--archived", is_flag=True, help="List archived projects instead.")
@in_workspace(json=True)
def projects(session: CommandContext, archived: bool) -> None:
    """List the projects of a workspace.

    \b
    Example:
      stellary projects --workspace acme/eng
    """
    projects = list(session.workspace().projects.iterate(archived=archived))
    show(
        projects,
        session.json,
        "There are no projects." if not archived else "There are no archived projects.",
    )


@click.group(cls=Group)
def project() -> None:
    """Create projects, and change their settings.

    \b
    Example:
      stellary project add "Q1 Launch" --visibility private
    """


@project.command("add")
@click.argument("name")
@click.option("--key", metavar="KEY", help="2 to 6 capital letters. Default: derived from the name.")
@click.option(
    "--template", metavar="NAME", help="Simple, Development, Agency, or a template of the workspace."
)
@click.option("--start", "start_date", type=DayParam(), help="When a template of the workspace starts.")
@_DESCRIPTION
@_VISIBILITY
@_MEMBER_ROLE
@in_workspace(json=True, dry_run=True)
def add(session: CommandContext, template: str | None, **settings: Any) -> None:
    """Create a project.

    \b
    Example:
      stellary project add "Q1 Launch" --key LAUNCH --template development --visibility private
    """
    fields = {name: value for name, value in settings.items() if value is not None}
    if template is not None:
        fields["template_id"] = find_template(session.workspace(), template).id
    created = session.workspace().projects.create(**fields)
    print_result(created, f"Added {_describe(created)}", session.json)


@project.command("edit")
@click.option("--name", metavar="TEXT", help="The new name.")
@_DESCRIPTION
@_VISIBILITY
@_MEMBER_ROLE
@click.option("--archived/--active", default=None, help="Archive the project, or restore it.")
@in_project(json=True, dry_run=True)
def edit(session: CommandContext, **settings: Any) -> None:
    """Change the settings of a project.

    \b
    Example:
      stellary project edit --project LAUNCH --visibility private
    """
    changes = {name: value for name, value in settings.items() if value is not None}
    if not changes:
        fail_usage("name a setting to change, such as --visibility")
    changed = session.project_handle().update(**changes)
    print_result(changed, f"Changed {_describe(changed)}", session.json)


def _describe(project: Project) -> str:
    return f'{project.key} "{project.name}", visibility: {project.visibility}.'


@click.command(cls=JsonCommand)
@click.option(
    "--days", type=click.IntRange(1, DAYS_MAX), default=30, show_default=True, help="The number of days."
)
@in_workspace(json=True)
def usage(session: CommandContext, days: int) -> None:
    """Show what language models have used in a workspace, by day.

    \b
    Example:
      stellary usage --days 7
    """
    usage = session.workspace().usage(days=days)
    show(usage.days, session.json, "No language model was used.")
    if not session.json:
        print_line(f"{usage.tokens_today:,} of {usage.daily_budget:,} tokens are used today.")


@click.command()
@click.argument("path", required=False, shell_complete=complete_workspaces)
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
