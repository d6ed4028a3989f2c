"""Request classes: they round-trip, name invalid fields, and raise nothing but Invalid."""

from __future__ import annotations

import contextlib
import json
import pickle
import re
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Annotated, Literal, get_args, get_origin
from urllib.parse import parse_qsl

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellary.client.calling.encoding import encode_query
from stellary.contract import jsonic
from stellary.contract.auth import Login
from stellary.contract.cards import CreateCard, CreateCards, ListCards, UpdateCard
from stellary.contract.errors import Invalid
from stellary.contract.examples import ID, example
from stellary.contract.labels import CreateLabel, UpdateLabel
from stellary.contract.limits import NOT_BLANK, Length, Whole, checks
from stellary.contract.naming import base, members, wire_fields
from stellary.contract.notifications import ListNotifications
from stellary.contract.organizations import CreateOrganization
from stellary.contract.schemas import Schemas
from stellary.contract.strict import WORDS_SHOWN
from stellary.contract.wire import UNSET, Request, Unset, check, dump, load, load_query
from tests.contract.strategies import INTEGERS, JSON, REQUESTS, TEXTS, as_json, few_each, requests
from tests.support.cpu_time import measure_cpu_time
from tests.support.each_case import for_each

each_request = for_each("cls", REQUESTS)

WORDS = [
    (cls, name)
    for cls in REQUESTS
    for name, field in wire_fields(cls).items()
    if get_origin(base(field.type)) is Literal
]


def required_fields(cls: type[Request]) -> list[str]:
    return [name for name, field in wire_fields(cls).items() if field.default is attrs.NOTHING]


def problems_of(read: Callable[..., object], *arguments: object) -> list[tuple[str, str]]:
    """Return the fields that a call names as invalid, each with its message."""
    with pytest.raises(Invalid) as caught:
        read(*arguments)
    return [(problem.field, problem.message) for problem in caught.value.details]


def wrong_fields(cls: type[Request], body: object) -> list[str]:
    try:
        load(cls, body)
    except Invalid as error:
        return [problem.field for problem in error.details]
    return []


@pytest.mark.slow("makes requests of each class")
@each_request
@few_each
@given(data=st.data())
def test_request_round_trips(cls, data):
    instance = data.draw(requests(cls))
    assert load(cls, jsonic.parse(dump(instance))) == instance == check(instance)


@pytest.mark.slow("makes requests of each class")
@each_request
@few_each
@given(data=JSON)
def test_any_json_is_accepted_or_raises_invalid(cls, data):
    with contextlib.suppress(Invalid):
        instance = load(cls, data)
        assert load(cls, as_json(dump(instance))) == instance


@pytest.mark.slow("makes requests of each class")
@each_request
@few_each
@given(data=st.data())
def test_error_names_the_invalid_field(cls, data):
    body = as_json(dump(data.draw(requests(cls))))
    name = data.draw(st.sampled_from(sorted(wire_fields(cls)) or ["nothing"]))
    body[name] = data.draw(JSON)
    assert {re.split(r"[.\[]", field)[0] for field in wrong_fields(cls, body)} in ({name}, set())


@for_each("cls", [cls for cls in REQUESTS if not cls.tolerant])
def test_unknown_field_raises(cls):
    assert ("surprise", "is not a field of this request") in problems_of(load, cls, {"surprise": 1})


@each_request
def test_missing_required_field_raises(cls):
    if required := required_fields(cls):
        assert problems_of(load, cls, {}) == [(name, "is required") for name in required]
    else:
        assert load(cls, {}) == cls()


@for_each("cls, name", WORDS)
def test_unknown_enum_value_raises(cls, name):
    words = get_args(base(wire_fields(cls)[name].type))
    more = f", or of {len(words) - WORDS_SHOWN} more" if len(words) > WORDS_SHOWN else ""
    message = "must be one of " + ", ".join(words[:WORDS_SHOWN]) + more
    problems = problems_of(load, cls, {name: "unheard_of"})
    assert [text for field, text in problems if field == name] == [message]


@each_request
def test_null_is_accepted_only_for_nullable_fields(cls):
    for name, field in wire_fields(cls).items():
        assert (name in wrong_fields(cls, {name: None})) == (type(None) not in members(field.type))


