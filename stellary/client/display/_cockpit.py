"""The cockpit: the pilotage state of a workspace in one view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stellary.client.display import _parts as p
from stellary.client.display import _words as w
from stellary.client.display._markup import line
from stellary.client.display._sheet import View

if TYPE_CHECKING:
    from datetime import datetime

    from stellary.contract.pilotage import Mission, Todo
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
        "Priorities": [(_text(item.label), _code(item.module)) for item in state.active_priorities],
        "Missions": [_mission(mission, state) for mission in state.missions],
        "Waiting for you": [
            (w.status_tag(action.status), _text(action.explanation), _code(action.action_type))
            for action in open_actions
        ],
        "Todos": [
            (w.status_tag(todo.status), _text(todo.label), _todo_parent(todo, names)) for todo in state.todos
        ],
        "Decisions": [
            (_text(item.title), _text(item.impact, "quiet"), _day(item.created_at, options))
            for item in state.decisions
        ],
        "Documents": [(_text(doc.title), _code(doc.owner)) for doc in state.active_docs],
        "History": [
            (
                _day(activity.created_at, options),
                _text(activity.actor_name or "somebody", most=60),
                p.Span(w.humanize(str(activity.type)), "quiet"),
                _text(_activity_subject(activity.meta), most=80) if activity.meta else None,
            )
            for activity in state.history
        ],
    }
    most = options.limit(SECTION_ITEMS)
    sections: list[p.Section] = []
    for title, spans in rows.items():
        sections += p.list_section(title, (tuple(filter(None, row)) for row in spans), most=most)
    return sections


def _mission(mission: Mission, state: PilotageState) -> tuple[p.Span | p.Meter | None, ...]:
    todos = [todo for todo in state.todos if todo.mission_id == mission.id]
    done = sum(todo.status == "done" for todo in todos)
    return (
        w.status_tag(mission.status),
        _text(mission.objective),
        _code(mission.module),
        p.Meter(done, len(todos), "todos") if todos else None,
        _text(mission.blocked_reason, "bad"),
    )


def _activity_subject(meta: dict[str, Any]) -> Any:
    """Return the name of the object that an activity is about, or else the first of its values."""
    return next((meta[name] for name in _NAMES if meta.get(name)), next(iter(meta.values())))


def _todo_parent(todo: Todo, names: dict[str, str]) -> p.Span | None:
    name = names.get(todo.mission_id or todo.priority_id or "")
    return p.Span(f"for {line(name, 60)}", "quiet") if name else None


def _text(text: object, tone: p.Tone = "plain", most: int = TEXT_MAX) -> p.Span | None:
    return p.Span(line(text, most), tone) if text else None


def _code(name: str | None) -> p.Span | None:
    return p.Span(line(name, 40), "quiet", "code") if name else None


def _day(moment: datetime, options: p.RenderOptions) -> p.Span:
    return p.Span(w.format_day(moment, options.now), "quiet")
