"""Lines: the drawing of parts for terminals. A line is a list of texts with their tones."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Callable
from itertools import accumulate, cycle, islice, takewhile
from typing import Any

from stellary.client.display import _parts as p
from stellary.client.display._markup import readable
from stellary.client.display._words import MONTHS, WEEKDAYS, format_clock


def cell_width(text: str) -> int:
    """Return the number of terminal cells that a text takes."""
    return len(text) if text.isascii() else sum(_character_width(character) for character in text)


def _character_width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def truncate(text: str, width: int) -> str:
    """Return a text truncated to ``width`` cells, with ``…`` in place of the removed part."""
    if cell_width(text) <= width:
        return text
    ends = accumulate(_character_width(character) for character in text)
    length = sum(1 for _ in takewhile(lambda end: end < width, ends))
    return text[:length].rstrip() + "…" if width > 0 else ""


def pad(text: str, width: int) -> str:
    """Return a text truncated or padded to exactly ``width`` cells."""
    truncated = truncate(text, width)
    return truncated + " " * (width - cell_width(truncated))


StyledLine = list[tuple[str, p.Tone]]
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
AREA_HEIGHT = 8
_AREAS = "█▓▒░#+·"


def render_lines(content: p.ViewContent, width: int) -> list[StyledLine]:
    """Return the lines of a view, at most ``width`` cells wide."""
    width = max(width, 20)
    lines: list[StyledLine] = [[(truncate(content.title, width), "strong")]]
    if content.facts:
        lines.append(_fit(_cell(content.facts, "  "), width))
    for part in content.parts:
        lines += [[], *_draw_part(part, width)]
    # No control character may reach the terminal, even if a part contains one.
    return [[(re.sub("[\n\t]", " ", readable(text)), tone) for text, tone in line] for line in lines]


def _draw_part(part: p.Part, width: int) -> list[StyledLine]:
    return _DRAWERS[type(part)](part, width)


# ---------------------------------------------------------------------------------------------- within a line


def _inline(part: p.InlinePart) -> tuple[str, p.Tone]:
    if isinstance(part, p.Chip):
        return f"[{_collapse(part.text)}]", "accent"
    if isinstance(part, p.Meter):
        return part.text, "quiet"
    return _collapse(part.text), part.tone


def _collapse(text: str) -> str:
    return " ".join(readable(text).split())


def _cell(parts: p.Cell, between: str = " ") -> StyledLine:
    line: StyledLine = []
    for part in parts:
        if line:
            line.append((between, "plain"))
        line.append(_inline(part))
    return line


def _fit(parts: StyledLine, width: int) -> StyledLine:
    """Return the line, truncated to ``width``."""
    line: StyledLine = []
    remaining = width
    for text, tone in parts:
        if cell_width(text) > remaining:
            return [*line, (truncate(text, remaining), tone)] if remaining > 1 else line
        line.append((text, tone))
        remaining -= cell_width(text)
    return line


def _line_width(parts: StyledLine) -> int:
    return sum(cell_width(text) for text, _ in parts)


def _wrap(text: str, width: int, most: int = 1_000) -> list[str]:
    # textwrap counts characters, so lines with wide ones may be too long and are truncated.
    wrapped = textwrap.wrap(_collapse(text), max(width, 8)) or [""]
    visible = wrapped[:most]
    if len(wrapped) > most:
        visible[-1] = (
            truncate(f"{visible[-1]} …", width)
            if cell_width(visible[-1]) + 2 <= width
            else truncate(visible[-1] + "……", width)
        )
    return [truncate(line, width) for line in visible]


def _more(hidden: int) -> list[StyledLine]:
    return _quiet(f"+ {hidden:,} more" if hidden else None)


def _quiet(text: str | None) -> list[StyledLine]:
    """Return a line with the text in a muted tone; no line if the text is empty."""
    return [[(text, "quiet")]] if text else []


# ---------------------------------------------------------------------------------------------- boards and lists


def _lanes(part: p.Lanes, width: int) -> list[StyledLine]:
    lines: list[StyledLine] = [[(part.title, "strong")]] if part.title else []
    number = len(part.lanes)
    room = (width - 2 * (number - 1)) // number if number else 0
    if room < LANE_MIN:
        for lane in part.lanes:
            lines += [*_lane(lane, width), []]
        return lines[:-1]
    columns = [_lane(lane, room) for lane in part.lanes]
    for index in range(max(map(len, columns), default=0)):
        row: StyledLine = []
        for column in columns:
            line = column[index] if index < len(column) else []
            row += [*line, (" " * (room - _line_width(line) + 2), "plain")]
        lines.append(row)
    return lines


def _lane(lane: p.Lane, width: int) -> list[StyledLine]:
    name = truncate(_collapse(lane.title), width - cell_width(lane.count) - 1)
    gap = width - cell_width(name) - cell_width(lane.count)
    lines: list[StyledLine] = [
        [(name, "strong"), (" " * gap, "plain"), (lane.count, "bad" if lane.full else "quiet")],
        [("─" * width, "quiet")],
    ]
    for tile in lane.tiles:
        over: StyledLine = [(_collapse(tile.key), "quiet")]
        if tile.priority is not None:
            over += [("  ", "plain"), _inline(tile.priority)]
        lines.append(_fit(over, width))
        lines += [[(line, "quiet" if tile.done else "plain")] for line in _wrap(tile.title, width, 3)]
        for foot in (tile.chips, tile.foot):
            if foot:
                lines.append(_fit(_cell(foot, "  "), width))
        lines.append([])
    return [*lines, *_quiet(None if lane.tiles or lane.hidden else "No cards."), *_more(lane.hidden)]


def _table(part: p.Table, width: int) -> list[StyledLine]:
    note = _quiet(part.note)
    if not part.rows:
        return [*_quiet(part.empty), *note]
    numeric = [head.endswith("#") for head in part.heads]
    heads: list[StyledLine] = [[(head.rstrip("#"), "quiet")] for head in part.heads]
    rows = [heads, *([_cell(content) for content in row] for row in part.rows)]
    widths = [max(map(_line_width, column)) for column in zip(*rows, strict=True)]
    # The widest columns are narrowed until the table fits.
    while sum(widths) + 2 * (len(widths) - 1) > width and max(widths) > 6:
        widths[widths.index(max(widths))] -= 1
    return [*(_draw_row(row, widths, numeric) for row in rows), *note]


def _draw_row(row: list[StyledLine], widths: list[int], numeric: list[bool]) -> StyledLine:
    line: StyledLine = []
    for index, content in enumerate(row):
        fitted = _fit(content, widths[index])
        gap: StyledLine = [(" " * (widths[index] - _line_width(fitted)), "plain")]
        between: StyledLine = [("  ", "plain")] if index else []
        line += [*between, *gap, *fitted] if numeric[index] else [*between, *fitted, *gap]
    return line


def _month(part: p.Month, width: int) -> list[StyledLine]:
    lines: list[StyledLine] = [[(part.title, "strong")]]
    for day in part.days:
        if not day.items and not day.hidden:
            continue
        name = f"{WEEKDAYS[day.day.weekday()]} {day.day.day:>2} {MONTHS[day.day.month - 1][:3]}  "
        for index, item in enumerate(day.items):
            start: StyledLine = [
                (name if index == 0 else " " * cell_width(name), "info" if day.day == part.today else "quiet")
            ]
            lines.append(_fit([*start, *_cell(item)], width))
        if day.hidden:
            lines.append([(" " * cell_width(name), "plain"), *_more(day.hidden)[0]])
    return lines if len(lines) > 1 else [*lines, [("Nothing is due.", "quiet")]]


# ---------------------------------------------------------------------------------------------- charts


def _timeline(part: p.Timeline, width: int) -> list[StyledLine]:
    room = min(max(width * 2 // 5, 16), 44)
    track = max(width - room - 2, 10)
    lines: list[StyledLine] = []
    for bar in part.bars:
        name = " ".join(_collapse(text) for text in (bar.key, bar.label) if text)
        lines.append(
            [(pad(name, room), "strong" if bar.heading else "plain"), ("  ", "plain"), *_bar(bar, track)]
        )
        lines.append([(pad(bar.note, room), "quiet")])
    return [*lines, *_quiet(part.note)]


def _bar(bar: p.Bar, track: int) -> StyledLine:
    if bar.start is None or bar.end is None:
        return []
    start = min(int(bar.start * track), track - 1)
    length = max(1, min(round((bar.end - bar.start) * track), track - start))
    done = round(length * (bar.filled or 0))
    after = track - start - length
    blocks = "█" * done + ("▓" if bar.filled is None else "░") * (length - done)
    return [("·" * start, "quiet"), (blocks, bar.tone), ("·" * after, "quiet")]


def _distribution(part: p.Distribution, width: int) -> list[StyledLine]:
    most = max((share.count for share in part.shares), default=0)
    room = min(
        max((cell_width(_collapse(share.name)) for share in part.shares), default=0), max(width - BAR - 10, 8)
    )
    lines: list[StyledLine] = [[(part.title, "strong")]]
    for share in part.shares:
        bar = "█" * (round(BAR * share.count / most) if most else 0)
        bar = bar or ("▏" if share.count else "")
        lines.append(
            [
                (pad(_collapse(share.name), room), "plain"),
                (f"  {bar:<{BAR}}", share.tone),
                (f" {share.count:,}", "plain"),
            ]
        )
    return [*lines, *_more(part.hidden)]


def _counts(part: p.Counts, width: int) -> list[StyledLine]:
    most = max((count for _, count in part.days), default=0)
    spark = "".join(_SPARKS[min(7, round(7 * count / most))] if count else " " for _, count in part.days)
    chart: list[StyledLine] = [[(spark, "good")]] if most else []
    return [[(part.title, "strong")], *chart, *_summary(part.summary, width)]


def _summary(text: str, width: int) -> list[StyledLine]:
    return [[(line, "quiet")] for line in _wrap(text, width)]


def _areas(part: p.Areas, width: int) -> list[StyledLine]:
    """Draw a column for each day, or for as many as there is room for; the last one is that of the last day."""
    number = min(len(part.days), width)
    places = [(index + 1) * len(part.days) // number - 1 for index in range(number)]
    stacked, most = part.stack()
    marks: list[tuple[str, p.Tone]] = [*zip(cycle(_AREAS), islice(cycle(p.AREA_TONES), len(stacked)))]
    lines: list[StyledLine] = [[(part.title, "strong")]]
    for level in range(AREA_HEIGHT, 0, -1):
        height = (level - 0.5) * most / AREA_HEIGHT
        areas = [sum(tops[place] < height for tops in stacked) for place in places]
        lines.append([[*marks, (" ", "plain")][area] for area in areas])
    for mark, (name, _) in [*zip(marks, part.series, strict=True)][::-1]:
        lines.append(_fit([mark, (f" {_collapse(name)}", "plain")], width))
    return [*lines, *_summary(part.summary, width)]


def _figures(part: p.Figures, width: int) -> list[StyledLine]:
    lines: list[StyledLine] = []
    room = max((cell_width(figure.name) for figure in part.figures), default=0)
    for figure in part.figures:
        hint: StyledLine = [(f"  {figure.hint}", "quiet")] if figure.hint else []
        tone: p.Tone = "strong" if figure.tone == "plain" else figure.tone
        lines.append(_fit([(f"{pad(figure.name, room)}  ", "quiet"), (figure.text, tone), *hint], width))
    return lines


# ---------------------------------------------------------------------------------------------- texts


def _log(part: p.LogPart, width: int) -> list[StyledLine]:
    lines = _quiet(f"{part.hidden} earlier" if part.hidden else None)
    lines += [entry_line(entry, width) for entry in part.entries]
    return [*lines, *_quiet("…" if part.running else None)]


def entry_line(entry: p.LogLine, width: int) -> StyledLine:
    """Return the line of one entry of a log."""
    time = "" if entry.at is None else f"{format_clock(entry.at)}  "
    kind, tone = _inline(entry.kind)
    return _fit([(time, "quiet"), (f"{pad(kind, 10)}  ", tone), *_cell(entry.details)], width)


def _facts(part: p.FactList, width: int) -> list[StyledLine]:
    room = min(max((cell_width(_collapse(name)) for name, _ in part.facts), default=0), width // 3)
    return [
        _fit([(f"{pad(_collapse(name), room)}  ", "quiet"), *_cell(content)], width)
        for name, content in part.facts
    ]


def _prose(part: p.Prose, width: int) -> list[StyledLine]:
    return [[(line, part.tone)] for paragraph in part.text.splitlines() for line in _wrap(paragraph, width)]


def _points(part: p.Points, width: int) -> list[StyledLine]:
    if not part.points and part.empty:
        return [[(part.empty, "quiet")]]
    points = [_fit([("• ", "quiet"), *_cell(point)], width) for point in part.points]
    return [*points, *_more(part.hidden)]


def _section(part: p.Section, width: int) -> list[StyledLine]:
    count: StyledLine = [] if part.count is None else [(f"  {part.count}", "quiet")]
    inner = [line for nested in part.parts for line in _draw_part(nested, width)]
    return [[(part.title, "strong"), *count], *inner]


def _grid(part: p.Grid, width: int) -> list[StyledLine]:
    lines: list[StyledLine] = []
    for section in part.sections:
        lines += [*_draw_part(section, width), []]
    return lines[:-1]


_DRAWERS: dict[type, Callable[[Any, int], list[StyledLine]]] = {
    p.Lanes: _lanes,
    p.Table: _table,
    p.Month: _month,
    p.Timeline: _timeline,
    p.Distribution: _distribution,
    p.Counts: _counts,
    p.Areas: _areas,
    p.Figures: _figures,
    p.LogPart: _log,
    p.FactList: _facts,
    p.Prose: _prose,
    p.Points: _points,
    p.Section: _section,
    p.Grid: _grid,
}
