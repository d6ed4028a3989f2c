"""Changes of a project's contents: cards, relations between cards, and automations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from stellary.client.project_setup.changes import (
    ActionWord,
    Change,
    Difference,
    create_or_update,
    differences,
    get_values,
    is_default,
    plain_names,
)
from stellary.client.project_setup.checking import RELATIONS, fold_case, related_cards, to_stored
from stellary.client.project_setup.declaration import Automation, Card, Step, format_date
from stellary.client.project_setup.matching import Frame, Matched
from stellary.client.project_setup.problems import ProblemCollector
from stellary.client.project_setup.references import references, replace_ids, resolve
from stellary.client.project_setup.state import Edge, to_edge
from stellary.client.project_setup.structure import check_dates, column_path
from stellary.contract import automations as wire_automations
from stellary.contract import cards as wire
from stellary.contract.custom_fields import CustomField
from stellary.contract.errors import Invalid
from stellary.contract.recurrences import CardRecurrence, Recurrence
from stellary.contract.wire import UNSET, Unset, load

_ADDED_DAY = re.compile(r"(;BYDAY=[A-Z]{2}|(;BYMONTH=\d+)?;BYMONTHDAY=\d+)?")
CARD_FIELDS = plain_names(Card, wire.Card, {"key", "title", "checklist", "archived", "recurrence"})
"""The fields of a declared card that the API has in the same form."""

ACYCLIC = ("blocks", "parent_of")
_NAMES_MAX = 6
"""The maximum number of cards of a cycle that a message names."""


def note_cycles(
    declared: Sequence[tuple[Edge, str]],
    remaining: Iterable[Edge],
    titles: Mapping[str, str],
    problems: ProblemCollector,
) -> None:
    """Note each cycle, at a declared relation that is part of it.

    Args:
        declared: The declared relations.
        remaining: The existing relations that are not deleted.
        titles: Card titles by id.
        problems: Collects the problems.
    """
    for type in ACYCLIC:
        relations = [(edge, path) for edge, path in declared if edge.type == type]
        edges = [edge for edge, _ in relations] + [edge for edge in remaining if edge.type == type]
        targets: dict[str, list[str]] = {}
        for edge in edges:
            targets.setdefault(edge.source, []).append(edge.target)
        noted: set[str] = set()
        for edge, path in relations:
            cycle = _find_path(targets, edge.target, edge.source)
            if cycle and noted.isdisjoint(cycle):
                noted.update(cycle)
                problems.note(path, _message(type, [titles.get(id, id.lstrip("+")) for id in cycle]))


def _find_path(targets: Mapping[str, list[str]], start: str, end: str) -> list[str]:
    """Return the cards on a shortest path between two cards, both included; an empty list if there is none."""
    before: dict[str, str] = {start: ""}
    queue = [start]
    for card in queue:
        if card == end:
            path = [card]
            while before[path[-1]]:
                path.append(before[path[-1]])
            return path[::-1]
        for target in targets.get(card, ()):
            if target not in before:
                before[target] = card
                queue.append(target)
    return []


def _message(type: str, titles: list[str]) -> str:
    if len(titles) == 1:
        return "must be another card"
    verb = "blocks" if type == "blocks" else "is the parent of"
    shown_titles = titles if len(titles) <= _NAMES_MAX else [*titles[: _NAMES_MAX - 1], "…"]
    names = f" {verb} ".join(f'"{title}"' if title != "…" else title for title in [*shown_titles, titles[0]])
    return f"creates a cycle: {names}"


class Series(dict[str, str]):
    """A declared or existing recurrence, compared without the day that the server adds to a rule that has none."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Series) or {**self, "rule": ""} != {**other, "rule": ""}:
            return False
        short, long = sorted((self["rule"].upper(), other["rule"].upper()), key=len)
        if "DAY=" in short or not long.startswith(short):
            return bool(short == long)
        return _ADDED_DAY.fullmatch(long.removeprefix(short)) is not None

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None


