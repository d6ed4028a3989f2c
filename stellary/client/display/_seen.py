"""What a value looks like, by its class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs

from stellary.client.display import _board as board
from stellary.client.display._card import detail
from stellary.client.display._cockpit import cockpit
from stellary.client.display._draft import draft
from stellary.client.display._handles import handle
from stellary.client.display._look import Look
from stellary.client.display._missions import log, mission
from stellary.client.display._plan import plan
from stellary.client.display._roadmap import planned, roadmap
from stellary.client.display._rows import facts, rows
from stellary.client.display._sheet import Sheet
from stellary.client.display._stats import stats

_SEEN: dict[str, dict[str, Callable[[Any, Look], Sheet]]] = {
    "Board": {"kanban": board.kanban, "list": board.cards, "calendar": board.due},
    "KanbanView": {"kanban": board.kanban_view},
    "ListView": {"list": board.list_view},
    "CalendarView": {"calendar": board.calendar_view},
    "RoadmapView": {"roadmap": roadmap},
    "StatsView": {"stats": stats},
    "Card": {"detail": detail},
    "PilotageState": {"cockpit": cockpit},
    "AgentMission": {"mission": mission},
    "ProjectDraft": {"draft": draft},
    "Roadmap": {"roadmap": planned},
    "Plan": {"plan": plan},
    "Resource": {"handle": handle},
}


def seen(
    made: Any, view: str | None = None, *, now: datetime | None = None, most: int | None = None
) -> Sheet:
    """What something looks like.

    Args:
        made: A value of the API, a page or another list of these, or a handle, which says where it leads.
        view: Of a board ``kanban``, ``list`` or ``calendar``.
        now: What is late is late by then.
        most: How many cards of a column, or rows of a table, are shown.

    Raises:
        TypeError: It is nothing that can be shown.
        ValueError: It has no such view.
    """
    look = Look(datetime.now(UTC) if now is None else now, most)
    if isinstance(made, Sheet):
        return made
    if isinstance(made, Sequence) and not isinstance(made, str | bytes):
        return _listed(made, view, look)
    if type(made).__name__ in ("ScopeViews", "ViewData"):
        made = _chosen(made)
    ways = next((_SEEN[each.__name__] for each in type(made).__mro__ if each.__name__ in _SEEN), None)
    if ways is None and attrs.has(type(made)):
        ways = {"facts": facts}
    if ways is None:
        raise TypeError(
            f"{type(made).__name__} cannot be shown: it is no value of the API, and no list of these"
        )
    return _way(ways, view, type(made).__name__)(made, look)


def _chosen(made: Any) -> Any:
    """Of the views of a scope the one that was asked for; themselves if none was."""
    data = getattr(made, "data", made)
    found = [] if data is None else [getattr(data, each.name) for each in attrs.fields(type(data))]
    return next((each for each in found if each is not None), made)


def _way(
    ways: dict[str, Callable[[Any, Look], Sheet]], view: str | None, name: str
) -> Callable[[Any, Look], Sheet]:
    if view is None:
        return next(iter(ways.values()))
    if view not in ways:
        raise ValueError(f"{name} has no view {view!r}, but {', '.join(ways)}")
    return ways[view]


def _listed(found: Sequence[Any], view: str | None, look: Look) -> Sheet:
    for each in found:
        if not attrs.has(type(each)):
            raise TypeError(f"a list of {type(each).__name__} cannot be shown: it holds no values of the API")
    more = getattr(found, "next_cursor", None) is not None
    if found and type(found[0]).__name__ == "MissionEntry":
        return _way({"log": log}, view, "a log")(found, look)
    ways: dict[str, Callable[[Any, Look], Sheet]] = {"list": lambda made, at: rows(made, at, more=more)}
    return _way(ways, view, "a list")(found, look)
