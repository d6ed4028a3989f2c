"""Boards: cards in their columns, one below the other, or by the day on which they are due."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from stellary.client.display import _words as w
from stellary.client.display._calendar import calendar
from stellary.client.display._look import Look, Names, names
from stellary.client.display._markup import line
from stellary.client.display._parts import Cell, Lane, Lanes, Part, Prose, Span, Table, Tile
from stellary.client.display._sheet import Sheet

if TYPE_CHECKING:
    from stellary.contract.cards import Card
    from stellary.contract.projects import Board
    from stellary.contract.scope_views import CalendarView, KanbanView, ListView

TILES = 100
"""Cards of a board that are shown, unless it is asked for more."""
TILES_MIN = 6
"""Of a column, however many columns there are."""
ROWS = 50
TITLE_MAX = 160


def kanban(board: Board, look: Look) -> Sheet:
    """A project's board."""
    known = names(board.labels, board.members, board.columns)
    scopes = [each.id for each in board.scopes] or list({each.scope_id: None for each in board.columns})
    titles = {each.id: each.name for each in board.scopes}
    shown = _rooms(len(board.columns), look)
    by_column: dict[str, list[Card]] = {}
    for card in board.cards:
        by_column.setdefault(card.column_id, []).append(card)
    parts: list[Part] = []
    for scope in scopes:
        columns = [each for each in board.columns if each.scope_id == scope]
        lanes = tuple(_lane(each, by_column.get(each.id, []), known, look, shown) for each in columns)
        if lanes:
            parts.append(Lanes(lanes, titles.get(scope) if len(scopes) > 1 else None))
    return _sheet("Board", board, look, parts or [Prose("This board has no columns.", "quiet")])


def cards(board: Board, look: Look) -> Sheet:
    """The cards of a project's board as a list."""
    known = names(board.labels, board.members, board.columns)
    return _sheet("List", board, look, [card_table(board.cards, look, known)])


def due(board: Board, look: Look) -> Sheet:
    """The cards of a project's board by the day on which they are due."""
    dated = [(w.as_day(card.due_date), card) for card in board.cards if card.due_date is not None]
    parts = calendar(dated, len(board.cards) - len(dated), look)
    return _sheet("Calendar", board, look, parts)


def _sheet(kind: str, board: Board, look: Look, parts: Iterable[Part]) -> Sheet:
    late = sum(is_late(card, look) for card in board.cards)
    finished = sum(card.status == "done" for card in board.cards)
    facts: list[Span] = [
        Span(board.project.key or "", "quiet", "code"),
        Span(w.counted(len(board.cards), "card"), "quiet"),
        Span(f"{finished} done", "quiet"),
    ]
    if late:
        facts.append(Span(f"{late} late", "bad"))
    return Sheet(kind=kind, title=board.project.name, parts=tuple(parts), facts=tuple(facts))


def is_late(card: Card, look: Look) -> bool:
    """Whether it is due before today, and not done."""
    return (
        card.due_date is not None and card.status != "done" and w.as_day(card.due_date) < w.as_day(look.now)
    )


# ---------------------------------------------------------------------------------------------- one column


def _rooms(columns: int, look: Look) -> int:
    """How many cards of each column are shown."""
    if look.most is not None:
        return look.most
    return max(TILES // max(columns, 1), TILES_MIN)


def _lane(column: Any, found: Sequence[Card], known: Names, look: Look, shown: int) -> Lane:
    limit = column.wip_limit
    count = max(len(found), column.card_count or 0)
    return Lane(
        title=column.name or "",
        count=f"{count:,}" if limit is None else f"{count:,} / {limit:,}",
        tiles=tuple(tile(card, known, look) for card in found[:shown]),
        full=limit is not None and count >= limit,
        hidden=max(count - min(len(found), shown), 0),
    )


def tile(card: Card, known: Names, look: Look) -> Tile:
    """A card as it stands on a board."""
    when = w.due(card.due_date, look.now, done=card.status == "done")
    foot = [
        known.person(card.assignee_id),
        None if when is None else attrs.evolve(when, text=f"due {when.text}"),
        w.progress(card.checklist_progress),
        Span(w.counted(card.comment_count, "comment"), "quiet") if card.comment_count else None,
        Span(w.counted(card.attachment_count, "file"), "quiet") if card.attachment_count else None,
    ]
    return Tile(
        key=card.key or "",
        title=line(card.title, TITLE_MAX),
        priority=w.priority(card.priority),
        chips=known.chips(card.label_ids),
        foot=tuple(each for each in foot if each is not None),
        done=card.status == "done",
    )


# ---------------------------------------------------------------------------------------------- what scopes show


def kanban_view(view: KanbanView, look: Look, known: Names | None = None) -> Sheet:
    """The columns of a scope."""
    shown = _rooms(len(view.columns), look)
    known = known or Names()
    lanes = tuple(_lane(each.column, each.cards, known, look, shown) for each in view.columns)
    number = sum(len(each.cards) for each in view.columns)
    return Sheet("Board", "Board", (Lanes(lanes),), (Span(w.counted(number, "card"), "quiet"),))


def list_view(view: ListView, look: Look, known: Names | None = None) -> Sheet:
    """The cards of a scope, one below the other."""
    facts = (Span(w.counted(len(view.cards), "card"), "quiet"),)
    return Sheet("List", "Cards", (card_table(view.cards, look, known or Names()),), facts)


def calendar_view(view: CalendarView, look: Look) -> Sheet:
    """The cards of a scope by the day on which they are due."""
    from datetime import date

    dated = [(date.fromisoformat(each.day), card) for each in view.days for card in each.cards]
    return Sheet("Calendar", "Calendar", tuple(calendar(dated, view.without_due_date, look)))


def card_table(found: Sequence[Card], look: Look, known: Names, more: bool = False) -> Table:
    """Cards as rows: a column of the table is left out where no card has anything in it."""
    shown = found[: look.of(ROWS)]
    columns: list[tuple[str, list[Cell]]] = [
        ("Key", [(Span(card.key or "", "quiet", "code"),) for card in shown]),
        ("Title", [(Span(line(card.title, TITLE_MAX)),) for card in shown]),
        (
            "Column",
            [_if(card.column_id in known.columns, known.columns.get(card.column_id)) for card in shown],
        ),
        ("Status", [_only(w.status(card.status)) for card in shown]),
        ("Priority", [_only(w.priority(card.priority)) for card in shown]),
        ("Labels", [known.chips(card.label_ids) for card in shown]),
        ("Assignee", [_only(known.person(card.assignee_id)) for card in shown]),
        ("Due", [_only(w.due(card.due_date, look.now, done=card.status == "done")) for card in shown]),
        ("Checklist", [_only(w.progress(card.checklist_progress)) for card in shown]),
    ]
    kept = [each for each in columns if any(each[1])]
    return Table(
        heads=tuple(name for name, _ in kept),
        rows=tuple(zip(*(places for _, places in kept), strict=True)),
        note=beyond(len(found) - len(shown), more),
        empty="No cards.",
    )


def beyond(hidden: int, more: bool) -> str | None:
    """What is said of the rows that are not shown."""
    if more:
        said = f"+ {hidden:,} more on this page; " if hidden else ""
        return f"{said}there are further pages: next_page() has them"
    return f"+ {hidden:,} more" if hidden else None


def _only(found: Any) -> Cell:
    return () if found is None else (found,)


def _if(condition: bool, text: str | None) -> Cell:
    return (Span(text or ""),) if condition else ()
