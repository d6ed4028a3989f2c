"""The results of tools in the history of a model: shortened, and dropped once they are old. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypedDict

import orjson

ROWS_MAX = 50
CELL_MAX = 300
"""The number of letters of a text in a list."""
TEXT_MAX = 10_000
"""The number of letters of any other text."""
DROPPED = "dropped, since it is old: call the tool again if you need it"
_CARD_FIELDS: Final = ("key", "title", "columnId", "assigneeId", "dueDate")


class StoredPart(TypedDict):
    """A part of a message, as pydantic-ai stores it; only some kinds have a content."""

    part_kind: str
    content: object


class StoredMessage(TypedDict):
    """A message of the history, as pydantic-ai stores it."""

    parts: list[StoredPart]


def shorten_result(value: object) -> object:
    """Return the result of a tool without what a model rarely needs.

    A list has at most 50 rows, and says how many there are beyond them. Its cards have only their key, title, column,
    assignee and due date, other rows lose empty fields and the end of long texts.

    Args:
        value: The result, as JSON.
    """
    if isinstance(value, list):
        return _shorten_list(value, 0)
    if isinstance(value, dict) and value.keys() == {"items", "left"}:
        return _shorten_list(value["items"], value["left"])
    if isinstance(value, dict):
        return {name: shorten_result(item) for name, item in value.items() if item not in (None, [], {})}
    return _cut_text(value, TEXT_MAX)


def _shorten_list(rows: Sequence[object], left: int) -> list[object]:
    left += max(0, len(rows) - ROWS_MAX)
    short_rows = [_shorten_row(row) for row in rows[:ROWS_MAX]]
    return [*short_rows, f"and {left} more"] if left else short_rows


def _shorten_row(row: object) -> object:
    if not isinstance(row, dict):
        return _cut_text(row, CELL_MAX)
    names: Sequence[str] = _CARD_FIELDS if row.keys() >= set(_CARD_FIELDS) else [*row]
    return {
        name: _shorten_row(row[name]) if isinstance(row[name], dict) else _cut_text(row[name], CELL_MAX)
        for name in names
        if row[name] not in (None, [], {})
    }


def _cut_text(value: object, length: int) -> object:
    if isinstance(value, str) and len(value) > length:
        return f"{value[:length]}… and {len(value) - length} more letters"
    return value


def drop_old_results(messages: Sequence[StoredMessage], letters: int) -> list[StoredMessage]:
    """Return the messages of a model without the older results of tools, if all together are too long.

    Args:
        messages: The messages as pydantic-ai stores them, the oldest first.
        letters: The number of letters of results to keep, the newest first.
    """
    shortened: list[StoredMessage] = []
    for message in reversed(messages):
        parts: list[StoredPart] = []
        for part in message["parts"]:
            is_result = part["part_kind"] == "tool-return" and part["content"] != DROPPED
            letters -= len(orjson.dumps(part["content"])) if is_result else 0
            parts.append({**part, "content": DROPPED} if is_result and letters < 0 else part)
        shortened.append({**message, "parts": parts})
    return shortened[::-1]