def test_absent_field_is_unset_and_not_written():
    update = load(UpdateCard, {"dueDate": None})
    assert (update.due_date, update.title, as_json(dump(update))) == (None, UNSET, {"dueDate": None})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"title": "x", "priority": "urgent"}, "priority must be one of low, medium, high"),
        ({"title": 5}, "title must be a string"),
        ({"title": None}, "title must not be null"),
        ({"title": ""}, "title must be 1 to 500 characters"),
        ({"title": " \t"}, "title must not be blank"),
        ({"title": "x", "description": "y" * 5001}, "description must be at most 5000 characters"),
        (
            {"title": "x", "dueDate": "tomorrow"},
            "dueDate must be an ISO 8601 date, or a date-time with an offset",
        ),
        ({"title": "x", "labelIds": "y"}, "labelIds must be a list"),
        ({"title": "x", "labelIds": ["y", 7]}, "labelIds[1] must be a string"),
        ({"title": "x", "customFields": []}, "customFields must be an object"),
        ({"title": "x", "checklist": [{"title": "a"}, {}]}, "checklist[1].title is required"),
        ({"title": "x", "checklist": [{"title": "a", "done": 1}]}, "checklist[0].done must be true or false"),
        (
            {"title": "x", "checklist": [{"title": "a", "order": "1"}]},
            "checklist[0].order must be an integer",
        ),
        (
            {"title": "x", "checklist": [{"title": "a", "order": -1}]},
            "checklist[0].order must be 0 to 2147483647",
        ),
        ({"title": "x", "checklist": [{"title": "a"}] * 101}, "checklist must have at most 100 items"),
        ([], "the body must be an object"),
        ({"titel": "x"}, "title is required; titel is not a field of this request"),
    ],
    ids=str,
)
def test_error_message_is_one_sentence(body, message):
    with pytest.raises(Invalid) as caught:
        load(CreateCard, body)
    assert caught.value.message == message


def test_message_lists_five_problems_and_counts_the_others():
    with pytest.raises(Invalid) as caught:
        load(CreateCard, {"title": "x", **{f"a{number:03}": 1 for number in range(200)}})
    assert caught.value.message.endswith("a004 is not a field of this request; and 195 more")
    assert len(caught.value.details) == 50


def test_long_unknown_names_are_shortened_in_the_message():
    for body in ({"x" * 10_000: 1}, {"title": "t", "y" * 10_000: 1}):
        with pytest.raises(Invalid) as caught:
            load(CreateCard, body)
        assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-04-01", datetime(2026, 4, 1, tzinfo=UTC)),
        ("2026-04-01T10:30Z", datetime(2026, 4, 1, 10, 30, tzinfo=UTC)),
        ("2026-04-01t10:30:05z", datetime(2026, 4, 1, 10, 30, 5, tzinfo=UTC)),
        ("2026-04-01 10:30:05.25+02:00", datetime(2026, 4, 1, 8, 30, 5, 250_000, tzinfo=UTC)),
        ("2026-04-01T10:30:05,123456789-0130", datetime(2026, 4, 1, 12, 0, 5, 123_456, tzinfo=UTC)),
    ],
)
def test_reads_dates_and_date_times_as_moments_in_utc(text, moment):
    assert load(CreateCard, {"title": "x", "dueDate": text}).due_date == moment


@for_each(
    "text",
    [
        *("", "2026-02-30", "2026-04-01T10:30", "2026-04-01T25:00Z", "20260401", "2026-W01-1"),
        *("\uff12\uff10\uff12\uff16-04-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
        *("2026-04-01T10:30:05+99:00", "2026-04-01\n", 1_775_000_000),
    ],
)
def test_invalid_moment_raises(text):
    with pytest.raises(Invalid):
        load(CreateCard, {"title": "x", "dueDate": text})


# ------------------------------------------------------------------------------------------------- built in Python


NAIVE = datetime(2026, 4, 1)  # noqa: DTZ001 - what it means is the point
BEFORE_YEAR_1 = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))


@pytest.mark.parametrize(
    "moment", [date(2026, 4, 1), datetime(2026, 4, 1, 2, tzinfo=timezone(timedelta(hours=2)))]
)
def test_python_date_means_midnight_utc(moment):
    creation = CreateCard(title="x", due_date=moment)
    assert check(creation).due_date == datetime(2026, 4, 1, tzinfo=UTC)
    assert load(CreateCard, as_json(dump(creation))).due_date == check(creation).due_date


def test_naive_datetime_raises_with_a_remedy():
    remedy = r"due_date \(dueDate\) must have a time zone: pass tzinfo=UTC, or call \.astimezone\(\)"
    with pytest.raises(Invalid, match=remedy):
        check(CreateCard(title="x", due_date=NAIVE))


