"""Phases: what a brief wants done, in the order in which the brief, or else the nature of the work, puts it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import islice

from stellary.contract.project_imports import COLUMNS_MAX
from stellary.core.ports.planner import Brief
from stellary.core.wizard.rules.dates import spans
from stellary.core.wizard.rules.findings import Findings, Work, listed, themed, title_of
from stellary.core.wizard.rules.fitting import shortened
from stellary.core.wizard.rules.messages import format_message
from stellary.core.wizard.rules.plans import NAME, Group, Item, Plan, name_of, nearest
from stellary.core.wizard.rules.reading import Section
from stellary.core.wizard.rules.themes import priority_in
from stellary.core.wizard.rules.words import KINDS, Kind, content_words, folded, kind_of

RISKS_MAX = 10
QUESTIONS_MAX = 20
TOPIC_WORDS = 6
TOPICS_MAX = COLUMNS_MAX - len(KINDS)

_NUMBER = re.compile(
    r"^\W*[^\W\d_]+ (?:\d{1,3}|[IVXivx]{1,5}|[A-Ea-e])\b\s*(?:\([^)]*\))?\s*[:.\u2013\u2014-]*\s*"
)
_NUMBER_ALONE = re.compile(r"\W*(?:[^\W\d_]+ ?)?(?:\d{1,3}|[IVX]{1,5})\W*")
_ASIDE = re.compile(r"(?<!\s)\s*+\([^()]*+\)\s*+$")
_PART = re.compile(r"(?<!\s)(?:\s*+:|\s++[\u2013\u2014→-]\s)\s*+")


def planned(made: Findings, brief: Brief) -> Plan:
    """The plan of a brief, without feedback and without days."""
    plan = Plan(
        language=made.language,
        start=made.starts[-1] if made.starts else None,
        deadline=max(made.ends[-1:], default=None),
        team=made.team,
    )
    taken: set[int] = set()
    explicit = _explicit(made, taken)
    groups = explicit or _topics(made, taken)
    pool = [work for work in made.work if work.sequence not in taken]
    if explicit:
        _spread(pool, groups)
    else:
        groups = _around(groups, pool)
    plan.groups = [group for group in groups if group.items]
    if len(plan.groups) == 1 and len(plan.groups[0].items) >= 6:
        plan.groups = _parted(plan.groups[0])
    plan.groups = plan.groups or _little(made, brief)
    _add_risks(plan, made, brief)
    _add_questions(plan, made, brief)
    _add_acceptance(plan, made)
    _weigh(plan, brief)
    return plan


def _item(work: Work) -> Item:
    title = title_of(work)
    return Item(
        title=title,
        description="\n".join(filter(None, [work.text if title.endswith("…") else "", work.aside])) or None,
        priority=work.priority or "medium",
        checklist=work.details,
        days=work.days,
        due=work.due,
        kind=work.kind,
    )


# ---------------------------------------------------------------------------------------------- phases that are told


def _explicit(made: Findings, taken: set[int]) -> list[Group]:
    """The phases that the brief itself has: ``Phase 1: …``, sentences that say what comes first and then, a list under
    ``Milestones``, entries with lists of their own.
    """
    told = (section for section in made.sections if section.numbered or _is_in_phases(section))
    numbered = list(islice(told, COLUMNS_MAX))
    if numbered:
        return [group for section in numbered if (group := _of_section(section, made, taken)).name]
    steps: dict[int, list[Work]] = defaultdict(list)
    for work in made.work:
        if work.step is not None:
            steps[work.step].append(work)
    if len(steps) > 1:
        # What is told before the first of them, in the same words about the same, is a step too.
        first = next(iter(steps.values()))[0]
        before = [
            work for work in made.work[: first.sequence] if work.section is first.section and not work.listed
        ]
        if before:
            steps = defaultdict(list, {0: before, **steps})
        taken |= {work.sequence for works in islice(steps.values(), COLUMNS_MAX) for work in works}
        return [_of_step(works) for works in islice(steps.values(), COLUMNS_MAX)]
    in_phases = [work for work in made.work if themed(work.section)[0] == "phases" and work.step is None]
    tops = in_phases if len(in_phases) > 1 else _numbered(made) or _with_lists(made)
    groups = []
    for work in tops[:COLUMNS_MAX]:
        taken.add(work.sequence)
        groups.append(_of_entry(work))
    return groups


def _is_in_phases(section: Section) -> bool:
    return section.parent is not None and themed(section.parent)[0] == "phases"


def _within(section: Section | None, wanted: Section) -> bool:
    while section is not None:
        if section is wanted:
            return True
        section = section.parent
    return False


def _of_section(section: Section, made: Findings, taken: set[int]) -> Group:
    bare = _NUMBER.sub("", section.title) if section.numbered else section.title
    name = _ASIDE.sub("", bare) or section.title
    group = Group(shortened(name, NAME), days=next(spans(section.title), None))
    for work in made.work:
        if work.sequence not in taken and _within(work.section, section):
            taken.add(work.sequence)
            group.items.append(_item(work))
    if group.items and _NUMBER_ALONE.fullmatch(group.name):
        group.name = shortened(f"{group.name}: {name_of(group.items)}", NAME)
    return group


def _of_step(works: Sequence[Work]) -> Group:
    items = [_item(work) for work in works]
    return Group(name_of(items), items)


def _numbered(made: Findings) -> list[Work]:
    """Entries like ``M1 (2 weeks): …``, where there are several."""
    heads = [(work, _ASIDE.sub("", work.text.partition(":")[0])) for work in made.work if work.listed]
    tops = [work for work, head in heads if _NUMBER_ALONE.fullmatch(head) and head[:1].isalpha()]
    return tops if len(tops) > 1 else []


def _with_lists(made: Findings) -> list[Work]:
    """Short entries with lists below them, where most entries of a list are such."""
    by_section: dict[int, list[Work]] = defaultdict(list)
    for work in made.work:
        by_section[id(work.section)].append(work)
    for works in by_section.values():
        tops = [work for work in works if len(work.details) > 1 and len(work.text.split()) <= TOPIC_WORDS]
        if len(tops) > 1 and len(tops) * 2 > len(works):
            return tops
    return []


def _of_entry(work: Work) -> Group:
    text = (
        _NUMBER.sub("", work.text) if _NUMBER.match(work.text) and kind_of(work.text) is None else work.text
    )
    name, *rest = _PART.split(text, maxsplit=1)
    details = [(each, work.priority) for each in work.details]
    if rest and not work.details:
        details = [(part, None) for part in listed(rest[0])]
    items = [
        Item(
            title=shortened(said[:1].upper() + said[1:], 120),
            priority=priority_in(said) or priority or "medium",
            kind=kind_of(said),
            days=next(spans(said), None),
        )
        for said, priority in details
    ]
    days = next(spans(name), None) or work.days
    bare = _ASIDE.sub("", name).strip() or work.text
    if not items:
        items = [
            Item(
                title=shortened(bare[:1].upper() + bare[1:], 120),
                priority=work.priority or "medium",
                kind=work.kind,
            )
        ]
    if work.due:
        items[-1].due = work.due
    named = f"{bare}: {name_of(items)}" if _NUMBER_ALONE.fullmatch(bare) else bare
    return Group(shortened(named[:1].upper() + named[1:], NAME), items, days=days)


def _spread(pool: Sequence[Work], groups: Sequence[Group]) -> None:
    """Put work into the phases that are told: by what it is about, and by its words; or else by its turn."""
    known = [(group, group.words, group.kind) for group in groups]
    for work in pool:
        wanted, kind = set(work.words), work.kind or "build"
        marks = [min(3, len(wanted & words)) + (4 if kind == other else 0) for _, words, other in known]
        most = max(marks)
        place = known[marks.index(most)][0] if most else groups[_turn(work.kind, len(groups))]
        place.items.append(_item(work))


def _turn(kind: Kind | None, count: int) -> int:
    """Where among so many phases work of a kind mostly stands."""
    return (count - 1) * KINDS.index(kind or "build") // (len(KINDS) - 1)


# ---------------------------------------------------------------------------------------------- topics, and the rest


def _topics(made: Findings, taken: set[int]) -> list[Group]:
    """The sections of the brief that are about something, and have work in them."""
    tops = [section for section in made.sections if section.level == 1]
    title = tops[0] if len(tops) == 1 and len(made.sections) > 2 else None
    groups: dict[int, Group] = {}
    for work in made.work:
        theme, _ = themed(work.section)
        section = work.section
        if not section.title or section is title or theme in ("goal", "intro", "people", "dates", "phases"):
            continue
        if theme == "work" and priority_in(section.title):
            continue
        if id(section) not in groups and len(groups) == TOPICS_MAX:
            continue
        group = groups.setdefault(id(section), Group(shortened(_ASIDE.sub("", section.title), NAME)))
        group.items.append(_item(work))
        taken.add(work.sequence)
    if len(groups) == 1 and len({work.kind or "build" for work in made.work}) > 1:
        # One list of everything: its entries say more about their order than its heading.
        taken.clear()
        return []
    return list(groups.values())


def _around(topics: list[Group], pool: Sequence[Work]) -> list[Group]:
    """Topics in the brief's order, and around them what comes before and after by its nature."""
    by_kind: dict[Kind, list[Item]] = {kind: [] for kind in KINDS}
    known = [group.words for group in topics]
    for work in pool:
        place = None
        if work.kind in (None, "build", "design") and known:
            wanted = set(work.words)
            shared = [len(wanted & words) for words in known]
            most = max(shared)
            place = topics[shared.index(most)] if most > 1 else None
        if place is None:
            by_kind[work.kind or "build"].append(_item(work))
        else:
            place.items.append(_item(work))
    before = _together(by_kind["prepare"], by_kind["design"])
    middle = [by_kind["build"]] if by_kind["build"] else []
    after = _together(by_kind["verify"], by_kind["launch"], by_kind["run"])
    made = [[Group(name_of(items), items) for items in part] for part in (before, middle, after)]
    return [*made[0], *topics, *made[1], *made[2]]


