"""Describing: a project that there is becomes a declaration, of which a plan has nothing to do."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from stellary.client.project_setup import declaration as declared
from stellary.client.project_setup.contents import caller
from stellary.client.project_setup.references import named
from stellary.client.project_setup.state import State
from stellary.contract import cards as wire
from stellary.contract import scopes as wire_scopes
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import utc


def described(state: State) -> declared.Declaration:
    """All of a project that can be declared. What is empty is not named; ids stand where names would be unclear."""
    return _Describer(state).declaration()


class _Describer:
    """Knows which names mean one thing only."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.scopes = _unclear(state.scopes)
        self.columns = {scope.id: _unclear(scope.columns) for scope in state.scopes}
        self.rules = _unclear(state.automations)
        titles = Counter(card.title for card in state.cards)
        self.titles = {title for title, count in titles.items() if count > 1}
        self.labels = {each.id: each.name for each in state.labels}
        self.fields = {each.id: each.name for each in state.fields}
        self.people = {each.id: each.email for each in state.people if each.email}
        self.parents = {each.target: each.source for each in state.edges if each.type == "parent_of"}
        self.targets: dict[tuple[str, str], list[str]] = defaultdict(list)
        for each in sorted(state.edges, key=lambda each: (each.source, each.target)):
            self.targets[each.type, each.source].append(each.target)
        self.card_names = {card.id: self._card_name(card) for card in state.cards}

    def declaration(self) -> declared.Declaration:
        """All of it."""
        project = self.state.project
        assert project is not None
        return declared.Declaration(
            project=declared.Project(project.name, key=project.key, description=_said(project.description)),
            scopes=[self._scope(each) for each in self.state.scopes],
            labels=[declared.Label(each.name, color=each.color.lower()) for each in self.state.labels],
            fields=[
                declared.Field(
                    each.name, each.type, options=list(each.options) or UNSET, required=each.required or UNSET
                )
                for each in self.state.fields
            ],
            cards=[self._card(each) for each in self.state.cards],
            automations=[self._rule(each) for each in self.state.automations],
            members=[self.people[each] for each in self.state.members if each in self.people],
        )

    def _scope(self, scope: wire_scopes.Scope) -> declared.Scope:
        unclear = self.columns[scope.id]
        return declared.Scope(
            scope.name,
            id=scope.id if scope.name in self.scopes else UNSET,
            default=scope.is_default,
            description=_said(scope.description),
            start_date=_date(scope.start_date),
            due_date=_date(scope.due_date),
            view=scope.active_view if scope.active_view != "kanban" else UNSET,
            views={view.type: dict(view.settings) for view in scope.views if view.settings} or UNSET,
            columns=[
                declared.Column(
                    column.name,
                    id=column.id if column.name in unclear else UNSET,
                    card_status=_said(column.card_status),
                    wip_limit=_said(column.wip_limit),
                )
                for column in scope.columns
            ],
        )

    def _card_name(self, card: wire.Card) -> str:
        return card.key if card.title in self.titles else card.title

    def _card(self, card: wire.Card) -> declared.Card:
        scope = next(each for each in self.state.scopes if each.id == card.scope_id)
        column = next(each for each in scope.columns if each.id == card.column_id)
        own_scope: str | Unset = scope.id if scope.name in self.scopes else scope.name
        parent = self.parents.get(card.id)
        return declared.Card(
            card.title,
            key=card.key if card.title in self.titles else UNSET,
            scope=UNSET if scope.is_default else own_scope,
            column=column.id if column.name in self.columns[scope.id] else column.name,
            description=_said(card.description),
            priority=_said(card.priority),
            status=card.status,
            start_date=_date(card.start_date),
            due_date=_date(card.due_date),
            assignee=self.people.get(card.assignee_id or "", UNSET),
            labels=[self.labels[id] for id in card.label_ids if id in self.labels] or UNSET,
            fields={self.fields[id]: each for id, each in card.custom_fields.items() if id in self.fields}
            or UNSET,
            checklist=[declared.Step(each.title, each.done or UNSET) for each in card.checklist] or UNSET,
            archived=card.archived or UNSET,
            parent=self.card_names[parent] if parent else UNSET,
            blocks=self._others(card, "blocks") or UNSET,
            related_to=self._others(card, "related_to") or UNSET,
            duplicates=self._others(card, "duplicates") or UNSET,
        )

    def _others(self, card: wire.Card, type: str) -> list[str]:
        return [self.card_names[target] for target in self.targets.get((type, card.id), ())]

    def _rule(self, rule: Any) -> declared.Automation:
        scopes = {each.id: each.id if each.name in self.scopes else each.name for each in self.state.scopes}
        name = caller(self.state, scopes)
        return declared.Automation(
            rule.name,
            rule.trigger,
            declared.Action(rule.action.type, named(rule.action.params, name) or UNSET),
            id=rule.id if rule.name in self.rules else UNSET,
            conditions=named(rule.conditions, name) or UNSET,
            enabled=UNSET if rule.enabled else False,
        )


def _unclear(things: Iterable[Any]) -> set[str]:
    """The names that several have."""
    return {name for name, count in Counter(each.name for each in things).items() if count > 1}


def _said(found: Any) -> Any:
    return UNSET if found is None or found == "" else found


def _date(found: Any) -> Any:
    """A day where the moment is the midnight in UTC that a day means."""
    if found is None:
        return UNSET
    moment = utc(found)
    return moment.date() if moment == utc(moment.date()) else moment
