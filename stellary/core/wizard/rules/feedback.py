"""Feedback: changes to a plan in plain words, each a verb with its arguments. Other text is returned with the reason."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from itertools import pairwise, zip_longest

from stellary.contract.cards import Priority
from stellary.contract.project_imports import COLUMNS_MAX
from stellary.contract.wizard import NotUnderstood
from stellary.core.wizard.rules.dates import DateReader
from stellary.core.wizard.rules.fitting import shorten
from stellary.core.wizard.rules.matching import (
    QUOTES,
    NotMatched,
    PlanTarget,
    find_phase,
    find_target,
    strip_role,
)
from stellary.core.wizard.rules.messages import format_message
from stellary.core.wizard.rules.plans import (
    NAME_MAX,
    TITLE_MAX,
    PlannedItem,
    PlannedPhase,
    WorkPlan,
    capitalize,
    content_words,
)
from stellary.core.wizard.rules.vocabulary import fold, word_numbers, word_set

WISH_MAX = 300
"""The maximum number of characters of one change."""
PACE_MIN, PACE_MAX = 0.05, 20.0

_PRIORITIES: tuple[Priority, ...] = ("high", "low")
_VERBS = ("add", "remove", "rename", "merge", "split", "swap", "move", "start", "finish", "undo")


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
    first, history = copy.deepcopy(plan), list[WorkPlan]()
    refused: list[NotUnderstood] = []
    for text in feedback:
        refused = []
        for wish in split_wishes(text):
            words = fold(wish).strip(" .!?").split()
            if words[:1] and words[0] in word_set("undo") and len(words) < 5:
                if history:
                    plan = history.pop()
                else:
                    reason = format_message(plan.language, "nothing_to_undo")
                    refused.append(NotUnderstood(text=wish, reason=reason))
                continue
            is_reset = words in (["start", "over"], ["tout", "annuler"], ["reset"])
            after = copy.deepcopy(first if is_reset else plan)
            try:
                if not is_reset:
                    _Change(after, today, wish).apply()
            except NotMatched as error:
                refused.append(NotUnderstood(text=wish, reason=str(error)))
            else:
                history.append(plan)
                plan = after
    return plan, refused


def split_wishes(text: str) -> Iterator[str]:
    """Yield the changes in a text: its sentences, split at each ``and`` that a verb follows."""
    verbs = frozenset[str]().union(*map(word_set, _VERBS[:7])) - {"do", "in"}
    for line in text.replace(";", "\n").splitlines():
        words: list[str] = []
        tokens = line.split()
        for token, following in zip_longest(tokens, tokens[1:], fillvalue=""):
            is_before_verb = fold(following).strip(QUOTES) in verbs
            is_joint = is_before_verb and token.casefold() in ("and", "et", "then", "puis")
            words += [] if is_joint else [token]
            is_end = (token[-1] in ".!" and len(token) > 2) or (token[-1] == "," and is_before_verb)
            if (is_end or is_joint or not following) and (wish := " ".join(words).strip(" ,.!-*•")):
                yield wish
            words = [] if is_end or is_joint else words


class _Change:
    """One change: a verb, and the text after it.

    Args:
        plan: The plan to change.
        today: The day from which dates are read.
        wish: The text of the change.
    """

    def __init__(self, plan: WorkPlan, today: date, wish: str) -> None:
        self._plan, self._language = plan, plan.language
        self._dates = DateReader(today)
        self._words = wish.split() if len(wish) <= WISH_MAX else []

    def apply(self) -> None:
        """Make the change.

        Raises:
            NotMatched: The text is not a change, or names no part of the plan.
        """
        words = list(self._words)
        verb = self._find_verb(words)
        text = " ".join(words)
        while words and verb is None and self._plain(words[0]) in word_set("polite"):
            words.pop(0)
            verb = self._find_verb(words)
        text_after = " ".join(words[1:]) if verb else text
        if self._is_pace(text) or self._is_statement(" ".join(self._words)):
            return
        if verb is None or not hasattr(self, f"_{verb}"):
            raise self._refuse("not_understood")
        method: Callable[[str], None] = getattr(self, f"_{verb}")
        method(text_after)
        self._plan.phases = [phase for phase in self._plan.phases if phase.items]

    def _find_verb(self, words: Sequence[str]) -> str | None:
        first = self._plain(words[0]) if words else ""
        return next((verb for verb in _VERBS if first in word_set(verb)), None)

    @staticmethod
    def _plain(word: str) -> str:
        return fold(word).strip(QUOTES + "?")

    def _refuse(self, key: str, **values: object) -> NotMatched:
        return NotMatched(format_message(self._language, key, **values))

    def _split_at(self, text: str, joints: str) -> Iterator[tuple[str, str]]:
        """Yield the parts before and after each joining word, from the last word to the first."""
        words = text.split()
        for place in range(len(words) - 1, 0, -1):
            if self._plain(words[place - 1]) in word_set(joints) and place > 1:
                yield " ".join(words[: place - 1]), " ".join(words[place:])

    def _resolve(self, text: str, joints: str) -> tuple[PlanTarget, str]:
        """Return the target at the beginning of a text, and the text after the joining word."""
        problem = self._refuse("not_understood")
        for head, tail in self._split_at(text, joints):
            try:
                return find_target(self._plan, head), tail
            except NotMatched as error:
                problem = error
        raise problem

    # ------------------------------------------------------------------------------------------ whole plan

    def _is_pace(self, text: str) -> bool:
        """Apply a text about the length of the whole plan; return False for any other text."""
        words = {self._plain(word) for word in text.split()}
        for name, factor in (("shorter", 0.75), ("longer", 4 / 3)):
            if len(words) <= 6 and words & word_set(name):
                self._scale(factor)
                return True
        if words & word_set("roles_phase") and words & word_set("fewer"):
            numbers = {**word_numbers("numbers"), **{word: int(word) for word in words if word.isdecimal()}}
            most = max((numbers[word] for word in words & numbers.keys()), default=len(self._plan.phases) - 1)
            self._reduce(max(1, most))
            return True
        timing = self._dates.read_timing(text.removeprefix("make it ").removeprefix("in "))
        if timing and timing.days and timing.period is None:
            self._plan.days, self._plan.deadline = timing.days, None
            return True
        return False

    def _scale(self, factor: float) -> None:
        plan = self._plan
        plan.pace = min(PACE_MAX, max(PACE_MIN, plan.pace * factor))
        if plan.days is not None:
            plan.days = max(1, round(plan.days * factor))
        elif plan.deadline is not None and plan.start is not None and factor < 1:
            plan.days = max(1, round(((plan.deadline - plan.start).days + 1) * factor))

    def _reduce(self, most: int) -> None:
        """Join the smallest neighbouring phases until there are at most so many."""
        while len(phases := self._plan.phases) > most:
            pairs = [*pairwise(phases)]
            self._join(*min(pairs, key=lambda pair: len(pair[0].items) + len(pair[1].items)))

    def _is_statement(self, text: str) -> bool:
        """Apply a sentence that states a duration, a priority or a date; return False for any other sentence."""
        words = text.split()
        plain = [self._plain(word) for word in words]
        for place in range(1, len(words) - 1):
            timing = None
            if plain[place] in word_set("lasts") or plain[place] == "due":
                timing = self._dates.read_timing(" ".join(words[place + 1 :]))
            if timing and timing.days and plain[place] != "due":
                target = find_target(self._plan, " ".join(words[:place]))
                (target.item or target.phase).days = timing.days
                return True
            if timing and timing.period and plain[place - 1] in ("is", "are"):
                target = find_target(self._plan, " ".join(words[: place - 1]))
                (target.item or target.phase.items[-1]).due = timing.period.last
                return True
        is_command = plain[:1] and plain[0] in ("make", "mark", "set")
        has_verb = len(plain) > 2 and plain[-2] in word_set("states")
        priority = next((name for name in _PRIORITIES if plain and plain[-1] in word_set(name)), None)
        if priority is None or len(plain) < 2 or not (is_command or has_verb):
            return False
        name = " ".join(words[bool(is_command) : -2 if has_verb else -1])
        target = find_target(self._plan, name)
        for item in [target.item] if target.item else target.phase.items:
            item.priority = priority
        return True

    def _start(self, text: str) -> None:
        plan, day = self._plan, self._read_day(text)[0]
        if plan.start is not None and plan.deadline is not None and plan.deadline < day:
            plan.deadline = day + (plan.deadline - plan.start)
        plan.start = day

    def _finish(self, text: str) -> None:
        self._plan.deadline, self._plan.days = self._read_day(text)[1], None

    def _read_day(self, text: str) -> tuple[date, date]:
        timing = self._dates.read_timing(text)
        if timing is None:
            raise self._refuse("no_date")
        if timing.period is not None:
            return timing.period.first, timing.period.last
        day = self._dates.add_to_today(timing.days or 0)
        return day, day

    # ------------------------------------------------------------------------------------------ parts

    def _new_item(self, text: str) -> PlannedItem:
        return PlannedItem(shorten(capitalize(text), TITLE_MAX), priority="medium")

    def _add(self, text: str) -> None:
        words = [self._plain(word) for word in text.split()]
        while words and words[0] in word_set("articles") | {"i", "we"}:
            words.pop(0)
        if words[:1] and words[0].rstrip(":") in ("checklist", "steps", "etapes"):
            self._add_steps(text)
        elif set(words) & word_set("roles_phase") and strip_role(self._split_position(text)[0])[1] == "phase":
            self._add_phases(text)
        else:
            self._add_item(text)

    def _split_position(self, text: str) -> tuple[str, int]:
        """Split a text into the part before a position at its end, and the index of that position."""
        phases = self._plan.phases
        for name, offset in (("before", 0), ("after", 1)):
            for head, tail in self._split_at(text, name):
                return head, self._plan.phases.index(find_phase(self._plan, tail)) + offset
        words = text.split()
        if (
            len(words) > 2
            and self._plain(words[-1]) in word_set("roles_phase")
            and self._plain(words[-2]) in (word_set("first") | word_set("last"))
        ):
            words.pop()
        edge = self._plain(words[-1]) if words else ""
        for name, index in (("first", 0), ("last", len(phases))):
            if edge in word_set(name) and len(words) > 1:
                while len(words) > 1 and self._plain(words[-1]) in (
                    word_set(name) | {"at", "the", "to", "au", "a", "la", "en"}
                ):
                    words.pop()
                return " ".join(words), index
        return text, len(phases)

    def _add_phases(self, text: str) -> None:
        head, index = self._split_position(text)
        name, _ = strip_role(head)
        is_plural = any(self._plain(word) in ("phases", "stages", "etapes") for word in head.split())
        names = _split_names(name) if is_plural else [name]
        if not name or strip_role(name)[0] == "" or self._plain(name) in word_set("roles_phase"):
            raise self._refuse("not_understood")
        if len(self._plan.phases) + len(names) > COLUMNS_MAX:
            raise self._refuse("full", most=COLUMNS_MAX)
        self._plan.phases[index:index] = [
            PlannedPhase(shorten(capitalize(part), NAME_MAX), [self._new_item(part)]) for part in names
        ]

    def _add_item(self, text: str) -> None:
        phase, name = self._plan.phases[-1], text
        for head, tail in self._split_at(text, "into"):
            try:
                phase, name = find_phase(self._plan, tail), head
                break
            except NotMatched:
                continue
        else:
            near = max(self._plan.phases, key=lambda other: self._count_shared(other, text))
            if self._count_shared(near, text):
                phase = near
        name, kind = strip_role(name)
        if not name or kind == "phase":
            raise self._refuse("not_understood")
        phase.items.append(self._new_item(name))

    @staticmethod
    def _count_shared(phase: PlannedPhase, text: str) -> int:
        return len(
            content_words(text) & content_words(" ".join([phase.name, *(item.title for item in phase.items)]))
        )

    def _add_steps(self, text: str) -> None:
        for head, tail in self._split_at(text, "into"):
            item = find_target(self._plan, tail, "item").item
            assert item is not None
            item.checklist += _split_names(head.partition(":")[2] or " ".join(head.split()[1:]))
            return
        raise self._refuse("not_understood")

    def _remove(self, text: str) -> None:
        try:
            targets = [find_target(self._plan, text)]
        except NotMatched:
            if len(names := _split_names(text)) < 2:
                raise
            targets = [find_target(self._plan, name) for name in names]
        removed = [target.item or target.phase for target in targets]
        for phase in self._plan.phases:
            phase.items = [item for item in phase.items if item not in removed]
        phases = [phase for phase in self._plan.phases if phase.items and phase not in removed]
        if not phases:
            raise self._refuse("last_phase")
        self._plan.phases = phases

    def _rename(self, text: str) -> None:
        target, name = self._resolve(text, "into" if not list(self._split_at(text, "name")) else "name")
        if not name.strip(QUOTES):
            raise self._refuse("not_understood")
        if target.item is None:
            target.phase.name = shorten(capitalize(name.strip(QUOTES)), NAME_MAX)
        else:
            target.item.title = shorten(capitalize(name.strip(QUOTES)), TITLE_MAX)

    def _merge(self, text: str) -> None:
        name = ""
        for head, tail in self._split_at(text, "name"):
            text, name = head, tail.strip(QUOTES)
        one, other_text = self._resolve(text, "pair")
        two = find_target(self._plan, other_text, None if one.item else "phase")
        if one.item is two.item and one.phase is two.phase:
            raise self._refuse("same")
        if one.item is None or two.item is None:
            first, second = sorted((one.phase, two.phase), key=self._plan.phases.index)
            if first is second:
                raise self._refuse("same")
            self._join(first, second, name)
            return
        one.item.checklist += [two.item.title, *two.item.checklist]
        one.item.title = shorten(capitalize(name) or f"{one.item.title}; {two.item.title}", TITLE_MAX)
        self._take_out(two)

    def _join(self, first: PlannedPhase, second: PlannedPhase, name: str = "") -> None:
        first.items += second.items
        first.days = first.days + second.days if first.days and second.days else None
        first.period = None
        tail = second.name[:1].lower() + second.name[1:] if second.name[1:2].islower() else second.name
        joined = f"{first.name}, {tail}"
        first.name = shorten(capitalize(name), NAME_MAX) or (
            joined if len(joined) <= NAME_MAX else first.name
        )
        self._plan.phases.remove(second)

    def _take_out(self, target: PlanTarget) -> None:
        if target.item is None:
            self._plan.phases.remove(target.phase)
        else:
            target.phase.items.remove(target.item)

    def _split(self, text: str) -> None:
        head, tail = next(self._split_at(text, "into"), (text, ""))
        names = _split_names(tail)
        phase = find_phase(self._plan, head)
        if len(self._plan.phases) + max(2, len(names)) - 1 > COLUMNS_MAX:
            raise self._refuse("full", most=COLUMNS_MAX)
        if len(names) < 2 and len(phase.items) < 2:
            raise self._refuse("too_short")
        half = -(-len(phase.items) // 2)
        names = names if len(names) > 1 else [phase.items[0].title, phase.items[half].title]
        parts = [PlannedPhase(shorten(capitalize(name), NAME_MAX)) for name in names]
        size = -(-len(phase.items) // len(parts))
        for place, item in enumerate(phase.items):
            shared = [len(content_words(item.title) & content_words(part.name)) for part in parts]
            parts[shared.index(max(shared)) if max(shared) else place // size].items.append(item)
        for part in parts:
            part.items = part.items or [self._new_item(part.name)]
        index = self._plan.phases.index(phase)
        self._plan.phases[index : index + 1] = parts

    def _swap(self, text: str) -> None:
        one, other_text = self._resolve(text, "pair")
        first, second = (
            self._plan.phases.index(one.phase),
            self._plan.phases.index(find_phase(self._plan, other_text)),
        )
        if first == second:
            raise self._refuse("same")
        phases = self._plan.phases
        phases[first], phases[second] = phases[second], phases[first]

    def _move(self, text: str) -> None:
        for name, offset in (("before", 0), ("after", 1)):
            if list(self._split_at(text, name)):
                target, tail = self._resolve(text, name)
                near = find_target(self._plan, tail, None if target.item else "phase")
                return self._put_beside(target, near, offset)
        head, index = self._split_position(text)
        if head != text:
            target = find_target(self._plan, strip_role(head)[0] or head)
            return self._put_at(target, is_first=index == 0)
        target, tail = self._resolve(text, "into")
        phase = find_phase(self._plan, tail)
        if target.item is None:
            if phase is target.phase:
                raise self._refuse("same")
            return self._join(phase, target.phase)
        phase.items.append(target.item)
        return self._take_out(target)

    def _put_at(self, target: PlanTarget, *, is_first: bool) -> None:
        self._take_out(target)
        if target.item is None:
            self._plan.phases.insert(0 if is_first else len(self._plan.phases), target.phase)
        else:
            target.phase.items.insert(0 if is_first else len(target.phase.items), target.item)

    def _put_beside(self, target: PlanTarget, near: PlanTarget, offset: int) -> None:
        if (target.item or target.phase) is (near.item or near.phase):
            raise self._refuse("same")
        self._take_out(target)
        if target.item is None:
            self._plan.phases.insert(self._plan.phases.index(near.phase) + offset, target.phase)
        elif near.item is None:
            near.phase.items.append(target.item)
        else:
            near.phase.items.insert(near.phase.items.index(near.item) + offset, target.item)


def _split_names(text: str) -> list[str]:
    """Return the names of an enumeration: ``a, b and c``."""
    for joint in (" and ", " et "):
        text = text.replace(joint, ", ")
    return [name.strip(QUOTES) for name in text.split(",") if name.strip(QUOTES)]
