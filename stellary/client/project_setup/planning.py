"""Planning: comparing the project with its declaration makes a plan.

With ``prune``, it deletes undeclared items of the declared kinds, but cards only if the file declares cards. The other cards
of a deleted column or scope move to another column first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic

import attrs

from stellary.client.calling.method import C
from stellary.client.calling.steps import Steps
from stellary.client.methods.projects import ProjectHandle
from stellary.client.project_setup import contents, structure
from stellary.client.project_setup.changes import Change, Kind, summarize
from stellary.client.project_setup.declaration import Declaration
from stellary.client.project_setup.matching import Frame, Matched, Pairs
from stellary.client.project_setup.problems import ProblemCollector
from stellary.client.project_setup.reading import are_readable
from stellary.client.project_setup.state import SetupTarget, StateParts, find_project, read_state
from stellary.client.project_setup.structure import column_path
from stellary.contract.rendering import Displayable
from stellary.contract.wire import UNSET


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
) -> Steps[Plan[Any]]:
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
) -> Steps[tuple[ProjectHandle[Any] | None, Matched, tuple[Change, ...]]]:
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
    matched = Matched(declaration, state, problems)
    changes = tuple(_generate_changes(matched, prune))
    problems.refuse()
    return project, matched, changes


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
        yield from _plan_removals(matched, moved)


def _plan_removals(matched: Matched, moved: set[str]) -> Iterator[Change]:
    """Yield the deletions, in an order in which the API accepts them.

    Args:
        matched: The declared and the existing items.
        moved: The ids of cards that the plan moves to a declared column.
    """
    declaration = matched.declaration
    yield from _delete_unmatched("automation", declaration.automations, matched.automations)
    cards = list(_delete_unmatched("card", declaration.cards, matched.cards, "title"))
    yield from cards
    yield from _ColumnRemovals(matched, moved | {card.id for card in cards}).plan()
    yield from _delete_unmatched("label", declaration.labels, matched.labels)
    yield from _delete_unmatched("field", declaration.fields, matched.fields)
    yield from _member_removals(matched)


def _delete_unmatched(
    kind: Kind, declared: object, pairs: Pairs[Any, Any], name: str = "name"
) -> Iterator[Change]:
    """Yield the deletions of the items that are not declared, if any of their kind are."""
    for item in pairs.unmatched if declared is not UNSET else ():
        yield Change(action="delete", kind=kind, name=getattr(item, name), id=item.id)


class _ColumnRemovals:
    """The columns and scopes to delete, and the columns to which their cards move.

    Args:
        matched: The declared and the existing items.
        elsewhere: The ids of cards that have been moved or deleted before.
    """

    def __init__(self, matched: Matched, elsewhere: set[str]) -> None:
        self.matched = matched
        self.cards = [card for card in matched.state.cards if card.id not in elsewhere]
        scopes = matched.declaration.scopes is not UNSET
        self.scopes = [
            frame for frame in matched.frames if scopes and frame.scope is None and not frame.is_default
        ]
        self.staying = [frame for frame in matched.frames if frame not in self.scopes]

    def plan(self) -> Iterator[Change]:
        """Yield the deletions of columns, then those of scopes."""
        for frame in self.staying:
            for column in frame.columns.unmatched if frame.declares_columns else []:
                name = column_path(frame.name, column.name)
                yield self._removal("column", name, column.id, [column.id], frame)
        for frame in self.scopes:
            assert frame.existing is not None
            columns = [column.id for column in frame.existing.columns]
            yield self._removal("scope", frame.name, frame.existing.id, columns, None)

    def _removal(self, kind: Any, name: str, id: str, columns: list[str], frame: Frame | None) -> Change:
        count = sum(card.column_id in columns for card in self.cards)
        target = self._find_target(frame) if count else None
        note = ""
        if target is not None:
            cards = "its card goes" if count == 1 else f"its {count} cards go"
            note = f'({cards} to "{target[1]}")'
        elif count:
            message = f'the {kind} "{name}" has cards, and no other column remains for them'
            self.matched.problems.note("", message)
        return Change(action="delete", kind=kind, name=name, note=note, id=id, about=target)

    def _find_target(self, first: Frame | None) -> tuple[str, str] | None:
        """Return the id and name of a remaining column: in the same scope, else in the default scope, else in any scope."""
        frames = sorted(self.staying, key=lambda frame: (frame is not first, not frame.is_default))
        return next((column for frame in frames for column in _remaining_columns(frame)), None)


def _remaining_columns(frame: Frame) -> list[tuple[str, str]]:
    """Return the ids and names of the remaining columns of a scope; the id of a new column is empty."""
    columns = frame.columns.list_items()
    remaining = columns[: len(frame.columns.pairs)] if frame.declares_columns else columns
    return [(id, column_path(frame.name, column.name)) for id, column in remaining]


def _member_removals(matched: Matched) -> Iterator[Change]:
    """Yield the removals of members. Callers are not removed, since they could not undo that."""
    if matched.declaration.members is UNSET:
        return
    declared = {
        matched.find_person(member.email, f"members[{index}]")
        for index, member in enumerate(matched.declaration.list_members())
    }
    staying = {person.id for person in declared if person} | {matched.state.me}
    for person in matched.state.people:
        if person.id in matched.state.members and person.id not in staying and matched.state.me:
            yield Change(action="delete", kind="member", name=person.email or person.name, id=person.id)
