"""The strength of a secret."""

from __future__ import annotations

import itertools
import re

BYTES_MIN = 32
DISTINCT_MIN = 8
REST_MIN = 16
# Common words in secrets of examples and tutorials.
_WORDS = (
    "abc123 access admin administrator api app asdfghjkl auth authentication backend bearer change "
    "changeit changeme changethis chosen company correct debug default demo dev development dont dummy "
    "enter example fixme foobar generate generated have here hello horse hs256 hunter2 insecure insert "
    "jsonwebtoken jwt key keyboard letmein local localhost long lorem ipsum make minimum must mysecret "
    "mykey mytoken nobody not password passwd passphrase passw0rd placeholder please prod production "
    "private project qwerty qwertyuiop random replace replaceme reference safe sample secret secretkey "
    "secure security server session shared should sign signing some something stage staging staple "
    "battery stellary string strong super supersecret symmetric test testing that thing this todo token "
    "unsafe value very welcome with word world your yours zxcvbnm 1q2w3e4r 1qaz2wsx bits bytes character "
    "characters chars at be in is least no of on only the to use used"
)
# Longer words come first, so that they are removed as a whole.
_WORD = re.compile("|".join(sorted(_WORDS.split(), key=len, reverse=True)), re.IGNORECASE)
_YEARS = re.compile(r"(?:19|20)[0-9]{2}")
_SEPARATORS = re.compile(r"[\W_]+")


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
    remainder = _SEPARATORS.sub("", _YEARS.sub("", _WORD.sub("", secret)))
    if len(remainder.encode()) < REST_MIN or _is_repetition(remainder) or _is_sequence(remainder):
        return "is easy to guess: it consists of well-known words"
    return None


def _is_repetition(text: str) -> bool:
    """Return whether a text repeats one unit, the last time possibly cut off."""
    half = len(text) // 2
    return any(text.startswith(text[unit:]) for unit in range(1, half + 1))


def _is_sequence(text: str) -> bool:
    """Return whether nearly all characters follow the one before them in the alphabet, upwards or downwards."""
    steps = sum(abs(ord(after) - ord(before)) <= 1 for before, after in itertools.pairwise(text))
    return steps > len(text) * 0.7
