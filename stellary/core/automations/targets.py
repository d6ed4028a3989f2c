"""Targets: what a rule names is looked up when it is saved, so that no rule waits for what cannot come.

Conditions compare ids; names in them are replaced by the ids of what they name. The params of an action may keep names,
which the action resolves each time; what they name has to be there when the rule is saved. What is deleted later is
noticed when the rule acts.
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
from stellary.core.accounts.agent_users import list_agent_users
from stellary.core.board import field_rows, ordering, resolve_names
from stellary.core.board.card_references import check_references
from stellary.core.board.rules import custom_fields
from stellary.core.board.rules.name_matching import Candidate, first_names, resolve_one
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
    """What can be named in a project, each kind read when it is first asked for.

    Args:
        uow: The unit, in which the caller has reached the project.
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
        """The names of columns, each of which may stand for several columns."""
        names = dict.fromkeys(thing.names[0] for thing in self.columns)
        return [Candidate(name, (name,)) for name in names]

    @cached_property
    def scopes(self) -> Sequence[Candidate]:
        return resolve_names.list_scopes(self.uow, self.workspace_id, self.ref.project_id)

    @cached_property
    def labels(self) -> Sequence[Candidate]:
        return resolve_names.list_labels(self.uow, self.workspace_id, self.ref.project_id)

    @cached_property
    def people(self) -> Sequence[Candidate]:
        """Those who reach the workspace, and its agents: cards are theirs as well."""
        agent_users = list_agent_users(self.uow, self.workspace_id)
        return [
            *resolve_names.list_people(self.uow, self.workspace_id),
            *(Candidate(id, (name,), first_names(name)) for id, name in agent_users),
        ]

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
    """Return conditions whose custom fields are named by their ids; whatever is malformed stays as it is."""
    if isinstance(conditions, list):
        parts = enumerate(conditions)
        return [name_fields(candidates, part, f"{path}[{index}]") for index, part in parts]
    if not isinstance(conditions, dict):
        return conditions
    named = {
        word: name_fields(candidates, conditions[word], f"{path}.{word}")
        for word in ("all", "any")
        if word in conditions
    }
    field = conditions.get("field")
    if isinstance(field, str) and field.startswith(_FIELD):
        said = field.removeprefix(_FIELD)
        if not re.fullmatch(ID_PATTERN, said):
            things = [Candidate(custom.id, (custom.name,)) for custom in candidates.fields.values()]
            named["field"] = _FIELD + resolve_one(said, things, f"{path}.field")
    return {**conditions, **named}


def resolve_conditions(
    candidates: Candidates, conditions: Mapping[str, Any], path: str = "conditions"
) -> dict[str, Any]:
    """Return well-formed conditions in which everything is named by its id.

    Args:
        candidates: What can be named.
        conditions: As ``conditions.checked`` accepts them.
        path: Where they stand in the request.

    Raises:
        Invalid: A value names nothing that is there, or several things, or is none of its field's type.
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
            raise invalid((path.replace(".value", ".op"), "must be contains or is_set for several options"))
        return custom_fields.parse_value(field, [value], path)[0]
    # A part of a text is none of its options.
    return value if op == "contains" else custom_fields.parse_value(field, value, path)


# ---------------------------------------------------------------------------------------------- params


def check_params(
    candidates: Candidates, given: Mapping[str, Any], params: Request, path: str = PARAMS
) -> None:
    """Check that what the params of an action name is there.

    Args:
        candidates: What can be named in the rule's project.
        given: The params as the rule has them; the card and the project of the event are not among them.
        params: The same, as the action takes them.
        path: Where they stand in the request.

    Raises:
        Invalid: Something is not there, or could be several things; with its place.
    """
    uow, workspace = candidates.uow, candidates.ref.parent(WorkspaceRef)
    project = candidates.ref
    if "projectId" in given:
        project = resolve_names.resolve_project(uow, workspace, given["projectId"], f"{path}projectId")
    if "cardId" in given:
        card = resolve_names.resolve_card(uow, workspace, given["cardId"], UNSET, f"{path}cardId")
        if "projectId" in given and card.ref.project_id != project.project_id:
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
    """Check that a column is there. Which of several of one name is meant depends on the card."""
    if not isinstance(name, str):
        return
    try:
        resolve_one(name, candidates.columns, path)
    except Invalid as error:
        if error.code != "ambiguous_name" or len({thing.names[0] for thing in candidates.columns}) == len(
            candidates.columns
        ):
            raise
        resolve_one(name, candidates.column_names, path)


def _check_people(candidates: Candidates, params: Request, path: str) -> None:
    if isinstance(params, CreateCard | UpdateCard):
        # These take an id, and no name.
        return
    if isinstance(assignee := getattr(params, "assignee_id", None), str):
        resolve_one(
            assignee, resolve_names.list_people(candidates.uow, candidates.workspace_id), f"{path}assigneeId"
        )
    if to := getattr(params, "to", UNSET):
        people = resolve_names.list_people(candidates.uow, candidates.workspace_id)
        for index, name in enumerate(to):
            if name not in ("assignee", "creator"):
                resolve_one(name, people, f"{path}to[{index}]")


def _check_cards(candidates: Candidates, params: Request, path: str) -> None:
    """Check what cards are to be, or to become, and beside which others they are to stand."""
    uow, project_id = candidates.uow, candidates.ref.project_id
    asked: list[tuple[str, CreateCard | UpdateCard]] = [
        (f"{path}cards[{index}].", card)
        for index, card in enumerate(getattr(params, "cards", None) or ())
        if isinstance(card, CardOfManyParams)
    ]
    for at, card in asked:
        _check_column(candidates, getattr(card, "column", UNSET), f"{at}column")
    if isinstance(params, CreateCard | UpdateCard):
        asked.append((path, params))
    fields = check_references(uow, candidates.workspace_id, project_id, asked)
    for at, card in asked:
        custom_fields.apply_values({}, card.custom_fields or {}, fields, f"{at}customFields.")
    if isinstance(column_id := getattr(params, "column_id", UNSET), str) and column_id not in {
        thing.id for thing in candidates.columns
    }:
        raise unknown(f"{path}columnId")
    anchors = {
        name: id for name in ("before", "after") if isinstance(id := getattr(params, name, UNSET), str)
    }
    there = ordering.find_card_ids(uow, project_id, set(anchors.values()))
    for name, id in anchors.items():
        if id not in there:
            raise unknown(path + name)


def _check_elsewhere(
    uow: UnitOfWork, workspace: WorkspaceRef, workspace_id: str, params: Request, path: str
) -> None:
    """Check what is named of the workspace: missions, priorities, todos, documents."""
    for name, ledger in _LEDGERS.items():
        ledger.refer(uow, workspace_id, getattr(params, name, UNSET), f"{path}{_camel(name)}")
    for name in ("document_id", "parent_id"):
        if isinstance(said := getattr(params, name, UNSET), str):
            document_names.resolve_document(uow, workspace, said, f"{path}{_camel(name)}")


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))
