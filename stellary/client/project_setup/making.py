"""The requests that apply each change of a plan, with names replaced by ids."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from stellary.client.calling.frames import load_rows
from stellary.client.calling.steps import Steps
from stellary.client.errors import StalePlan
from stellary.client.methods.projects import ProjectHandle
from stellary.client.project_setup.changes import Change, Kind, get_values
from stellary.client.project_setup.contents import RelationByName, first_column, match_steps
from stellary.client.project_setup.declaration import Automation, Card
from stellary.client.project_setup.matching import Matched
from stellary.client.project_setup.planning import Plan
from stellary.client.project_setup.references import resolve
from stellary.client.project_setup.state import Edge, find_template, to_edge, workspace_of
from stellary.client.project_setup.structure import PROJECT_FIELDS
from stellary.contract.automations import ActionToRun, ScheduleToRun
from stellary.contract.cards import CardInColumn, ChecklistEntry
from stellary.contract.checklists import AddChecklistItem
from stellary.contract.errors import PreconditionFailed
from stellary.contract.fields import convert
from stellary.contract.project_imports import ImportedColumn, ImportedProject, ImportedScope
from stellary.contract.recurrences import Recurrence
from stellary.contract.scopes import SCOPE_COLUMNS_MAX, ScopeColumn
from stellary.contract.wire import UNSET, Unset, load

_HANDLES: Mapping[Kind, str] = {
    "field": "custom_fields",
    "label": "labels",
    "member": "members",
    "scope": "scopes",
    "column": "columns",
    "card": "cards",
    "automation": "automations",
}
"""The handles of the project that send what needs no method of its own."""


class ChangeRequests:
    """The requests of the changes of one stage.

    Args:
        project: The project; None until it is created.
        matched: The declared items, and the existing ones at the beginning of the stage.
        plan: The plan being applied.
    """

    def __init__(self, project: ProjectHandle[Any] | None, matched: Matched, plan: Plan[Any]) -> None:
        self.project = project
        self.at: Any = project
        self.matched = matched
        self.plan = plan

    def send(self, change: Change) -> Steps[None]:
        """Send the requests of a change."""
        if method := getattr(self, f"_{change.action}_{change.kind}", None):
            yield from method(change)
            return
        handle = getattr(self.at, _HANDLES[change.kind])
        if change.action == "create":
            yield partial(handle.create, name=change.name, **_new_values(change))
        elif change.action == "delete":
            # The cards of a column go to another one.
            yield lambda: handle.delete(
                change.id, **({"move_cards_to": change.about[0]} if change.about else {})
            )
        else:
            order = {} if change.order is None else {"order": change.order}
            yield partial(handle.update, change.id, **_new_values(change), **order)

    # ------------------------------------------------------------------------------------------ project

    def _create_project(self, change: Change) -> Steps[None]:
        """Create a project from the declared template, or else an empty one, by an import."""
        declaration = self.plan.declaration
        declared = declaration.project
        workspace = workspace_of(self.plan.at)
        template = None
        if declared.template or all(
            part.columns is UNSET for part in (declaration, *(declaration.scopes or ()))
        ):
            template = yield from find_template(workspace, declared.template or "simple")
            if template is None:
                raise StalePlan(f'there is no template "{declared.template}" any more; plan again')
        if declared.template and template:
            values = get_values(declared, ("name", "key", *PROJECT_FIELDS))
            settings = {name: value for name, value in values.items() if value is not UNSET}
            created = yield partial(workspace.projects.create, **settings, template_id=template.id)
            self.project = workspace.project(created.id)
            return
        default = next(frame for frame in self.matched.frames if frame.is_default)
        columns = [convert(ImportedColumn, column) for column in template.columns] if template else []
        created = yield lambda: workspace.projects.import_(
            project=convert(ImportedProject, declared),
            scopes=[ImportedScope(name=default.name)] if default.scope else UNSET,
            columns=columns,
        )
        self.project = workspace.project(created.id)

    def _update_project(self, change: Change) -> Steps[None]:
        yield partial(self.at.update, **_new_values(change))

    # ------------------------------------------------------------------------------------------ structure

    def _create_member(self, change: Change) -> Steps[None]:
        yield partial(self.at.members.add, email=change.name, **_new_values(change))

    def _delete_member(self, change: Change) -> Steps[None]:
        yield partial(self.at.members.remove, change.id)

    def _create_scope(self, change: Change) -> Steps[None]:
        scope, declared_columns = change.about
        columns: Any = UNSET
        if declared_columns is not None:
            columns = [convert(ScopeColumn, column) for column in declared_columns[:SCOPE_COLUMNS_MAX]]
        created = yield lambda: self.at.scopes.create(
            name=scope.name, order=change.order, columns=columns, **_scope_values(change)
        )
        yield from self._set_views(created.id, change)

    def _update_scope(self, change: Change) -> Steps[None]:
        yield from self._set_views(change.id, change)
        if values := _scope_values(change):
            yield partial(self.at.scopes.update, change.id, **values)

    def _set_views(self, scope: str, change: Change) -> Steps[None]:
        settings: dict[str, dict[str, Any]] = {}
        for difference in change.differences:
            if difference.name.startswith("views."):
                _, kind, name = difference.name.split(".", 2)
                settings.setdefault(kind, {})[name] = difference.new
        for kind, values in settings.items():
            yield partial(self.at.scopes.set_view, scope, type=kind, settings=values)
        for difference in change.differences:
            if difference.name == "view":
                yield partial(self.at.scopes.set_view, scope, active_view=difference.new)

    def _create_column(self, change: Change) -> Steps[None]:
        scope, column = change.about
        declared = ((frame, pair[0]) for frame in self.matched.frames for pair in frame.columns.pairs)
        frame = next(frame for frame, other in declared if frame.name == scope and other == column)
        id = frame.existing.id if frame.existing else UNSET
        yield lambda: self.at.columns.create(
            name=column.name, scope_id=id, order=change.order, **_new_values(change)
        )

    # ------------------------------------------------------------------------------------------ cards

    def create_cards(self, changes: list[Change]) -> Steps[None]:
        """Create up to 500 cards in one request, then archive those that are declared as archived."""
        cards = yield lambda: self.at.cards.create_many(
            cards=[self._to_new_card(change) for change in changes]
        )
        archived = [card.id for card, change in zip(cards, changes, strict=True) if change.about.archived]
        for id in archived:
            yield partial(self.at.cards.update, id, archived=True)

    def _to_new_card(self, change: Change) -> CardInColumn:
        values = self._card_values(change, None)
        values.pop("archived", None)
        checklist = [
            AddChecklistItem(title=step.title, done=step.done) for step in values.pop("checklist", [])
        ]
        return CardInColumn(title=change.name, checklist=checklist, **values)

    def _update_card(self, change: Change) -> Steps[None]:
        existing = next(card for _, card, _ in self.matched.cards.pairs if card and card.id == change.id)
        try:
            yield lambda: self.at.cards.with_options(if_match=existing.version).update(
                change.id, **self._card_values(change, existing)
            )
        except PreconditionFailed:
            message = f'the card "{change.name}" was changed while the plan was applied; plan again'
            raise StalePlan(message) from None

    _move_card = _update_card

    def _card_values(self, change: Change, existing: Any) -> dict[str, Any]:
        """Return the changed values of a card as the API takes them."""
        values: dict[str, Any] = {}
        for difference in change.differences:
            if difference.name == "column":
                values["column_id"] = self._find_column_id(change.about)
                if change.about.status is not UNSET:
                    # Sent even if the status does not change: otherwise the column would set its own status.
                    values["status"] = change.about.status
            elif difference.name == "assignee":
                person = difference.new and self.matched.find_person(change.about.assignee, "")
                values["assignee_id"] = person.id if person else None
            elif difference.name == "labels":
                values["label_ids"] = [self.matched.find_id("label", name, "") for name in difference.new]
            elif difference.name.startswith("fields."):
                id = self.matched.find_id("field", difference.name.removeprefix("fields."), "")
                values.setdefault("custom_fields", {})[id] = difference.new
            elif difference.name == "recurrence":
                values["recurrence"] = difference.new and load(Recurrence, dict(difference.new))
            elif difference.name == "checklist" and existing is not None:
                # Existing steps keep their ids.
                values["checklist"] = [
                    ChecklistEntry(title=step.title, done=bool(step.done), id=same.id if same else UNSET)
                    for step, same in match_steps(difference.new, [*existing.checklist])
                ]
            else:
                values[difference.name] = difference.new
        return values

    def _find_column_id(self, card: Card) -> str:
        frame = self.matched.find_frame(card.scope, "")
        assert frame is not None
        column = self.matched.find_column(frame, card.column or first_column(frame) or "", "")
        assert column is not None
        return column[0]

    # ------------------------------------------------------------------------------------------ relations and rules

    def _create_relation(self, change: Change) -> Steps[None]:
        relation: RelationByName = change.about
        source = self.matched.find_card(relation.source, "")
        target = self.matched.find_card(relation.target, "")
        assert source
        assert target
        yield partial(self.at.card(source).relations.create, target_card_id=target, type=relation.type)

    def _delete_relation(self, change: Change) -> Steps[None]:
        edge: Edge = change.about
        relations = yield from load_rows(self.at.card(edge.source).relations.list)
        for relation in relations:
            if to_edge(relation.type, relation.card_id, relation.target_card_id) == edge:
                yield partial(self.at.card(edge.source).relations.delete, relation.id)

    def _create_automation(self, change: Change) -> Steps[None]:
        rule: Automation = change.about
        yield lambda: self.at.automations.create(
            name=rule.name,
            trigger=rule.trigger,
            conditions=self._resolve(rule.conditions),
            actions=self._to_actions(rule),
            enabled=rule.enabled is not False,
            schedule=self._to_schedule(rule),
        )

    def _update_automation(self, change: Change) -> Steps[None]:
        rule: Automation = change.about
        values: dict[str, Any] = {}
        for difference in change.differences:
            if difference.name.startswith(("action", "params")):
                values["actions"] = self._to_actions(rule)
            elif difference.name == "schedule":
                values["schedule"] = self._to_schedule(rule)
            elif difference.name == "conditions":
                values["conditions"] = self._resolve(rule.conditions)
            else:
                values[difference.name] = difference.new
        yield partial(self.at.automations.update, change.id, **values)

    def _to_schedule(self, rule: Automation) -> ScheduleToRun | Unset:
        return UNSET if rule.schedule is UNSET else load(ScheduleToRun, self._resolve(rule.schedule))

    def _to_actions(self, rule: Automation) -> list[ActionToRun]:
        return [
            ActionToRun(type=action.type, params=self._resolve(action.params or {}))
            for _, action in rule.named_actions
        ]

    def _resolve(self, data: Any) -> Any:
        return resolve(data, self.matched.find_reference)


def _new_values(change: Change) -> dict[str, Any]:
    return {difference.name: difference.new for difference in change.differences}


def _scope_values(change: Change) -> dict[str, Any]:
    """Return the new values of a scope, except those of its views, which have an endpoint of their own."""
    return {name: value for name, value in _new_values(change).items() if not name.startswith("view")}
