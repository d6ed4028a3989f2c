"""Figures: how cards are distributed, how many were completed on each day, how long they take."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from stellary.client.display import _words as w
from stellary.client.display._look import Look
from stellary.client.display._markup import line
from stellary.client.display._parts import Counts, Distribution, Figure, Figures, Grid, Share, Span
from stellary.client.display._sheet import Sheet

if TYPE_CHECKING:
    from stellary.contract.scope_views import DayCount, StatsView, TimeTaken

SHARES = 10
NAME_MAX = 60


def stats(view: StatsView, look: Look) -> Sheet:
    """A scope in figures."""
    finished = sum(day.cards for day in view.completed_per_day)
    number = view.cards or 0
    status = view.by_status
    share = f"{status.done * 100 // number} % of them" if number else None
    figures = Figures(
        (
            Figure("Cards", f"{number:,}"),
            Figure("In progress", f"{status.in_progress:,}", tone="info"),
            Figure("Done", f"{status.done:,}", share, "good"),
            Figure(f"Completed in {len(view.completed_per_day)} days", f"{finished:,}"),
            _taken("Lead time", view.lead_time),
            _taken("Cycle time", view.cycle_time),
        )
    )
    grid = Grid(
        (
            _completed(view.completed_per_day),
            _shares(
                "By status",
                [
                    Share("open", status.open, tone="quiet"),
                    Share("in progress", status.in_progress, tone="info"),
                    Share("done", status.done, tone="good"),
                ],
            ),
            _shares("By column", [Share(line(each.name, NAME_MAX), each.cards) for each in view.by_column]),
            _shares(
                "By priority",
                [
                    Share("▲ high", view.by_priority.high, tone="bad"),
                    Share("◆ medium", view.by_priority.medium, tone="warn"),
                    Share("▽ low", view.by_priority.low, tone="info"),
                    Share("none", view.by_priority.none, tone="quiet"),
                ],
            ),
            _shares(
                "By assignee",
                [
                    Share(line(each.name or _nobody(each.user_id), NAME_MAX), each.cards)
                    for each in view.by_assignee
                ],
            ),
            _shares(
                "By label",
                [
                    Share(line(each.name or "no label", NAME_MAX), each.cards, each.color, "quiet")
                    for each in view.by_label
                ],
            ),
        )
    )
    return Sheet("Stats", "Stats", (figures, grid), (Span(w.counted(number, "card"), "quiet"),))


def _nobody(user_id: str | None) -> str:
    return "nobody" if user_id is None else "somebody who has left"


def _shares(title: str, shares: list[Share]) -> Distribution:
    return Distribution(title, tuple(shares[:SHARES]), max(len(shares) - SHARES, 0))


def _taken(name: str, taken: TimeTaken) -> Figure:
    cards = taken.cards or 0
    hint = f"median of {w.counted(cards, 'card')}" if cards else "no card to tell of"
    return Figure(name, w.duration(taken.median_seconds), hint)


def _completed(days: list[DayCount]) -> Counts:
    found = tuple((date.fromisoformat(each.day), each.cards) for each in days)
    number = sum(count for _, count in found)
    if not number:
        return Counts("Completed per day", found, "No card was completed on these days.")
    best, most = max(found, key=lambda each: each[1])
    said = f"{w.counted(number, 'card')} completed in {len(found)} days, most on {best.day} {w.MONTHS[best.month - 1]} ({most})."
    return Counts("Completed per day", found, said)
