"""Views of statistics: those of a scope, and the flow of a board."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from stellary.client.display import _parts as p
from stellary.client.display import _words as w
from stellary.client.display._board import ROWS
from stellary.client.display._markup import line
from stellary.client.display._sheet import View

if TYPE_CHECKING:
    from stellary.contract.flow import BoardFlow
    from stellary.contract.scope_views import DayCount, StatsView, TimeTaken

SHARES = 10
NAME_MAX = 60
LABEL_MAX = 40


def build_stats(view: StatsView, options: p.RenderOptions) -> View:
    """Render the statistics of a scope."""
    finished = sum(day.cards for day in view.completed_per_day)
    number = view.cards or 0
    status = view.by_status
    share = f"{status.done * 100 // number} % of them" if number else None
    figures = p.Figures(
        (
            p.Figure("Cards", f"{number:,}"),
            p.Figure("In progress", f"{status.in_progress:,}", tone="info"),
            p.Figure("Done", f"{status.done:,}", share, "good"),
            p.Figure(f"Completed in {len(view.completed_per_day)} days", f"{finished:,}"),
            time_figure("Lead time", view.lead_time),
            time_figure("Cycle time", view.cycle_time),
        )
    )
    priority = view.by_priority
    shares = {
        "By status": [
            p.Share("open", status.open, tone="quiet"),
            p.Share("in progress", status.in_progress, tone="info"),
            p.Share("done", status.done, tone="good"),
        ],
        "By column": [p.Share(line(column.name, NAME_MAX), column.cards) for column in view.by_column],
        "By priority": [
            p.Share("▲ high", priority.high, tone="bad"),
            p.Share("◆ medium", priority.medium, tone="warn"),
            p.Share("▽ low", priority.low, tone="info"),
            p.Share("none", priority.none, tone="quiet"),
        ],
        "By assignee": [
            p.Share(line(item.name or ("former member" if item.user_id else "nobody"), NAME_MAX), item.cards)
            for item in view.by_assignee
        ],
        "By label": [
            p.Share(line(label.name or "no label", NAME_MAX), label.cards, label.color, "quiet")
            for label in view.by_label
        ],
    }
    distributions = [
        p.Distribution(title, tuple(items[:SHARES]), max(len(items) - SHARES, 0))
        for title, items in shares.items()
    ]
    grid = p.Grid((completed_per_day(view.completed_per_day), *distributions))
    return View("Stats", "Stats", (figures, grid), (p.Span(w.format_count(number, "card"), "quiet"),))


def time_figure(name: str, time: TimeTaken) -> p.Figure:
    """Build the figure of a duration.

    Args:
        name: Its title.
        time: The duration.
    """
    cards = time.cards or 0
    hint = f"median of {w.format_count(cards, 'card')}" if cards else "no cards"
    return p.Figure(name, w.format_duration(time.median_seconds), hint)


def completed_per_day(days: list[DayCount]) -> p.Counts:
    """Build the chart of the cards that were completed on each day."""
    counts = tuple((date.fromisoformat(day.day), day.cards) for day in days)
    number = sum(count for _, count in counts)
    if not number:
        return p.Counts("Completed per day", counts, "No card was completed on these days.")
    best, most = max(counts, key=lambda count: count[1])
    summary = f"{w.format_count(number, 'card')} completed in {len(counts)} days, most on {best.day} {w.MONTHS[best.month - 1]} ({most})."
    return p.Counts("Completed per day", counts, summary)


def build_flow(flow: BoardFlow, options: p.RenderOptions) -> View:
    """Render the last days of a flow, the newest first."""
    newest_days = list(enumerate(flow.days))[::-1][: options.limit(ROWS)]
    hidden = len(flow.days) - len(newest_days)
    columns = [(line(column.name, LABEL_MAX), tuple(column.counts)) for column in flow.columns]
    series = [*columns, ("Done in all", flow.done), ("Remaining", flow.remaining)]
    table = p.Table(
        heads=("Day", *(f"{name}#" for name, _ in series)),
        rows=tuple(
            ((p.Span(day, kind="mark"),), *((p.Span(f"{counts[index]:,.10g}"),) for _, counts in series))
            for index, day in newest_days
        ),
        note=f"+ {w.format_count(hidden, 'earlier day')}" if hidden else None,
        empty="No card was ever in a column.",
    )
    forecast = flow.forecast
    oldest = flow.in_progress[0] if flow.in_progress else None
    figures = p.Figures(
        (
            p.Figure("Remaining", f"{flow.remaining[-1] if flow.remaining else 0:,.10g}"),
            time_figure("Lead time", flow.lead_time),
            time_figure("Cycle time", flow.cycle_time),
            p.Figure(
                "Oldest in progress",
                w.format_duration(oldest.age_seconds if oldest else None),
                oldest.key if oldest else None,
            ),
            p.Figure(
                "Done by",
                forecast.p85 or w.format_duration(None),
                "in 85 % of the trials" if forecast.p85 else "no forecast",
            ),
        )
    )
    total, done = ((counts or [0])[-1] for counts in (flow.total, flow.done))
    areas = p.Areas(
        "Cards by column" if flow.unit == "count" else "Estimates by column",
        tuple(map(date.fromisoformat, flow.days)),
        # The last column is the lowest area, so that cards come in at the top, and are done at the bottom.
        tuple(columns[::-1]),
        f"{total:,.10g} in all on the last day, of them {done:,.10g} done.",
    )
    charts = [areas] if flow.days and columns else []
    facts = [p.Span(w.format_count(len(flow.days), "day"), "quiet")]
    if flow.days and (flow.complete_since is None or flow.complete_since > flow.days[0]):
        facts.append(p.Span(f"on record since {flow.complete_since or 'today'}", "warn"))
    return View(
        kind="Flow",
        title="Flow",
        parts=(figures, *charts, p.Grid((completed_per_day(flow.completed_per_day),)), table),
        facts=tuple(facts),
    )
