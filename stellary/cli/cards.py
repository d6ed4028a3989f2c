"""Card commands."""

from __future__ import annotations

import sys
from typing import Any

import click

from stellary.cli.card_changes import CARD, PRIORITY, STATUS, card, find_person_id, report
from stellary.cli.finding import find_column, find_label, find_scope
from stellary.cli.options import (
    DayParam,
    assignee_option,
    column_option,
    complete_columns,
    in_project,
    label_option,
    scope_option,
    with_json,
)
from stellary.cli.output import (
    JsonCommand,
    print_fields,
    print_handle,
    print_json,
    print_line,
    print_result,
    show,
)
from stellary.cli.session import CommandContext
from stellary.client.display._activity import summarize_activity
from stellary.client.display._parts import collect_names
from stellary.client.display._words import format_utc
from stellary.contract.cards import Card
from stellary.contract.checklists import AddChecklistItem
from stellary.contract.columns import Column
from stellary.contract.notifications import Notification
from stellary.contract.projects import Board
from stellary.contract.wire import UNSET

_SCOPE = scope_option(help="The scope that the column belongs to.")
WORK_SECTIONS = ("overdue", "today", "this_week", "waiting", "mentioned")


@card.command("add")
@click.argument("title")
@column_option(help="The column. Default: the first one of the default scope.")
@_SCOPE
@click.option("--description", metavar="TEXT", help="The description.")
@click.option("--priority", type=PRIORITY)
@label_option("-l", "--label", "labels", multiple=True, help="A label; repeatable.")
@assignee_option(help="A person in the workspace, by e-mail address or name; or me.")
@click.option("--start", type=DayParam(), help="The start date.")
@click.option(
    "--due", type=DayParam(), help="The due date: 2026-04-01, today, tomorrow, friday, in 2 weeks, or a time."
)
@click.option("--estimate", type=click.FLOAT, help="The estimated points or hours.")
@click.option("--step", "steps", metavar="TITLE", multiple=True, help="An item of its checklist; repeatable.")
@in_project(json=True, dry_run=True)
def add(session: CommandContext, title: str, **options: Any) -> None:
    """Add a card at the end of a column.

    \b
    Example:
      stellary card add "Write the spec" --column "To do" --label Bug --assignee me --due friday
    """
    project = session.project_handle()
    board = project.board()
    column = _choose_column(board, options["column"], options["scope"])
    card = project.cards.create(
        column,
        title=title,
        description=options["description"] or UNSET,
        priority=options["priority"] or UNSET,
        label_ids=[find_label(board, name).id for name in options["labels"]] or UNSET,
        assignee_id=find_person_id(session, options["assignee"]) or UNSET,
        start_date=options["start"] or UNSET,
        due_date=options["due"] or UNSET,
        estimate=UNSET if options["estimate"] is None else options["estimate"],
        checklist=[AddChecklistItem(title=title) for title in options["steps"]] or UNSET,
    )
    report(card, "Added", session.json)


def _choose_column(board: Board, column: str | None, scope: str | None) -> Column:
    if column:
        return find_column(board, column, scope)
    scope_id = find_scope(board, scope).id
    columns = [candidate for candidate in board.columns if candidate.scope_id == scope_id]
    if not columns and not scope:
        columns = board.columns
    if not columns:
        raise click.ClickException("the project has no columns")
    return columns[0]


@card.command("list")
@column_option(help="Only cards in this column.")
@scope_option(help="Only cards in this scope.")
@label_option("-l", "--label", help="Only cards with this label.")
@assignee_option(help="Only cards assigned to this person, or to me.")
@click.option("--status", type=STATUS)
@click.option("--priority", type=PRIORITY)
@click.option(
    "-q", "--search", metavar="TEXT", help="Only cards with this text in their key, title or description."
)
@click.option("--due-before", type=DayParam(), help="Only cards due before this day.")
@click.option("--archived", is_flag=True, help="List archived cards instead.")
@click.option("--filter", metavar="TEXT", help="A condition: 'assignee = me and due < +7d order by due'.")
@click.option("--saved", metavar="NAME", help="The name or the id of a saved filter.")
@click.option(
    "--everywhere", is_flag=True, help="List the cards of all projects; takes only --filter and --saved."
)
@in_project(json=True)
def list_cards(session: CommandContext, everywhere: bool, **options: Any) -> None:
    """List cards.

    \b
    Example:
      stellary card list --assignee me --status in_progress
      stellary card list --everywhere --filter "assignee = me and due < +7d order by due"
      stellary card list --saved "My week"
    """
    if everywhere:
        if unused := [name for name, value in options.items() if value and name not in ("filter", "saved")]:
            option = unused[0].replace("_", "-")
            raise click.UsageError(f"--everywhere takes --filter and --saved only, not --{option}")
        words, saved = options["filter"] or UNSET, options["saved"] or UNSET
        cards = list(session.client.cards.iterate(filter=words, saved=saved, archived=False))
        show(cards, session.json, "No cards match.")
        return
    project = session.project_handle()
    board = project.board()
    column, scope, label = options.pop("column"), options.pop("scope"), options.pop("label")
    filters = {
        "column_id": find_column(board, column, scope).id if column else None,
        "scope_id": find_scope(board, scope).id if scope and not column else None,
        "label_id": find_label(board, label).id if label else None,
        "assignee_id": find_person_id(session, options.pop("assignee")),
        "q": options.pop("search"),
        **options,
    }
    used = {name: value for name, value in filters.items() if value}
    cards = list(project.cards.iterate(**{"archived": False, **used}))
    show(cards, session.json, "No cards match.", collect_names(board.labels, board.members, board.columns))


