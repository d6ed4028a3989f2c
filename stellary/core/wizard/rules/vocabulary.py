"""The vocabulary of the outline reader: the meanings of headings, labels, markers and columns in four languages."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

import attrs

Language = Literal["en", "fr", "de", "es"]
Level = Literal["none", "high", "medium", "low"]
HEADING_MAX = 120
"""The maximum number of characters of a heading or a label that is looked up."""
LABEL_WORDS = 5
LEAD_WORDS = 8
"""The maximum number of words of a phase, or before a colon that heads a list; a longer line is a sentence."""
DASHES = "\u2013\u2014-"
"""The dashes between the parts of a heading: short, long, and the hyphen."""

_WORD = re.compile(r"[a-z0-9]{1,40}|#")
_MARKER = re.compile(
    r"(?P<word>[a-z]{1,12})\.?[ \t-]?(?:no?[.°] ?)?(?P<first>\d{1,3}(?:\.\d{1,3}){0,2}|(?<![a-z])[ivx]{1,4}\b)(?P<letter>[a-z]\b)?"
    rf"(?: ?(?:[/&{DASHES}]|\ba\b|\bto\b|\bet\b|\band\b) ?(?P<last>\d{{1,3}})\b)?"
)
_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8, "ix": 9, "x": 10}
_NUMBERING = re.compile(
    rf"(?:\d{{1,2}}(?:(?:[.)]\d{{0,2}}){{1,3}}|:(?= )|(?= [{DASHES}] ))|[ivx]{{1,4}}[.)]|[a-h](?:\)|\.(?= )))[ \t]?"
)
_DECORATION = f" \t{DASHES}:|.,;·•>→#*_"
Phrase = tuple[str, ...]


@attrs.frozen
class Marker:
    """A phase with a number: ``Phase 2``, ``Weeks 3-4``, ``Étape 1``.

    Attributes:
        kind: The singular of the word, in English.
        label: The number as it is written: ``2``, ``2a``, ``0.7``.
        name: The text after the marker.
        days: The length of a numbered day, week or month, or of a range of them; None for other kinds.
    """

    kind: str
    label: str
    name: str
    days: int | None


@cache
def _vocabulary() -> Mapping[str, Any]:
    """Return the file of the vocabulary: phrases by role and language, and sets of words by name."""
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def fold(text: str) -> str:
    """Return a text in lower case and without accents, at the same length."""
    if text.isascii():
        return text.lower()
    return "".join(_fold_character(character) for character in text)


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    plain = unicodedata.normalize("NFD", character)[0].lower()
    return {"\u2019": "'", "\xa0": " ", "\u202f": " ", "œ": "o"}.get(
        character, plain if len(plain) == 1 else character
    )


def split_words(text: str) -> Phrase:
    """Return the folded words of a text, without punctuation."""
    return tuple(_WORD.findall(fold(text)))


@cache
def word_set(name: str) -> frozenset[str]:
    """Return a set of words of the vocabulary by its name."""
    return frozenset(_vocabulary()["words"][name].split())


def word_numbers(name: str) -> Mapping[str, int]:
    """Return the numbers of words by the name of the table: ``numbers``, ``units`` or ``months``."""
    numbers: Mapping[str, int] = _vocabulary()["numbers"][name]
    return numbers


@cache
def _phrases(table: str) -> tuple[Mapping[Phrase, str], Mapping[Phrase, str], Mapping[Phrase, str]]:
    """Return the meanings of headings or of columns by their phrases.

    Args:
        table: ``roles`` or ``columns``.

    Returns:
        The phrases that are whole headings, those that end one in English or German, and those that begin one in
        French or Spanish.
    """
    whole, ends, starts = dict[Phrase, str](), dict[Phrase, str](), dict[Phrase, str]()
    for meaning, languages in _vocabulary()[table].items():
        for language, texts in languages.items():
            phrases = starts if language in ("fr", "es") else ends
            for text in texts:
                (whole if text[0] == "=" else phrases).setdefault(split_words(text), meaning)
    return whole, ends, starts


@lru_cache(maxsize=4096)
def find_role(title: str) -> str | None:
    """Return the role of a heading or a label: ``goals``, ``risks``, ``work`` …; None if they are unknown."""
    text = strip_numbering(title[:HEADING_MAX]).replace("&", "and")
    words = split_words(text.partition("(")[0]) or split_words(text)
    # "Page Contact" is a part of the product, not about contacts.
    if not words or len(words) > 10 or (len(words) > 1 and words[0] in word_set("product_parts")):
        return None
    whole, ends, starts = _phrases("roles")
    parts = [words[start:end] for start in range(len(words)) for end in range(start + 1, len(words) + 1)]
    roles = {whole.get(words), *map(ends.get, parts), *map(starts.get, parts)}
    for excluded in ("out_of_scope", "later", "done"):
        if excluded in roles:
            return excluded
    label, colon, _ = text.partition(":")
    return next(_list_roles(words), None) or (find_role(label) if colon else None)


def _list_roles(words: Phrase) -> Iterator[str]:
    """Yield the roles of the phrases of a heading: the whole heading first, then its beginning, then its end."""
    joints, (whole, ends, starts) = word_set("joints"), _phrases("roles")
    core = tuple(word for word in words if word not in word_set("neutral")) or words
    candidates = [(phrase, table) for phrase in (words, core) for table in (whole, ends, starts)]
    for phrase in (words, core):
        for length in range(len(phrase) - 1, 0, -1):
            candidates.append((phrase[:length], starts))
            candidates += [(phrase[:length], ends)] if phrase[length] in joints else []
    # "Definition of the target audience": the words after a joining word are not the subject.
    if joints.isdisjoint(words[1:-1]) or not {"and", "et", "und", "y"}.isdisjoint(words):
        candidates += [(words[start:], ends) for start in range(1, len(words))]
    return (role for phrase, table in candidates if (role := table.get(phrase)))


def strip_remark(text: str) -> str:
    """Return a title without a remark about its state at the end: ``(in progress)``, ``(this PR)``, ``(recommended)``."""
    start = text.rfind("(") if text.endswith(")") else 0
    words = split_words(text[start:])
    is_remark = start > 0 and words and word_set("remarks").issuperset(words)
    return text[:start].rstrip() if is_remark else text


def strip_numbering(text: str) -> str:
    """Return a heading without the pictures and numbers before it: ``🚀 2.1 Scope`` is ``Scope``."""
    start = next(
        (index for index, letter in enumerate(text) if letter.isalnum() or letter in "([{«“\"'"), len(text)
    )
    match = _NUMBERING.match(fold(text), start)
    title = text[match.end() :].lstrip(_DECORATION) if match else ""
    # The number of a version is its name: ``0.7 (documentation)``.
    return text[start:] if title[:1] in ("", "(") else title


def find_marker(text: str) -> Marker | None:
    """Return the numbered phase at the beginning of a heading or a list item, if there is one."""
    text = strip_remark(strip_numbering(text))
    version, _, remark = text.partition(" ")
    if "." in version and version.replace(".", "").isdecimal() and remark[:1] in ("", "("):
        text = f"v{text}"
    match = _MARKER.match(fold(text[:HEADING_MAX]))
    word = match["word"] if match else ""
    if match is None or not (word in word_set("phases") or word in word_set("periods")):
        return None
    if len(word) == 1 and (not text[match.start("first") - 1].isalpha() or not match["first"][0].isdigit()):
        return None
    label = str(_ROMAN.get(match["first"], match["first"]))
    tail = text[match.end() :]
    is_sentence = not word_set("verbs").isdisjoint(fold(tail[:10]).split()[:1])
    if tail[:1].isalnum() or not label[0].isdigit() or is_sentence:
        return None
    kind = _vocabulary()["singular"].get(word, word)
    number = int(label.partition(".")[0])
    count = max(1, int(match["last"] or number) - number + 1)
    days = None if kind == "quarter" else word_numbers("units").get(kind)
    return Marker(kind, label + (match["letter"] or ""), tail.strip(_DECORATION), days and days * count)


def split_label(text: str) -> tuple[str, str] | None:
    """Return the label of a line and the text after it: ``Duration: two weeks``; None if it has no short label."""
    label, colon, value = text[:HEADING_MAX].partition(":")
    if not colon or not label.strip() or len(label.split()) > LABEL_WORDS or value[:2] == "//":
        return None
    return label.strip(), text[len(label) + 1 :].strip()


def find_label(text: str) -> tuple[str | None, str]:
    """Return the role of the label of a line, and the text after it; None and an empty text if it has no label."""
    label, value = split_label(text) or ("", "")
    return find_role(label), value


def name_actions(texts: Sequence[str], language: Language) -> bool:
    """Return whether at least half of the items of a list begin with an imperative or an infinitive.

    Args:
        texts: The items.
        language: Their language; a German infinitive is the last word, in lower case.
    """
    place, endings = -1 if language == "de" else 0, tuple(word_set(f"infinitives_{language}"))
    parts = filter(None, (text[:HEADING_MAX].split() for text in texts))
    words = [part[place].strip(" .,;:!") for part in parts]
    verbs = [fold(word) for word in words if language != "de" or word.islower()]
    verbs = [verb for verb in verbs if verb not in word_set("no_infinitives")]
    return 0 < len(texts) <= 2 * sum(verb in word_set("actions") or verb.endswith(endings) for verb in verbs)


def find_column(header: str) -> str | None:
    """Return the meaning of a column: ``work``, ``phase``, ``owner`` …; None if its header is unknown."""
    for part in header.split("/"):
        words = split_words(part.partition("(")[0].rstrip(" #")) or split_words(part)
        _, ends, starts = _phrases("columns")
        # "Estimated duration", and "durée estimée".
        if name := starts.get(words) or ends.get(words) or ends.get(words[-1:]) or starts.get(words[:1]):
            return name
    return None


def find_priority(text: str) -> Level | None:
    """Return the priority that a cell or a label names; ``none`` for work that will not be done."""
    words = fold(text).replace(",", " ").split()
    names = {word.strip("()[]🔴🟡🟢.:") for word in words[:2]}
    priorities = _vocabulary()["priorities"].items()
    return next((level for level, text in priorities if not names.isdisjoint(text.split())), None)


def is_done(text: str) -> bool:
    """Return whether the cell of a status column means that the work is done."""
    words = fold(text).replace(".", " ").split()
    # Numbers before the first word, as in "100% complete", say nothing, and a picture may stand anywhere.
    first = next((word for word in words if any(map(str.isalpha, word))), "")
    return any(word in word_set("done") for word in words if word == first or not word.isalnum())


def detect_language(texts: Sequence[str]) -> Language:
    """Return the language to which most of the function words of the texts belong."""
    words = Counter(word for text in texts for word in split_words(text[:20_000]))
    languages: Sequence[Language] = get_args(Language)
    return max(languages, key=lambda language: sum(words[word] for word in word_set(language)))
