"""Rendering options, and the display names of objects that values refer to by id."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import attrs

from stellary.client.display._parts import Chip, Span


@attrs.frozen
class RenderOptions:
    """The reference time and size limit of a view.

    Attributes:
        now: The reference time: cards due before it are late.
        most: The maximum number of cards per column and rows per table; None uses the default of each part.
        card_url: The beginning of the address of each card, which its key follows; None for cards without an address.
    """

    now: datetime
    most: int | None = None
    card_url: str | None = None

    def find_url(self, key: str | None) -> str | None:
        """Return the address of a card."""
        return f"{self.card_url}{key}" if self.card_url is not None and key else None

    def limit(self, default: int) -> int:
        """Return the number of items to show: ``most`` if it was set, else the default of the view."""
        return default if self.most is None else self.most


@attrs.frozen
class Names:
    """The display names of labels, members, columns and custom fields, by id."""

    labels: dict[str, Chip] = attrs.field(factory=dict)
    people: dict[str, str] = attrs.field(factory=dict)
    columns: dict[str, str] = attrs.field(factory=dict)
    fields: dict[str, Any] = attrs.field(factory=dict)

    def chips(self, ids: Iterable[str] | None) -> tuple[Chip, ...]:
        """Return the labels with these ids, without unknown ones."""
        return tuple(self.labels[label_id] for label_id in ids or () if label_id in self.labels)

    def replace_ids(self, ids: Any) -> str:
        """Return the names of labels, people or columns in place of one id or of several."""
        names = {id: chip.text for id, chip in self.labels.items()} | self.people | self.columns
        return ", ".join(names.get(id, id) for id in ([ids] if isinstance(ids, str) else ids or ()))

    def person(self, id: str | None) -> Span | None:
        """Return the name of a member; None without an id, or if the member is unknown."""
        name = None if id is None else self.people.get(id)
        return None if name is None else Span(name, kind="person")


def collect_names(
    labels: Iterable[Any] = (),
    people: Iterable[Any] = (),
    columns: Iterable[Any] = (),
    fields: Iterable[Any] = (),
) -> Names:
    """Return the display names of labels, members, columns and custom fields."""
    return Names(
        labels={label.id: Chip(label.name or "", label.color) for label in labels},
        people={member.user_id: member.name or member.email or "" for member in people},
        columns={column.id: column.name or "" for column in columns},
        fields={field.id: field for field in fields},
    )
