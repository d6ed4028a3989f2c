"""HTML: how parts are drawn in notebooks.

What comes out stands alone: a frame with its own style, no script, nothing that is fetched. Where the style is taken away, as
JupyterLab does with what it does not trust, headings, lists, tables and numbers are left, in the order in which they are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from stellary.client.display import _parts as p
from stellary.client.display._charts import draw_counts, draw_distribution, draw_figures, draw_timeline
from stellary.client.display._markup import HEADING_CLASSES, TITLE_CLASSES, Markup, el, parse_color, percent
from stellary.client.display._style import style
from stellary.client.display._words import WEEKDAYS, format_clock

if TYPE_CHECKING:
    from stellary.client.display._sheet import Sheet

LONG = 24


def framed(sheet: Sheet) -> str:
    """A view as one element, with the style that it needs."""
    needed: set[str] = set()
    body = drawn(sheet.parts, needed)
    head = el(
        "div",
        el("h3", sheet.title, class_=TITLE_CLASSES, dir="auto"),
        el("div", cell(sheet.facts), class_="sty-sub") if sheet.facts else None,
        class_="sty-head",
    )
    rules = el("style", Markup(style(needed)))
    made = el("div", rules, head, body, class_="sty", role="group", aria_label=f"{sheet.kind}: {sheet.title}")
    # A plain string: marimo cannot serialize a subclass in a MIME bundle.
    return str(made)


def drawn(parts: Iterable[p.Part], needed: set[str]) -> list[Markup]:
    """Parts, and into ``needed`` what style they want."""
    made = []
    for part in parts:
        wants, draw = _DRAWN[type(part)]
        needed.update(wants)
        made.append(el("div", draw(part, needed), class_="sty-part"))
    return made


# ---------------------------------------------------------------------------------------------- within a line


def inline(part: p.Inline) -> Markup:
    """A text, a label or a meter."""
    if isinstance(part, p.Chip):
        found = parse_color(part.color)
        mark = el("i", style=f"background:{found}" if found else None, aria_hidden="true")
        return el("span", mark, el("bdi", part.text), class_="sty-chip", title=part.text)
    if isinstance(part, p.Meter):
        bar = el("i", el("i", style=f"width:{percent(part.share)}"), aria_hidden="true")
        hint = f"{part.done} of {part.total} {part.unit}"
        return el("span", bar, part.text, class_="sty-meter", title=hint)
    return _span(part)


def _span(part: p.Span) -> Markup:
    if part.kind == "person":
        # In an attribute, so that they are not read as a part of the name.
        mark = el("i", data_initials=_initials(part.text), aria_hidden="true")
        return el("span", mark, el("bdi", part.text), class_="sty-who", title=part.hint or part.text)
    names = [] if part.tone == "plain" else [f"sty-{part.tone}"]
    if part.kind != "text":
        names.append(f"sty-{part.kind}")
    return el("span", part.text, class_=" ".join(names) or None, title=part.hint, dir="auto")


def _initials(name: str) -> str:
    words = [word for word in name.split() if word[0].isalnum()] or [name[:1] or "?"]
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()[:2]


def cell(parts: p.Cell) -> list[Markup]:
    """What stands in one place, with spaces between."""
    made: list[Markup] = []
    for part in parts:
        made += [Markup(" "), inline(part)] if made else [inline(part)]
    return made


def _heading(title: str, count: Any = None) -> Markup:
    said = None if count is None else el("span", str(count), class_="sty-n")
    return el("h4", el("span", title, dir="auto"), said, class_=HEADING_CLASSES)


# ---------------------------------------------------------------------------------------------- boards and lists


def _lanes(part: p.Lanes, needed: set[str]) -> list[Markup | None]:
    title = _heading(part.title) if part.title else None
    return [title, el("div", [_lane(lane) for lane in part.lanes], class_="sty-lanes")]


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
        el("div", tile.title, class_="sty-name", dir="auto"),
        el("div", cell(tile.chips), class_="sty-chips") if tile.chips else None,
        el("div", cell(tile.foot), class_="sty-foot") if tile.foot else None,
        class_="sty-tile sty-is-done" if tile.done else "sty-tile",
    )


def _more(hidden: int) -> Markup | None:
    return el("p", f"+ {hidden:,} more", class_="sty-more") if hidden else None


def _table(part: p.Table, needed: set[str]) -> list[Markup | None]:
    if not part.rows:
        return [el("p", part.empty, class_="sty-quiet"), _note(part.note)]
    names = [_look_of(part, at) for at in range(len(part.heads))]
    heads = [
        el("th", head.rstrip("#"), scope="col", class_=name)
        for head, name in zip(part.heads, names, strict=True)
    ]
    rows = [
        el("tr", [el("td", cell(found), class_=name) for found, name in zip(row, names, strict=True)])
        for row in part.rows
    ]
    table = el("table", el("thead", el("tr", heads)), el("tbody", rows))
    return [el("div", table, class_="sty-scroll"), _note(part.note)]


def _look_of(part: p.Table, at: int) -> str | None:
    """Numbers stand to the right; what holds sentences needs room before a word is broken."""
    if part.heads[at].endswith("#"):
        return "sty-num"
    longest = max(len(each.text) for row in part.rows for each in (*row[at], p.Span("")))
    return "sty-wide" if longest > LONG else None


def _note(note: str | None) -> Markup | None:
    return el("p", note, class_="sty-more") if note else None


def _month(part: p.Month, needed: set[str]) -> list[Markup]:
    weeks = [part.days[at : at + 7] for at in range(0, len(part.days), 7)]
    rows = [el("tr", [_day(day, part) for day in week]) for week in weeks]
    heads = el("thead", el("tr", [el("th", name, scope="col") for name in WEEKDAYS]))
    table = el("table", heads, el("tbody", rows), class_="sty-month", aria_label=part.title)
    return [_heading(part.title), el("div", table, class_="sty-scroll")]


def _day(day: p.Day, month: p.Month) -> Markup:
    names = [] if day.day.month == month.first.month else ["sty-out"]
    if day.day == month.today:
        names.append("sty-today")
    items = [el("div", cell(item), class_="sty-item", dir="auto") for item in day.items]
    more = el("div", f"+ {day.hidden} more", class_="sty-item sty-quiet") if day.hidden else None
    number = el("span", str(day.day.day), class_="sty-day")
    return el("td", number, items, more, class_=" ".join(names) or None)


# ---------------------------------------------------------------------------------------------- texts


def _facts(part: p.Facts, needed: set[str]) -> Markup:
    rows = [[el("dt", name, dir="auto"), el("dd", cell(said), dir="auto")] for name, said in part.facts]
    return el("dl", rows, class_="sty-facts")


def _prose(part: p.Prose, needed: set[str]) -> Markup:
    names = "sty-prose" if part.tone == "plain" else f"sty-prose sty-{part.tone}"
    return el("p", part.text, class_=names, dir="auto")


def _points(part: p.Points, needed: set[str]) -> list[Markup | None]:
    if not part.points and part.empty:
        return [el("p", part.empty, class_="sty-quiet")]
    points = [el("li", cell(point), dir="auto") for point in part.points]
    return [el("ul", points, class_="sty-points"), _more(part.hidden)]


def _log(part: p.Log, needed: set[str]) -> list[Markup | None]:
    rows = [
        el(
            "li",
            el("span", "" if entry.at is None else format_clock(entry.at), class_="sty-quiet sty-code"),
            Markup(" "),
            inline(entry.kind),
            Markup(" "),
            el("span", cell(entry.details), dir="auto"),
        )
        for entry in part.entries
    ]
    earlier = el("p", f"{part.hidden} earlier", class_="sty-quiet") if part.hidden else None
    going = el("p", "…", class_="sty-quiet", title="it goes on") if part.running else None
    return [earlier, el("ol", rows, class_="sty-log", aria_live="polite"), going]


def _section(part: p.Section, needed: set[str]) -> list[Any]:
    return [_heading(part.title, part.count), drawn(part.parts, needed)]


def _grid(part: p.Grid, needed: set[str]) -> Markup:
    boxes = [el("section", drawn([each], needed), class_="sty-box") for each in part.sections]
    return el("div", boxes, class_="sty-grid")


_DRAWN: dict[type, tuple[tuple[str, ...], Callable[[Any, set[str]], Any]]] = {
    p.Lanes: (("lanes",), _lanes),
    p.Table: (("table",), _table),
    p.Month: (("table", "month"), _month),
    p.Timeline: (("timeline",), lambda part, needed: draw_timeline(part)),
    p.Distribution: (("chart",), lambda part, needed: draw_distribution(part)),
    p.Counts: (("chart",), lambda part, needed: draw_counts(part)),
    p.Figures: (("chart",), lambda part, needed: draw_figures(part)),
    p.Log: (("list",), _log),
    p.Facts: (("list",), _facts),
    p.Prose: (("list",), _prose),
    p.Points: (("list",), _points),
    p.Section: ((), _section),
    p.Grid: (("grid",), _grid),
}


def page(sheet: Sheet, theme: str | None) -> str:
    """A whole page that holds nothing but the view."""
    grounds = "body{margin:0;padding:16px;background:#fff}" + (
        "@media (prefers-color-scheme:dark){body{background:#0e1014}}" if theme is None else ""
    )
    ground = {"dark": "body{background:#0e1014}"}.get(theme or "", "")
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width"),
        el("title", sheet.title),
        el("style", Markup(grounds + ground)),
    )
    return (
        f"<!DOCTYPE html>{el('html', head, el('body', Markup(framed(sheet))), lang='en', data_theme=theme)}"
    )
