"""Strict JSON: bytes from strangers to Python, or one sentence that says why not."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NoReturn

from stellary.contract.errors import Invalid, TooLarge

DEPTH_MAX = 64
VALUES_MAX = 1_000_000
INTEGER_MAX = 2**63
_SLICE = 64 * 1024
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_ESCAPED = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_SURROGATES = re.compile("[\ud800-\udfff]")
# Without one of these no number is beyond 64 bits or infinite, and the parser need not ask for each.
_LARGE_NUMBER = re.compile(rb"[0-9]{19}|[0-9][eE]")


def parse(data: bytes, values_max: int = VALUES_MAX) -> Any:
    """Parse a JSON text as the API takes it.

    Args:
        data: The text, in UTF-8.
        values_max: How many values and names of fields it may hold, counted by the characters ``[``, ``{``, ``,`` and
            ``:`` outside of strings.

    Raises:
        TooLarge: It holds more values. They are counted first, since what is parsed takes far more room than the text.
        Invalid: Not UTF-8, not JSON, deeper than 64, a key twice in an object, NaN or infinite, an integer beyond 64
            bits, a NUL character or half a surrogate pair.
    """
    has_large_number = _examine(data, values_max)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise _wrong("must be UTF-8") from None
    try:
        made = (_CAREFUL if has_large_number else _QUICK).decode(text)
    except json.JSONDecodeError as error:
        said = f"{error.msg[:1].lower()}{error.msg[1:]} at line {error.lineno} column {error.colno}"
        raise _wrong(f"is not valid JSON ({said})") from None
    if _ESCAPED.search(data):
        _refuse_characters(made)
    return made


def character_problem(text: str) -> str | None:
    """The character that no text of the API may contain, in words; None if there is none."""
    if "\0" in text:
        return "a NUL character"
    return None if text.isascii() or not _SURROGATES.search(text) else "half a surrogate pair"


def _wrong(said: str) -> Invalid:
    return Invalid(f"the body {said}", code="invalid_json")


def _examine(data: bytes, values_max: int) -> bool:
    """Refuse what would take too much to parse; return whether a number may be too large for the quick parser."""
    if len(data) <= min(_SLICE, values_max) and data.count(b"[") + data.count(b"{") <= DEPTH_MAX:
        return _LARGE_NUMBER.search(data) is not None
    depth = values = 0
    has_large_number = False
    before = b""
    for text in _outside_strings(data):
        # Each value but the first, and each name, follows one of these.
        values += sum(map(text.count, (b"[", b"{", b",", b":")))
        for bracket in text.translate(None, _NO_BRACKETS):
            depth += 1 if bracket in b"[{" else -1
            if depth > DEPTH_MAX:
                raise _wrong(f"must not be nested deeper than {DEPTH_MAX}")
            if depth < 0:
                # It is no JSON, as the parser will say.
                return True
        if values > values_max:
            raise TooLarge(
                f"the body must not hold more than {values_max} JSON values", code="too_many_values"
            )
        has_large_number = has_large_number or _LARGE_NUMBER.search(before + text) is not None
        before = (before + text)[-20:]
    return has_large_number


def _outside_strings(data: bytes) -> Iterator[bytes]:
    """Yield the text without its strings, a slice at a time, so that other threads get their turn in between."""
    inside = False
    start = 0
    while start < len(data):
        text = data[start : start + _SLICE]
        if (len(text) - len(text.rstrip(b"\\"))) % 2:
            # An escape is not cut in two.
            text = data[start : start + _SLICE + 1]
        start += len(text)
        if b"\\" in text:
            text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
        parts = text.split(b'"')
        yield b"".join(parts[inside::2])
        inside ^= len(parts) % 2 == 0


def _refuse_characters(made: Any) -> None:
    stack = [made]
    while stack:
        found = stack.pop()
        if isinstance(found, dict):
            stack += found.keys()
            stack += found.values()
        elif isinstance(found, list):
            stack += found
        elif isinstance(found, str) and (said := character_problem(found)):
            raise _wrong(f"must not contain {said}")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        ((twice, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise _wrong(f"must not name {json.dumps(twice[:100])} twice")
    return made


def _integer(text: str) -> int:
    if len(text) > 20 or not -INTEGER_MAX <= (made := int(text)) < INTEGER_MAX:
        raise _wrong("must not contain an integer beyond 64 bits")
    return made


def _number(text: str) -> float:
    made = float(text)
    if not math.isfinite(made):
        raise _wrong("must not contain a number that is too large")
    return made


def _constant(name: str) -> NoReturn:
    raise _wrong(f"is not valid JSON ({name} is no number)")


_QUICK = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_constant)
_CAREFUL = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_constant=_constant, parse_int=_integer, parse_float=_number
)
