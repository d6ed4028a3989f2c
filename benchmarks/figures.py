"""The figures and their targets, as a table for people and as JSON to compare commits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs


@attrs.frozen
class Target:
    """The largest, or smallest, acceptable value of a figure."""

    limit: float
    at_least: bool = False

    def met(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}"


def at_least(limit: float) -> Target:
    """Return the target of a figure that should be large."""
    return Target(limit, at_least=True)


TOLERANCE = 1.05
"""Ratios of two runs differ by so much without a reason."""

WEBHOOK_BACKLOG_MAX = 20
"""Messages: those of one second. The backlog of a webhook that keeps up does not grow with the length of the run."""

SUSTAINED_BACKLOG_MAX = 200
"""Messages: those of one second at ten webhooks. The rate is a little below 200, since the last second is on its way."""

TARGETS: Mapping[str, Target] = {
    "sqlite.whoami.cpu/limit": Target(2.2),
    "sqlite.list.cpu/bare": Target(8),
    "sqlite.get.cpu/limit": Target(2.2),
    "sqlite.create.cpu/limit": Target(1.8),
    "sqlite.create.cpu/bare": Target(25),
    "sqlite.move.cpu/limit": Target(1.8),
    "sqlite.move.cpu/bare": Target(25),
    "sqlite.turn.cpu/bare": Target(10),
    "postgresql.whoami.cpu/limit": Target(2.5),
    "postgresql.list.cpu/limit": Target(2.5),
    "postgresql.get.cpu/limit": Target(2.5),
    "postgresql.create.cpu/limit": Target(3),
    "postgresql.create.cpu/bare": Target(25),
    "postgresql.move.cpu/limit": Target(3),
    "postgresql.move.cpu/bare": Target(20),
    "postgresql.turn.cpu/bare": Target(10),
    "handler.total_us": Target(15),
    "handler.total/bare": Target(0.3),
    "sqlite.writers.errors": Target(0),
    "sqlite.writers.max/p50": Target(8),
    "postgresql.movers.deadlocks": Target(0),
    "postgresql.movers.errors": Target(0),
    "postgresql.movers.p99/p50": Target(3),
    "sqlite.clients.get.errors": Target(0),
    "sqlite.clients.create.errors": Target(0),
    "postgresql.clients.get.errors": Target(0),
    "postgresql.clients.create.errors": Target(0),
    "postgresql.clients.create.16/1": at_least(4),
    "sqlite.absent.cpu/found": Target(1.1),
    "postgresql.absent.cpu/found": Target(1.1),
    "sqlite.large_bodies.create_max/alone": Target(2),
    "postgresql.large_bodies.create_max/alone": Target(2),
    "postgresql.neighbours.errors": Target(0),
    "postgresql.neighbours.get.p50/alone": Target(3),
    "sqlite.large_readers.errors": Target(0),
    "sqlite.large_readers.whoami.p99/alone": Target(5),
    "postgresql.large_readers.errors": Target(0),
    "postgresql.large_readers.whoami.p99/alone": Target(5),
    "postgresql.readers.errors": Target(0),
    "postgresql.readers.rate/alone": at_least(0.4),
    "sqlite.places.100000/100": Target(1.2),
    "postgresql.places.100000/100": Target(1.4),
    "sqlite.pages.100000/1000": Target(1.5),
    "sqlite.pages.walk.100000/1000": Target(1.5),
    "postgresql.pages.100000/1000": Target(1.5),
    "postgresql.pages.walk.100000/1000": Target(1.5),
    "sqlite.transfer.seconds": Target(5),
    "sqlite.transfer.memory_mb": Target(100),
    "sqlite.transfer.export.100000.memory_mb": Target(25),
    "sqlite.bulk.us_per_card": Target(60),
    "postgresql.transfer.seconds": Target(5),
    "postgresql.transfer.memory_mb": Target(100),
    "postgresql.transfer.export.100000.memory_mb": Target(25),
    "sqlite.growth.create.cpu/without_changes": Target(1.1),
    "sqlite.growth.move.cpu/without_changes": Target(1.1),
    "postgresql.growth.create.cpu/without_changes": Target(1.1),
    "postgresql.growth.move.cpu/without_changes": Target(1.1),
    "sqlite.growth.batch_p95_ms": Target(50),
    "postgresql.growth.batch_p95_ms": Target(50),
    "sqlite.growth.write_beside_p95_ms": Target(50),
    "postgresql.growth.write_beside_p95_ms": Target(50),
    "sqlite.schedules.delay_max_ms": Target(50),
    "postgresql.schedules.delay_max_ms": Target(50),
    "sqlite.webhooks.write_p50/without": Target(1.2),
    "sqlite.webhooks.deliveries_per_s": at_least(200),
    "sqlite.webhooks.backlog": Target(WEBHOOK_BACKLOG_MAX),
    "sqlite.webhooks.sustained.deliveries_per_s": at_least(198),
    "sqlite.webhooks.sustained.backlog_last_quarter": Target(SUSTAINED_BACKLOG_MAX),
    "postgresql.webhooks.sustained.deliveries_per_s": at_least(198),
    "postgresql.webhooks.sustained.backlog_last_quarter": Target(SUSTAINED_BACKLOG_MAX),
    "postgresql.webhooks.write_p50/without": Target(1.3),
    "postgresql.webhooks.deliveries_per_s": at_least(200),
    "postgresql.webhooks.backlog": Target(WEBHOOK_BACKLOG_MAX),
    "sqlite.streams.bytes": Target(16 * 1024),
    "sqlite.streams.delivery_us": Target(20),
    "postgresql.streams.bytes": Target(16 * 1024),
    "postgresql.streams.delivery_us": Target(20),
    "start.first_s": Target(2),
    "start.first_memory_mb": Target(92),
    "start.ready_s": Target(2),
    "start.memory_mb": Target(90),
    "import.stellary_ms": Target(5),
    "import.client/httpx": Target(1.5),
    "sdk.get": Target(1.05),
    "sdk.list": Target(0.95),
    "sdk.create": Target(1.02),
    "sdk.async.get": Target(1.05),
    "sdk.async.list": Target(0.95),
    "sdk.async.create": Target(1.02),
}
"""The targets by figure; other figures are only printed."""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return an aligned table in Markdown."""
    lines = [list(heads), *map(list, rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(heads))]
    padded = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |"
        for line in lines
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([padded[0], rule, *padded[1:]])


def format_number(value: float) -> str:
    """Format a number with three significant digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def verdicts(figures: Mapping[str, float], before: Mapping[str, float]) -> str:
    """Return a table of the figures and their targets, and what got worse since another run.

    Args:
        figures: The figures by name.
        before: The figures of the other run; may be empty.
    """
    rows = []
    for name, value in figures.items():
        target = TARGETS.get(name)
        verdict = "" if target is None else "met" if target.met(value) else "MISSED"
        row = [name, format_number(value), "" if target is None else str(target), verdict]
        if before:
            old = before.get(name)
            row += (
                ["", ""]
                if old is None
                else [format_number(old), "worse" if is_worse(name, value, old) else ""]
            )
        rows.append(row)
    return table(["figure", "value", "target", "", *(["before", ""] if before else [])], rows)


def is_worse(name: str, value: float, before: float) -> bool:
    """Return whether a figure is worse than in another run, by more than 5 %."""
    target = TARGETS.get(name)
    is_large_better = target.at_least if target else "rate" in name
    return value < before / TOLERANCE if is_large_better else value > before * TOLERANCE
