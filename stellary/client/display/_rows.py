"""Rows: any list as a table, any value as names and what they say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import attrs

from stellary.client.display import _words as w
from stellary.client.display._board import ROWS, beyond, card_table
from stellary.client.display._look import Look, Names
from stellary.client.display._markup import line
from stellary.client.display._parts import Cell, Chip, Facts, Meter, Span, Table, Tone
from stellary.client.display._sheet import Sheet

TEXT_MAX = 140
COLUMNS = 7

# Which fields a list shows. Of what is not named here: the first that say something.
SHOWN: dict[str, str] = {
    "Activity": "created_at actor_name type meta",
    "ActiveDoc": "id title owner source_type",
    "Agent": "name status autonomy_mode runtime tools description",
    "AgentMission": "status prompt result error pending_proposals created_at",
    "Attachment": "original_name size mime_type created_at",
    "AuditEntry": "created_at tool outcome reason",
    "Automation": "name enabled trigger conditions action",
    "BoardMember": "name email is_member",
    "Column": "order name card_status card_count wip_limit",
    "Comment": "created_at author_name content",
    "CustomField": "name type options required",
    "Decision": "id title impact created_at",
    "DocumentSummary": "title doc_type status tags author_name updated_at",
    "DraftSummary": "name stage readiness_score round updated_at",
    "Hit": "kind card_key title snippet archived updated_at",
    "Invitation": "email role expires_at",
    "Label": "name color",
    "Mission": "id objective module status blocked_reason",
    "MissionEntry": "id created_at kind data",
    "Notification": "activity.created_at activity.actor_name activity.type activity.meta read_at",
    "Organization": "name slug my_role created_at",
    "OrganizationMember": "name email role created_at",
    "PilotagePriority": "id label module status",
    "PortfolioProject": "key name cards percent_done overdue due_soon done_in_7_days last_activity_at",
    "Project": "key name description member_count archived created_at",
    "ProjectMember": "name email created_at",
    "ProjectTemplate": "id name description columns labels",
    "Proposal": "created_at action summary status",
    "ProposedAction": "id action_type explanation status",
    "Relation": "type card",
    "Scope": "order name is_default start_date due_date columns",
    "Todo": "id label mission_id priority_id status",
    "Webhook": "url events active",
    "Workspace": "name slug my_role is_personal",
    "WorkspaceMember": "name email role pilotage_role",
}
_FACTS = {"Me": "user.name user.email user.id pilotage_role", "Session": "user.name user.email user.id"}
_CODE = {"id", "key", "slug", "card_key", "trigger", "number", "mission_id", "priority_id", "action", "tool"}
# What is seldom so, and worth a word only if it is.
_RARE = {"archived", "is_default", "is_personal", "required"}
_STATUS = {"status", "stage", "card_status", "outcome", "result_status"}


def rows(found: Sequence[Any], look: Look, *, more: bool = False, title: str | None = None) -> Sheet:
    """Values of one kind as a table.

    Args:
        more: Whether there are further pages.
    """
    kind = _kind(found)
    if not found:
        return Sheet(kind="Table", title=title or "Nothing here", parts=(_table(found, look, more),))
    said = f"{len(found):,}{'+' if more else ''} {kind if len(found) == 1 and not more else _many(kind)}"
    table = card_table(found, look, Names(), more) if kind == "card" else _table(found, look, more)
    return Sheet(kind="Table", title=title or said, parts=(table,))


def facts(made: Any, look: Look) -> Sheet:
    """One value, whatever it is."""
    said = []
    for name in _FACTS.get(type(made).__name__, "").split() or _fields(type(made)):
        found = cell(made, name, look)
        if found:
            said.append((w.title(name.rpartition(".")[2]), found))
    named = getattr(made, "user", made)
    title = next((str(getattr(named, each)) for each in _TITLES if getattr(named, each, None)), None)
    kind = _words_of(type(made).__name__)
    return Sheet(kind=kind, title=title or kind, parts=(Facts(tuple(said)),), facts=(Span(kind, "quiet"),))


_TITLES = ("title", "name", "objective", "label", "key", "slug", "email", "id")


def _table(found: Sequence[Any], look: Look, more: bool) -> Table:
    if not found:
        return Table((), (), beyond(0, more), "The list is empty.")
    shown = found[: look.of(ROWS)]
    asked = columns_of(type(found[0]))
    columns = [(name, [cell(each, name, look) for each in shown]) for name in asked]
    kept = [each for each in columns if any(each[1])]
    return Table(
        heads=tuple(_head(name, shown) for name, _ in kept),
        rows=tuple(zip(*(places for _, places in kept), strict=True)),
        note=beyond(len(found) - len(shown), more),
    )


def columns_of(kind: type) -> list[str]:
    """The fields of a value that a list shows."""
    for each in kind.__mro__:
        if each.__name__ in SHOWN:
            return SHOWN[each.__name__].split()
    wanted = [name for name in _fields(kind) if name != "id" and not name.endswith("_id")]
    return wanted[:COLUMNS] or _fields(kind)


def _fields(kind: type) -> list[str]:
    return [field.name for field in attrs.fields(kind)] if attrs.has(kind) else []


def _head(name: str, shown: Sequence[Any]) -> str:
    name = name.rpartition(".")[2]
    said = w.title(name.removesuffix("_name").removesuffix("_at").removesuffix("_date"))
    said = {"Id": "ID", "Url": "URL", "Mime type": "Type", "My role": "Your role"}.get(said, said)
    numbers = any(_is_number(getattr(each, name, None)) for each in shown)
    return f"{said}#" if numbers and name != "percent_done" else said


def _is_number(found: Any) -> bool:
    return isinstance(found, int | float) and not isinstance(found, bool)


def _kind(found: Sequence[Any]) -> str:
    return _words_of(type(found[0]).__name__).lower() if found else "row"


def _words_of(name: str) -> str:
    """``DocumentSummary`` as ``Document``, ``AgentMission`` as ``Agent mission``."""
    name = name.removesuffix("Summary").removesuffix("View")
    name = {"PortfolioProject": "Project", "PilotagePriority": "Priority", "Hit": "Hit"}.get(name, name)
    said = "".join(f" {each.lower()}" if each.isupper() else each for each in name).strip()
    return said[:1].upper() + said[1:]


def _many(kind: str) -> str:
    return f"{kind[:-1]}ies" if kind.endswith("y") and kind[-2:-1] not in "aeiou" else f"{kind}s"


# ---------------------------------------------------------------------------------------------- one cell


def cell(made: Any, name: str, look: Look) -> Cell:
    """What a field says; nothing where it says nothing."""
    for part in name.split("."):
        made = getattr(made, part, None)
    found, name = made, name.rpartition(".")[2]
    if found is None or found == "" or found == [] or found == {}:
        return ()
    if name == "percent_done":
        return (Meter(found, 100, "percent", f"{found} %"),)
    if name in _STATUS:
        return _some(w.status(found))
    if name == "priority":
        return _some(w.priority(found))
    if name == "color":
        return (Chip(str(found), found),)
    if name == "size" and isinstance(found, int):
        return (Span(_bytes(found)),)
    return _said(found, name, look)


def _said(found: Any, name: str, look: Look) -> Cell:
    for kind, said in _KINDS:
        if isinstance(found, kind):
            return said(found, name, look)
    return (Span(line(summary(found), TEXT_MAX)),)


def _some(found: Span | None) -> Cell:
    return () if found is None else (found,)


def _yes(found: bool, name: str, look: Look) -> Cell:
    if found:
        return (Span("yes", "good"),)
    return () if name in _RARE else (Span("no", "quiet"),)


def _number(found: float, name: str, look: Look) -> Cell:
    tone: Tone = "bad" if name == "overdue" and found else "plain"
    return (Span(f"{found:,}", tone),)


def _moment(found: datetime, name: str, look: Look) -> Cell:
    said = w.day(found, look.now)
    exact = w.utc_text(found)
    midnight = exact.endswith("00:00 UTC")
    return (Span(said if midnight else f"{said} {exact[11:16]}", "quiet", hint=exact),)


def _text(found: str, name: str, look: Look) -> Cell:
    if name.endswith("_name"):
        return (Span(line(found, 60), kind="person"),)
    if name in ("type", "kind", "doc_type", "autonomy_mode", "role"):
        return (Span(line(w.words(found), 60)),)
    if name in _CODE:
        return (Span(line(found, 60), "quiet", "code"),)
    return (Span(line(found, TEXT_MAX)),)


def _list(found: Sequence[Any], name: str, look: Look) -> Cell:
    said = ", ".join(summary(each) for each in found[:8])
    more = f" and {len(found) - 8} more" if len(found) > 8 else ""
    return (Span(line(said, TEXT_MAX) + more),)


def _mapping(found: Mapping[str, Any], name: str, look: Look) -> Cell:
    said = ", ".join(f"{key}: {summary(each)}" for key, each in list(found.items())[:6])
    return (Span(line(said, TEXT_MAX)),)


def summary(found: Any) -> str:
    """A value within another one, in a word or two."""
    if isinstance(found, Mapping):
        return ", ".join(f"{key} {summary(each)}" for key, each in list(found.items())[:6])
    if isinstance(found, list | tuple):
        return ", ".join(summary(each) for each in found[:6])
    if not attrs.has(type(found)):
        return "" if found is None else str(found)
    for name in ("key", "name", "title", "label", "type", "tool"):
        if said := getattr(found, name, None):
            other = getattr(found, "title", None) if name == "key" else None
            return f"{said} {other}" if other else str(said)
    fields = [(name, getattr(found, name)) for name in _fields(type(found))]
    return ", ".join(f"{w.words(name)} {summary(each)}" for name, each in fields if each is not None)


def _bytes(size: int) -> str:
    if size < 1024:
        return f"{size} B"
    return f"{size / 1024:.0f} kB" if size < 1024 * 1024 else f"{size / 1024 / 1024:.1f} MB"


_KINDS: tuple[tuple[Any, Callable[..., Cell]], ...] = (
    (bool, _yes),
    ((int, float), _number),
    (datetime, _moment),
    (date, lambda found, name, look: (Span(w.day(found, look.now), "quiet"),)),
    (str, _text),
    ((list, tuple), _list),
    (Mapping, _mapping),
)
