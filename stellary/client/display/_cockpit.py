"""The cockpit: the pilotage state of a workspace in one view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stellary.client.display import _parts as p
from stellary.client.display import _words as w
from stellary.client.display._markup import line
from stellary.client.display._sheet import View

if TYPE_CHECKING:
    from stellary.contract.pilotage import Mission
    from stellary.contract.pilotage_state import PilotageState

SECTION_ITEMS = 8
"""The number of items shown per section."""
TEXT_MAX = 200
_NAMES = ("title", "objective", "label", "name", "explanation", "actionType")


def build_cockpit(state: PilotageState, options: p.RenderOptions) -> View:
    """Render the priorities, missions, proposed actions, todos, decisions, documents and history of a workspace."""
    usage = state.usage_context
    facts = [
        p.Span(f"cycle {state.cycle}", "accent", "tag"),
        p.Span(f"as {usage.role}", "quiet"),
        p.Span(w.humanize(str(usage.profile)), "quiet"),
        p.Span(w.humanize(str(usage.intent)), "quiet"),
    ]
    parts: list[p.Part] = [_counts(state)]
    sections = _sections(state, options)
    if sections:
        parts.append(p.Grid(tuple(sections)))
    elif state.ids is None:
        parts.append(p.Points((), "Nothing here yet."))
    return View("Cockpit", "Cockpit", tuple(parts), tuple(facts))


def _counts(state: PilotageState) -> p.Figures:
    counts = state.counts
    blocked = sum(mission.status == "blocked" for mission in state.missions)
    return p.Figures(
        (
            p.Figure("Missions", f"{counts.missions:,}", f"{blocked} blocked" if blocked else None),
            p.Figure("Priorities", f"{counts.active_priorities:,}"),
            p.Figure("Todos", f"{counts.todos:,}"),
            p.Figure("Decisions", f"{counts.decisions:,}"),
            _pending_figure("To review", counts.suggested_actions),
            _pending_figure("To apply", counts.approved_actions),
        )
    )


def _pending_figure(name: str, count: int) -> p.Figure:
    return p.Figure(name, f"{count:,}", tone="warn" if count else "plain")


def _sections(state: PilotageState, options: p.RenderOptions) -> list[p.Section]:
    open_actions = [action for action in state.traces if action.status in ("suggested", "approved")]
    names = {mission.id: mission.objective for mission in state.missions}
    names |= {priority.id: priority.label for priority in state.active_priorities}
    rows: dict[str, list[tuple[p.Span | p.Meter | None, ...]]] = {
        "Priorities": [
            (p.Span(line(priority.label, TEXT_MAX)), _code_span(priority.module))
            for priority in state.active_priorities
        ],
        "Missions": [_mission(mission, state) for mission in state.missions],
        "Waiting for you": [
            (
                w.status_tag(action.status),
                p.Span(line(action.explanation, TEXT_MAX)),
                p.Span(line(action.action_type, 40), "quiet", "code"),
            )
            for action in open_actions
        ],
        "Todos": [
            (
                w.status_tag(todo.status),
                p.Span(line(todo.label, TEXT_MAX)),
                p.Span(f"for {line(name, 60)}", "quiet")
                if (name := names.get(todo.mission_id or todo.priority_id or ""))
                else None,
            )
            for todo in state.todos
        ],
        "Decisions": [
            (
                p.Span(line(decision.title, TEXT_MAX)),
                p.Span(line(decision.impact, TEXT_MAX), "quiet") if decision.impact else None,
                p.Span(w.format_day(decision.created_at, options.now), "quiet"),
            )
            for decision in state.decisions
        ],
        "Documents": [
            (p.Span(line(doc.title, TEXT_MAX)), _code_span(doc.owner)) for doc in state.active_docs
        ],
        "History": [
            (
                p.Span(w.format_day(activity.created_at, options.now), "quiet"),
                p.Span(line(activity.actor_name or "somebody", 60)),
                p.Span(w.humanize(str(activity.type)), "quiet"),
                p.Span(line(_activity_subject(activity.meta), 80)) if activity.meta else None,
            )
            for activity in state.history
        ],
    }
    sections = []
    for title, spans in rows.items():
        points: list[p.Cell] = [tuple(span for span in row if span is not None) for row in spans]
        visible = tuple(points[: options.limit(SECTION_ITEMS)])
        if points:
            part = p.Points(visible, hidden=len(points) - len(visible))
            sections.append(p.Section(title, (part,), len(points)))
    return sections


def _mission(mission: Mission, state: PilotageState) -> tuple[p.Span | p.Meter | None, ...]:
    todos = [todo for todo in state.todos if todo.mission_id == mission.id]
    done = sum(todo.status == "done" for todo in todos)
    reason = mission.blocked_reason
    return (
        w.status_tag(mission.status),
        p.Span(line(mission.objective, TEXT_MAX)),
        _code_span(mission.module),
        p.Meter(done, len(todos), "todos") if todos else None,
        p.Span(line(reason, TEXT_MAX), "bad") if reason else None,
    )


def _activity_subject(meta: dict[str, Any]) -> Any:
    """Return the name of the object that an activity is about, or else the first of its values."""
    return next((meta[name] for name in _NAMES if meta.get(name)), next(iter(meta.values())))


def _code_span(name: str | None) -> p.Span | None:
    return p.Span(line(name, 40), "quiet", "code") if name else None
