"""Requests that may say more than is known: it is left aside and told, and everything else is as strict as ever."""

from __future__ import annotations

from typing import ClassVar

import pytest

from stellary.contract.errors import Invalid
from stellary.contract.schemas import Schemas
from stellary.contract.tolerance import find_unknown_fields
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, check, dump, load, request


@request
class Part(Request):
    """A part of a whole."""

    tolerant: ClassVar[bool] = True

    name: str


@request
class Whole(Request):
    """What has parts."""

    tolerant: ClassVar[bool] = True

    parts: list[Part] | Unset = UNSET
    first: Part | Unset = UNSET


SAID = {
    "parts": [{"name": "a", "x": 1}, {"name": "b", "x": 2, "y": None}],
    "first": {"name": "c", "z": 3},
    "v": [],
}


def test_what_is_not_known_is_left_aside_and_told_once():
    made = load(Whole, SAID)
    assert made == Whole(parts=[Part(name="a"), Part(name="b")], first=Part(name="c"))
    assert find_unknown_fields(made) == ["first.z", "parts[].x", "parts[].y", "v"]


def test_nothing_of_it_is_said_again():
    made = load(Whole, SAID)
    assert dump(made) == b'{"parts":[{"name":"a"},{"name":"b"}],"first":{"name":"c"}}'
    assert find_unknown_fields(check(Whole(first=Part(name="c")))) == []


def test_a_long_name_is_cut():
    (told,) = find_unknown_fields(load(Whole, {"x" * 5_000: 1}))
    assert told == "x" * 100 + "…"


def test_what_is_known_is_as_strict_as_ever():
    with pytest.raises(Invalid, match=r"parts\[0\]\.name must be a string"):
        load(Whole, {"parts": [{"name": 1}]})


def test_a_schema_says_so():
    schemas = Schemas()
    schemas.of(Whole)
    assert {name: made["additionalProperties"] for name, made in schemas.made.items()} == {
        "Whole": True,
        "Part": True,
    }
