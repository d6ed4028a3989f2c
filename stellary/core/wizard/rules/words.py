"""Words: what tells work, dates, risks and limits apart in English and French texts. Compared folded: small, no accents."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

Language = Literal["en", "fr"]
Kind = Literal["prepare", "design", "build", "verify", "launch", "run"]
KINDS: Sequence[Kind] = ("prepare", "design", "build", "verify", "launch", "run")
"""What work is about, in the order in which it is mostly done."""

_VERBS: Mapping[Kind, str] = {
    "prepare": "research interview analyse analyze audit define decide choose select identify gather collect clarify"
    " specify plan estimate investigate explore evaluate compare assess understand survey study hire recruit negotiate"
    " buy order sign agree confirm inventory find book reserve secure get ask list review_existing scope map prepare",
    "design": "design sketch draw prototype wireframe model draft outline mock",
    "build": "build implement develop create code make set configure install integrate connect migrate import export"
    " convert write record produce add allow enable support provide offer show send store sync synchronise synchronize"
    " automate translate move replace rewrite refactor improve fix extend redesign renovate paint print generate track"
    " notify remind calculate display manage handle upload download search link pay accept let keep organise organize"
    " assemble repair clean rent cook film edit reduce remove update upgrade document structure transfer give put",
    "verify": "test verify validate check review pilot trial proofread rehearse inspect approve try",
    "launch": "launch deploy release publish ship announce train teach onboard roll open promote deliver present"
    " communicate invite distribute switch celebrate host hand go advertise",
    "run": "monitor maintain follow operate measure report optimise optimize support_users watch",
}
_NOUNS: Mapping[Kind, str] = {
    "prepare": "analysis discovery selection definition interviews workshop inventory preparation discoveries",
    "design": "mockup mockups wireframes prototyping",
    "build": "development implementation integration migration creation installation configuration setup translation",
    "verify": "testing tests qa validation acceptance verification rehearsal beta",
    "launch": "deployment rollout release training publication onboarding communication promotion opening",
    "run": "monitoring maintenance operation operations",
}
_FRENCH: Mapping[Kind, str] = {
    "prepare": "etudier interroger analyser auditer definir choisir identifier recueillir clarifier specifier planifier"
    " estimer explorer evaluer comparer comprendre recruter negocier acheter commander signer recenser trouver reserver"
    " preparer cadrer lister analyse cadrage etude audit definition recensement preparation selection",
    "design": "concevoir dessiner maquetter esquisser modeliser prototyper conception maquette maquettes prototype",
    "build": "developper creer construire mettre installer configurer integrer migrer importer exporter convertir rediger"
    " ecrire produire ajouter permettre proposer envoyer stocker automatiser traduire remplacer refondre ameliorer"
    " corriger realiser afficher gerer relier rappeler organiser renover peindre imprimer generer developpement creation"
    " realisation redaction integration migration installation configuration mise reprise",
    "verify": "tester verifier valider recetter relire controler essayer recette tests test validation relecture",
    "launch": "lancer deployer publier former communiquer annoncer livrer presenter ouvrir diffuser inviter distribuer"
    " basculer lancement deploiement publication formation communication livraison ouverture",
    "run": "suivre mesurer maintenir surveiller exploiter optimiser suivi maintenance exploitation",
}

_VOWELS = "aeiou"


def _forms(verb: str) -> Iterable[str]:
    yield verb
    if verb.endswith("e"):
        yield verb[:-1] + "ing"
    elif (
        len(verb) <= 5 and verb[-1] not in _VOWELS + "wxy" and verb[-2] in _VOWELS and verb[-3] not in _VOWELS
    ):
        yield verb + verb[-1] + "ing"
    else:
        yield verb + "ing"


BASE: Mapping[str, Kind] = {
    word: kind for words in (_VERBS, _FRENCH) for kind in KINDS for word in words[kind].split()
}
"""Words with which work is told to be done, as they stand in a dictionary."""

_THINGS_WORDS = "booking building listing setting finding getting meeting"
_THINGS = frozenset(_THINGS_WORDS.split())
"""Words that look like a verb's and are mostly the name of a thing."""

