"""Changes: what leads from what there is to what is declared, as values that a person can read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final, Literal

import attrs

from stellary.client.project_setup.declaration import Step, shown_date
from stellary.contract.unset import UNSET

ActionWord = Literal["create", "update", "move", "delete"]
Kind = Literal["project", "field", "label", "member", "scope", "column", "card", "relation", "automation"]

SIGNS: Final[Mapping[ActionWord, str]] = {"create": "+", "update": "~", "move": ">", "delete": "-"}
_LONGEST = 90


@attrs.frozen
class Difference:
    """A field that changes.

    Attributes:
        name: ``color``; ``fields.Severity`` for the value of a custom field.
        old: None too where there is nothing yet.
        new: As it is declared.
    """

    name: str
    old: Any
    new: Any


@attrs.frozen(kw_only=True)
class Change:
    """One thing that is made, changed, moved or deleted.

    Attributes:
        action: Which of these.
        kind: What it is.
        name: What it is called in the end: ``Done``, and of a column with its scope before it: ``MVP / Done``.
        differences: The fields that are given to it, or that change.
        note: What else becomes of it, for a person: ``after "To do"``.
        id: Of what there is; empty if it is to be made.
        order: The place that it gets, from 0, where it has one.
        about: What the change is made of.
    """

    action: ActionWord
    kind: Kind
    name: str
    differences: tuple[Difference, ...] = ()
    note: str = ""
    id: str = ""
    order: int | None = None
    about: Any = attrs.field(default=None, repr=False)

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> Iterator[str]:
        """It in lines, the fields below it."""
        note = f" {self.note}" if self.note else ""
        yield f'{SIGNS[self.action]} {self.kind} "{self.name}"{note}'
        width = max((len(each.name) for each in self.differences), default=0)
        for each in self.differences:
            told = shown(each.new) if self.action == "create" else f"{shown(each.old)} -> {shown(each.new)}"
            yield f"    {each.name:<{width}}  {told}"


def differences(wanted: Mapping[str, Any], there: Mapping[str, Any] | None) -> tuple[Difference, ...]:
    """What of the fields that are named is different.

    Args:
        wanted: Of these, those that are UNSET are not named.
        there: None if there is nothing yet.
    """
    return tuple(
        Difference(name, None if there is None else there.get(name), new)
        for name, new in wanted.items()
        if new is not UNSET and (there is None or there.get(name) != new)
    )


def is_default(given: Difference) -> bool:
    """Whether a new card has that value without being given it."""
    return given.new is None or given.new == [] or (given.name == "archived" and not given.new)


def shown(found: Any) -> str:
    """A value for a person, in a line."""
    if found is None:
        return "none"
    if isinstance(found, date):
        return shown_date(found)
    if isinstance(found, Sequence) and not isinstance(found, str):
        return _cut("[" + ", ".join(map(_part, found)) + "]")
    if isinstance(found, str):
        return _cut(json.dumps(found, ensure_ascii=False))
    return _cut(json.dumps(found, ensure_ascii=False))


def _part(found: Any) -> str:
    if isinstance(found, Step):
        return f"{'[x] ' if found.done else ''}{found.title}"
    return str(found)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def counted(changes: Sequence[Change]) -> str:
    """How many there are of each: ``3 to create, 1 to move``."""
    words: tuple[ActionWord, ...] = ("create", "update", "move", "delete")
    found = [(sum(each.action == word for each in changes), word) for word in words]
    return ", ".join(f"{count} to {word}" for count, word in found if count) or "nothing to do"