@for_each(
    "fields, field, message",
    [
        ({"title": "a\0b"}, "title", "must not contain a NUL character"),
        ({"title": "\ud800"}, "title", "must not contain half a surrogate pair"),
        ({"title": object()}, "title", "must be a value that JSON can represent"),
        ({"title": b"x"}, "title", "must be a value that JSON can represent"),
        ({"label_ids": ["a", {"b"}]}, "labelIds[1]", "must be a value that JSON can represent"),
        ({"custom_fields": {"f": float("nan")}}, "customFields.f", "must be a finite number"),
        ({"custom_fields": {"f": 2**63}}, "customFields.f", "must fit 64 bits"),
        ({"custom_fields": {1: 2}}, "customFields", "must have only strings as keys"),
        ({"custom_fields": {"\0": 2}}, "customFields", "must not have a key with a NUL character"),
        ({"due_date": BEFORE_YEAR_1}, "dueDate", "must be a moment from year 1 to 9999"),
    ],
)
def test_value_without_json_form_raises(fields, field, message):
    assert problems_of(check, CreateCard(**{"title": "x", **fields})) == [(field, message)]


def test_untyped_values_are_normalized_to_json():
    creation = CreateCard(title="x", custom_fields={"d": date(2026, 4, 1), "l": ("a", [None])})
    assert check(creation).custom_fields == {"d": "2026-04-01T00:00:00+00:00", "l": ["a", [None]]}


def nest_list(depth: int) -> list:
    nested_list: list = []
    for _ in range(depth - 1):
        nested_list = [nested_list]
    return nested_list


def test_depth_is_limited_to_64():
    # The object of the request and that of its field are two of the 64.
    deep, deeper = (CreateCard(title="x", custom_fields={"f": nest_list(depth)}) for depth in (62, 63))
    assert check(deep).custom_fields == deep.custom_fields
    assert jsonic.parse(dump(deep))
    with pytest.raises(Invalid):
        check(deeper)
    with pytest.raises(Invalid):
        jsonic.parse(dump(deeper))


def test_checked_request_is_returned_unchanged():
    creation = load(CreateCard, {"title": "x"})
    assert check(creation) is creation
    assert check(check(CreateCard(title="x"))) == creation


def test_evolved_request_is_checked_again():
    creation = attrs.evolve(load(CreateCard, {"title": "x"}), title="")
    with pytest.raises(Invalid):
        check(creation)


def test_request_is_frozen_picklable_and_comparable_but_not_hashable():
    creation = load(CreateCard, {"title": "x", "checklist": [{"title": "y"}]})
    assert pickle.loads(pickle.dumps(creation)) == creation
    assert creation != load(CreateCard, {"title": "y"})
    assert creation != "x"
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        creation.title = "y"
    with pytest.raises(TypeError):
        hash(creation)


def test_repr_hides_the_password():
    login = Login(email="user@example.com", password="secure-pass-123")
    assert repr(login) == "Login(email='user@example.com', password=…)"


def test_repr_shows_cleared_but_not_unset_fields():
    assert repr(UpdateCard(title="x", due_date=None)) == "UpdateCard(title='x', due_date=None)"


# ------------------------------------------------------------------------------------------------------- the query


def test_query_values_are_parsed_from_text():
    query = load_query(
        ListCards, [("limit", "20"), ("archived", "false"), ("dueBefore", "2026-04-01"), ("q", "5")]
    )
    assert query == ListCards(limit=20, archived=False, due_before=datetime(2026, 4, 1, tzinfo=UTC), q="5")


class Estimated(Request):
    """A request with numbers."""

    estimate: float | Unset = UNSET
    sizes: list[int] | Unset = UNSET


@for_each("number", [5.0, -0.25, 1e-7, 1.5e16, 123456.789])
def test_number_in_a_query_is_read_as_clients_send_it(number: float):
    pairs = parse_qsl(encode_query(Estimated(estimate=number, sizes=[3, -4])))
    assert load_query(Estimated, pairs) == Estimated(estimate=number, sizes=[3, -4])


@for_each("text", ["", "x", "nan", "inf", "1e999", "1_0", "0x1", "1" * 400])
def test_text_that_is_no_number_is_refused(text: str):
    with pytest.raises(Invalid, match="estimate must be a number"):
        load_query(Estimated, [("estimate", text)])


def test_list_parameter_is_repeated():
    one, other = "0" * 24 + ":high", "1" * 24 + ":"
    assert load_query(ListCards, [("customField", one)]).custom_field == [one]
    query = load_query(ListCards, [("customField", one), ("limit", "5"), ("customField", other)])
    assert query == ListCards(limit=5, custom_field=[one, other])


