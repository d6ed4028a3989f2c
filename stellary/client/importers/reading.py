"""The result of reading a file: projects to import, and a report of what they omit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs

from stellary.client.calling.nearest import nearest
from stellary.client.errors import UnsuitableFile
from stellary.contract.cards import DESCRIPTION_MAX, TITLE_MAX
from stellary.contract.project_imports import (
    CARDS_MAX,
    COLUMNS_MAX,
    IN_ALL_MAX,
    ImportedCard,
    ImportedColumn,
    ImportedComment,
    ImportedCustomField,
    ImportedLabel,
    ImportedMember,
    ImportedPerson,
    ImportedProject,
    ImportProject,
)
from stellary.contract.wire import UNSET, Unset

EXAMPLES_MAX = 10
NAME_MAX = 100
"""The maximum length of the names of projects, columns and custom fields."""
COMMENT_MAX = 2000
"""The maximum length of an imported comment."""
_INVALID_CHARACTERS = re.compile("[\0\ud800-\udfff]")
_CONTINUES_IN_COMMENTS = "it is longer than {most} characters: the rest is in comments"


@attrs.frozen
class LeftOut:
    """Something that the projects omit or change.

    Attributes:
        kind: The kind of object or field: ``attachment``, ``assignee``, ``card.cover`` …
        reason: The reason, and the replacement if there is one, in a sentence.
        count: The number of occurrences.
        where: The first ten occurrences: ``card "Write the spec"``.
    """

    kind: str
    reason: str
    count: int
    where: tuple[str, ...]

    def __str__(self) -> str:
        more = len(self.where) == EXAMPLES_MAX < self.count
        examples = ", ".join(self.where) + (", …" if more else "")
        return f"{self.count} {self.kind}: {self.reason} ({examples})"


@attrs.frozen
class Reading:
    """The result of reading a file.

    Attributes:
        projects: One project, or several if the file has more columns or cards than one project can hold. The first project
            has the cards that are not archived, as far as they fit.
        left_out: The report of everything that was omitted or changed.
    """

    projects: tuple[ImportProject, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def project(self) -> ImportProject:
        """The only project.

        Raises:
            UnsuitableFile: There are several projects.
        """
        if len(self.projects) > 1:
            raise UnsuitableFile(
                f"the file results in {len(self.projects)} projects, since a project can have at most {COLUMNS_MAX} columns and"
                f" {CARDS_MAX} cards: import each of .projects"
            )
        return self.projects[0]


class LossReport:
    """A collector of notes about omissions, grouped by kind and reason."""

    def __init__(self) -> None:
        self._notes: dict[tuple[str, str], Counter[str]] = {}

    def note(self, kind: str, reason: str, where: str, count: int = 1) -> None:
        """Note one or more omissions.

        Args:
            kind: The kind of the omitted item, such as ``card.label``.
            reason: The reason, in one clause.
            where: The place in the file, such as the title of a card.
            count: The number of omissions at that place.
        """
        self._notes.setdefault((kind, reason), Counter())[where] += count

    def note_once(self, kind: str, reason: str, where: str) -> None:
        """Note the omission, unless it has been noted before.

        Args:
            kind: The kind of the omitted item, such as ``card.label``.
            reason: The reason, in one clause.
            where: The place in the file, such as the title of a card.
        """
        if where not in self._notes.get((kind, reason), ()):
            self.note(kind, reason, where)

    def note_unknown(self, kind: str, names: Iterable[str], file_names: Collection[str]) -> None:
        """Note the names in an argument that the file does not have, each with the most similar names in the file.

        Args:
            kind: The argument.
            names: The names in it.
            file_names: The names in the file.
        """
        for name in names:
            if name not in file_names:
                self.note(kind, f"the file does not have {name!r}{nearest(name, file_names)}", name)

    def choose_assignee(self, candidates: Iterable[tuple[str, str | None]], where: str) -> str | None:
        """Return the first address among those of the people of a card, and note the others.

        Args:
            candidates: The name and the address of each person; None for an unknown address.
            where: The card.
        """
        assignee: str | None = None
        for name, email in candidates:
            if assignee is None and email is not None:
                assignee = email
            else:
                reason = (
                    "a card has one assignee" if email else "`people` has no e-mail address for this login"
                )
                self.note("assignee", f"{name}: {reason}", where)
        return assignee

    def shorten(self, value: Any, most: int, kind: str, where: str) -> str:
        """Return a non-blank text of at most ``most`` characters; truncation is noted.

        Args:
            value: The value in the file.
            most: The maximum number of characters, including the ``…`` at the end.
            kind: The kind of the text, for the note.
            where: The place in the file, for the note.

        Returns:
            The text; ``Untitled`` if it is blank.
        """
        text = text_of(value).strip()
        if len(text) > most:
            self.note(kind, f"it is longer than {most} characters and was cut: {text!r}", where)
            text = text[: most - 1] + "…"
        return text or "Untitled"

    def moment_of(self, value: str | None, kind: str, where: str) -> datetime | None:
        """Return an ISO 8601 date and time in UTC; None, with a note, for an invalid one.

        Args:
            value: The text in the file. Without an offset it is taken as UTC.
            kind: The kind of the date, for the note.
            where: The place in the file, for the note.
        """
        if not value:
            return None
        try:
            moment = datetime.fromisoformat(value)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            self.note(kind, "it is no date", where)
            return None

    def split_title(self, value: Any, where: str) -> tuple[str, str]:
        """Return the title of a card, and the full title if it had to be truncated.

        Args:
            value: The value in the file.
            where: The place in the file, for the note.

        Returns:
            The title of at most 500 characters, and the full title or an empty text.
        """
        title = text_of(value).strip() or "Untitled"
        if len(title) <= TITLE_MAX:
            return title, ""
        self.note("card.title", _CONTINUES_IN_COMMENTS.format(most=TITLE_MAX), where)
        return title[: TITLE_MAX - 1] + "…", title

    def split_description(self, value: Any, where: str) -> tuple[str | None, str]:
        """Return the description of a card, and the remainder beyond the limit.

        Args:
            value: The value in the file.
            where: The place in the file, for the note.

        Returns:
            The first 5000 characters, or None for a blank text; and the remainder, or an empty text.
        """
        text = text_of(value)
        if len(text) <= DESCRIPTION_MAX:
            return text if text.strip() else None, ""
        self.note("card.description", _CONTINUES_IN_COMMENTS.format(most=DESCRIPTION_MAX), where)
        return text[:DESCRIPTION_MAX], text[DESCRIPTION_MAX:]

    def left_out(self) -> tuple[LeftOut, ...]:
        """Return all notes."""
        return tuple(
            LeftOut(kind, reason, occurrences.total(), tuple(occurrences)[:EXAMPLES_MAX])
            for (kind, reason), occurrences in self._notes.items()
        )


@attrs.define(kw_only=True)
class Draft:
    """A project before it is split into parts that fit the limits.

    Attributes:
        columns: The columns, each with an id that cards refer to.
        cards: The cards, ordered within each column.
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
        """Return the projects that hold all columns and cards; archived cards come last, so that an active board stays in one project."""
        parts = list(self._parts()) or [(self.columns, [])]
        last_number = max((card.number for card in self.cards if card.number), default=0)
        return tuple(
            ImportProject(
                project=ImportedProject(
                    name=self._part_name(index, len(parts)),
                    description=self.description,
                    archived=self.archived,
                    last_number=last_number,
                ),
                columns=columns,
                cards=cards,
                labels=self.labels,
                custom_fields=self.custom_fields,
                members=self.members,
            )
            for index, (columns, cards) in enumerate(parts)
        )

    def _parts(self) -> Iterator[tuple[list[ImportedColumn], list[ImportedCard]]]:
        for first in range(0, len(self.columns), COLUMNS_MAX):
            columns = self.columns[first : first + COLUMNS_MAX]
            ids = {column.id for column in columns}
            column_cards = sorted(
                (card for card in self.cards if card.column_id in ids), key=lambda card: card.archived
            )
            chunks = list(_split_cards(column_cards)) or [[]]
            yield from ((columns, cards) for cards in chunks)

    def _part_name(self, index: int, parts: int) -> str:
        if parts == 1:
            return self.name
        suffix = f" ({index + 1} of {parts})"
        return self.name[: NAME_MAX - len(suffix)] + suffix


def _split_cards(cards: Sequence[ImportedCard]) -> Iterator[list[ImportedCard]]:
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


def text_of(value: Any) -> str:
    """Return a string of a file with NUL and lone surrogates replaced by U+FFFD; an empty string for other values."""
    return _INVALID_CHARACTERS.sub("\ufffd", value) if isinstance(value, str) else ""


def comments_of(
    value: Any,
    author: str | None = None,
    created_at: datetime | None = None,
    updated_at: datetime | None = None,
) -> Iterator[ImportedComment]:
    """Yield a text as one or more comments of at most 2000 characters; none if it is blank.

    Args:
        value: The value in the file.
        author: The name of the author; by default the importing user.
        created_at: The time of the comment; by default that of the import.
        updated_at: The time of the last edit; by default ``created_at``.
    """
    text = text_of(value)
    comment_author: ImportedPerson | Unset = ImportedPerson(name=author[:100]) if author else UNSET
    for begin in range(0, len(text), COMMENT_MAX):
        part = text[begin : begin + COMMENT_MAX]
        if part.strip():
            yield ImportedComment(
                content=part,
                author=comment_author,
                created_at=created_at or UNSET,
                updated_at=updated_at or created_at or UNSET,
            )
