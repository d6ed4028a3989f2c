"""Themes: what a heading is about, and what a sentence tells: a risk, a limit, a measure of success, somebody."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from stellary.core.wizard.rules.words import ACTIONS, BASE, folded, words

Theme = Literal[
    "goal",
    "intro",
    "audience",
    "work",
    "phases",
    "people",
    "limits",
    "risks",
    "excluded",
    "success",
    "dates",
    "open",
    "done",
]

_WORK = (
    r"deliverables?|features?|requirements?|scope|tasks?|to[ -]?dos?|must(?:[ -]haves?)?|should(?:[ -]haves?)?"
    r"|could(?:[ -]haves?)?|nice to haves?|work|backlog|stories|user stories|needs?|functionality|livrables?"
    r"|fonctionnalites?|besoins?|exigences?|perimetre|taches?|travaux|a faire"
)
_HEADINGS: Sequence[tuple[Theme, str]] = (
    (
        "excluded",
        r"out[ -]of[ -]scope|not in scope|won'?t|non[ -]?goals?|not included|excluded|hors[ -]perimetre|exclu",
    ),
    (
        "open",
        r"open (?:questions?|points?|issues?)|questions?|unknowns?|to be (?:decided|clarified)|points? ouverts?|a decider",
    ),
    ("risks", r"risks?|dangers?|concerns?|threats?|what could go wrong|worries|risques?|craintes?"),
    (
        "success",
        r"success|metrics?|kpis?|acceptance|criteria|definition of done|outcomes?|reussite|succes|criteres?|indicateurs?",
    ),
    (
        "limits",
        r"constraints?|budget|assumptions?|limitations?|limits?|legal|compliance|rules|contraintes?|hypotheses?|limites?",
    ),
    (
        "people",
        r"team|people|roles?|stakeholders?|who|responsib\w*|staff|contacts?|equipe|acteurs?|parties prenantes|qui",
    ),
    (
        "audience",
        r"audience|users?|customers?|target group|personas?|for whom|public|utilisateurs?|clients?|cible",
    ),
    ("dates", r"deadlines?|dates?|key dates|echeances?|delais?"),
    (
        "phases",
        r"phases?|milestones?|road ?map|timeline|schedule|project plan|plan|stages?|steps?|approach|process|how(?: we (?:work|do it))?|jalons?|etapes?|calendrier|planning|feuille de route|demarche|methode|deroulement",
    ),
    ("work", _WORK),
    ("goal", r"goals?|objectives?|purpose|aims?|vision|why|motivation|objectifs?|buts?|pourquoi|enjeux"),
    (
        "intro",
        r"background|context|overview|summary|introduction|about|problem|description|brief|contexte|presentation|resume|introduction",
    ),
    ("done", r"done|already done|completed|fait|deja fait"),
)
_AROUND = r"(?:(?:the|our|your|key|main|project|projects|product|known|initial|first|list|of|and|for|is|are|we|have|functional|technical|high level|le|la|les|l|nos|notre|du|de|des|d|principaux|principales|et|fonctionnels|projet)\W+)*"
_HEADING = tuple(
    (
        theme,
        re.compile(
            rf"\W*(?:\d+\W+)?{_AROUND}(?:{said})(?:\W+(?:{said}|of|the|and|for|we|need|project|list|du|des|de|et|projet))*\W*"
        ),
    )
    for theme, said in _HEADINGS
)


def theme_of_heading(title: str) -> Theme | None:
    """What a heading is about, if that is all it says: ``Risks`` is one, ``Risk register of the bank`` is not."""
    said = folded(title[:80])
    for theme, pattern in _HEADING:
        if pattern.fullmatch(said):
            return theme
    return _LEAD_INS.get(_lead(said))


_LEAD_INS: dict[str, Theme] = {"need": "work", "exclude": "excluded"}


def _lead(said: str) -> str:
    """What a sentence that leads to a list is about: ``What we need to build``."""
    if re.search(r"\b(?:not|won't|exclu|hors|pas)\b", said):
        return "exclude"
    return (
        "need"
        if re.search(r"\b(?:we|must|should|need|needs|want|following|nous|faut|doit|suivant\w*)\b", said)
        else ""
    )


_SENTENCES: Sequence[tuple[Theme, re.Pattern[str]]] = (
    (
        "excluded",
        re.compile(
            r"\b(?:out of scope|not (?:a )?part of|not in(?:cluded| scope)|no need (?:for|to)|we (?:do not|don't|won't) (?:need|want|build|include)|hors perimetre|ne fait pas partie|n'est pas prevu|exclus?)\b"
        ),
    ),
    (
        "risks",
        re.compile(
            r"\b(?:risks?|danger|might (?:fail|not|be late|leave)|may (?:fail|not|be late|leave)|could (?:fail|break|be late|go wrong)|if [^.]{1,60} (?:cancels?|fails?|breaks?|leaves?|is late|are late)|afraid|worr(?:y|ied)|threat|risques?|crain\w+|danger|pourrait (?:echouer|ne pas))\b"
        ),
    ),
    (
        "success",
        re.compile(
            r"\b(?:success|succeed\w*|measured? by|we know (?:it|that)|kpi|(?:at least|less than|more than|fewer than|under) \d+ ?%|\d+ ?% (?:of|fewer|less|more)|reussi\w*|succes|au moins \d+ ?%)\b|(?<!\d)\d++ ?%"
        ),
    ),
    (
        "limits",
        re.compile(
            r"\b(?:budget|no more than|at most|must not|cannot|can't|may not|only (?:use|on|with)|gdpr|rgpd|hipaa|wcag|compl(?:y|iant|iance)|at (?:the )?latest cost|maximum|au plus|ne (?:doit|peut|doivent) pas|conform\w+|hosted in|stay (?:within|under))\b|[€$£]\s?\d|\d\s?(?:€|k€|euros?|dollars?|usd|eur)\b"
        ),
    ),
)
_PEOPLE = re.compile(
    r"\b(?:team of|people|developers?|designers?|engineers?|persons?|volunteers?|staff of|equipe de|personnes|developpeur\w*|benevoles?)\b"
)
_AUDIENCE = re.compile(
    r"\b(?:users?|customers?|clients?|patients?|students?|parents?|visitors?|members?|readers?|guests?|citizens?|employees?|teachers?|utilisat\w+|eleves?|visiteurs?|habitants?|adherents?|salaries?)\b"
)
_GOAL = re.compile(
    r"\b(?:goal|aim|purpose|objective|so that|in order to|vision|we want|objectif|but|afin|pour que|souhait\w+)\b"
)
_MUST_BE = re.compile(
    r"\b(?:must|should|has to|have to|shall|doit|doivent|devra) (?:be|stay|remain|not|have|etre|rester|avoir)\b"
)
_TEAM = re.compile(
    r"\b(?:team of|equipe de|we are|nous sommes) (\w+)\b|\b(\d{1,3}|two|three|four|five|six|deux|trois|quatre|cinq) (?:people|persons?|developers?|engineers?|volunteers?|personnes|developpeurs?|benevoles?)\b"
)
_COUNTS = {
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


def theme_of_sentence(text: str) -> Theme | None:
    """What a sentence tells beside work."""
    said = folded(text)
    for theme, pattern in _SENTENCES:
        if pattern.search(said):
            return theme
    return None


def tells_of_people(text: str) -> bool:
    """Whether it says who works on it."""
    return bool(_PEOPLE.search(folded(text)))


def tells_for_whom(text: str) -> bool:
    """Whether it says whom it is for."""
    return bool(_AUDIENCE.search(folded(text)))


def tells_why(text: str) -> bool:
    """Whether it says what it is for."""
    return bool(_GOAL.search(folded(text)))


def must_be(text: str) -> bool:
    """Whether it says what something has to be, not what has to be done."""
    return bool(_MUST_BE.search(folded(text)))


def team_in(text: str) -> int | None:
    """How many people it says work on it."""
    found = _TEAM.search(folded(text))
    if found is None:
        return None
    said = found[1] or found[2]
    return int(said) if said.isdigit() else _COUNTS.get(said)


# ---------------------------------------------------------------------------------------------- work in sentences

_LEAD = re.compile(
    r"\W*(?:(?:and|then|first(?:ly)?|second(?:ly)?|third(?:ly)?|finally|lastly|next|after that|afterwards|also|later|in addition|moreover|"
    r"d'abord|ensuite|puis|enfin|aussi|et)\b,?\s*)*"
    r"(?:(?:(?:we|i|you|they|it|the team|our team|everybody|nous|on|il|elle|l'equipe)\s+)?"
    r"(?P<modal>(?:will|would|shall|must|should|can)(?:\s+also|\s+then|\s+first)?(?:\s+(?:need|have|like)\s+to)?|(?:also\s+)?(?:need|needs|want|wants|have|has|plan|plans|intend|hope)\s+to|are going to|'ll|"
    r"(?:doit|devons|devra|devrons|doivent|faut|faudra|voulons|souhaitons|souhaite|veut|allons|va|peut|aimerions)(?:\s+(?:aussi|ensuite|d'abord))?)\s+|to\s+|(?:we|i|nous|on)\s+)?"
)
_MODAL = re.compile(
    r"\b(?:must|should|shall|will|need(?:s)? to|has to|have to|can|doit|doivent|devra|devront|faut|permet\w*)\s+(?:also\s+|be able to\s+|etre\s+|pouvoir\s+)?(\w+)"
)
_BETWEEN = re.compile(
    r",\s++(?:(?:and then|and|then|et|puis)\s++)?|;\s++|(?<!\s)\s++(?:and then|and|then|et|puis)\s++"
)
_OWN_SUBJECT = re.compile(
    r"(?:the |our |les |le |la )?[^\W\d_]+ (?:must|should|need|needs|can|doit|doivent)\b"
)
_STATES_WORDS = "be have know remain stay not etre avoir rester"
_STATES = frozenset(_STATES_WORDS.split())
_SEQUENCE = re.compile(
    r"\W*(?:first(?:ly)?|second(?:ly)?|third(?:ly)?|then|next|after that|afterwards|finally|lastly|in the end|d'abord|ensuite|puis|enfin)\b"
)


def opens_step(sentence: str) -> bool:
    """Whether it tells what comes next: ``Then we design the page``."""
    return bool(_SEQUENCE.match(folded(sentence[:40])))


def wishes(sentence: str) -> bool:
    """Whether it tells what somebody wants as a whole: ``We want to open a garden``."""
    return bool(_WISH.match(folded(sentence[:80])))


def work_in(sentence: str) -> list[str]:
    """What a sentence says has to be done, in its own words: ``We will design the logo and build the site`` says two
    things. Empty for a sentence that says something else.
    """
    plain = folded(sentence)
    if len(plain) != len(sentence):
        # Folding has changed the length of a rare letter: places no longer agree.
        plain = sentence.lower()
    lead = _LEAD.match(plain)
    assert lead is not None
    start = lead.end()
    first = words(plain[start : start + 40])[:1]
    if not first or first[0] in _STATES:
        return []
    if first[0] in BASE or (lead["modal"] and _takes_any(lead["modal"])):
        return _split(sentence[start:], plain[start:])
    if first[0] in ACTIONS and start == 0:
        return [sentence]
    found = _MODAL.search(plain)
    if found is None or found[1] in _STATES:
        return []
    return _split(sentence, plain) if found[1] in BASE or found[0].startswith(("must", "need", "doi")) else []


def _takes_any(modal: str) -> bool:
    """After these comes what has to be done, whatever the verb; after others only if the verb is known."""
    return not modal.startswith(("can", "want", "like", "hope", "peut"))


def _split(sentence: str, plain: str) -> list[str]:
    parts, start = [], 0
    for found in _BETWEEN.finditer(plain):
        if len(words(plain[start : found.start()])) < 2:
            continue
        rest = plain[found.end() : found.end() + 60]
        if (words(rest[:40])[:1] and words(rest[:40])[0] in BASE) or _OWN_SUBJECT.match(rest):
            parts.append(sentence[start : found.start()])
            start = found.end()
    parts.append(sentence[start:])
    return parts


_WISH = re.compile(
    r"\W*(?:we|i|nous|on|the \w+) (?:want|would like|wish|are (?:organi[sz]ing|planning|building|going)|plan|intend|voulons|souhaitons|veut|souhaite|aimerions|allons)\b"
)
_HIGH = re.compile(
    r"\b(?:must|critical|essential|urgent|crucial|asap|mandatory|required|legally|top priority|high priority|most important|p0|p1|key|indispensable|obligatoire|prioritaire|imperatif|imperativement|doit)\b|!!"
)
_LOW = re.compile(
    r"\b(?:nice to have|optional\w*|could|maybe|later|if time|if possible|low priority|p3|someday|would be nice|eventuel\w*|optionnel\w*|facultati\w*|si possible|plus tard|pourrait)\b"
)


def priority_in(text: str) -> Literal["low", "high"] | None:
    """How important something is, if the text says so."""
    said = folded(text)
    if _LOW.search(said):
        return "low"
    return "high" if _HIGH.search(said) else None
