"""Planning: what there is, beside what shall be, makes a plan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic

import attrs

from stellary.client.calling.method import C
from stellary.client.project_setup import contents, structure
from stellary.client.project_setup._steps import Steps
from stellary.client.project_setup.changes import Change, counted
from stellary.client.project_setup.declaration import Declaration
from stellary.client.project_setup.matching import Matched
from stellary.client.project_setup.problems import Problems
from stellary.client.project_setup.reading import are_known
from stellary.client.project_setup.removals import removals
from stellary.client.project_setup.state import Place, State, Wanted, find_project, read_state
from stellary.client.resources.projects import ProjectHandle
from stellary.contract.presenting import Shown


@attrs.frozen(kw_only=True)
class Plan(Shown, Generic[C]):
    """What has to be done so that a project is as it is declared. True if there is something to do.

    Attributes:
        changes: In the order in which they are made.
        declaration: What shall be.
        prune: Whether what is there and not declared is deleted.
        key: The project's; None if it is still to be made.
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
        """How much there is to do, in a line."""
        key = f" ({self.key})" if self.key else ""
        return f'Project "{self.declaration.project.name}"{key}: {counted(self.changes)}'

    def __str__(self) -> str:
        below: list[str] = []
        for change in self.changes:
            below += [f"  {line}" for line in change.lines()]
        return "\n".join([self.summary, *below])


def planned(at: Place, declaration: Declaration, problems: Problems, prune: bool) -> Steps[Plan[Any]]:
    """Read what there is, and say what has to be done.

    Raises:
        UnsuitableDeclaration: Something is wrong with the declaration in itself, or beside what there is: all of it is told.
    """
    if not are_known([declaration.project.name]):
        problems.refuse()
    problems.begin_pass()
    _, matched, changes = yield from compared(at, declaration, prune, problems)
    project = matched.state.project
    return Plan(
        changes=changes, declaration=declaration, prune=prune, key=project.key if project else None, at=at
    )


def compared(
    at: Place, declaration: Declaration, prune: bool, problems: Problems | None = None
) -> Steps[tuple[ProjectHandle[Any] | None, Matched, tuple[Change, ...]]]:
    """Read what there is, and compare.

    Raises:
        UnsuitableDeclaration: It refers to what is not there.
    """
    problems = Problems() if problems is None else problems
    project = yield from find_project(at, declaration, problems)
    state = yield from read_state(at, project, Wanted.by(declaration, prune))
    matched, changes = difference(declaration, state, prune, problems)
    return project, matched, changes


def difference(
    declaration: Declaration, state: State, prune: bool, problems: Problems
) -> tuple[Matched, tuple[Change, ...]]:
    """What has to be done. Asks nothing.

    Raises:
        UnsuitableDeclaration: It refers to what is not there.
    """
    matched = Matched(declaration, state, problems)
    changes = tuple(_changes(matched, prune))
    problems.refuse()
    return matched, changes


def _changes(matched: Matched, prune: bool) -> Iterator[Change]:
    yield from structure.project(matched)
    yield from structure.fields(matched, prune)
    yield from structure.labels(matched)
    yield from structure.members(matched)
    yield from structure.scopes(matched)
    yield from structure.columns(matched, prune)
    cards = list(contents.cards(matched, prune))
    yield from cards
    yield from contents.relations(matched, prune)
    yield from contents.automations(matched)
    if prune:
        moved = {each.id for each in cards if any(one.name == "column" for one in each.differences)}
        yield from removals(matched, moved)
