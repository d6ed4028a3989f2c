"""Looks: from when, and how much of it, something is looked at; and the names of what values know by id."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import attrs

from stellary.client.display._parts import Chip, Span


@attrs.frozen
class Look:
    """How something is looked at.

    Attributes:
        now: What is late is late by then.
        most: How many cards of a board and rows of a table are shown at most; None: what fits well.
    """

    now: datetime
    most: int | None = None

    def of(self, usual: int) -> int:
        """How many are shown where so many fit well."""
        return usual if self.most is None else self.most


@attrs.frozen
class Names:
    """What things are called, by their ids."""

    labels: dict[str, Chip] = attrs.field(factory=dict)
    people: dict[str, str] = attrs.field(factory=dict)
    columns: dict[str, str] = attrs.field(factory=dict)
    fields: dict[str, Any] = attrs.field(factory=dict)

    def chips(self, ids: Iterable[str] | None) -> tuple[Chip, ...]:
        """Labels, those that are known."""
        return tuple(self.labels[each] for each in ids or () if each in self.labels)

    def person(self, id: str | None) -> Span | None:
        """Somebody; None of nobody, and where the name is not known."""
        found = None if id is None else self.people.get(id)
        return None if found is None else Span(found, kind="person")


def names(
    labels: Iterable[Any] = (),
    people: Iterable[Any] = (),
    columns: Iterable[Any] = (),
    fields: Iterable[Any] = (),
) -> Names:
    """The names of labels, members, columns and custom fields."""
    return Names(
        labels={each.id: Chip(each.name or "", each.color) for each in labels},
        people={each.user_id: each.name or each.email or "" for each in people},
        columns={each.id: each.name or "" for each in columns},
        fields={each.id: each for each in fields},
    )
