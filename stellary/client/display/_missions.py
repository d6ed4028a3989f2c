"""The missions of agents, and the log of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from stellary.client.display import _words as w
from stellary.client.display._look import Look
from stellary.client.display._markup import line
from stellary.client.display._parts import Cell, Entry, Facts, Log, Part, Prose, Section, Span
from stellary.client.display._sheet import Sheet

if TYPE_CHECKING:
    from stellary.contract.agent_missions import AgentMission, MissionEntry

TEXT_MAX = 400
ENTRIES = 60
LAST = "done"


def mission(made: AgentMission, look: Look) -> Sheet:
    """A mission, and how far it is."""
    waiting = made.pending_proposals
    facts: list[tuple[str, Cell]] = [
        ("Asked", (Span(line(made.prompt, TEXT_MAX)),)),
        ("Mode", (Span(w.words(str(made.autonomy_mode)), "quiet"),)),
    ]
    if made.started_at and made.finished_at:
        took = (made.finished_at - made.started_at).total_seconds()
        facts.append(("Took", (Span(w.duration(took), "quiet"),)))
    if waiting:
        facts.append(("To decide", (Span(w.counted(waiting, "proposal"), "warn"),)))
    parts: list[Part] = [Facts(tuple(facts))]
    if made.result:
        parts.append(Section("Result", (Prose(line(made.result, 2_000)),)))
    if made.error:
        parts.append(Section("Error", (Prose(line(made.error, 2_000), "bad"),)))
    status = w.status(made.status)
    return Sheet("Mission", "Mission", tuple(parts), () if status is None else (status,))


def log(entries: Sequence[MissionEntry], look: Look) -> Sheet:
    """What has happened in a mission, until now."""
    shown = entries[-look.of(ENTRIES) :]
    over = bool(entries) and entries[-1].kind == LAST
    statuses = [each.data.get("status") for each in entries if each.data and "status" in each.data]
    known = [each for each in statuses if each not in ("pending", "approved", "rejected")]
    status = w.status(known[-1]) if known else None
    made = tuple(entry(each) for each in shown)
    running = not over and (not known or known[-1] in ("queued", "running"))
    parts = (Log(made, running=running, hidden=len(entries) - len(shown)),)
    return Sheet("Mission log", "Mission", parts, () if status is None else (status,))


def entry(made: MissionEntry) -> Entry:
    """One thing that has happened."""
    data = made.data or {}
    said = _SAID.get(str(made.kind), _anything)(data)
    tone = w.tone_of(data.get("outcome") or data.get("status")) if made.kind != "message" else "plain"
    return Entry(made.created_at, Span(w.words(str(made.kind)), tone), tuple(each for each in said if each))


def _text(found: Any, most: int = TEXT_MAX) -> Span | None:
    return None if found in (None, "") else Span(line(found, most))


def _status(data: dict[str, Any]) -> list[Span | None]:
    return [w.status(data.get("status")), _text(data.get("result")), _error(data)]


def _error(data: dict[str, Any]) -> Span | None:
    return Span(line(data["error"], TEXT_MAX), "bad") if data.get("error") else None


def _tool(data: dict[str, Any]) -> list[Span | None]:
    params = data.get("params")
    # Ids say nothing to people, and the card is always the same.
    named = params.items() if isinstance(params, dict) else ()
    said = ", ".join(f"{key}: {each}" for key, each in named if not str(key).endswith("Id"))
    tool = Span(line(data.get("tool"), 60), "strong", "code")
    return [tool, _text(said, 160), w.status(data.get("outcome")), _error(data)]


def _proposal(data: dict[str, Any]) -> list[Span | None]:
    return [_text(data.get("summary") or data.get("action")), w.status(data.get("status"))]


def _anything(data: dict[str, Any]) -> list[Span | None]:
    return [_text(", ".join(f"{key}: {each}" for key, each in data.items()))]


_SAID: dict[str, Callable[[dict[str, Any]], list[Span | None]]] = {
    "status": _status,
    "done": _status,
    "step": lambda data: [_text(data.get("number"))],
    "message": lambda data: [_text(data.get("text"))],
    "tool_call": _tool,
    "proposal": _proposal,
}
