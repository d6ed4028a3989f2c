"""HTML: the drawing of parts for notebooks.

The output is self-contained: one element with its own style, without scripts and external resources. Where the style is
removed, as JupyterLab does in untrusted notebooks, headings, lists, tables and numbers remain, in reading order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from stellary.client.display import _charts as charts
from stellary.client.display import _parts as p
from stellary.client.display._markup import HEADING_CLASSES, TITLE_CLASSES, Markup, el, parse_color, percent
from stellary.client.display._style import style
from stellary.client.display._words import WEEKDAYS, format_clock

WIDE_TEXT = 24
_HEADING = re.compile(r"(</?h)([34])(?=[ >])")


def render_view(content: p.ViewContent, level: int = 3) -> str:
    """Return a view as one element, with the style that its parts need.

    Args:
        content: The view.
        level: The level of its title.
    """
    needed: set[str] = set()
    body = draw_parts(content.parts, needed)
    header = el(
        "div",
        el("h3", content.title, class_=TITLE_CLASSES, dir="auto"),
        el("div", draw_cell(content.facts), class_="sty-sub") if content.facts else None,
        class_="sty-head",
    )
    rules = el("style", Markup(style(needed)))
    element = el(
        "div", rules, header, body, class_="sty", role="group", aria_label=f"{content.kind}: {content.title}"
    )
    # Texts are escaped, so that these are elements. marimo cannot serialize a subclass of str in a MIME bundle.
    return _HEADING.sub(lambda match: f"{match[1]}{int(match[2]) + level - 3}", str(element))


def draw_parts(parts: Iterable[p.Part], needed: set[str]) -> list[Markup]:
    """Return the elements of parts, and add the names of the style rules that they need to ``needed``."""
    elements = []
    for part in parts:
        rules, draw = _DRAWERS[type(part)]
        needed.update(rules)
        elements.append(el("div", draw(part, needed), class_="sty-part"))
    return elements


# ---------------------------------------------------------------------------------------------- within a line


def draw_inline(part: p.InlinePart) -> Markup:
    """Return the element of a text, a label or a meter."""
    if isinstance(part, p.Chip):
        background = parse_color(part.color)
        mark = el("i", style=f"background:{background}" if background else None, aria_hidden="true")
        return el("span", mark, el("bdi", part.text), class_="sty-chip", title=part.text)
    if isinstance(part, p.Meter):
        bar = el("i", el("i", style=f"width:{percent(part.share)}"), aria_hidden="true")
        hint = f"{part.done} of {part.total} {part.unit}"
        return el("span", bar, part.text, class_="sty-meter", title=hint)
    return _span(part)


def _span(part: p.Span) -> Markup:
    if part.kind == "person":
        # The initials are in an attribute, so that screen readers and copied text omit them.
        mark = el("i", data_initials=_initials(part.text), aria_hidden="true")
        return el("span", mark, el("bdi", part.text), class_="sty-who", title=part.hint or part.text)
    classes = [] if part.tone == "plain" else [f"sty-{part.tone}"]
    if part.kind != "text":
        classes.append(f"sty-{part.kind}")
    tag = "span" if part.url is None else "a"
    return el(tag, part.text, class_=" ".join(classes) or None, title=part.hint, dir="auto", href=part.url)


def _initials(name: str) -> str:
    words = [word for word in name.split() if word[0].isalnum()] or [name[:1] or "?"]
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()[:2]


def draw_cell(parts: p.Cell) -> list[Markup]:
    """Return the elements of a cell, separated by spaces."""
    elements: list[Markup] = []
    for part in parts:
        elements += [Markup(" "), draw_inline(part)] if elements else [draw_inline(part)]
    return elements


def _heading(title: str, count: Any = None) -> Markup:
    counter = None if count is None else el("span", str(count), class_="sty-n")
    return el("h4", el("span", title, dir="auto"), counter, class_=HEADING_CLASSES)


# ---------------------------------------------------------------------------------------------- boards and lists


def _lanes(part: p.Lanes, needed: set[str]) -> list[Markup | None]:
    title = _heading(part.title) if part.title else None
    return [title, el("div", [_lane(lane) for lane in part.lanes], class_="sty-lanes", tabindex="0")]


def _lane(lane: p.Lane) -> Markup:
    count = el("span", lane.count, class_="sty-n sty-full" if lane.full else "sty-n")
    return el(
        "section",
        el("h4", el("span", lane.title, dir="auto"), Markup(" "), count, class_=HEADING_CLASSES),
        el("ul", [_tile(tile) for tile in lane.tiles]) if lane.tiles else None,
        el("p", "No cards.", class_="sty-none") if not lane.tiles and not lane.hidden else None,
        _more(lane.hidden),
        class_="sty-lane",
        aria_label=f"{lane.title}, {lane.count} cards",
    )


def _tile(tile: p.Tile) -> Markup:
    over = el(
        "div",
        el("span", tile.key, class_="sty-quiet sty-code"),
        None if tile.priority is None else [Markup(" "), _span(tile.priority)],
        class_="sty-over",
    )
    return el(
        "li",
        over,
        el(
            "div",
            tile.title if tile.url is None else el("a", tile.title, href=tile.url),
            class_="sty-name",
            dir="auto",
        ),
        el("div", draw_cell(tile.chips), class_="sty-chips") if tile.chips else None,
        el("div", draw_cell(tile.foot), class_="sty-foot") if tile.foot else None,
        class_="sty-tile sty-is-done" if tile.done else "sty-tile",
    )


def _more(hidden: int) -> Markup | None:
    return el("p", f"+ {hidden:,} more", class_="sty-more") if hidden else None


def _table(part: p.Table, needed: set[str]) -> list[Markup | None]:
    if not part.rows:
        return [el("p", part.empty, class_="sty-quiet"), _note(part.note)]
    classes = [_column_class(part, at) for at in range(len(part.heads))]
    heads = [
        el("th", head.rstrip("#"), scope="col", class_=class_name)
        for head, class_name in zip(part.heads, classes, strict=True)
    ]
    rows = [
        el(
            "tr",
            [
                el("td", draw_cell(content), class_=class_name)
                for content, class_name in zip(row, classes, strict=True)
            ],
        )
        for row in part.rows
    ]
    table = el("table", el("thead", el("tr", heads)), el("tbody", rows))
    return [el("div", table, class_="sty-scroll", tabindex="0"), _note(part.note)]


def _column_class(part: p.Table, index: int) -> str | None:
    """Return the class of a column: numbers are aligned right, and sentences get a minimum width so that words do not break."""
    if part.heads[index].endswith("#"):
        return "sty-num"
    longest = max(len(item.text) for row in part.rows for item in (*row[index], p.Span("")))
    return "sty-wide" if longest > WIDE_TEXT else None


def _note(note: str | None) -> Markup | None:
    return el("p", note, class_="sty-more") if note else None


def _month(part: p.Month, needed: set[str]) -> list[Markup]:
    weeks = [part.days[at : at + 7] for at in range(0, len(part.days), 7)]
    rows = [el("tr", [_day(day, part) for day in week]) for week in weeks]
    heads = el("thead", el("tr", [el("th", name, scope="col") for name in WEEKDAYS]))
    table = el("table", heads, el("tbody", rows), class_="sty-month", aria_label=part.title)
    return [_heading(part.title), el("div", table, class_="sty-scroll", tabindex="0")]


def _day(day: p.DayCell, month: p.Month) -> Markup:
    classes = [] if day.day.month == month.first.month else ["sty-out"]
    if day.day == month.today:
        classes.append("sty-today")
    items = [el("div", draw_cell(item), class_="sty-item", dir="auto") for item in day.items]
    more = el("div", f"+ {day.hidden} more", class_="sty-item sty-quiet") if day.hidden else None
    number = el("span", str(day.day.day), class_="sty-day")
    return el("td", number, items, more, class_=" ".join(classes) or None)


# ---------------------------------------------------------------------------------------------- texts


def _facts(part: p.FactList, needed: set[str]) -> Markup:
    rows = [
        [el("dt", name, dir="auto"), el("dd", draw_cell(content), dir="auto")] for name, content in part.facts
    ]
    return el("dl", rows, class_="sty-facts")


def _prose(part: p.Prose, needed: set[str]) -> Markup:
    classes = "sty-prose" if part.tone == "plain" else f"sty-prose sty-{part.tone}"
    return el("p", part.text, class_=classes, dir="auto")


def _points(part: p.Points, needed: set[str]) -> list[Markup | None]:
    if not part.points and part.empty:
        return [el("p", part.empty, class_="sty-quiet")]
    points = [el("li", draw_cell(point), dir="auto") for point in part.points]
    return [el("ul", points, class_="sty-points"), _more(part.hidden)]


def _log(part: p.LogPart, needed: set[str]) -> list[Markup | None]:
    rows = [
        el(
            "li",
            el("span", "" if entry.at is None else format_clock(entry.at), class_="sty-quiet sty-code"),
            Markup(" "),
            draw_inline(entry.kind),
            Markup(" "),
            el("span", draw_cell(entry.details), dir="auto"),
        )
        for entry in part.entries
    ]
    earlier = el("p", f"{part.hidden} earlier", class_="sty-quiet") if part.hidden else None
    more = el("p", "…", class_="sty-quiet", title="it goes on") if part.running else None
    return [earlier, el("ol", rows, class_="sty-log", aria_live="polite"), more]


def _section(part: p.Section, needed: set[str]) -> list[Any]:
    return [_heading(part.title, part.count), draw_parts(part.parts, needed)]


def _grid(part: p.Grid, needed: set[str]) -> Markup:
    boxes = [el("section", draw_parts([section], needed), class_="sty-box") for section in part.sections]
    return el("div", boxes, class_="sty-grid")


_DRAWERS: dict[type, tuple[tuple[str, ...], Callable[[Any, set[str]], Any]]] = {
    p.Lanes: (("lanes",), _lanes),
    p.Table: (("table",), _table),
    p.Month: (("table", "month"), _month),
    p.Timeline: (("timeline",), lambda part, needed: charts.draw_timeline(part)),
    p.Distribution: (("chart",), lambda part, needed: charts.draw_distribution(part)),
    p.Counts: (("chart",), lambda part, needed: charts.draw_counts(part)),
    p.Areas: (("chart",), lambda part, needed: charts.draw_areas(part)),
    p.Figures: (("chart",), lambda part, needed: charts.draw_figures(part)),
    p.LogPart: (("list",), _log),
    p.FactList: (("list",), _facts),
    p.Prose: (("list",), _prose),
    p.Points: (("list",), _points),
    p.Section: ((), _section),
    p.Grid: (("grid",), _grid),
}


def render_page(content: p.ViewContent, theme: str | None) -> str:
    """Return an HTML page that holds nothing but the view."""
    grounds = "body{margin:0;padding:16px;background:#fff}" + (
        "@media (prefers-color-scheme:dark){body{background:#0e1014}}" if theme is None else ""
    )
    ground = {"dark": "body{background:#0e1014}"}.get(theme or "", "")
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width"),
        el("title", content.title),
        el("style", Markup(grounds + ground)),
    )
    return f"<!DOCTYPE html>{el('html', head, el('body', Markup(render_view(content))), lang='en', data_theme=theme)}"
