"""Changes of fields in words: ``column To Do → Done``."""

from __future__ import annotations

from typing import Any

from stellary.client.display import _words as w
from stellary.contract.activities import FieldChange
from stellary.contract.naming import snake

_EMPTY = "—"


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