def to_series(recurrence: Recurrence | CardRecurrence | None) -> Series | None:
    """Return a recurrence in the form in which it is compared and declared."""
    if recurrence is None:
        return None
    series = Series(rule=recurrence.rule, timeZone=recurrence.time_zone, create=recurrence.create)
    if recurrence.until:
        series["until"] = format_date(recurrence.until)
    return series


class NamesById:
    """Names of the labels, people and columns that cards refer to by id, in their state after the plan."""

    def __init__(self, matched: Matched) -> None:
        self.labels = {id: label.name for id, label in matched.labels.list_items()}
        self.fields = {id: field.name for id, field in matched.fields.list_items()}
        self.people = {person.id: person.email or person.name for person in matched.state.people}
        self.columns: dict[str, str] = {}
        for frame in matched.frames:
            for id, column in frame.columns.list_items():
                self.columns[id] = column.name if frame.is_default else column_path(frame.name, column.name)


def card_changes(matched: Matched, prune: bool) -> Iterator[Change]:
    """Yield the creations, updates and moves of cards.

    Args:
        matched: The declared items with the existing ones.
        prune: True if undeclared items are deleted.
    """
    names = NamesById(matched)
    for card, existing, path in matched.cards.pairs:
        values = _declared_values(matched, card, existing, path, prune)
        column, moves = _find_target_column(matched, card, existing, path)
        check_dates(matched, path, values, existing)
        if existing is None:
            changed = tuple(field for field in differences(column | values, None) if not is_default(field))
        else:
            current = _current_values(existing, names)
            # Listed even if the other column has the same name.
            column_change = (Difference("column", current["column"], column["column"]),) if moves else ()
            changed = column_change + differences({"title": card.title, **values}, current)
        action: ActionWord = "move" if moves and len(changed) == 1 else "update"
        yield from create_or_update("card", card.title, existing, changed, card, action)


def _find_target_column(
    matched: Matched, card: Card, existing: wire.Card | None, path: str
) -> tuple[dict[str, str], bool]:
    """Return the declared column of a card in the form in which it is shown, and whether the card has to move there."""
    if existing is not None and card.column is UNSET:
        return {}, False
    frame = matched.find_frame(card.scope, f"{path}.scope")
    if frame is None:
        return {}, False
    name = card.column or first_column(frame)
    if not name:
        matched.problems.note(path, "the scope has no column for it")
        return {}, False
    column = matched.find_column(frame, name, f"{path}.column")
    if column is None:
        return {}, False
    column_id, column_name = column
    column_name = column_name if frame.is_default else column_path(frame.name, column_name)
    return {"column": column_name}, existing is not None and existing.column_id != column_id


def first_column(frame: Frame) -> str | None:
    """Return the name of the first declared column of a scope; if none is declared, the id of the first existing one."""
    if frame.columns.pairs:
        return frame.columns.pairs[0][0].name
    return frame.columns.unmatched[0].id if frame.columns.unmatched else None


def _declared_values(
    matched: Matched, card: Card, existing: wire.Card | None, path: str, prune: bool
) -> dict[str, Any]:
    """Return the declared values of a card, except its title, in the form in which they are compared and shown."""
    assignee: Any = card.assignee
    if card.assignee:
        person = matched.find_person(card.assignee, f"{path}.assignee")
        assignee = (person.email or person.name) if person else UNSET
    labels: Any = card.labels
    if card.labels is not UNSET:
        for index, name in enumerate(card.labels):
            matched.find_id("label", name, f"{path}.labels[{index}]")
        labels = _LabelNames(card.labels)
    return {
        **get_values(card, CARD_FIELDS),
        "assignee": assignee,
        "labels": labels,
        **_declared_field_values(matched, card, existing, path),
        "checklist": _merge_checklist(card.checklist, existing, prune),
        "archived": card.archived,
        "recurrence": _declared_series(matched, card, existing, path),
    }


