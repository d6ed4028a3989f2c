"""Making: each change of a plan as calls of the API, and names as ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from stellary.client.errors import StalePlan
from stellary.client.project_setup._steps import Steps, all_rows
from stellary.client.project_setup.changes import Change
from stellary.client.project_setup.contents import Related, first_column
from stellary.client.project_setup.declaration import Automation, Card, Declaration, Step
from stellary.client.project_setup.matching import Matched
from stellary.client.project_setup.planning import Plan
from stellary.client.project_setup.references import resolved
from stellary.client.project_setup.state import Edge, edge, workspace_of
from stellary.client.resources.projects import ProjectHandle
from stellary.contract.automations import ActionToRun
from stellary.contract.cards import CardInColumn, ChecklistEntry
from stellary.contract.checklists import AddChecklistItem
from stellary.contract.errors import PreconditionFailed
from stellary.contract.project_imports import ImportedColumn, ImportedProject, ImportedScope
from stellary.contract.scopes import SCOPE_COLUMNS_MAX, ScopeColumn
from stellary.contract.unset import UNSET


class Work:
    """Makes the changes of a stage.

    Args:
        project: None until it is made.
        matched: What is declared beside what there was when the stage began.
        plan: What this is for.
    """

    def __init__(self, project: ProjectHandle[Any] | None, matched: Matched, plan: Plan[Any]) -> None:
        self.project = project
        self.at: Any = project
        self.matched = matched
        self.plan = plan

    def make(self, change: Change) -> Steps[None]:
        """Make a change."""
        maker: Callable[[Change], Steps[None]] = getattr(self, f"_{change.action}_{change.kind}")
        yield from maker(change)

    # ------------------------------------------------------------------------------------------ project

    def _create_project(self, change: Change) -> Steps[None]:
        """An empty project, in one step: what a template brings along would have to be deleted again."""
        declaration = self.plan.declaration
        workspace = workspace_of(self.plan.at)
        default = next(frame for frame in self.matched.frames if frame.is_default)
        columns: list[Any] = []
        if not _names_columns(declaration):
            templates = yield from all_rows(workspace.projects.templates)
            simple = next(each for each in templates if each.id == "simple")
            columns = [
                ImportedColumn(name=each.name, card_status=each.card_status) for each in simple.columns
            ]
        wanted = declaration.project
        made = yield workspace.projects.import_(
            project=ImportedProject(name=wanted.name, description=wanted.description, key=wanted.key),
            scopes=[ImportedScope(name=default.name)] if default.scope else UNSET,
            columns=columns,
        )
        self.project = workspace.project(made.id)

    def _update_project(self, change: Change) -> Steps[None]:
        yield self.at.update(**_named(change))

    # ------------------------------------------------------------------------------------------ structure

    def _create_field(self, change: Change) -> Steps[None]:
        yield self.at.custom_fields.create(name=change.name, **_named(change))

    def _update_field(self, change: Change) -> Steps[None]:
        yield self.at.custom_fields.update(change.id, **_named(change))

    def _delete_field(self, change: Change) -> Steps[None]:
        yield self.at.custom_fields.delete(change.id)

    def _create_label(self, change: Change) -> Steps[None]:
        yield self.at.labels.create(name=change.name, **_named(change))

    def _update_label(self, change: Change) -> Steps[None]:
        yield self.at.labels.update(change.id, **_named(change))

    def _delete_label(self, change: Change) -> Steps[None]:
        yield self.at.labels.delete(change.id)

    def _create_member(self, change: Change) -> Steps[None]:
        yield self.at.members.add(email=change.name)

    def _delete_member(self, change: Change) -> Steps[None]:
        yield self.at.members.remove(change.id)

    def _create_scope(self, change: Change) -> Steps[None]:
        scope, declared = change.about
        said = {each.name: each.new for each in change.differences if not each.name.startswith("view")}
        columns: Any = UNSET
        if declared is not None:
            columns = [
                ScopeColumn(name=each.name, card_status=each.card_status, wip_limit=each.wip_limit)
                for each in declared[:SCOPE_COLUMNS_MAX]
            ]
        made = yield self.at.scopes.create(name=scope.name, order=change.order, columns=columns, **said)
        yield from self._set_views(made.id, change)

    def _update_scope(self, change: Change) -> Steps[None]:
        yield from self._set_views(change.id, change)
        said = {each.name: each.new for each in change.differences if not each.name.startswith("view")}
        if said:
            yield self.at.scopes.update(change.id, **said)

    def _set_views(self, scope: str, change: Change) -> Steps[None]:
        settings: dict[str, dict[str, Any]] = {}
        for each in change.differences:
            if each.name.startswith("views."):
                _, kind, name = each.name.split(".", 2)
                settings.setdefault(kind, {})[name] = each.new
        for kind, said in settings.items():
            yield self.at.scopes.set_view(scope, type=kind, settings=said)
        for each in change.differences:
            if each.name == "view":
                yield self.at.scopes.set_view(scope, active_view=each.new)

    def _move_scope(self, change: Change) -> Steps[None]:
        yield self.at.scopes.update(change.id, order=change.order)

    def _delete_scope(self, change: Change) -> Steps[None]:
        yield self.at.scopes.delete(change.id, **_moving(change))

    def _create_column(self, change: Change) -> Steps[None]:
        scope, column = change.about
        frame = next(frame for frame in self.matched.frames if frame.name == scope and _holds(frame, column))
        id = frame.existing.id if frame.existing else UNSET
        yield self.at.columns.create(name=column.name, scope_id=id, order=change.order, **_named(change))

    def _update_column(self, change: Change) -> Steps[None]:
        yield self.at.columns.update(change.id, **_named(change))

    def _move_column(self, change: Change) -> Steps[None]:
        yield self.at.columns.update(change.id, order=change.order)

    def _delete_column(self, change: Change) -> Steps[None]:
        yield self.at.columns.delete(change.id, **_moving(change))

    # ------------------------------------------------------------------------------------------ cards

    def create_cards(self, changes: list[Change]) -> Steps[None]:
        """Make up to 500 cards at once; an archived one is taken from the board after that."""
        made = yield self.at.cards.create_many(cards=[self._new_card(each) for each in changes])
        archived = [card.id for card, each in zip(made, changes, strict=True) if each.about.archived]
        for id in archived:
            yield self.at.cards.update(id, archived=True)

    def _new_card(self, change: Change) -> CardInColumn:
        said = self._card_said(change, None)
        said.pop("archived", None)
        checklist = [AddChecklistItem(title=each.title, done=each.done) for each in said.pop("checklist", [])]
        return CardInColumn(title=change.name, checklist=checklist, **said)

    def _update_card(self, change: Change) -> Steps[None]:
        found = next(each for _, each, _ in self.matched.cards.pairs if each and each.id == change.id)
        try:
            yield self.at.cards.with_options(if_match=found.version).update(
                change.id, **self._card_said(change, found)
            )
        except PreconditionFailed:
            said = f'the card "{change.name}" was changed while the plan was applied; plan again'
            raise StalePlan(said) from None

    _move_card = _update_card

    def _card_said(self, change: Change, found: Any) -> dict[str, Any]:
        """The differences of a card, as the API takes them."""
        said: dict[str, Any] = {}
        for each in change.differences:
            if each.name == "column":
                said["column_id"] = self._column_of(change.about)
                if change.about.status is not UNSET:
                    # Even if it is that by now: the column would give it another one.
                    said["status"] = change.about.status
            elif each.name == "assignee":
                person = each.new and self.matched.person(change.about.assignee, "")
                said["assignee_id"] = person.id if person else None
            elif each.name == "labels":
                said["label_ids"] = [self.matched.label(name, "") for name in each.new]
            elif each.name.startswith("fields."):
                id = self.matched.field(each.name.removeprefix("fields."), "")
                said.setdefault("custom_fields", {})[id] = each.new
            elif each.name == "checklist" and found is not None:
                said["checklist"] = list(_entries(each.new, found))
            else:
                said[each.name] = each.new
        return said

    def _column_of(self, card: Card) -> str:
        frame = self.matched.frame(card.scope, "")
        assert frame is not None
        found = self.matched.column(frame, card.column or first_column(frame) or "", "")
        assert found is not None
        return found[0]

    def _delete_card(self, change: Change) -> Steps[None]:
        yield self.at.cards.delete(change.id)

    # ------------------------------------------------------------------------------------------ relations and rules

    def _create_relation(self, change: Change) -> Steps[None]:
        said: Related = change.about
        source, target = self.matched.card(said.source, ""), self.matched.card(said.target, "")
        assert source
        assert target
        yield self.at.card(source).relations.create(target_card_id=target, type=said.type)

    def _delete_relation(self, change: Change) -> Steps[None]:
        there: Edge = change.about
        relations = yield from all_rows(self.at.card(there.source).relations.list)
        for each in relations:
            if edge(each.type, each.card_id, each.target_card_id) == there:
                yield self.at.card(there.source).relations.delete(each.id)

    def _create_automation(self, change: Change) -> Steps[None]:
        rule: Automation = change.about
        yield self.at.automations.create(
            name=rule.name,
            trigger=rule.trigger,
            conditions=self._resolved(rule.conditions),
            action=self._action(rule),
            enabled=rule.enabled is not False,
        )

    def _update_automation(self, change: Change) -> Steps[None]:
        rule: Automation = change.about
        said: dict[str, Any] = {}
        for each in change.differences:
            if each.name in ("action", "params"):
                said["action"] = self._action(rule)
            else:
                said[each.name] = self._resolved(rule.conditions) if each.name == "conditions" else each.new
        yield self.at.automations.update(change.id, **said)

    def _action(self, rule: Automation) -> ActionToRun:
        params = {} if rule.action.params is UNSET else rule.action.params
        return ActionToRun(type=rule.action.type, params=self._resolved(params))

    def _resolved(self, said: Any) -> Any:
        return resolved(said, lambda kind, name, scope: self.matched.find(kind, name, scope, ""))

    def _delete_automation(self, change: Change) -> Steps[None]:
        yield self.at.automations.delete(change.id)


def _names_columns(declaration: Declaration) -> bool:
    scopes = declaration.scopes or []
    return declaration.columns is not UNSET or any(scope.columns is not UNSET for scope in scopes)


def _named(change: Change) -> dict[str, Any]:
    return {each.name: each.new for each in change.differences}


def _moving(change: Change) -> dict[str, str]:
    return {"move_cards_to": change.about[0]} if change.about else {}


def _holds(frame: Any, column: Any) -> bool:
    return frame.columns is not None and any(
        each is column or each == column for each, _, _ in frame.columns.pairs
    )


def _entries(steps: list[Step], found: Any) -> Iterator[ChecklistEntry]:
    """The steps of a checklist: those that there are stay what they are."""
    free = list(found.checklist)
    for step in steps:
        same = next((each for each in free if each.title == step.title), None)
        if same is not None:
            free.remove(same)
        yield ChecklistEntry(title=step.title, done=bool(step.done), id=UNSET if same is None else same.id)
