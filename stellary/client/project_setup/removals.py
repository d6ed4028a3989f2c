"""Deletions of a plan with ``prune``: undeclared items of the declared kinds.

Cards are deleted only if the file declares cards. The other cards of a deleted column or scope move
to another column first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stellary.client.project_setup.changes import Change
from stellary.client.project_setup.matching import Frame, Matched
from stellary.client.project_setup.structure import column_path
from stellary.contract.wire import UNSET


def plan_removals(matched: Matched, moved: set[str]) -> Iterator[Change]:
    """Yield the deletions, in an order in which the API accepts them.

    Args:
        matched: The declared and the existing items.
        moved: The ids of cards that the plan moves to a declared column.
    """
    declaration = matched.declaration
    if declaration.automations is not UNSET:
        for rule in matched.automations.unmatched:
            yield Change(action="delete", kind="automation", name=rule.name, id=rule.id)
    deleted: set[str] = set()
    if declaration.cards is not UNSET:
        for card in matched.cards.unmatched:
            deleted.add(card.id)
            yield Change(action="delete", kind="card", name=card.title, id=card.id)
    yield from _ColumnRemovals(matched, deleted | moved).plan()
    for kind, declared, pairs in (
        ("label", declaration.labels, matched.labels),
        ("field", declaration.fields, matched.fields),
    ):
        if declared is not UNSET:
            for item in pairs.unmatched:
                yield Change(action="delete", kind=kind, name=item.name, id=item.id)  # type: ignore[arg-type]
    yield from _member_removals(matched)


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
            for column in frame.columns.unmatched if frame.columns else []:
                name = column_path(frame.name, column.name)
                yield self._removal("column", name, column.id, [column.id], frame)
        for frame in self.scopes:
            assert frame.existing is not None
            columns = [column.id for column in frame.existing.columns]
            yield self._removal("scope", frame.name, frame.existing.id, columns, None)

    def _removal(self, kind: Any, name: str, id: str, columns: list[str], frame: Frame | None) -> Change:
        count = sum(card.column_id in columns for card in self.cards)
        if not count:
            return Change(action="delete", kind=kind, name=name, id=id)
        target = self._find_target(frame)
        if target is None:
            self.matched.problems.note(
                "", f'the {kind} "{name}" has cards, and no other column remains for them'
            )
            return Change(action="delete", kind=kind, name=name, id=id)
        cards = "its card goes" if count == 1 else f"its {count} cards go"
        note = f'({cards} to "{target[1]}")'
        return Change(action="delete", kind=kind, name=name, note=note, id=id, about=target)

    def _find_target(self, first: Frame | None) -> tuple[str, str] | None:
        """Return the id and name of a remaining column: in the same scope, else in the default scope, else in any scope."""
        frames = sorted(self.staying, key=lambda frame: (frame is not first, not frame.is_default))
        return next((column for frame in frames for column in _remaining_columns(frame)), None)


def _remaining_columns(frame: Frame) -> list[tuple[str, str]]:
    """Return the ids and names of the remaining columns of a scope; the id of a new column is empty."""
    if frame.columns is not None:
        return [
            (existing.id if existing else "", column_path(frame.name, column.name))
            for column, existing, _ in frame.columns.pairs
        ]
    columns = frame.existing.columns if frame.existing else []
    return [(column.id, column_path(frame.name, column.name)) for column in columns]


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
