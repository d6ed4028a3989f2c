"""Matching: finds the phase or deliverable that a name in feedback refers to. An ambiguous name matches none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Literal

import attrs

from stellary.core.wizard.rules.messages import format_message
from stellary.core.wizard.rules.plans import PlannedItem, PlannedPhase, WorkPlan, content_words
from stellary.core.wizard.rules.vocabulary import fold, split_words, word_numbers, word_set

NEAR = 0.8
COMPARED_MAX = 120
SUGGESTED_OF_MAX = 200
SHOWN_MAX = 4
QUOTES = " \t\"'“”«».,;:!"

TargetKind = Literal["phase", "item"]


class NotMatched(Exception):
    """A change that cannot be made; the message is the reason."""


class SimilarOnly(NotMatched):
    """A change that cannot be made, since several names match, or similar ones only; the message lists them."""


def refuse(plan: WorkPlan, key: str, **values: object) -> NotMatched:
    """Return the error with a message in the language of a plan.

    Args:
        plan: The plan.
        key: The name of the message.
        values: The values of its placeholders.
    """
    return NotMatched(format_message(plan.language, key, **values))


@attrs.frozen
class PlanTarget:
    """A phase, or a deliverable in one."""

    phase: PlannedPhase
    item: PlannedItem | None = None

    @property
    def name(self) -> str:
        """The name of the phase or the title of the deliverable."""
        return self.phase.name if self.item is None else self.item.title


def list_targets(plan: WorkPlan) -> list[PlanTarget]:
    """Return all phases, then all deliverables of a plan."""
    return [*map(PlanTarget, plan.phases), *(PlanTarget(phase, item) for phase, item in plan.items)]


def strip_role(text: str) -> tuple[str, TargetKind | None]:
    """Split a name into the name itself, without quotes and articles, and its kind if it has a word such as ``phase``."""
    words = text.strip(QUOTES).split()
    while words and fold(words[0]) in word_set("articles"):
        words.pop(0)
    for place in (0, -1):
        role = fold(words[place].strip(QUOTES)) if words else ""
        is_phase = role in word_set("roles_phase")
        if is_phase or (role in word_set("roles_item") and len(words) > 1):
            words.pop(place)
            while place == 0 and words and fold(words[0].strip(QUOTES)) in word_set("name"):
                words.pop(0)
            return " ".join(words).strip(QUOTES), "phase" if is_phase else "item"
    return " ".join(words).strip(QUOTES), None


def find_target(plan: WorkPlan, text: str, kind: TargetKind | None = None) -> PlanTarget:
    """Return the phase or deliverable that a text names.

    Args:
        plan: The plan that it is in.
        text: The name, as a person writes it.
        kind: ``phase`` or ``item`` if it must be that.

    Raises:
        NotMatched: No target matches, or several do. It is a ``SimilarOnly`` if there are names to choose from.
    """
    name, role = strip_role(text)
    kind = kind or role
    if kind != "item" and (phase := _find_by_number(plan, name, is_phase=role == "phase")):
        return PlanTarget(phase)
    targets = [target for target in list_targets(plan) if kind in (None, "item" if target.item else "phase")]
    matches = next(filter(None, _compare(name, targets)), [])
    if len(matches) == 1:
        return matches[0]
    if suggested := [target.name for target in matches] or _suggest(name, targets):
        names = ", ".join(f"“{suggestion}”" for suggestion in suggested[:SHOWN_MAX])
        raise SimilarOnly(format_message(plan.language, "several", text=name[:100], names=names))
    raise refuse(plan, "no_such", text=(name or text.strip(QUOTES))[:100])


def _suggest(name: str, targets: Sequence[PlanTarget]) -> list[str]:
    """Return similar names, of the first targets only, since comparing takes long."""
    by_key = {fold(target.name)[:COMPARED_MAX]: target.name for target in targets[:SUGGESTED_OF_MAX]}
    return [by_key[key] for key in get_close_matches(fold(name)[:COMPARED_MAX], by_key, SHOWN_MAX, NEAR)]


def find_phase(plan: WorkPlan, text: str) -> PlannedPhase:
    """Return the phase that a text names.

    Args:
        plan: The plan.
        text: The name of the phase, as the user has written it.

    Raises:
        NotMatched: No phase matches, or several do.
    """
    return find_target(plan, text, "phase").phase


def _find_by_number(plan: WorkPlan, name: str, *, is_phase: bool) -> PlannedPhase | None:
    """Return the phase that ``2``, or ``second`` in ``the second phase``, stands for."""
    number = int(name) if name.isdecimal() and len(name) < 5 else 0
    if is_phase:
        number = number or word_numbers("ordinals").get(fold(name), 0)
    if number > len(plan.phases) or not number:
        return None
    return plan.phases[number if number < 0 else number - 1]


def _compare(name: str, targets: Sequence[PlanTarget]) -> Iterator[list[PlanTarget]]:
    """Yield the targets that match a name, by the strictest comparison first. Of equal names, those of phases match."""
    words, every_word = content_words(name), set(split_words(name))
    if not name:
        return
    worded = [target for target in targets if words and every_word <= set(split_words(target.name))]
    equal = [
        [target for target in targets if target.name == name],
        [target for target in targets if fold(target.name) == fold(name)],
        [target for target in worded if content_words(target.name) == words],
    ]
    for matches in equal:
        yield [target for target in matches if target.item is None] or matches
    yield worded
