"""The events of a restoration: they contain what comes back, so that a reader of a board need not read it again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypedDict

from stellary.contract.cards import Card
from stellary.contract.columns import Column
from stellary.contract.fields import replace_fields
from stellary.contract.trash import TrashKind
from stellary.contract.wire import Value
from stellary.core.board.changes.card_moves import lock_cards_of_columns
from stellary.core.kernel.events import CardReturned, ContentRestored, ItemRestored
from stellary.core.kernel.trash import TrashRow
from stellary.core.kernel.unit import UnitOfWork


class TrashedItemFields(TypedDict):
    """The fields of an event about an item in the trash."""

    workspace_id: str
    trash_id: str
    kind: TrashKind
    item_id: str
    name: str
    key: str | None
    project_id: str | None


def describe_item(item: TrashRow) -> TrashedItemFields:
    """Return the fields of an event about an item in the trash.

    Args:
        item: The entry of the item.
    """
    return {
        "workspace_id": item.workspace_id or "",
        "trash_id": item.id,
        "kind": item.kind,
        "item_id": item.item_id,
        "name": item.name,
        "key": item.key,
        "project_id": item.project_id,
    }


def emit_restored(
    uow: UnitOfWork,
    item: TrashRow,
    state: Value | None = None,
    *,
    new_name: str | None = None,
    card: Card | None = None,
    meta: Mapping[str, object] | None = None,
) -> None:
    """Emit that an item was restored.

    Args:
        item: The entry of the item.
        state: Its state, unless it is a card or belongs to one. Default: none.
        new_name: Its new name or key. Default: it has the former one.
        card: The card that it is, or belongs to. Default: none.
        meta: Further details of the activity. Default: none.
    """
    uow.emit(
        ItemRestored(**describe_item(item), new_name=new_name, card=card, item=state, meta=dict(meta or {}))
    )


def emit_columns(uow: UnitOfWork, item: TrashRow, columns: Sequence[Column]) -> None:
    """Emit the columns of a restored scope.

    Args:
        item: The entry of the scope.
        columns: Its columns, in order.
    """
    for column in columns:
        uow.emit(ContentRestored(**_describe_content(item, "column", column.id, column.name), item=column))


def emit_cards(
    uow: UnitOfWork,
    item: TrashRow,
    columns: Sequence[Column],
    returned_cards: Mapping[str, Card],
    column_names: Mapping[str, str],
) -> None:
    """Emit the cards of restored columns in their order, so that a reader can insert one after the other.

    Args:
        item: The entry of the column, or of the scope of the columns.
        columns: The columns, which are locked.
        returned_cards: The cards that moved back to the columns, as they were before, by id; the others were in the trash.
        column_names: The names of the columns that these cards have left and entered, by id.
    """
    orders = Counter[str]()
    ids = {"workspace_id": item.workspace_id or "", "project_id": item.project_id or ""}
    for locked in lock_cards_of_columns(uow, ids["project_id"], [column.id for column in columns]):
        card = locked.card
        if not card.archived:
            card = replace_fields(card, order=orders[card.column_id])
            orders[card.column_id] += 1
        before = returned_cards.get(card.id)
        if before is None:
            fields = _describe_content(item, "card", card.id, card.title, card.key)
            position = describe_position(card, column_names[card.column_id])
            uow.emit(ContentRestored(**fields, card=card, meta=position))
        else:
            names = {
                "from_column": column_names[before.column_id],
                "to_column": column_names[card.column_id],
            }
            uow.emit(CardReturned(**ids, **names, card=card, before=before))


def _describe_content(
    item: TrashRow, kind: TrashKind, content_id: str, name: str, key: str | None = None
) -> TrashedItemFields:
    return {**describe_item(item), "kind": kind, "item_id": content_id, "name": name, "key": key}


def describe_position(card: Card, column_name: str) -> dict[str, object]:
    """Return the column and the order of a restored card for its activity; nothing for an archived card.

    Args:
        card: The card.
        column_name: The name of its column.
    """
    if card.archived:
        return {}
    return {"toColumn": column_name, "toColumnId": card.column_id, "toOrder": card.order}
