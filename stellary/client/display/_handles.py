"""The views of handles, which make no request."""

from __future__ import annotations

import inspect
from typing import Any

from stellary.client.calling.method import Method, Resource
from stellary.client.display._look import RenderOptions
from stellary.client.display._parts import Cell, Facts, Span
from stellary.client.display._sheet import View


def build_handle(handle: Resource[Any], options: RenderOptions) -> View:
    """Render the location of a handle, its sub-resources and its methods."""
    kind = type(handle)
    facts: list[tuple[str, Cell]] = []
    place = handle._place  # noqa: SLF001 - of the client
    if place:
        facts.append(
            ("Place", tuple(Span(f"{part}", kind="code", hint=name) for name, part in place.items()))
        )
    members = [(name, member) for name, member in inspect.getmembers_static(kind) if not name.startswith("_")]
    calls = [name for name, member in members if isinstance(member, Method) or inspect.isfunction(member)]
    sub_resources = [name for name, member in members if isinstance(member, property)]
    if sub_resources:
        facts.append(("Holds", _code_spans(sub_resources)))
    facts.append(("Does", _code_spans(f"{name}()" for name in calls if name not in ("show", "with_options"))))
    if _has_show(handle):
        facts.append(("To see it", (Span(f"{'await ' if handle._awaits else ''}….show()", kind="code"),)))  # noqa: SLF001
    note = "a handle: it has asked nothing yet"
    return View(
        kind="Handle", title=kind.__name__, parts=(Facts(tuple(facts)),), facts=(Span(note, "quiet"),)
    )


def _has_show(handle: Resource[Any]) -> bool:
    from stellary.client.display._asking import load_view

    try:
        load_view(handle, None).close()
    except TypeError:
        return False
    return True


def _code_spans(names: Any) -> Cell:
    return tuple(Span(name, kind="code") for name in names)
