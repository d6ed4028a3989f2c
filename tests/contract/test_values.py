"""Value classes: they round-trip, and accept the answers of newer servers."""

from __future__ import annotations

import contextlib
import copy
import json
import pickle
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal, get_args, get_origin

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellary.contract import ENDPOINTS
from stellary.contract.api_tokens import CreatedApiToken
from stellary.contract.auth import Session
from stellary.contract.cards import Card
from stellary.contract.checklists import ChecklistItem
from stellary.contract.endpoint import Ok
from stellary.contract.labels import Label
from stellary.contract.limits import Secret
from stellary.contract.naming import base, marks, wire_fields
from stellary.contract.wire import Value, as_dict, dump, read, read_in_place
from tests.contract.strategies import JSON, VALUES, as_json, few_each, values
from tests.support.each_case import for_each

each_value = for_each("cls", VALUES)

WORDS = [
    (cls, name)
    for cls in VALUES
    for name, field in wire_fields(cls).items()
    if get_origin(base(field.type)) is Literal
]
NOW = datetime(2026, 4, 1, tzinfo=UTC)
LABEL = {
    "id": "665f1a2b3c4d5e6f7a8b9c0d",
    "projectId": "665f1a2b3c4d5e6f7a8b9c0e",
    "name": "bug",
    "color": "#22c55e",
    "createdAt": "2026-04-01T00:00:00Z",
    "updatedAt": "2026-04-01T00:00:00Z",
}


@pytest.mark.slow("makes values of each class")
@each_value
@few_each
@given(data=st.data())
def test_value_round_trips(cls, data):
    original = data.draw(values(cls))
    copied = read(cls, as_json(dump(original)))
    assert copied == original
    assert copied.raw == {}


@pytest.mark.slow("makes values of each class")
@each_value
@few_each
@given(data=st.data())
def test_unknown_fields_are_kept(cls, data):
    original = data.draw(values(cls))
    parsed = read(cls, as_json(dump(original)) | {"brandNew": {"a": [1]}})
    assert parsed == original
    assert parsed.raw == {"brandNew": {"a": [1]}}


@pytest.mark.slow("makes values of each class")
@for_each("cls, name", WORDS)
@few_each
@given(data=st.data())
def test_unknown_enum_value_is_kept(cls, name, data):
    parsed = read(cls, as_json(dump(data.draw(values(cls)))) | {name: "unheard_of"})
    assert getattr(parsed, wire_fields(cls)[name].name) == "unheard_of"
    assert as_json(dump(parsed))[name] == "unheard_of"


@pytest.mark.slow("makes values of each class")
@each_value
@few_each
@given(data=JSON)
def test_any_json_is_read_or_raises_type_or_value_error(cls, data):
    with contextlib.suppress(TypeError, ValueError):
        assert isinstance(read(cls, data), cls)


@each_value
def test_missing_and_null_fields_have_their_default(cls):
    for body in ({}, dict.fromkeys(wire_fields(cls))):
        parsed = read(cls, body)
        for field in wire_fields(cls).values():
            default = None if field.default is attrs.NOTHING else field.default
            kind = get_args(field.type)[0] if get_origin(field.type) is Annotated else field.type
            empty = {list: [], dict: {}}.get(get_origin(kind), default)
            assert getattr(parsed, field.name) == empty


@pytest.mark.slow("makes values of each class")
@each_value
@few_each
@given(data=st.data())
def test_copy_and_pickle_keep_unknown_fields(cls, data):
    original = read(cls, as_json(dump(data.draw(values(cls)))) | {"brandNew": 1})
    for other in (copy.copy(original), copy.deepcopy(original), pickle.loads(pickle.dumps(original))):
        assert other == original
        assert other.raw == original.raw


def test_a_list_of_values_is_read_one_by_one():
    assert [label.name for label in read(list[Label], [LABEL, LABEL | {"name": "idea"}])] == ["bug", "idea"]


@few_each
@given(data=st.data())
def test_list_is_read_in_place_as_elsewhere(data):
    rows = [as_json(dump(card)) for card in data.draw(st.lists(values(Card), max_size=3))]
    expected = read(list[Card], rows)
    assert read_in_place(Card, rows) is rows
    assert rows == expected


