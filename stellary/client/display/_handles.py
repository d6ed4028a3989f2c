"""The views of handles, which make no requests, and of values."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from typing import Any

from stellary.client.calling.method import Resource
from stellary.client.display._parts import Cell, FactList, RenderOptions, Span
from stellary.client.display._seen import build_view
from stellary.client.display._sheet import View


def view(
    value: Any,
    view: str | None = None,
    *,
    now: datetime | None = None,
    most: int | None = None,
    card_url: str | None = None,
) -> View:
    """Return the view of a value, a list, a page or a handle.

    Args:
        value: A value of the API, a page or another list of values, or a handle. The view of a handle shows its location
            and makes no request.
        view: The name of the view; for a board ``kanban``, ``list`` or ``calendar``. By default the first one.
        now: The reference time: cards due before it are late. The current time by default.
        most: The maximum number of cards per column and rows per table.
        card_url: The beginning of the address of each card on a board, which its key follows, such as
            ``https://pm.example.com/boards/acme/eng/…/cards/``. By default, cards lead nowhere.

    Returns:
        The view.

    Raises:
        TypeError: The value is not a value of the API, and not a list of these.
        ValueError: The value has no such view.
    """
    if not isinstance(value, Resource):
        return build_view(value, view, RenderOptions(now or datetime.now(UTC), most, card_url))
    if view not in (None, "handle"):
        raise ValueError(f"{type(value).__name__} has no view {view!r}, but handle")
    return build_handle(value)


def build_handle(handle: Resource[Any]) -> View:
    """Render the location of a handle, its sub-resources and its methods."""
    kind = type(handle)
    facts: list[tuple[str, Cell]] = []
    place = handle._path_params
    if place:
        facts.append(
            ("Place", tuple(Span(f"{part}", kind="code", hint=name) for name, part in place.items()))
        )
    members = [(name, member) for name, member in inspect.getmembers_static(kind) if not name.startswith("_")]
    calls = [name for name, member in members if inspect.isfunction(member)]
    sub_resources = [name for name, member in members if isinstance(member, property)]
    if sub_resources:
        facts.append(("Holds", _code_spans(sub_resources)))
    facts.append(("Does", _code_spans(f"{name}()" for name in calls if name not in ("show", "with_options"))))
    if _has_show(handle):
        facts.append(("To see it", (Span(f"{'await ' if handle._awaits else ''}….show()", kind="code"),)))
    note = "a handle; no request has been made yet"
    return View(
        kind="Handle", title=kind.__name__, parts=(FactList(tuple(facts)),), facts=(Span(note, "quiet"),)
    )


def _has_show(handle: Resource[Any]) -> bool:
    # Imported here, because it loads modules that the view of a value does not need.
    from stellary.client.display._asking import load_view

    try:
        load_view(handle, None).close()
    except TypeError:
        return False
    return True


def _code_spans(names: Any) -> Cell:
    return tuple(Span(name, kind="code") for name in names)
