"""Feedback: changes to a plan in plain words. The grammar beside this file reads each as a whole, or refuses it as a whole."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path

from lark import Token, Transformer, Tree, v_args
from lark.exceptions import VisitError

from stellary.contract.cards import Priority
from stellary.contract.project_imports import COLUMNS_MAX
from stellary.contract.wizard import NotUnderstood
from stellary.core.kernel.grammars import Grammar, NotRead, find_near, list_trees
from stellary.core.wizard.rules.dates import DAYS_MAX, DateReader
from stellary.core.wizard.rules.matching import (
    QUOTES,
    NotMatched,
    SimilarOnly,
    find_phase,
    find_target,
    list_targets,
    refuse,
    strip_role,
)
from stellary.core.wizard.rules.plans import (
    NAME_MAX,
    PlannedItem,
    PlannedPhase,
    WorkPlan,
    content_words,
    to_name,
    to_title,
)
from stellary.core.wizard.rules.vocabulary import fold, word_numbers

WISHES_MAX = 30
"""The maximum number of changes in one feedback."""
UNDO_MAX = 100
PACE_MIN, PACE_MAX = 0.05, 20.0
_OPENING_PLACE = re.compile(r"(?:in|for|during|before|after|dans|pour|pendant|avant|apres) ")
_LAST: Tree[str] = Tree("last", [])
"""The position of a new phase, unless the change gives another one."""


@cache
def _load_grammar() -> tuple[Grammar, re.Pattern[str]]:
    """Return the grammar of changes, and a pattern of the text between two of them."""
    grammar = Grammar(Path(__file__))
    verb = grammar.first_words.pattern
    between = rf"[;\n]|(?<=\S\S)[.!](?=\s)|,?\s(?:and|et|then|puis)\s(?={verb})|,\s(?={verb})"
    return grammar, re.compile(between)


def apply_feedback(
    plan: WorkPlan, feedback: Sequence[str], today: date
) -> tuple[WorkPlan, list[NotUnderstood]]:
    """Return a plan with all feedback applied, and the parts of the last feedback that had no effect.

    ``undo`` reverts the last change, and ``start over`` all changes.

    Args:
        plan: The plan from the brief and the answers.
        feedback: All feedback, oldest first.
        today: The day from which dates without a year are read.
    """
    first, history = plan.copy(), deque([plan], maxlen=UNDO_MAX)
    refused: list[NotUnderstood] = []
    for text in feedback:
        refused = []
        for number, wish in enumerate(_split_wishes(history[-1], text)):
            try:
                _apply_wish(first, history, wish, today, is_allowed=number < WISHES_MAX)
            except NotMatched as error:
                refused.append(NotUnderstood(text=wish, reason=str(error)))
    return history[-1], refused


def _apply_wish(
    first: WorkPlan, history: deque[WorkPlan], wish: str, today: date, *, is_allowed: bool
) -> None:
    """Add the plan with a change to the plans so far.

    Raises:
        NotMatched: The change is not understood, or not possible.
    """
    plan = history[-1]
    if not is_allowed:
        raise refuse(plan, "too_many", most=WISHES_MAX)
    tree = _parse(plan, wish)
    if tree.data == "undo":
        if len(history) == 1:
            raise refuse(plan, "nothing_to_undo")
        history.pop()
        return
    after = (first if tree.data == "reset" else plan).copy()
    _Change(after, today, wish).apply(tree)
    history.append(after)


def _normalize(plan: WorkPlan, text: str) -> str:
    """Return a text in lower case and without accents, with each name of the plan as one word, at the same length."""
    text = fold(text)
    names = {fold(target.name) for target in list_targets(plan)}
    for name in sorted((name for name in names if " " in name), key=len, reverse=True):
        text = text.replace(name, name.replace(" ", "_"))
    return text


def _split_wishes(plan: WorkPlan, text: str) -> Iterator[str]:
    """Yield the changes in a text: its sentences, split at each ``and`` that a verb follows."""
    _, between = _load_grammar()
    text = "\n".join(" ".join(line.split()) for line in text.splitlines())
    start = 0
    normalized = _normalize(plan, text)
    for match in [*between.finditer(normalized), None]:
        if match and match[0].startswith(",") and _OPENING_PLACE.match(normalized, start):
            # ``In Build, add payment`` is one change.
            continue
        if wish := text[start : match.start() if match else None].strip(" ,.!?-*•"):
            yield wish
        start = match.end() if match else start


def _parse(plan: WorkPlan, wish: str) -> Tree[Token]:
    """Return the syntax tree of a change.

    Raises:
        NotMatched: The text is not a change.
    """
    try:
        (tree,) = list_trees(_load_grammar()[0].parse(_normalize(plan, wish)))
    except NotRead as error:
        raise _refuse_wish(plan, wish, error.position) from None
    return tree


def _refuse_wish(plan: WorkPlan, wish: str, position: int) -> NotMatched:
    """Return the error for a change that is not understood at a position. The message suggests a similar change."""
    grammar, _ = _load_grammar()
    forms = grammar.vocabulary["forms"]
    verbs = {word: name for name in forms for word in re.findall(r"[a-z]{3,}", grammar.keywords[name])}
    polite = grammar.keywords["_POLITE"]
    first = next((word for word in fold(wish).split() if not re.fullmatch(polite, word)), "")
    verb = find_near(first, verbs)
    word = wish[position:].partition(" ")[0] if verb else first
    form = "; ".join(forms[name][plan.language == "fr"] for name in ([verbs[verb]] if verb else forms))
    return refuse(plan, "not_understood", word=(word or wish)[:100], form=form)


def _split_names(text: str) -> list[str]:
    """Return the names of an enumeration: ``a, b and c``."""
    names = re.split(r",| and | et ", text)
    return [name.strip(QUOTES) for name in names if name.strip(QUOTES)]


def _to_item(title: str) -> PlannedItem:
    return PlannedItem(to_title(title), priority="medium")


def _to_number(word: str) -> int:
    return int(word) if word.isdecimal() else word_numbers("numbers")[word]


def _find_index(siblings: Sequence[object], place: Tree[str], near: object) -> int:
    """Return the index of a position among siblings; the end if the sibling near it is not one of them."""
    if place.data == "first":
        return 0
    return siblings.index(near) + (place.data == "after") if near in siblings else len(siblings)


@v_args(inline=True)
class _Change(Transformer[Token, None]):
    """A change: each method makes the changes of the rule with its name. Its arguments are the names in the text.

    Args:
        plan: The plan to change.
        today: The day from which dates are read.
        wish: The text of the change.
    """

    def __init__(self, plan: WorkPlan, today: date, wish: str) -> None:
        super().__init__()
        self._plan, self._dates, self._wish = plan, DateReader(today), wish

    def apply(self, tree: Tree[Token]) -> None:
        """Make the change.

        Raises:
            NotMatched: The text names no part of the plan, or the change is impossible.
        """
        try:
            self.transform(tree)
        except VisitError as error:
            raise error.orig_exc from None
        self._plan.phases = [phase for phase in self._plan.phases if phase.items]

    def _refuse(self, key: str, **values: object) -> NotMatched:
        return refuse(self._plan, key, **values)

    def _check_name(self, name: str) -> str:
        """Return a new name without words such as ``phase``. It must name a part, and not a time or a place in the plan."""
        stripped = strip_role(name)[0]
        no_names = _load_grammar()[0].vocabulary["no_names"]
        # ``IT`` is a name, ``it`` is none.
        is_vague = not stripped.isupper() and re.match(no_names, fold(stripped))
        if not stripped or is_vague or self._is_between_phases(stripped):
            raise _refuse_wish(self._plan, self._wish, len(self._wish))
        return stripped

    def _is_between_phases(self, name: str) -> bool:
        """Return whether a name ends with ``between`` two phases: a place, and not a part of the name."""
        words = fold(name).split()
        start = next((index for index, word in enumerate(words) if word in {"between", "entre"}), len(words))
        middle = next((index for index in range(start, len(words)) if words[index] in {"and", "et"}), start)
        try:
            return middle > start and all(
                find_phase(self._plan, " ".join(phase_words))
                for phase_words in (words[start + 1 : middle], words[middle + 1 :])
            )
        except NotMatched:
            return False

    # ------------------------------------------------------------------------------------------ words

    def name(self, *words: Token) -> str:
        return self._wish[words[0].start_pos : words[-1].end_pos].strip(QUOTES)

    def into(self, word: Token) -> str:
        return str(word)

    # ------------------------------------------------------------------------------------------ whole plan

    def shorten(self) -> None:
        self._scale(0.75)

    def lengthen(self) -> None:
        self._scale(4 / 3)

    def _scale(self, factor: float) -> None:
        plan = self._plan
        plan.pace = min(PACE_MAX, max(PACE_MIN, plan.pace * factor))
        if plan.days is not None:
            plan.days = max(1, round(plan.days * factor))
        elif plan.deadline is not None and plan.start is not None and factor < 1:
            plan.days = max(1, round(((plan.deadline - plan.start).days + 1) * factor))

    def limit_phases(self, count: Token | None = None) -> None:
        """Merge the smallest neighbouring phases until there are at most so many; one less without a number."""
        phases = self._plan.phases
        most = len(phases) - 1 if count is None else _to_number(count)
        while len(phases) > max(1, most):
            self._join(*min(pairwise(phases), key=lambda pair: len(pair[0].items) + len(pair[1].items)))

    def set_days(self, count: Token, unit: Token) -> None:
        days = min(DAYS_MAX, _to_number(count) * word_numbers("units")[unit])
        if not days:
            raise self._refuse("no_duration")
        self._plan.days, self._plan.deadline = days, None

    def set_start(self, text: str) -> None:
        plan, day = self._plan, self._read_days(text)[0]
        if plan.start is not None and plan.deadline is not None and plan.deadline < day:
            plan.deadline = day + (plan.deadline - plan.start)
        plan.start = day

    def set_deadline(self, text: str) -> None:
        self._plan.deadline, self._plan.days = self._read_days(text)[1], None

    def _read_days(self, text: str) -> tuple[date, date]:
        """Return the first and the last day of the time that a text names."""
        timing = self._dates.read_timing(text)
        if timing is None:
            raise self._refuse("no_date")
        if timing.period is not None:
            return timing.period.first, timing.period.last
        day = self._dates.add_to_today(timing.days or 0)
        return day, day

    # ------------------------------------------------------------------------------------------ parts

    def prioritize(self, name: str, level: Token) -> None:
        target = find_target(self._plan, name)
        priority: Priority = "high" if level.type == "HIGH" else "low"
        for item in [target.item] if target.item else target.phase.items:
            item.priority = priority

    def set_duration(self, name: str, text: str) -> None:
        target, timing = find_target(self._plan, name), self._dates.read_timing(text)
        if timing is None or not timing.days:
            raise self._refuse("no_duration")
        (target.item or target.phase).days = timing.days

    def set_due(self, name: str, text: str) -> None:
        target = find_target(self._plan, name)
        (target.item or target.phase.items[-1]).due = self._read_days(text)[1]

    def add_phase(self, name: str, place: Tree[str] = _LAST) -> None:
        self._insert_phases([name], place)

    def add_phases(self, names: str, place: Tree[str] = _LAST) -> None:
        self._insert_phases(_split_names(names), place)

    def _insert_phases(self, names: Sequence[str], place: Tree[str]) -> None:
        phases = self._plan.phases
        names = [self._check_name(name) for name in names]
        if len(phases) + len(names) > COLUMNS_MAX:
            raise self._refuse("full", most=COLUMNS_MAX)
        near = find_phase(self._plan, str(place.children[0])) if place.children else None
        index = _find_index(phases, place, near)
        phases[index:index] = [PlannedPhase(to_name(name), [_to_item(name)]) for name in names]

    def add_item(self, *parts: str) -> None:
        """Add a deliverable to the phase after the last ``to`` that a phase follows, else to the phase most like it."""
        for end in range(len(parts) - 2, 0, -2):
            try:
                phase = find_phase(self._plan, " ".join(parts[end + 1 :]))
                break
            except SimilarOnly:
                raise
            except NotMatched:
                continue  # It is a part of the title.
        else:
            end, words, phase = len(parts), content_words(" ".join(parts)), self._plan.phases[-1]
            for other in reversed(self._plan.phases):
                if words & other.words and len(words & other.words) >= len(words & phase.words):
                    phase = other
        phase.items.append(_to_item(self._check_name(" ".join(parts[:end]))))

    def add_steps(self, names: str, name: str) -> None:
        item = find_target(self._plan, name, "item").item
        assert item is not None
        item.checklist += _split_names(names)

    def remove(self, text: str) -> None:
        if fold(text).startswith("to "):
            # ``Skip to the last phase`` removes what is before it, which ``remove`` does not.
            raise _refuse_wish(self._plan, self._wish, len(self._wish))
        try:
            targets = [find_target(self._plan, text)]
        except NotMatched:
            if len(names := _split_names(text)) < 2:
                raise
            targets = [find_target(self._plan, name) for name in names]
        removed = [target.item or target.phase for target in targets]
        for phase in self._plan.phases:
            phase.items = [item for item in phase.items if item not in removed and phase not in removed]
        if not any(phase.items for phase in self._plan.phases):
            raise self._refuse("last_phase")

    def rename(self, name: str, new_name: str) -> None:
        target = find_target(self._plan, name)
        if not new_name:
            raise _refuse_wish(self._plan, self._wish, len(self._wish))
        if target.item is None:
            target.phase.name = to_name(new_name)
        else:
            target.item.title = to_title(new_name)

    def merge(self, name: str, other_name: str, new_name: str = "") -> None:
        one = find_target(self._plan, name)
        two = find_target(self._plan, other_name, None if one.item else "phase")
        if one.item is None or two.item is None:
            first, second = sorted((one.phase, two.phase), key=self._plan.phases.index)
            return self._join(first, second, new_name)
        self._check_different(one.item, two.item)
        one.item.checklist += [two.item.title, *two.item.checklist]
        one.item.title = to_title(new_name or f"{one.item.title}; {two.item.title}")
        return two.phase.items.remove(two.item)

    def _check_different(self, one: object, two: object) -> None:
        if one is two:
            raise self._refuse("same")

    def _join(self, first: PlannedPhase, second: PlannedPhase, name: str = "") -> None:
        self._check_different(first, second)
        first.items += second.items
        first.days = first.days + second.days if first.days and second.days else None
        first.period = None
        tail = second.name[:1].lower() + second.name[1:] if second.name[1:2].islower() else second.name
        joined = f"{first.name}, {tail}"
        first.name = to_name(name) or (joined if len(joined) <= NAME_MAX else first.name)
        self._plan.phases.remove(second)

    def split(self, name: str, text: str = "") -> None:
        phases, names, phase = self._plan.phases, _split_names(text), find_phase(self._plan, name)
        if len(phases) + max(2, len(names)) - 1 > COLUMNS_MAX:
            raise self._refuse("full", most=COLUMNS_MAX)
        if len(names) < 2 and len(phase.items) < 2:
            raise self._refuse("too_short")
        half = -(-len(phase.items) // 2)
        names = names if len(names) > 1 else [item.title for item in phase.items[::half]]
        parts = [PlannedPhase(to_name(name)) for name in names]
        size = -(-len(phase.items) // len(parts))
        for number, item in enumerate(phase.items):
            shared = [len(content_words(item.title) & content_words(part.name)) for part in parts]
            parts[shared.index(max(shared)) if max(shared) else number // size].items.append(item)
        for part in parts:
            part.items = part.items or [_to_item(part.name)]
        index = phases.index(phase)
        phases[index : index + 1] = parts

    def swap(self, name: str, other_name: str) -> None:
        phases = self._plan.phases
        one, two = find_phase(self._plan, name), find_phase(self._plan, other_name)
        self._check_different(one, two)
        first, second = phases.index(one), phases.index(two)
        phases[first], phases[second] = two, one

    def move(self, name: str, place: Tree[str]) -> None:
        target = near = find_target(self._plan, name)
        if place.children:
            near = find_target(self._plan, str(place.children[0]), None if target.item else "phase")
            self._check_different(target.item or target.phase, near.item or near.phase)
        if target.item is None:
            phases = self._plan.phases
            phases.remove(target.phase)
            phases.insert(_find_index(phases, place, near.phase), target.phase)
        else:
            target.phase.items.remove(target.item)
            near.phase.items.insert(_find_index(near.phase.items, place, near.item), target.item)

    def move_into(self, name: str, phase_name: str) -> None:
        target, phase = find_target(self._plan, name), find_phase(self._plan, phase_name)
        if target.item is None:
            self._join(phase, target.phase)
        else:
            target.phase.items.remove(target.item)
            phase.items.append(target.item)