def _together(*parts: list[Item]) -> list[list[Item]]:
    """Parts as they are, but for what would be a phase of one piece of work beside another one."""
    made: list[list[Item]] = []
    for part in parts:
        if made and part and (len(part) == 1 or len(made[-1]) == 1) and len(part) + len(made[-1]) <= 4:
            made[-1] = [*made[-1], *part]
        elif part:
            made.append(part)
    return made


def _parted(group: Group) -> list[Group]:
    """A long list of one kind, in parts: what is important first."""
    rank = {"high": 0, "medium": 1, "low": 2, None: 1}
    items = sorted(group.items, key=lambda item: rank[item.priority])
    parts = min(5, max(2, len(items) // 5))
    size = -(-len(items) // parts)
    chunks = [items[start : start + size] for start in range(0, len(items), size)]
    return [Group(name_of(chunk), chunk) for chunk in chunks]


def _little(made: Findings, brief: Brief) -> list[Group]:
    """A plan of a brief that names no work: what it says, and what has to be found out."""
    items = [Item(title=shortened(text, 120), priority="medium") for text in made.goals[:20]]
    unknown = [Item(title=said, priority="high", kind="prepare") for said in missing(made)]
    return [Group(shortened(brief.name, NAME), [*unknown, *items] or [Item(title=brief.name)])]


def missing(made: Findings) -> list[str]:
    """What a brief does not say, in words."""
    there = {
        "goal": made.goals,
        "work": made.work,
        "audience": made.audience,
        "deadline": made.ends,
        "people": made.people or made.team,
        "limits": made.limits,
        "success": made.success,
        "risks": made.risks,
        "start": made.starts,
    }
    return [
        format_message(made.language, f"missing_{aspect}") for aspect, known in there.items() if not known
    ]


# ---------------------------------------------------------------------------------------------- risks, questions, limits


def _add_risks(plan: Plan, made: Findings, brief: Brief) -> None:
    for risk in made.risks[:RISKS_MAX]:
        said = (
            risk
            if folded(risk).startswith(("risk", "risque"))
            else format_message(made.language, "risk", text=risk)
        )
        item = Item(title=shortened(said, 120), priority="high", kind="prepare")
        item.description = answer_about(risk, brief) or (risk if item.title.endswith("…") else None)
        place = nearest(set(content_words(risk)), plan.groups) or plan.groups[0]
        place.items.append(item)


def answer_about(text: str, brief: Brief) -> str | None:
    """What was answered to a question that quotes the text."""
    for question in brief.asked:
        said = brief.answers.get(question.id)
        if isinstance(said, str) and shortened(text, 200) in question.text:
            return said
    return None


def _add_questions(plan: Plan, made: Findings, brief: Brief) -> None:
    """What the brief asks itself has to be decided first, unless it was answered."""
    left = []
    for question in dict.fromkeys(made.questions):
        answer = answer_about(question, brief)
        if answer is None:
            left.append(Item(title=shortened(question, 120), priority="high", kind="prepare"))
        else:
            plan.notes.append(f"{question} {answer}")
    plan.groups[0].items[:0] = left[:QUESTIONS_MAX]


def _add_acceptance(plan: Plan, made: Findings) -> None:
    asked = list(dict.fromkeys([*made.success, *made.limits]))
    if asked:
        steps = [shortened(text, 200) for text in asked]
        item = Item(
            title=format_message(made.language, "acceptance"), priority="high", checklist=steps, kind="verify"
        )
        plan.groups[-1].items.append(item)


def _weigh(plan: Plan, brief: Brief) -> None:
    """What was answered to matter most, and what can wait."""
    first, later = brief.answers.get("first"), brief.answers.get("later")
    for group, item in plan.items:
        if isinstance(later, list) and item.title in later:
            item.priority = "low"
        elif isinstance(first, str) and first in (item.title, group.name) and item.priority != "low":
            item.priority = "high"
