"""Applying: a plan is made so, in stages, and what there is by then is read again after each.

So nothing has to be remembered on the way, an interrupted plan can be made anew, and what somebody else has changed
meanwhile is noticed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs

from stellary.client.errors import StalePlan
from stellary.client.project_setup._steps import Steps
from stellary.client.project_setup.changes import Change
from stellary.client.project_setup.making import Work
from stellary.client.project_setup.planning import Plan, compared
from stellary.contract.cards import BULK_MAX
from stellary.contract.projects import Project
from stellary.contract.scopes import SCOPE_COLUMNS_MAX

Told = Callable[[Change], None]
"""Is told of each change once it is made."""


@attrs.frozen
class Applied:
    """What has been done.

    Attributes:
        project: As it is by now.
        changes: Those that were made.
    """

    project: Project
    changes: tuple[Change, ...]

    def __str__(self) -> str:
        count = len(self.changes)
        made = (
            "nothing had to be changed"
            if not count
            else f"{count} {'change' if count == 1 else 'changes'} made"
        )
        return f'Project "{self.project.name}" ({self.project.key}): {made}'


def _project(change: Change) -> bool:
    return change.kind == "project" and change.action == "create"


def _new_scope(change: Change) -> bool:
    return change.kind == "scope" and change.action == "create"


def _placed_scope(change: Change) -> bool:
    # In one go: where a new one goes is counted among those that have moved by then.
    return change.kind == "scope" and change.action in ("create", "move")


def _structure(change: Change) -> bool:
    return change.kind in ("project", "field", "label", "scope", "column", "member") and not _removal(change)


def _cards(change: Change) -> bool:
    return change.kind == "card" and not _removal(change)


def _rest(change: Change) -> bool:
    return change.kind in ("relation", "automation") and not (
        change.kind == "automation" and _removal(change)
    )


def _removal(change: Change) -> bool:
    return change.action == "delete" and change.kind != "relation"


def _moved_cards(change: Change) -> bool:
    # Whose column was deleted has gone to another one, which may have given it another status.
    return change.kind == "card" and change.action == "update"


STAGES: Final = (_project, _placed_scope, _structure, _cards, _rest, _removal, _moved_cards)


def applied(plan: Plan[Any], told: Told) -> Steps[Applied]:
    """Make a plan so.

    Raises:
        StalePlan: What it is about has changed since it was made. Nothing was changed, or no more than was told.
    """
    declaration, prune = plan.declaration, plan.prune
    project, matched, changes = yield from compared(plan.at, declaration, prune)
    if changes != plan.changes:
        raise StalePlan("the project has changed since this plan was made; plan again")
    made: list[Change] = []
    known = {(each.kind, each.name) for each in changes}
    for stage in STAGES:
        todo = [each for each in changes if stage(each)]
        if not todo:
            continue
        work = Work(project, matched, plan)
        if stage is _moved_cards:
            # A part of deleting the column, and no change that the plan tells of.
            for change in todo:
                yield from work.make(change)
        else:
            if made and not any(_project(each) for each in made):
                _check_planned(todo, known)
            yield from _each(work, todo, changes, made, told)
        project, matched, changes = yield from compared(work.project or plan.at, declaration, prune)
    assert matched.state.project is not None
    return Applied(matched.state.project, tuple(made))


def _check_planned(todo: list[Change], known: set[tuple[Any, str]]) -> None:
    """Nothing is done that nobody has seen in the plan."""
    for each in todo:
        if (each.kind, each.name) not in known:
            raise StalePlan(
                f'the {each.kind} "{each.name}" was changed while the plan was applied; plan again'
            )


def _each(
    work: Work, todo: list[Change], changes: Sequence[Change], made: list[Change], told: Told
) -> Steps[None]:
    """Make changes one after the other, new cards many at once, and the columns of a new scope with it.

    Args:
        work: Makes them.
        todo: The changes of a stage.
        changes: All that are left.
        made: Gets those that are made.
        told: Is called with each of them.
    """
    new = [each for each in todo if each.kind == "card" and each.action == "create"]
    parts = [new[first : first + BULK_MAX] for first in range(0, len(new), BULK_MAX)]
    for part in parts:
        yield from work.create_cards(part)
        for change in part:
            made.append(change)
            told(change)
    for change in todo if not new else [each for each in todo if each.action != "create"]:
        yield from work.make(change)
        for each in (change, *_brought_along(change, changes)):
            made.append(each)
            told(each)


def _brought_along(change: Change, changes: Sequence[Change]) -> list[Change]:
    """The columns that a new scope has from the beginning."""
    if not _new_scope(change) or change.about[1] is None:
        return []
    own = change.about[1][:SCOPE_COLUMNS_MAX]
    return [
        each
        for each in changes
        if each.kind == "column"
        and each.action == "create"
        and any(each.about[1] is column for column in own)
    ]
