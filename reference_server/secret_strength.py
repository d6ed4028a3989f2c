"""The strength of a secret."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

BYTES_MIN = 32
DISTINCT_MIN = 8
REST_MIN = 16
# Common words in secrets of examples and tutorials.
_WORDS = Path(__file__).with_name("common_words.txt").read_text("utf-8")
_WORD = re.compile("|".join(sorted(_WORDS.split(), key=len, reverse=True)), re.IGNORECASE)
_YEARS = re.compile(r"(?:19|20)[0-9]{2}")
_SEPARATORS = re.compile(r"[\W_]+")
_LEET = str.maketrans("01345789@$!", "oieastbgasi")
# The rows of keyboards in several languages, columns of keys, the alphabet and the digits.
_ROWS = (
    "qwertyuiop qwertzuiopü azertyuiop asdfghjkl asdfghjklöä qsdfghjklm zxcvbnm yxcvbnm wxcvbn 1qaz2wsx3edc4rfv5tgb6yhn7ujm"
    " pyfgcrl aoeuidhtns qjkxbmwvz abcdefghijklmnopqrstuvwxyz 01234567890"
)
_RUNS = f"{_ROWS} {_ROWS[::-1]}"
RUN_MIN = 3
"""The number of characters of a run or a repetition."""
CHECKED_MAX = 500
"""The number of characters that are searched for them; a longer secret is judged by these."""


def find_weakness(secret: str) -> str | None:
    """Return the reason why a secret is easy to guess, or None.

    Args:
        secret: A secret that signs logins, or a token.

    Returns:
        The end of a sentence that begins with the secret's name, without any part of the secret; None for a secret
        that looks random, such as 32 random hexadecimal digits.
    """
    if len(secret.encode()) < BYTES_MIN:
        return f"must be at least {BYTES_MIN} bytes long"
    if _is_repetition(secret):
        return "is easy to guess: it repeats one pattern"
    if len(set(secret)) < DISTINCT_MIN:
        return f"is easy to guess: it has fewer than {DISTINCT_MIN} different characters"
    if _is_sequence(secret):
        return "is easy to guess: it counts up or down"
    # The part that an attacker who knows the words still has to guess.
    for text in (secret, secret.translate(_LEET)):
        remainder = _SEPARATORS.sub("", _YEARS.sub("", _WORD.sub("", text)))
        unknown = _remove_runs(remainder.lower()[:CHECKED_MAX])
        if len(unknown.encode()) < REST_MIN or _is_repetition(remainder) or _is_sequence(remainder):
            return "is easy to guess: it consists of well-known words, rows of keys or repetitions"
    return None


def _remove_runs(text: str) -> str:
    """Return a text without runs along keyboards and alphabets, and without what it repeats."""
    characters, start = [], 0
    while start < len(text):
        end = start + RUN_MIN
        while end <= len(text) and (text[start:end] in _RUNS or text[start:end] in text[:start]):
            end += 1
        # One character stands for the choice of the run.
        characters.append(text[start])
        start = end - 1 if end > start + RUN_MIN else start + 1
    return "".join(characters)


def _is_repetition(text: str) -> bool:
    """Return whether a text repeats one unit, the last time possibly cut off."""
    half = len(text) // 2
    return any(text.startswith(text[unit:]) for unit in range(1, half + 1))


def _is_sequence(text: str) -> bool:
    """Return whether nearly all characters follow the one before them in the alphabet, upwards or downwards."""
    steps = sum(abs(ord(after) - ord(before)) <= 1 for before, after in itertools.pairwise(text))
    return steps > len(text) * 0.7
