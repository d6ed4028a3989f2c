"""Applying a plan: in stages, with the project read again after each of them.

Reading again means that no state is kept between stages, that an interrupted plan can be made again, and that
concurrent changes are detected.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs

from stellary.client.calling.steps import Steps
from stellary.client.errors import StalePlan
from stellary.client.project_setup.changes import Change, Kind
from stellary.client.project_setup.making import ChangeRequests
from stellary.client.project_setup.planning import Plan, compare
from stellary.contract.cards import BULK_MAX
from stellary.contract.projects import Project
from stellary.contract.scopes import SCOPE_COLUMNS_MAX

ChangeCallback = Callable[[Change], None]
"""Called with each change after it has been applied."""


@attrs.frozen
class Applied:
    """The result of applying a plan.

    Attributes:
        project: The project after the last change.
        changes: The changes that were applied, in order.
    """

    project: Project
    changes: tuple[Change, ...]

    def __str__(self) -> str:
        count = len(self.changes)
        summary = (
            "no changes were needed" if not count else f"{count} {'change' if count == 1 else 'changes'} made"
        )
        return f'Project "{self.project.name}" ({self.project.key}): {summary}'


def _creates_project(change: Change) -> bool:
    return change.kind == "project" and change.action == "create"


def _places_scope(change: Change) -> bool:
    # Created and moved in one stage: the position of a new scope counts the moves made before it.
    return change.kind == "scope" and change.action in ("create", "move")


def _changes(*kinds: Kind) -> Callable[[Change], bool]:
    return lambda change: change.kind in kinds and not _is_removal(change)


def _is_removal(change: Change) -> bool:
    return change.action == "delete" and change.kind != "relation"


def _updates_card(change: Change) -> bool:
    # Cards of a deleted column have moved to another one, which may have changed their status.
    return change.kind == "card" and change.action == "update"


STAGES: Final = (
    _creates_project,
    _places_scope,
    _changes("project", "field", "label", "scope", "column", "member"),
    _changes("card"),
    _changes("relation", "automation"),
    _is_removal,
    _updates_card,
)


def apply_plan(plan: Plan[Any], on_change: ChangeCallback) -> Steps[Applied]:
    """Apply a plan stage by stage.

    Args:
        plan: The plan to apply.
        on_change: Called with each change after it has been applied.

    Raises:
        StalePlan: The project has changed since the plan was made. Only the changes passed to ``on_change`` were
            applied.
    """
    declaration, prune = plan.declaration, plan.prune
    project, matched, changes = yield from compare(plan.at, declaration, prune)
    if changes != plan.changes:
        raise StalePlan("the project has changed since this plan was made; plan again")
    applied: list[Change] = []
    announced = {(change.kind, change.name) for change in changes}
    for stage in STAGES:
        todo = [change for change in changes if stage(change)]
        if not todo:
            continue
        requests = ChangeRequests(project, matched, plan)
        if stage is _updates_card:
            # These changes are part of deleting the column, so the plan does not list them.
            for change in todo:
                yield from requests.send(change)
        else:
            if applied and not any(_creates_project(change) for change in applied):
                _check_announced(todo, announced)
            yield from _apply_changes(requests, todo, changes, applied, on_change)
        project, matched, changes = yield from compare(requests.project or plan.at, declaration, prune)
    assert matched.state.project is not None
    return Applied(matched.state.project, tuple(applied))


def _check_announced(todo: list[Change], announced: set[tuple[Any, str]]) -> None:
    """Raise StalePlan if there are changes that the plan did not show."""
    for change in todo:
        if (change.kind, change.name) not in announced:
            raise StalePlan(
                f'the {change.kind} "{change.name}" was changed while the plan was applied; plan again'
            )


def _apply_changes(
    requests: ChangeRequests,
    todo: list[Change],
    changes: Sequence[Change],
    applied: list[Change],
    on_change: ChangeCallback,
) -> Steps[None]:
    """Apply the changes of a stage in order: new cards in batches, and a new scope together with its columns.

    Args:
        requests: Sends the requests of each change.
        todo: The changes of this stage.
        changes: All changes that remain, of this stage and later ones.
        applied: The changes applied so far; extended in place.
        on_change: Called with each change after it has been applied.
    """
    new_cards = [change for change in todo if change.kind == "card" and change.action == "create"]
    batches = [new_cards[first : first + BULK_MAX] for first in range(0, len(new_cards), BULK_MAX)]
    for batch in batches:
        yield from requests.create_cards(batch)
        for change in batch:
            applied.append(change)
            on_change(change)
    for change in todo if not new_cards else [change for change in todo if change.action != "create"]:
        yield from requests.send(change)
        for done in (change, *_columns_created_with(change, changes)):
            applied.append(done)
            on_change(done)


def _columns_created_with(change: Change, changes: Sequence[Change]) -> list[Change]:
    """Return the column changes that the creation of a scope includes."""
    if (change.kind, change.action) != ("scope", "create") or change.about[1] is None:
        return []
    included = change.about[1][:SCOPE_COLUMNS_MAX]
    return [
        candidate
        for candidate in changes
        if candidate.kind == "column"
        and candidate.action == "create"
        and any(candidate.about[1] is column for column in included)
    ]
