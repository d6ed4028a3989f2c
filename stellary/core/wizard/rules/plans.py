"""Plans: phases with what is done in them, before days are given to them. Feedback changes plans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date

import attrs

from stellary.contract.cards import Priority
from stellary.core.wizard.rules.fitting import shortened
from stellary.core.wizard.rules.words import (
    ACTIONS,
    KINDS,
    Kind,
    Language,
    content_words,
    folded,
    kind_of,
    words,
)

NAME = 60
_ARTICLES_WORDS = "a an the our your their all any some le la les l un une des du de d nos notre"
_ARTICLES = frozenset(_ARTICLES_WORDS.split())
_JOINTS_WORDS = "and or et ou & +"
_MODALS = frozenset(("must", "should", "can", "shall", "doit", "doivent", "peut", "peuvent"))
_JOINTS = frozenset(_JOINTS_WORDS.split())
_LOOSE = _JOINTS | _ARTICLES | {"are", "is", "be", "will", "sont", "est"}
"""What no name ends with."""
_ENDS_WORDS = (
    "must should can shall be how what why whether if doit doivent comment si"
    " for with by so where which who that to in on from as at until before after when while using via including such into"
    " pour avec par afin ou qui que dans sur en des depuis avant apres aux au via"
)
_ENDS = frozenset(_ENDS_WORDS.split())


@attrs.define
class Item:
    """Something to be done, which will be a card."""

    title: str
    description: str | None = None
    priority: Priority | None = None
    checklist: list[str] = attrs.field(factory=list)
    days: int | None = None
    due: date | None = None
    kind: Kind | None = None

    @property
    def words(self) -> set[str]:
        return set(content_words(self.title))


@attrs.define
class Group:
    """A phase, which will be a column.

    Attributes:
        days: How long it takes, where somebody has said so.
    """

    name: str
    items: list[Item] = attrs.field(factory=list)
    description: str | None = None
    days: int | None = None

    @property
    def words(self) -> set[str]:
        return set(content_words(self.name)).union(*(item.words for item in self.items))

    @property
    def kind(self) -> Kind:
        """What it is about: what its name says, or else what most of it is."""
        told = kind_of(self.name)
        if told is not None or not self.items:
            return told or "build"
        counts = Counter(item.kind or "build" for item in self.items)
        return max(KINDS, key=lambda kind: counts[kind])


@attrs.define
class Plan:
    """What is done, and between which days.

    Attributes:
        days: How long all of it may take, where somebody has said so.
        team: How many people work on it.
        pace: By how much everything is quicker or slower than it was estimated.
    """

    language: Language
    groups: list[Group] = attrs.field(factory=list)
    start: date | None = None
    deadline: date | None = None
    days: int | None = None
    team: int | None = None
    pace: float = 1.0
    notes: list[str] = attrs.field(factory=list)

    @property
    def items(self) -> Iterable[tuple[Group, Item]]:
        return ((group, item) for group in self.groups for item in group.items)


def nearest(wanted: set[str], groups: Sequence[Group], least: int = 1) -> Group | None:
    """The phase that shares the most words, if it shares so many; the first of several."""
    shared = [len(wanted & group.words) for group in groups]
    most = max(shared, default=0)
    return groups[shared.index(most)] if most >= least else None


def short_form(title: str) -> str:
    """What a piece of work is called among others: ``Design booking page`` for ``Design the booking page so that …``."""
    told: list[str] = []
    for place, word in enumerate(title.split()):
        bare = folded(word.strip("“”\"'(),;:.!?"))
        if told and (bare in _MODALS or (len(told) > 1 and (bare in _ENDS or word.startswith("(")))):
            break
        if bare in _JOINTS and len(told) > 1:
            break
        if bare in _ARTICLES and (place or bare in ("a", "an", "the")):
            continue
        told.append(word.strip('“”"(),;:.!?'))
        if len(told) == 4 or word.endswith((",", ";", ":")):
            break
    while len(told) > 1 and folded(told[-1]) in _LOOSE:
        told.pop()
    return " ".join(told)


def name_of(items: Sequence[Item]) -> str:
    """A name for pieces of work that belong together: of their own words, as many as fit."""
    if len(items) == 1:
        return shortened(items[0].title, NAME)
    name, verb = "", ""
    for item in items:
        said = short_form(item.title)
        first = (words(said) or [""])[0]
        if name:
            if first in ACTIONS and first == verb and len(said.split()) > 1:
                said = said.split(" ", 1)[1]
            elif said[1:2].islower():
                said = said[:1].lower() + said[1:]
        if not said:
            continue
        longer = f"{name}, {said}" if name else said
        if len(longer) > NAME:
            break
        name, verb = longer, first
    return name[:1].upper() + name[1:] if name else shortened(items[0].title, NAME)