def _declared_series(
    matched: Matched, card: Card, existing: wire.Card | None, path: str
) -> Series | Unset | None:
    """Return the declared recurrence; UNSET if another card with the title continues that series."""
    if not card.recurrence:
        return UNSET if card.recurrence is UNSET else None
    try:
        series = to_series(load(Recurrence, dict(card.recurrence)))
    except Invalid as error:
        matched.problems.note(f"{path}.recurrence", error.message)
        return UNSET
    if left_out := card.recurrence.keys() - {"rule", "timeZone", "create", "until"}:
        matched.problems.note(f"{path}.recurrence", f"cannot have {', '.join(sorted(left_out))} in a set-up")
    if existing is None or existing.recurrence:
        return series
    last = next(
        (other for other in matched.state.cards if other.title == card.title and other.recurrence), None
    )
    if last is None:
        return series
    if to_series(last.recurrence) != series:
        matched.problems.note(f"{path}.key", f"the series goes on with {last.key}; declare that card")
    return UNSET


class _LabelNames(list[str]):
    """Names of labels, compared regardless of order and case."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, list) and set(map(fold_case, self)) == set(map(fold_case, other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None


def _current_values(card: wire.Card, names: NamesById) -> dict[str, Any]:
    """Return the values of an existing card, in the same form as the declared ones."""
    assignee = card.assignee_id
    return {
        "title": card.title,
        "column": names.columns.get(card.column_id),
        **get_values(card, CARD_FIELDS),
        "assignee": names.people.get(assignee, assignee) if assignee else None,
        "labels": _LabelNames(names.labels.get(id, id) for id in card.label_ids),
        **{
            f"fields.{names.fields[id]}": value
            for id, value in card.custom_fields.items()
            if id in names.fields
        },
        "checklist": [Step(item.title, item.done) for item in card.checklist],
        "archived": card.archived,
        "recurrence": to_series(card.recurrence),
    }


def _declared_field_values(
    matched: Matched, card: Card, existing: wire.Card | None, path: str
) -> dict[str, Any]:
    """Return the declared values of custom fields as the API stores them."""
    stored = {}
    if existing is None:
        present = {fold_case(name) for name, value in (card.fields or {}).items() if value is not None}
        declared = [_field_after(matched, field.name) for field, _, _ in matched.fields.pairs]
        for field in (*declared, *matched.fields.unmatched):
            if field.required and fold_case(field.name) not in present:
                matched.problems.note(f"{path}.fields.{field.name}", "is required for every new card")
    for name, value in (card.fields or {}).items():
        field_path = f"{path}.fields.{name}"
        field_id = matched.find_id("field", name, field_path)
        if field_id is None:
            continue
        field = _field_after(matched, name)
        if value is None and field.required and existing and existing.custom_fields.get(field_id):
            matched.problems.note(field_path, "must not be cleared, since the field is required")
            continue
        try:
            stored[f"fields.{field.name}"] = to_stored(field.type, field.options or (), value)
        except ValueError as error:
            matched.problems.note(field_path, str(error))
    return stored


def _field_after(matched: Matched, name: str) -> Any:
    """Return a custom field in its state after the plan."""
    for declared, existing, _ in matched.fields.pairs:
        if fold_case(declared.name) == fold_case(name):
            options = [
                *(declared.options or ()),
                *(existing.options if existing and existing.type == declared.type else ()),
            ]
            required = existing.required if existing and declared.required is UNSET else declared.required
            return attrs.evolve(declared, options=options, required=required)
    unmatched: list[CustomField] = matched.fields.unmatched
    return next(field for field in unmatched if fold_case(field.name) == fold_case(name))


def _merge_checklist(
    steps: list[Step] | Unset, existing: wire.Card | None, prune: bool
) -> list[Step] | Unset:
    """Return the whole checklist that a card has after the plan; undeclared details of a step stay unchanged."""
    if steps is UNSET:
        return UNSET
    unmatched = list(existing.checklist) if existing else []
    merged = [
        Step(step.title, step.done if step.done is not UNSET else bool(same and same.done))
        for step, same in match_steps(steps, unmatched)
    ]
    return merged if prune else merged + [Step(item.title, item.done) for item in unmatched]


# ---------------------------------------------------------------------------------------------- relations


@attrs.frozen
class RelationByName:
    """A relation by the titles or keys of its cards, whose ids are looked up once all cards exist."""

    type: str
    source: str
    target: str


def relation_changes(matched: Matched, prune: bool) -> Iterator[Change]:
    """Yield the deletions of relations, then the creations.

    Args:
        matched: The declared items with the existing ones.
        prune: True if undeclared relations are deleted.
    """
    managed = set(_managed_relations(matched))
    declared = list(_declared_relations(matched))
    by_edge = {edge: relation for edge, relation, _ in declared}
    titles = _titles(matched)
    to_delete = {
        edge for edge in matched.state.edges if edge not in by_edge and _is_to_delete(edge, managed, prune)
    }
    note_cycles(
        [(edge, path) for edge, _, path in declared],
        matched.state.edges - to_delete,
        titles,
        matched.problems,
    )
    for edge in sorted(to_delete, key=lambda edge: (edge.type, edge.source, edge.target)):
        yield _relation_change("delete", titles, RelationByName(edge.type, edge.source, edge.target), edge)
    for edge, relation in by_edge.items():
        if edge not in matched.state.edges:
            yield _relation_change("create", titles, relation, None)


def _managed_relations(matched: Matched) -> Iterator[tuple[str, str]]:
    """Yield each relation type whose relations a declared card lists, with the card's id."""
    for card, existing, _ in matched.cards.pairs:
        for type in RELATIONS:
            if existing and getattr(card, type) is not UNSET:
                yield type, existing.id


