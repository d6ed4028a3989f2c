"""Activities and changes of fields in words: ``moved the card from To Do to Done``, ``priority low → high``."""

from __future__ import annotations

from typing import Any

from stellary.client.display import _words as w
from stellary.contract.activities import Activity, FieldChange
from stellary.contract.naming import snake

_EMPTY = "—"
_MEANS = {
    "rule": 'by the rule "{}"',
    "agent": 'by the agent "{}"',
    "token": 'with the token "{}"',
    "import_": 'by the import of "{}"',
    "action": 'by the approved action "{}"',
    "recurrence": "by the recurrence of {}",
    "undo": 'to undo "{}"',
    "skipped_rule": 'without the rule "{}"',
}


def summarize_activity(activity: Activity, *, has_values: bool = True) -> str:
    """Return what an activity changed, and by what means, without its actor and time.

    Args:
        activity: The activity.
        has_values: Whether to list the values of fields before and after. Default: True.
    """
    kind, _, verb = activity.type.rpartition("_")
    text, meta = f"{verb} the {w.humanize(kind)}", activity.meta
    changes = {change.field: change for change in activity.changes if change.field != "order"}
    if activity.type == "notice_given":
        text = "noted"
    elif activity.type == "card_moved":
        if changes.pop("columnId", None):
            text += f" from {meta.get('fromColumn')} to {meta.get('toColumn')}"
        else:
            text += f" within {meta.get('toColumn')}"
    elif activity.type == "card_assigned" and (change := changes.pop("assigneeId", None)):
        text += f" to {_format_value(change.to, change)}" if change.to else " to nobody"
    elif activity.type in ("card_updated", "card_archived") and (change := changes.pop("archived", None)):
        text = "archived the card" if change.to else "restored the card"
    details = [*map(summarize_change, changes.values())] if has_values else []
    details += [meta[name] for name in ("fileName", "message", "otherCardKey") if name in meta]
    items = ((words, getattr(activity.via, name, None)) for name, words in _MEANS.items())
    means = [words.format(w.humanize(item.name or item.id)) for words, item in items if item]
    return f"{text}: {', '.join([*details, *means])}" if details else " ".join([text, *means])


def summarize_change(change: FieldChange) -> str:
    """Return a change of a field in a few words, with names instead of ids."""
    name, _, key = change.field.partition(".")
    if name == "checklist" and key:
        return _summarize_item(change.from_, change.to)
    label = change.names.get(key) if key else None
    field = label or w.humanize(snake(name).removesuffix("_ids").removesuffix("_id"))
    if change.diff is not None:
        lines = change.diff.splitlines()
        added, removed = (sum(text.startswith(sign) for text in lines) for sign in "+-")
        return f"{field} +{added} -{removed} lines"
    return f"{field} {_format_value(change.from_, change)} → {_format_value(change.to, change)}"


def _summarize_item(before: Any, after: Any) -> str:
    marked = [f"{'☑' if item.get('done') else '☐'} {item.get('title')}" for item in (before, after) if item]
    if before and after:
        return " → ".join(marked)
    return f"{'+' if after else '-'} {''.join(marked)}"


def _format_value(value: Any, change: FieldChange) -> str:
    if value is None or value == []:
        return _EMPTY
    if isinstance(value, list):
        return ", ".join(_format_value(item, change) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, str):
        return str(value)
    # A moment at midnight is a date.
    text = w.humanize(value) if change.field == "status" else value.removesuffix("T00:00:00Z")
    return change.names.get(value, text)
