"""Reading: finds the phases, deliverables, facts and dates in the outline of a brief."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import attrs

from stellary.contract.cards import Priority
from stellary.core.ports.planner import Brief
from stellary.core.wizard.rules.collecting import (
    NOT_WORK,
    PRIORITY_ROLES,
    TIME_ROLES,
    Collector,
    Findings,
    has_work,
    is_work_table,
    set_timing,
    split_entries,
    to_title,
)
from stellary.core.wizard.rules.dates import MARKER_DAYS, DateReader, Period, Timing, split_sentences
from stellary.core.wizard.rules.fitting import shorten
from stellary.core.wizard.rules.outline import OutlineItem, OutlineSection, OutlineTable, read_outline
from stellary.core.wizard.rules.plans import NAME_MAX, PlannedItem, PlannedPhase, capitalize
from stellary.core.wizard.rules.vocabulary import (
    DASHES,
    Marker,
    detect_language,
    find_column,
    find_marker,
    find_role,
    fold,
    is_done,
    split_label,
    split_words,
    strip_numbering,
    word_set,
)

PHASES_MAX = 12
"""The maximum number of items without sub-items that are read as the phases of a plan."""
_CLOSED = NOT_WORK - TIME_ROLES - {"context"}
"""The roles of sections in which a numbered phase is only mentioned: risks of phase 2."""
_EXCLUDED = frozenset(("out_of_scope", "later"))


@attrs.define
class _SectionNode:
    """A section with its role: its own, or that of the surrounding section."""

    section: OutlineSection
    role: str | None
    own_role: str | None
    parent: _SectionNode | None

    def is_within(self, ids: set[int]) -> bool:
        """Return whether the section, or a surrounding one, has one of these ids."""
        node: _SectionNode | None = self
        while node is not None:
            if id(node.section) in ids:
                return True
            node = node.parent
        return False


@attrs.define
class _Source:
    """A heading, an item or a table row that names a phase."""

    kind: str
    marker: Marker | None
    name: str
    origin: OutlineSection | OutlineItem | OutlineTable
    row: Sequence[str] = ()

    @property
    def key(self) -> object:
        """The number of the phase, or else its name: quarters of two years have the same numbers."""
        return self.marker.number if self.marker and self.marker.kind != "quarter" else fold(self.name)


def read_brief(brief: Brief) -> Findings:
    """Return the contents of a brief."""
    return _Reader(brief).read()


class _Reader:
    """A pass over the outlines of a brief."""

    def __init__(self, brief: Brief) -> None:
        self._brief = brief
        self._findings = Findings(detect_language([text.content for text in brief.texts]))
        self._dates = DateReader(brief.today, self._findings.language)
        self._collector = Collector(self._findings, self._dates)
        self._used = self._collector.used
        self._nodes: list[_SectionNode] = []
        self._titles: set[int] = set()
        self._names: dict[int, str] = {}

    def read(self) -> Findings:
        findings = self._findings
        for text in self._brief.texts:
            root = read_outline(text.content)
            self._names[id(root)] = text.title or self._brief.name
            first = root.sections[0] if root.sections else root
            is_above = bool(first.sections) and first.level <= 6 and not root.items
            if len(root.sections) == 1 and is_above and not find_marker(first.title):
                # The only heading of its level is the title of the text.
                self._titles.add(id(first))
            self._add_nodes(root, None, None)
        phases = self._read_numbered() or self._read_plans()
        findings.are_stated = bool(phases)
        work = list(self._read_work({"work"}))
        unknown = list(self._read_work({None, "phases"}))
        ranked = list(self._read_work(set(PRIORITY_ROLES)))
        if not phases:
            phases = [*(work or unknown), *ranked]
        elif all(phase.is_bare for phase in phases):
            phases = [*work, *ranked, *phases]
        chosen = {id(phase) for phase in phases}
        sections_beside = [phase for phase in (*work, *unknown, *ranked) if id(phase) not in chosen]
        findings.phases, findings.beside = _join_repeats(phases), _join_repeats(sections_beside)
        for node in self._nodes:
            if not node.is_within(self._used):
                self._read_facts(node)
        return findings

    def _add_nodes(self, section: OutlineSection, parent: _SectionNode | None, role: str | None) -> None:
        own_role = None if self._is_top(section) else find_role(section.title)
        if not section.title and not section.sections:
            # A text without headings is a list of work.
            own_role = "work"
        if own_role in PRIORITY_ROLES and role in NOT_WORK:
            own_role = None
        # The parts of a section that is out of scope are out of scope too.
        effective = role if role in _EXCLUDED else own_role or role
        node = _SectionNode(section, effective, own_role, parent)
        self._nodes.append(node)
        for child in section.sections:
            self._add_nodes(child, node, effective)

    def _is_top(self, section: OutlineSection) -> bool:
        """Return whether a section is a whole text or its title section, whose items belong to no other section."""
        return not section.title or id(section) in self._titles

    # ------------------------------------------------------------------------------------------ phases

    def _read_numbered(self) -> list[PlannedPhase]:
        """Return the phases that are numbered or in a column of a table. A table may add the time of a numbered phase."""
        sources = list(self._find_sources())
        keys: dict[str, set[object]] = defaultdict(set)
        for source in sources:
            keys[source.kind].add(source.key)
        chosen = min(keys, key=lambda kind: (len(keys[kind]) < 2, not _is_strong(kind)), default="")
        single = len(keys[chosen]) < 2
        if single and not any(
            _is_strong(source.kind) and isinstance(source.origin, OutlineSection) for source in sources
        ):
            return []
        phases: dict[object, PlannedPhase] = {}
        for source in sources:
            if source.kind == chosen:
                self._add_source(source, phases)
        for source in sources:
            if source.kind == "table" != chosen:
                self._add_source(source, phases, is_new=False)
        return list(phases.values())

    def _find_sources(self) -> Iterator[_Source]:
        for node in self._nodes:
            around = node.parent.role if node.parent else None
            marker = find_marker(node.section.title)
            if around in _CLOSED or node.own_role in _EXCLUDED or (node.role in _CLOSED and marker is None):
                continue
            if marker and _is_finished(node.section.title):
                self._used.add(id(node.section))
                self._findings.finished.append(node.section.title)
            elif marker:
                yield _Source(marker.kind, marker, node.section.title, node.section)
            for item in node.section.items:
                marker = find_marker(item.text)
                if marker and not item.done:
                    yield _Source(marker.kind, marker, item.text, item)
            for table in node.section.tables:
                yield from self._find_rows(table)

    def _find_rows(self, table: OutlineTable) -> Iterator[_Source]:
        columns = [find_column(header) for header in table.header]
        places = [place for place, column in enumerate(columns) if column == "phase"]
        if not places:
            return
        # If a column has weeks or quarters, another column has the names of the phases.
        place = next(
            (place for place in places if fold(table.header[place]) not in word_set("periods")), places[0]
        )
        status, name = columns.index("status") if "status" in columns else None, ""
        for row in table.rows:
            # An empty cell continues the phase above.
            name = row[place] or name
            name = f"{table.header[place]} {name}" if name.isdecimal() else name
            if name and status is not None and "work" not in columns and is_done(row[status]):
                self._findings.finished.append(name)
            elif name:
                yield _Source("table", find_marker(name), name, table, row)

    def _add_source(
        self, source: _Source, phases: dict[object, PlannedPhase], *, is_new: bool = True
    ) -> None:
        name, timing = self._name_phase(source)
        key = source.key
        if key not in phases:
            key = next((other for other, phase in phases.items() if fold(phase.name) == fold(name)), key)
        if key not in phases and not is_new:
            return
        phase = phases.setdefault(key, PlannedPhase(name, is_bare=True))
        set_timing(phase, timing)
        self._used.add(id(source.origin))
        items = self._read_source(source, phase)
        titles = set() if phase.is_bare else {item.title for item in phase.items}
        if items:
            phase.items = [
                *([] if phase.is_bare else phase.items),
                *(item for item in items if item.title not in titles),
            ]
            phase.is_bare = False
        elif not phase.items:
            phase.items = [PlannedItem(phase.name)]

    def _name_phase(self, source: _Source) -> tuple[str, Timing | None]:
        marker = source.marker
        if marker is None or marker.kind == "quarter":
            text, timing = self._dates.take_timing(source.name)
            return _to_name(text or source.name), timing
        text, timing = self._dates.take_timing(marker.name)
        text = source.name if text.startswith("(") else text.lstrip(" :")
        if isinstance(source.origin, OutlineItem):
            parts = split_label(text)
            text = parts[0] if parts else text if len(split_entries(text)) == 1 else ""
        if not text:
            end = source.name.find(marker.name) if marker.name else len(source.name)
            text = self._dates.take_timing(strip_numbering(source.name[:end].strip(f" :{DASHES}(")))[0]
        if timing is None and marker.kind in MARKER_DAYS:
            timing = Timing(days=(marker.last - marker.number + 1) * MARKER_DAYS[marker.kind])
        return _to_name(text or source.name), timing

    def _read_source(self, source: _Source, phase: PlannedPhase) -> list[PlannedItem]:
        if isinstance(source.origin, OutlineSection):
            return self._collector.collect(source.origin, phase)
        if isinstance(source.origin, OutlineTable):
            return self._collector.read_row(source.origin, source.row, phase)
        if source.origin.children:
            return self._collector.read_items(source.origin.children, phase)
        text = self._dates.take_timing(source.marker.name if source.marker else "")[0]
        parts = split_label(text)
        entries = split_entries(parts[1] if parts else text)
        return [PlannedItem(to_title(entry)) for entry in entries] if parts or len(entries) > 1 else []

    def _read_plans(self) -> list[PlannedPhase]:
        """Return the phases from the subsections or items of sections with the role of a plan."""
        phases: list[PlannedPhase] = []
        for node in self._nodes:
            section, is_plan = node.section, node.own_role == "phases"
            if not is_plan and not self._is_top(section):
                continue
            parts = [
                part
                for part in section.sections
                if has_work(part)
                and (find_role(part.title) not in NOT_WORK or self._dates.take_timing(part.title)[1])
            ]
            if is_plan and len(parts) > 1:
                phases += [self._read_section(part) for part in parts]
            elif _are_phases(section.items, self._dates, is_plan):
                phases += [self._read_phase_item(item) for item in section.items if not item.done]
                self._used.update(map(id, section.items))
        return phases

    def _read_phase_item(self, item: OutlineItem) -> PlannedPhase:
        text, timing = self._dates.take_timing(item.text)
        name, _, tail = text.partition(": ")
        phase = PlannedPhase(_to_name(name))
        set_timing(phase, timing)
        phase.items = self._collector.read_items(item.children, phase)
        if not phase.items:
            phase.is_bare = not tail
            phase.items = [
                PlannedItem(to_title(entry), item.note or None) for entry in split_entries(tail or text)
            ]
        return phase

    def _read_section(self, section: OutlineSection, priority: Priority | None = None) -> PlannedPhase:
        name, timing = self._dates.take_timing(section.title)
        phase = PlannedPhase(_to_name(strip_numbering(name)))
        set_timing(phase, timing)
        self._used.add(id(section))
        phase.items = self._collector.collect(section, phase, priority)
        if not phase.items:
            phase.items, phase.is_bare = [PlannedItem(phase.name, phase.description)], True
        return phase

    def _read_work(self, roles: set[str | None]) -> Iterator[PlannedPhase]:
        """Yield each section with work and one of these roles as a phase. If its subsections have work, yield these instead."""
        for node in self._nodes:
            section = node.section
            if node.role not in roles or node.is_within(self._used):
                continue
            items = [item for item in section.items if id(item) not in self._used]
            tables = [table for table in section.tables if id(table) not in self._used]
            is_own = bool(items) or any(map(is_work_table, tables))
            if self._is_top(section):
                if is_own:
                    name = self._names.get(id(section), self._brief.name)
                    yield self._read_section(attrs.evolve(section, title=name, sections=[]))
                    self._used.update(map(id, items))
                continue
            parts = [
                part
                for part in section.sections
                if (part.items or any(map(is_work_table, part.tables)))
                and find_role(part.title) not in {*NOT_WORK, *PRIORITY_ROLES}
            ]
            if has_work(attrs.evolve(section, items=items, tables=tables)) and (is_own or len(parts) < 2):
                priority = PRIORITY_ROLES.get(node.own_role or "")
                phase = self._read_section(section, priority)
                if priority:
                    phase.name = _to_name(self._find_title(node))
                if not phase.is_bare:
                    yield phase

    def _find_title(self, node: _SectionNode) -> str:
        """Return the title of the section around one that only names a priority."""
        around = node.parent
        return self._brief.name if around is None or self._is_top(around.section) else around.section.title

    # ------------------------------------------------------------------------------------------ facts

    def _read_facts(self, node: _SectionNode) -> None:
        section, role = node.section, node.role
        if role in NOT_WORK:
            self._collector.keep_facts(role or "", section)
            if role in TIME_ROLES:
                self._read_dates(section.title, is_end=True)
        elif section.title and any(id(table) not in self._used for table in section.tables):
            self._findings.unused.append(section.title)
        for text in section.prose:
            if not self._read_fact(text, role) and role in (None, "work"):
                self._findings.has_prose = True
        for item in section.items:
            if id(item) not in self._used and role not in _CLOSED:
                self._read_fact(item.text, role)

    def _read_fact(self, text: str, role: str | None) -> bool:
        """Read a labelled date or fact; return False if the text is neither."""
        parts = split_label(text)
        label = find_role(parts[0]) if parts else None
        if label in TIME_ROLES or role in TIME_ROLES or role == "phases":
            self._read_dates(text, is_end=role != "phases" or label in TIME_ROLES)
        elif parts and label in NOT_WORK and role not in NOT_WORK:
            self._findings.facts[label or ""] += [parts[1]] if parts[1] else []
        else:
            return False
        return True

    def _read_dates(self, text: str, *, is_end: bool) -> None:
        findings = self._findings
        for sentence in split_sentences(text):
            periods = self._dates.find_periods(sentence)
            for words, period in periods:
                around = split_words(sentence) if len(periods) == 1 else words.split()
                self._set_date(around, period, is_end=is_end)
            parts = split_label(sentence)
            timing = self._dates.read_timing(parts[1]) if parts else None
            if timing and timing.period is None:
                findings.days = findings.days or timing.days

    def _set_date(self, words: Sequence[str], period: Period, *, is_end: bool) -> None:
        findings = self._findings
        if period.last < self._brief.today:
            findings.past.append(period.last)
        elif not word_set("starts").isdisjoint(words):
            findings.start = findings.start or period.first
        elif is_end or not word_set("ends").isdisjoint(words):
            findings.deadline = max(findings.deadline or period.last, period.last)


def _is_finished(title: str) -> bool:
    """Return whether a heading marks its phase as done in brackets: ``Phase 1: MVP (completed)``."""
    opening = title.rfind("(")
    return opening > 0 and is_done(title[opening + 1 :].rstrip(") "))


def _is_strong(kind: str) -> bool:
    return kind == "table" or kind in word_set("phases")


def _are_phases(items: Sequence[OutlineItem], dates: DateReader, is_plan: bool) -> bool:
    """Return whether the items of a list are phases: numbered, labelled, with times, or with items of their own."""
    if not 2 <= len(items) <= PHASES_MAX:
        return False
    nested = sum(bool(item.children) for item in items)
    if not is_plan:
        return nested == len(items) and all(item.is_numbered for item in items)
    timed = sum(dates.take_timing(item.text)[1] is not None for item in items)
    is_labelled = all(split_label(item.text) for item in items)
    return is_labelled or 2 * max(nested, timed) >= len(items) or all(item.is_numbered for item in items)


def _to_name(text: str) -> str:
    return shorten(capitalize(text.strip(" .:")), NAME_MAX) or text[:NAME_MAX]


def _join_repeats(phases: Sequence[PlannedPhase]) -> list[PlannedPhase]:
    """Return phases without repetitions: phases with the same name are merged, and equal deliverables occur once."""
    by_name: dict[str, PlannedPhase] = {}
    titles: set[str] = set()
    for phase in phases:
        items = [item for item in phase.items if phase.is_bare or fold(item.title) not in titles]
        titles.update(fold(item.title) for item in items)
        target = by_name.setdefault(fold(phase.name), phase)
        target.items = items if target is phase else [*target.items, *items]
    return [phase for phase in by_name.values() if phase.items]
