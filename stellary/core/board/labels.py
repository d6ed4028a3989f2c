"""Labels of a project and of its cards. Section Labels of the API reference."""

from __future__ import annotations

import orjson
from sqlalchemy import (
    ColumnElement,
    Text,
    and_,
    bindparam,
    func,
    literal,
    select,
    type_coerce,
    update,
)

from stellary.contract.cards import LABELS_MAX
from stellary.contract.endpoint import Deleted, Ok
from stellary.contract.errors import Conflict
from stellary.contract.fields import build_value, update_value
from stellary.contract.labels import (
    ADD_LABEL_TO_CARD,
    CREATE_LABEL,
    DEFAULT_COLOR,
    DELETE_LABEL,
    LIST_LABELS,
    REMOVE_LABEL_FROM_CARD,
    UPDATE_LABEL,
    CreateLabel,
    Label,
    UpdateLabel,
)
from stellary.contract.refs import CardLabelRef, LabelRef, ProjectRef
from stellary.contract.wire import Listing, Paged
from stellary.core.board import access
from stellary.core.board.changes.card_changes import change_card
from stellary.core.board.changes.changed_values import VALUES_MAX, ChangedValue, describe_values
from stellary.core.board.order.locks import uses_row_locks
from stellary.core.board.row_types import ItemRow
from stellary.core.board.rules.fields import new_item
from stellary.core.board.tables import cards, labels
from stellary.core.db.base import is_given
from stellary.core.kernel import trash
from stellary.core.kernel.item_changes import emit_change
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.kernel.writes import NoColumns, StoredItems

LABELS = StoredItems(
    Label,
    labels,
    "Label",
    NoColumns,
    derived={"name_key": lambda label: label.name.casefold()},
    taken=lambda label: (f"the project has a label {label.name!r} already", "duplicate_name"),
)
# The lock keeps a label from being deleted while it is added to a card.
_LOCK = select(labels.c.id).where(is_given(labels.c.id)).with_for_update(read=True, key_share=True)
_LIST = Pages(ItemRow, select(labels).where(is_given(labels.c.project_id)), labels.c.id)


def _remove_id(ids: ColumnElement[str], id: ColumnElement[str]) -> ColumnElement[str]:
    """Return a JSON list of ids, ``["…","…"]``, without one of them."""
    remaining: ColumnElement[str] = ids
    for prefix, suffix in ((",", ""), ("", ","), ("", "")):
        remaining = func.replace(remaining, literal(prefix + '"') + id + literal('"' + suffix), "")
    return remaining


_ID = bindparam("_label_id", type_=Text)
_LABEL_IDS = type_coerce(cards.c.label_ids, Text)
_HAS_LABEL = and_(is_given(cards.c.project_id), _LABEL_IDS.like(literal('%"') + _ID + literal('"%')))
_STORE_FORMER_IDS = trash.build_references(cards.c.label_ids, _LABEL_IDS, _HAS_LABEL)
_REMOVE_FROM_CARDS = (
    update(cards)
    .where(_HAS_LABEL)
    .values(label_ids=_remove_id(_LABEL_IDS, _ID), version=cards.c.version + 1, updated_at=bindparam("_now"))
    .returning(cards.c.id, cards.c.label_ids, cards.c.version)
)


@serves(CREATE_LABEL)
def create_label(uow: UnitOfWork, ref: ProjectRef, request: CreateLabel) -> Label:
    """Create a label; its name must be unique in the project."""
    project = access.project(uow, ref).row
    color = request.color or DEFAULT_COLOR
    label = build_value(Label, request, project_id=project.id, color=color, **new_item(uow))
    LABELS.insert(uow, label)
    emit_change(uow, project.workspace_id, None, label)
    return label


@serves(LIST_LABELS)
def list_labels(uow: UnitOfWork, ref: ProjectRef, request: Paged) -> Listing[Label]:
    """Return the labels of a project in order of creation."""
    project = access.project(uow, ref).row
    return _LIST.fetch(uow, request, LABELS.to_value, _project_id=project.id)


def load_labels(uow: UnitOfWork, project_id: str) -> list[Label]:
    """Return all labels of a project in order of creation.

    Args:
        project_id: The project.
    """
    return list(_LIST.fetch(uow, Paged(), LABELS.to_value, _project_id=project_id).items)


@serves(UPDATE_LABEL)
def update_label(uow: UnitOfWork, ref: LabelRef, request: UpdateLabel) -> Label:
    """Change the name or the color of a label."""
    loaded = access.label(uow, ref)
    before = LABELS.to_value(loaded.row)
    after = update_value(before, request, uow.now)
    LABELS.update(uow, before, after)
    emit_change(uow, loaded.roles.workspace_id, before, after)
    return after


@serves(DELETE_LABEL)
def delete_label(uow: UnitOfWork, ref: LabelRef) -> Deleted:
    """Move a label to the trash, and remove it from all cards."""
    loaded = access.label(uow, ref)
    label = LABELS.to_value(loaded.row)
    item = trash.Item(label.id, label.name, label.project_id)
    # This locks the label. A unit that adds it to a card holds a share lock on it, so the change is visible afterwards.
    trash_id = trash.put_item(uow, labels, "label", item, loaded.roles)
    parameters = {"_project_id": label.project_id, "_label_id": label.id}
    former_rows = uow.connection.execute(_STORE_FORMER_IDS, {**parameters, "_trash_id": trash_id}).all()
    LABELS.delete(uow, label)
    changed_rows = uow.connection.execute(_REMOVE_FROM_CARDS, {**parameters, "_now": uow.now}).all()
    former_ids = dict[str, object]()
    if len(changed_rows) <= VALUES_MAX:
        former_ids = {row.key: orjson.loads(row.data) for row in former_rows}
    changed_values = [
        ChangedValue(row.id, former_ids.get(row.id), row.label_ids, row.version) for row in changed_rows
    ]
    emit_change(uow, loaded.roles.workspace_id, label, None, **describe_values(changed_values))
    return Deleted(broken_automations=[])


@serves(ADD_LABEL_TO_CARD)
def add_label_to_card(uow: UnitOfWork, ref: CardLabelRef) -> Ok:
    """Add a label of its project to a card; no effect if the card has it."""
    loaded = access.card_label(uow, ref)
    if uses_row_locks(uow):
        access.require_row(uow.connection.execute(_LOCK, {"_id": ref.label_id}).first(), "Label")
    loaded = access.lock_card(uow, loaded)
    label_ids = loaded.card.label_ids
    if ref.label_id not in label_ids:
        if len(label_ids) >= LABELS_MAX:
            raise Conflict(f"a card has at most {LABELS_MAX} labels", code="labels_full")
        change_card(uow, loaded, label_ids=[*label_ids, ref.label_id])
    return Ok()


@serves(REMOVE_LABEL_FROM_CARD)
def remove_label_from_card(uow: UnitOfWork, ref: CardLabelRef) -> Ok:
    """Remove a label from a card; no effect if the card does not have it."""
    loaded = access.lock_card(uow, access.card_label(uow, ref))
    change_card(uow, loaded, label_ids=[id for id in loaded.card.label_ids if id != ref.label_id])
    return Ok()