def test_list_of_plain_json_is_read_in_place_unchanged():
    assert read_in_place(str, ["a", "b"]) == ["a", "b"]


def test_an_object_of_values_is_read_one_by_one():
    assert read(dict[str, Label], {"a": LABEL})["a"].created_at == NOW


def test_plain_type_is_returned_unchanged():
    value = {"a": 1}
    assert read(dict, value) is value


@for_each("text", ["2026-04-01T00:00:00Z", "2026-04-01", "2026-04-01T02:00:00+02:00", "2026-04-01T00:00:00"])
def test_moments_are_converted_to_utc(text):
    created_at = read(Label, LABEL | {"createdAt": text}).created_at
    assert (created_at, created_at.utcoffset()) == (NOW, NOW.utcoffset())


def test_wire_names_can_be_irregular():
    item = ChecklistItem(id="a1", title="x", done=True, order=0)
    assert as_dict(item) == {"_id": "a1", "title": "x", "done": True, "order": 0}
    assert "access_token" in wire_fields(Session)


def test_value_is_compared_by_fields_and_hashed_by_id():
    one, other = read(Label, LABEL), read(Label, LABEL | {"surprise": 1})
    assert one == other
    assert hash(one) == hash(other)
    assert one != read(Label, LABEL | {"name": "idea"})
    assert one != "bug"
    assert one.__eq__(object()) is NotImplemented
    assert hash(Ok()) == hash(Ok())


def test_value_is_a_mapping_of_its_fields():
    label = read(Label, LABEL)
    assert isinstance(label, Mapping)
    assert {**label} == dict(label.items()) == dict(zip(label.keys(), label.values(), strict=True))
    assert (label.get("name"), label.get("nane", "?")) == ("bug", "?")
    assert ("name" in label, "raw" in label) == (True, False)
    match label:
        case {"name": name}:
            assert name == label["name"] == "bug"


def test_repr_shows_fields_but_no_secret():
    fields = {"id": "1", "name": "CI", "prefix": "synth_a1b2", "scopes": [], "token": "synth_secret"}
    assert repr(read(CreatedApiToken, {**fields, "createdAt": LABEL["createdAt"]})) == (
        f"CreatedApiToken(id='1', name='CI', prefix='synth_a1b2', scopes=[], created_at={NOW!r}, token=…)"
    )


def test_secrets_are_fields_of_the_responses_themselves():
    with_secrets = {
        cls for cls in VALUES if any(Secret() in marks(field.type) for field in wire_fields(cls).values())
    }
    assert with_secrets == {endpoint.returns for endpoint in ENDPOINTS if endpoint.keeps_secret}


def test_fields_of_a_class_are_found_by_name():
    assert attrs.fields(Label).color is attrs.fields_dict(Label)["color"]
    with pytest.raises(AttributeError):
        attrs.fields(Label).colour  # noqa: B018


def test_value_is_frozen():
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        read(Label, LABEL).name = "idea"


def test_lists_and_objects_of_values_are_written_as_such():
    assert as_json(dump({"labels": [read(Label, LABEL)]})) == {"labels": [LABEL]}


def test_foreign_object_cannot_be_written():
    with pytest.raises(TypeError):
        dump(object())


def test_a_nullable_list_reads_null():
    class Basket(Value):
        items: list[int] | None
        tags: list[str]

    assert read(Basket, {"items": None, "tags": None}) == Basket(items=None, tags=[])


class Branch(Value):
    """A part of a tree."""

    name: str
    branches: list[Branch]
    by_name: dict[str, Branch] | None = None


def test_value_can_be_recursive():
    leaf = Branch(name="leaf", branches=[])
    root = Branch(name="root", branches=[leaf, leaf], by_name={"leaf": leaf})
    assert read(Branch, as_json(dump(root))) == root


def test_value_as_json_has_names_and_unknown_fields_of_the_api():
    data = {**LABEL, "shade": {"isNew": True}}
    label = read(Label, data)
    assert label.to_dict() == data
    assert json.loads(label.to_json()) == data
    assert "shade" not in read(Label, LABEL).to_dict()
