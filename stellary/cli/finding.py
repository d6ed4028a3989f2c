"""Finding the item that a user refers to by a key, a name or an id."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

from stellary.cli.output import format_candidates
from stellary.client.calling.method import Sync
from stellary.client.calling.nearest import nearest
from stellary.client.methods.projects import ProjectHandle
from stellary.client.methods.workspaces import WorkspaceHandle
from stellary.contract.cards import Card
from stellary.contract.columns import Column
from stellary.contract.labels import Label
from stellary.contract.projects import Board, BoardMember, Project, ProjectTemplate
from stellary.contract.scopes import Scope
from stellary.contract.spellings import find_named

T = TypeVar("T")
_NUMBER = re.compile(r"#?(?:[A-Za-z]+-)?\d+")


def _list_names(item: Any) -> Sequence[str]:
    return item.name, item.id


def _quote_name(item: Any) -> str:
    return f'"{item.name}"'


def match_one(
    kind: str,
    query: str,
    items: Iterable[T],
    names: Callable[[T], Sequence[str]] = _list_names,
    describe: Callable[[T], str] = _quote_name,
) -> T:
    """Return the only item with a name. Case, blanks and accents may differ; similar names are only suggested.

    Args:
        kind: The kind of item, for error messages.
        query: The text that the user typed.
        items: The items to search.
        names: Returns the names of an item; by default its name and its id.
        describe: Returns a description of an item, for error messages; by default its name.

    Raises:
        click.ClickException: No item matches, or several do.
    """
    items = list(items)
    matches = find_named(query, items, names)
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise click.ClickException(f'"{query}" is ambiguous: {format_candidates(matches, describe)}')
    all_names = [name for item in items for name in names(item)]
    # For numbers and keys, no similar one is suggested, since it is probably not meant.
    hint = "" if _NUMBER.fullmatch(query) else nearest(query, all_names)
    raise click.ClickException(f'there is no {kind} "{query}"{hint}')


def find_template(workspace: WorkspaceHandle[Sync], query: str) -> ProjectTemplate:
    """Return a template of projects by name or id."""
    return match_one("template", query, workspace.projects.templates(), describe=lambda item: item.name)


def find_project(workspace: WorkspaceHandle[Sync], query: str) -> Project:
    """Return a project by key, name or id."""
    return match_one(
        "project",
        query,
        workspace.projects.iterate(),
        lambda project: (project.key, project.name, project.id),
        lambda project: f'{project.key} "{project.name}"',
    )


def find_card(project: ProjectHandle[Sync], query: str, board: Board) -> Card:
    """Return a card by key, number, title or id: one on the board, else an archived one.

    Args:
        project: The handle of the project.
        query: The text that the user typed.
        board: The board of the project.
    """
    number = re.fullmatch(r"#?(\d+)", query)
    key = f"{board.project.key}-{number[1]}" if number else query

    def names(card: Card) -> Sequence[str]:
        return (card.key,) if number else (card.key, card.title, card.id)

    cards = board.cards
    if not find_named(key, cards, names):
        archived = list(project.cards.iterate(archived=True))
        cards = archived if find_named(key, archived, names) else cards
    return match_one("card", key, cards, names, lambda card: f'{card.key} "{card.title}"')


def find_column(
    board: Board, query: str, scope: str | None = None, card_scope_id: str | None = None
) -> Column:
    """Return a column by name or id.

    Args:
        board: The board to search.
        query: The text that the user typed.
        scope: The scope to search, by name or id. Default: that of the card, else the default scope and then all.
        card_scope_id: The scope of the card that is to be moved.

    Raises:
        click.ClickException: The scope has no such column, or several.
    """
    scope_names = {item.id: item.name for item in board.scopes}

    def describe(column: Column) -> str:
        return f'"{column.name}" of "{scope_names[column.scope_id]}"'

    every_column = [column for item in board.scopes for column in item.columns]
    scope_id = find_scope(board, scope).id if scope else card_scope_id
    first_id = scope_id or next((item.id for item in board.scopes if item.is_default), None)
    columns = [column for column in every_column if first_id == column.scope_id or query == column.id]
    is_here = find_named(query, columns, _list_names)
    elsewhere = find_named(query, every_column, _list_names)
    if elsewhere and scope_id and not is_here:
        raise click.ClickException(
            f'"{scope_names[scope_id]}" has no column "{query}", which could be '
            f"{format_candidates(elsewhere, describe)}; pass --scope"
        )
    candidates = columns if is_here or scope_id else every_column
    return match_one("column", query, candidates, describe=describe)


def find_scope(board: Board, query: str | None) -> Scope:
    """Return a scope by name or id; without a query, the default one."""
    if not query:
        return next(item for item in board.scopes if item.is_default)
    return match_one("scope", query, board.scopes)


def find_label(board: Board, query: str) -> Label:
    """Return a label by name or id."""
    return match_one("label", query, board.labels)


def find_person(people: Iterable[Any], query: str) -> BoardMember:
    """Return a person by e-mail address, name, or the first name if only one person has it."""
    members: list[BoardMember] = list(people)
    is_first_name = not find_named(query, members, _names) and find_named(query, members, _first_names)
    return match_one(
        "person",
        query,
        members,
        _first_names if is_first_name else _names,
        lambda person: f"{person.name} <{person.email}>",
    )


def _names(person: BoardMember) -> Sequence[str]:
    return person.email, person.name


def _first_names(person: BoardMember) -> Sequence[str]:
    return person.name.split()[:1]
