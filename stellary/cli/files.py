"""Files: projects exported, and made of what this and other tools have exported."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from stellary import UnsuitableFile
from stellary.cli.output import as_json, tell, tell_json
from stellary.cli.session import Session, in_project, in_workspace
from stellary.client.importers import read_github_issues, read_trello
from stellary.contract.wire import dump

KINDS = ("stellary", "archive", "trello", "github")


@click.command("import", short_help="Make a project of a file.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--from", "kind", type=click.Choice(KINDS), help="What has written it; seen from the file if not given."
)
@click.option("--name", help="Of the project; of GitHub issues only.")
@click.option(
    "--comments",
    type=click.Path(exists=True, dir_okay=False),
    help="A file with the comments; of GitHub issues only.",
)
@click.option(
    "--person",
    "people",
    metavar="LOGIN=EMAIL",
    multiple=True,
    help="Who somebody there is here; several times.",
)
@as_json
@in_workspace
def import_file(session: Session, file: Path, kind: str | None, as_json: bool, **said: Any) -> None:
    """Make a project of a file: an export of Stellary (JSON, or an archive with its files), a Trello board, or the
    issues of a GitHub repository.

    \b
    Example:
      stellary import trello-board.json --person jdoe=jane@example.com
    """
    kind = kind or _kind(file)
    projects = session.workspace().projects
    people = dict(_person(each) for each in said["people"])
    left: Iterable[Any] = ()
    if kind == "archive":
        made = [projects.import_archive(file)]
    elif kind == "stellary":
        made = [projects.import_file(file)]
    else:
        if kind == "trello":
            reading = read_trello(file, people=people)
        else:
            reading = read_github_issues(file, name=said["name"], comments=said["comments"], people=people)
        left = reading.left_out
        made = projects.import_all(reading.projects)
    if as_json:
        tell_json(made)
        return
    for each in made:
        tell(f'Imported "{each.name}" ({each.key}) with {len(each.card_ids)} cards.')
        for lost in each.not_carried:
            tell(f"not carried over: {lost.path} {lost.name}: {lost.reason}")
    for lost in left:
        tell(f"left out: {lost}")


def _person(said: str) -> tuple[str, str]:
    login, equals, email = said.partition("=")
    if not login or not equals or not email:
        raise click.UsageError("--person is LOGIN=EMAIL", click.get_current_context())
    return login, email


def _kind(file: Path) -> str:
    """What has written a file, as it looks."""
    if zipfile.is_zipfile(file):
        return "archive"
    try:
        found = json.loads(file.read_bytes())
    except ValueError:
        raise UnsuitableFile(f"{file} is neither JSON nor an archive") from None
    if isinstance(found, list):
        return "github"
    if isinstance(found, dict) and "lists" in found and "project" not in found:
        return "trello"
    return "stellary"


@click.command(short_help="Write a project to a file.")
@click.argument("file", required=False, metavar="[FILE]")
@in_project
def export(session: Session, file: str | None) -> None:
    """Write a project to a file, which import takes: KEY.json if none is named, the standard output for a dash. A name
    that ends in .zip makes an archive, with the files on its cards.

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
    if path.suffix == ".zip":
        handle.export_archive(path)
    else:
        handle.export_to(path)
    tell(f'Wrote "{project.name}" to {path}.')


COMMANDS = (import_file, export)
