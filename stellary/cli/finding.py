"""Finding the item that a user refers to by a key, a title, or the start of one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

from stellary.cli.output import format_candidates
from stellary.client.calling.nearest import nearest
from stellary.contract.cards import Card
from stellary.contract.columns import Column
from stellary.contract.labels import Label
from stellary.contract.projects import Board, BoardMember, Project
from stellary.contract.scopes import Scope

T = TypeVar("T")


def match_one(
    kind: str,
    query: str,
    items: Iterable[T],
    names: Callable[[T], Sequence[str]],
    describe: Callable[[T], str],
) -> T:
    """Return the only item with a name equal to the query, else the only one with a name that starts with it.

    Args:
        kind: The kind of item, for error messages.
        query: The text that the user typed; case does not matter.
        items: The items to search.
        names: Returns the names of an item.
        describe: Returns a description of an item, for error messages.

    Raises:
        click.ClickException: No item matches, or several do.
    """
    items = list(items)
    key = query.strip().casefold()
    for is_match in (str.__eq__, str.startswith):
        matches = [item for item in items if any(is_match(name.casefold(), key) for name in names(item))]
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise click.ClickException(f'"{query}" is ambiguous: {format_candidates(matches, describe)}')
    all_names = [name for item in items for name in names(item)]
    # For numbers, no similar one is suggested, since it is probably not meant.
    hint = "" if query[-1:].isdigit() else nearest(query, all_names)
    raise click.ClickException(f'there is no {kind} "{query}"{hint}')


def find_project(workspace: Any, query: str) -> Project:
    """Return a project by key, name or id."""
    projects: Iterable[Project] = workspace.projects.iterate()
    return match_one(
        "project",
        query,
        projects,
        lambda project: (project.key, project.name, project.id),
        lambda project: f'{project.key} "{project.name}"',
    )


def find_card(project: Any, query: str, board: Board | None = None) -> Card:
    """Return a card by key, number, title or id: one on the board, else an archived one.

    Args:
        project: The handle of the project.
        query: The text that the user typed.
        board: The board, if it has been loaded already.
    """
    loaded: Board = board or project.board()
    number = re.fullmatch(r"#?(\d+)", query)
    key = f"{loaded.project.key}-{number[1]}" if number else query

    def names(card: Card) -> Sequence[str]:
        return (card.key,) if number else (card.key, card.title, card.id)

    cards = loaded.cards
    if not any(_has_match(key, names(card)) for card in cards):
        archived = list(project.cards.iterate(archived=True))
        if any(_has_match(key, names(card)) for card in archived):
            cards = archived
    return match_one("card", key, cards, names, lambda card: f'{card.key} "{card.title}"')


def _has_match(query: str, names: Sequence[str]) -> bool:
    return any(name.casefold().startswith(query.strip().casefold()) for name in names)


def find_column(board: Board, query: str, scope: str | None = None) -> Column:
    """Return a column by name or id.

    Args:
        board: The board to search.
        query: The text that the user typed.
        scope: The scope to search, by name or id; None for all scopes, the default one first.
    """
    scopes = [find_scope(board, scope)] if scope else board.scopes
    scope_names = {item.id: item.name for item in board.scopes}

    def match_column(columns: list[Column]) -> Column:
        return match_one(
            "column",
            query,
            columns,
            lambda column: (column.name, column.id),
            lambda column: f'"{column.name}" of "{scope_names[column.scope_id]}"',
        )

    columns_of_default = [column for item in scopes if item.is_default for column in item.columns]
    if any(_has_match(query, (column.name, column.id)) for column in columns_of_default):
        return match_column(columns_of_default)
    return match_column([column for item in scopes for column in item.columns])


def find_scope(board: Board, query: str) -> Scope:
    """Return a scope by name or id."""
    return match_one(
        "scope", query, board.scopes, lambda scope: (scope.name, scope.id), lambda scope: f'"{scope.name}"'
    )


def find_label(board: Board, query: str) -> Label:
    """Return a label by name or id."""
    return match_one(
        "label", query, board.labels, lambda label: (label.name, label.id), lambda label: f'"{label.name}"'
    )


def find_person(people: Iterable[Any], query: str) -> BoardMember:
    """Return a person by e-mail address or name."""
    match: BoardMember = match_one(
        "person",
        query,
        people,
        lambda person: (person.email, person.name),
        lambda person: f"{person.name} <{person.email}>",
    )
    return match
