"""Strict JSON: bytes from strangers to Python, or one sentence that says why not."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any, NoReturn

from stellary.contract.errors import Invalid

DEPTH_MAX = 64
INTEGER_MAX = 2**63
# Each string is taken whole, closed or not, so that its brackets do not count and no text is read twice.
_BRACKETS = re.compile(rb'[\[{]|[\]}]|"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_ESCAPED = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_SURROGATES = re.compile("[\ud800-\udfff]")
# Without one of these no number is beyond 64 bits or infinite, and the parser need not ask for each.
_LARGE_NUMBER = re.compile(rb"[0-9]{19}|[0-9][eE]")


def parse(data: bytes) -> Any:
    """Parse a JSON text as the API takes it.

    Raises:
        Invalid: Not UTF-8, not JSON, deeper than 64, a key twice in an object, NaN or infinite, an integer beyond 64
            bits, a NUL character or half a surrogate pair.
    """
    _refuse_depth(data)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise _wrong("must be UTF-8") from None
    try:
        made = (_CAREFUL if _LARGE_NUMBER.search(data) else _QUICK).decode(text)
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


def _refuse_depth(data: bytes) -> None:
    if data.count(b"[") + data.count(b"{") <= DEPTH_MAX:
        return
    depth = 0
    for found in _BRACKETS.finditer(data):
        first = found.group()[:1]
        if first in b"[{":
            depth += 1
            if depth > DEPTH_MAX:
                raise _wrong(f"must not be nested deeper than {DEPTH_MAX}")
        elif first in b"]}":
            depth -= 1


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
