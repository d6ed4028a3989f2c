"""References between cards and their labels, custom fields and columns, while one of the two is in the trash.

Two items that were deleted one after the other can be restored in any order. If a card is restored first, its reference
is stored with the entry of the label; if the label is restored first, the reference is added to the card in
the trash.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Column

from stellary.contract.cards import LABELS_MAX
from stellary.contract.errors import Conflict
from stellary.contract.field_values import read as read_value
from stellary.contract.trash import TrashKind
from stellary.core.board.changes.card_moves import lock_cards
from stellary.core.board.changes.card_references import find_assignable, share_lock_labels
from stellary.core.board.changes.changed_values import ChangedValue
from stellary.core.board.relations import check_edge, lock_ends
from stellary.core.board.rows import card_rows, field_rows
from stellary.core.board.rules.relations import Edge
from stellary.core.board.tables import cards, relations
from stellary.core.kernel import trash
from stellary.core.kernel.unit import UnitOfWork

BATCH_SIZE = 500


def restore_relations(uow: UnitOfWork, item: trash.TrashRow) -> None:
    """Restore the relations among the restored cards, and those with other cards that are still possible.

    Args:
        item: The entry of the restored item.
    """
    stored = trash.load_rows(uow, item.id, relations)
    if not stored:
        return
    restored_ids = trash.load_keys(uow, item.id, cards)
    inner = {
        key
        for key, row in stored.items()
        if row["source_id"] in restored_ids and row["target_id"] in restored_ids
    }
    trash.reinsert_rows(uow, item.id, relations, sorted(inner))
    other_ids = {
        key: row["target_id"] if row["source_id"] in restored_ids else row["source_id"]
        for key, row in sorted(stored.items())
        if key not in inner
    }
    for key, other_id in other_ids.items():
        row = stored[key]
        # The lock keeps the other card from being deleted before the relation is committed.
        if other_id not in lock_ends(uow, item.workspace_id or "", row["source_id"], row["target_id"]):
            for trash_id, _, _ in trash.find_rows(uow, cards, [other_id]):
                # It is restored together with the other card.
                trash.move_row(uow, item.id, trash_id, relations, key)
            continue
        try:
            check_edge(uow, Edge(row["source_id"], row["target_id"], row["type"]))
        except Conflict:
            # Another relation has taken its place.
            continue
        trash.reinsert_rows(uow, item.id, relations, [key])


def drop_missing_references(uow: UnitOfWork, item: trash.TrashRow, project_id: str) -> None:
    """Remove the assignees, labels and values of restored cards that no longer exist.

    Args:
        item: The restored item: a card, or a container of cards.
        project_id: The project of the cards.
    """
    for batch in make_batches(trash.load_keys(uow, item.id, cards)):
        restored_cards = [locked.card for locked in lock_cards(uow, project_id, batch).values()]
        user_ids = {card.assignee_id for card in restored_cards if card.assignee_id}
        assignee_ids = find_assignable(uow, item.workspace_id or "", user_ids)
        label_ids = {
            id
            for ids in make_batches({id for card in restored_cards for id in card.label_ids})
            for id in share_lock_labels(uow, project_id, ids)
        }
        field_ids = {id for card in restored_cards for id in card.custom_fields}
        fields = field_rows.queue_fields(uow, project_id, field_ids, is_locked=True)()
        changes = []
        for card in restored_cards:
            values = {
                id: value
                for id, value in card.custom_fields.items()
                if id in fields and read_value(fields[id].type, fields[id].options, value) is not None
            }
            existing_ids = [id for id in card.label_ids if id in label_ids]
            assignee_id = card.assignee_id if card.assignee_id in assignee_ids else None
            if (assignee_id, existing_ids, values) != (card.assignee_id, card.label_ids, card.custom_fields):
                references = {"assignee_id": assignee_id, "label_ids": existing_ids, "custom_fields": values}
                changes.append({"_id": card.id, **references, "updated_at": uow.now})
                lost_labels = {id: card.label_ids for id in card.label_ids if id not in label_ids}
                lost_values = {id: value for id, value in card.custom_fields.items() if id not in fields}
                _keep_references(uow, card.id, "label", cards.c.label_ids, lost_labels)
                _keep_references(uow, card.id, "custom_field", cards.c.custom_fields, lost_values)
        if changes:
            uow.connection.execute(card_rows.UPDATE_TO_NEXT_VERSION, changes)


def _keep_references(
    uow: UnitOfWork, card_id: str, kind: TrashKind, column: Column[Any], values: Mapping[str, object]
) -> None:
    """Store the references of a restored card to items that are in the trash with the entries of these items."""
    for item_id, value in values.items():
        trash_id = trash.find_entry(uow, kind, item_id)
        if trash_id is not None:
            trash.add_references(uow, trash_id, column, {card_id: value})


def restore_in_cards(
    uow: UnitOfWork, item: trash.TrashRow, column: Column[Any], insert: Callable[[str, Any, Any], object]
) -> list[ChangedValue]:
    """Restore a label or a custom field in the cards that had it, whether they exist or are in the trash.

    Args:
        item: The entry of the label or the custom field.
        column: The column of cards that has the labels or the values.
        insert: Returns the new labels or values of a card. Its arguments are the id of the item, the present labels or
            values, and the former ones that the entry has stored.

    Returns:
        The changed labels or values of the cards that exist.
    """
    changed_values: list[ChangedValue] = []
    stored = trash.load_rows(uow, item.id, column)
    for batch in make_batches(stored):
        existing = lock_cards(uow, item.project_id or "", batch)
        changes = []
        for card_id, locked in existing.items():
            before = getattr(locked.card, column.name)
            after = insert(item.item_id, before, stored[card_id])
            if after != before:
                changes.append({"_id": card_id, column.name: after, "updated_at": uow.now})
                changed_values.append(ChangedValue(card_id, before, after, locked.card.version + 1))
        if changes:
            uow.connection.execute(card_rows.UPDATE_TO_NEXT_VERSION, changes)
        for trash_id, card_id, row in trash.find_rows(uow, cards, sorted(set(batch) - existing.keys())):
            after = insert(item.item_id, orjson.loads(row[column.name]), stored[card_id])
            row[column.name] = orjson.dumps(after).decode()
            row["version"] += 1
            trash.rewrite_row(uow, trash_id, cards, card_id, row)
    return changed_values


def insert_label(label_id: str, label_ids: Sequence[str], former_ids: Sequence[str]) -> list[str]:
    """Return a card's labels with a former one inserted at its former place; unchanged if the card has no room for it.

    Args:
        label_id: The label to add.
        label_ids: The labels of the card.
        former_ids: The labels that the card had, in order.
    """
    if label_id in label_ids or len(label_ids) >= LABELS_MAX:
        return [*label_ids]
    preceding = set(former_ids[: former_ids.index(label_id)] if label_id in former_ids else former_ids)
    index = max((index for index, id in enumerate(label_ids, 1) if id in preceding), default=0)
    return [*label_ids[:index], label_id, *label_ids[index:]]


def insert_value(field_id: str, values: Mapping[str, object], former_value: object) -> dict[str, object]:
    """Return a card's values of custom fields, with its former value of a restored one.

    Args:
        field_id: The restored custom field.
        values: The values of the card.
        former_value: Its former value of the field.
    """
    return {field_id: former_value, **values}


def make_batches(ids: Collection[str]) -> list[list[str]]:
    """Return ids in ascending order, in batches that a statement can take.

    Args:
        ids: The ids.
    """
    ordered = sorted(ids)
    return [ordered[first : first + BATCH_SIZE] for first in range(0, len(ordered), BATCH_SIZE)]
