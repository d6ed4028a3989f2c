"""Strict parsing of untrusted JSON."""

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
# Without a match, every number is finite and fits 64 bits, so the parser need not check each one.
_LARGE_NUMBER = re.compile(rb"[0-9]{19}|[0-9][eE]")


def parse(data: bytes, values_max: int = VALUES_MAX) -> Any:
    """Parse a JSON text with the limits of the API.

    Args:
        data: The text, in UTF-8.
        values_max: The maximum number of values and field names, counted by the characters ``[``, ``{``, ``,`` and
            ``:`` outside of strings.

    Raises:
        TooLarge: The text has more values. They are counted first, because parsed values take far more memory.
        Invalid: The text is not UTF-8, is not JSON, is nested deeper than 64 levels, or contains a duplicate
            key, NaN, an infinite number, an integer beyond 64 bits, a NUL character or half a surrogate pair.
    """
    has_large_number = _examine(data, values_max)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise _wrong("must be UTF-8") from None
    try:
        document = (_CAREFUL if has_large_number else _QUICK).decode(text)
    except json.JSONDecodeError as error:
        reason = f"{error.msg[:1].lower()}{error.msg[1:]} at line {error.lineno} column {error.colno}"
        raise _wrong(f"is not valid JSON ({reason})") from None
    if _ESCAPED.search(data):
        _refuse_characters(document)
    return document


def character_problem(text: str) -> str | None:
    """Return the name of a forbidden character in the text, or None if there is none."""
    if "\0" in text:
        return "a NUL character"
    return None if text.isascii() or not _SURROGATES.search(text) else "half a surrogate pair"


def _wrong(problem: str) -> Invalid:
    return Invalid(f"the body {problem}", code="invalid_json")


def _examine(data: bytes, values_max: int) -> bool:
    """Refuse a text that is too expensive to parse; return whether a number may be too large for the quick parser."""
    if len(data) <= min(_SLICE, values_max) and data.count(b"[") + data.count(b"{") <= DEPTH_MAX:
        return _LARGE_NUMBER.search(data) is not None
    depth = values = 0
    has_large_number = False
    before = b""
    for text in _outside_strings(data):
        # One of these characters precedes every value but the first, and every name.
        values += sum(map(text.count, (b"[", b"{", b",", b":")))
        for bracket in text.translate(None, _NO_BRACKETS):
            depth += 1 if bracket in b"[{" else -1
            if depth > DEPTH_MAX:
                raise _wrong(f"must not be nested deeper than {DEPTH_MAX}")
            if depth < 0:
                # Not JSON; the parser will report it.
                return True
        if values > values_max:
            raise TooLarge(
                f"the body must not hold more than {values_max} JSON values", code="too_many_values"
            )
        has_large_number = has_large_number or _LARGE_NUMBER.search(before + text) is not None
        before = (before + text)[-20:]
    return has_large_number


def _outside_strings(data: bytes) -> Iterator[bytes]:
    """Yield the text without its strings in slices, so that other threads can run in between."""
    inside = False
    start = 0
    while start < len(data):
        text = data[start : start + _SLICE]
        if (len(text) - len(text.rstrip(b"\\"))) % 2:
            # Do not cut an escape in two.
            text = data[start : start + _SLICE + 1]
        start += len(text)
        if b"\\" in text:
            text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
        parts = text.split(b'"')
        yield b"".join(parts[inside::2])
        inside ^= len(parts) % 2 == 0


def _refuse_characters(document: Any) -> None:
    stack = [document]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            stack += value.keys()
            stack += value.values()
        elif isinstance(value, list):
            stack += value
        elif isinstance(value, str) and (problem := character_problem(value)):
            raise _wrong(f"must not contain {problem}")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        ((twice, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise _wrong(f"must not contain {json.dumps(twice[:100])} twice")
    return members


def _integer(text: str) -> int:
    if len(text) > 20 or not -INTEGER_MAX <= (number := int(text)) < INTEGER_MAX:
        raise _wrong("must not contain an integer beyond 64 bits")
    return number


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _wrong("must not contain a number that is too large")
    return number


def _constant(name: str) -> NoReturn:
    raise _wrong(f"is not valid JSON ({name} is no number)")


_QUICK = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_constant)
_CAREFUL = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_constant=_constant, parse_int=_integer, parse_float=_number
)
