"""Matching: which phase or deliverable is meant by what somebody calls it. Between two, nothing is guessed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher

import attrs

from stellary.core.wizard.rules.messages import format_message
from stellary.core.wizard.rules.plans import Group, Item, Plan
from stellary.core.wizard.rules.words import content_words, folded

NEAR = 0.8
COMPARED = 120
SHOWN = 4

_ROLE = re.compile(
    r"^(?:the |a |an |la |le |l'|les |un |une )?(?P<role>phase|stage|column|deliverable|task|card|item|step|livrable|tache|carte|etape)s?\b\s*(?:called|named|nommee?|appelee?|of|for|de|pour)?\s*[:]?\s*|^(?:the |a |an |some |la |le |l'|les |un |une )"
)
_ROLE_AFTER = re.compile(r"(?<!\s)\s++(?P<role>phase|stage|column|deliverable|task|card|item|step)$")
_QUOTES = " \t\"'“”«».,;:!"
_NUMBER = re.compile(r"(?:(?:phase|stage|column|etape)s?\s+)?(\d{1,2})")
_ORDINALS = {
    "first": 0,
    "second": 1,
    "third": 2,
    "fourth": 3,
    "fifth": 4,
    "last": -1,
    "premiere": 0,
    "deuxieme": 1,
    "troisieme": 2,
    "derniere": -1,
}


class NotMeant(Exception):
    """Nothing is meant, or more than one thing; the message says so."""


@attrs.frozen
class Target:
    """A phase, or a deliverable in one."""

    group: Group
    item: Item | None = None

    @property
    def name(self) -> str:
        return self.group.name if self.item is None else self.item.title


def bare(said: str) -> tuple[str, str | None]:
    """What something is called without quotes, articles and what it is said to be; and whether that is a phase."""
    said = said.strip(_QUOTES)
    role = None
    plain = folded(said)
    if len(plain) == len(said):
        if found := _ROLE_AFTER.search(plain):
            role, said = found["role"], said[: found.start()]
            plain = plain[: found.start()]
        if found := _ROLE.match(plain):
            role, said = found["role"] or role, said[found.end() :]
    kind = None
    if role:
        kind = "phase" if role in ("phase", "stage", "column", "etape") else "item"
    return said.strip(_QUOTES), kind


def target(plan: Plan, said: str, kind: str | None = None) -> Target:
    """What is meant.

    Args:
        plan: In which it is.
        said: What somebody calls it.
        kind: ``phase`` or ``item``, where only one of these can be meant.

    Raises:
        NotMeant: Nothing, or several things.
    """
    name, role = bare(said)
    kind = kind or role
    by_number = _by_number(plan, folded(said.strip(_QUOTES)))
    if by_number is not None and kind != "item":
        return Target(by_number)
    if not name:
        raise NotMeant(format_message(plan.language, "no_such", text=said.strip()[:100]))
    targets = [Target(group) for group in plan.groups] if kind != "item" else []
    if kind != "phase":
        targets += [Target(group, item) for group, item in plan.items]
    for exact, fits in _readings(name):
        found = [each for each in targets if fits(each.name)]
        if exact and len(found) > 1 and any(each.item is None for each in found):
            # A phase is meant before what is in it and called the same.
            found = [each for each in found if each.item is None]
        if len(found) == 1:
            return found[0]
        if found:
            told = ", ".join(f"“{each.name}”" for each in found[:SHOWN])
            raise NotMeant(format_message(plan.language, "several", text=name[:100], found=told))
    raise NotMeant(format_message(plan.language, "no_such", text=name[:100]))


def group(plan: Plan, said: str) -> Group:
    """The phase that is meant. Raises NotMeant."""
    return target(plan, said, "phase").group


def _by_number(plan: Plan, said: str) -> Group | None:
    if found := _NUMBER.fullmatch(said.removeprefix("the ")):
        place = int(found[1]) - 1
        return plan.groups[place] if 0 <= place < len(plan.groups) else None
    head, _, rest = said.removeprefix("the ").removeprefix("la ").partition(" ")
    if head in _ORDINALS and rest in ("phase", "stage", "column", "etape"):
        place = _ORDINALS[head]
        return plan.groups[place] if place < len(plan.groups) else None
    return None


def _readings(name: str) -> Iterator[tuple[bool, Callable[[str], bool]]]:
    """The ways in which something can be meant, the best first; and whether that is all of its name."""
    plain, wanted = folded(name)[:COMPARED], set(content_words(name))
    yield True, lambda other: other == name
    yield True, lambda other: folded(other) == plain
    if wanted:
        yield True, lambda other: set(content_words(other)) == wanted
        yield False, lambda other: wanted <= set(content_words(other))
    matcher = SequenceMatcher(b=plain, autojunk=False)
    yield False, lambda other: _is_near(matcher, folded(other)[:COMPARED])


def _is_near(matcher: SequenceMatcher[str], other: str) -> bool:
    matcher.set_seq1(other)
    return matcher.real_quick_ratio() >= NEAR and matcher.quick_ratio() >= NEAR and matcher.ratio() >= NEAR
