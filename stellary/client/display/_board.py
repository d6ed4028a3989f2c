"""Board views: kanban columns, a list, and a calendar with the cards by due date, month by month."""

from __future__ import annotations

from calendar import Calendar
from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import attrs

from stellary.client.display import _parts as p
from stellary.client.display import _words as w
from stellary.client.display._markup import line
from stellary.client.display._sheet import View

if TYPE_CHECKING:
    from stellary.contract.cards import Card
    from stellary.contract.projects import Board
    from stellary.contract.scope_views import CalendarView, KanbanView, ListView

TILES = 100
"""The number of cards shown on a board by default."""
TILES_MIN = 6
"""The minimum number of cards shown per column by default."""
ROWS = 50
TITLE_MAX = 160
MONTHS = 3
"""The number of months shown, from the first one with a late or upcoming card."""
ITEMS = 3
"""The number of cards shown per day."""


def build_kanban(board: Board, options: p.RenderOptions) -> View:
    """Render the board of a project as columns."""
    names = p.collect_names(board.labels, board.members, board.columns)
    scopes = [scope.id for scope in board.scopes] or list({column.scope_id: None for column in board.columns})
    titles = {scope.id: scope.name for scope in board.scopes}
    tile_limit = _tiles_per_column(len(board.columns), options)
    by_column: dict[str, list[Card]] = {}
    for card in board.cards:
        by_column.setdefault(card.column_id, []).append(card)
    parts: list[p.Part] = []
    for scope in scopes:
        columns = [column for column in board.columns if column.scope_id == scope]
        lanes = tuple(
            _build_lane(column, by_column.get(column.id, []), names, options, tile_limit)
            for column in columns
        )
        if lanes:
            parts.append(p.Lanes(lanes, titles.get(scope) if len(scopes) > 1 else None))
    return _build_view("Board", board, options, parts or [p.Prose("This board has no columns.", "quiet")])


def build_list(board: Board, options: p.RenderOptions) -> View:
    """Render the cards of a project's board as a list."""
    names = p.collect_names(board.labels, board.members, board.columns)
    return _build_view("List", board, options, [build_card_table(board.cards, options, names)])


def build_calendar(board: Board, options: p.RenderOptions) -> View:
    """Render the cards of a project's board by due date."""
    dated = [(w.to_utc_date(card.due_date), card) for card in board.cards if card.due_date is not None]
    parts = _build_months(dated, len(board.cards) - len(dated), options)
    return _build_view("Calendar", board, options, parts)


def _build_view(kind: str, board: Board, options: p.RenderOptions, parts: Iterable[p.Part]) -> View:
    late = sum(is_late(card, options) for card in board.cards)
    done = sum(card.status == "done" for card in board.cards)
    facts: list[p.Span] = [
        p.Span(board.project.key or "", "quiet", "code"),
        p.Span(w.format_count(len(board.cards), "card"), "quiet"),
        p.Span(f"{done} done", "quiet"),
    ]
    if late:
        facts.append(p.Span(f"{late} late", "bad"))
    return View(kind=kind, title=board.project.name, parts=tuple(parts), facts=tuple(facts))


def is_late(card: Card, options: p.RenderOptions) -> bool:
    """Return whether a card is due before today and not done."""
    return (
        card.due_date is not None
        and card.status != "done"
        and w.to_utc_date(card.due_date) < w.to_utc_date(options.now)
    )


# ---------------------------------------------------------------------------------------------- one column


