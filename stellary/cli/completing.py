"""Completion in a shell: the names of projects, cards, columns, scopes, labels and people, from the server."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator

import click
from click.shell_completion import CompletionItem

from stellary import StellaryError
from stellary.cli.session import CommandContext, select_workspace
from stellary.contract.projects import Board

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


@contextlib.contextmanager
def _completion_session(ctx: click.Context) -> Iterator[CommandContext]:
    """Yield a session for completing a word: with a short timeout, and without error messages."""
    session = CommandContext(url=ctx.find_root().params.get("url"), timeout=2, max_retries=0)
    session.org = ctx.params.get("org")
    # While a word is completed, click leaves arguments in ``args``.
    path_of_use = "".join(ctx.args) if ctx.info_name == "use" else ""
    if path := ctx.params.get("workspace") or path_of_use:
        select_workspace(session, path)
    session.project_name = ctx.params.get("project")
    with (
        contextlib.closing(session),
        contextlib.suppress(click.ClickException, StellaryError, OSError, ValueError),
    ):
        yield session


def complete_projects(ctx: click.Context, _: click.Parameter, prefix: str) -> list[CompletionItem]:
    """Return the projects whose keys start with the prefix; none if they cannot be loaded.

    Args:
        ctx: The context of the command.
        prefix: The beginning of the word.
    """
    items: list[CompletionItem] = []
    with _completion_session(ctx) as session:
        projects = session.workspace().projects.iterate(archived=False)
        items += _to_items(((project.key, project.name) for project in projects), prefix)
    return items


def _complete_from_board(names: Callable[[Board], Iterable[tuple[str, str]]]) -> Complete:
    """Return a completion of names on the board of the project.

    Args:
        names: Returns the names, each with a description.
    """

    def complete(ctx: click.Context, _: click.Parameter, prefix: str) -> list[CompletionItem]:
        items: list[CompletionItem] = []
        with _completion_session(ctx) as session:
            items += _to_items(names(session.project_handle().board()), prefix)
        return items

    return complete


def _to_items(names: Iterable[tuple[str, str]], prefix: str) -> list[CompletionItem]:
    matches = {name: text for name, text in names if name.casefold().startswith(prefix.casefold())}
    return [CompletionItem(name, help=text) for name, text in matches.items()]


complete_cards = _complete_from_board(lambda board: ((card.key, card.title) for card in board.cards))
complete_columns = _complete_from_board(lambda board: ((column.name, "") for column in board.columns))
complete_scopes = _complete_from_board(lambda board: ((scope.name, "") for scope in board.scopes))
complete_labels = _complete_from_board(lambda board: ((label.name, "") for label in board.labels))
complete_people = _complete_from_board(
    lambda board: [("me", ""), *((member.email, member.name) for member in board.members)]
)
