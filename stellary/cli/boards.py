"""The command that shows a board."""

from __future__ import annotations

import click

from stellary.cli.finding import find_scope
from stellary.cli.output import JsonCommand, JsonOptions, as_json, print_handle, print_json
from stellary.cli.session import CommandContext, in_project
from stellary.contract.scopes import VIEW_TYPES, ViewType


@click.command(cls=JsonCommand)
@click.option("--view", type=click.Choice(VIEW_TYPES), help="The view to show. Default: kanban.")
@click.option("-s", "--scope", metavar="NAME", help="Show only this scope.")
@as_json
@in_project
def board(session: CommandContext, view: ViewType | None, scope: str | None, as_json: JsonOptions) -> None:
    """Show the board of a project.

    Roadmap and statistics cover one scope: the one you name, or the default one.

    \b
    Example:
      stellary board --project LAUNCH --view list
      stellary board --scope Marketing --view roadmap
    """
    project = session.project_handle()
    if not scope and (not as_json or view in (None, "kanban", "list", "calendar")):
        if as_json:
            print_json(project.board(), as_json)
        else:
            print_handle(project, view)
        return
    snapshot = project.board()
    chosen = (
        find_scope(snapshot, scope) if scope else next(item for item in snapshot.scopes if item.is_default)
    )
    if as_json:
        print_json(project.scope(chosen).views(type=view or "kanban"), as_json)
    else:
        print_handle(project.scope(chosen), view or "kanban")


COMMANDS = (board,)
