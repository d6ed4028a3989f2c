"""Text of other tools, converted to fit: text beyond a limit continues in comments, and invalid characters are replaced."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from stellary.client.importers.reading import LossReport
from stellary.contract.cards import DESCRIPTION_MAX, TITLE_MAX
from stellary.contract.project_imports import ImportedComment, ImportedPerson
from stellary.contract.wire import UNSET, Unset

COMMENT_MAX = 2000
"""The maximum length of an imported comment."""
_INVALID_CHARACTERS = re.compile("[\0\ud800-\udfff]")
_CONTINUES_IN_COMMENTS = "it is longer than {most} characters: the rest is in comments"


def text_of(value: Any) -> str:
    """Return a string of a file with NUL and lone surrogates replaced by U+FFFD; an empty string for other values."""
    return _INVALID_CHARACTERS.sub("\ufffd", value) if isinstance(value, str) else ""


def shorten(value: Any, most: int, kind: str, where: str, report: LossReport) -> str:
    """Return a non-blank text of at most ``most`` characters; truncation is noted.

    Args:
        value: The value in the file.
        most: The maximum number of characters, including the ``…`` at the end.
        kind: The kind of the text, for the note.
        where: The place in the file, for the note.
        report: Receives the note.

    Returns:
        The text; ``Untitled`` if it is blank.
    """
    text = text_of(value).strip()
    if len(text) > most:
        report.note(kind, f"it is longer than {most} characters and was cut: {text!r}", where)
        text = text[: most - 1] + "…"
    return text or "Untitled"


def moment_of(value: str | None, kind: str, where: str, report: LossReport) -> datetime | None:
    """Return an ISO 8601 date and time in UTC; None, with a note, for an invalid one.

    Args:
        value: The text in the file. Without an offset it is taken as UTC.
        kind: The kind of the date, for the note.
        where: The place in the file, for the note.
        report: Receives the note.
    """
    if not value:
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        report.note(kind, "it is no date", where)
        return None


def split_title(value: Any, where: str, report: LossReport) -> tuple[str, str]:
    """Return the title of a card, and the full title if it had to be truncated.

    Args:
        value: The value in the file.
        where: The place in the file, for the note.
        report: Receives a note if the title is truncated.

    Returns:
        The title of at most 500 characters, and the full title or an empty text.
    """
    title = text_of(value).strip() or "Untitled"
    if len(title) <= TITLE_MAX:
        return title, ""
    report.note("card.title", _CONTINUES_IN_COMMENTS.format(most=TITLE_MAX), where)
    return title[: TITLE_MAX - 1] + "…", title


def split_description(value: Any, where: str, report: LossReport) -> tuple[str | None, str]:
    """Return the description of a card, and the remainder beyond the limit.

    Args:
        value: The value in the file.
        where: The place in the file, for the note.
        report: Receives a note if the description is split.

    Returns:
        The first 5000 characters, or None for a blank text; and the remainder, or an empty text.
    """
    text = text_of(value)
    if len(text) <= DESCRIPTION_MAX:
        return text if text.strip() else None, ""
    report.note("card.description", _CONTINUES_IN_COMMENTS.format(most=DESCRIPTION_MAX), where)
    return text[:DESCRIPTION_MAX], text[DESCRIPTION_MAX:]


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
