"""The request that undoes recorded changes of a card, and the fields that prevent this. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from stellary.contract.activities import FieldChange
from stellary.contract.cards import Card
from stellary.contract.naming import snake
from stellary.contract.recurrences import to_body
from stellary.contract.wire import dump
from stellary.core.notifications.changes import revert_diff

StoredItem = dict[str, object]
"""An item of a checklist as a request contains it. A deleted item comes back without its id, and gets a new one."""

VALUE_MAX = 200
"""The number of characters of a value that a message contains."""
_FOLLOWING = ("key", "scopeId", "completedAt")
"""Fields that follow from the project, the column and the status."""


class Reversal:
    """The reversal of recorded changes.

    Args:
        card: The current card.
        changes: The recorded changes.
        order: The recorded order in the column to which the changes moved the card, which is also the former one if they
            do not contain it; None if they moved it to no other column.

    Attributes:
        body: The body of an update that restores the values from before the changes.
        field_values: The values of custom fields in it, by the id of the field.
        problems: The fields whose values are no longer those that the changes wrote, with their current values.
    """

    def __init__(self, card: Card, changes: Sequence[FieldChange], order: object = None) -> None:
        self.body: dict[str, object] = {}
        self.problems: dict[str, object] = {}
        self._card: dict[str, object] = orjson.loads(dump(card))
        self.field_values: dict[str, object] = {}
        self._items: list[StoredItem] = [
            {"_id": item.id, "title": item.title, "done": item.done} for item in card.checklist
        ]
        for change in changes:
            name, _, key = change.field.partition(".")
            if name == "checklist":
                self._revert_checklist(change, key)
            elif name == "customFields":
                self._revert_value(change, card.custom_fields.get(key), self.field_values, key)
            elif change.diff is not None:
                self._revert_text(change.field, change.diff)
            elif change.field == "recurrence":
                self._revert_value(change, to_body(card.recurrence), self.body, change.field)
            elif change.field == "order":
                self._revert_order(change.from_)
            elif change.field not in _FOLLOWING:
                self._revert_value(change, self._card[change.field], self.body, change.field)
        if self.field_values:
            self.body["customFields"] = self.field_values
        if "columnId" in self.body:
            self._revert_order(self.body.get("order", order))
            # The column would set the status of a card that enters it.
            self.body.setdefault("status", card.status)

    def _revert_value(
        self, change: FieldChange, current: object, restored: dict[str, object], key: str
    ) -> None:
        if current == change.to:
            restored[key] = change.from_
        else:
            self.problems[change.field] = current

    def _revert_order(self, old: object) -> None:
        # The order also changes when other cards move, so it is not compared with the recorded one.
        if isinstance(old, int):
            self.body["order"] = old

    def _revert_text(self, field: str, diff: str) -> None:
        current = self._card[field]
        text = revert_diff(str(current or ""), diff)
        if text is None:
            self.problems[field] = current
        else:
            self.body[field] = text or None

    def _revert_checklist(self, change: FieldChange, id: str) -> None:
        if id:
            self._revert_item(change, id)
        else:
            self._revert_item_order(change.from_, change.to)
        self.body["checklist"] = self._items

    def _revert_item(self, change: FieldChange, id: str) -> None:
        index = next((index for index, item in enumerate(self._items) if item.get("_id") == id), None)
        current = None if index is None else self._items[index]
        recorded = None if change.to is None else {"_id": id, **_content(change.to)}
        if current != recorded:
            self.problems[change.field] = current
        elif index is None:
            self._items.insert(change.from_["order"], _content(change.from_))
        elif change.from_ is None:
            del self._items[index]
        else:
            self._items[index] = {"_id": id, **_content(change.from_)}

    def _revert_item_order(self, old: Sequence[str], new: Sequence[str]) -> None:
        if [item["_id"] for item in self._items if item.get("_id") in new] != new:
            self.problems["checklist"] = self._card["checklist"]
            return
        by_id = {item.get("_id"): item for item in self._items}
        ordered = iter([by_id[id] for id in old])
        self._items = [next(ordered) if item.get("_id") in new else item for item in self._items]


def _content(item: StoredItem) -> StoredItem:
    """Return the fields of a checklist item that a change records, without its order."""
    return {"title": item["title"], "done": item["done"]}


def name_field(field: str, names: Mapping[str, str]) -> str:
    """Return the field of a change in words: ``due date``, or the name of a custom field.

    Args:
        field: The wire name.
        names: Names by id.
    """
    name, _, key = field.partition(".")
    if name == "checklist":
        return "a checklist item" if key else "the checklist"
    return names.get(key) or snake(name).removesuffix("_ids").removesuffix("_id").replace("_", " ")


def name_value(value: object, names: Mapping[str, str]) -> str:
    """Return the value of a field in words, with names instead of ids.

    Args:
        value: The value in the form of a response.
        names: Names by id.
    """
    if isinstance(value, list):
        return ", ".join(name_value(item, names) for item in value) or "empty"
    if isinstance(value, dict) and value.keys() >= {"title", "done"}:
        return f"{name_value(value['title'], names)}{' (done)' if value['done'] else ''}"
    if isinstance(value, str):
        text = names.get(value, value.removesuffix("T00:00:00Z"))
        return f'"{text if len(text) <= VALUE_MAX else f"{text[:VALUE_MAX]}…"}"'
    return "empty" if value is None else orjson.dumps(value).decode()[:VALUE_MAX]
