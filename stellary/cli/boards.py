"""Commands that show a board, and search a workspace."""

from __future__ import annotations

from datetime import UTC, date
from typing import get_args

import click

from stellary.cli.finding import find_scope
from stellary.cli.options import DayParam
from stellary.cli.output import JsonCommand, JsonOptions, as_json, print_handle, print_json, show
from stellary.cli.session import CommandContext, in_project, in_workspace
from stellary.contract.flow import SEED_MAX, FlowUnit
from stellary.contract.scopes import VIEW_TYPES, ViewType
from stellary.contract.search import FoundKind
from stellary.contract.unset import UNSET


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


@click.command(cls=JsonCommand)
@click.option("-s", "--scope", metavar="NAME", help="Show only this scope.")
@click.option(
    "--since", type=DayParam(UTC), help="The first day, in UTC. Default: 29 days before the last one."
)
@click.option("--until", type=DayParam(UTC), help="The last day, in UTC. Default: today.")
@click.option("--unit", type=click.Choice(get_args(FlowUnit)), default="count", help="Cards, or estimates.")
@click.option("--seed", type=click.IntRange(0, SEED_MAX), default=0, help="The seed of the forecast.")
@as_json
@in_project
def flow(
    session: CommandContext,
    scope: str | None,
    since: date | None,
    until: date | None,
    unit: FlowUnit,
    seed: int,
    as_json: JsonOptions,
) -> None:
    """Show how cards moved: by column and day, completed cards, lead and cycle times, and a forecast.

    \b
    Example:
      stellary flow --since 2026-04-01
      stellary flow --scope Marketing --jq .forecast.p85
    """
    project = session.project_handle()
    handle = project.scope(find_scope(project.board(), scope)) if scope else project
    show(handle.flow(since=since or UNSET, until=until or UNSET, unit=unit, seed=seed), as_json)


@click.command(cls=JsonCommand)
@click.argument("words")
@click.option(
    "-k", "--kind", "kinds", type=click.Choice(get_args(FoundKind)), multiple=True, help="Repeatable."
)
@click.option("--archived", is_flag=True, help="Search archived items only.")
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(1, 500),
    default=50,
    show_default=True,
    help="The number of results at most.",
)
@as_json
@in_workspace
def search(
    session: CommandContext,
    words: str,
    kinds: tuple[FoundKind, ...],
    archived: bool,
    limit: int,
    as_json: JsonOptions,
) -> None:
    """Search the cards, comments, projects and documents of a workspace, best match first.

    All words must occur; words in quotes must occur together.

    \b
    Example:
      stellary search "login safari" --kind card
      stellary search '"error 500"' --jq '.[].cardKey'
    """
    page = session.workspace().search(
        q=words, kind=list(kinds) or UNSET, archived=True if archived else UNSET, limit=limit
    )
    show(page, as_json, "No results.")


COMMANDS = (board, flow, search)
