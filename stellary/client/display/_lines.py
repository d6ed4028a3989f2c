"""Lines: how parts are drawn in a terminal, each line a list of texts and their tones."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from stellary.client.display import _parts as p
from stellary.client.display._cells import cell_width, layout_table, pad, truncate
from stellary.client.display._markup import readable
from stellary.client.display._words import MONTHS, WEEKDAYS, format_clock

if TYPE_CHECKING:
    from stellary.client.display._sheet import Sheet

Line = list[tuple[str, p.Tone]]
RICH: dict[str, str] = {
    "quiet": "dim",
    "strong": "bold",
    "good": "green",
    "warn": "yellow",
    "bad": "red",
    "info": "blue",
    "accent": "magenta",
}
LANE_MIN = 18
BAR = 24
_SPARKS = "▁▂▃▄▅▆▇█"


def lines(sheet: Sheet, width: int) -> list[Line]:
    """A view, on lines of that width."""
    width = max(width, 20)
    made: list[Line] = [[(truncate(sheet.title, width), "strong")]]
    if sheet.facts:
        made.append(_fit(_cell(sheet.facts, "  "), width))
    for part in sheet.parts:
        made += [[], *_drawn(part, width)]
    # Whatever a part has let through: nothing reaches a terminal that does something to it.
    return [[(_harmless(text), tone) for text, tone in each] for each in made]


def _harmless(text: str) -> str:
    return readable(text).replace("\n", " ").replace("\t", " ")


def _drawn(part: p.Part, width: int) -> list[Line]:
    found: list[Line] = _DRAWN[type(part)](part, width)
    return found


# ---------------------------------------------------------------------------------------------- within a line


def _inline(part: p.Inline) -> tuple[str, p.Tone]:
    if isinstance(part, p.Chip):
        return f"[{_one(part.text)}]", "accent"
    if isinstance(part, p.Meter):
        return part.text, "quiet"
    return _one(part.text), part.tone


def _one(text: str) -> str:
    return " ".join(readable(text).split())


def _cell(parts: p.Cell, between: str = " ") -> Line:
    made: Line = []
    for part in parts:
        if made:
            made.append((between, "plain"))
        made.append(_inline(part))
    return made


def _fit(parts: Line, width: int) -> Line:
    """As much of a line as has room."""
    made: Line = []
    left = width
    for text, tone in parts:
        if cell_width(text) > left:
            return [*made, (truncate(text, left), tone)] if left > 1 else made
        made.append((text, tone))
        left -= cell_width(text)
    return made


def _wide(parts: Line) -> int:
    return sum(cell_width(text) for text, _ in parts)


def _wrapped(text: str, width: int, most: int = 1_000) -> list[str]:
    # By characters: wide ones may go beyond, and are cut then.
    found = textwrap.wrap(_one(text), max(width, 8)) or [""]
    kept = found[:most]
    if len(found) > most:
        kept[-1] = (
            truncate(f"{kept[-1]} …", width)
            if cell_width(kept[-1]) + 2 <= width
            else truncate(kept[-1] + "……", width)
        )
    return [truncate(each, width) for each in kept]


def _more(hidden: int) -> list[Line]:
    return _quiet(f"+ {hidden:,} more" if hidden else None)


def _quiet(text: str | None) -> list[Line]:
    """A line that is there if it says something."""
    return [[(text, "quiet")]] if text else []


# ---------------------------------------------------------------------------------------------- boards and lists


def _lanes(part: p.Lanes, width: int) -> list[Line]:
    made: list[Line] = [[(part.title, "strong")]] if part.title else []
    number = len(part.lanes)
    room = (width - 2 * (number - 1)) // number if number else 0
    if room < LANE_MIN:
        for lane in part.lanes:
            made += [*_lane(lane, width), []]
        return made[:-1]
    columns = [_lane(lane, room) for lane in part.lanes]
    for at in range(max(map(len, columns), default=0)):
        row: Line = []
        for column in columns:
            here = column[at] if at < len(column) else []
            row += [*here, (" " * (room - _wide(here) + 2), "plain")]
        made.append(row)
    return made


def _lane(lane: p.Lane, width: int) -> list[Line]:
    name = truncate(_one(lane.title), width - cell_width(lane.count) - 1)
    gap = width - cell_width(name) - cell_width(lane.count)
    made: list[Line] = [
        [(name, "strong"), (" " * gap, "plain"), (lane.count, "bad" if lane.full else "quiet")],
        [("─" * width, "quiet")],
    ]
    for tile in lane.tiles:
        over: Line = [(_one(tile.key), "quiet")]
        if tile.priority is not None:
            over += [("  ", "plain"), _inline(tile.priority)]
        made.append(_fit(over, width))
        made += [[(each, "quiet" if tile.done else "plain")] for each in _wrapped(tile.title, width, 3)]
        for foot in (tile.chips, tile.foot):
            if foot:
                made.append(_fit(_cell(foot, "  "), width))
        made.append([])
    return [*made, *_quiet(None if lane.tiles or lane.hidden else "No cards."), *_more(lane.hidden)]


def _table(part: p.Table, width: int) -> list[Line]:
    note = _quiet(part.note)
    if not part.rows:
        return [*_quiet(part.empty), *note]
    numeric = [head.endswith("#") for head in part.heads]
    heads: list[Line] = [[(head.rstrip("#"), "quiet")] for head in part.heads]
    rows = [[_cell(found) for found in row] for row in part.rows]
    return [*layout_table(heads, rows, numeric, width, _fit, _wide), *note]


def _month(part: p.Month, width: int) -> list[Line]:
    made: list[Line] = [[(part.title, "strong")]]
    for day in part.days:
        if not day.items and not day.hidden:
            continue
        name = f"{WEEKDAYS[day.day.weekday()]} {day.day.day:>2} {MONTHS[day.day.month - 1][:3]}  "
        for at, item in enumerate(day.items):
            start: Line = [
                (name if at == 0 else " " * cell_width(name), "info" if day.day == part.today else "quiet")
            ]
            made.append(_fit([*start, *_cell(item)], width))
        if day.hidden:
            made.append([(" " * cell_width(name), "plain"), *_more(day.hidden)[0]])
    return made if len(made) > 1 else [*made, [("Nothing is due.", "quiet")]]


# ---------------------------------------------------------------------------------------------- charts


def _timeline(part: p.Timeline, width: int) -> list[Line]:
    room = min(max(width * 2 // 5, 16), 44)
    track = max(width - room - 2, 10)
    made: list[Line] = []
    for bar in part.bars:
        name = " ".join(_one(each) for each in (bar.key, bar.label) if each)
        made.append(
            [(pad(name, room), "strong" if bar.heading else "plain"), ("  ", "plain"), *_bar(bar, track)]
        )
        made.append([(pad(bar.note, room), "quiet")])
    return [*made, *_quiet(part.note)]


def _bar(bar: p.Bar, track: int) -> Line:
    if bar.start is None or bar.end is None:
        return []
    start = min(int(bar.start * track), track - 1)
    length = max(1, min(round((bar.end - bar.start) * track), track - start))
    done = round(length * (bar.filled or 0))
    rest = track - start - length
    drawn = "█" * done + ("▓" if bar.filled is None else "░") * (length - done)
    return [("·" * start, "quiet"), (drawn, bar.tone), ("·" * rest, "quiet")]


def _distribution(part: p.Distribution, width: int) -> list[Line]:
    most = max((share.count for share in part.shares), default=0)
    room = min(
        max((cell_width(_one(share.name)) for share in part.shares), default=0), max(width - BAR - 10, 8)
    )
    made: list[Line] = [[(part.title, "strong")]]
    for share in part.shares:
        bar = "█" * (round(BAR * share.count / most) if most else 0)
        bar = bar or ("▏" if share.count else "")
        made.append(
            [
                (pad(_one(share.name), room), "plain"),
                (f"  {bar:<{BAR}}", share.tone),
                (f" {share.count:,}", "plain"),
            ]
        )
    return [*made, *_more(part.hidden)]


def _counts(part: p.Counts, width: int) -> list[Line]:
    most = max((count for _, count in part.days), default=0)
    spark = "".join(_SPARKS[min(7, round(7 * count / most))] if count else " " for _, count in part.days)
    said: list[Line] = [[(each, "quiet")] for each in _wrapped(part.summary, width)]
    drawn: list[Line] = [[(spark, "good")]] if most else []
    return [[(part.title, "strong")], *drawn, *said]


def _figures(part: p.Figures, width: int) -> list[Line]:
    made: list[Line] = []
    room = max((cell_width(figure.name) for figure in part.figures), default=0)
    for figure in part.figures:
        hint: Line = [(f"  {figure.hint}", "quiet")] if figure.hint else []
        tone: p.Tone = "strong" if figure.tone == "plain" else figure.tone
        made.append(_fit([(f"{pad(figure.name, room)}  ", "quiet"), (figure.text, tone), *hint], width))
    return made


# ---------------------------------------------------------------------------------------------- texts


def _log(part: p.Log, width: int) -> list[Line]:
    made = _quiet(f"{part.hidden} earlier" if part.hidden else None)
    made += [entry_line(entry, width) for entry in part.entries]
    return [*made, *_quiet("…" if part.running else None)]


def entry_line(entry: p.Entry, width: int) -> Line:
    """One entry of a log."""
    at = "" if entry.at is None else f"{format_clock(entry.at)}  "
    kind, tone = _inline(entry.kind)
    return _fit([(at, "quiet"), (f"{pad(kind, 10)}  ", tone), *_cell(entry.details)], width)


def _facts(part: p.Facts, width: int) -> list[Line]:
    room = min(max((cell_width(_one(name)) for name, _ in part.facts), default=0), width // 3)
    return [_fit([(f"{pad(_one(name), room)}  ", "quiet"), *_cell(said)], width) for name, said in part.facts]


def _prose(part: p.Prose, width: int) -> list[Line]:
    return [
        [(each, part.tone)] for paragraph in part.text.splitlines() for each in _wrapped(paragraph, width)
    ]


def _points(part: p.Points, width: int) -> list[Line]:
    if not part.points and part.empty:
        return [[(part.empty, "quiet")]]
    points = [_fit([("• ", "quiet"), *_cell(point)], width) for point in part.points]
    return [*points, *_more(part.hidden)]


def _section(part: p.Section, width: int) -> list[Line]:
    count: Line = [] if part.count is None else [(f"  {part.count}", "quiet")]
    return [[(part.title, "strong"), *count], *_all(part.parts, width)]


def _grid(part: p.Grid, width: int) -> list[Line]:
    made: list[Line] = []
    for section in part.sections:
        made += [*_drawn(section, width), []]
    return made[:-1]


def _all(parts: Iterable[p.Part], width: int) -> list[Line]:
    return [each for part in parts for each in _drawn(part, width)]


_DRAWN: dict[type, Callable[[Any, int], list[Line]]] = {
    p.Lanes: _lanes,
    p.Table: _table,
    p.Month: _month,
    p.Timeline: _timeline,
    p.Distribution: _distribution,
    p.Counts: _counts,
    p.Figures: _figures,
    p.Log: _log,
    p.Facts: _facts,
    p.Prose: _prose,
    p.Points: _points,
    p.Section: _section,
    p.Grid: _grid,
}
