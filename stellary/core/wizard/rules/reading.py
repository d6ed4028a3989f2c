"""Reading: finds the phases, deliverables, facts and dates in the outline of a brief."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise

import attrs

from stellary.contract.cards import Priority
from stellary.core.ports.planner import Brief
from stellary.core.wizard.rules import vocabulary
from stellary.core.wizard.rules.dates import DateReader, Timing, split_sentences
from stellary.core.wizard.rules.outline import BOLD, ITEM, PHASE, OutlineNode, read_outline, split_entries
from stellary.core.wizard.rules.plans import NAME_MAX, PlannedItem, PlannedPhase, to_title
from stellary.core.wizard.rules.vocabulary import (
    DASHES,
    LABEL_WORDS,
    LEAD_WORDS,
    Language,
    Marker,
    find_marker,
    find_role,
    word_set,
)

PHASES_MAX = 12
"""The maximum number of items without sub-items that are read as the phases of a plan."""
PRIORITY_ROLES: Mapping[str | None, Priority] = {"high": "high", "medium": "medium", "low": "low"}
TIME_ROLES = frozenset(("dates", "duration"))
_EXCLUDED = frozenset(("out_of_scope", "later"))
NOT_WORK = TIME_ROLES | _EXCLUDED.union(
    ("done", "questions", "risks", "success", "constraints", "team", "audience", "stack", "goals", "context")
)
"""The roles of sections without deliverables."""
_CLOSED = NOT_WORK - TIME_ROLES - {"context"}
"""The roles of sections in which a numbered phase is only mentioned: risks of phase 2."""


@attrs.define
class Findings:
    """The contents of a brief.

    Attributes:
        phases: The phases that the brief states, or else its sections of work.
        beside: Sections of work beside the phases.
        unread: Sections with lists that nothing shows to be work.
        are_stated: Whether the brief itself gives phases or a plan.
        facts: The texts of goals, risks, constraints and so on, by role.
        past: Dates of the plan before today.
        unclear: Dates whose day and month are unclear.
        unused: The titles of sections whose tables name no work.
        finished: Work that is marked as done.
    """

    language: Language
    phases: list[PlannedPhase] = attrs.field(factory=list)
    beside: list[PlannedPhase] = attrs.field(factory=list)
    unread: list[PlannedPhase] = attrs.field(factory=list)
    are_stated: bool = False
    facts: dict[str, list[str]] = attrs.field(factory=lambda: defaultdict(list))
    start: date | None = None
    deadline: date | None = None
    days: int | None = None
    past: list[date] = attrs.field(factory=list)
    unclear: list[str] = attrs.field(factory=list)
    unused: list[str] = attrs.field(factory=list)
    finished: list[str] = attrs.field(factory=list)


_PlanEntry = tuple[object, OutlineNode, Marker | None]
"""What phases of the same number in several lists share, and a node of one of them with its number."""


def read_brief(brief: Brief) -> Findings:
    """Return the contents of a brief."""
    return _Reader(brief).read()


class _Reader:
    """A pass over the outlines of a brief."""

    def __init__(self, brief: Brief) -> None:
        self._brief, self._today = brief, brief.today
        self._findings = Findings(vocabulary.detect_language([text.content for text in brief.texts]))
        self._dates = DateReader(brief.today, self._findings.language)
        self._sections: list[OutlineNode] = []
        self._used: set[OutlineNode] = set()

    def read(self) -> Findings:
        findings = self._findings
        for text in self._brief.texts:
            root = read_outline(text.content)
            root.is_title = True
            if len(root.sections) == 1 and not root.items:
                # The only heading of its level is the title of the text.
                (first,) = root.sections
                first.is_title = bool(first.sections) and first.level <= 6 and not find_marker(first.text)
            self._add_sections(root, None, text.title or self._brief.name)
        headings = [self._dates.scan(part.text)[0] for part in self._sections if not find_marker(part.text)]
        # Several headings that name past days are those of minutes.
        is_log = sum(any(day.first == day.last < self._today for _, day in days) for days in headings) > 2
        phases = [] if is_log else self._read_marked()
        if not is_log and all(phase.is_bare and find_marker(phase.name) for phase in phases):
            phases = self._read_plans() or phases
        findings.are_stated = bool(phases)
        work = [*self._read_work({"work", "phases", *PRIORITY_ROLES})]
        if not phases:
            phases = work
        elif all(phase.is_bare for phase in phases):
            phases = [*work, *phases]
        chosen = set(phases)
        beside = [phase for phase in work if phase not in chosen]
        findings.phases, findings.beside = _join_repeats(phases), _join_repeats(beside)
        # Objectives may be the work of a brief that lists nothing else.
        findings.unread = _join_repeats([*self._read_work({None} if phases else {None, "goals"})])
        for phase, following in reversed([*pairwise(phases)]):
            if phase.period and following.period and phase.period.first > following.period.first:
                # Phases follow one another, so a month before that of the next one is past.
                phase.period = phase.period.move_to(following.period.first.year)
        for section in self._sections:
            if not self._is_used(section):
                self._read_facts(section)
        findings.unclear = [*dict.fromkeys(self._dates.unclear)]
        return findings

    def _add_sections(self, section: OutlineNode, parent: OutlineNode | None, name: str) -> None:
        """Find the role of a section and of those below it. Within what is out of scope, everything is."""
        around = parent.role if parent else None
        section.parent, section.name = parent, name
        is_named = section.is_title or section.level == PHASE
        section.own_role = None if is_named else find_role(section.text)
        if section.text and _is_finished(section.text):
            section.own_role = "done"
        is_backlog = section.own_role == "later" and any(item.cells for item in section.items)
        is_open = section.own_role is None and around not in NOT_WORK - {"goals"}
        has_tasks = any(item.is_task or (item.cells and item.cells.is_plan) for item in section.items)
        texts = [item.text for item in section.items if item.text]
        has_tasks |= around not in NOT_WORK and vocabulary.name_actions(texts, self._findings.language)
        if is_backlog or (is_open and has_tasks):
            # The table of a backlog, boxes to tick, and items that begin with a verb are work.
            section.own_role = None if section.level == PHASE else "work"
        if section.level == 0 and not section.sections:
            # A text without headings is a list of work.
            section.own_role = "work"
        is_part = around in _EXCLUDED or (around in NOT_WORK and section.own_role in PRIORITY_ROLES)
        section.role = around if is_part or section.is_title else section.own_role or around
        self._sections.append(section)
        for child in section.sections:
            self._add_sections(child, section, name if section.is_title else section.text)
        roles = {child.role for child in section.sections if _has_work(child)} - NOT_WORK
        if not (is_named or section.role or section.items) and {"work"} <= roles <= {"work", None}:
            section.role = section.own_role = "work"

    def _is_used(self, section: OutlineNode) -> bool:
        """Return whether a section, or one around it, belongs to a phase."""
        return section in self._used or (section.parent is not None and self._is_used(section.parent))

    # ------------------------------------------------------------------------------------------ phases

    def _read_marked(self) -> list[PlannedPhase]:
        """Return the phases that are numbered, or in a column of a table: of several plans, those with the most work."""
        plans: dict[tuple[object, OutlineNode], list[_PlanEntry]] = defaultdict(list)
        entries: dict[object, list[_PlanEntry]] = defaultdict(list)
        for around, node, marker in self._find_marked():
            # Quarters of two years have the same numbers.
            is_named = marker is None or marker.kind == "quarter"
            key: object = (marker.kind, marker.label) if marker and not is_named else _find_number(node.text)
            kind = around if node.level == PHASE or marker is None else marker.kind
            for siblings in (plans[kind, around], entries[kind]):
                siblings.append((key or vocabulary.fold(node.text), node, marker))

        def rank(kind: object) -> tuple[bool, int]:
            # Words such as "phase" count twice as much as "week" and "version".
            factor = 1 if isinstance(kind, str) and kind not in word_set("phases") else 2
            count = sum(_count_items(node) for _, node, _ in entries[kind])
            return len({key for key, _, _ in entries[kind]}) > 1, factor * count + factor

        chosen = max(entries, key=rank, default="")
        if not rank(chosen)[0]:
            return []
        # Rows and lines add to the phases that have a heading.
        groups = [(kind != chosen, siblings) for (kind, _), siblings in plans.items()]
        phases: dict[object, PlannedPhase] = {}
        for is_other, siblings in sorted(groups, key=lambda group: (group[0], group[1][0][1].level >= PHASE)):
            keys, before = {key for key, _, _ in siblings}, set(phases)
            is_same = 2 * len(keys & before) >= len(keys)
            for key, node, marker in siblings if is_same or not is_other else ():
                phase = self._read_phase(node, marker)
                # With other numbers around it, a phase of the same number is one of another plan.
                target = phases.setdefault(key if is_same or key not in before else node, phase)
                if target is not phase:
                    target.add(phase)
        names = Counter(phase.name for phase in phases.values())
        titles = {key: vocabulary.strip_numbering(node.text) for key, node, _ in reversed(entries[chosen])}
        for key, phase in phases.items():
            if key in titles and names[phase.name] > 1:
                phase.name = to_title(titles[key], NAME_MAX)
        return list(phases.values())

    def _find_marked(self) -> Iterator[tuple[OutlineNode, OutlineNode, Marker | None]]:
        """Yield the sections, items and rows that may be phases, each with the section around it."""
        # By section, the kinds of phases that it is or belongs to.
        kinds: dict[OutlineNode | None, frozenset[str]] = defaultdict(frozenset)
        for section in self._sections:
            role_around = section.parent.role if section.parent and section.own_role != "phases" else None
            marker = find_marker(section.text)
            is_closed = section.role in _CLOSED and marker is None
            if is_closed or role_around in _CLOSED or section.own_role in _EXCLUDED:
                continue
            kinds[section] = kinds[section.parent]
            items = [(item, find_marker(item.text)) for item in section.items]
            below = [find_marker(part.text) for part in section.sections] + [mark for _, mark in items]
            # Around several numbered phases there is a plan, unless these are parts of it: 2.1, 2.2.
            kind, label = (marker.kind, marker.label) if marker else ("", "")
            same = [mark.label.startswith(label) for mark in below if mark and mark.kind == kind]
            for node, mark in ((section, marker), *items):
                kind = mark.kind if mark else ""
                is_around = node is section and len(same) > 1 and not all(same)
                if is_around or kind in kinds[section] or (mark is None and node.level != PHASE):
                    continue
                is_ticked = node.items and not node.sections and all(item.is_done for item in node.items)
                if node.is_done or is_ticked or _is_finished(node.text):
                    self._used.add(node)
                    self._findings.finished.append(vocabulary.strip_numbering(node.text))
                else:
                    kinds[node] = kinds[section] | {kind}
                    yield (section.parent or section) if node is section else section, node, mark

    def _read_plans(self) -> list[PlannedPhase]:
        """Return the phases from the subsections or items of sections with the role of a plan."""
        phases: list[PlannedPhase] = []
        for section in self._sections:
            if self._is_used(section):
                continue
            parts = [part for part in section.sections if _has_work(part) and part.role not in NOT_WORK]
            timed = [part for part in parts if self._dates.read_timing(vocabulary.strip_numbering(part.text))]
            # Two levels below the items are tasks with steps.
            has_steps = any(task.items for item in section.items for task in item.items)
            is_deep = section.own_role == "work" and has_steps and all(item.items for item in section.items)
            is_plan = section.own_role == "phases" or (section.is_title and len(parts) < 2 * len(timed))
            if len(parts) > 1 and is_plan:
                phases += map(self._read_phase, parts)
            elif (is_plan or is_deep) and self._are_phases(section.items):
                phases += [self._read_phase(item) for item in section.items if not item.is_done]
                self._used.update(section.items)
        return phases

    def _are_phases(self, items: Sequence[OutlineNode]) -> bool:
        """Return whether the items of a list are phases: numbered, labelled, with times, or with items of their own."""
        labels = {vocabulary.find_label(item.text)[0] for item in items}
        if not 2 <= len(items) <= PHASES_MAX or TIME_ROLES & labels:
            return False
        nested = sum(bool(item.items) for item in items)
        # Longer items are steps.
        are_short = 2 * sum(len(item.text.split()) <= LEAD_WORDS for item in items) > len(items)
        are_numbered = are_short and all(item.is_numbered for item in items)
        timed = sum(self._find_timing(item)[1] is not None for item in items)
        is_labelled = all(vocabulary.split_label(item.text) for item in items)
        return is_labelled or are_numbered or 2 * max(nested, timed) >= len(items)

    def _find_timing(self, node: OutlineNode) -> tuple[str, Timing | None]:
        """Return the text of a node without its time, and the time, which is in the text or in a cell beside it."""
        text, timing = self._dates.take_timing(node.text)
        for name in ("duration", "due", "start") if node.cells else ():
            timing = timing or self._dates.read_timing(node.cells[name] if node.cells else "")
        return text, timing

    def _read_phase(self, node: OutlineNode, marker: Marker | None = None) -> PlannedPhase:
        """Return the phase of a heading, an item or a row, with its deliverables."""
        self._used.add(node)
        text, timing = self._find_timing(node)
        if timing and timing.period is None and text == node.text and not node.cells:
            # The distance from an event, such as "3 months before": not the duration of the phase.
            timing = None
        name, entries = text, list[str]()
        if marker and marker.kind != "quarter":
            name = self._dates.take_timing(marker.name)[0].strip(f" :{DASHES}")
        is_line = node.level == ITEM and not node.items and not node.cells
        if is_line and (parts := vocabulary.split_label(name)):
            name, entries = parts[0], split_entries(parts[1])
        elif is_line and marker and len(split_entries(name)) > 1:
            title, entries = node.text.partition(name)[0], split_entries(name)
            name, _ = self._dates.take_timing(title.strip(f" :{DASHES}("))
        phase = PlannedPhase(to_title(vocabulary.strip_numbering(name or text) or node.text, NAME_MAX))
        phase.set_timing(timing or Timing(days=marker.days if marker else None))
        phase.items = _rank(self._collect(node, phase), node.own_role)
        phase.items += (PlannedItem(to_title(entry)) for entry in entries)
        if not phase.items:
            phase.items, phase.is_bare = [PlannedItem(phase.name, phase.description)], True
        return phase

    def _read_work(self, roles: set[str | None]) -> Iterator[PlannedPhase]:
        """Yield each section with work and one of these roles as a phase. If its subsections have work, yield these instead."""
        names = [section.text for section in self._sections if section.items]
        # Many lists, or such that have the same names, are parts of the sections above them.
        is_crowded = len(names) > min(PHASES_MAX, len({*names}))
        for section in self._sections:
            items = [item for item in section.items if item not in self._used]
            role = section.own_role if section.is_title else section.role
            if role not in roles or self._is_used(section):
                continue
            if section.is_title:
                if items:
                    yield self._read_phase(OutlineNode(section.name, section.level, items=items))
                    self._used.update(items)
                continue
            parts = [part for part in section.sections if part.own_role not in NOT_WORK]
            groups = [part for part in parts if _has_work(part) and part.own_role not in PRIORITY_ROLES]
            is_whole = any(part.items for part in groups) if is_crowded and groups else len(groups) < 2
            if items or (is_whole and any(map(_has_work, parts))):
                phase = self._read_phase(section)
                if section.own_role in PRIORITY_ROLES:
                    phase.name = to_title(vocabulary.strip_numbering(section.name), NAME_MAX)
                if not phase.is_bare:
                    yield phase

    # ------------------------------------------------------------------------------------------ deliverables

    def _collect(self, node: OutlineNode, phase: PlannedPhase) -> list[PlannedItem]:
        """Return the deliverables below a node. The phase receives its description and time."""
        cards: list[PlannedItem] = []
        texts: list[str] = []
        for text in node.prose:
            role, value = (None, "") if node.cells else vocabulary.find_label(text)
            if role:
                cards += self._read_label(role, value, phase)
            elif timing := self._dates.read_timing(text):
                phase.set_timing(timing)
            else:
                texts.append(text)
        phase.description = phase.description or "\n\n".join(texts) or None
        for item in node.items:
            if item not in self._used:
                cards += self._read_item(item, phase)
        if node.names:
            self._findings.unused.append(node.text)
        for part in node.sections:
            if part not in self._used:
                cards += self._collect_part(part, phase)
        return cards

    def _collect_part(self, section: OutlineNode, phase: PlannedPhase) -> list[PlannedItem]:
        role = section.own_role
        if role in NOT_WORK:
            self._keep_facts(section)
            return []
        if section.level == BOLD and len(section.items) == 1 and role is None:
            # The only item below a bold line says more about it.
            section.prose += [item.text for item in section.items]
            section.items.clear()
        cards = _rank(self._collect(section, phase), role)
        if cards or role is not None:
            return cards
        title = vocabulary.strip_numbering(self._find_timing(section)[0])
        return [PlannedItem(to_title(title), "\n\n".join(section.prose) or None)]

    def _read_label(self, role: str | None, text: str, phase: PlannedPhase) -> list[PlannedItem]:
        """Return the deliverables after a label such as ``Deliverables:``; other labels are facts or times of the phase."""
        if role in TIME_ROLES or role == "phases":
            phase.set_timing(self._dates.take_timing(text)[1])
        elif role == "goals" and phase.description is None:
            phase.description = text or None
        elif role in NOT_WORK:
            self._findings.facts[role or ""] += [text] if text else []
        else:
            return _rank([PlannedItem(to_title(entry)) for entry in split_entries(text)], role)
        return []

    def _read_item(self, item: OutlineNode, phase: PlannedPhase) -> list[PlannedItem]:
        role, text = (None, "") if item.cells else vocabulary.find_label(item.text)
        words = len(item.text.partition(":")[0].split())
        is_label = item.text.endswith(":") and not item.is_numbered
        if item.is_done:
            self._findings.finished.append(item.text)
        elif item.cells and vocabulary.find_priority(item.cells["priority"]) == "none":
            self._findings.facts["out_of_scope"].append(item.text)
        elif role in NOT_WORK or (role and not item.items and (role != "work" or words < 3)):
            return self._read_label(role, text or "; ".join(child.text for child in item.items), phase)
        elif item.items and is_label and len(item.text.split()) <= LABEL_WORDS:
            return _rank([card for child in item.items for card in self._read_item(child, phase)], role)
        else:
            return [self._to_card(item)]
        return []

    def _to_card(self, item: OutlineNode) -> PlannedItem:
        text, timing = self._find_timing(item) if item.cells or item.text[-1] in ")]" else (item.text, None)
        opening = text.rfind("(") if text.endswith(")") else 0
        priority = PRIORITY_ROLES.get(find_role(text[opening + 1 : -1])) if opening > 0 else None
        card = PlannedItem(to_title(text[:opening] if priority else text), "\n".join(item.prose) or None)
        card.checklist = [
            step.text for child in item.items if not child.is_done for step in (child, *child.items)
        ]
        if timing is not None:
            card.days, card.due = timing.days, timing.period.last if timing.period else None
        if item.cells is not None:
            card.key, card.depends = item.cells["id"], item.cells["depends"]
            level = vocabulary.find_priority(item.cells["priority"])
            if level and level != "none":
                priority = level
        card.priority = priority
        return card

    # ------------------------------------------------------------------------------------------ facts

    def _keep_facts(self, section: OutlineNode) -> None:
        """Add the texts of a section without deliverables to the facts."""
        texts: list[str] = []
        for item in section.items:
            (self._findings.finished if section.role == "done" or item.is_done else texts).append(item.text)
        self._findings.facts[section.role or ""] += [*filter(None, texts + section.names)] or section.prose

    def _read_facts(self, section: OutlineNode) -> None:
        role = section.role
        if role in NOT_WORK:
            self._keep_facts(section)
            if role in TIME_ROLES:
                self._read_dates(section.text, is_end=True)
        elif section.text and section.names:
            self._findings.unused.append(section.text)
        items = [item.text for item in section.items if item not in self._used and role not in _CLOSED]
        for text in (*section.prose, *items):
            label, value = vocabulary.find_label(text)
            if label in TIME_ROLES or role in TIME_ROLES or role == "phases":
                self._read_dates(text, is_end=role != "phases" or label in TIME_ROLES)
            elif label in NOT_WORK and role not in NOT_WORK:
                self._findings.facts[label or ""] += [value] if value else []

    def _read_dates(self, text: str, *, is_end: bool) -> None:
        findings = self._findings
        for sentence in split_sentences(text):
            periods, _, _ = self._dates.scan(sentence)
            for words, period in periods:
                around = vocabulary.split_words(sentence) if len(periods) == 1 else words
                if period.last < self._today:
                    findings.past.append(period.last)
                elif not word_set("starts").isdisjoint(around):
                    findings.start = findings.start or period.first
                elif is_end or not word_set("ends").isdisjoint(around):
                    findings.deadline = max(findings.deadline or period.last, period.last)
            timing = self._dates.read_timing(vocabulary.find_label(sentence)[1])
            if timing and timing.period is None:
                findings.days = findings.days or timing.days


def _find_number(text: str) -> str:
    """Return the number that begins a title, or an empty text: ``3. Tests``."""
    number = text[: len(text) - len(text.lstrip("0123456789"))]
    return number if vocabulary.strip_numbering(text) != text else ""


def _count_items(node: OutlineNode) -> int:
    """Return the number of open items below a node, or 1 if it has no parts."""
    parts = [*node.items, *node.sections]
    return 0 if node.is_done else sum(map(_count_items, parts)) if parts else 1


def _is_finished(title: str) -> bool:
    """Return whether a title marks its phase as done at its end: ``Phase 1: MVP (completed)``."""
    tail = title[max(title.rfind(mark) for mark in "([\u2013\u2014") + 1 :].rstrip(")] ")
    return tail != title and len(tail.split()) < 3 and vocabulary.is_done(tail)


def _has_work(section: OutlineNode) -> bool:
    """Return whether a section, or a section below it that can have deliverables, has items."""
    parts = [part for part in section.sections if part.own_role not in NOT_WORK]
    return bool(section.items) or any(map(_has_work, parts))


def _rank(cards: list[PlannedItem], role: str | None) -> list[PlannedItem]:
    """Give deliverables without a priority that of the section or label above them."""
    for card in cards:
        card.priority = card.priority or PRIORITY_ROLES.get(role)
    return cards


def _join_repeats(phases: Sequence[PlannedPhase]) -> list[PlannedPhase]:
    """Return phases without repetitions: those with the same name are merged, and a deliverable of several occurs once."""
    by_name: dict[str, PlannedPhase] = {}
    titles: dict[str, set[str]] = defaultdict(set)
    for phase in phases:
        name = vocabulary.fold(phase.name)
        target = by_name.setdefault(name, phase)
        if target is not phase:
            target.items += [item for item in phase.items if vocabulary.fold(item.title) not in titles[name]]
        titles[name].update(vocabulary.fold(item.title) for item in phase.items)
    return [phase for phase in by_name.values() if phase.items]
