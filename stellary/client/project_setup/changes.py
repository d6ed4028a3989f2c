"""Changes that turn the current project into the declared one, as values that a person can read."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final, Literal

import attrs

from stellary.client.project_setup.declaration import Step, format_date
from stellary.contract.fields import shared_names
from stellary.contract.wire import UNSET, utc

ActionWord = Literal["create", "update", "move", "delete"]
Kind = Literal["project", "field", "label", "member", "scope", "column", "card", "relation", "automation"]

SIGNS: Final[Mapping[ActionWord, str]] = {"create": "+", "update": "~", "move": ">", "delete": "-"}
_WIDTH_MAX = 90


@attrs.frozen
class Difference:
    """A field whose value changes.

    Attributes:
        name: ``color``; ``fields.Severity`` for the value of a custom field.
        old: The current value; None also for an item that does not exist yet.
        new: The declared value.
    """

    name: str
    old: Any
    new: Any


@attrs.frozen(kw_only=True)
class Change:
    """An item that is created, updated, moved or deleted.

    Attributes:
        action: ``create``, ``update``, ``move`` or ``delete``.
        kind: The kind of item.
        name: The name of the item after the change: ``Done``; a column's name follows its scope's: ``MVP / Done``.
        differences: The fields that are set or changed.
        note: A remark for a person: ``after "To do"``.
        id: The item's id; empty if it is to be created.
        order: The position that a scope or column gets, from 0; None for other items.
        about: The data from which the requests of the change are built.
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
        """Yield the change as lines of text: a heading, then one line per field."""
        note = f" {self.note}" if self.note else ""
        yield f'{SIGNS[self.action]} {self.kind} "{self.name}"{note}'
        width = max((len(difference.name) for difference in self.differences), default=0)
        for difference in self.differences:
            new = format_value(difference.new)
            text = new if self.action == "create" else f"{format_value(difference.old)} -> {new}"
            yield f"    {difference.name:<{width}}  {text}"


def create_or_update(
    kind: Kind,
    name: str,
    existing: Any,
    changed: tuple[Difference, ...],
    about: Any,
    action: ActionWord = "update",
) -> Iterator[Change]:
    """Yield the creation of a declared item, or the update of the existing one if it differs.

    Args:
        kind: The kind of the item.
        name: Its declared name.
        existing: The existing item; None for a new one.
        changed: Its values, or those that differ from the existing item.
        about: The declared item.
        action: ``move`` for an update that only moves the item.
    """
    if existing is None:
        yield Change(action="create", kind=kind, name=name, differences=changed, about=about)
    elif changed:
        yield Change(action=action, kind=kind, name=name, differences=changed, id=existing.id, about=about)


def plain_names(declared: type, kind: type, special: Collection[str]) -> list[str]:
    """Return the names of the fields that a declared item has in the same form as the item of the API.

    Args:
        declared: The class of the declared item.
        kind: The class of the item of the API.
        special: The shared fields that identify the item, or have another form.
    """
    return [name for name in shared_names(declared, kind) if name not in special]


def get_values(item: object, names: Iterable[str]) -> dict[str, Any]:
    """Return fields of a declared or an existing item, in the form in which they are compared: dates as moments.

    Args:
        item: The declared or existing item.
        names: The names of the fields.
    """
    values = {name: getattr(item, name) for name in names}
    return {name: utc(value) if isinstance(value, date) else value for name, value in values.items()}


def differences(declared: Mapping[str, Any], current: Mapping[str, Any] | None) -> tuple[Difference, ...]:
    """Return the declared fields whose current value is different.

    Args:
        declared: Values by field name; UNSET stands for a field that is not declared.
        current: The current values; None for an item that does not exist yet, whose fields are None by default.
    """
    old = current or {}
    return tuple(
        Difference(name, old.get(name), new)
        for name, new in declared.items()
        if new is not UNSET and old.get(name) != new
    )


def is_default(difference: Difference) -> bool:
    """Return whether a new card gets this value by default."""
    return difference.new == [] or (difference.name == "archived" and not difference.new)


def format_value(value: Any) -> str:
    """Return a value as one line for a person, shortened if it is long."""
    if value is None:
        return "none"
    if isinstance(value, date):
        return format_date(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _shorten("[" + ", ".join(map(_format_item, value)) + "]")
    return _shorten(json.dumps(value, ensure_ascii=False))


def _format_item(item: Any) -> str:
    if isinstance(item, Step):
        return f"{'[x] ' if item.done else ''}{item.title}"
    return str(item)


def _shorten(text: str) -> str:
    return text if len(text) <= _WIDTH_MAX else text[: _WIDTH_MAX - 1] + "…"


def summarize(changes: Sequence[Change]) -> str:
    """Return the number of changes per action: ``3 to create, 1 to move``."""
    counts = [(sum(change.action == word for change in changes), word) for word in SIGNS]
    return ", ".join(f"{count} to {word}" for count, word in counts if count) or "nothing to do"
