"""Records of changes: the fields in which two states of a value differ, with names as of that time. Pure functions."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

import orjson

from stellary.contract.cards import Card
from stellary.contract.checklists import ChecklistItem
from stellary.contract.fields import field_names
from stellary.contract.recurrences import CardRecurrence, to_body
from stellary.contract.wire import Value, as_dict, camel, dump
from stellary.core.kernel import events
from stellary.core.kernel.item_changes import ITEM_CLASSES

StoredChange = dict[str, object]
"""A change of a field as it is stored: the keys of ``FieldChange`` that have a value."""

TEXT_MAX: Final = 2_000
"""The number of characters up to which both values of a text are recorded; longer ones are recorded as a diff."""

DIFF_MAX: Final = 100_000
"""The number of characters up to which a diff is recorded; a longer one is left out, and the change has an empty diff."""

MATCHED_LINES_MAX: Final = 400
"""The number of changed lines up to which lines are matched; of more lines, one block is recorded."""

REPEATED_MAX: Final = 3
"""The number of equal lines up to which they are matched: text of few different lines would take quadratic time."""

_CONTEXT_LINES: Final = 3

NOT_RECORDED: Final = frozenset(
    {
        "id",
        "key",
        "number",
        "project_id",
        "created_by_id",
        "created_at",
        "updated_at",
        "version",
        "checklist_progress",
        "comment_count",
        "attachment_count",
        "workspace_id",
        "card_count",
        "card_estimate",
        "member_count",
        "columns",
        "organization_id",
        "user_id",
        "email",
        "invited_by_id",
        "last_used_at",
        "content_format",
        "author_id",
        "author_name",
        "reviewer_name",
    }
)
"""Fields that never change, that follow from other changes, or that the activity names elsewhere."""

_MOVED: Final = ("column_id", "scope_id", "order", "status", "completed_at")
_LOST: Final = ("label_ids", "custom_fields", "estimate", "assignee_id")
_TRANSFERRED: Final = ("project_id", "key", *_MOVED, *_LOST, "recurrence")
_ARCHIVED: Final = ("archived", "order")
_CARD_FIELDS: Final = tuple(name for name in field_names(Card) if name not in NOT_RECORDED)
# A new card is at the end of its column, and in the column's scope.
_CREATED: Final = tuple(name for name in _CARD_FIELDS if name not in ("scope_id", "order"))
# The column and the scope may be gone; the meta has the column.
_DELETED: Final = tuple(name for name in _CREATED if name != "column_id")
_OF_FILES: Final = ("original_name", "mime_type", "size")
_PYTHON_NAMES: Final[Mapping[str, str]] = {camel(name): name for name in _CARD_FIELDS}
_WIRE_NAMES: Final[Mapping[str, str]] = {name: camel(name) for name in _CARD_FIELDS}
_PLAIN_FIELDS: Final[Mapping[str, str]] = {
    name: wire_name
    for name, wire_name in _WIRE_NAMES.items()
    if name not in ("checklist", "custom_fields", "recurrence") and not name.endswith(("_id", "_ids"))
}
"""The fields of a card whose changes contain no names and no items."""


def list_card_changes(event: events.CardEvent, names: Mapping[str, str]) -> list[StoredChange]:
    """Return the changes of a card's fields that an event reports; an empty list if it changes no field.

    Args:
        event: The event.
        names: The names of people, labels, custom fields and scopes, by id.
    """
    match event:
        case events.CardMoved():
            fields = _TRANSFERRED if isinstance(event, events.CardTransferred) else _MOVED
            column_names = {event.before.column_id: event.from_column, event.card.column_id: event.to_column}
            return list_changes(event.before, event.card, fields, {**names, **column_names})
        case events.CardUpdated():
            changed = [_PYTHON_NAMES[name] for name in event.changed]
            if "archived" in changed and "order" not in changed:
                changed.append("order")
            return list_changes(event.before, event.card, changed, names)
        case events.CardAssigned():
            return list_changes(event.before, event.card, ("assignee_id",), names)
        case events.CardArchived():
            return list_changes(event.before, event.card, _ARCHIVED, names)
        case _:
            return _list_item_values(event, names)


def _list_item_values(event: events.CardEvent, names: Mapping[str, str]) -> list[StoredChange]:
    """Return the fields of what was created or deleted: a card, or a file or a relation of a card."""
    is_deleted = isinstance(event, (events.CardDeleted, events.AttachmentRemoved, events.RelationRemoved))
    match event:
        case events.CardCreated():
            return list_values(event.card, _CREATED, {**names, event.card.column_id: event.column})
        case events.CardDeleted():
            return list_values(event.card, _DELETED, names, is_deleted=is_deleted)
        case events.AttachmentAdded() | events.AttachmentRemoved():
            return list_values(event.attachment, _OF_FILES, {}, is_deleted=is_deleted)
        case events.RelationAdded() | events.RelationRemoved():
            values = {"type": event.type, "targetCardId": event.other.id}
            keys = {"targetCardId": {event.other.id: event.other.key}}
            return [
                build_change(field, value, None, keys.get(field))
                if is_deleted
                else build_change(field, None, value, keys.get(field))
                for field, value in values.items()
            ]
        case _:
            return []


def merge_changes(stored: Sequence[Mapping[str, object]], before: Value, after: Value) -> list[StoredChange]:
    """Return the recorded changes of an item with a further change: from the first values to the last ones.

    Args:
        stored: The recorded changes.
        before: The state of the item before the further change.
        after: Its state afterwards.
    """
    merged = {str(change["field"]): dict(change) for change in stored}
    old, new = to_json(before, NOT_RECORDED), to_json(after, NOT_RECORDED)
    for change in list_item_changes(before, after):
        name = str(change["field"])
        earlier = merged.pop(name, None)
        if earlier is None:
            merged[name] = change
            continue
        first = earlier.get("from")
        if "diff" in earlier:
            first = revert_diff(str(old[name] or ""), str(earlier["diff"])) if earlier["diff"] else None
            if first is None:
                merged[name] = {"field": name, "diff": ""}
                continue
        if first != new[name]:
            merged[name] = build_change(name, first, new[name])
    return list(merged.values())


def list_item_changes(before: Value | None, after: Value | None) -> list[StoredChange]:
    """Return the changes of an item of any class: all its fields if it was created or deleted.

    Args:
        before: Its state before the change; None if it was created.
        after: Its state after the change; None if it was deleted.
    """
    old, new = (None if value is None else to_json(value, NOT_RECORDED) for value in (before, after))
    changes: list[StoredChange] = []
    for name in dict.fromkeys([*(old or {}), *(new or {})]):
        old_value, new_value = (old or {}).get(name), (new or {}).get(name)
        if old_value != new_value and (old_value or new_value or (before and after)):
            changes.append(build_change(name, old_value, new_value))
    return changes


def to_json(value: Value, without: Collection[str] = ()) -> dict[str, object]:
    """Return the fields of an item by their wire names, except those that no record contains.

    Args:
        value: The item.
        without: Further fields to leave out, by their names in Python.
    """
    item_class = ITEM_CLASSES.get(type(value))
    wire_names = {camel(name) for name in (*without, *(item_class.left_out if item_class else ()))}
    fields: dict[str, object] = orjson.loads(dump(value))
    return {name: field for name, field in fields.items() if name not in wire_names}


def list_changes(
    before: Value, after: Value, fields: Iterable[str], names: Mapping[str, str]
) -> list[StoredChange]:
    """Return the changes between two states of a value.

    Args:
        before: The earlier state.
        after: The later state.
        fields: The fields to compare, by their names in Python.
        names: The names of the items that the values refer to, by id.
    """
    changes: list[StoredChange] = []
    for field in fields:
        old, new = getattr(before, field), getattr(after, field)
        if old != new:
            changes += _list_field_changes(field, old, new, names)
    return changes


def list_values(
    value: Value, fields: Iterable[str], names: Mapping[str, str], *, is_deleted: bool = False
) -> list[StoredChange]:
    """Return the changes from nothing to a new value, or from a deleted value to nothing: its fields that are not empty.

    Args:
        value: The new or deleted value.
        fields: The fields to record, by their names in Python.
        names: The names of the items that the values refer to, by id.
        is_deleted: Whether the value was deleted. Default: False.
    """
    changes: list[StoredChange] = []
    for field in fields:
        content = getattr(value, field)
        if not content:
            continue
        old, new = (content, None) if is_deleted else (None, content)
        plain_field = _PLAIN_FIELDS.get(field)
        if plain_field is not None and not (type(content) is str and len(content) > TEXT_MAX):
            # The common case of a card that is created in bulk.
            changes.append({"field": plain_field, "from": old, "to": new})
        else:
            changes += _list_field_changes(field, old, new, names)
    return changes


def find_referenced_ids(event: events.CardEvent) -> set[str]:
    """Return the ids of the labels, custom fields and scopes whose names the changes of an event contain."""
    card = event.card
    if isinstance(event, (events.CardCreated, events.CardDeleted)):
        return {*card.label_ids, *card.custom_fields}
    if not isinstance(event, (events.CardUpdated, events.CardMoved)):
        return set()
    before = event.before
    ids = set()
    if before.label_ids != card.label_ids:
        ids |= {*before.label_ids, *card.label_ids}
    if before.custom_fields != card.custom_fields:
        ids |= {*before.custom_fields, *card.custom_fields}
    return ids if before.scope_id == card.scope_id else {*ids, before.scope_id, card.scope_id}


def _list_field_changes(
    field: str, old: object, new: object, names: Mapping[str, str]
) -> Iterator[StoredChange]:
    """Yield the changes of one field; of custom fields and checklists, one for each custom field and item."""
    if field == "custom_fields":
        yield from _list_key_changes(_as_mapping(old), _as_mapping(new), names)
    elif field == "checklist":
        yield from _list_item_changes(_as_items(old), _as_items(new))
    elif field == "recurrence":
        former, current = (
            to_body(value if isinstance(value, CardRecurrence) else None) for value in (old, new)
        )
        if former != current:
            yield build_change(field, former, current)
    else:
        yield build_change(
            _WIRE_NAMES.get(field) or camel(field), old, new, _name_ids(field, old, new, names)
        )


def build_change(
    field: str, old: object, new: object, names: Mapping[str, str] | None = None
) -> StoredChange:
    """Return the change of a field: its values, or a diff of long texts.

    Args:
        field: The wire name of the field.
        old: The value before.
        new: The value after.
        names: The names of the items that the values refer to, by id. Default: none.
    """
    change: StoredChange = {"field": field}
    if _is_long(old) or _is_long(new):
        change["diff"] = diff_texts(str(old or ""), str(new or ""))
    else:
        change |= {"from": old, "to": new}
    if names:
        change["names"] = names
    return change


def _is_long(value: object) -> bool:
    return isinstance(value, str) and len(value) > TEXT_MAX


def _name_ids(field: str, old: object, new: object, names: Mapping[str, str]) -> dict[str, str]:
    if not names:
        return {}
    if field.endswith("_id"):
        return {id: names[id] for id in (old, new) if isinstance(id, str) and id in names}
    if field.endswith("_ids"):
        ids = [id for value in (old, new) if isinstance(value, list) for id in value]
        return {id: names[id] for id in ids if id in names}
    return {}


def _as_mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _as_items(value: object) -> Sequence[ChecklistItem]:
    return value if isinstance(value, list) else ()


def _list_key_changes(
    old: Mapping[str, object], new: Mapping[str, object], names: Mapping[str, str]
) -> Iterator[StoredChange]:
    for id in dict.fromkeys([*old, *new]):
        if old.get(id) != new.get(id):
            own_name = {id: names[id]} if id in names else None
            yield build_change(f"customFields.{id}", old.get(id), new.get(id), own_name)


def _list_item_changes(old: Sequence[ChecklistItem], new: Sequence[ChecklistItem]) -> Iterator[StoredChange]:
    """Yield a change for each item that is added, changed or removed, and one if the order of the kept items differs."""
    if not old:
        # The common case of a new card.
        for item in new:
            yield {"field": f"checklist.{item.id}", "from": None, "to": _item_json(item)}
        return
    old_items = {item.id: item for item in old}
    new_items = {item.id: item for item in new}
    for id in dict.fromkeys([*old_items, *new_items]):
        before, after = old_items.get(id), new_items.get(id)
        if before is None or after is None or (before.title, before.done) != (after.title, after.done):
            yield build_change(f"checklist.{id}", _item_json(before), _item_json(after))
    old_ids = [id for id in old_items if id in new_items]
    new_ids = [id for id in new_items if id in old_items]
    if old_ids != new_ids:
        yield build_change("checklist", old_ids, new_ids)


def _item_json(item: ChecklistItem | None) -> dict[str, object] | None:
    if item is None:
        return None
    fields = as_dict(item)
    del fields["_id"]
    return fields


def diff_texts(old: str, new: str) -> str:
    """Return a unified diff from one text to another, without the lines that name the files.

    A change is recorded in the transaction of the write, so the diff is cheap: it compares only what differs between the
    common beginning and the common end, and matches lines only if they are few.

    Args:
        old: The old text.
        new: The new text.

    Returns:
        The diff; an empty string if it has more than ``DIFF_MAX`` characters.
    """
    if not (old and new):
        # The common case of an item that is created or deleted, perhaps with thousands of others.
        return _diff_with_nothing(old or new, "-" if old else "+")
    prefix = _count_equal(old, new)
    suffix = _count_equal(old[prefix:][::-1], new[prefix:][::-1])
    changed = [text[prefix : len(text) - suffix] for text in (old, new)]
    is_matched = sum(text.count("\n") for text in changed) <= MATCHED_LINES_MAX
    if not is_matched and sum(map(len, changed)) > DIFF_MAX:
        return ""
    before = old[:prefix].rsplit("\n", _CONTEXT_LINES + 1)
    after = old[len(old) - suffix :].split("\n", _CONTEXT_LINES + 1)
    start = len(before[0]) + 1 if len(before) > _CONTEXT_LINES + 1 else 0
    end = len(after[-1]) if len(after) > _CONTEXT_LINES + 1 else 0
    old_lines, new_lines = (split_lines(text[start : len(text) - end]) for text in (old, new))
    # Equal lines are matched at the beginning, and next to lines that are matched: the empty one is at the end.
    counts = Counter(new_lines)
    matcher = difflib.SequenceMatcher(
        lambda line: line != "" and (not is_matched or counts[line] > REPEATED_MAX),
        [*old_lines, ""],
        [*new_lines, ""],
        autojunk=False,
    )
    first_line = old.count("\n", 0, start)
    lines: list[str] = []
    for group in matcher.get_grouped_opcodes(_CONTEXT_LINES):
        (_, old_start, _, new_start, _), (_, _, old_end, _, new_end) = group[0], group[-1]
        old_range = _format_range(first_line + old_start, min(old_end, len(old_lines)) - old_start)
        new_range = _format_range(first_line + new_start, min(new_end, len(new_lines)) - new_start)
        lines.append(f"@@ -{old_range} +{new_range} @@\n")
        for tag, old_start, old_end, new_start, new_end in group:
            if tag == "equal":
                lines += [" " + line for line in old_lines[old_start:old_end]]
            else:
                lines += ["-" + line for line in old_lines[old_start:old_end]]
                lines += ["+" + line for line in new_lines[new_start:new_end]]
    diff = "".join(line if line.endswith("\n") else line + NO_NEWLINE for line in lines)
    return diff if len(diff) <= DIFF_MAX else ""


def _diff_with_nothing(text: str, sign: str) -> str:
    """Return the diff of a text that is added (``+``) or removed (``-``) as a whole."""
    ranges = {sign: _format_range(0, text.count("\n") + (not text.endswith("\n")))}
    end = "\n" if text.endswith("\n") else NO_NEWLINE
    lines = text.removesuffix("\n").replace("\n", f"\n{sign}")
    diff = f"@@ -{ranges.get('-', '0,0')} +{ranges.get('+', '0,0')} @@\n{sign}{lines}{end}"
    return diff if text and len(diff) <= DIFF_MAX else ""


NO_NEWLINE: Final = "\n\\ No newline at end of file\n"
"""What follows the last line of a text that does not end with a line break, as in the diffs of git."""


_HUNK: Final = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@\n")


def revert_diff(text: str, diff: str) -> str | None:
    """Return the text from before a change; None if the lines that the change has written are no longer there.

    Args:
        text: The current text.
        diff: The diff, as ``diff_texts`` has built it.
    """
    lines = split_lines(text)
    reverted: list[str] = []
    position = 0
    for new_start, old_lines, new_lines in _read_hunks(split_lines(diff)):
        # An empty range is named by the line before it.
        start = new_start - 1 if new_lines else new_start
        reverted += lines[position:start]
        if start < position or lines[start : start + len(new_lines)] != new_lines:
            return None
        reverted += old_lines
        position = start + len(new_lines)
    return "".join([*reverted, *lines[position:]])


def _read_hunks(diff_lines: Sequence[str]) -> Iterator[tuple[int, list[str], list[str]]]:
    """Yield the hunks of a diff: the number of their first line in the new text, their old lines and their new lines."""
    hunk: tuple[int, list[str], list[str]] | None = None
    changed: list[list[str]] = []
    for line in diff_lines:
        header = _HUNK.fullmatch(line)
        if header is not None:
            if hunk is not None:
                yield hunk
            hunk = int(header[3]), [], []
        elif hunk is not None and line.startswith("\\"):
            for lines in changed:
                lines[-1] = lines[-1].removesuffix("\n")
        elif hunk is not None:
            changed = [lines for sign, lines in (("-", hunk[1]), ("+", hunk[2])) if line[0] in (sign, " ")]
            for lines in changed:
                lines.append(line[1:])
    if hunk is not None:
        yield hunk


def split_lines(text: str) -> list[str]:
    """Return the lines of a text with their line breaks. Only a line feed is one."""
    *lines, last = text.split("\n")
    return [line + "\n" for line in lines] + ([last] if last else [])


def _count_equal(old: str, new: str) -> int:
    """Return the number of characters that both texts begin with, by comparing halves of what is undecided."""
    low, high = 0, min(len(old), len(new))
    while low < high:
        middle = (low + high + 1) // 2
        if old[low:middle] == new[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _format_range(start: int, count: int) -> str:
    # Lines are numbered from 1; an empty range is named by the line before it.
    return f"{start + 1 if count else start},{count}"
