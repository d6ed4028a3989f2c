"""Requests with unknown fields: these are ignored and listed, and all others are checked."""

from typing import ClassVar

import pytest

from stellary.contract.errors import Invalid
from stellary.contract.schemas import Schemas
from stellary.contract.tolerance import find_unknown_fields
from stellary.contract.wire import UNSET, Request, Unset, check, dump, load


class Part(Request):
    """A part of a whole."""

    tolerant: ClassVar[bool] = True

    name: str


class Whole(Request):
    """A whole with parts."""

    tolerant: ClassVar[bool] = True

    parts: list[Part] | Unset = UNSET
    first: Part | Unset = UNSET


SAID = {
    "parts": [{"name": "a", "x": 1}, {"name": "b", "x": 2, "y": None}],
    "first": {"name": "c", "z": 3},
    "v": [],
}


def test_unknown_fields_are_ignored_and_listed_once():
    whole = load(Whole, SAID)
    assert whole == Whole(parts=[Part(name="a"), Part(name="b")], first=Part(name="c"))
    assert find_unknown_fields(whole) == ["first.z", "parts[].x", "parts[].y", "v"]


def test_unknown_fields_are_not_written():
    assert dump(load(Whole, SAID)) == b'{"parts":[{"name":"a"},{"name":"b"}],"first":{"name":"c"}}'
    assert find_unknown_fields(check(Whole(first=Part(name="c")))) == []


def test_long_name_is_shortened():
    (name,) = find_unknown_fields(load(Whole, {"x" * 5_000: 1}))
    assert name == "x" * 100 + "…"


def test_known_fields_are_still_checked():
    with pytest.raises(Invalid, match=r"parts\[0\]\.name must be a string"):
        load(Whole, {"parts": [{"name": 1}]})


def test_schema_allows_additional_properties():
    schemas = Schemas()
    schemas.of(Whole)
    assert {name: schema["additionalProperties"] for name, schema in schemas.definitions.items()} == {
        "Whole": True,
        "Part": True,
    }
