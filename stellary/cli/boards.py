"""Boards, as they look."""

from __future__ import annotations

import click

from stellary.cli.finding import one_scope
from stellary.cli.output import as_json, draw_handle, tell_json
from stellary.cli.session import Session, in_project
from stellary.contract.scopes import VIEW_TYPES, ViewType


@click.command()
@click.option("--view", type=click.Choice(VIEW_TYPES), help="How to look at it (kanban).")
@click.option("-s", "--scope", metavar="NAME", help="Only that scope.")
@as_json
@in_project
def board(session: Session, view: ViewType | None, scope: str | None, as_json: bool) -> None:
    """Show a project's board; its roadmap and its figures are those of a scope, the default one if none is named.

    \b
    Example:
      stellary board --project LAUNCH --view list
      stellary board --scope Marketing --view roadmap
    """
    project = session.board()
    if not scope and (not as_json or view in (None, "kanban", "list", "calendar")):
        if as_json:
            tell_json(project.board())
        else:
            draw_handle(project, view)
        return
    found = project.board()
    chosen = one_scope(found, scope) if scope else next(each for each in found.scopes if each.is_default)
    if as_json:
        tell_json(project.scope(chosen).views(type=view or "kanban"))
    else:
        draw_handle(project.scope(chosen), view or "kanban")


COMMANDS = (board,)
