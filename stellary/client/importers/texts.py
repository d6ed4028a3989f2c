"""Texts of other tools, made to fit: what is too long goes on in comments, and what cannot be said is said otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from stellary.client.importers.reading import Report
from stellary.contract.cards import DESCRIPTION_MAX, TITLE_MAX
from stellary.contract.project_imports import ImportedComment, ImportedPerson
from stellary.contract.unset import UNSET, Unset

COMMENT_MAX = 2000
"""Of a comment."""
_UNSAYABLE = re.compile("[\0\ud800-\udfff]")
_FITS_LATER = "it is longer than {most} characters: the rest stands in comments"


def text_of(found: Any) -> str:
    """A text of a file; what is none is nothing. NUL and halves of letters, which JSON can hold, become U+FFFD."""
    return _UNSAYABLE.sub("\ufffd", found) if isinstance(found, str) else ""


def object_of(found: Any) -> dict[str, Any]:
    """An object of a file; what is none has nothing in it."""
    return found if isinstance(found, dict) else {}


def short(found: Any, most: int, kind: str, where: str, report: Report) -> str:
    """A text that must not be blank or longer than that; what is cut off is noted."""
    text = text_of(found).strip()
    if len(text) > most:
        report.note(kind, f"it is longer than {most} characters and was cut: {text!r}", where)
        text = text[: most - 1] + "…"
    return text or "Untitled"


def moment_of(found: Any, kind: str, where: str, report: Report) -> datetime | None:
    """A moment, as ISO 8601; what is given and is none is noted."""
    if not found:
        return None
    try:
        moment = datetime.fromisoformat(found)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        report.note(kind, "it is no date", where)
        return None


def title_and_rest(found: Any, where: str, report: Report) -> tuple[str, str]:
    """The title of a card, and what of it must go elsewhere."""
    title = text_of(found).strip() or "Untitled"
    if len(title) <= TITLE_MAX:
        return title, ""
    report.note("card.title", _FITS_LATER.format(most=TITLE_MAX), where)
    return title[: TITLE_MAX - 1] + "…", title


def description_and_rest(found: Any, where: str, report: Report) -> tuple[str | None, str]:
    """The description of a card, and what of it must go elsewhere."""
    text = text_of(found)
    if len(text) <= DESCRIPTION_MAX:
        return text if text.strip() else None, ""
    report.note("card.description", _FITS_LATER.format(most=DESCRIPTION_MAX), where)
    return text[:DESCRIPTION_MAX], text[DESCRIPTION_MAX:]


def comments_of(
    found: Any,
    author: str | None = None,
    created_at: datetime | None = None,
    updated_at: datetime | None = None,
) -> Iterator[ImportedComment]:
    """A text as a comment, or as several where it is too long for one; none where it says nothing."""
    text = text_of(found)
    who: ImportedPerson | Unset = ImportedPerson(name=author[:100]) if author else UNSET
    for begin in range(0, len(text), COMMENT_MAX):
        part = text[begin : begin + COMMENT_MAX]
        if part.strip():
            yield ImportedComment(
                content=part,
                author=who,
                created_at=created_at or UNSET,
                updated_at=updated_at or created_at or UNSET,
            )
