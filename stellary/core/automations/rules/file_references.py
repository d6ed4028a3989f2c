"""References in the rules of a project file: ids of the file, and e-mail addresses of people. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from stellary.contract.proposed_actions import ReferenceKind
from stellary.core.automations.rules.conditions import map_comparisons

KINDS: Final[Mapping[str, ReferenceKind]] = {
    **dict.fromkeys(("columnId", "fromColumnId", "toColumnId", "targetColumn", "column"), "column"),
    "scopeId": "scope",
    **dict.fromkeys(("assigneeId", "createdById", "fromAssigneeId", "toAssigneeId", "to"), "person"),
    **dict.fromkeys(("labelIds", "labelId", "label"), "label"),
    **dict.fromkeys(("cardId", "targetCardId", "before", "after"), "card"),
}
"""The kind of item that a field of a condition, a filter of a schedule, or a param of an action refers to."""
_FIELD: Final = "customFields."
_OF_WORKSPACE: Final = {"missionId": "a mission", "priorityId": "a priority", "todoId": "a todo"}

Rename = Callable[[str, str], str]
"""A function that returns the replacement for a text, given the name of its field or param, and the text."""

Params = Iterable[Mapping[str, object]]
"""The filters of the cards of a rule's schedule, and the parameters of each of its actions."""
Renamed = tuple[dict[str, object], list[dict[str, object]]]
"""The conditions of a rule, and the filters and the parameters."""


def find_people(conditions: Mapping[str, object], params: Params) -> set[str]:
    """Return the ids, addresses and names by which a rule refers to people.

    Args:
        conditions: The conditions of the rule, as in a project file.
        params: The parameters of its actions, as in a project file.
    """
    references: set[str] = set()

    def note(name: str, text: str) -> str:
        if KINDS.get(name) == "person":
            references.add(text)
        return text

    _rename(conditions, params, note)
    return references


def rename_ids(
    conditions: Mapping[str, object], params: Params, new_ids: Mapping[str, Mapping[str, str]]
) -> Renamed:
    """Return a rule's conditions and params with new ids in place of the file's ids.

    Args:
        conditions: The rule's conditions.
        params: The params of its actions.
        new_ids: New ids by part of the file (``columns``, ``customFields`` …, and ``people``), then by id in the file.
            Other ids are kept, although they may have no meaning in another workspace.
    """

    def rename(name: str, text: str) -> str:
        kind = "customField" if name == _FIELD else KINDS.get(name)
        if kind is None:
            return text
        part = "people" if kind == "person" else f"{kind}s"
        return new_ids.get(part, {}).get(text, text)

    return _rename(conditions, params, rename)


def _rename(conditions: Mapping[str, object], params: Params, rename: Rename) -> Renamed:
    def rename_comparison(comparison: Mapping[str, object], _: str) -> dict[str, object]:
        field = str(comparison["field"])
        if field.startswith(_FIELD):
            return {**comparison, "field": _FIELD + rename(_FIELD, field.removeprefix(_FIELD))}
        if "value" in comparison:
            return {**comparison, "value": _rename_value(field, comparison["value"], rename)}
        return {**comparison}

    renamed = map_comparisons(conditions, rename_comparison)
    return renamed, [dict(_rename_params(part, rename)) for part in params]


def _rename_params(params: Mapping[str, object], rename: Rename) -> Iterator[tuple[str, object]]:
    for name, value in params.items():
        if name == "customFields" and isinstance(value, Mapping):
            yield name, {rename(_FIELD, id): content for id, content in value.items()}
        elif name == "cards" and isinstance(value, list):
            yield (
                name,
                [dict(_rename_params(card, rename)) if isinstance(card, Mapping) else card for card in value],
            )
        else:
            yield name, _rename_value(name, value, rename)


def _rename_value(name: str, value: object, rename: Rename) -> object:
    if isinstance(value, list):
        return [_rename_value(name, item, rename) for item in value]
    if not isinstance(value, str):
        return value
    if name == "customField":
        # A filter of a schedule, as ``<fieldId>:<value>``.
        id, colon, text = value.partition(":")
        return rename(_FIELD, id) + colon + text
    return rename(name, value)


def rename_options(
    part: Mapping[str, object], field_id: str, rename: Callable[[object], object]
) -> dict[str, object]:
    """Return conditions, the filters of a schedule, or params, with other names of a custom field's options.

    Args:
        part: The part of the rule.
        field_id: The custom field.
        rename: Returns the new value for a value of the field.
    """
    prefix = f"{field_id}:"

    def rename_in(value: object) -> object:
        if isinstance(value, list):
            return [rename_in(item) for item in value]
        return rename_options(value, field_id, rename) if isinstance(value, Mapping) else value

    def rename_value(name: str, value: object) -> object:
        if name == "value" and part.get("field") == _FIELD + field_id:
            return rename(value)
        if name == "customFields" and isinstance(value, Mapping) and field_id in value:
            return {**value, field_id: rename(value[field_id])}
        if name == "customField" and isinstance(value, list):
            return [
                prefix + str(rename(text.removeprefix(prefix))) if text.startswith(prefix) else text
                for text in value
            ]
        return rename_in(value)

    return {name: rename_value(name, value) for name, value in part.items()}


def find_foreign(params: Mapping[str, object]) -> str | None:
    """Return the kind of an item of the source workspace that a rule refers to; None if there is no such reference.

    Ids such as ``m-001`` are counted per workspace, so they may identify other items in the target workspace.
    """
    return next((kind for name, kind in _OF_WORKSPACE.items() if isinstance(params.get(name), str)), None)


def leave_out_project(params: Mapping[str, object], names: set[str]) -> dict[str, object]:
    """Return params without ``projectId`` if it names the file's own project, which is the default.

    Args:
        params: The params of an action.
        names: The id, key and name of the project, in lower case.
    """
    project = params.get("projectId")
    if isinstance(project, str) and project.casefold() in names:
        return {name: value for name, value in params.items() if name != "projectId"}
    return dict(params)
