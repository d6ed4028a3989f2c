"""Project set-up at the command line: what a file declares is planned, applied, or written."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import click

from stellary.cli.output import as_json, tell
from stellary.cli.session import Session, in_project
from stellary.client import project_setup
from stellary.client.display._markup import readable
from stellary.client.project_setup.changes import SIGNS
from stellary.client.project_setup.declaration import as_dict, format_date

SOMETHING_TO_DO = 3
COLOURS = {"+": "green", "~": "yellow", ">": "cyan", "-": "red"}

file = click.argument("file", type=click.Path(exists=True, dir_okay=False))
prune = click.option(
    "--prune", is_flag=True, help="Delete what is there and not declared, of the kinds that are."
)


@click.group()
def setup() -> None:
    """Projects declared in files: scopes, columns, labels, fields, cards, rules and members.

    The project is found by its key or name, and made if it is not there; --project says another one.

    \b
    Example:
      stellary setup plan launch.yaml
      stellary setup apply launch.yaml
    """


def _planned(session: Session, path: str, prune: bool) -> Any:
    """A plan for the project that the file names; or for the one that an option names, whatever is remembered."""
    at: Any = session.board() if session.project_name else session.workspace()
    return project_setup.plan(at, path, prune=prune)


def _print(plan: Any) -> None:
    tell(plan.summary, bold=True)
    for change in plan.changes:
        first, *rest = change.lines()
        tell(f"  {first}", fg=COLOURS[SIGNS[change.action]])
        for line in rest:
            tell(f"  {line}")


def _as_json(plan: Any) -> dict[str, Any]:
    return {
        "project": plan.declaration.project.name,
        "key": plan.key,
        "changes": [
            {
                "action": each.action,
                "kind": each.kind,
                "name": each.name,
                "note": each.note or None,
                "differences": [
                    {"name": one.name, "old": _plain(one.old), "new": _plain(one.new)}
                    for one in each.differences
                ],
            }
            for each in plan.changes
        ],
    }


def _plain(found: Any) -> Any:
    """A value of a declaration as JSON has it."""
    if isinstance(found, list):
        return [_plain(each) for each in found]
    if isinstance(found, project_setup.Step):
        return as_dict(found)
    return format_date(found) if hasattr(found, "isoformat") else found


@setup.command("plan")
@file
@prune
@click.option("--exit-code", is_flag=True, help=f"End with {SOMETHING_TO_DO} if there is something to do.")
@as_json
@in_project
def plan(session: Session, file: str, prune: bool, exit_code: bool, as_json: bool) -> int:
    """Show what has to be done so that a project is as a file declares it. Nothing is changed.

    \b
    Example:
      stellary setup plan launch.yaml --prune
    """
    found = _planned(session, file, prune)
    if as_json:
        click.echo(json.dumps(_as_json(found), indent=2, ensure_ascii=False))
    else:
        _print(found)
    return SOMETHING_TO_DO if exit_code and found else 0


@setup.command("apply")
@file
@prune
@click.option("-y", "--yes", is_flag=True, help="Do not ask before.")
@in_project
def apply(session: Session, file: str, prune: bool, yes: bool) -> None:
    """Make a project as a file declares it, after it was shown what has to be done.

    \b
    Example:
      stellary setup apply launch.yaml --yes
    """
    found = _planned(session, file, prune)
    _print(found)
    if not found:
        return
    if not yes:
        if not _at_a_terminal(sys.stdin):
            raise click.ClickException("nobody is there to be asked: say --yes")
        click.confirm("Shall that be done?", abort=True, err=True)
    with _progress(len(found.changes)) as tick:
        done = project_setup.apply(found, told=tick)
    tell(str(done) + ".")


def _at_a_terminal(stream: Any) -> bool:
    found: bool = stream.isatty()
    return found


@contextlib.contextmanager
def _progress(length: int) -> Iterator[Callable[[Any], None]]:
    """A bar on the standard error, if that is a terminal; what is given is to be called for each change."""
    if not _at_a_terminal(sys.stderr):
        yield lambda change: None
        return
    with click.progressbar(length=length, label="Applying", file=sys.stderr) as bar:
        yield lambda change: bar.update(1)


@setup.command("describe")
@click.option("--format", "written", default="yaml", type=click.Choice(["yaml", "json"]), help="How (yaml).")
@in_project
def describe(session: Session, written: str) -> None:
    """Write what declares a project that there is, as a beginning for a file.

    \b
    Example:
      stellary setup describe --project LAUNCH > launch.yaml
    """
    found = project_setup.describe(session.board())
    if written == "json":
        click.echo(json.dumps(as_dict(found), indent=2, ensure_ascii=False))
    else:
        click.echo(readable(project_setup.dumps(found)), nl=False)


COMMANDS = (setup,)
