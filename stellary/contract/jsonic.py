"""Strict JSON: bytes from strangers to Python, or one sentence that says why not."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from stellary.contract.errors import Invalid

DEPTH_MAX = 64
_INTEGER_MAX = 2**63
# Each string is taken whole, closed or not, so that its brackets do not count and no text is read twice.
_BRACKETS = re.compile(rb'[\[{]|[\]}]|"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_SUSPECT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


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
        raise Invalid("the body must be UTF-8", code="invalid_json") from None
    try:
        made = json.loads(
            text, object_pairs_hook=_pairs, parse_int=_integer, parse_float=_number, parse_constant=_constant
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise Invalid(
            f"the body is not valid JSON ({error.msg.lower()} at {where})", code="invalid_json"
        ) from None
    if _SUSPECT.search(data):
        _refuse_characters(made)
    return made


def _refuse_depth(data: bytes) -> None:
    if data.count(b"[") + data.count(b"{") <= DEPTH_MAX:
        return
    depth = 0
    for found in _BRACKETS.finditer(data):
        first = found.group()[:1]
        if first in b"[{":
            depth += 1
            if depth > DEPTH_MAX:
                raise Invalid(f"the body is nested deeper than {DEPTH_MAX}", code="invalid_json")
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
        elif isinstance(found, str):
            if "\0" in found:
                raise Invalid("the body must not contain a NUL character", code="invalid_json")
            if any("\ud800" <= each <= "\udfff" for each in found):
                raise Invalid("the body must not contain half a surrogate pair", code="invalid_json")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise Invalid(f"the body names {twice[:100]!r} twice", code="invalid_json")
    return made


def _integer(text: str) -> int:
    if len(text) > 20 or not -_INTEGER_MAX <= (made := int(text)) < _INTEGER_MAX:
        raise Invalid("the body contains an integer beyond 64 bits", code="invalid_json")
    return made


def _number(text: str) -> float:
    made = float(text)
    if not math.isfinite(made):
        raise Invalid("the body contains a number that is too large", code="invalid_json")
    return made


def _constant(name: str) -> NoReturn:
    raise Invalid(f"the body is not valid JSON ({name} is no number)", code="invalid_json")
