"""Commands for the members and guests of a workspace, and for the roles in its projects."""

from __future__ import annotations

from typing import get_args

import click

from stellary.cli.finding import find_person, find_project
from stellary.cli.options import PROJECT, Group, fail_usage, in_project, in_workspace
from stellary.cli.output import print_line, show
from stellary.cli.session import CommandContext
from stellary.contract.roles import PROJECT_ROLES, ProjectRole, WorkspaceRole
from stellary.contract.wire import UNSET

ROLE = click.Choice(get_args(WorkspaceRole))


@click.group(cls=Group)
def member() -> None:
    """List and invite the members and guests of a workspace, and change their roles there and in its projects.

    \b
    Example:
      stellary member list
    """


@member.command("list")
@PROJECT
@click.option("--admins", is_flag=True, help="List the admins who also see the project instead.")
@in_workspace(json=True)
def list_members(session: CommandContext, project: str | None, admins: bool) -> None:
    """List the members of a workspace with their roles, or with --project those of a project.

    \b
    Example:
      stellary member list --workspace acme/eng
      stellary member list --project LAUNCH
    """
    workspace = session.workspace()
    if not project:
        if admins:
            fail_usage("--admins needs --project")
        show(list(workspace.members.iterate()), session.json, "There are no members.")
        return
    members = workspace.project(find_project(workspace, project)).members
    show(list(members.iterate(admins=admins)), session.json, "There are no members.")


@member.command("invite")
@click.argument("email")
@click.option("--role", type=ROLE, default="member", show_default=True, help="The role in the workspace.")
@click.option("--into", metavar="PROJECT", help="The project that the person becomes a member of.")
@click.option(
    "--as", "project_role", type=click.Choice(PROJECT_ROLES), help="The role there. Default: viewer."
)
@in_workspace()
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
@in_workspace()
def change_role(session: CommandContext, query: str, role: WorkspaceRole) -> None:
    """Change the role of a member: a guest sees only the projects that they are a member of.

    \b
    Example:
      stellary member role client@example.com guest
    """
    members = session.workspace().members
    changed = members.update(find_person(members.iterate(), query).user_id, role=role)
    print_line(f"{changed.name} is {changed.role} now.")


@member.command("add")
@click.argument("query", metavar="PERSON")
@click.option(
    "--as", "role", type=click.Choice(PROJECT_ROLES), required=True, help="The role in the project."
)
@in_project()
def add(session: CommandContext, query: str, role: ProjectRole) -> None:
    """Give a person of the workspace a role in a project, in place of the one that they have there.

    \b
    Example:
      stellary member add john@example.com --project LAUNCH --as editor
    """
    members = session.project_handle().members
    person = find_person(session.workspace().members.iterate(), query)
    is_present = any(member.user_id == person.user_id for member in members.iterate())
    changed = members.update(person, role=role) if is_present else members.add(person, role=role)
    print_line(f"{changed.name} is {changed.role} of the project now.")


@member.command("remove")
@click.argument("query", metavar="PERSON")
@in_project()
def remove(session: CommandContext, query: str) -> None:
    """Remove a person from a project. They keep their role in the workspace.

    \b
    Example:
      stellary member remove john@example.com --project LAUNCH
    """
    members = session.project_handle().members
    person = find_person(members.iterate(), query)
    members.remove(person)
    print_line(f"{person.name} is no longer a member of the project.")
