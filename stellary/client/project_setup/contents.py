"""What changes of a project's contents: cards, how they belong together, and rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from stellary.client.project_setup import values
from stellary.client.project_setup.changes import Change, Difference, differences, is_default
from stellary.client.project_setup.checking import folded
from stellary.client.project_setup.circles import Declared, note_circles
from stellary.client.project_setup.declaration import Automation, Card, Step
from stellary.client.project_setup.matching import Frame, Matched
from stellary.client.project_setup.references import named, references, resolved
from stellary.client.project_setup.state import Edge, edge
from stellary.client.project_setup.structure import below, check_dates
from stellary.contract import automations as wire_automations
from stellary.contract import cards as wire
from stellary.contract.custom_fields import CustomField
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import utc

RELATIONS = ("blocks", "related_to", "duplicates")


class Names:
    """What the ids on cards are called."""

    def __init__(self, matched: Matched) -> None:
        self.labels = {each.id: each.name for each in matched.labels.left}
        self.labels |= {found.id: each.name for each, found, _ in matched.labels.pairs if found}
        self.people = {each.id: each.email or each.name for each in matched.state.people}
        self.columns: dict[str, str] = {}
        for frame in matched.frames:
            pairs = frame.columns.pairs if frame.columns else []
            renamed = {found.id: each.name for each, found, _ in pairs if found}
            for column in frame.existing.columns if frame.existing else []:
                name = renamed.get(column.id, column.name)
                self.columns[column.id] = name if frame.is_default else below(frame.name, name)


def cards(matched: Matched, prune: bool) -> Iterator[Change]:
    """Cards that are to be made, changed or moved."""
    names = Names(matched)
    for card, found, path in matched.cards.pairs:
        wanted = _said(matched, card, found, path, prune)
        place, moves = _place(matched, card, found, path, names)
        check_dates(matched, path, wanted, found)
        if found is None:
            given = tuple(each for each in differences(place | wanted, None) if not is_default(each))
            yield Change(action="create", kind="card", name=card.title, differences=given, about=card)
        else:
            there = _there(found, names, matched)
            # Told also where the other column has the same name.
            column = (Difference("column", there["column"], place["column"]),) if moves else ()
            changed = column + differences({"title": card.title, **wanted}, there)
            only_moves = moves and len(changed) == 1
            if changed:
                yield Change(
                    action="move" if only_moves else "update",
                    kind="card",
                    name=card.title,
                    differences=changed,
                    id=found.id,
                    about=card,
                )


def _place(
    matched: Matched, card: Card, found: wire.Card | None, path: str, names: Names
) -> tuple[dict[str, str], bool]:
    """The column that a card shall be in, as it is shown, and whether that is another one than it is in."""
    if found is not None and card.column is UNSET:
        return {}, False
    frame = matched.frame(card.scope, f"{path}.scope")
    if frame is None:
        return {}, False
    name = card.column or first_column(frame)
    if not name:
        matched.problems.note(path, "there is no column to put it in")
        return {}, False
    column = matched.column(frame, name, f"{path}.column")
    if column is None:
        return {}, False
    id, shown = column
    shown = shown if frame.is_default else below(frame.name, shown)
    return {"column": shown}, found is not None and found.column_id != id


def first_column(frame: Frame) -> str | None:
    """The name of the first column that a scope shall have."""
    if frame.columns and frame.columns.pairs:
        return frame.columns.pairs[0][0].name
    there = frame.existing.columns if frame.existing else []
    return there[0].id if there else None


def _said(matched: Matched, card: Card, found: wire.Card | None, path: str, prune: bool) -> dict[str, Any]:
    """What is declared of a card but for its title, in the form in which it is compared and shown."""
    assignee: Any = card.assignee
    if card.assignee:
        person = matched.person(card.assignee, f"{path}.assignee")
        assignee = (person.email or person.name) if person else UNSET
    labels: Any = card.labels
    if card.labels is not UNSET:
        for at, name in enumerate(card.labels):
            matched.label(name, f"{path}.labels[{at}]")
        labels = _Names(card.labels)
    return {
        "description": card.description,
        "priority": card.priority,
        "status": card.status,
        "start_date": utc(card.start_date) if card.start_date else card.start_date,
        "due_date": utc(card.due_date) if card.due_date else card.due_date,
        "assignee": assignee,
        "labels": labels,
        **_values(matched, card, found, path),
        "checklist": _checklist(card.checklist, found, prune),
        "archived": card.archived,
    }


class _Names(list[str]):
    """Names of labels: equal to others in any order, without regard to case."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, list) and set(map(folded, self)) == set(map(folded, other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None


