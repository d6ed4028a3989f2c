"""Project set-up commands: planning and applying a declaration, and describing a project as one."""

from __future__ import annotations

import json

import attrs
import click

from stellary.cli.options import YES, Group, confirm, in_project
from stellary.cli.output import print_json, print_line, show_progress
from stellary.cli.session import CommandContext
from stellary.client import project_setup
from stellary.client.calling.method import Sync
from stellary.client.display._markup import readable
from stellary.client.project_setup.changes import SIGNS
from stellary.client.project_setup.declaration import as_dict, to_plain

EXIT_CODE_CHANGES = 3
COLORS = {"+": "green", "~": "yellow", ">": "cyan", "-": "red"}

file = click.argument("file", type=click.Path(exists=True, dir_okay=False))
prune = click.option(
    "--prune", is_flag=True, help="Also delete items of the declared kinds that the file does not list."
)


@click.group(cls=Group)
def setup() -> None:
    """Manage projects declared in files.

    A file declares scopes, columns, labels, fields, cards, automations and members. The project is looked up by its key or name, and created if it does not exist. --project selects another one.

    \b
    Example:
      stellary setup plan launch.yaml
      stellary setup apply launch.yaml
    """


def _make_plan(session: CommandContext, path: str, prune: bool) -> project_setup.Plan[Sync]:
    """Plan the project that the file names, or the one of the --project option; the saved selection is ignored."""
    if session.project_name:
        return project_setup.plan(session.project_handle(), path, prune=prune)
    return project_setup.plan(session.workspace(), path, prune=prune)


def _print_plan(plan: project_setup.Plan[Sync]) -> None:
    print_line(plan.summary, bold=True)
    for change in plan.changes:
        heading, *details = change.lines()
        print_line(f"  {heading}", fg=COLORS[SIGNS[change.action]])
        for line in details:
            print_line(f"  {line}")


def _to_json(plan: project_setup.Plan[Sync]) -> dict[str, object]:
    return {
        "project": plan.declaration.project.name,
        "key": plan.key,
        "changes": [
            {
                "action": change.action,
                "kind": change.kind,
                "name": change.name,
                "note": change.note or None,
                "differences": [to_plain(attrs.asdict(item, recurse=False)) for item in change.differences],
            }
            for change in plan.changes
        ],
    }


@setup.command("plan")
@file
@prune
@click.option("--exit-code", is_flag=True, help=f"Exit with {EXIT_CODE_CHANGES} if there are changes.")
@in_project(json=True)
def plan(session: CommandContext, file: str, prune: bool, exit_code: bool) -> int:
    """Show the changes that make a project match a file. Nothing is changed.

    \b
    Example:
      stellary setup plan launch.yaml --prune
    """
    new_plan = _make_plan(session, file, prune)
    if session.json:
        print_json(_to_json(new_plan), session.json)
    else:
        _print_plan(new_plan)
    return EXIT_CODE_CHANGES if exit_code and new_plan else 0


@setup.command("apply")
@file
@prune
@YES
@in_project()
def apply(session: CommandContext, file: str, prune: bool, yes: bool) -> None:
    """Show the changes that make a project match a file, ask for confirmation, and apply them.

    \b
    Example:
      stellary setup apply launch.yaml --yes
    """
    new_plan = _make_plan(session, file, prune)
    _print_plan(new_plan)
    if not new_plan:
        return
    confirm("Apply these changes", is_confirmed=yes)
    with show_progress("Applying") as progress:
        applied = project_setup.apply(new_plan, progress=progress)
    print_line(str(applied) + ".")


@setup.command("describe")
@click.option(
    "--format", default="yaml", type=click.Choice(["yaml", "json"]), help="The format. Default: yaml."
)
@in_project()
def describe(session: CommandContext, format: str) -> None:
    """Print the declaration of an existing project, as a starting point for a file.

    \b
    Example:
      stellary setup describe --project LAUNCH > launch.yaml
    """
    declaration = project_setup.describe(session.project_handle())
    if format == "json":
        click.echo(json.dumps(as_dict(declaration), indent=2, ensure_ascii=False))
    else:
        click.echo(readable(project_setup.dumps(declaration)), nl=False)
