"""Citations: the numbered lines of a brief, and the check that each deliverable of a model cites one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from stellary.core.ports.planner import Brief
from stellary.core.wizard.rules.fitting import NOTE_MAX, shorten
from stellary.core.wizard.rules.messages import format_message
from stellary.core.wizard.rules.outline import plain_text
from stellary.core.wizard.rules.plans import content_words
from stellary.core.wizard.rules.vocabulary import detect_language, fold

QUOTE_MAX = 200
QUOTE_MIN = 3
"""The minimum number of characters of a quotation from an answer or feedback."""
STEM = 5
"""The number of letters that the inflections of a word share."""


class CitedLines:
    """The lines of a brief that are not empty, numbered from 1 over all its texts.

    Args:
        brief: The brief.
    """

    def __init__(self, brief: Brief) -> None:
        self._language = detect_language([text.content for text in brief.texts])
        self._texts: list[tuple[str, list[tuple[int, str]]]] = []
        self._lines: dict[int, str] = {}
        for text in brief.texts:
            lines = [line.strip() for line in text.content.splitlines() if line.strip()]
            numbered = list(enumerate(lines, len(self._lines) + 1))
            self._lines |= dict(numbered)
            self._texts.append((text.title, numbered))
        self._quotes = [str(answer) for answer in brief.answers.values()] + list(brief.feedback)
        self._dropped: list[str] = []

    def dump(self) -> list[dict[str, object]]:
        """Return the texts with the number before each line."""
        return [
            {"title": title, "lines": [f"{number}: {line}" for number, line in numbered]}
            for title, numbered in self._texts
        ]

    def find_source(self, title: str, cites: str) -> str | None:
        """Return the cited text. If there is none, or it shares no word with the title, note the deliverable, and return None.

        Args:
            title: The title of the deliverable.
            cites: The number of a line, or the text of an answer or of feedback.
        """
        number = cites.strip().removeprefix("line").strip(" .:#")
        quote = self._lines.get(int(number)) if number.isdecimal() and len(number) < 8 else None
        text = fold(cites).strip(" \"'“”«».")
        if quote is None and len(text) >= QUOTE_MIN:
            quote = next((source for folded, source in self._sources if text in folded), None)
        if quote is None or _find_stems(title).isdisjoint(_find_stems(quote)):
            self._dropped.append(title)
            return None
        plain = shorten(plain_text(quote).strip(" #-*|>"), QUOTE_MAX)
        return format_message(self._language, "source", text=plain)

    @cached_property
    def _sources(self) -> list[tuple[str, str]]:
        """The lines, answers and feedback, each after its folded text."""
        return [(fold(source), source) for source in (*self._lines.values(), *self._quotes)]

    def list_notes(self) -> Iterator[str]:
        """Yield a note with the deliverables that were dropped, if there are any."""
        if self._dropped:
            names = "; ".join(dict.fromkeys(self._dropped))
            yield shorten(format_message(self._language, "note_dropped", names=names), NOTE_MAX)


def _find_stems(text: str) -> frozenset[str]:
    """Return the beginnings of the significant words of a text, which their inflections share."""
    return frozenset(word[:STEM] for word in content_words(text))
