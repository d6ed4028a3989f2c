"""Matching: finds the phase or deliverable that a name in feedback refers to. An ambiguous name matches none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import SequenceMatcher
from typing import Literal

import attrs

from stellary.core.wizard.rules.messages import format_message
from stellary.core.wizard.rules.plans import PlannedItem, PlannedPhase, WorkPlan, content_words
from stellary.core.wizard.rules.vocabulary import fold, word_numbers, word_set

NEAR = 0.8
COMPARED_MAX = 120
SHOWN_MAX = 4
QUOTES = " \t\"'“”«».,;:!"

TargetKind = Literal["phase", "item"]


class NotMatched(Exception):
    """A change that cannot be made; the message is the reason."""


@attrs.frozen
class PlanTarget:
    """A phase, or a deliverable in one."""

    phase: PlannedPhase
    item: PlannedItem | None = None

    @property
    def name(self) -> str:
        """The name of the phase or the title of the deliverable."""
        return self.phase.name if self.item is None else self.item.title


def strip_role(text: str) -> tuple[str, TargetKind | None]:
    """Split a name into the name itself, without quotes and articles, and its kind if it has a word such as ``phase``."""
    words = text.strip(QUOTES).split()
    kind: TargetKind | None = None
    articles, joints = word_set("articles"), word_set("name")
    while words and fold(words[0]) in articles:
        words.pop(0)
    for place in (0, -1):
        role = fold(words[place].strip(QUOTES)) if words else ""
        if role in word_set("roles_phase") or (role in word_set("roles_item") and len(words) > 1):
            kind = "phase" if role in word_set("roles_phase") else "item"
            words.pop(place)
            while place == 0 and words and fold(words[0].strip(QUOTES)) in joints | {"to", "of"}:
                words.pop(0)
            break
    return " ".join(words).strip(QUOTES), kind


def find_target(plan: WorkPlan, text: str, kind: TargetKind | None = None) -> PlanTarget:
    """Return the phase or deliverable that a text names.

    Args:
        plan: The plan that it is in.
        text: The name, as a person writes it.
        kind: ``phase`` or ``item`` if it must be that.

    Raises:
        NotMatched: No target matches, or several do.
    """
    name, role = strip_role(text)
    kind = kind or role
    if kind != "item" and (numbered := _find_by_number(plan, fold(text.strip(QUOTES)).split())):
        return PlanTarget(numbered)
    if not name:
        raise NotMatched(format_message(plan.language, "no_such", text=text.strip(QUOTES)[:100]))
    targets = [PlanTarget(phase) for phase in plan.phases] if kind != "item" else []
    if kind != "phase":
        targets += [PlanTarget(phase, item) for phase, item in plan.items]
    for is_exact, fits in _comparisons(name):
        matches = [target for target in targets if fits(target.name)]
        if is_exact and len(matches) > 1 and any(target.item is None for target in matches):
            matches = [target for target in matches if target.item is None]
        if len(matches) == 1:
            return matches[0]
        if matches:
            names = ", ".join(f"“{target.name}”" for target in matches[:SHOWN_MAX])
            raise NotMatched(format_message(plan.language, "several", text=name[:100], names=names))
    raise NotMatched(format_message(plan.language, "no_such", text=name[:100]))


def find_phase(plan: WorkPlan, text: str) -> PlannedPhase:
    """Return the phase that a text names.

    Args:
        plan: The plan.
        text: The name of the phase, as the user has written it.

    Raises:
        NotMatched: No phase matches, or several do.
    """
    return find_target(plan, text, "phase").phase


def _find_by_number(plan: WorkPlan, words: list[str]) -> PlannedPhase | None:
    words = [word for word in words if word not in word_set("articles")]
    roles = word_set("roles_phase")
    if len(words) == 2 and words[0] in roles:
        words.pop(0)
    elif len(words) == 2 and words[1] in roles:
        number = word_numbers("ordinals").get(words[0])
        if number and number <= len(plan.phases):
            return plan.phases[number if number < 0 else number - 1]
    if len(words) == 1 and words[0].isdecimal() and 1 <= int(words[0][:4]) <= len(plan.phases):
        return plan.phases[int(words[0]) - 1]
    return None


def _comparisons(name: str) -> Iterator[tuple[bool, Callable[[str], bool]]]:
    """Yield the ways to compare names, the strictest first, each with whether the whole name must be equal."""
    plain, words = fold(name)[:COMPARED_MAX], content_words(name)
    yield True, lambda other: other == name
    yield True, lambda other: fold(other) == plain
    if words:
        yield True, lambda other: content_words(other) == words
        yield False, lambda other: words <= content_words(other)
    matcher = SequenceMatcher(b=plain, autojunk=False)
    yield False, lambda other: _is_near(matcher, fold(other)[:COMPARED_MAX])


def _is_near(matcher: SequenceMatcher[str], other: str) -> bool:
    matcher.set_seq1(other)
    return matcher.real_quick_ratio() >= NEAR and matcher.quick_ratio() >= NEAR and matcher.ratio() >= NEAR
