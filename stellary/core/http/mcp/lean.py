"""Lean lists: the fields that a language model needs, with names in place of ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from itertools import chain
from typing import Any, get_args, get_origin, get_type_hints

from stellary.contract.cards import Card
from stellary.contract.comments import Comment
from stellary.contract.documents import DocumentSummary
from stellary.contract.paging import Listing
from stellary.contract.projects import Project
from stellary.contract.proposals import Proposal
from stellary.contract.refs import WorkspaceRef
from stellary.contract.relations import Relation
from stellary.contract.search import Hit
from stellary.contract.wire import as_dict, invalid, wire_fields
from stellary.core.board import resolve_names
from stellary.core.kernel.actions import AnyAction
from stellary.core.kernel.unit import UnitOfWork

ROWS = 25
"""The number of rows of a list without a ``limit``."""
_DERIVED = {"column": "columnId", "assignee": "assigneeId", "labels": "labelIds", "due": "dueDate"}
"""The fields of cards that lists add, by the field that each stands for."""
FIELDS: Mapping[type, tuple[str, ...]] = {
    Card: ("key", "title", "column", "status", "assignee", "due", "priority", "labels", "archived"),
    Project: ("key", "name", "archived"),
    Comment: ("authorName", "content", "createdAt"),
    DocumentSummary: ("id", "title", "docType", "status", "updatedAt"),
    Hit: ("kind", "cardKey", "title", "snippet", "archived"),
    Relation: ("type", "card"),
    Proposal: ("id", "action", "summary", "createdAt"),
}
"""The fields of a list by the class of its items, unless the client asks for others. Null and empty ones are left out."""


@cache
def find_item_class(action: AnyAction) -> tuple[type | None, bool]:
    """Return the class of an action's results, and whether it returns a list; None if its function does not tell, or it may be null."""
    returned = get_type_hints(action.do).get("return")
    if get_origin(returned) in (Listing, list):
        return get_args(returned)[0], True
    # A result that may be null has no schema.
    return (returned if isinstance(returned, type) else None), False


def shorten(
    item_class: type,
    fields: Sequence[str] | None,
    uow: UnitOfWork,
    ref: WorkspaceRef,
    result: object,
) -> object:
    """Return the lean rows of a list; a card with names beside its ids; any other result as it is.

    Args:
        item_class: The class of the items.
        fields: The fields of each row, as the client asks for them. Default: those of ``FIELDS``.
        uow: The unit of the action, under its policy.
        ref: The workspace.
        result: The result of the action.

    Raises:
        Invalid: The items have no such field.
    """
    if isinstance(result, Card):
        row = as_dict(result)
        _add_names(uow, ref, [result], [row])
        return row
    if not isinstance(result, (Listing, list)):
        return result
    items = result if isinstance(result, list) else result.items
    lean = {"items": _build_rows(uow, ref, item_class, items, fields)}
    return lean if isinstance(result, list) else {**lean, "next": result.next}


def _build_rows(
    uow: UnitOfWork,
    ref: WorkspaceRef,
    item_class: type,
    items: Sequence[Any],
    fields: Sequence[str] | None,
) -> list[dict[str, Any]]:
    rows = [as_dict(item) for item in items]
    field_names = list(dict.fromkeys((*FIELDS.get(item_class, ()), *wire_fields(item_class))))
    for index, name in enumerate(fields or ()):
        if name not in field_names:
            raise invalid((f"fields[{index}]", f"must be one of {', '.join(field_names)}"))
    chosen = fields or FIELDS.get(item_class, field_names)
    if item_class is Card and not set(_DERIVED).isdisjoint(chosen):
        _add_names(uow, ref, items, rows)
    if item_class is Relation:
        for row in rows:
            row["card"] = f"{row['card'].key} {row['card'].title}"
    return [{name: row[name] for name in chosen if row[name] not in (None, False, "", [])} for row in rows]


def _add_names(
    uow: UnitOfWork, ref: WorkspaceRef, cards: Sequence[Card], rows: Sequence[dict[str, Any]]
) -> None:
    workspace_id = resolve_names.resolve_workspace(uow, ref)
    project_ids = {card.project_id for card in cards}
    candidates = chain(
        resolve_names.list_assignees(uow, workspace_id) if any(card.assignee_id for card in cards) else (),
        *(resolve_names.list_columns(uow, workspace_id, project_id) for project_id in project_ids),
        *(resolve_names.list_labels(uow, workspace_id, project_id) for project_id in project_ids),
    )
    names = {candidate.id: candidate.names[0] for candidate in candidates}
    for row in rows:
        row["column"] = names.get(row["columnId"], row["columnId"])
        row["assignee"] = names.get(row["assigneeId"], row["assigneeId"])
        row["labels"] = [names.get(id, id) for id in row["labelIds"]]
        row["due"] = _shorten_time(row["dueDate"])


def _shorten_time(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    text = moment.isoformat().replace("+00:00", "Z")
    return text.removesuffix("T00:00:00Z")
