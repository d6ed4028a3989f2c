"""Columns: what the cells of a table mean, by its header."""

from __future__ import annotations

from collections.abc import Sequence

from stellary.core.wizard.rules.vocabulary import DASHES, find_column, fold, is_done, split_words, word_set

ENTRY_WORDS_MAX = 8
"""The maximum length of an entry between commas; longer text is a sentence."""
_PLAN_COLUMNS = frozenset(("phase", "priority", "status", "depends", "duration", "due", "owner", "start"))
_UNITS = frozenset(("days", "weeks", "months", "jours", "semaines", "mois"))


class Cells:
    """The cells of a row by the meanings of their columns; a missing one is empty.

    Args:
        header: The names of the columns.
        row: The texts of the cells.
    """

    def __init__(self, header: Sequence[str], row: Sequence[str]) -> None:
        self._columns = [
            (find_column(name), name, "" if cell.strip(f" {DASHES}") == "" else cell)
            for name, cell in zip(header, row, strict=False)
        ]
        columns = [column for column, _, _ in self._columns]
        self.work = self["work" if "work" in columns else "role"]
        self.is_done = is_done(self["status"])

    def __getitem__(self, meaning: str) -> str:
        for column, header, cell in self._columns:
            if column == meaning and cell:
                # The unit may be in the header: ``Duration (days)``.
                units = [word for word in split_words(header) if word in _UNITS]
                return f"{cell} {units[0]}" if cell.isdecimal() and units else cell
        return ""

    @property
    def name(self) -> str:
        """The first cell that is neither an id nor a property."""
        return next((cell for column, _, cell in self._columns if column not in ("id", "other") and cell), "")

    def describe(self) -> str:
        """Return the cells beside the work as lines with their headers."""
        handled = {"phase", "priority", "status", "work"}
        return "\n".join(
            f"{header}: {cell}"
            for column, header, cell in self._columns
            if cell and cell != self.work and column not in handled
        )


def find_phase_column(header: Sequence[str]) -> int | None:
    """Return the index of the column that names phases. One with names goes before one with weeks or quarters."""
    places = [place for place, name in enumerate(header) if find_column(name) == "phase"]
    return min(places, key=lambda place: fold(header[place]) in word_set("periods"), default=None)


def is_work_table(header: Sequence[str]) -> bool:
    """Return whether a column names work, and the table is not a list of costs, hours or properties."""
    columns = {find_column(name) for name in header}
    if "other" not in columns and "role" in columns:
        return bool(columns & _PLAN_COLUMNS)
    return "work" in columns and ("other" not in columns or bool(columns & _PLAN_COLUMNS))


def split_entries(text: str) -> list[str]:
    """Return the entries of a list in one line: separated by semicolons, or by commas if all entries are short."""
    separator = "; " if ";" in text else ", "
    groups: list[list[str]] = []
    open_brackets = 0
    for part in text.split(separator):
        # A comma in brackets separates nothing.
        if open_brackets > 0:
            groups[-1].append(part)
        else:
            groups.append([part])
        open_brackets = max(0, open_brackets) + part.count("(") - part.count(")")
    parts = [separator.join(group) for group in groups]
    if separator == ", " and any(len(part.split()) > ENTRY_WORDS_MAX for part in parts):
        parts = [text]
    if len(parts) > 1:
        parts[-1] = parts[-1].removeprefix("and ").removeprefix("et ")
    return [entry for part in parts if (entry := part.strip(" ."))]
