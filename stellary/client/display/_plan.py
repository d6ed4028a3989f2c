"""The view of a project setup plan: the changes that bring a project to its declared state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stellary.client.display import _words as w
from stellary.client.display._board import describe_hidden
from stellary.client.display._markup import line
from stellary.client.display._parts import Cell, Prose, RenderOptions, Span, Table, Tone
from stellary.client.display._rows import summarize
from stellary.client.display._sheet import View

if TYPE_CHECKING:
    from stellary.client.project_setup.changes import Change, Difference
    from stellary.client.project_setup.planning import Plan


ROWS = 100
_TONES: dict[str, Tone] = {"create": "good", "update": "info", "move": "info", "delete": "bad"}


def build_plan(setup_plan: Plan[Any], options: RenderOptions) -> View:
    """Render the changes of a plan, in the order in which they are applied."""
    facts = (Span(w.format_count(len(setup_plan.changes), "change"), "quiet"),)
    title = f"Plan for {setup_plan.declaration.project.name}"
    if not setup_plan.changes:
        return View("Plan", title, (Prose("Everything is as it is declared.", "good"),), facts)
    changes = setup_plan.changes[: options.limit(ROWS)]
    table = Table(
        heads=("Action", "Kind", "Name", "Fields"),
        rows=tuple(_row(change) for change in changes),
        note=describe_hidden(len(setup_plan.changes) - len(changes), more=False),
    )
    return View("Plan", title, (table,), facts)


def _row(change: Change) -> tuple[Cell, ...]:
    name: Cell = (Span(line(change.name, 160)),)
    if change.note:
        name = (*name, Span(line(change.note, 120), "quiet"))
    return (
        (Span(w.humanize(str(change.action)), _TONES.get(str(change.action), "plain"), "tag"),),
        (Span(w.humanize(str(change.kind))),),
        name,
        tuple(_field(difference, change) for difference in change.differences),
    )


def _field(difference: Difference, change: Change) -> Span:
    new = line(summarize(difference.new), 80) or "nothing"
    if change.action == "create":
        return Span(f"{difference.name}: {new}", "quiet")
    return Span(f"{difference.name}: {line(summarize(difference.old), 80) or 'nothing'} → {new}", "quiet")