@for_each("text, flag", [("true", True), ("1", True), ("false", False), ("0", False)])
def test_unread_only_takes_the_published_words(text, flag):
    assert load_query(ListNotifications, [("unreadOnly", text)]).unread_only is flag


def test_default_limit_of_notifications_is_50():
    assert load_query(ListNotifications, []).limit == 50


@for_each(
    "pairs, field, message",
    [
        ([("limit", "501")], "limit", "must be 1 to 500"),
        ([("limit", "0")], "limit", "must be 1 to 500"),
        ([("limit", "1e1")], "limit", "must be an integer"),
        ([("limit", "9" * 5000)], "limit", "must be an integer"),
        ([("limit", "")], "limit", "must be an integer"),
        ([("archived", "yes")], "archived", "must be true or false"),
        ([("q", "a"), ("q", "b")], "q", "must be given once"),
        ([("nope", "a")], "nope", "is not a parameter of this request"),
        ([("q", "\0")], "q", "must not contain a NUL character"),
        ([("q", "\udc80")], "q", "must not contain half a surrogate pair"),
        ([("q", "")], "q", "must be 1 to 200 characters"),
        ([("priority", "urgent")], "priority", "must be one of low, medium, high, any"),
    ],
)
def test_invalid_query_names_the_parameter(pairs, field, message):
    assert problems_of(load_query, ListCards, pairs) == [(field, message)]


@pytest.mark.slow("tries each operation")
@for_each("cls", [cls for cls in REQUESTS if hasattr(cls, "cursor")])
@few_each
@given(data=st.data())
def test_any_query_is_accepted_or_raises_invalid(cls, data):
    names = st.sampled_from(sorted(wire_fields(cls))) | TEXTS
    pairs = data.draw(st.lists(st.tuples(names, st.text(max_size=20)), max_size=4))
    with contextlib.suppress(Invalid):
        assert isinstance(load_query(cls, pairs), cls)


# ---------------------------------------------------------------------------------------------------------- limits


@for_each(
    "cls, body, texts",
    [
        (CreateOrganization, {"name": "x", "slug": ...}, ["ab", "acme-corp", "4-2", "a" * 60, "a--b"]),
        (CreateLabel, {"name": "x", "color": ...}, ["#22c55e", "#FFFFFF"]),
        (Login, {"email": ..., "password": "x"}, ["a@" + "b" * 252]),
    ],
)
def test_text_of_the_form_of_its_field_is_accepted(cls, body, texts):
    for text in texts:
        sent = {name: text if value is ... else value for name, value in body.items()}
        assert as_json(dump(load(cls, sent))) == sent


ADDRESSES = ["plain", "a@", "@b", "a b@c.d", "a@b@c", "a" * 65 + "@b.c", "a@" + "b" * 253]


@for_each(
    "cls, name, texts, problem",
    [
        (CreateOrganization, "slug", ["", "a", "-a", "a-", "Acme", "a" * 61, "a b", "ä1", "ab\n", "a_b"], ""),
        (UpdateLabel, "color", ["22c55e", "#fff", "#22c55g", "red", "#22c55e\n"], ""),
        (Login, "email", ADDRESSES, "must be an e-mail address"),
    ],
)
def test_text_of_another_form_is_refused(cls, name, texts, problem):
    for text in texts:
        problems = problems_of(load, cls, {"name": "x", "password": "x", name: text})
        (message,) = [message for field, message in problems if field == name]
        assert message.startswith(problem)


def test_password_allows_any_characters_within_its_length():
    assert load(Login, {"email": "a@b.c", "password": "\U0001d4b3" * 128}).password == "\U0001d4b3" * 128
    assert load(Login, {"email": "a@b.c", "password": "  "}).password == "  "
    with pytest.raises(Invalid):
        load(Login, {"email": "a@b.c", "password": "x" * 129})


def test_a_text_that_may_be_empty_may_be_blank():
    assert load(UpdateCard, {"description": " "}).description == " "


def test_bulk_accepts_500_items_and_names_the_invalid_one():
    cards = [{"title": "x", "columnId": "c"}] * 500
    assert len(load(CreateCards, {"cards": cards}).cards) == 500
    with pytest.raises(Invalid, match=r"cards must have 1 to 500 items"):
        load(CreateCards, {"cards": [*cards, cards[0]]})
    invalid = wrong_fields(CreateCards, {"cards": [*cards[:-1], {"title": ""}]})
    assert invalid == ["cards[499].title", "cards[499].columnId"]


NASTY = [part * 100_000 for part in ("a", "-", "a-", "@", "a@", " ", "0", "Aa")]