def _declared_relations(matched: Matched) -> Iterator[tuple[Edge, RelationByName, str]]:
    for card, existing, path in matched.cards.pairs:
        id = existing.id if existing else f"+{card.title}"
        name = existing.key if existing else card.title
        for below, title in related_cards(card):
            type, relation_path = below.partition("[")[0], f"{path}.{below}"
            other = matched.find_card(title, relation_path)
            if other is not None:
                edge = to_edge("child_of" if type == "parent" else type, id, other or f"+{title}")
                ends = (title, name) if type == "parent" else (name, title)
                yield edge, RelationByName(edge.type, *ends), relation_path


def _is_to_delete(edge: Edge, managed: set[tuple[str, str]], prune: bool) -> bool:
    """Return whether an undeclared relation is deleted: because the card has another declared parent, or by pruning."""
    if edge.type == "parent_of":
        return ("parent", edge.target) in managed
    ends = (edge.source, edge.target) if edge.type == "related_to" else (edge.source,)
    return prune and any((edge.type, end) in managed for end in ends)


def _titles(matched: Matched) -> dict[str, str]:
    """Return the titles of cards after the plan, by their ids and keys."""
    cards = [(card, card.title) for card in matched.state.cards]
    cards += [(existing, card.title) for card, existing, _ in matched.cards.pairs if existing]
    return {name: title for card, title in cards for name in (card.id, card.key)}


def _relation_change(
    action: Any, titles: Mapping[str, str], relation: RelationByName, existing: Edge | None
) -> Change:
    names = [titles.get(end, end) for end in (relation.source, relation.target)]
    source, target = sorted(names) if relation.type == "related_to" else names
    verb = {"parent_of": "is the parent of", "related_to": "is related to"}.get(relation.type, relation.type)
    return Change(
        action=action, kind="relation", name=f'{source}" {verb} "{target}', about=existing or relation
    )