def _there(found: wire.Card, names: Names, matched: Matched) -> dict[str, Any]:
    """A card as it is, in the same form."""
    assignee = found.assignee_id
    return {
        "title": found.title,
        "column": names.columns.get(found.column_id),
        "description": found.description,
        "priority": found.priority,
        "status": found.status,
        "start_date": found.start_date,
        "due_date": found.due_date,
        "assignee": names.people.get(assignee, assignee) if assignee else None,
        "labels": _Names(names.labels.get(id, id) for id in found.label_ids),
        **_there_values(found, matched),
        "checklist": [Step(each.title, each.done) for each in found.checklist],
        "archived": found.archived,
    }


def _there_values(found: wire.Card, matched: Matched) -> dict[str, Any]:
    called = {each.id: each.name for each in matched.fields.left}
    called |= {there.id: each.name for each, there, _ in matched.fields.pairs if there}
    return {f"fields.{called[id]}": each for id, each in found.custom_fields.items() if id in called}


def _values(matched: Matched, card: Card, there: wire.Card | None, path: str) -> dict[str, Any]:
    """Values of custom fields, as they are kept."""
    said = {}
    if there is None:
        given = {folded(name) for name, value in (card.fields or {}).items() if value is not None}
        for name in _required(matched):
            if folded(name) not in given:
                matched.problems.note(f"{path}.fields.{name}", "is required of every new card")
    for name, found in (card.fields or {}).items():
        at = f"{path}.fields.{name}"
        if matched.field(name, at) is None:
            continue
        field = _field(matched, name)
        if (
            found is None
            and field.required
            and there
            and there.custom_fields.get(matched.field(name, at) or "")
        ):
            matched.problems.note(at, "must not be cleared, since the field is required")
            continue
        try:
            made = values.kept(field.type, field.options or (), found)
        except ValueError as error:
            matched.problems.note(at, str(error))
        else:
            said[f"fields.{field.name}"] = made
    return said


def _required(matched: Matched) -> list[str]:
    """Return the names of the fields of which every new card needs a value."""
    fields = [_field(matched, declared.name) for declared, _, _ in matched.fields.pairs]
    return [field.name for field in (*fields, *matched.fields.left) if field.required]


def _field(matched: Matched, name: str) -> Any:
    """A custom field as it will be."""
    for declared, found, _ in matched.fields.pairs:
        if folded(declared.name) == folded(name):
            both = [
                *(declared.options or ()),
                *(found.options if found and found.type == declared.type else ()),
            ]
            required = found.required if found and declared.required is UNSET else declared.required
            return attrs.evolve(declared, options=both, required=required)
    left: list[CustomField] = matched.fields.left
    return next(each for each in left if folded(each.name) == folded(name))


def _checklist(steps: list[Step] | Unset, found: wire.Card | None, prune: bool) -> list[Step] | Unset:
    """The whole checklist in the end; what is not said of a step is as it is."""
    if steps is UNSET:
        return UNSET
    free = list(found.checklist) if found else []
    made = []
    for step in steps:
        same = next((each for each in free if each.title == step.title), None)
        if same is not None:
            free.remove(same)
        made.append(Step(step.title, step.done if step.done is not UNSET else bool(same and same.done)))
    return made if prune else made + [Step(each.title, each.done) for each in free]


# ---------------------------------------------------------------------------------------------- relations


@attrs.frozen
class Related:
    """A relation by what its cards are called: titles, which are looked up once all cards are there."""

    type: str
    source: str
    target: str


def relations(matched: Matched, prune: bool) -> Iterator[Change]:
    """Relations that are to be deleted, then those that are to be made."""
    managed = set(_managed(matched))
    found = list(_wanted(matched))
    wanted = {made: related for made, related, _ in found}
    titles = _titles(matched)
    going = {each for each in matched.state.edges if each not in wanted and _is_to_go(each, managed, prune)}
    declared = [Declared(made, path) for made, _, path in found]
    note_circles(declared, matched.state.edges - going, titles, matched.problems)
    for each in sorted(going, key=lambda each: (each.type, each.source, each.target)):
        yield _relation("delete", titles, Related(each.type, each.source, each.target), each)
    for new, related in wanted.items():
        if new not in matched.state.edges:
            yield _relation("create", titles, related, None)


def _managed(matched: Matched) -> Iterator[tuple[str, str]]:
    """Of which cards it is declared which relations they have."""
    for card, found, _ in matched.cards.pairs:
        for type in ("parent", *RELATIONS):
            if found and getattr(card, type) is not UNSET:
                yield type, found.id


def _wanted(matched: Matched) -> Iterator[tuple[Edge, Related, str]]:
    for card, found, path in matched.cards.pairs:
        id = found.id if found else f"+{card.title}"
        own = found.key if found else card.title
        for type, title, at in _relations_of(card, path):
            other = matched.card(title, at)
            if other is not None:
                made = edge("child_of" if type == "parent" else type, id, other or f"+{title}")
                ends = (title, own) if type == "parent" else (own, title)
                yield made, Related(made.type, *ends), at


