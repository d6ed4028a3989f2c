"""Feedback: what somebody says to a roadmap, done to its plan; what is not understood is told with the reason."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

from stellary.contract.project_imports import COLUMNS_MAX
from stellary.contract.wizard import NotUnderstood
from stellary.core.wizard.rules import changes
from stellary.core.wizard.rules.dates import found_dates, spans
from stellary.core.wizard.rules.findings import listed
from stellary.core.wizard.rules.matching import NotMeant
from stellary.core.wizard.rules.messages import format_message
from stellary.core.wizard.rules.plans import Plan
from stellary.core.wizard.rules.words import folded

Said = re.Match[str]
Change = Callable[[Plan, Callable[[str], str], date], None]

_POLITE = re.compile(
    r"^(?:please|could you|can you|i(?:'d| would) like (?:you )?to|let's|we should|and|then|also|but|s'il (?:te|vous) plait|merci de|il faut|et|puis|aussi)\b,?\s*"
)
_THANKS = re.compile(r"(?:,|(?<!\s))\s++(?:please|thanks?|thank you|s'il (?:te|vous) plait|merci)$")
_PARTS = re.compile(r"\n+|;\s*|(?<=\w\w[.!])\s+|(?<=[.!])\s+(?=[^\W\d_a-zà-ÿ])")
_VERBS = "add|remove|delete|drop|merge|combine|join|rename|move|split|start|begin|finish|end|shorten|make|put|undo|ajoute|ajouter|supprime|supprimer|enleve|fusionne|fusionner|renomme|renommer|deplace|deplacer|commence|termine"
_AND = re.compile(
    rf"(?:,\s*+(?:(?:and|et)\s++)?(?:(?:then|puis)\s++)?|(?<!\s)\s++(?:and|et)\s++(?:(?:then|puis)\s++)?)(?=(?:{_VERBS})\b)"
)

_WHERE = r"(?:\s+(?P<side>before|after|avant|apres)\s+(?P<where>.+?)|\s+(?P<edge>(?:at|to) the (?:end|beginning|start)|first|last|au debut|a la fin|en premier|en dernier))?"
_RULES: Sequence[tuple[str, str]] = (
    ("undo", r"undo(?: (?:that|it|the last (?:one|change)))?|annule(?:r)?|take (?:that|it) back"),
    (
        "reset",
        r"start over|reset|forget all(?: that)?|from scratch|tout annuler|recommence(?:r)?(?: a zero)?",
    ),
    (
        "start",
        r"(?:the project |it |work |we )?(?:start|starts|begin|begins|starting|kick off|commence|commencer|demarre|demarrer|debut|debute)s?(?: (?:the )?(?:project|work|it|le projet))?(?: date)?:? (?:on |in |from |at |the |le |en |au |a partir du |not before )*(?P<date>.*\d.*|(?:in|within|next|dans) .+|[^\W\d_]+)",
    ),
    (
        "span",
        r"(?:(?:make|do|finish|complete|fit|shorten|stretch|compress|do it all|it all|all)\s+)*(?:it |everything |the (?:whole |roadmap|plan|project) ?|to |in |within |into |take |last )*(?P<span>(?:\d{1,3}|\w+) (?:day|week|month|year|jour|semaine|an|annee)s?|\d{1,3} mois)(?: (?:in all|long|at most|max(?:imum)?|in total|en tout))?",
    ),
    (
        "deadline",
        r"(?:the )?(?:deadline|end|ends|finish|finished|done|be done|complete|deliver|launch|go live|fin|termine|terminer|finir|livrer|echeance)(?: (?:date|it|everything|all|is|must be))*:? (?:is |by |on |before |until |no later than |le |avant |d'ici |au |pour )*(?P<date>.*\d.*|(?:in|within|end of|fin) .+|[^\W\d_]+)",
    ),
    (
        "count",
        r"(?:make it |use |have |only |no more than |at most |a maximum of |reduce (?:it )?to |au plus |seulement )*(?P<count>\d{1,2}|two|three|four|five|six|deux|trois|quatre|cinq) (?:phases|stages|columns|etapes)(?: (?:at most|only|max(?:imum)?|au plus))?",
    ),
    (
        "shorter",
        r"(?:make (?:it|everything) |be |much |a bit |a little )*(?:shorter|faster|quicker|shorten(?: it| everything)?|speed (?:it )?up|tighter|compress it|plus court|plus vite|plus rapide|raccourci[rs]?)",
    ),
    (
        "longer",
        r"(?:make (?:it|everything) |be |much |a bit |a little )*(?:longer|slower|(?:(?:we |i )?(?:need|want|give (?:it|us) ))?(?: ?more time)|slow (?:it )?down|more relaxed|plus long|plus lent|plus de temps)",
    ),
    (
        "fewer",
        r"(?:make it |use |have )?(?:fewer|less|moins de) (?:phases|stages|columns|etapes)|simpler|simplify(?: it)?|plus simple",
    ),
    (
        "people",
        r"(?:we are |we have |with |there are |nous sommes |avec )+(?P<count>\d{1,3}|one|two|three|four|five|six|deux|trois|quatre|cinq)(?: people| persons?| developers?| of us| personnes?)?",
    ),
    (
        "split",
        r"(?:split|divide|break(?: up| down)?|scinde[r]?|divise[r]?) (?P<what>.+?)(?: (?:in|into|en|to) (?P<parts>.+))?",
    ),
    (
        "merge",
        r"(?:merge|combine|join|group|unite|fusionne[rz]?|regroupe[rz]?|reuni[rs]?) (?P<what>.+?) (?:and|with|into|et|avec|dans) (?P<other>.+?)(?: (?:as|into|called|en|sous) (?P<name>.+))?",
    ),
    (
        "swap",
        r"(?:swap|exchange|switch|echange[rz]?|inverse[rz]?) (?P<what>.+?) (?:and|with|et|avec) (?P<other>.+)",
    ),
    (
        "rename",
        r"(?:rename|call|retitle|renomme[rz]?|appelle[rz]?) (?P<what>.+?) (?:to|as|into|en) (?P<name>.+)",
    ),
    (
        "add_phase",
        r"(?:(?:(?:we|i|nous|il nous) )?(?:add|insert|create|include|put|need|want|would like|'d like|ajoute[rz]?|insere[rz]?|cree[rz]?|faut)(?: in)? |(?=an? |une |another |new ))(?:a |an |another |one |new |une |un |nouvelle )*(?:(?P<pre>[^\s].*?) )?(?P<several>phases?|stages?|columns?|etapes?)(?:(?: (?:for|called|named|on|about|to|pour|de|nommee|appelee))? (?P<name>(?!before |after |avant |apres |at the |first|last).+?))?"
        + _WHERE,
    ),
    (
        "add_step",
        r"(?:add|ajoute[rz]?) (?:a |an |the |un |une |les? )*(?:checklist|check list|steps?|etapes?)(?: items?)?:? (?P<name>.+?) (?:to|for|in|on|a|au|dans) (?P<where>.+)",
    ),
    (
        "add_item",
        r"(?:add|include|insert|ajoute[rz]?)(?: in)? (?:(?:a |an |the |another |un |une |le |la )?(?:deliverable|task|card|item|livrable|tache|carte)s? ?(?:for|called|named|to|pour)? ?:? ?)?(?P<name>.+?)(?: (?:to|in|into|under|within|dans|a la|a|au) (?P<where>.+?))?",
    ),
    (
        "remove",
        r"(?:remove|delete|drop|skip|cut|get rid of|leave out|without|no more|no|supprime[rz]?|enleve[rz]?|retire[rz]?|sans|pas de) (?P<what>.+)",
    ),
    (
        "move",
        r"(?:move|put|do|place|shift|bring|deplace[rz]?|met(?:s|tre|tez)) (?P<what>.+?) (?P<side>before|after|avant|apres) (?P<where>.+)",
    ),
    (
        "edge",
        r"(?:move|put|do|bring|make|deplace[rz]?|met(?:s|tre|tez)) (?P<what>.+?) (?:to the |at the |the |au |a la |en )?(?P<edge>first|last|front|top|start|beginning|end|debut|fin|premier|dernier)(?: phase| thing)?",
    ),
    (
        "into",
        r"(?:move|put|shift|place|deplace[rz]?|met(?:s|tre|tez)) (?P<what>.+?) (?:to|in|into|under|dans|vers) (?P<where>.+)",
    ),
    (
        "lasts",
        r"(?P<what>.+?) (?:takes|take|lasts|last|needs|should take|will take|dure|prend|demande) (?:about |at most |only |environ )?(?P<span>(?:\d{1,3}|\w+) (?:day|week|month|jour|semaine)s?|\d{1,3} mois)",
    ),
    (
        "high",
        r"(?:make |mark |set )?(?P<what>.+?)(?: is| are| as| est| sont| to)? (?:(?:a )?(?:high|top)(?: priority)?|(?:more |very |most |the most )?(?:urgent|important|critical|essential)|prioritaires?|urgente?s?|importante?s?)|prioriti[sz]e (?P<what2>.+)",
    ),
    (
        "low",
        r"(?:make |mark |set )?(?P<what>.+?)(?: (?:is|are|as|can|could|peut|peuvent|est|sont|to))? (?:(?:a )?low(?:er)?(?: priority)?|wait|less important|not (?:so )?(?:urgent|important)|optional|attendre|facultati\w+|optionnel\w*|pas (?:si )?(?:urgente?|importante?)s?)|postpone (?P<what2>.+)",
    ),
    (
        "due",
        r"(?P<what>.+?) (?:is due|must be done|must be ready|due|has to be done|doit etre (?:fini|pret|termine)e?)(?: (?:on|by|before|until|le|avant|pour le))* (?P<date>.*\d.*)",
    ),
)
_COMPILED = tuple((name, re.compile(rf"(?:{said})\W*")) for name, said in _RULES)


def heeded(plan: Plan, feedback: Sequence[str], today: date) -> tuple[Plan, list[NotUnderstood]]:
    """A plan after all that was said to it; and what of the last feedback has changed nothing.

    ``undo`` takes back what was said last, ``start over`` everything.
    """
    before: list[Plan] = []
    untold: list[NotUnderstood] = []
    first = copy.deepcopy(plan)
    for text in feedback:
        untold = []
        for said in parts(text):
            kind, change = _change(said)
            if kind == "undo":
                if before:
                    plan = before.pop()
                else:
                    untold.append(
                        NotUnderstood(text=said, reason=format_message(plan.language, "nothing_to_undo"))
                    )
                continue
            if kind == "reset":
                before.append(plan)
                plan = copy.deepcopy(first)
                continue
            after = copy.deepcopy(plan)
            try:
                change(after, today)
            except NotMeant as error:
                untold.append(NotUnderstood(text=said, reason=str(error)))
            else:
                before.append(plan)
                plan = after
    return plan, untold


def parts(text: str) -> Iterator[str]:
    """The wishes in a text, one by one: sentences, and what ``and`` joins where another wish begins after it."""
    for sentence in _PARTS.split(text):
        said = sentence.strip(" \t-*•.,!")
        plain = folded(said)
        if len(plain) != len(said):
            plain = said.lower()
        start = 0
        for found in _AND.finditer(plain):
            yield said[start : found.start()].strip()
            start = found.end()
        if said[start:].strip():
            yield said[start:].strip()


WISH_MAX = 300
"""Of the characters of one wish: nobody says one thing in more."""


def _change(said: str) -> tuple[str, Callable[[Plan, date], None]]:
    """What is wished, and how it is done."""
    if len(said) > WISH_MAX:
        return "", _not_understood
    plain = folded(said).rstrip(" .!?")
    if len(folded(said)) != len(said):
        plain = said.lower().rstrip(" .!?")
    lead = _POLITE.match(plain)
    skip = lead.end() if lead else 0
    plain = _THANKS.sub("", plain)
    for name, pattern in _COMPILED:
        found = pattern.fullmatch(plain, skip)
        if found is not None:
            return name, lambda plan, today: _done(name, found, said, plan, today)  # noqa: B023 - returned at once
    return "", _not_understood


def _not_understood(plan: Plan, today: date) -> None:
    raise NotMeant(format_message(plan.language, "not_understood"))


def _done(name: str, found: Said, said: str, plan: Plan, today: date) -> None:
    groups = found.groupdict()

    def part(key: str) -> str | None:
        """A part of what was said, as it was written."""
        if groups.get(key) is None:
            return None
        return said[found.start(key) : found.end(key)].strip(" \"'“”«».,;:!?")

    _DONE[name](plan, part, today)


Part = Callable[[str], str | None]


def _day(plan: Plan, part: Part, today: date, last: bool) -> date:
    said = part("date") or ""
    dates = found_dates(f"in {said}" if said.isalpha() else said, today)
    if not dates:
        raise NotMeant(format_message(plan.language, "no_date"))
    return dates[0].last if last else dates[0].first


def _start(plan: Plan, part: Part, today: date) -> None:
    day = _day(plan, part, today, last=False)
    if plan.start is not None and plan.deadline is not None and plan.deadline < day:
        # Both were known: the work moves as a whole.
        plan.deadline = day + (plan.deadline - plan.start)
    plan.start = day


def _deadline(plan: Plan, part: Part, today: date) -> None:
    plan.deadline = _day(plan, part, today, last=True)
    plan.days = None


def _span(plan: Plan, part: Part, today: date) -> None:
    plan.days, plan.deadline = _length(plan, part), None


def _length(plan: Plan, part: Part) -> int:
    days = next(spans(part("span") or ""), None)
    if days is None:
        raise NotMeant(format_message(plan.language, "not_understood"))
    return days


_COUNTS = {
    "one": 1,
    "two": 2,
    "deux": 2,
    "three": 3,
    "trois": 3,
    "four": 4,
    "quatre": 4,
    "five": 5,
    "cinq": 5,
    "six": 6,
}


def _count(part: Part) -> int:
    said = folded(part("count") or "1")
    return int(said) if said.isdigit() else _COUNTS[said]


def _people(plan: Plan, part: Part, today: date) -> None:
    plan.team = max(1, _count(part))


def _add_phase(plan: Plan, part: Part, today: date) -> None:
    if len(plan.groups) >= COLUMNS_MAX:
        raise NotMeant(format_message(plan.language, "full", most=COLUMNS_MAX))
    name = part("name") or part("pre")
    if not name:
        raise NotMeant(format_message(plan.language, "not_understood"))
    several = folded(part("several") or "").endswith("s")
    for each in (listed(name) if several else [name])[: COLUMNS_MAX - len(plan.groups)]:
        changes.add_phase(plan, each, part("side"), part("where"), part("edge"))


_DONE: dict[str, Callable[[Plan, Part, date], Any]] = {
    "start": _start,
    "span": _span,
    "deadline": _deadline,
    "people": _people,
    "count": lambda plan, part, _: changes.reduce(plan, max(1, _count(part))),
    "fewer": lambda plan, part, _: changes.reduce(plan, max(1, len(plan.groups) - 1)),
    "shorter": lambda plan, part, _: changes.hurry(plan, 0.75),
    "longer": lambda plan, part, _: changes.hurry(plan, 4 / 3),
    "add_phase": _add_phase,
    "add_step": lambda plan, part, _: changes.add_step(plan, part("name") or "", part("where") or ""),
    "add_item": lambda plan, part, _: changes.add_item(plan, part("name") or "", part("where")),
    "remove": lambda plan, part, _: changes.remove(plan, part("what") or ""),
    "swap": lambda plan, part, _: changes.swap(plan, part("what") or "", part("other") or ""),
    "rename": lambda plan, part, _: changes.rename(plan, part("what") or "", part("name") or ""),
    "merge": lambda plan, part, _: changes.merge(plan, part("what") or "", part("other") or "", part("name")),
    "split": lambda plan, part, _: changes.split(plan, part("what") or "", part("parts")),
    "move": lambda plan, part, _: changes.move(
        plan, part("what") or "", part("side") or "", part("where") or ""
    ),
    "edge": lambda plan, part, _: changes.move_to_edge(plan, part("what") or "", part("edge") or ""),
    "into": lambda plan, part, _: changes.move_into(plan, part("what") or "", part("where") or ""),
    "high": lambda plan, part, _: changes.weigh(plan, part("what") or part("what2") or "", "high"),
    "low": lambda plan, part, _: changes.weigh(plan, part("what") or part("what2") or "", "low"),
    "lasts": lambda plan, part, _: changes.last(plan, part("what") or "", _length(plan, part)),
    "due": lambda plan, part, today: changes.due(
        plan, part("what") or "", _day(plan, part, today, last=True)
    ),
}
