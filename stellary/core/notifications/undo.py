"""Undoing recorded changes of a card: fields that still have the values of the change get their former values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from stellary.contract.activities import UNDO_ACTIVITY, FieldChange
from stellary.contract.cards import Card, TransferCard, UpdateCard
from stellary.contract.errors import Conflict, FieldProblem, Invalid, PreconditionFailed
from stellary.contract.fields import convert
from stellary.contract.naming import snake
from stellary.contract.recurrences import to_body
from stellary.contract.refs import ActivityRef, CardRef, ProjectRef
from stellary.contract.wire import dump, load
from stellary.core.accounts.people import load_people
from stellary.core.board import access as board_access
from stellary.core.board import cards
from stellary.core.board.order.locks import retry_transaction
from stellary.core.board.queries.item_names import load_item_names
from stellary.core.board.transfers import move_cards
from stellary.core.kernel.causes import Cause, Chain
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.notifications import access
from stellary.core.notifications.changes import revert_diff
from stellary.core.notifications.rows import read_changes, read_via
from stellary.core.notifications.via import find_means

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


UNDOABLE = ("card_updated", "card_moved", "card_archived", "card_assigned", "card_transferred")


@serves(UNDO_ACTIVITY)
def undo_activity(uow: UnitOfWork, ref: ActivityRef) -> Card:
    """Undo a change of a card. If a rule made it, the rule does not react.

    Raises:
        NotFound: The project has no such activity, or its card was deleted.
        Conflict: The activity is not a change of a card, a field has changed since, or an old value is no longer valid.
    """
    activity = access.activity(uow, ref).row
    if activity.type not in UNDOABLE or activity.card_id is None or not activity.changes:
        raise Conflict("only changes of a card's fields can be undone", code="not_undoable")
    card_ref = ref.parent(ProjectRef).child(CardRef, activity.card_id)
    card = board_access.card(uow, card_ref).card
    uow.require_version(card.version)
    changes = read_changes(activity.changes)
    reversal = Reversal(card, changes, activity.meta.get("toOrder"))
    if activity.type == "card_transferred":
        # The series may have gone on with another card.
        reversal.problems.pop("recurrence", None)
    if reversal.problems:
        raise _changed_since_error(reversal.problems, _load_names(uow, card, changes))
    via = find_means(uow.actor)
    via["undo"] = {"id": activity.id, "name": activity.type}
    rule = None if (former_via := read_via(activity.via)) is None else former_via.rule
    if rule is not None:
        via["skippedRule"] = {"id": rule.id, "name": rule.name}
    chain = Chain(uow.new_id(), undone_rule_id=None if rule is None else rule.id)
    if_match, uow.if_match = uow.if_match, frozenset({str(card.version)})
    try:
        with uow.caused_by(Cause(chain, uow.user_id, 0, via), uow.actor):
            if activity.type == "card_transferred":
                return _transfer_back(uow, card_ref, reversal)
            return cards.update_card(uow, card_ref, load(UpdateCard, reversal.body))
    except PreconditionFailed:
        # Another unit has changed the card in between.
        retry_transaction(uow)
        raise
    except Invalid as error:
        names = _load_names(uow, card, changes)
        fields = {detail.field.partition("[")[0] for detail in error.details}
        values = [
            f"{name_field(change.field, names)} {name_value(change.from_, names)}"
            for change in changes
            if change.field in fields
        ]
        message = f"an old value is no longer valid: {', '.join(values) or error.message}"
        raise Conflict(message, code="not_undoable", details=error.details) from None
    finally:
        uow.if_match = if_match


def _transfer_back(uow: UnitOfWork, ref: CardRef, reversal: Reversal) -> Card:
    """Move a card back to the project that it has left, with the labels and values that it had there."""
    loaded = board_access.card(uow, ref)
    card = loaded.card
    uow.require_version(card.version)
    if card.custom_fields.keys() - reversal.field_values.keys() or (
        card.label_ids and "labelIds" not in reversal.body
    ):
        raise Conflict("the card has got labels or values since", code="changed_since")
    former_values = {id: value for id, value in reversal.field_values.items() if value is not None}
    current = {"labelIds": card.label_ids, "assigneeId": card.assignee_id}
    values = {**current, **reversal.body, "customFields": former_values}
    column_id = values.pop("columnId")
    del values["projectId"]
    request = TransferCard(column_id=str(column_id))
    restored = load(UpdateCard, values)
    return convert(Card, move_cards(uow, ref.parent(ProjectRef), loaded.roles, [card], request, restored)[0])


def _load_names(uow: UnitOfWork, card: Card, changes: Sequence[FieldChange]) -> dict[str, str]:
    """Return the names of what a card and its changes refer to, by id: the current ones, else those at that time."""
    names = {id: name for change in changes for id, name in change.names.items()}
    ids = {card.column_id, *card.label_ids, *card.custom_fields, *names}
    people_ids = {*names, card.assignee_id or ""}
    names |= load_item_names(uow, [card.project_id], ids)
    return names | {id: person.name for id, person in load_people(uow, people_ids).items()}


def _changed_since_error(problems: Mapping[str, object], names: Mapping[str, str]) -> Conflict:
    """Return the error for fields that have changed since, with their current values.

    Args:
        problems: The current values by field.
        names: Names by id.
    """
    details = [FieldProblem(field, f"is now {name_value(value, names)}") for field, value in problems.items()]
    sentence = ", ".join(f"{name_field(detail.field, names)} {detail.message}" for detail in details[:5])
    return Conflict(f"the card has been changed since: {sentence}", code="changed_since", details=details)
