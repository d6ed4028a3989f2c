"""Cards: added, moved, done, and talked about."""

from __future__ import annotations

import sys
from datetime import date, datetime
from typing import Any

import click

from stellary.cli.finding import one_card, one_column, one_label, one_person, one_scope
from stellary.cli.output import as_json, draw_handle, show, tell, tell_json
from stellary.cli.session import Session, cards_there, in_project
from stellary.contract.cards import Card
from stellary.contract.checklists import AddChecklistItem
from stellary.contract.projects import Board
from stellary.contract.unset import UNSET

PRIORITY = click.Choice(["low", "medium", "high"])


class Day(click.ParamType[date]):
    """A day such as 2026-04-01."""

    name = "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            return datetime.strptime(value, "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no time zone
        except ValueError:
            return self.fail(f"{value!r} is not a day such as 2026-04-01", param, ctx)


@click.group()
def card() -> None:
    """Cards. One is meant by its key or number (LAUNCH-12, 12), or by its title or the beginning of that.

    \b
    Example:
      stellary card add "Write the spec" --column "To do" --due 2026-04-01
      stellary card move "Write" Doing
    """


def _told(session: Session, made: Card, what: str, as_json: bool) -> None:
    if as_json:
        tell_json(made)
    else:
        tell(f'{what} {made.key} "{made.title}".')


@card.command("add")
@click.argument("title")
@click.option("-c", "--column", metavar="NAME", help="The first one of the default scope if not given.")
@click.option("-s", "--scope", metavar="NAME", help="The scope in which to look for the column.")
@click.option("--description", metavar="TEXT")
@click.option("--priority", type=PRIORITY)
@click.option("-l", "--label", "labels", metavar="NAME", multiple=True, help="May be given several times.")
@click.option(
    "-a", "--assignee", metavar="WHO", help="Somebody of the workspace, by e-mail address or name; or me."
)
@click.option("--start", type=Day(), help="When it begins.")
@click.option("--due", type=Day(), help="When it is due.")
@click.option(
    "--step", "steps", metavar="TITLE", multiple=True, help="A step of its checklist; several times."
)
@as_json
@in_project
def add(session: Session, title: str, as_json: bool, **said: Any) -> None:
    """Add a card at the end of a column.

    \b
    Example:
      stellary card add "Write the spec" --column "To do" --label Bug --assignee me --due 2026-04-01
    """
    project = session.board()
    board = project.board()
    column = _column(board, said["column"], said["scope"])
    made = project.cards.create(
        column,
        title=title,
        description=said["description"] or UNSET,
        priority=said["priority"] or UNSET,
        label_ids=[one_label(board, each).id for each in said["labels"]] or UNSET,
        assignee_id=_person(session, said["assignee"]) or UNSET,
        start_date=said["start"] or UNSET,
        due_date=said["due"] or UNSET,
        checklist=[AddChecklistItem(title=each) for each in said["steps"]] or UNSET,
    )
    _told(session, made, "Added", as_json)


def _column(board: Board, column: str | None, scope: str | None) -> Any:
    if column:
        return one_column(board, column, scope)
    columns = [each for each in board.columns if not scope or each.scope_id == _scope(board, scope)]
    default = next(each.id for each in board.scopes if each.is_default)
    first = [each for each in columns if scope or each.scope_id == default] or columns
    if not first:
        raise click.ClickException("the project has no columns")
    return first[0]


def _scope(board: Board, scope: str) -> str:
    return one_scope(board, scope).id


def _person(session: Session, wanted: str | None) -> str | None:
    """The id of somebody of the workspace."""
    if not wanted:
        return None
    if wanted == "me":
        return session.client.auth.me().user.id
    return one_person(session.workspace().members.iterate(), wanted).user_id


