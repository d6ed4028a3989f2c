"""Planning: comparing the project with its declaration makes a plan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic

import attrs

from stellary.client.calling.method import C
from stellary.client.methods.projects import ProjectHandle
from stellary.client.project_setup import contents, structure
from stellary.client.project_setup._steps import PlanSteps
from stellary.client.project_setup.changes import Change, summarize
from stellary.client.project_setup.declaration import Declaration
from stellary.client.project_setup.matching import Matched
from stellary.client.project_setup.problems import ProblemCollector
from stellary.client.project_setup.reading import are_readable
from stellary.client.project_setup.removals import plan_removals
from stellary.client.project_setup.state import (
    ProjectState,
    SetupTarget,
    StateParts,
    find_project,
    read_state,
)
from stellary.contract.rendering import Displayable


@attrs.frozen(kw_only=True)
class Plan(Displayable, Generic[C]):
    """The changes that make a project match its declaration. True if there are any.

    Attributes:
        changes: In the order in which they are applied.
        declaration: The declaration to match.
        prune: Whether items that the declaration does not list are deleted.
        key: The key of the project; None if it does not exist yet.
    """

    changes: tuple[Change, ...]
    declaration: Declaration
    prune: bool
    key: str | None
    at: Any = attrs.field(repr=False, eq=False)

    def __bool__(self) -> bool:
        return bool(self.changes)

    @property
    def summary(self) -> str:
        """The number of changes, in one line."""
        key = f" ({self.key})" if self.key else ""
        return f'Project "{self.declaration.project.name}"{key}: {summarize(self.changes)}'

    def __str__(self) -> str:
        lines: list[str] = []
        for change in self.changes:
            lines += [f"  {line}" for line in change.lines()]
        return "\n".join([self.summary, *lines])


def make_plan(
    at: SetupTarget, declaration: Declaration, problems: ProblemCollector, prune: bool
) -> PlanSteps[Plan[Any]]:
    """Read the project, and return the plan.

    Args:
        at: The handle of a workspace or a project.
        declaration: The declaration.
        problems: The problems found so far; new ones are added.
        prune: True to delete undeclared items of the declared kinds.

    Raises:
        UnsuitableDeclaration: The declaration is invalid, or does not fit the project; the error lists all problems.
    """
    if not are_readable([declaration.project.name]):
        problems.refuse()
    problems.begin_pass()
    _, matched, changes = yield from compare(at, declaration, prune, problems)
    project = matched.state.project
    return Plan(
        changes=changes, declaration=declaration, prune=prune, key=project.key if project else None, at=at
    )


def compare(
    at: SetupTarget, declaration: Declaration, prune: bool, problems: ProblemCollector | None = None
) -> PlanSteps[tuple[ProjectHandle[Any] | None, Matched, tuple[Change, ...]]]:
    """Read the project, and return its handle, the matched items and the changes.

    Args:
        at: The handle of a workspace or a project.
        declaration: The declaration.
        prune: True to delete undeclared items of the declared kinds.
        problems: The problems found so far; by default none.

    Raises:
        UnsuitableDeclaration: The declaration refers to something that does not exist.
    """
    problems = ProblemCollector() if problems is None else problems
    project = yield from find_project(at, declaration, problems)
    state = yield from read_state(at, project, StateParts.needed_by(declaration, prune))
    matched, changes = find_changes(declaration, state, prune, problems)
    return project, matched, changes


def find_changes(
    declaration: Declaration, state: ProjectState, prune: bool, problems: ProblemCollector
) -> tuple[Matched, tuple[Change, ...]]:
    """Return the matched items and the changes between them, without any request.

    Args:
        declaration: The declaration.
        state: The existing items.
        prune: True to delete undeclared items of the declared kinds.
        problems: The problems found so far; new ones are added.

    Raises:
        UnsuitableDeclaration: The declaration refers to something that does not exist.
    """
    matched = Matched(declaration, state, problems)
    changes = tuple(_generate_changes(matched, prune))
    problems.refuse()
    return matched, changes


def _generate_changes(matched: Matched, prune: bool) -> Iterator[Change]:
    yield from structure.project_changes(matched)
    yield from structure.field_changes(matched, prune)
    yield from structure.label_changes(matched)
    yield from structure.member_changes(matched)
    yield from structure.scope_changes(matched)
    yield from structure.column_changes(matched)
    cards = list(contents.card_changes(matched, prune))
    yield from cards
    yield from contents.relation_changes(matched, prune)
    yield from contents.automation_changes(matched)
    if prune:
        # The cards that get another column.
        moved = {card.id for card in cards if any(field.name == "column" for field in card.differences)}
        yield from plan_removals(matched, moved)
