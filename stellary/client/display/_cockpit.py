"""The cockpit: the state of a workspace's pilotage on one sheet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from stellary.client.display import _words as w
from stellary.client.display._look import Look
from stellary.client.display._markup import line
from stellary.client.display._parts import Cell, Figure, Figures, Grid, Meter, Part, Points, Section, Span
from stellary.client.display._sheet import Sheet

if TYPE_CHECKING:
    from stellary.contract.pilotage import Mission
    from stellary.contract.pilotage_state import PilotageState

SHOWN = 8
"""Of each kind."""
TEXT_MAX = 200
_NAMES = ("title", "objective", "label", "name", "explanation", "actionType")


def cockpit(state: PilotageState, look: Look) -> Sheet:
    """What a workspace is out to reach, what is in the way, and what waits to be decided."""
    used = state.usage_context
    facts = [
        Span(f"cycle {state.cycle}", "accent", "tag"),
        Span(f"as {used.role}", "quiet"),
        Span(w.words(str(used.profile)), "quiet"),
        Span(w.words(str(used.intent)), "quiet"),
    ]
    parts: list[Part] = [_counts(state)]
    sections = _sections(state, look)
    if sections:
        parts.append(Grid(tuple(sections)))
    elif state.ids is None:
        parts.append(Points((), "Nothing here yet."))
    return Sheet("Cockpit", "Cockpit", tuple(parts), tuple(facts))


def _counts(state: PilotageState) -> Figures:
    counts = state.counts
    blocked = sum(each.status == "blocked" for each in state.missions)
    return Figures(
        (
            Figure("Missions", f"{counts.missions:,}", f"{blocked} blocked" if blocked else None),
            Figure("Priorities", f"{counts.active_priorities:,}"),
            Figure("Todos", f"{counts.todos:,}"),
            Figure("Decisions", f"{counts.decisions:,}"),
            _waiting("To review", counts.suggested_actions),
            _waiting("To apply", counts.approved_actions),
        )
    )


def _waiting(name: str, count: int) -> Figure:
    return Figure(name, f"{count:,}", tone="warn" if count else "plain")


def _sections(state: PilotageState, look: Look) -> list[Section]:
    suggested = [each for each in state.traces if each.status in ("suggested", "approved")]
    names = {each.id: each.objective for each in state.missions}
    names |= {each.id: each.label for each in state.active_priorities}
    found = [
        _section(
            "Priorities",
            ((Span(line(each.label, TEXT_MAX)), _module(each.module)) for each in state.active_priorities),
            look,
        ),
        _section("Missions", (_mission(each, state) for each in state.missions), look),
        _section(
            "Waiting for you",
            (
                (
                    w.status(each.status),
                    Span(line(each.explanation, TEXT_MAX)),
                    Span(line(each.action_type, 40), "quiet", "code"),
                )
                for each in suggested
            ),
            look,
        ),
        _section(
            "Todos",
            (
                (
                    w.status(each.status),
                    Span(line(each.label, TEXT_MAX)),
                    _for(names.get(each.mission_id or each.priority_id or "")),
                )
                for each in state.todos
            ),
            look,
        ),
        _section(
            "Decisions",
            (
                (
                    Span(line(each.title, TEXT_MAX)),
                    Span(line(each.impact, TEXT_MAX), "quiet") if each.impact else None,
                    Span(w.day(each.created_at, look.now), "quiet"),
                )
                for each in state.decisions
            ),
            look,
        ),
        _section(
            "Documents",
            ((Span(line(each.title, TEXT_MAX)), _module(each.owner)) for each in state.active_docs),
            look,
        ),
        _section(
            "History",
            (
                (
                    Span(w.day(each.created_at, look.now), "quiet"),
                    Span(line(each.actor_name or "somebody", 60)),
                    Span(w.words(str(each.type)), "quiet"),
                    Span(line(_what(each.meta), 80)) if each.meta else None,
                )
                for each in state.history
            ),
            look,
        ),
    ]
    return [each for each in found if each is not None]


def _section(title: str, rows: Iterable[tuple[Span | Meter | None, ...]], look: Look) -> Section | None:
    points: list[Cell] = [tuple(each for each in row if each is not None) for row in rows]
    if not points:
        return None
    shown = points[: look.of(SHOWN)]
    return Section(title, (Points(tuple(shown), hidden=len(points) - len(shown)),), len(points))


def _mission(mission: Mission, state: PilotageState) -> tuple[Span | Meter | None, ...]:
    todos = [each for each in state.todos if each.mission_id == mission.id]
    done = sum(each.status == "done" for each in todos)
    reason = mission.blocked_reason
    return (
        w.status(mission.status),
        Span(line(mission.objective, TEXT_MAX)),
        _module(mission.module),
        Meter(done, len(todos), "todos") if todos else None,
        Span(line(reason, TEXT_MAX), "bad") if reason else None,
    )


def _what(meta: dict[str, Any]) -> Any:
    """What an activity was about, by its name if it has one."""
    return next((meta[each] for each in _NAMES if meta.get(each)), next(iter(meta.values())))


def _module(name: str | None) -> Span | None:
    return Span(line(name, 40), "quiet", "code") if name else None


def _for(name: str | None) -> Span | None:
    return Span(f"for {line(name, 60)}", "quiet") if name else None
