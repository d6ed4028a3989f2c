"""Describing: turning an existing project into a declaration whose plan is empty."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from stellary.client.project_setup import declaration as declared
from stellary.client.project_setup.changes import get_values
from stellary.client.project_setup.contents import CARD_FIELDS, make_refer_to, to_series
from stellary.client.project_setup.references import replace_ids
from stellary.client.project_setup.state import ProjectState
from stellary.client.project_setup.structure import COLUMN_FIELDS, PROJECT_FIELDS, SCOPE_FIELDS
from stellary.contract import cards as wire
from stellary.contract import scopes as wire_scopes
from stellary.contract.wire import UNSET, Unset, utc


def describe_state(state: ProjectState) -> declared.Declaration:
    """Return the declaration of a project. Empty values are left out; ids are given where names are ambiguous."""
    return _Describer(state).declaration()


class _Describer:
    """The conversion of a state, with its lookups by id and its sets of ambiguous names."""

    def __init__(self, state: ProjectState) -> None:
        self.state = state
        self.scopes = _ambiguous_names(state.scopes)
        self.columns = {scope.id: _ambiguous_names(scope.columns) for scope in state.scopes}
        self.rules = _ambiguous_names(state.automations)
        titles = Counter(card.title for card in state.cards)
        self.titles = {title for title, count in titles.items() if count > 1}
        self.labels = {label.id: label.name for label in state.labels}
        self.fields = {field.id: field.name for field in state.fields}
        self.people = {person.id: person.email for person in state.people if person.email}
        self.parents = {edge.target: edge.source for edge in state.edges if edge.type == "parent_of"}
        self.targets: dict[tuple[str, str], list[str]] = defaultdict(list)
        for edge in sorted(state.edges, key=lambda edge: (edge.source, edge.target)):
            self.targets[edge.type, edge.source].append(edge.target)
        self.card_names = {
            card.id: card.key if card.title in self.titles else card.title for card in state.cards
        }

    def declaration(self) -> declared.Declaration:
        """Return the whole declaration."""
        project = self.state.project
        assert project is not None
        return declared.Declaration(
            project=declared.Project(
                project.name, key=project.key, **_describe_fields(project, PROJECT_FIELDS)
            ),
            scopes=[self._describe_scope(scope) for scope in self.state.scopes],
            labels=[declared.Label(label.name, color=label.color.lower()) for label in self.state.labels],
            fields=[
                declared.Field(
                    field.name,
                    field.type,
                    options=list(field.options) or UNSET,
                    required=field.required or UNSET,
                )
                for field in self.state.fields
            ],
            cards=[self._describe_card(card) for card in self.state.cards],
            automations=[self._describe_rule(rule) for rule in self.state.automations],
            members=[
                self.people[id] if role == "manager" else declared.Member(self.people[id], role)
                for id, role in self.state.members.items()
                if id in self.people
            ],
        )

    def _describe_scope(self, scope: wire_scopes.Scope) -> declared.Scope:
        ambiguous = self.columns[scope.id]
        return declared.Scope(
            scope.name,
            id=scope.id if scope.name in self.scopes else UNSET,
            default=scope.is_default,
            **_describe_fields(scope, SCOPE_FIELDS),
            view=scope.active_view if scope.active_view != "kanban" else UNSET,
            views={view.type: dict(view.settings) for view in scope.views if view.settings} or UNSET,
            columns=[
                declared.Column(
                    column.name,
                    id=column.id if column.name in ambiguous else UNSET,
                    **_describe_fields(column, COLUMN_FIELDS),
                )
                for column in scope.columns
            ],
        )

    def _describe_card(self, card: wire.Card) -> declared.Card:
        scope = next(scope for scope in self.state.scopes if scope.id == card.scope_id)
        column = next(column for column in scope.columns if column.id == card.column_id)
        scope_name: str | Unset = scope.id if scope.name in self.scopes else scope.name
        parent = self.parents.get(card.id)
        return declared.Card(
            card.title,
            key=card.key if card.title in self.titles else UNSET,
            scope=UNSET if scope.is_default else scope_name,
            column=column.id if column.name in self.columns[scope.id] else column.name,
            **_describe_fields(card, CARD_FIELDS),
            assignee=self.people.get(card.assignee_id or "", UNSET),
            labels=[self.labels[id] for id in card.label_ids if id in self.labels] or UNSET,
            fields={self.fields[id]: value for id, value in card.custom_fields.items() if id in self.fields}
            or UNSET,
            checklist=[declared.Step(item.title, item.done or UNSET) for item in card.checklist] or UNSET,
            archived=card.archived or UNSET,
            recurrence=self._describe_series(card),
            parent=self.card_names[parent] if parent else UNSET,
            blocks=self._related_names(card, "blocks") or UNSET,
            related_to=self._related_names(card, "related_to") or UNSET,
            duplicates=self._related_names(card, "duplicates") or UNSET,
        )

    def _describe_series(self, card: wire.Card) -> dict[str, str] | Unset:
        series: dict[str, str] = to_series(card.recurrence) or {}
        return {name: value for name, value in series.items() if value != "on_schedule"} or UNSET

    def _related_names(self, card: wire.Card, type: str) -> list[str]:
        return [self.card_names[target] for target in self.targets.get((type, card.id), ())]

    def _describe_rule(self, rule: Any) -> declared.Automation:
        scopes = {
            scope.id: scope.id if scope.name in self.scopes else scope.name for scope in self.state.scopes
        }
        refer_to = make_refer_to(self.state, scopes)
        actions = [
            declared.Action(action.type, replace_ids(action.params, refer_to) or UNSET)
            for action in rule.actions
        ]
        return declared.Automation(
            rule.name,
            rule.trigger,
            actions[0] if len(actions) == 1 else UNSET,
            actions=actions if len(actions) > 1 else UNSET,
            id=rule.id if rule.name in self.rules else UNSET,
            conditions=replace_ids(rule.conditions, refer_to) or UNSET,
            enabled=UNSET if rule.enabled else False,
            schedule=UNSET if rule.schedule is None else replace_ids(rule.schedule.to_dict(), refer_to),
        )


def _ambiguous_names(items: Iterable[Any]) -> set[str]:
    """Return the names that several items have."""
    return {name for name, count in Counter(item.name for item in items).items() if count > 1}


def _describe_fields(item: object, names: Iterable[str]) -> dict[str, Any]:
    """Return fields of an item as they are declared. Empty values are left out; midnight in UTC is given as a day."""
    values = {name: value for name, value in get_values(item, names).items() if value not in (None, "")}
    for name, usual in (("member_role", "editor"), ("visibility", "workspace"), ("estimate_unit", "points")):
        if values.get(name) == usual:
            del values[name]
    return {
        name: value.date() if isinstance(value, datetime) and value == utc(value.date()) else value
        for name, value in values.items()
    }
