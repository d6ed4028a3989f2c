"""Lean lists: the fields that a language model needs, with names in place of ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

import attrs

from stellary.contract.cards import Card
from stellary.contract.comments import Comment
from stellary.contract.documents import DocumentSummary
from stellary.contract.projects import Project
from stellary.contract.proposals import Proposal
from stellary.contract.refs import WorkspaceRef
from stellary.contract.relations import Relation
from stellary.contract.search import Hit
from stellary.contract.wire import Listing, as_dict, invalid, wire_fields
from stellary.core.api.action_calls import present_whole
from stellary.core.board import resolve_names
from stellary.core.kernel.actions import AnyAction
from stellary.core.kernel.unit import UnitOfWork

ROWS = 25
"""The number of rows of a list without a ``limit``."""
Row = dict[str, Any]
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
    try:
        returned = get_type_hints(action.do).get("return")
    except (AttributeError, NameError, TypeError):
        # A function of the host may have no annotations that can be read, as a ``partial``, or name what only type checkers import.
        return None, False
    many = get_origin(returned) in (Listing, list)
    item_class = get_args(returned)[0] if many else returned
    return (item_class if isinstance(item_class, type) and attrs.has(item_class) else None), many


def shorten(
    item_class: type | None, fields: Sequence[str] | None, uow: UnitOfWork, ref: WorkspaceRef, result: object
) -> object:
    """Return the lean rows of a list; a card with names beside its ids; any other result as it is.

    Args:
        item_class: The class of the items; None if it is not known.
        fields: The fields of each row, as the client asks for them. Default: those of ``FIELDS``.
        uow: The unit of the action, under its policy.
        ref: The workspace.
        result: The result of the action.

    Raises:
        Invalid: The items have no such field.
    """
    if isinstance(result, Card):
        return _build_rows(uow, ref, [result])[0]
    whole = present_whole(uow, ref, result)
    if item_class is None or not isinstance(result, (Listing, list)) or not isinstance(whole, dict):
        return whole
    usual = FIELDS.get(item_class, ())
    names = list(dict.fromkeys((*usual, *wire_fields(item_class))))
    # A list without pages has the items of the request, which need no repetition.
    chosen = fields or usual[: 2 if isinstance(result, list) else None] or names
    for index, name in enumerate(chosen):
        if name not in names:
            raise invalid((f"fields[{index}]", f"must be one of {', '.join(names)}"))
    rows = _build_rows(uow, ref, whole["items"])
    lean = [{name: row[name] for name in chosen if row[name] not in (None, False, "", [])} for row in rows]
    return {**whole, "items": lean}


def _build_rows(uow: UnitOfWork, ref: WorkspaceRef, items: Sequence[Any]) -> list[Row]:
    """Return items as rows, cards and relations with names beside their ids."""
    rows = [as_dict(item) for item in items]
    if rows and isinstance(items[0], Card):
        names = _load_names(uow, ref, items)
        for row in rows:
            row["column"] = names.get(row["columnId"], row["columnId"])
            row["assignee"] = names.get(row["assigneeId"], row["assigneeId"])
            row["labels"] = [names.get(id, id) for id in row["labelIds"]]
            due = row["dueDate"]
            row["due"] = due and due.isoformat().replace("+00:00", "Z").removesuffix("T00:00:00Z")
    if rows and isinstance(items[0], Relation):
        for row in rows:
            row["card"] = f"{row['card'].key} {row['card'].title}"
    return rows


def _load_names(uow: UnitOfWork, ref: WorkspaceRef, cards: Sequence[Card]) -> dict[str | None, str]:
    """Return the names of the columns, labels and assignees of cards, by id."""
    workspace_id = resolve_names.resolve_workspace(uow, ref)
    candidates = (
        resolve_names.list_assignees(uow, workspace_id) if any(card.assignee_id for card in cards) else []
    )
    for project_id in {card.project_id for card in cards}:
        candidates += resolve_names.list_columns(uow, workspace_id, project_id)
        candidates += resolve_names.list_labels(uow, workspace_id, project_id)
    return {candidate.id: candidate.names[0] for candidate in candidates}
