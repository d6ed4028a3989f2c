"""Commands that change a card: edit, archive, restore, delete. And those that move columns and documents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

import click

from stellary.cli.finding import (
    find_card,
    find_column,
    find_label,
    find_person,
    find_project,
    find_scope,
    match_one,
)
from stellary.cli.options import (
    NONE,
    YES,
    DayParam,
    F,
    Group,
    OrNone,
    assignee_option,
    complete_cards,
    complete_columns,
    confirm,
    fail_usage,
    in_project,
    in_workspace,
    label_option,
)
from stellary.cli.output import JsonOptions, print_line, print_result
from stellary.cli.session import CommandContext
from stellary.client.calling.method import Sync
from stellary.client.methods.projects import ProjectHandle
from stellary.contract.cards import Card, Missing, TransferredCard
from stellary.contract.columns import TransferredColumn
from stellary.contract.projects import Board
from stellary.contract.recurrences import Creation, Recurrence
from stellary.contract.wire import UNSET, Unset

PRIORITY = click.Choice(["low", "medium", "high"])
STATUS = click.Choice(["open", "in_progress", "done"])
CARD = click.argument("query", metavar="CARD", shell_complete=complete_cards)


def report(card: Card, verb: str, as_json: JsonOptions) -> None:
    """Print what has been done to a card, or the card as JSON.

    Args:
        card: The card.
        verb: What has been done, such as ``Added``.
        as_json: Whether to print JSON.
    """
    print_result(card, f'{verb} {card.key} "{card.title}".', as_json)


def find_person_id(session: CommandContext, query: str | None) -> str | None:
    """Return the user id of a person in the workspace; ``me`` is the caller.

    Args:
        session: The session of the command.
        query: The text that the user typed; None for nobody.
    """
    if not query:
        return None
    if query == "me":
        return session.client.auth.me().user.id
    return find_person(session.workspace().members.iterate(), query).user_id


@click.group(cls=Group)
def card() -> None:
    """Manage cards. Refer to a card by its key or number (LAUNCH-12, 12), or by its title.

    \b
    Example:
      stellary card add "Write the spec" --column "To do" --due 2026-04-01
      stellary card move "Write" Doing
    """


@card.command("edit")
@CARD
@click.option("-t", "--title", metavar="TEXT", help="The new title.")
@click.option("--description", metavar="TEXT", help="The new description; an empty text removes it.")
@click.option("--priority", type=click.Choice([*PRIORITY.choices, NONE]))
@click.option("--status", type=STATUS)
@assignee_option(help="A person in the workspace, by e-mail address or name; me; or none.")
@click.option("--start", type=OrNone(DayParam()), help="The start date, or none.")
@click.option(
    "--due", type=OrNone(DayParam()), help="The due date (2026-04-01, friday, in 2 weeks …), or none."
)
@click.option("--estimate", type=OrNone(click.FLOAT), help="The estimated points or hours, or none.")
@click.option("--repeat", metavar="RULE", help="When the next card is made: FREQ=WEEKLY;BYDAY=MO; or none.")
@click.option("--time-zone", metavar="NAME", help="The time zone of --repeat. Default: UTC.")
@click.option("--on-completion", is_flag=True, default=None, help="Make the next card once this one is done.")
@click.option(
    "--only-this", is_flag=True, default=None, help="Leave the later cards of the series as they are."
)
@label_option("--add-label", multiple=True, help="Add a label; repeatable.")
@label_option("--remove-label", multiple=True, help="Remove a label; repeatable.")
@in_project(json=True, dry_run=True)
def edit(session: CommandContext, query: str, **options: Any) -> None:
    """Change the fields of a card. The word none clears a field.

    \b
    Example:
      stellary card edit LAUNCH-12 --title "Write the short spec" --due none --add-label Bug
    """
    if all(value is None or value == () for value in options.values()):
        fail_usage("name a field to change, such as --title")
    project, board, card = session.load_card(query)
    assignee = options["assignee"]
    updated = project.cards.update(
        card,
        title=UNSET if options["title"] is None else options["title"],
        description=UNSET if options["description"] is None else options["description"] or None,
        priority=_value_or_none(options["priority"]),
        status=options["status"] or UNSET,
        assignee_id=None if assignee == NONE else find_person_id(session, assignee) or UNSET,
        start_date=_value_or_none(options["start"]),
        due_date=_value_or_none(options["due"]),
        estimate=_value_or_none(options["estimate"]),
        label_ids=_change_labels(board, card, options["add_label"], options["remove_label"]),
        recurrence=_read_recurrence(options["repeat"], options["time_zone"], options["on_completion"]),
        apply_to="this" if options["only_this"] else UNSET,
    )
    report(updated, "Changed", session.json)


def _read_recurrence(
    rule: str | None, time_zone: str | None, on_completion: bool | None
) -> Recurrence | Unset | None:
    if rule in (NONE, None):
        return None if rule else UNSET
    create: Creation = "on_completion" if on_completion else "on_schedule"
    return Recurrence(rule=rule, time_zone=time_zone or "UTC", create=create)


def _value_or_none(value: Any) -> Any:
    """Return the value to send: UNSET for an option that is not used, None for the word ``none``."""
    return UNSET if value is None else None if value == NONE else value


def _change_labels(
    board: Board, card: Card, added: tuple[str, ...], removed: tuple[str, ...]
) -> list[str] | Unset:
    if not added and not removed:
        return UNSET
    removed_ids = {find_label(board, name).id for name in removed}
    ids = [*card.label_ids, *(find_label(board, name).id for name in added)]
    return [id for id in dict.fromkeys(ids) if id not in removed_ids]


_TO_WORKSPACE = click.option(
    "--to-workspace", metavar="SLUG", help="Its workspace. Default: the current one."
)
_MISSING = click.option(
    "--missing",
    type=click.Choice(get_args(Missing)),
    default="refuse",
    help="What to do with labels, fields and options that the project does not have. Default: refuse.",
)


def _to_project(metavar: str, place: str) -> Callable[[F], F]:
    """Return what adds the options of a command that moves cards to another project."""
    text = f"The key or name of a project, {place}."
    option = click.option("--to", "target", metavar=metavar, required=True, help=text)
    return lambda command: option(_TO_WORKSPACE(_MISSING(in_project(json=True, dry_run=True)(command))))


def _find_target(
    session: CommandContext, target: str | None, to_workspace: str | None
) -> tuple[ProjectHandle[Sync], Board, str]:
    """Return the project to work in, the board of the project of ``PROJECT/NAME``, and the name."""
    workspace, (project, _, name) = session.workspace(to_workspace), (target or "").partition("/")
    other = workspace.project(find_project(workspace, project))
    return session.project_handle(), other.board(), name


def _print_moved(moved: TransferredCard | TransferredColumn, text: str, as_json: JsonOptions) -> None:
    print_result(moved, text, as_json)
    if moved.dropped and not as_json:
        print_line(f"Dropped: {', '.join(f'{item.kind} {item.name}' for item in moved.dropped)}")


@card.command("transfer")
@CARD
@_to_project("PROJECT/COLUMN", "and its column")
def transfer(session: CommandContext, query: str, missing: Missing, **place: str | None) -> None:
    """Move a card to another project. It gets a new key, and its former key still leads to it.

    \b
    Example:
      stellary card transfer LAUNCH-12 --to OPS/Backlog --missing drop
    """
    project, board, name = _find_target(session, **place)
    if not name:
        fail_usage("name the project and the column, such as --to OPS/Backlog")
    column, card = find_column(board, name), find_card(project, query, project.board())
    moved = project.cards.transfer(card, column_id=column.id, missing=missing)
    _print_moved(moved, f'Moved {card.key} to "{column.name}": {moved.key} "{moved.title}".', session.json)


@click.group("column", cls=Group)
def column() -> None:
    """Move columns.

    \b
    Example:
      stellary column transfer Someday --to OPS
    """


@column.command("transfer")
@click.argument("query", metavar="COLUMN", shell_complete=complete_columns)
@_to_project("PROJECT[/SCOPE]", "and its scope. Default: the default one")
def transfer_column(session: CommandContext, query: str, missing: Missing, **place: str | None) -> None:
    """Move a column with its cards to another project. Its former column goes to the trash.

    \b
    Example:
      stellary column transfer Someday --to OPS/Later --missing create
    """
    project, board, name = _find_target(session, **place)
    scope = find_scope(board, name)
    column = find_column(project.board(), query)
    moved = project.columns.transfer(column, scope_id=scope.id, missing=missing)
    text = f'Moved "{column.name}" to "{scope.name}" of {board.project.key}, with {moved.card_count} cards.'
    _print_moved(moved, text, session.json)


@click.group("document", cls=Group)
def document() -> None:
    """Move documents.

    \b
    Example:
      stellary document transfer Handbook --to-workspace ops
    """


@document.command("transfer")
@click.argument("query", metavar="TITLE")
@click.option("--to", "target", metavar="PROJECT", help="The key or name of a project. Default: none.")
@_TO_WORKSPACE
@in_workspace(json=True, dry_run=True)
def transfer_document(
    session: CommandContext, query: str, target: str | None, to_workspace: str | None
) -> None:
    """Move a document with its child documents to another project or workspace.

    \b
    Example:
      stellary document transfer "Style guide" --to OPS
    """
    documents, other = session.workspace().documents, session.workspace(to_workspace)
    place = find_project(other, target) if target else other.get()
    items = documents.iterate()
    item = match_one("document", query, items, lambda item: (item.title, item.id), lambda item: item.id)
    kind: Literal["project", "workspace"] = "project" if target else "workspace"
    moved = documents.transfer(item, context_type=kind, context_id=place.id)
    print_result(moved, f'Moved "{moved.title}" to "{place.name}".', session.json)


@card.command("duplicate")
@CARD
@click.option("-t", "--title", metavar="TEXT", help="The title of the copy. Default: that of the card.")
@click.option("--comments", is_flag=True, help="Copy the comments too.")
@click.option("--files", is_flag=True, help="Copy the files too.")
@in_project(json=True, dry_run=True)
def duplicate(session: CommandContext, query: str, title: str | None, comments: bool, files: bool) -> None:
    """Copy a card to the end of its column.

    \b
    Example:
      stellary card duplicate LAUNCH-12 --title "Onboarding of Joe"
    """
    project, _, card = session.load_card(query)
    copy = project.cards.duplicate(card, title=title or UNSET, comments=comments, attachments=files)
    report(copy, "Copied", session.json)


@card.command("archive")
@CARD
@in_project(json=True, dry_run=True)
def archive(session: CommandContext, query: str) -> None:
    """Archive a card: it leaves the board, and can be restored.

    \b
    Example:
      stellary card archive LAUNCH-12
    """
    project, _, card = session.load_card(query)
    report(project.cards.update(card, archived=True), "Archived", session.json)


@card.command("restore")
@CARD
@in_project(json=True, dry_run=True)
def restore(session: CommandContext, query: str) -> None:
    """Return an archived card to the board.

    \b
    Example:
      stellary card restore LAUNCH-12
    """
    project, _, card = session.load_card(query)
    report(project.cards.update(card, archived=False), "Restored", session.json)


@card.command("delete")
@CARD
@YES
@in_project(dry_run=True)
def delete(session: CommandContext, query: str, yes: bool) -> None:
    """Delete a card with its comments and files. To keep it, archive it instead.

    \b
    Example:
      stellary card delete LAUNCH-12 --yes
    """
    project, _, card = session.load_card(query)
    confirm(f'Delete {card.key} "{card.title}" with its comments and files', is_confirmed=yes)
    project.cards.delete(card)
    print_line(f'Deleted {card.key} "{card.title}".')
