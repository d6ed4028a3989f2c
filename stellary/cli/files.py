"""Commands for projects as files of Stellary and of other tools, and as templates."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from stellary import UnsuitableFile
from stellary.cli.finding import find_template
from stellary.cli.options import YES, Group, confirm, in_project, in_workspace
from stellary.cli.output import JsonCommand, print_json, print_line, show, show_progress
from stellary.cli.session import CommandContext
from stellary.client.importers import read_github_issues, read_trello
from stellary.contract.projects import CopiedContent
from stellary.contract.wire import dump

KINDS = ("stellary", "archive", "trello", "github")


@click.command("import", short_help="Create a project from a file.", cls=JsonCommand)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--from",
    "kind",
    type=click.Choice(KINDS),
    help="The tool that wrote the file. Default: detected from its contents.",
)
@click.option("--name", help="The name of the project. Only for GitHub issues.")
@click.option(
    "--comments",
    type=click.Path(exists=True, dir_okay=False),
    help="A file with the comments. Only for GitHub issues.",
)
@click.option(
    "--person",
    "people",
    metavar="LOGIN=EMAIL",
    multiple=True,
    help="Map a user of the other tool to a Stellary account; repeatable.",
)
@click.option(
    "--key",
    help="A name for this import. Repeating the command with the same key within a day continues an interrupted import,"
    " and never imports the file twice.",
)
@in_workspace(json=True)
def import_file(
    session: CommandContext, file: Path, kind: str | None, key: str | None, **options: Any
) -> None:
    """Create a project from a file.

    The file is a Stellary export (JSON, or an archive with attachments), a Trello board, or the issues of a GitHub repository.

    \b
    Examples:
      stellary import trello-board.json --person jdoe=jane@example.com
      stellary import large.json --key monday
    """
    kind = kind or _detect_kind(file)
    projects = session.workspace().projects
    if key is not None:
        projects = projects.with_options(idempotency_key=key)
    people = dict(_parse_person(person) for person in options["people"])
    left_out: Iterable[Any] = ()
    if kind == "archive":
        imported = [projects.import_archive(file)]
    elif kind == "stellary":
        with show_progress("Importing") as progress:
            imported = [projects.import_file(file, progress=progress)]
    else:
        if kind == "trello":
            reading = read_trello(file, people=people)
        else:
            reading = read_github_issues(
                file, name=options["name"], comments=options["comments"], people=people
            )
        left_out = reading.left_out
        imported = projects.import_all(reading.projects)
    if session.json:
        print_json(imported, session.json)
        return
    for project in imported:
        print_line(f'Imported "{project.name}" ({project.key}) with {len(project.card_ids)} cards.')
        for loss in project.not_carried:
            print_line(f"not carried over: {loss.path} {loss.name}: {loss.reason}")
    for item in left_out:
        print_line(f"left out: {item}")


def _parse_person(argument: str) -> tuple[str, str]:
    login, equals, email = argument.partition("=")
    if not login or not equals or not email:
        raise click.UsageError("--person must be LOGIN=EMAIL", click.get_current_context())
    return login, email


def _detect_kind(file: Path) -> str:
    """Return the tool that wrote a file, judging by its contents."""
    if zipfile.is_zipfile(file):
        return "archive"
    try:
        data = json.loads(file.read_bytes())
    except ValueError:
        raise UnsuitableFile(f"{file} is neither JSON nor an archive") from None
    if isinstance(data, list):
        return "github"
    if isinstance(data, dict) and "lists" in data and "project" not in data:
        return "trello"
    return "stellary"


@click.command(short_help="Write a project to a file.")
@click.argument("file", required=False, metavar="[FILE]")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@in_project()
def export(session: CommandContext, file: str | None, force: bool) -> None:
    """Write a project to a file that import can read.

    Default: KEY.json. A dash writes to standard output. A name that ends in .zip makes an archive, with attachments.

    \b
    Example:
      stellary export --project LAUNCH launch.zip
    """
    project = session.project()
    handle = session.workspace().project(project)
    if file == "-":
        click.echo(dump(handle.export()).decode())
        return
    path = Path(file or f"{project.key}.json")
    if path.exists() and not force:
        raise click.ClickException(f"{path} exists; pass --force to replace it")
    if path.suffix == ".zip":
        handle.export_archive(path)
    else:
        handle.export_to(path)
    print_line(f'Wrote "{project.name}" to {path}.')


@click.group(cls=Group)
def template() -> None:
    """Manage templates: projects with which new ones start.

    \b
    Example:
      stellary template save "Client project" --project ACME
      stellary project add "Next client" --template "Client project" --start monday
    """


@template.command("list")
@in_workspace(json=True)
def list_templates(session: CommandContext) -> None:
    """List the templates of the workspace.

    \b
    Example:
      stellary template list
    """
    show(session.workspace().projects.templates(), session.json)


@template.command("save")
@click.argument("name")
@click.option("--description", default="", help="What the template is for.")
@click.option("--skeleton", is_flag=True, help="Leave out the cards and documents.")
@in_project()
def save_template(session: CommandContext, name: str, description: str, skeleton: bool) -> None:
    """Save a project as a template: everything but archived cards, people, comments and files.

    \b
    Example:
      stellary template save "Client project" --project ACME
    """
    content: CopiedContent = "skeleton" if skeleton else "all"
    saved = session.project_handle().save_template(name=name, description=description, content=content)
    print_line(f'Saved "{saved.name}" with {len(saved.columns)} columns and {saved.card_count} cards.')


@template.command("rename")
@click.argument("query", metavar="TEMPLATE")
@click.argument("name")
@in_workspace()
def rename_template(session: CommandContext, query: str, name: str) -> None:
    """Rename a template.

    \b
    Example:
      stellary template rename "Client project" Client
    """
    renamed = session.workspace().projects.update_template(
        find_template(session.workspace(), query), name=name
    )
    print_line(f'Renamed to "{renamed.name}".')


@template.command("delete")
@click.argument("query", metavar="TEMPLATE")
@YES
@in_workspace()
def delete_template(session: CommandContext, query: str, yes: bool) -> None:
    """Delete a template. The projects that were created from it stay.

    \b
    Example:
      stellary template delete "Client project" --yes
    """
    match = find_template(session.workspace(), query)
    confirm(f'Delete the template "{match.name}"', is_confirmed=yes)
    session.workspace().projects.delete_template(match)
    print_line(f'Deleted "{match.name}".')
