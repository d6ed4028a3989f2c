"""The views of an agent mission and of its log, also while the log grows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from stellary.client._environment import in_notebook
from stellary.client.display import _parts as p
from stellary.client.display import _words as w
from stellary.client.display._lines import entry_line
from stellary.client.display._markup import line, readable
from stellary.client.display._sheet import PLAIN_WIDTH, View, put

if TYPE_CHECKING:
    from stellary.contract.agent_missions import AgentMission, MissionEntry

TEXT_MAX = 400
ENTRIES = 60
LAST = "done"
"""The kind of the entry that ends a log."""


def build_mission(mission: AgentMission, options: p.RenderOptions) -> View:
    """Render a mission and its progress."""
    pending = mission.pending_proposals
    facts: list[tuple[str, p.Cell]] = [
        ("Asked", (p.Span(line(mission.prompt, TEXT_MAX)),)),
        ("Mode", (p.Span(w.humanize(str(mission.autonomy_mode)), "quiet"),)),
    ]
    if mission.started_at and mission.finished_at:
        took = (mission.finished_at - mission.started_at).total_seconds()
        facts.append(("Took", (p.Span(w.format_duration(took), "quiet"),)))
    if pending:
        facts.append(("To decide", (p.Span(w.format_count(pending, "proposal"), "warn"),)))
    parts: list[p.Part] = [p.FactList(tuple(facts))]
    if mission.result:
        parts.append(p.Section("Result", (p.Prose(line(mission.result, 2_000)),)))
    if mission.error:
        parts.append(p.Section("Error", (p.Prose(line(mission.error, 2_000), "bad"),)))
    status = w.status_tag(mission.status)
    return View("Mission", "Mission", tuple(parts), p.to_cell(status))


def build_log(entries: Sequence[MissionEntry], options: p.RenderOptions) -> View:
    """Render the log of a mission so far."""
    latest = entries[-options.limit(ENTRIES) :]
    is_finished = bool(entries) and entries[-1].kind == LAST
    statuses = [entry.data.get("status") for entry in entries if entry.data and "status" in entry.data]
    mission_statuses = [status for status in statuses if status not in ("pending", "approved", "rejected")]
    status = w.status_tag(mission_statuses[-1]) if mission_statuses else None
    log_entries = tuple(build_entry(entry) for entry in latest)
    running = not is_finished and (not mission_statuses or mission_statuses[-1] in ("queued", "running"))
    parts = (p.LogPart(log_entries, running=running, hidden=len(entries) - len(latest)),)
    return View("Mission log", "Mission", parts, p.to_cell(status))


def build_entry(entry: MissionEntry) -> p.LogLine:
    """Render one entry of a mission log."""
    data = entry.data or {}
    spans = _FORMATTERS.get(str(entry.kind), _format_data)(data)
    tone = w.status_tone(data.get("outcome") or data.get("status")) if entry.kind != "message" else "plain"
    return p.LogLine(
        entry.created_at, p.Span(w.humanize(str(entry.kind)), tone), tuple(span for span in spans if span)
    )


def _format_text(value: Any, most: int = TEXT_MAX) -> p.Span | None:
    return None if value in (None, "") else p.Span(line(value, most))


def _format_status(data: dict[str, Any]) -> list[p.Span | None]:
    return [w.status_tag(data.get("status")), _format_text(data.get("result")), _format_error(data)]


def _format_error(data: dict[str, Any]) -> p.Span | None:
    return p.Span(line(data["error"], TEXT_MAX), "bad") if data.get("error") else None


def _format_tool_call(data: dict[str, Any]) -> list[p.Span | None]:
    params = data.get("params")
    # Ids mean nothing to people, and the card is always the same.
    items = params.items() if isinstance(params, dict) else ()
    arguments = ", ".join(f"{key}: {value}" for key, value in items if not str(key).endswith("Id"))
    tool = p.Span(line(data.get("tool"), 60), "strong", "code")
    return [tool, _format_text(arguments, 160), w.status_tag(data.get("outcome")), _format_error(data)]


def _format_proposal(data: dict[str, Any]) -> list[p.Span | None]:
    return [_format_text(data.get("summary") or data.get("action")), w.status_tag(data.get("status"))]


def _format_data(data: dict[str, Any]) -> list[p.Span | None]:
    return [_format_text(", ".join(f"{key}: {value}" for key, value in data.items()))]


_FORMATTERS: dict[str, Callable[[dict[str, Any]], list[p.Span | None]]] = {
    "status": _format_status,
    "done": _format_status,
    "step": lambda data: [_format_text(data.get("number"))],
    "message": lambda data: [_format_text(data.get("text"))],
    "tool_call": _format_tool_call,
    "proposal": _format_proposal,
}


class LiveLog:
    """A callback that shows each entry of a mission log as it arrives."""

    def __init__(self) -> None:
        self._entries: list[MissionEntry] = []
        self._output: Any = None

    def __call__(self, entry: MissionEntry) -> None:
        self._entries.append(entry)
        if not in_notebook():
            text_line = "".join(text for text, _ in entry_line(build_entry(entry), PLAIN_WIDTH))
            sys.stdout.write(f"{readable(text_line).rstrip()}\n")
            sys.stdout.flush()
            return
        view = build_log(self._entries, p.RenderOptions())
        if self._output is None:
            self._output = put(view)
        else:
            self._output.update(view)
