"""What has been read: projects to import, and a report of what they leave out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from stellary.client.errors import UnsuitableFile
from stellary.contract.project_imports import (
    CARDS_MAX,
    COLUMNS_MAX,
    IN_ALL_MAX,
    ImportedCard,
    ImportedColumn,
    ImportedCustomField,
    ImportedLabel,
    ImportedMember,
    ImportedProject,
    ImportProject,
)

PLACES_SHOWN = 10
NAME_MAX = 100
"""Of projects, columns and custom fields."""


@attrs.frozen
class LeftOut:
    """Something that the projects do not have, or have otherwise than the file.

    Attributes:
        kind: What it is: ``attachment``, ``assignee``, ``card.cover`` …
        reason: Why, and what became of it, in a sentence.
        count: How many there are.
        where: The first ten places: ``card "Write the spec"``.
    """

    kind: str
    reason: str
    count: int
    where: tuple[str, ...]

    def __str__(self) -> str:
        more = len(self.where) == PLACES_SHOWN < self.count
        shown = ", ".join(self.where) + (", …" if more else "")
        return f"{self.count} {self.kind}: {self.reason} ({shown})"


@attrs.frozen
class Reading:
    """A file that has been read.

    Attributes:
        projects: One, or several where the file holds more columns or cards than a project takes; the first one has what
            is not archived, as far as there is room.
        left_out: What could not be carried over.
    """

    projects: tuple[ImportProject, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def project(self) -> ImportProject:
        """The project.

        Raises:
            UnsuitableFile: There are several.
        """
        if len(self.projects) > 1:
            raise UnsuitableFile(
                f"the file makes {len(self.projects)} projects, since one takes {COLUMNS_MAX} columns and"
                f" {CARDS_MAX} cards: import each of .projects"
            )
        return self.projects[0]


class Report:
    """Notes what is left out, the same of many places together."""

    def __init__(self) -> None:
        self._noted: dict[tuple[str, str], list[str]] = {}

    def note(self, kind: str, reason: str, where: str, count: int = 1) -> None:
        """Note that something is left out there, or several."""
        self._noted.setdefault((kind, reason), []).extend([where] * count)

    def unknown(self, kind: str, found: Mapping[str, Any], known: frozenset[str], where: str) -> None:
        """Note each field of a thing that says something and that nobody has asked for."""
        for name, value in found.items():
            if name not in known and not name.endswith("_url") and _says_something(value):
                self.note(f"{kind}.{name}", "there is nothing like it here", where)

    def left_out(self) -> tuple[LeftOut, ...]:
        """All that was noted."""
        return tuple(
            LeftOut(kind, reason, len(places), tuple(dict.fromkeys(places))[:PLACES_SHOWN])
            for (kind, reason), places in self._noted.items()
        )


def _says_something(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_says_something(each) for name, each in value.items() if name != "url")
    if isinstance(value, list):
        return any(map(_says_something, value))
    return bool(value)


@attrs.define(kw_only=True)
class Draft:
    """A project before it is known to fit.

    Attributes:
        columns: Each with an id, which the cards name.
        cards: In their order within each column.
    """

    name: str
    description: str | None
    archived: bool = False
    columns: list[ImportedColumn]
    labels: list[ImportedLabel]
    custom_fields: list[ImportedCustomField]
    cards: list[ImportedCard]
    members: list[ImportedMember] = attrs.field(factory=list)

    def split(self) -> tuple[ImportProject, ...]:
        """As many projects as it takes: what is archived comes last, so that a board that is used stays one."""
        parts = list(self._parts()) or [(self.columns, [])]
        last_number = max((card.number for card in self.cards if card.number), default=0)
        return tuple(
            self._part(columns, cards, self._named(place, len(parts)), last_number)
            for place, (columns, cards) in enumerate(parts)
        )

    def _parts(self) -> Iterator[tuple[list[ImportedColumn], list[ImportedCard]]]:
        for first in range(0, len(self.columns), COLUMNS_MAX):
            columns = self.columns[first : first + COLUMNS_MAX]
            ids = {column.id for column in columns}
            waiting = sorted(
                (card for card in self.cards if card.column_id in ids), key=lambda card: card.archived
            )
            made = list(_fitting(waiting)) or [[]]
            yield from ((columns, cards) for cards in made)

    def _named(self, place: int, parts: int) -> str:
        if parts == 1:
            return self.name
        tail = f" ({place + 1} of {parts})"
        return self.name[: NAME_MAX - len(tail)] + tail

    def _part(
        self, columns: list[ImportedColumn], cards: list[ImportedCard], name: str, last_number: int
    ) -> ImportProject:
        return ImportProject(
            project=ImportedProject(
                name=name, description=self.description, archived=self.archived, last_number=last_number
            ),
            columns=columns,
            cards=cards,
            labels=self.labels,
            custom_fields=self.custom_fields,
            members=self.members,
        )


def _fitting(cards: Sequence[ImportedCard]) -> Iterator[list[ImportedCard]]:
    part: list[ImportedCard] = []
    comments = 0
    for card in cards:
        more = len(card.comments or ())
        if part and (len(part) == CARDS_MAX or comments + more > IN_ALL_MAX):
            yield part
            part, comments = [], 0
        part.append(card)
        comments += more
    if part:
        yield part