def match_steps(steps: Iterable[Step], items: list[Any]) -> list[tuple[Step, Any]]:
    """Return each step with the item of the same title; None if there is none.

    Args:
        steps: The declared steps.
        items: The items of a checklist, from which those of the steps are removed.
    """
    pairs = []
    for step in steps:
        same = next((item for item in items if item.title == step.title), None)
        if same is not None:
            items.remove(same)
        pairs.append((step, same))
    return pairs


# ---------------------------------------------------------------------------------------------- automations


def automation_changes(matched: Matched) -> Iterator[Change]:
    """Yield the creations and updates of automations."""
    scopes = {frame.existing.id: frame.name for frame in matched.frames if frame.existing}
    refer_to = make_refer_to(matched.state, scopes)
    for rule, existing, path in matched.automations.pairs:
        parts = [references(data, f"{path}.{attribute}") for attribute, data in rule.parts]
        if None in [matched.find_reference(*reference) for part in parts for reference in part]:
            continue
        conditions: Any = {} if rule.conditions is None else rule.conditions
        actions = [(action.type, action.params or {}) for _, action in rule.named_actions]
        declared = {
            "trigger": rule.trigger,
            "conditions": conditions,
            **_name_actions(actions),
            "enabled": rule.enabled,
            "schedule": rule.schedule and {"timeZone": "UTC", "cards": None, **rule.schedule},
        }
        if existing is None:
            changed = tuple(difference for difference in differences(declared, None) if difference.new != {})
        else:
            changed = _rule_differences(matched, rule, existing, declared, refer_to)
        yield from create_or_update("automation", rule.name, existing, changed, rule)


def _name_actions(actions: Iterable[tuple[str, object]]) -> dict[str, Any]:
    """Return the types and params of actions by name: ``action`` and ``params``, ``action 2`` and ``params 2`` and so on."""
    values: dict[str, Any] = {}
    for number, (type, params) in enumerate(actions, 1):
        suffix = f" {number}" if number > 1 else ""
        values |= {f"action{suffix}": type, f"params{suffix}": params}
    return values


def _rule_differences(
    matched: Matched,
    rule: Automation,
    existing: wire_automations.Automation,
    declared: dict[str, Any],
    refer_to: Any,
) -> tuple[Difference, ...]:
    """Return the differences of a rule: compared by ids, shown with names."""

    def find(kind: str, *reference: Any) -> Any:
        return matched.find_reference(kind, *reference) or f"a new {kind}"

    current = {
        "name": existing.name,
        "trigger": existing.trigger,
        "conditions": existing.conditions,
        **_name_actions([(action.type, action.params) for action in existing.actions]),
        "enabled": existing.enabled,
        "schedule": existing.schedule and existing.schedule.to_dict(),
    }
    # An action that is no longer declared is a difference as well.
    with_names = {**dict.fromkeys(current), "name": rule.name, **declared}
    with_ids = {name: resolve(value, find) for name, value in with_names.items()}
    return tuple(
        Difference(difference.name, replace_ids(difference.old, refer_to), with_names[difference.name])
        for difference in differences(with_ids, current)
    )


def make_refer_to(state: Any, scopes: Mapping[str, str]) -> Any:
    """Return a function from the id of an item to a reference to it; it returns None if no name is unambiguous.

    Args:
        state: The project's state.
        scopes: The names or ids to use for scopes, by scope id.
    """
    by_id: dict[str, dict[str, str]] = {}
    for scope in state.scopes:
        by_id[scope.id] = {"scope": scopes[scope.id]}
        names = [column.name for column in scope.columns]
        for column in scope.columns:
            if names.count(column.name) > 1:
                # Only the id identifies the item.
                continue
            in_scope = {} if scope.is_default else {"scope": scopes[scope.id]}
            by_id[column.id] = {"column": column.name, **in_scope}
    by_id |= {label.id: {"label": label.name} for label in state.labels}
    by_id |= {field.id: {"field": field.name} for field in state.fields}
    by_id |= {card.id: {"card": card.key} for card in state.cards}
    by_id |= {person.id: {"member": person.email} for person in state.people if person.email}
    return by_id.get
