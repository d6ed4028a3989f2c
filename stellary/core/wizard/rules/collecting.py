"""Collecting: the deliverables and the facts of a section, from its lists and tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date

import attrs

from stellary.contract.cards import Priority
from stellary.core.wizard.rules.dates import DateReader, Timing
from stellary.core.wizard.rules.fitting import shorten
from stellary.core.wizard.rules.outline import OutlineItem, OutlineSection, OutlineTable
from stellary.core.wizard.rules.plans import TITLE_MAX, PlannedItem, PlannedPhase, capitalize
from stellary.core.wizard.rules.vocabulary import (
    DASHES,
    Language,
    find_column,
    find_priority,
    find_role,
    is_done,
    split_label,
    split_words,
    strip_numbering,
)

PRIORITY_ROLES: Mapping[str, Priority] = {"high": "high", "medium": "medium", "low": "low"}
TIME_ROLES = frozenset(("dates", "duration"))
NOT_WORK = TIME_ROLES.union(
    ("out_of_scope", "later", "questions", "risks", "success", "constraints"),
    ("team", "audience", "stack", "goals", "context"),
)
"""The roles of sections without deliverables."""
ENTRY_WORDS_MAX = 8
"""The maximum length of an entry between commas; longer text is a sentence."""

_PLAN_COLUMNS = frozenset(("phase", "priority", "status", "depends", "duration", "due", "owner", "start"))
_UNITS = frozenset(("days", "weeks", "months", "jours", "semaines", "mois"))


@attrs.define
class Findings:
    """The contents of a brief.

    Attributes:
        phases: The phases that the brief states, or else its sections of work.
        beside: Sections of work beside the phases.
        are_stated: Whether the brief itself gives phases or a plan.
        facts: The texts of goals, risks, constraints and so on, by role.
        past: Dates of the plan before today.
        unused: The titles of sections whose tables name no work.
        finished: Work that is marked as done.
        has_prose: Whether there are sentences in sections of no known role.
    """

    language: Language
    phases: list[PlannedPhase] = attrs.field(factory=list)
    beside: list[PlannedPhase] = attrs.field(factory=list)
    are_stated: bool = False
    facts: dict[str, list[str]] = attrs.field(factory=lambda: defaultdict(list))
    start: date | None = None
    deadline: date | None = None
    days: int | None = None
    past: list[date] = attrs.field(factory=list)
    unused: list[str] = attrs.field(factory=list)
    finished: list[str] = attrs.field(factory=list)
    has_prose: bool = False


class Collector:
    """A collector of deliverables.

    Args:
        findings: Receives the facts.
        dates: Reads the durations and dates.

    Attributes:
        used: The ids of the sections, items and tables that belong to a phase.
    """

    def __init__(self, findings: Findings, dates: DateReader) -> None:
        self._findings = findings
        self._dates = dates
        self.used: set[int] = set()

    def collect(
        self, section: OutlineSection, phase: PlannedPhase, priority: Priority | None = None
    ) -> list[PlannedItem]:
        """Return the deliverables of a section and of the sections below it.

        Args:
            section: The section.
            phase: Receives the description, the duration and the dates.
            priority: The priority of the section.
        """
        items = self._read_prose(section.prose, phase)
        unused_items = [item for item in section.items if id(item) not in self.used]
        items += self.read_items(unused_items, phase, priority)
        for table in section.tables:
            if is_work_table(table) and id(table) not in self.used:
                items += [item for row in table.rows for item in self.read_row(table, row)]
            elif id(table) not in self.used:
                self._findings.unused.append(section.title)
        for child in section.sections:
            self.used.add(id(child))
            items += self._collect_part(child, phase, priority)
        return items

    def _collect_part(
        self, section: OutlineSection, phase: PlannedPhase, priority: Priority | None
    ) -> list[PlannedItem]:
        role = find_role(section.title)
        if role in TIME_ROLES:
            for text in [*section.prose, *(item.text for item in section.items)]:
                set_timing(phase, self._dates.read_timing(text))
        elif role in NOT_WORK:
            self.keep_facts(role, section)
        else:
            items = self.collect(section, phase, PRIORITY_ROLES.get(role or "", priority))
            if items or role is not None:
                return items
            title = self._dates.take_timing(strip_numbering(section.title))[0]
            return [PlannedItem(to_title(title), "\n\n".join(section.prose) or None, priority)]
        return []

    def _read_prose(self, prose: Sequence[str], phase: PlannedPhase) -> list[PlannedItem]:
        items: list[PlannedItem] = []
        texts: list[str] = []
        for text in prose:
            if (parts := split_label(text)) and (role := find_role(parts[0])):
                items += self._read_label(role, parts[1], phase)
            elif (timing := self._dates.read_timing(text)) is not None:
                set_timing(phase, timing)
            else:
                texts.append(text)
        if texts and phase.description is None:
            phase.description = "\n\n".join(texts)
        return items

    def _read_label(self, role: str, text: str, phase: PlannedPhase) -> list[PlannedItem]:
        if role in TIME_ROLES or role == "phases":
            set_timing(phase, self._dates.take_timing(text)[1])
        elif role == "goals" and phase.description is None:
            phase.description = text or None
        elif role in NOT_WORK:
            self._findings.facts[role] += [text] if text else []
        elif text:
            return [
                PlannedItem(to_title(entry), priority=PRIORITY_ROLES.get(role))
                for entry in split_entries(text)
            ]
        return []

    def read_items(
        self, items: Sequence[OutlineItem], phase: PlannedPhase, priority: Priority | None = None
    ) -> list[PlannedItem]:
        """Return the deliverables of the items of a list: an item with sub-items has a checklist.

        Args:
            items: The items.
            phase: Receives a duration and dates that an item states for the whole list.
            priority: The priority of the list.
        """
        cards: list[PlannedItem] = []
        for item in items:
            parts = split_label(item.text)
            role = find_role(parts[0]) if parts else None
            if item.done:
                self._findings.finished.append(shorten(item.text, TITLE_MAX))
            elif parts and role in NOT_WORK:
                text = parts[1] or "; ".join(child.text for child in item.children)
                self._read_label(role, text, phase)
            elif item.children and (item.text.endswith(":") or (parts and role and not parts[1])):
                cards += self.read_items(item.children, phase, PRIORITY_ROLES.get(role or "", priority))
            elif parts and role and role in PRIORITY_ROLES:
                cards.append(self._to_card(attrs.evolve(item, text=parts[1]), PRIORITY_ROLES[role]))
            elif parts and role and not item.children:
                cards += self._read_label(role, parts[1], phase)
            else:
                cards.append(self._to_card(item, priority))
        return cards

    def _to_card(self, item: OutlineItem, priority: Priority | None) -> PlannedItem:
        text, timing = self._dates.take_timing(item.text) if item.text[-1:] in ")]" else (item.text, None)
        opening = text.rfind("(") if text.endswith(")") else 0
        if opening > 0 and (role := find_role(text[opening + 1 : -1])) in PRIORITY_ROLES:
            text, priority = text[:opening].strip(), PRIORITY_ROLES[role or ""]
        checklist = [
            step.text for child in item.children if not child.done for step in (child, *child.children)
        ]
        card = PlannedItem(to_title(text), item.note or None, priority, checklist)
        if timing is not None:
            card.days, card.due = timing.days, timing.period.last if timing.period else None
        return card

    def read_row(
        self, table: OutlineTable, row: Sequence[str], phase: PlannedPhase | None = None
    ) -> list[PlannedItem]:
        """Return the deliverables of a row: one, or the entries of a cell that lists several.

        Args:
            table: The table, whose header determines the meaning of its columns.
            row: The cells.
            phase: The phase of the row, which receives its duration and dates; None for a row without a phase.
        """
        cells = _Cells(table, row)
        text = cells.find_work()
        if phase is not None and phase.days is None and phase.period is None:
            for name in ("duration", "due", "start"):
                set_timing(phase, self._dates.read_timing(cells.with_unit(name)))
        if not text:
            return []
        entries = split_entries(text)
        priority = find_priority(cells["priority"])
        if is_done(cells["status"]):
            self._findings.finished += entries
            return []
        if priority == "none":
            self._findings.facts["out_of_scope"] += entries
            return []
        card = PlannedItem(
            "", cells.describe(text) or None, priority, key=cells["id"], depends=cells["depends"]
        )
        if phase is None:
            card.days = (self._dates.read_timing(cells.with_unit("duration")) or Timing()).days
            period = (self._dates.read_timing(cells["due"]) or Timing()).period
            card.due = period.last if period else None
        return [attrs.evolve(card, title=to_title(entry), checklist=[]) for entry in entries]

    def keep_facts(self, role: str, section: OutlineSection) -> None:
        """Add the texts of a section without deliverables to the facts.

        Args:
            role: The role of the section, such as ``goals`` or ``audience``; empty for none.
            section: The section.
        """
        self._findings.finished += [item.text for item in section.items if item.done]
        texts = [item.text for item in section.items if not item.done]
        texts += [_Cells(table, row).find_name() for table in section.tables for row in table.rows]
        self._findings.facts[role] += [text for text in texts if text] or section.prose


class _Cells:
    """The cells of a row by the meaning of their columns; a missing one is empty."""

    def __init__(self, table: OutlineTable, row: Sequence[str]) -> None:
        self._columns = list(
            zip([find_column(header) for header in table.header], table.header, row, strict=False)
        )

    def __getitem__(self, name: str) -> str:
        return next(
            (cell for column, _, cell in self._columns if column == name and cell.strip(f" {DASHES}")), ""
        )

    def find_work(self) -> str:
        """Return the cell that names the work."""
        has_work = any(column == "work" for column, _, _ in self._columns)
        return self["work"] if has_work else self["role"]

    def find_name(self) -> str:
        """Return the first cell that is neither an id nor a property."""
        return next((cell for column, _, cell in self._columns if column not in ("id", "other") and cell), "")

    def with_unit(self, name: str) -> str:
        """Return a cell with the unit of its header, if it is a number: ``5`` below ``Duration (days)``."""
        for column, header, cell in self._columns:
            if column == name and cell.strip().isdigit():
                return f"{cell} {next((word for word in split_words(header) if word in _UNITS), '')}"
        return self[name]

    def describe(self, work: str) -> str:
        """Return the other cells as lines with their headers."""
        handled = {"phase", "priority", "status", "work"}
        return "\n".join(
            f"{header}: {cell}"
            for column, header, cell in self._columns
            if cell.strip(f" {DASHES}") and cell != work and column not in handled
        )


def set_timing(phase: PlannedPhase, timing: Timing | None) -> None:
    """Set the duration and the dates of a phase, unless it has them already.

    Args:
        phase: The phase, which is changed.
        timing: The duration and the period that were found; None if there were none.
    """
    if timing is not None:
        phase.days = phase.days or timing.days
        phase.period = phase.period or timing.period


def is_work_table(table: OutlineTable) -> bool:
    """Return whether a column of a table names work, and the table is not a list of costs, hours or properties."""
    columns = {find_column(header) for header in table.header}
    is_plan = bool(columns & _PLAN_COLUMNS)
    return (
        is_plan
        if "other" not in columns and "role" in columns
        else "work" in columns and (is_plan or "other" not in columns)
    )


def has_work(section: OutlineSection) -> bool:
    """Return whether a section, or a section below it that can have deliverables, has items or tables of work."""
    parts = [child for child in section.sections if find_role(child.title) not in NOT_WORK]
    return bool(section.items) or any(map(is_work_table, section.tables)) or any(map(has_work, parts))


def split_entries(text: str) -> list[str]:
    """Return the entries of a list in one line: separated by semicolons, or by commas if all entries are short."""
    parts, depth, start = [], 0, 0
    separator = ";" if ";" in text else ","
    for place, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if character == separator and depth <= 0 and text[place + 1 : place + 2] in (" ", ""):
            parts.append(text[start:place])
            start = place + 1
    parts.append(text[start:])
    if separator == "," and any(len(part.split()) > ENTRY_WORDS_MAX for part in parts):
        return [text.strip(" .")]
    entries = [part.strip(" .") for part in parts]
    if len(entries) > 1:
        entries[-1] = entries[-1].removeprefix("and ").removeprefix("et ")
    return [entry for entry in entries if entry]


def to_title(text: str) -> str:
    """Return a text as the title of a deliverable."""
    return shorten(capitalize(text.strip(f" .;,:{DASHES}")) or text, TITLE_MAX)
