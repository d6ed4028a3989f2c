"""Finding: what somebody at a terminal means by a key, a title, or the beginning of one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

from stellary.cli.output import candidates
from stellary.client.calling.nearest import nearest
from stellary.contract.cards import Card
from stellary.contract.columns import Column
from stellary.contract.labels import Label
from stellary.contract.projects import Board, BoardMember, Project
from stellary.contract.scopes import Scope

T = TypeVar("T")


def one(
    what: str,
    wanted: str,
    things: Iterable[T],
    names: Callable[[T], Sequence[str]],
    shown: Callable[[T], str],
) -> T:
    """The one thing that is meant: by one of its names, or else by the beginning of one.

    Raises:
        click.ClickException: None is, or several may be.
    """
    all_things = list(things)
    key = wanted.strip().casefold()
    for matches in (str.__eq__, str.startswith):
        found = [each for each in all_things if any(matches(name.casefold(), key) for name in names(each))]
        if len(found) == 1:
            return found[0]
        if found:
            raise click.ClickException(f'"{wanted}" may be {candidates(found, shown)}: say which')
    known = [name for each in all_things for name in names(each)]
    # One number is as near to another as any.
    meant = "" if wanted[-1:].isdigit() else nearest(wanted, known)
    raise click.ClickException(f'there is no {what} "{wanted}"{meant}')


def one_project(workspace: Any, wanted: str) -> Project:
    """A project by its key, name or id."""
    projects: Iterable[Project] = workspace.projects.iterate()
    return one(
        "project",
        wanted,
        projects,
        lambda each: (each.key, each.name, each.id),
        lambda each: f'{each.key} "{each.name}"',
    )


def one_card(project: Any, wanted: str, board: Board | None = None) -> Card:
    """A card by its key, number, title or id: of those on the board, or else of the archived ones.

    Args:
        board: If it has been read already.
    """
    found = board or project.board()
    number = re.fullmatch(r"#?(\d+)", wanted)
    key = f"{found.project.key}-{number[1]}" if number else wanted

    def names(card: Card) -> Sequence[str]:
        return (card.key,) if number else (card.key, card.title, card.id)

    def shown(card: Card) -> str:
        return f'{card.key} "{card.title}"'

    if any(_is_meant(key, names(each)) for each in found.cards):
        return _exactly(key, found.cards, names, shown)
    archived = list(project.cards.iterate(archived=True))
    return _exactly(
        key, archived if any(_is_meant(key, names(each)) for each in archived) else found.cards, names, shown
    )


def _is_meant(wanted: str, names: Sequence[str]) -> bool:
    return any(name.casefold().startswith(wanted.strip().casefold()) for name in names)


def _exactly(wanted: str, cards: Sequence[Card], names: Any, shown: Any) -> Card:
    return one("card", wanted, cards, names, shown)


def one_column(board: Board, wanted: str, scope: str | None = None) -> Column:
    """A column by its name or id; of a scope, if one is named, else of any, those of the default one first."""
    scopes = [one_scope(board, scope)] if scope else board.scopes
    names = {each.id: each.name for each in board.scopes}

    def shown(column: Column) -> str:
        return f'"{column.name}" of "{names[column.scope_id]}"'

    default = [each for each in scopes if each.is_default]
    for part in (default, scopes):
        columns = [column for each in part for column in each.columns]
        if any(_is_meant(wanted, (column.name, column.id)) for column in columns):
            return one("column", wanted, columns, lambda each: (each.name, each.id), shown)
    every = [column for each in scopes for column in each.columns]
    return one("column", wanted, every, lambda each: (each.name, each.id), shown)


def one_scope(board: Board, wanted: str) -> Scope:
    """A scope by its name or id."""
    return one(
        "scope", wanted, board.scopes, lambda each: (each.name, each.id), lambda each: f'"{each.name}"'
    )


def one_label(board: Board, wanted: str) -> Label:
    """A label by its name or id."""
    return one(
        "label", wanted, board.labels, lambda each: (each.name, each.id), lambda each: f'"{each.name}"'
    )


def one_person(people: Iterable[Any], wanted: str) -> BoardMember:
    """Somebody by e-mail address or name."""
    found: BoardMember = one(
        "person",
        wanted,
        people,
        lambda each: (each.email, each.name),
        lambda each: f"{each.name} <{each.email}>",
    )
    return found
