"""Charts, drawn to scale. Every number is also present as text, so that no information depends on length or colour alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import cycle

from stellary.client.display import _parts as p
from stellary.client.display._markup import HEADING_CLASSES, Markup, el, parse_color, percent
from stellary.client.display._words import MONTHS, format_date

_FILLS = {tone: f"var(--sty-bar-{tone})" for tone in ("good", "warn", "bad", "info", "quiet")}


def _fill(tone: p.Tone) -> str:
    return _FILLS.get(tone, "var(--sty-bar)")


def _title(text: str) -> Markup:
    return el("h4", text, class_=HEADING_CLASSES, dir="auto")


def draw_timeline(part: p.Timeline) -> list[Markup | None]:
    """Draw bars over time, one row per bar, with the dates in the label."""
    ends = [*(at for at, _ in part.ticks[1:]), 1.0]
    ticks = [
        [el("span", text, style=f"{_start_at(at)};width:{percent(end - at)}"), Markup(" ")]
        for (at, text), end in zip(part.ticks, ends, strict=True)
        if at < 0.93
    ]
    rows: list[Markup] = [
        el("div", class_="sty-corner"),
        el("div", ticks, class_="sty-axis", aria_hidden="true"),
    ]
    now = (
        None
        if part.today is None
        else el("div", class_="sty-now", style=_start_at(part.today), title="today")
    )
    for bar in part.bars:
        classes = "sty-label sty-group" if bar.heading else "sty-label"
        key = None if bar.key is None else el("span", bar.key, class_="sty-quiet sty-code")
        name = el("b", key, Markup(" ") if key else None, el("bdi", bar.label), title=bar.label)
        rows.append(el("div", name, Markup(" "), el("small", bar.note), class_=classes))
        rows.append(el("div", now, _bar(bar), class_="sty-track"))
    return [
        el("div", rows, class_="sty-time"),
        el("p", part.note, class_="sty-more") if part.note else None,
    ]


def _start_at(at: float) -> str:
    return f"inset-inline-start:{percent(at)}"


def _bar(bar: p.Bar) -> Markup | None:
    if bar.start is None or bar.end is None:
        return None
    position = f"{_start_at(bar.start)};width:{percent(bar.end - bar.start)}"
    done = None if bar.filled is None else el("i", style=f"width:{percent(bar.filled)}")
    style = f"{position};background:{_fill(bar.tone)}"
    return el("div", done, class_="sty-bar", style=style, title=f"{bar.label}: {bar.note}")


def draw_distribution(part: p.Distribution) -> list[Markup | None]:
    """Draw a horizontal bar per share, its length proportional to the count."""
    most = max((share.count for share in part.shares), default=0)
    rows = [
        el(
            "li",
            el("span", share.name, title=share.name, dir="auto"),
            Markup(" "),
            el("i", el("i", style=_share(share, most)), aria_hidden="true"),
            Markup(" "),
            el("b", f"{share.count:,}"),
            class_="sty-share",
        )
        for share in part.shares
    ]
    more = el("p", f"+ {part.hidden} more", class_="sty-more") if part.hidden else None
    return [_title(part.title), el("ul", rows, class_="sty-shares"), more]


def _share(share: p.Share, most: int) -> str:
    width = percent(share.count / most if most else 0)
    none = ";min-width:0" if not share.count else ""
    return f"width:{width};background:{parse_color(share.color) or _fill(share.tone)}{none}"


def draw_counts(part: p.Counts) -> list[Markup]:
    """Draw a vertical bar per day."""
    most = max((count for _, count in part.days), default=0)
    number = max(len(part.days), 1)
    bars = []
    for at, (day, count) in enumerate(part.days):
        height = 92 * count / most if most else 0
        hint = el("title", f"{day.day} {MONTHS[day.month - 1]}: {count}")
        bars.append(
            el(
                "rect",
                hint,
                x=f"{at * 10 + 1.5:g}",
                y=f"{96 - max(height, 1):.1f}",
                width="7",
                height=f"{max(height, 1):.1f}",
                rx="1",
                style=f"fill:{_fill('good') if count else 'var(--sty-track)'}",
            )
        )
    return _draw_days(part, bars, number, [day for day, _ in part.days])


def draw_areas(part: p.Areas) -> list[Markup]:
    """Draw the amounts of each day one above the other, and name the areas from the top."""
    # A single day is as wide as the picture.
    days = max(len(part.days), 2)
    stacked, most = part.stack()
    edges = [(tops * days)[:days] for tops in [(0.0,) * len(part.days), *stacked]]
    areas, names = [], []
    for (name, amounts), lower, upper, tone in zip(part.series, edges, edges[1:], cycle(p.AREA_TONES)):
        corners = [*enumerate(upper), *reversed([*enumerate(lower)])]
        points = " ".join(f"{at * 10},{96 - 92 * top / most:.1f}" for at, top in corners)
        hint = el("title", f"{name}: {amounts[-1]:,.10g}")
        areas.append(el("polygon", hint, points=points, style=f"fill:{_fill(tone)}"))
        mark = el("i", style=f"background:{_fill(tone)}", aria_hidden="true")
        names.append([el("span", mark, el("bdi", name), class_="sty-chip"), Markup(" ")])
    picture = _draw_days(part, areas, days - 1, part.days)
    return [*picture, el("p", names[::-1], class_="sty-more")]


def _draw_days(
    part: p.Counts | p.Areas, shapes: list[Markup], number: int, days: Sequence[date]
) -> list[Markup]:
    """Return a picture of shapes that are 10 wide for each day, with the first and the last day below."""
    drawing = el(
        "svg",
        shapes,
        class_="sty-svg",
        viewBox=f"0 0 {number * 10} 96",
        preserveAspectRatio="none",
        role="img",
        aria_label=f"{part.title}. {part.summary}",
    )
    ends = [format_date(day) for day in (days[0], days[-1])] if days else []
    labels = [[el("span", label), Markup(" ")] for label in ends]
    return [
        _title(part.title),
        el(
            "figure",
            drawing,
            el("div", labels, class_="sty-ends", aria_hidden="true"),
            el("figcaption", part.summary, class_="sty-cap"),
        ),
    ]


def draw_figures(part: p.Figures) -> Markup:
    """Draw large numbers with their names."""
    boxes = [
        el(
            "div",
            el("dt", figure.name),
            el(
                "dd",
                el("span", figure.text, class_=None if figure.tone == "plain" else f"sty-{figure.tone}"),
                [Markup(" "), el("small", figure.hint)] if figure.hint else None,
            ),
            class_="sty-figure",
        )
        for figure in part.figures
    ]
    return el("dl", boxes, class_="sty-figures")