TEXT_LIMITS = {
    part
    for cls in REQUESTS
    for field in wire_fields(cls).values()
    for part in members(field.type)
    if get_origin(part) is Annotated and get_args(part)[0] is str
}


@pytest.mark.parametrize("kind", sorted(TEXT_LIMITS, key=str), ids=str)
def test_checking_limits_takes_linear_time(kind):
    for text in NASTY:
        assert measure_cpu_time(lambda text=text: [limit.problem(text) for limit in checks(kind)]) < 0.05


@pytest.mark.slow("tries each character of Unicode")
def test_not_blank_pattern_equals_str_isspace():
    for letter in map(chr, range(sys.maxunicode + 1)):
        assert (re.match(NOT_BLANK, letter) is None) == letter.isspace()


def test_a_field_has_one_type_beside_none_and_unset():
    class Undecided(Request):
        what: int | str

    with pytest.raises(TypeError, match="one type"):
        load(Undecided, {"what": 1})


def test_numbers_are_finite_and_objects_keep_their_types():
    class Measured(Request):
        size: float
        by_name: dict[str, int]

    assert load(Measured, {"size": 2, "byName": {"a": 1}}) == Measured(size=2.0, by_name={"a": 1})
    invalid = wrong_fields(Measured, {"size": True, "byName": {"a": 1, "b": "2", "c" * 200: None}})
    assert invalid == ["size", "byName.b", f"byName.{'c' * 100}…"]
    with pytest.raises(Invalid):
        load(Measured, {"size": float("inf"), "byName": json.loads("{}")})


def test_only_integral_numbers_of_64_bits_are_integers():
    assert [load(UpdateCard, {"order": number}).order for number in (5.0, 5)] == [5, 5]
    for number in (5.5, True, "5", 1e300):
        with pytest.raises(Invalid, match="order must be an integer"):
            load(UpdateCard, {"order": number})


def test_length_limits_equal_the_contract():
    assert Length(1, 500) in checks(wire_fields(CreateCard)["title"].type)


class Condition(Request):
    """A word, or any of several conditions."""

    any_of: list[Condition] | Unset = UNSET
    word: str | Unset = UNSET


def test_request_can_be_recursive():
    assert load(Condition, {"anyOf": [{"word": "a"}, {"anyOf": []}]}).any_of[0].word == "a"
    assert wrong_fields(Condition, {"anyOf": [{"anyOf": [{"word": 5}]}]}) == ["anyOf[0].anyOf[0].word"]
    assert Schemas().of(Condition) == {"$ref": "#/components/schemas/Condition"}


def test_internal_defect_does_not_raise_invalid():
    class Broken(Request):
        a: int

        def __attrs_post_init__(self) -> None:
            raise RuntimeError("a defect")

    with pytest.raises(RuntimeError, match="a defect"):
        load(Broken, {"a": 1})


# -------------------------------------------------------------------------------------- a body that is one free object


class SetSizes(Request):
    """Sizes by names that the caller chooses."""

    sizes: Annotated[dict[str, int | None], Whole()]


@given(st.dictionaries(TEXTS, st.none() | INTEGERS, max_size=4))
def test_body_field_accepts_any_names(sizes):
    request = load(SetSizes, sizes)
    assert request == SetSizes(sizes=sizes) == check(SetSizes(sizes=sizes))
    assert as_json(dump(request)) == sizes


@for_each(
    "body, field, message",
    [
        ([], "", "must be an object"),
        (None, "", "must be an object"),
        ({"sizes": {}}, "sizes", "must be an integer"),
        ({"a": 1, "b": "2"}, "b", "must be an integer"),
    ],
)
def test_body_field_names_the_invalid_entry(body, field, message):
    assert problems_of(load, SetSizes, body) == [(field, message)]


def test_body_field_is_the_schema_and_the_example():
    schemas = Schemas()
    schemas.of(SetSizes)
    assert schemas.definitions["SetSizes"] == {
        "type": "object",
        "title": "SetSizes",
        "description": "Sizes by names that the caller chooses.",
        "additionalProperties": {"type": ["integer", "null"]},
    }
    assert load(SetSizes, example(SetSizes)) == SetSizes(sizes={ID: 2})


# ------------------------------------------------------------------------------------------------- much that is wrong


def test_items_of_a_too_long_list_are_not_checked():
    assert problems_of(load, CreateCards, {"cards": [{}] * 501}) == [("cards", "must have 1 to 500 items")]


def test_number_of_reported_items_is_limited():
    with pytest.raises(Invalid, match="and 995 more"):
        load(Unbounded, {"names": [1] * 5_000})


class Unbounded(Request):
    """A list of any length."""

    names: list[str]