ACTIONS: Mapping[str, Kind] = {
    **{
        form: kind
        for kind in KINDS
        for verb in _VERBS[kind].split()
        for form in _forms(verb)
        if form not in _THINGS
    },
    **{word: kind for words in (_NOUNS, _FRENCH) for kind in KINDS for word in words[kind].split()},
}
"""The same, and the words made of them that may open the name of a piece of work."""

_STOP_WORDS = (
    "a an the and or of to in on at for from by with without into over under about as is are be been was were it its this"
    " that these those we you they i he she our your their my his her us them who which what where when how all any each"
    " every some no not new only also more most very can could should must may might will would shall have has had do"
    " does did so than then there here if but up out off per via etc one two three need needs want wants like able"
    " le la les un une des du de d l et ou en au aux pour par avec sans sur sous dans ce cet cette ces nous vous ils elles"
    " on il elle notre nos votre vos leur leurs mon ma mes son sa ses qui que quoi dont quand comment tout tous toute"
    " toutes chaque pas ne plus moins tres est sont sera etre avoir a ont doit doivent faut il peut peuvent afin"
)
_STOP = frozenset(_STOP_WORDS.split())
_FRENCH_MARKS_WORDS = "le la les des du une et est sont pour avec dans nous vous notre nos qui que sur aux ce cette doit faut projet"
_FRENCH_MARKS = frozenset(_FRENCH_MARKS_WORDS.split())
_ENGLISH_MARKS_WORDS = (
    "the and is are for with in we you our that which on to of must should need project this be it an have"
)
_ENGLISH_MARKS = frozenset(_ENGLISH_MARKS_WORDS.split())
_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
_SAMPLE = 20_000


def folded(text: str) -> str:
    """A text without case and accents, for comparing."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.casefold().replace("\u2019", "'"))
    return "".join(each for each in apart if not unicodedata.combining(each))


def words(text: str) -> list[str]:
    """The words of a text, folded; what is elided in French stands alone (``l'outil`` is two)."""
    return [part for word in _WORD.findall(folded(text)) for part in _parted(word)]


def _parted(word: str) -> list[str]:
    head, mark, tail = word.partition("'")
    return [head, tail] if mark and len(head) <= 2 and len(tail) > 1 else [word]


def content_words(text: str) -> list[str]:
    """The words of a text that say what it is about, each once, without their endings."""
    return list(
        dict.fromkeys(
            stem(word) for word in words(text) if word not in _STOP and (len(word) > 1 or word.isdigit())
        )
    )


def stem(word: str) -> str:
    """A word without the ending that tells one from many, or doing from done."""
    for ending in (
        "ings",
        "ing",
        "ements",
        "ement",
        "ments",
        "ment",
        "ations",
        "ation",
        "ed",
        "es",
        "s",
        "er",
        "e",
    ):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


def language_of(text: str) -> Language:
    """The language that most of the small words are of."""
    seen = words(text[:_SAMPLE])
    french, english = (
        sum(word in _FRENCH_MARKS for word in seen),
        sum(word in _ENGLISH_MARKS for word in seen),
    )
    return "fr" if french > english else "en"


def kind_of(text: str) -> Kind | None:
    """What a piece of work is about, by the first word of its name, or else the first verb in it."""
    seen = words(text)[:12]
    for place, word in enumerate(seen):
        kind = ACTIONS.get(word) if place == 0 else BASE.get(word)
        if kind is not None and not (place and word in _AMBIGUOUS):
            return kind
    return None


# Behind the first word these are mostly nouns, or no work at all.
_AMBIGUOUS_WORDS = (
    "set plan order book list model code record support search store show test review report draft design map study"
    " research survey audit link keep get ask let make give put go open present track import export update release"
    " trial pilot watch host switch train document structure print offer sign reserve mise test tests suivi reprise"
    " analyse etude maquette maquettes prototype formation communication livraison ouverture film edit clean pay move"
    " send find try hand interview copy mock outline check scope process"
)
_AMBIGUOUS = frozenset(_AMBIGUOUS_WORDS.split())


def may_be_a_thing(text: str) -> bool:
    """Whether a text opens with a word that is the name of a thing as well: ``Audit log``, ``Search``."""
    return (words(text[:40]) or [""])[0] in _AMBIGUOUS


def opens_with_verb(text: str) -> bool:
    """Whether a text tells to do something: ``Build the page``, ``Building the page``, ``Migration of the data``."""
    seen = words(text)[:2]
    return bool(seen) and seen[0] in ACTIONS