def _tiles_per_column(columns: int, options: p.RenderOptions) -> int:
    """Return the number of cards to show per column."""
    if options.most is not None:
        return options.most
    return max(TILES // max(columns, 1), TILES_MIN)


def _build_lane(
    column: Any, cards: Sequence[Card], names: p.Names, options: p.RenderOptions, tile_limit: int
) -> p.Lane:
    limit = column.wip_limit
    count = max(len(cards), column.card_count or 0)
    return p.Lane(
        title=column.name or "",
        count=f"{count:,}" if limit is None else f"{count:,} / {limit:,}",
        tiles=tuple(build_tile(card, names, options) for card in cards[:tile_limit]),
        full=limit is not None and count >= limit,
        hidden=max(count - min(len(cards), tile_limit), 0),
    )


def build_tile(card: Card, names: p.Names, options: p.RenderOptions) -> p.Tile:
    """Build the tile of a card on a board."""
    due_label = w.due_date_label(card.due_date, options.now, done=card.status == "done")
    foot = [
        names.person(card.assignee_id),
        None if due_label is None else attrs.evolve(due_label, text=f"due {due_label.text}"),
        w.checklist_meter(card.checklist_progress),
        p.Span(w.format_count(card.comment_count, "comment"), "quiet") if card.comment_count else None,
        p.Span(w.format_count(card.attachment_count, "file"), "quiet") if card.attachment_count else None,
    ]
    return p.Tile(
        key=card.key or "",
        title=line(card.title, TITLE_MAX),
        priority=w.priority_mark(card.priority),
        chips=names.chips(card.label_ids),
        foot=tuple(item for item in foot if item is not None),
        done=card.status == "done",
        url=options.find_url(card.key),
    )


# ---------------------------------------------------------------------------------------------- views of a scope


def build_scope_kanban(view: KanbanView, options: p.RenderOptions) -> View:
    """Render the columns of a scope."""
    tile_limit = _tiles_per_column(len(view.columns), options)
    lanes = tuple(
        _build_lane(column.column, column.cards, p.Names(), options, tile_limit) for column in view.columns
    )
    number = sum(len(column.cards) for column in view.columns)
    return View("Board", "Board", (p.Lanes(lanes),), (p.Span(w.format_count(number, "card"), "quiet"),))


def build_scope_list(view: ListView, options: p.RenderOptions) -> View:
    """Render the cards of a scope as a list."""
    facts = (p.Span(w.format_count(len(view.cards), "card"), "quiet"),)
    return View("List", "Cards", (build_card_table(view.cards, options, p.Names()),), facts)


def build_scope_calendar(view: CalendarView, options: p.RenderOptions) -> View:
    """Render the cards of a scope by due date."""
    dated = [(date.fromisoformat(day.day), card) for day in view.days for card in day.cards]
    return View("Calendar", "Calendar", tuple(_build_months(dated, view.without_due_date, options)))


def build_card_table(
    cards: Sequence[Card], options: p.RenderOptions, names: p.Names, more: bool = False
) -> p.Table:
    """Build a table of cards; columns without any content are omitted."""
    rows = [_card_cells(card, options, names) for card in cards[: options.limit(ROWS)]]
    used_columns = [name for name in (rows[0] if rows else ()) if any(row[name] for row in rows)]
    return p.Table(
        heads=tuple(used_columns),
        rows=tuple(tuple(row[name] for name in used_columns) for row in rows),
        note=describe_hidden(len(cards) - len(rows), more),
        empty="No cards.",
    )


def _card_cells(card: Card, options: p.RenderOptions, names: p.Names) -> dict[str, p.Cell]:
    """Return the cells of a card by the heads of their columns."""
    due_label = w.due_date_label(card.due_date, options.now, done=card.status == "done")
    column = names.columns.get(card.column_id)
    return {
        "Key": (p.Span(card.key or "", "quiet", "code"),),
        "Title": (p.Span(line(card.title, TITLE_MAX), url=options.find_url(card.key)),),
        "Column": () if column is None else (p.Span(column),),
        "Status": p.to_cell(w.status_tag(card.status)),
        "Priority": p.to_cell(w.priority_mark(card.priority)),
        "Labels": names.chips(card.label_ids),
        "Assignee": p.to_cell(names.person(card.assignee_id)),
        "Due": p.to_cell(due_label),
        "Checklist": p.to_cell(w.checklist_meter(card.checklist_progress)),
    }


def build_cards(cards: Sequence[Card], names: p.Names) -> View:
    """Render cards as a table with the names of their columns, labels and assignees."""
    table = build_card_table(cards, p.RenderOptions(), names)
    return View("Cards", w.format_count(len(cards), "card"), (table,))


def describe_hidden(hidden: int, more: bool) -> str | None:
    """Return the note about rows that are not shown; None if all are shown."""
    if more:
        hidden_on_page = f"+ {hidden:,} more on this page; " if hidden else ""
        return f"{hidden_on_page}there are further pages: next_page() has them"
    return f"+ {hidden:,} more" if hidden else None


# ---------------------------------------------------------------------------------------------- months


def _build_months(dated: list[tuple[date, Card]], undated: int, options: p.RenderOptions) -> list[p.Part]:
    """Build the months in which cards are due, and a note about cards without a due date."""
    today = w.to_utc_date(options.now)
    months = sorted({(day.year, day.month) for day, _ in dated}) or [(today.year, today.month)]
    # Months in the past are shown only if they have late cards, or if there are no others.
    upcoming = [month for month in months if month >= (today.year, today.month)] or months[-1:]
    late = [day for day, card in dated if card.status != "done" and day < today]
    first = min([*upcoming[:1], *({(min(late).year, min(late).month)} if late else ())])
    visible_months = [month for month in months if month >= first][:MONTHS] or upcoming[:1]
    parts: list[p.Part] = [_month(year, month, dated, options) for year, month in visible_months]
    hidden = sum((day.year, day.month) not in visible_months for day, _ in dated)
    notes = [f"{w.format_count(hidden, 'card')} in other months"] if hidden else []
    notes += [f"{w.format_count(undated, 'card')} without a due date"] if undated else []
    return [*parts, p.Prose("; ".join(notes), "quiet")] if notes else parts


def _month(year: int, month: int, dated: list[tuple[date, Card]], options: p.RenderOptions) -> p.Month:
    today = w.to_utc_date(options.now)
    # Whole weeks. Dates after year 9999 do not exist.
    dates = [date(*day) for day in Calendar().itermonthdays3(year, month) if day[0] <= date.max.year]
    days = (
        _day(current, [card for day, card in dated if day == current and current.month == month], options)
        for current in dates
    )
    return p.Month(
        title=f"{w.MONTHS[month - 1]} {year}",
        first=date(year, month, 1),
        days=tuple(days),
        today=today if (today.year, today.month) == (year, month) else None,
    )


def _day(date_of_cell: date, cards: list[Card], options: p.RenderOptions) -> p.DayCell:
    items: list[p.Cell] = []
    today = w.to_utc_date(options.now)
    for card in cards[:ITEMS]:
        late = date_of_cell < today and card.status != "done"
        tone: p.Tone = "quiet" if card.status == "done" else "bad" if late else "plain"
        key = p.Span(card.key or "", "bad" if late else "quiet", "code", "late" if late else None)
        items.append((key, p.Span(line(card.title, 80), tone, url=options.find_url(card.key))))
    return p.DayCell(date_of_cell, tuple(items), len(cards) - len(items))