@card.command("list")
@click.option("-c", "--column", metavar="NAME", help="Only those in that column.")
@click.option("-s", "--scope", metavar="NAME", help="Only those in that scope.")
@click.option("-l", "--label", metavar="NAME", help="Only those that bear it.")
@click.option("-a", "--assignee", metavar="WHO", help="Only those of that person; or of me.")
@click.option("--status", type=click.Choice(["open", "in_progress", "done"]))
@click.option("--priority", type=PRIORITY)
@click.option(
    "-q", "--search", metavar="TEXT", help="Only those with that in their key, title or description."
)
@click.option("--due-before", type=Day(), help="Only those that are due before that day.")
@click.option("--archived", is_flag=True, help="Those that were taken from the board.")
@as_json
@in_project
def list_cards(session: Session, as_json: bool, **said: Any) -> None:
    """List cards.

    \b
    Example:
      stellary card list --assignee me --status in_progress
    """
    project = session.board()
    board = project.board()
    found = list(
        project.cards.iterate(
            column_id=one_column(board, said["column"], said["scope"]).id if said["column"] else UNSET,
            scope_id=_scope(board, said["scope"]) if said["scope"] and not said["column"] else UNSET,
            label_id=one_label(board, said["label"]).id if said["label"] else UNSET,
            assignee_id=_person(session, said["assignee"]) or UNSET,
            status=said["status"] or UNSET,
            priority=said["priority"] or UNSET,
            q=said["search"] or UNSET,
            due_before=said["due_before"] or UNSET,
            archived=said["archived"],
        )
    )
    show(found, as_json, "There are no such cards.")


@card.command("show")
@click.argument("which", metavar="CARD", shell_complete=cards_there)
@as_json
@in_project
def show_card(session: Session, which: str, as_json: bool) -> None:
    """Show a card, with its comments.

    \b
    Example:
      stellary card show LAUNCH-12
    """
    project = session.board()
    found = one_card(project, which)
    if as_json:
        tell_json(found)
        return
    draw_handle(project.card(found))


@card.command("move")
@click.argument("which", metavar="CARD", shell_complete=cards_there)
@click.argument("column")
@click.option("-s", "--scope", metavar="NAME", help="The scope in which to look for the column.")
@click.option("--top", is_flag=True, help="To the beginning of the column; to its end if not given.")
@as_json
@in_project
def move(session: Session, which: str, column: str, scope: str | None, top: bool, as_json: bool) -> None:
    """Move a card to a column.

    \b
    Example:
      stellary card move "Write the spec" Doing --top
    """
    project = session.board()
    board = project.board()
    target = one_column(board, column, scope)
    found = one_card(project, which, board)
    made = project.cards.update(found, column_id=target.id, order=0 if top else UNSET)
    _told(session, made, f'Moved to "{target.name}":', as_json)


@card.command("done")
@click.argument("which", metavar="CARD", shell_complete=cards_there)
@as_json
@in_project
def done(session: Session, which: str, as_json: bool) -> None:
    """Move a card to the first column of its scope whose cards are done; where there is none, it is done where it is.

    \b
    Example:
      stellary card done LAUNCH-12
    """
    project = session.board()
    board = project.board()
    found = one_card(project, which, board)
    own = [each for each in board.columns if each.scope_id == found.scope_id and each.card_status == "done"]
    if own and found.column_id not in {each.id for each in own}:
        made = project.cards.update(found, column_id=own[0].id, status="done")
    else:
        made = project.cards.update(found, status="done")
    _told(session, made, "Done:", as_json)


@card.command("comment")
@click.argument("which", metavar="CARD", shell_complete=cards_there)
@click.argument("text")
@as_json
@in_project
def comment(session: Session, which: str, text: str, as_json: bool) -> None:
    """Comment on a card. A dash for TEXT reads it from the standard input.

    \b
    Example:
      stellary card comment LAUNCH-12 "Ready for review."
      git log -1 --format=%B | stellary card comment LAUNCH-12 -
    """
    content = sys.stdin.read().strip() if text == "-" else text
    project = session.board()
    found = one_card(project, which)
    made = project.card(found).comments.create(content=content)
    if as_json:
        tell_json(made)
    else:
        tell(f'Commented on {found.key} "{found.title}".')


COMMANDS = (card,)
