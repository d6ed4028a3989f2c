"""The choice of a view for a value, by its class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs

from stellary.client.display import _board as board
from stellary.client.display._card import build_card
from stellary.client.display._cockpit import build_cockpit
from stellary.client.display._missions import build_log, build_mission
from stellary.client.display._parts import RenderOptions
from stellary.client.display._plan import build_plan
from stellary.client.display._roadmap import build_draft, build_draft_roadmap, build_roadmap
from stellary.client.display._rows import build_facts, build_table
from stellary.client.display._sheet import View
from stellary.client.display._stats import build_flow, build_stats

Builders = dict[str, Callable[[Any, RenderOptions], View]]
_BUILDERS: dict[str, Builders] = {
    "Board": {"kanban": board.build_kanban, "list": board.build_list, "calendar": board.build_calendar},
    "KanbanView": {"kanban": board.build_scope_kanban},
    "ListView": {"list": board.build_scope_list},
    "CalendarView": {"calendar": board.build_scope_calendar},
    "RoadmapView": {"roadmap": build_roadmap},
    "StatsView": {"stats": build_stats},
    "Card": {"detail": build_card},
    "PilotageState": {"cockpit": build_cockpit},
    "AgentMission": {"mission": build_mission},
    "ProjectDraft": {"draft": build_draft},
    "Roadmap": {"roadmap": build_draft_roadmap},
    "Plan": {"plan": build_plan},
    "BoardFlow": {"flow": build_flow},
}


def build_view(value: Any, view: str | None = None, options: RenderOptions | None = None) -> View:
    """Return the view of a value, a list or a page.

    Args:
        value: A value of the API, a page or another list of values.
        view: The name of the view; for a board ``kanban``, ``list`` or ``calendar``. By default the first one.
        options: The rendering options; by default those of the current time.

    Returns:
        The view.

    Raises:
        TypeError: The value is not a value of the API, and not a list of these.
        ValueError: The value has no such view.
    """
    options = options or RenderOptions()
    if isinstance(value, View):
        return value
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return _build_list_view(value, view, options)
    if type(value).__name__ in ("ScopeViews", "ViewData"):
        value = _select_data(value)
    builders = next(
        (_BUILDERS[base.__name__] for base in type(value).__mro__ if base.__name__ in _BUILDERS), None
    )
    if builders is None and attrs.has(type(value)):
        builders = {"facts": build_facts}
    if builders is None:
        raise TypeError(
            f"{type(value).__name__} cannot be shown: it is neither a value of the API nor a list of such values"
        )
    return _choose_builder(builders, view, type(value).__name__)(value, options)


def _select_data(value: Any) -> Any:
    """Return the contents of the requested view of a scope; any other value is returned unchanged."""
    data = getattr(value, "data", value)
    views = [] if data is None else [getattr(data, field.name) for field in attrs.fields(type(data))]
    return next((view for view in views if view is not None), value)


def _choose_builder(builders: Builders, view: str | None, name: str) -> Callable[[Any, RenderOptions], View]:
    if view is None:
        return next(iter(builders.values()))
    if view not in builders:
        raise ValueError(f"{name} has no view {view!r}; use {', '.join(builders)}")
    return builders[view]


def _build_list_view(values: Sequence[Any], view: str | None, options: RenderOptions) -> View:
    for value in values:
        if not attrs.has(type(value)):
            raise TypeError(
                f"a list of {type(value).__name__} cannot be shown: its items are not values of the API"
            )
    more = getattr(values, "next_cursor", None) is not None
    if values and type(values[0]).__name__ == "MissionEntry":
        return _choose_builder({"log": build_log}, view, "a log")(values, options)
    builders: Builders = {"list": lambda rows, options: build_table(rows, options, more=more)}
    return _choose_builder(builders, view, "a list")(values, options)
