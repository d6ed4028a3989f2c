"""Validation of the items that a rule names, when it is saved.

Conditions compare ids, so names in them are replaced by ids. The params of an action may keep names, which the action
resolves each time; they have to exist when the rule is saved. If they are deleted later, the rule fails when it acts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, get_args

from stellary.contract.actions import CardOfManyParams
from stellary.contract.cards import CardStatus, CreateCard, Priority, UpdateCard
from stellary.contract.custom_fields import CustomField
from stellary.contract.errors import Invalid
from stellary.contract.limits import ID_PATTERN
from stellary.contract.refs import ProjectRef, WorkspaceRef
from stellary.contract.unset import UNSET
from stellary.contract.wire import Request, invalid
from stellary.core.board import resolve_names
from stellary.core.board.changes.card_references import check_references
from stellary.core.board.order import ordering
from stellary.core.board.rows import field_rows
from stellary.core.board.rules import custom_fields
from stellary.core.board.rules.name_matching import Candidate, resolve_one
from stellary.core.board.rules.references import unknown
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.knowledge import resolve_names as document_names
from stellary.core.pilotage.ledger import MISSIONS, PRIORITIES, TODOS, AnyLedger

PARAMS: Final = "action.params."
_FIELD = "customFields."
_COMPARED: Final = ("eq", "ne", "in", "not_in")
_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "status": get_args(CardStatus),
    "fromStatus": get_args(CardStatus),
    "toStatus": get_args(CardStatus),
    "priority": get_args(Priority),
}
_LEDGERS: Final[Mapping[str, AnyLedger]] = {
    "mission_id": MISSIONS,
    "priority_id": PRIORITIES,
    "todo_id": TODOS,
}


class Candidates:
    """The items that a rule of a project can refer to, each kind loaded on first use.

    Args:
        uow: The unit of work, in which the caller's access to the project was checked.
        ref: The project.
        workspace_id: Its workspace.
    """

    def __init__(self, uow: UnitOfWork, ref: ProjectRef, workspace_id: str) -> None:
        self.uow = uow
        self.ref = ref
        self.workspace_id = workspace_id

    @cached_property
    def columns(self) -> Sequence[Candidate]:
        return resolve_names.list_columns(self.uow, self.workspace_id, self.ref.project_id)

    @cached_property
    def column_names(self) -> Sequence[Candidate]:
        """The names of columns; several columns may share one."""
        names = dict.fromkeys(column.names[0] for column in self.columns)
        return [Candidate(name, (name,)) for name in names]

    @cached_property
    def scopes(self) -> Sequence[Candidate]:
        return resolve_names.list_scopes(self.uow, self.workspace_id, self.ref.project_id)

    @cached_property
    def labels(self) -> Sequence[Candidate]:
        return resolve_names.list_labels(self.uow, self.workspace_id, self.ref.project_id)

    @cached_property
    def people(self) -> Sequence[Candidate]:
        """The people with access to the workspace, and its agents, which cards can be assigned to as well."""
        return resolve_names.list_assignees(self.uow, self.workspace_id)

    @cached_property
    def fields(self) -> Mapping[str, CustomField]:
        return {field.id: field for field in field_rows.project_fields(self.uow, self.ref.project_id)}


_KINDS: Final[Mapping[str, Callable[[Candidates], Sequence[Candidate]]]] = {
    "columnId": lambda candidates: candidates.columns,
    "fromColumnId": lambda candidates: candidates.columns,
    "toColumnId": lambda candidates: candidates.columns,
    "fromColumn": lambda candidates: candidates.column_names,
    "toColumn": lambda candidates: candidates.column_names,
    "scopeId": lambda candidates: candidates.scopes,
    "assigneeId": lambda candidates: candidates.people,
    "fromAssigneeId": lambda candidates: candidates.people,
    "toAssigneeId": lambda candidates: candidates.people,
    "createdById": lambda candidates: candidates.people,
    "labelIds": lambda candidates: candidates.labels,
}


# ---------------------------------------------------------------------------------------------- conditions


def name_fields(candidates: Candidates, conditions: Any, path: str = "conditions") -> Any:
    """Return conditions with ids of custom fields in place of their names; malformed parts stay.

    Args:
        candidates: The custom fields of the project.
        conditions: The conditions as the caller has sent them, which need not be well-formed.
        path: The path of the conditions, for messages.
    """
    if isinstance(conditions, list):
        parts = enumerate(conditions)
        return [name_fields(candidates, part, f"{path}[{index}]") for index, part in parts]
    if not isinstance(conditions, dict):
        return conditions
    replaced = {
        word: name_fields(candidates, conditions[word], f"{path}.{word}")
        for word in ("all", "any")
        if word in conditions
    }
    field = conditions.get("field")
    if isinstance(field, str) and field.startswith(_FIELD):
        name_or_id = field.removeprefix(_FIELD)
        if not re.fullmatch(ID_PATTERN, name_or_id):
            fields = [Candidate(custom.id, (custom.name,)) for custom in candidates.fields.values()]
            replaced["field"] = _FIELD + resolve_one(name_or_id, fields, f"{path}.field")
    return {**conditions, **replaced}


def resolve_conditions(
    candidates: Candidates, conditions: Mapping[str, Any], path: str = "conditions"
) -> dict[str, Any]:
    """Return well-formed conditions with ids in place of names.

    Args:
        candidates: The items that can be named.
        conditions: Conditions that ``check_conditions`` has accepted.
        path: Their position in the request, for errors.

    Raises:
        Invalid: A value matches no item or several, or does not fit its field.
    """
    for word in ("all", "any"):
        if word in conditions:
            parts = enumerate(conditions[word])
            return {
                word: [
                    resolve_conditions(candidates, part, f"{path}.{word}[{index}]") for index, part in parts
                ]
            }
    if "value" not in conditions or conditions["op"] == "is_set":
        return dict(conditions)
    field, op, value = conditions["field"], conditions["op"], conditions["value"]
    path = f"{path}.value"
    if isinstance(value, list):
        resolved: Any = [
            _resolve(candidates, field, op, item, f"{path}[{index}]") for index, item in enumerate(value)
        ]
    else:
        resolved = _resolve(candidates, field, op, value, path)
    return {**conditions, "value": resolved}


def _resolve(candidates: Candidates, field: str, op: str, value: Any, path: str) -> Any:
    if value is None:
        return None
    if field.startswith(_FIELD):
        return _resolve_custom(candidates, field.removeprefix(_FIELD), op, value, path)
    if op not in _COMPARED and field != "labelIds":
        return value
    if field in _WORDS:
        word = "_".join(value.casefold().split())
        if word not in _WORDS[field]:
            raise invalid((path, f"must be one of {', '.join(_WORDS[field])}"))
        return word
    return resolve_one(value, _KINDS[field](candidates), path) if field in _KINDS else value


def _resolve_custom(candidates: Candidates, id: str, op: str, value: Any, path: str) -> Any:
    field = candidates.fields.get(id)
    if field is None:
        raise unknown(path.replace(".value", ".field"))
    if field.type == "multi-select":
        if op != "contains":
            raise invalid(
                (path.replace(".value", ".op"), "must be contains or is_set for a field with several options")
            )
        return custom_fields.parse_value(field, [value], path)[0]
    # A substring need not be an option.
    return value if op == "contains" else custom_fields.parse_value(field, value, path)


# ---------------------------------------------------------------------------------------------- params


def check_params(
    candidates: Candidates, raw_params: Mapping[str, Any], params: Request, path: str = PARAMS
) -> None:
    """Check that the items exist to which the params of an action refer.

    Args:
        candidates: The items that can be named in the rule's project.
        raw_params: The rule's params, without the card and the project of the event.
        params: The same as a request of the action.
        path: Their position in the request, for errors.

    Raises:
        Invalid: An item does not exist, or several items have the name; the error has the position.
    """
    uow, workspace = candidates.uow, candidates.ref.parent(WorkspaceRef)
    project = candidates.ref
    if "projectId" in raw_params:
        project = resolve_names.resolve_project(uow, workspace, raw_params["projectId"], f"{path}projectId")
    if "cardId" in raw_params:
        card = resolve_names.resolve_card(uow, workspace, raw_params["cardId"], UNSET, f"{path}cardId")
        if "projectId" in raw_params and card.ref.project_id != project.project_id:
            raise unknown(f"{path}cardId")
        project = card.project
    if project != candidates.ref:
        candidates = Candidates(uow, project, candidates.workspace_id)
    for name, wire_name in (("target_column", "targetColumn"), ("column", "column")):
        _check_column(candidates, getattr(params, name, UNSET), f"{path}{wire_name}")
    if isinstance(label := getattr(params, "label", UNSET), str) and hasattr(params, "card_id"):
        resolve_one(label, candidates.labels, f"{path}label")
    _check_people(candidates, params, path)
    _check_cards(candidates, params, path)
    _check_elsewhere(uow, workspace, candidates.workspace_id, params, path)


def _check_column(candidates: Candidates, name: Any, path: str) -> None:
    """Check that a column exists. If several share the name, the card decides when the rule acts."""
    if not isinstance(name, str):
        return
    try:
        resolve_one(name, candidates.columns, path)
    except Invalid as error:
        if error.code != "ambiguous_name" or len({column.names[0] for column in candidates.columns}) == len(
            candidates.columns
        ):
            raise
        resolve_one(name, candidates.column_names, path)


def _check_people(candidates: Candidates, params: Request, path: str) -> None:
    if isinstance(params, CreateCard | UpdateCard):
        # These take ids only.
        return
    if isinstance(assignee := getattr(params, "assignee_id", None), str):
        resolve_one(assignee, candidates.people, f"{path}assigneeId")
    if to := getattr(params, "to", UNSET):
        people = resolve_names.list_people(candidates.uow, candidates.workspace_id)
        for index, name in enumerate(to):
            if name not in ("assignee", "creator"):
                resolve_one(name, people, f"{path}to[{index}]")


def _check_cards(candidates: Candidates, params: Request, path: str) -> None:
    """Check the references of cards that are to be created or updated, and of their neighbours."""
    uow, project_id = candidates.uow, candidates.ref.project_id
    requests: list[tuple[str, CreateCard | UpdateCard]] = [
        (f"{path}cards[{index}].", card)
        for index, card in enumerate(getattr(params, "cards", None) or ())
        if isinstance(card, CardOfManyParams)
    ]
    for card_path, card in requests:
        _check_column(candidates, getattr(card, "column", UNSET), f"{card_path}column")
    if isinstance(params, CreateCard | UpdateCard):
        requests.append((path, params))
    fields = check_references(uow, candidates.workspace_id, project_id, requests)
    for card_path, card in requests:
        custom_fields.apply_values({}, card.custom_fields or {}, fields, f"{card_path}customFields.")
    if isinstance(column_id := getattr(params, "column_id", UNSET), str) and column_id not in {
        column.id for column in candidates.columns
    }:
        raise unknown(f"{path}columnId")
    anchors = {
        name: id for name in ("before", "after") if isinstance(id := getattr(params, name, UNSET), str)
    }
    existing_ids = ordering.find_card_ids(uow, project_id, set(anchors.values()))
    for name, id in anchors.items():
        if id not in existing_ids:
            raise unknown(path + name)


def _check_elsewhere(
    uow: UnitOfWork, workspace: WorkspaceRef, workspace_id: str, params: Request, path: str
) -> None:
    """Check references to missions, priorities, todos and documents of the workspace."""
    for name, ledger in _LEDGERS.items():
        ledger.resolve_reference(
            uow, workspace_id, getattr(params, name, UNSET), f"{path}{_to_camel_case(name)}"
        )
    if isinstance(target := getattr(params, "target_card_id", UNSET), str):
        resolve_names.resolve_card(uow, workspace, target, UNSET, f"{path}targetCardId")
    for name in ("document_id", "parent_id"):
        if isinstance(reference := getattr(params, name, UNSET), str):
            document_names.resolve_document(uow, workspace, reference, f"{path}{_to_camel_case(name)}")


def _to_camel_case(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(map(str.capitalize, tail))
