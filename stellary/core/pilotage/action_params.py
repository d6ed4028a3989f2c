"""Resolution of the items that the params of an action name, when a rule or a proposed action is saved.

Names become ids, so that a renamed item stays the same one, and no other item ever takes the place of a deleted one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from stellary.contract.actions import CardOfManyParams
from stellary.contract.cards import CreateCard, UpdateCard
from stellary.contract.columns import Column
from stellary.contract.custom_fields import CustomField
from stellary.contract.errors import ApiError
from stellary.contract.naming import camel
from stellary.contract.proposed_actions import ProposeAction, ReferenceKind
from stellary.contract.refs import ProjectRef, WorkspaceRef
from stellary.contract.wire import UNSET, Request, invalid, load
from stellary.core.board import resolve_names
from stellary.core.board.changes.card_references import check_references
from stellary.core.board.columns import column_values
from stellary.core.board.order import ordering
from stellary.core.board.rows import field_rows
from stellary.core.board.rules import custom_fields
from stellary.core.board.rules.name_matching import (
    Candidate,
    build_ambiguity_error,
    find_matches,
    resolve_one,
)
from stellary.core.board.rules.references import unknown
from stellary.core.kernel import actions
from stellary.core.kernel.grouping import group
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.knowledge import resolve_names as document_names
from stellary.core.pilotage import rows
from stellary.core.pilotage.ledger import MISSIONS, PRIORITIES, TODOS, AnyLedger
from stellary.core.pilotage.references import UNRESOLVED, StoredReference

COLUMN_PARAMS: Final = ("targetColumn", "column")
_LEDGERS: Final[Mapping[ReferenceKind, AnyLedger]] = {
    "mission": MISSIONS,
    "priority": PRIORITIES,
    "todo": TODOS,
}
_LISTS: Final[Mapping[ReferenceKind, Callable[[UnitOfWork, str, str], list[Candidate]]]] = {
    "column": resolve_names.list_columns,
    "label": resolve_names.list_labels,
    "scope": resolve_names.list_scopes,
}


class Candidates:
    """The items of a project that an action can name, each kind loaded on first use.

    Args:
        uow: The unit of work, in which the caller's access to the workspace was checked.
        ref: The project.
        workspace_id: Its workspace.

    Attributes:
        references: The items that were named, which are added while names are resolved.
    """

    def __init__(self, uow: UnitOfWork, ref: ProjectRef, workspace_id: str) -> None:
        self.uow = uow
        self.ref = ref
        self.workspace_id = workspace_id
        self.references: set[StoredReference] = set()
        self._by_kind: dict[ReferenceKind, Sequence[Candidate]] = {}

    def of_project(self, ref: ProjectRef) -> Candidates:
        """Return the candidates of another project, whose use is noted together with that of these."""
        if ref == self.ref:
            return self
        other = Candidates(self.uow, ref, self.workspace_id)
        other.references = self.references
        other.add("project", ref.project_id)
        return other

    def add(self, kind: ReferenceKind, id: str, *, is_alternative: bool = False) -> str:
        """Note that an item is named, and return its id.

        Args:
            kind: The kind of the item.
            id: The id of the item.
            is_alternative: Whether it is one of several columns with the name.
        """
        self.references.add(StoredReference(kind, id, is_alternative))
        return id

    def resolve(self, kind: ReferenceKind, text: str, path: str) -> str:
        """Return the id of the item that a text names.

        Args:
            kind: ``column``, ``scope``, ``label``, ``custom_field`` or ``person``.
            text: Its id or name.
            path: The position of the text in the request, for errors.

        Raises:
            Invalid: No item has the name, or several have it.
        """
        return self.add(kind, resolve_one(text, self.list_candidates(kind), path))

    def resolve_columns(
        self, texts: Sequence[str], paths: Sequence[str], *, one_per_scope: bool = False
    ) -> list[str]:
        """Return the ids of the columns that texts name, each perhaps several.

        Args:
            texts: Ids or names.
            paths: The positions of the texts in the request, for errors.
            one_per_scope: Whether to refuse a name that several columns of a scope have.

        Raises:
            Invalid: No column has a name, or a scope has several.
        """
        ids: list[str] = []
        for text, path in zip(texts, paths, strict=True):
            matching = [find_matches(text, columns) for columns in self.columns_by_scope.values()]
            if one_per_scope and (shared := [columns for columns in matching if len(columns) > 1]):
                raise build_ambiguity_error(path, text, shared[0])
            ids += [column.id for columns in matching for column in columns] or [
                resolve_one(text, self.list_candidates("column"), path)
            ]
        return [self.add("column", id, is_alternative=len(ids) > 1) for id in ids]

    @cached_property
    def columns(self) -> Sequence[Column]:
        return column_values(self.uow, self.ref.project_id)

    @cached_property
    def columns_by_scope(self) -> Mapping[str, Sequence[Candidate]]:
        scope_ids = {column.id: column.scope_id for column in self.columns}
        return group((scope_ids[column.id], column) for column in self.list_candidates("column"))

    @cached_property
    def fields(self) -> Mapping[str, CustomField]:
        return {field.id: field for field in field_rows.project_fields(self.uow, self.ref.project_id)}

    def list_candidates(self, kind: ReferenceKind) -> Sequence[Candidate]:
        """Return the items of a kind, which are loaded once."""
        if kind not in self._by_kind:
            self._by_kind[kind] = self._load_candidates(kind)
        return self._by_kind[kind]

    def _load_candidates(self, kind: ReferenceKind) -> list[Candidate]:
        if kind == "custom_field":
            return [Candidate(field.id, (field.name,)) for field in self.fields.values()]
        if kind == "person":
            # Cards can be assigned to agents as well.
            return resolve_names.list_assignees(self.uow, self.workspace_id)
        return _LISTS[kind](self.uow, self.workspace_id, self.ref.project_id)


def resolve_params(
    candidates: Candidates, raw_params: Mapping[str, Any], params: Request, path: str
) -> dict[str, Any]:
    """Return the params of an action with ids in place of names.

    Args:
        candidates: The items that can be named in the rule's project.
        raw_params: The params, without the card and the project of an event.
        params: The same as a request of the action.
        path: Their position in the request, for errors.

    Raises:
        Invalid: An item does not exist, or several items have the name; the error has the position.
    """
    uow, workspace = candidates.uow, candidates.ref.parent(WorkspaceRef)
    resolved = dict(raw_params)
    if "projectId" in resolved:
        project = resolve_names.resolve_project(uow, workspace, resolved["projectId"], f"{path}projectId")
        is_other = candidates.ref.project_id not in ("", project.project_id)
        if is_other and "cardId" not in resolved and hasattr(params, "card_id"):
            raise invalid((f"{path}projectId", "must be the rule's project, which has the event's card"))
        candidates = candidates.of_project(project)
        resolved["projectId"] = project.project_id
    scope_id = None
    if "cardId" in resolved:
        project_id = resolved.get("projectId", UNSET)
        card = resolve_names.resolve_card(uow, workspace, resolved["cardId"], project_id, f"{path}cardId")
        candidates, scope_id = candidates.of_project(card.project), card.scope_id
        resolved["cardId"] = candidates.add("card", card.ref.card_id)
    has_card, place = hasattr(params, "card_id"), candidates
    if "targetProjectId" in resolved:
        project = resolve_names.resolve_other_project(uow, candidates.ref, resolved["targetProjectId"], path)
        place, scope_id = candidates.of_project(project), None
        resolved["targetProjectId"] = project.project_id
    for name in COLUMN_PARAMS:
        if name in resolved and has_card and scope_id is None and place is candidates:
            # The card of the event decides in which scope the column is.
            texts = resolved[name] if isinstance(resolved[name], list) else [resolved[name]]
            ids = candidates.resolve_columns(texts, [path + name] * len(texts), one_per_scope=True)
            resolved[name] = ids if len(ids) > 1 else ids[0]
        elif isinstance(resolved.get(name), str):
            resolved[name] = _resolve_column(place, resolved[name], path + name, scope_id)
    if has_card and isinstance(getattr(params, "label", None), str):
        resolved["label"] = candidates.resolve("label", resolved["label"], f"{path}label")
    if "to" in resolved and hasattr(params, "to"):
        resolved["to"] = [
            name
            if name in ("assignee", "creator")
            else candidates.resolve("person", name, f"{path}to[{index}]")
            for index, name in enumerate(resolved["to"])
        ]
    _resolve_cards(candidates, resolved, params, path)
    _resolve_elsewhere(candidates, resolved, params, path)
    return resolved


def resolve_payload(
    uow: UnitOfWork, ref: WorkspaceRef, workspace_id: str, action_type: str, payload: dict[str, Any]
) -> tuple[dict[str, Any] | None, set[StoredReference]]:
    """Return the payload of a proposed action with ids in place of names, and the items that it names.

    If a name cannot be resolved, there is no such payload; the reason takes the place of the items.

    Args:
        uow: The unit of work, in which the caller's access to the workspace was checked.
        ref: The workspace.
        workspace_id: Its id.
        action_type: The name of the action.
        payload: Its params, which need not be valid.
    """
    if rows.find_problem(uow, action_type, payload) is not None:
        return None, set()
    candidates = Candidates(uow, ref.child(ProjectRef, ""), workspace_id)
    try:
        params = load(actions.find(uow, action_type).takes, payload)
        return resolve_params(candidates, payload, params, "payload."), candidates.references
    except ApiError as error:
        return None, {StoredReference(UNRESOLVED, error.message)}


def _resolve_column(candidates: Candidates, text: str, path: str, scope_id: str | None = None) -> str:
    return candidates.add(
        "column", resolve_names.resolve_column(candidates.uow, candidates.ref, text, path, scope_id)
    )


def _resolve_cards(candidates: Candidates, resolved: dict[str, Any], params: Request, path: str) -> None:
    """Resolve the references of cards that are to be created or updated, and of their neighbours."""
    uow, project_id = candidates.uow, candidates.ref.project_id
    requests: list[tuple[str, CreateCard | UpdateCard]] = [
        (f"{path}cards[{index}].", card)
        for index, card in enumerate(getattr(params, "cards", None) or ())
        if isinstance(card, CardOfManyParams)
    ]
    if requests:
        resolved["cards"] = [
            {**card, "column": _resolve_column(candidates, card["column"], f"{path}cards[{index}].column")}
            if "column" in card
            else card
            for index, card in enumerate(resolved["cards"])
        ]
    if isinstance(params, CreateCard | UpdateCard):
        requests.append((path, params))
    elif isinstance(assignee := resolved.get("assigneeId"), str) and hasattr(params, "assignee_id"):
        resolved["assigneeId"] = candidates.resolve("person", assignee, f"{path}assigneeId")
    fields = check_references(uow, candidates.workspace_id, project_id, requests)
    for card_path, card in requests:
        custom_fields.apply_values({}, card.custom_fields or {}, fields, f"{card_path}customFields.")
        for label_id in card.label_ids or ():
            candidates.add("label", label_id)
        if isinstance(card.assignee_id, str):
            candidates.add("person", card.assignee_id)
    for field_id in fields:
        candidates.add("custom_field", field_id)
    _check_places(candidates, params, path)


def _check_places(candidates: Candidates, params: Request, path: str) -> None:
    """Check the column and the neighbours of a card, which are ids."""
    if isinstance(column_id := getattr(params, "column_id", UNSET), str):
        if column_id not in {column.id for column in candidates.columns}:
            raise unknown(f"{path}columnId")
        candidates.add("column", column_id)
    anchors = ((path + name, getattr(params, name, UNSET)) for name in ("before", "after"))
    for id in ordering.check_anchors(candidates.uow, candidates.ref.project_id, anchors):
        candidates.add("card", id)


def _resolve_elsewhere(candidates: Candidates, resolved: dict[str, Any], params: Request, path: str) -> None:
    """Resolve references to missions, priorities, todos, documents and other cards of the workspace."""
    uow, workspace = candidates.uow, candidates.ref.parent(WorkspaceRef)
    if isinstance(params, ProposeAction) and params.payload:
        # People see what a proposal lacks, so that it may name what there is not yet.
        payload, references = resolve_payload(
            uow, workspace, candidates.workspace_id, params.action_type, params.payload
        )
        if payload is not None:
            resolved["payload"] = payload
            candidates.references |= references
    for kind, ledger in _LEDGERS.items():
        reference = getattr(params, f"{kind}_id", UNSET)
        ledger.resolve_reference(uow, candidates.workspace_id, reference, f"{path}{kind}Id")
        if isinstance(reference, str):
            candidates.add(kind, reference)
    if isinstance(target := getattr(params, "target_card_id", UNSET), str):
        card = resolve_names.resolve_card(uow, workspace, target, UNSET, f"{path}targetCardId")
        candidates.of_project(card.project)
        resolved["targetCardId"] = candidates.add("card", card.ref.card_id)
    for name in ("document_id", "parent_id"):
        if isinstance(reference := getattr(params, name, UNSET), str):
            wire_name = camel(name)
            id = document_names.resolve_document(uow, workspace, reference, path + wire_name)
            resolved[wire_name] = candidates.add("document", id)