def _relations_of(card: Card, path: str) -> Iterator[tuple[str, str, str]]:
    if card.parent:
        yield "parent", card.parent, f"{path}.parent"
    for type in RELATIONS:
        for at, title in enumerate(getattr(card, type) or ()):
            yield type, title, f"{path}.{type}[{at}]"


def _is_to_go(there: Edge, managed: set[tuple[str, str]], prune: bool) -> bool:
    """Whether a relation that is not declared has to go: another parent than the declared one, or what is pruned."""
    if there.type == "parent_of":
        return ("parent", there.target) in managed
    ends = (there.source, there.target) if there.type == "related_to" else (there.source,)
    return prune and any((there.type, end) in managed for end in ends)


def _titles(matched: Matched) -> dict[str, str]:
    titles = {each.id: each.title for each in matched.state.cards}
    titles |= {each.key: each.title for each in matched.state.cards}
    renamed = [(found, card.title) for card, found, _ in matched.cards.pairs if found]
    titles |= {found.key: title for found, title in renamed}
    return titles | {found.id: title for found, title in renamed}


def _relation(action: Any, titles: Mapping[str, str], said: Related, there: Edge | None) -> Change:
    names = [titles.get(each, each) for each in (said.source, said.target)]
    source, target = sorted(names) if said.type == "related_to" else names
    verb = {"parent_of": "is the parent of", "related_to": "is related to"}.get(said.type, said.type)
    return Change(action=action, kind="relation", name=f'{source}" {verb} "{target}', about=there or said)


# ---------------------------------------------------------------------------------------------- rules


def automations(matched: Matched) -> Iterator[Change]:
    """Rules that are to be made or changed."""
    called = _called(matched)
    for rule, found, path in matched.automations.pairs:
        if not _means_something(matched, rule, path):
            continue
        conditions: Any = {} if rule.conditions is None else rule.conditions
        params: Any = {} if rule.action.params is UNSET else rule.action.params
        wanted = {
            "trigger": rule.trigger,
            "conditions": conditions,
            "action": rule.action.type,
            "params": params,
            "enabled": rule.enabled,
        }
        if found is None:
            given = tuple(each for each in differences(wanted, None) if each.new != {})
            yield Change(action="create", kind="automation", name=rule.name, differences=given, about=rule)
        elif changed := _rule_differences(matched, rule, found, wanted, called):
            yield Change(
                action="update",
                kind="automation",
                name=rule.name,
                differences=changed,
                id=found.id,
                about=rule,
            )


def _means_something(matched: Matched, rule: Automation, path: str) -> bool:
    """Whether all that a rule refers to is there, or will be."""
    found = [
        matched.find(kind, name, scope, at)
        for where, said in (("conditions", rule.conditions), ("action.params", rule.action.params))
        for at, kind, name, scope in references(said, f"{path}.{where}")
    ]
    return None not in found


def _rule_differences(
    matched: Matched,
    rule: Automation,
    found: wire_automations.Automation,
    wanted: dict[str, Any],
    called: Any,
) -> tuple[Difference, ...]:
    """Compared with ids in place of names, and told with names."""

    def find(kind: str, name: str, scope: str | None) -> Any:
        return matched.find(kind, name, scope, "") or f"a new {kind}"

    there = {
        "name": found.name,
        "trigger": found.trigger,
        "conditions": found.conditions,
        "action": found.action.type,
        "params": found.action.params,
        "enabled": found.enabled,
    }
    asked = {"name": rule.name, **wanted}
    by_id = {name: resolved(each, find) for name, each in asked.items()}
    return tuple(
        Difference(each.name, named(each.old, called), asked[each.name]) for each in differences(by_id, there)
    )


def _called(matched: Matched) -> Any:
    """What refers to the things with ids that a rule may name."""
    return caller(
        matched.state, {frame.existing.id: frame.name for frame in matched.frames if frame.existing}
    )


def caller(state: Any, scopes: Mapping[str, str]) -> Any:
    """What refers to things with ids, by names that mean one thing only."""
    found: dict[str, dict[str, str]] = {}
    for scope in state.scopes:
        found[scope.id] = {"scope": scopes[scope.id]}
        names = [column.name for column in scope.columns]
        for column in scope.columns:
            if names.count(column.name) > 1:
                # Its id says which one it is, and no name does.
                continue
            own = {} if scope.is_default else {"scope": scopes[scope.id]}
            found[column.id] = {"column": column.name, **own}
    found |= {each.id: {"label": each.name} for each in state.labels}
    found |= {each.id: {"field": each.name} for each in state.fields}
    found |= {each.id: {"card": each.key} for each in state.cards}
    found |= {each.id: {"member": each.email} for each in state.people if each.email}
    return found.get