@card.command("show")
@CARD
@in_project(json=True)
def show_card(session: CommandContext, query: str) -> None:
    """Show a card with its comments.

    \b
    Example:
      stellary card show LAUNCH-12
    """
    project, _, card = session.load_card(query)
    if session.json:
        print_json(card, session.json)
        return
    print_handle(project.card(card))


@card.command("history")
@CARD
@click.option(
    "--limit", type=click.IntRange(1, 500), default=50, help="The number of activities. Default: 50."
)
@in_project(json=True)
def history(session: CommandContext, query: str, limit: int) -> None:
    """Show what has changed on a card, newest first: who changed which fields, and by what means.

    \b
    Example:
      stellary card history LAUNCH-12
    """
    project, _, card = session.load_card(query)
    activities = project.card(card).history(limit=limit)
    if session.json:
        print_json(activities, session.json)
        return
    undone = {item.via.undo.id: item.actor_name for item in activities if item.via and item.via.undo}
    for activity in activities:
        end = f" (undone by {undone[activity.id]})" if activity.id in undone else ""
        text = f"{activity.actor_name or 'Somebody'} {summarize_activity(activity)}{end}"
        print_fields((format_utc(activity.created_at), text))


@card.command("move")
@CARD
@click.argument("column", shell_complete=complete_columns)
@_SCOPE
@click.option("--top", is_flag=True, help="Move it to the top of the column. Default: the bottom.")
@in_project(json=True, dry_run=True)
def move(session: CommandContext, query: str, column: str, scope: str | None, top: bool) -> None:
    """Move a card to a column.

    \b
    Example:
      stellary card move "Write the spec" Doing --top
    """
    project, board, card = session.load_card(query)
    target = find_column(board, column, scope, card.scope_id)
    moved = project.cards.update(card, column_id=target.id, order=0 if top else UNSET)
    report(moved, f'Moved to "{target.name}":', session.json)


@card.command("done")
@CARD
@in_project(json=True, dry_run=True)
def complete(session: CommandContext, query: str) -> None:
    """Mark a card as done.

    It moves to the first column of its scope with the status done, if there is one.

    \b
    Example:
      stellary card done LAUNCH-12
    """
    project, board, card = session.load_card(query)
    done_columns = [
        column
        for column in board.columns
        if column.scope_id == card.scope_id and column.card_status == "done"
    ]
    if done_columns and card.column_id not in {column.id for column in done_columns}:
        updated = project.cards.update(card, column_id=done_columns[0].id, status="done")
    else:
        updated = project.cards.update(card, status="done")
    report(updated, "Done:", session.json)


@card.command("comment")
@CARD
@click.argument("text")
@in_project(json=True, dry_run=True)
def comment(session: CommandContext, query: str, text: str) -> None:
    """Comment on a card. A dash as TEXT reads the comment from standard input.

    \b
    Example:
      stellary card comment LAUNCH-12 "Ready for review."
      git log -1 --format=%B | stellary card comment LAUNCH-12 -
    """
    content = sys.stdin.read().strip() if text == "-" else text
    project, _, card = session.load_card(query)
    created = project.card(card).comments.create(content=content)
    print_result(created, f'Commented on {card.key} "{card.title}".', session.json)


@card.command("watch")
@CARD
@click.option("--mute", "level", flag_value="mute", help="Be notified of mentions and assignments only.")
@click.option("--default", "level", flag_value="default", help="Follow the card as by default.")
@in_project(dry_run=True)
def watch(session: CommandContext, query: str, level: str | None) -> None:
    """Be notified of each change of a card.

    \b
    Example:
      stellary card watch LAUNCH-12
      stellary card watch LAUNCH-12 --mute
    """
    project, _, card = session.load_card(query)
    if level == "default":
        project.card(card).unwatch()
    else:
        project.card(card).watch(level="mute" if level == "mute" else "watch")
    print_line(f'{card.key} "{card.title}": {level or "watch"}.')


@click.command("work", cls=JsonCommand)
@with_json
def work(session: CommandContext) -> None:
    """Show your work in all workspaces: cards that are due, what waits for you, and mentions.

    \b
    Example:
      stellary work
    """
    work = session.client.me.work()
    if session.json:
        print_json(work, session.json)
        return
    for section in WORK_SECTIONS:
        for item in getattr(work, section):
            day = item.due_date.date().isoformat() if isinstance(item, Card) and item.due_date else ""
            key = item.key if isinstance(item, Card) else getattr(item, "kind", "")
            title = summarize_activity(item.activity) if isinstance(item, Notification) else item.title
            print_fields((section.replace("_", " "), key, day, title))
    if not any(getattr(work, section) for section in WORK_SECTIONS):
        print_line("Nothing is due, and nothing waits for you.")
    if not work.is_complete:
        print_line(
            "There is more: stellary card list --everywhere --filter 'assignee = me order by due'", err=True
        )
