"""What is deleted when a plan prunes: things of the kinds that are declared, and are not declared themselves.

A card goes only as an undeclared card. One that is in a column or a scope that is deleted goes to another column first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stellary.client.project_setup.changes import Change
from stellary.client.project_setup.matching import Frame, Matched
from stellary.client.project_setup.structure import below
from stellary.contract.unset import UNSET


def removals(matched: Matched, moved: set[str]) -> Iterator[Change]:
    """What is to be deleted, in the order in which that goes.

    Args:
        matched: What is declared beside what there is.
        moved: The ids of cards that are on their way to a declared column.
    """
    declaration = matched.declaration
    if declaration.automations is not UNSET:
        for rule in matched.automations.left:
            yield Change(action="delete", kind="automation", name=rule.name, id=rule.id)
    gone: set[str] = set()
    if declaration.cards is not UNSET:
        for card in matched.cards.left:
            gone.add(card.id)
            yield Change(action="delete", kind="card", name=card.title, id=card.id)
    yield from _Places(matched, gone | moved).removals()
    for kind, declared, pairs in (
        ("label", declaration.labels, matched.labels),
        ("field", declaration.fields, matched.fields),
    ):
        if declared is not UNSET:
            for left in pairs.left:
                yield Change(action="delete", kind=kind, name=left.name, id=left.id)  # type: ignore[arg-type]
    yield from _members(matched)


class _Places:
    """The columns and scopes that go, and where the cards go that are in them.

    Args:
        matched: What is declared beside what there is.
        elsewhere: The ids of cards that will not be there by then.
    """

    def __init__(self, matched: Matched, elsewhere: set[str]) -> None:
        self.matched = matched
        self.cards = [card for card in matched.state.cards if card.id not in elsewhere]
        scopes = matched.declaration.scopes is not UNSET
        self.scopes = [
            frame for frame in matched.frames if scopes and frame.scope is None and not frame.is_default
        ]
        self.staying = [frame for frame in matched.frames if frame not in self.scopes]

    def removals(self) -> Iterator[Change]:
        for frame in self.staying:
            for column in frame.columns.left if frame.columns else []:
                name = below(frame.name, column.name)
                yield self._removal("column", name, column.id, [column.id], frame)
        for frame in self.scopes:
            assert frame.existing is not None
            own = [column.id for column in frame.existing.columns]
            yield self._removal("scope", frame.name, frame.existing.id, own, None)

    def _removal(self, kind: Any, name: str, id: str, columns: list[str], frame: Frame | None) -> Change:
        count = sum(card.column_id in columns for card in self.cards)
        if not count:
            return Change(action="delete", kind=kind, name=name, id=id)
        target = self._target(frame)
        if target is None:
            self.matched.problems.note("", f'the {kind} "{name}" holds cards, and no column is left for them')
            return Change(action="delete", kind=kind, name=name, id=id)
        cards = "its card goes" if count == 1 else f"its {count} cards go"
        note = f'({cards} to "{target[1]}")'
        return Change(action="delete", kind=kind, name=name, note=note, id=id, about=target)

    def _target(self, first: Frame | None) -> tuple[str, str] | None:
        """The id and name of a column that stays: of the same scope, or else of the default one, or of any."""
        frames = sorted(self.staying, key=lambda frame: (frame is not first, not frame.is_default))
        return next((column for frame in frames for column in _columns(frame)), None)


def _columns(frame: Frame) -> list[tuple[str, str]]:
    """The columns of a scope that stay, by id and name; the id is empty of one that is still to be made."""
    if frame.columns is not None:
        return [
            (found.id if found else "", below(frame.name, wanted.name))
            for wanted, found, _ in frame.columns.pairs
        ]
    there = frame.existing.columns if frame.existing else []
    return [(each.id, below(frame.name, each.name)) for each in there]


def _members(matched: Matched) -> Iterator[Change]:
    """Members that go; never the caller, who would be at the mercy of others from then on."""
    if matched.declaration.members is UNSET:
        return
    named = {matched.person(each, f"members[{at}]") for at, each in enumerate(matched.declaration.members)}
    staying = {each.id for each in named if each} | {matched.state.me}
    for person in matched.state.people:
        if person.id in matched.state.members and person.id not in staying and matched.state.me:
            yield Change(action="delete", kind="member", name=person.email or person.name, id=person.id)
