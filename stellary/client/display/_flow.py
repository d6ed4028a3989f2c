"""The cumulative flow of a board: a table with a row for each day, and a column for each column of the board."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stellary.client.display import _words as w
from stellary.client.display._board import ROWS
from stellary.client.display._look import RenderOptions
from stellary.client.display._markup import line
from stellary.client.display._parts import Span, Table
from stellary.client.display._sheet import View

if TYPE_CHECKING:
    from stellary.client.transfer.flow import CumulativeFlow

NAME_MAX = 40


def build_flow(flow: CumulativeFlow, options: RenderOptions) -> View:
    """Render the last days of a cumulative flow, the newest first."""
    newest_days = list(enumerate(flow.days))[::-1][: options.limit(ROWS)]
    hidden = len(flow.days) - len(newest_days)
    table = Table(
        heads=("Day", *(f"{line(column.name, NAME_MAX)}#" for column in flow.columns)),
        rows=tuple(
            (
                (Span(day.isoformat(), kind="mark"),),
                *((Span(f"{column.counts[index]:,}"),) for column in flow.columns),
            )
            for index, day in newest_days
        ),
        note=f"+ {w.format_count(hidden, 'earlier day')}" if hidden else None,
        empty="No card was ever in a column.",
    )
    return View(
        kind="Flow",
        title="Cumulative flow",
        parts=(table,),
        facts=(Span(w.format_count(len(flow.days), "day"), "quiet"),),
    )
