"""Commands for the members and guests of a workspace."""

from __future__ import annotations

from typing import get_args

import click

from stellary.cli.finding import find_person, find_project
from stellary.cli.options import Group
from stellary.cli.output import JsonOptions, as_json, print_line, show
from stellary.cli.session import CommandContext, in_workspace
from stellary.contract.roles import PROJECT_ROLES, ProjectRole, WorkspaceRole
from stellary.contract.unset import UNSET

ROLE = click.Choice(get_args(WorkspaceRole))


@click.group(cls=Group)
def member() -> None:
    """List and invite the members and guests of a workspace, and change their roles.

    \b
    Example:
      stellary member list
    """


@member.command("list")
@as_json
@in_workspace
def list_members(session: CommandContext, as_json: JsonOptions) -> None:
    """List the members of a workspace with their roles.

    \b
    Example:
      stellary member list --workspace acme/eng
    """
    show(list(session.workspace().members.iterate()), as_json, "There are no members.")


@member.command("invite")
@click.argument("email")
@click.option("--role", type=ROLE, default="member", show_default=True, help="The role in the workspace.")
@click.option("--into", metavar="PROJECT", help="The project that the person becomes a member of.")
@click.option(
    "--as", "project_role", type=click.Choice(PROJECT_ROLES), help="The role there. Default: viewer."
)
@in_workspace
def invite(
    session: CommandContext,
    email: str,
    role: WorkspaceRole,
    into: str | None,
    project_role: ProjectRole | None,
) -> None:
    """Invite a person to a workspace, for example a client into one project.

    \b
    Example:
      stellary member invite client@example.com --role guest --into SITE --as commenter
    """
    workspace = session.workspace()
    project = find_project(workspace, into).id if into else UNSET
    invitation = workspace.members.invite(
        email=email, role=role, project_id=project, project_role=project_role or UNSET
    )
    print_line(f"Invited {invitation.email} as {invitation.role}.")
    if invitation.token:
        print_line(f"The token of the invitation: {invitation.token}")


@member.command("role")
@click.argument("query", metavar="PERSON")
@click.argument("role", type=ROLE)
@in_workspace
def change_role(session: CommandContext, query: str, role: WorkspaceRole) -> None:
    """Change the role of a member: a guest sees only the projects that they are a member of.

    \b
    Example:
      stellary member role client@example.com guest
    """
    members = session.workspace().members
    changed = members.update(find_person(members.iterate(), query).user_id, role=role)
    print_line(f"{changed.name} is {changed.role} now.")


COMMANDS = (member,)
