"""Handles: what they say of themselves without asking anybody."""

from __future__ import annotations

import inspect
from typing import Any

from stellary.client.calling.method import Method, Resource
from stellary.client.display._look import Look
from stellary.client.display._parts import Cell, Facts, Span
from stellary.client.display._sheet import Sheet


def handle(made: Resource[Any], look: Look) -> Sheet:
    """Where a handle leads, and what it can do."""
    kind = type(made)
    facts: list[tuple[str, Cell]] = []
    place = made._place  # noqa: SLF001 - of the client
    if place:
        facts.append(
            ("Place", tuple(Span(f"{part}", kind="code", hint=name) for name, part in place.items()))
        )
    members = [(name, found) for name, found in inspect.getmembers_static(kind) if not name.startswith("_")]
    calls = [name for name, found in members if isinstance(found, Method) or inspect.isfunction(found)]
    below = [name for name, found in members if isinstance(found, property)]
    if below:
        facts.append(("Holds", _named(below)))
    facts.append(("Does", _named(f"{name}()" for name in calls if name not in ("show", "with_options"))))
    if _can_be_shown(made):
        facts.append(("To see it", (Span(f"{'await ' if made._awaits else ''}….show()", kind="code"),)))  # noqa: SLF001
    said = "a handle: it has asked nothing yet"
    return Sheet(
        kind="Handle", title=kind.__name__, parts=(Facts(tuple(facts)),), facts=(Span(said, "quiet"),)
    )


def _can_be_shown(made: Resource[Any]) -> bool:
    from stellary.client.display._asking import asking

    try:
        asking(made, None).close()
    except TypeError:
        return False
    return True


def _named(names: Any) -> Cell:
    return tuple(Span(name, kind="code") for name in names)
