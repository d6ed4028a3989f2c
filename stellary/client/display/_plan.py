"""The plan of a declared project: what has to be done so that it is as it is declared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stellary.client.display import _words as w
from stellary.client.display._board import beyond
from stellary.client.display._look import Look
from stellary.client.display._markup import line
from stellary.client.display._parts import Cell, Prose, Span, Table, Tone
from stellary.client.display._rows import summary
from stellary.client.display._sheet import Sheet

if TYPE_CHECKING:
    from stellary.client.project_setup.changes import Change, Difference
    from stellary.client.project_setup.planning import Plan

ROWS = 100
_TONES: dict[str, Tone] = {"create": "good", "update": "info", "move": "info", "delete": "bad"}


def plan(made: Plan[Any], look: Look) -> Sheet:
    """What has to be done, in the order in which it is."""
    facts = (Span(w.counted(len(made.changes), "change"), "quiet"),)
    title = f"Plan for {made.declaration.project.name}"
    if not made.changes:
        return Sheet("Plan", title, (Prose("Everything is as it is declared.", "good"),), facts)
    shown = made.changes[: look.of(ROWS)]
    table = Table(
        heads=("Action", "Kind", "Name", "Fields"),
        rows=tuple(_row(each) for each in shown),
        note=beyond(len(made.changes) - len(shown), more=False),
    )
    return Sheet("Plan", title, (table,), facts)


def _row(change: Change) -> tuple[Cell, ...]:
    name: Cell = (Span(line(change.name, 160)),)
    if change.note:
        name = (*name, Span(line(change.note, 120), "quiet"))
    return (
        (Span(w.words(str(change.action)), _TONES.get(str(change.action), "plain"), "tag"),),
        (Span(w.words(str(change.kind))),),
        name,
        tuple(_field(each, change) for each in change.differences),
    )


def _field(difference: Difference, change: Change) -> Span:
    new = line(summary(difference.new), 80) or "nothing"
    if change.action == "create":
        return Span(f"{difference.name}: {new}", "quiet")
    return Span(f"{difference.name}: {line(summary(difference.old), 80) or 'nothing'} → {new}", "quiet")
