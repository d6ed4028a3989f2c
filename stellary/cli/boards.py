"""Commands that show a board, search a workspace, and save filters of cards."""

from __future__ import annotations

from datetime import UTC, date
from typing import Any, get_args

import click

from stellary.cli.finding import find_project, find_scope, match_one
from stellary.cli.options import PROJECT, YES, DayParam, Group, confirm, fail_usage, in_project, in_workspace
from stellary.cli.output import (
    JsonCommand,
    print_handle,
    print_json,
    print_line,
    print_result,
    show,
)
from stellary.cli.session import CommandContext
from stellary.contract.flow import SEED_MAX, FlowUnit
from stellary.contract.saved_filters import SavedFilter
from stellary.contract.scopes import VIEW_TYPES, ViewType
from stellary.contract.search import FoundKind
from stellary.contract.wire import UNSET

_FILTER = click.argument("query", metavar="NAME")


@click.command(cls=JsonCommand)
@click.option("--view", type=click.Choice(VIEW_TYPES), help="The view to show. Default: kanban.")
@click.option("-s", "--scope", metavar="NAME", help="Show only this scope.")
@in_project(json=True)
def board(session: CommandContext, view: ViewType | None, scope: str | None) -> None:
    """Show the board of a project.

    Roadmap and statistics cover one scope: the one you name, or the default one.

    \b
    Example:
      stellary board --project LAUNCH --view list
      stellary board --scope Marketing --view roadmap
    """
    project = session.project_handle()
    if not scope and (not session.json or view in (None, "kanban", "list", "calendar")):
        if session.json:
            print_json(project.board(), session.json)
        else:
            print_handle(project, view)
        return
    handle = project.scope(find_scope(project.board(), scope))
    if session.json:
        print_json(handle.views(type=view or "kanban"), session.json)
    else:
        print_handle(handle, view or "kanban")


@click.command(cls=JsonCommand)
@click.option("-s", "--scope", metavar="NAME", help="Show only this scope.")
@click.option(
    "--since", type=DayParam(UTC), help="The first day, in UTC. Default: 29 days before the last one."
)
@click.option("--until", type=DayParam(UTC), help="The last day, in UTC. Default: today.")
@click.option("--unit", type=click.Choice(get_args(FlowUnit)), default="count", help="Cards, or estimates.")
@click.option("--seed", type=click.IntRange(0, SEED_MAX), default=0, help="The seed of the forecast.")
@in_project(json=True)
def flow(
    session: CommandContext,
    scope: str | None,
    since: date | None,
    until: date | None,
    unit: FlowUnit,
    seed: int,
) -> None:
    """Show how cards moved: by column and day, completed cards, lead and cycle times, and a forecast.

    \b
    Example:
      stellary flow --since 2026-04-01
      stellary flow --scope Marketing --jq .forecast.p85
    """
    project = session.project_handle()
    handle = project.scope(find_scope(project.board(), scope)) if scope else project
    show(handle.flow(since=since or UNSET, until=until or UNSET, unit=unit, seed=seed), session.json)


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
@in_workspace(json=True)
def search(
    session: CommandContext, words: str, kinds: tuple[FoundKind, ...], archived: bool, limit: int
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
    show(page, session.json, "No results.")


@click.group("filter", cls=Group)
def saved_filter() -> None:
    """Manage saved filters, which `stellary card list --saved` and the home page of the server use.

    \b
    Example:
      stellary filter add "My week" "assignee = me and due < +7d order by due"
      stellary card list --saved "My week"
    """


@saved_filter.command("list")
@in_workspace(json=True)
def list_filters(session: CommandContext) -> None:
    """List your saved filters, and the shared ones that you see.

    \b
    Example:
      stellary filter list --workspace acme/eng
    """
    show(session.workspace().saved_filters.list(), session.json, "There are no saved filters.")


@saved_filter.command("add")
@click.argument("name")
@click.argument("filter")
@PROJECT
@click.option("--shared", is_flag=True, help="Let everyone use it who sees the project, or the workspace.")
@in_workspace(json=True)
def add_filter(session: CommandContext, project: str | None, **fields: Any) -> None:
    """Save a filter for the cards of a workspace, or with --project of one project.

    \b
    Example:
      stellary filter add Bugs "label = Bug and status != done" --project LAUNCH --shared
    """
    workspace = session.workspace()
    project_id = find_project(workspace, project).id if project else UNSET
    saved = workspace.saved_filters.create(project_id=project_id, **fields)
    print_result(saved, f'Saved "{saved.name}": {saved.filter}', session.json)


@saved_filter.command("edit")
@_FILTER
@click.option("--name", metavar="TEXT", help="The new name.")
@click.option("--filter", metavar="FILTER", help="The new filter.")
@click.option("--shared/--own", default=None, help="Let others use it, or only you.")
@click.option("--order", type=click.IntRange(0), help="The new position in its list, from 0.")
@in_workspace(json=True)
def edit_filter(session: CommandContext, query: str, **options: Any) -> None:
    """Change a saved filter.

    \b
    Example:
      stellary filter edit "My week" --filter "assignee = me and due < +14d" --order 0
    """
    changes = {name: value for name, value in options.items() if value is not None}
    if not changes:
        fail_usage("name what to change, such as --filter")
    saved = session.workspace().saved_filters.update(_find_filter(session, query), **changes)
    print_result(saved, f'Changed "{saved.name}": {saved.filter}', session.json)


@saved_filter.command("delete")
@_FILTER
@YES
@in_workspace()
def delete_filter(session: CommandContext, query: str, yes: bool) -> None:
    """Delete a saved filter for good.

    \b
    Example:
      stellary filter delete "My week" --yes
    """
    saved = _find_filter(session, query)
    confirm(f'Delete the saved filter "{saved.name}"', is_confirmed=yes)
    session.workspace().saved_filters.delete(saved)
    print_line(f'Deleted "{saved.name}".')


def _find_filter(session: CommandContext, query: str) -> SavedFilter:
    return match_one(
        "saved filter",
        query,
        session.workspace().saved_filters.list(),
        describe=lambda saved: f'"{saved.name}" ({saved.id})',
    )
