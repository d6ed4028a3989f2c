"""The flow of a board: figures, the cards completed per day, and a table with a row for each day."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from stellary.client.display import _words as w
from stellary.client.display._board import ROWS
from stellary.client.display._look import RenderOptions
from stellary.client.display._markup import line
from stellary.client.display._parts import Areas, Figure, Figures, Grid, Span, Table
from stellary.client.display._sheet import View
from stellary.client.display._stats import completed_per_day, time_figure

if TYPE_CHECKING:
    from stellary.contract.flow import BoardFlow

NAME_MAX = 40


def build_flow(flow: BoardFlow, options: RenderOptions) -> View:
    """Render the last days of a flow, the newest first."""
    newest_days = list(enumerate(flow.days))[::-1][: options.limit(ROWS)]
    hidden = len(flow.days) - len(newest_days)
    columns = [(line(column.name, NAME_MAX), tuple(column.counts)) for column in flow.columns]
    series = [*columns, ("Done in all", flow.done), ("Remaining", flow.remaining)]
    table = Table(
        heads=("Day", *(f"{name}#" for name, _ in series)),
        rows=tuple(
            ((Span(day, kind="mark"),), *((Span(f"{counts[index]:,.10g}"),) for _, counts in series))
            for index, day in newest_days
        ),
        note=f"+ {w.format_count(hidden, 'earlier day')}" if hidden else None,
        empty="No card was ever in a column.",
    )
    forecast = flow.forecast
    oldest = flow.in_progress[0] if flow.in_progress else None
    figures = Figures(
        (
            Figure("Remaining", f"{flow.remaining[-1] if flow.remaining else 0:,.10g}"),
            time_figure("Lead time", flow.lead_time),
            time_figure("Cycle time", flow.cycle_time),
            Figure(
                "Oldest in progress",
                w.format_duration(oldest.age_seconds if oldest else None),
                oldest.key if oldest else None,
            ),
            Figure(
                "Done by",
                forecast.p85 or w.format_duration(None),
                "in 85 % of the trials" if forecast.p85 else "no forecast",
            ),
        )
    )
    total, done = ((counts or [0])[-1] for counts in (flow.total, flow.done))
    areas = Areas(
        "Cards by column" if flow.unit == "count" else "Estimates by column",
        tuple(map(date.fromisoformat, flow.days)),
        # The last column is the lowest area, so that cards come in at the top, and are done at the bottom.
        tuple(columns[::-1]),
        f"{total:,.10g} in all on the last day, of them {done:,.10g} done.",
    )
    charts = [areas] if flow.days and columns else []
    facts = [Span(w.format_count(len(flow.days), "day"), "quiet")]
    if flow.days and (flow.complete_since is None or flow.complete_since > flow.days[0]):
        facts.append(Span(f"on record since {flow.complete_since or 'today'}", "warn"))
    return View(
        kind="Flow",
        title="Flow",
        parts=(figures, *charts, Grid((completed_per_day(flow.completed_per_day),)), table),
        facts=tuple(facts),
    )
