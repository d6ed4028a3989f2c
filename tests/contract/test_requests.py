"""What every request class promises: it reads what it writes, tells what is wrong, and raises nothing but Invalid."""

from __future__ import annotations

import contextlib
import json
import pickle
import re
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Annotated, Literal, get_args, get_origin

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellary.contract import jsonic
from stellary.contract.api_tokens import CreateApiToken
from stellary.contract.auth import Login
from stellary.contract.cards import CreateCard, CreateCards, ListCards, UpdateCard
from stellary.contract.errors import FieldProblem, Invalid
from stellary.contract.examples import ID, example
from stellary.contract.labels import CreateLabel, UpdateLabel
from stellary.contract.limits import NOT_BLANK, Length, Whole, checks
from stellary.contract.naming import base, members, wire_fields
from stellary.contract.notifications import ListNotifications
from stellary.contract.organizations import CreateOrganization
from stellary.contract.schemas import Schemas
from stellary.contract.strict import WORDS_SHOWN
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, check, dump, load, load_query, request
from tests.contract.strategies import INTEGERS, JSON, REQUESTS, TEXTS, as_json, few_each, requests
from tests.support.cpu_time import measure_cpu_time

each_request = pytest.mark.parametrize("cls", REQUESTS, ids=lambda cls: cls.__name__)

WORDS = [
    (cls, name)
    for cls in REQUESTS
    for name, field in wire_fields(cls).items()
    if get_origin(base(field.type)) is Literal
]


def required(cls: type[Request]) -> list[str]:
    return [name for name, field in wire_fields(cls).items() if field.default is attrs.NOTHING]


def wrong_fields(cls: type[Request], said: object) -> list[str]:
    try:
        load(cls, said)
    except Invalid as error:
        return [problem.field for problem in error.details]
    return []


@each_request
@few_each
@given(data=st.data())
def test_reads_what_it_writes(cls, data):
    made = data.draw(requests(cls))
    assert load(cls, jsonic.parse(dump(made))) == made


@each_request
@few_each
@given(data=st.data())
def test_keeps_its_limits_when_built_in_python(cls, data):
    made = data.draw(requests(cls))
    assert check(made) == made


@each_request
@few_each
@given(data=JSON)
def test_takes_or_refuses_any_json(cls, data):
    with contextlib.suppress(Invalid):
        made = load(cls, data)
        assert load(cls, as_json(dump(made))) == made


@each_request
@few_each
@given(data=st.data())
def test_names_the_field_that_is_wrong(cls, data):
    said = as_json(dump(data.draw(requests(cls))))
    name = data.draw(st.sampled_from(sorted(wire_fields(cls)) or ["nothing"]))
    said[name] = data.draw(JSON)
    named = {re.split(r"[.\[]", field)[0] for field in wrong_fields(cls, said)}
    assert named in ({name}, set())


@pytest.mark.parametrize("cls", [cls for cls in REQUESTS if not cls.tolerant], ids=lambda cls: cls.__name__)
def test_refuses_what_it_does_not_know(cls):
    with pytest.raises(Invalid) as caught:
        load(cls, {"surprise": 1})
    assert FieldProblem("surprise", "is not a field of this request") in caught.value.details


@each_request
def test_asks_for_what_is_required(cls):
    if not required(cls):
        assert load(cls, {}) == cls()
        return
    with pytest.raises(Invalid) as caught:
        load(cls, {})
    assert [*caught.value.details] == [FieldProblem(name, "is required") for name in required(cls)]


@pytest.mark.parametrize(("cls", "name"), WORDS, ids=lambda part: getattr(part, "__name__", part))
def test_takes_only_words_that_it_knows(cls, name):
    with pytest.raises(Invalid) as caught:
        load(cls, {name: "unheard_of"})
    (problem,) = [problem for problem in caught.value.details if problem.field == name]
    words = get_args(base(wire_fields(cls)[name].type))
    more = f", or of {len(words) - WORDS_SHOWN} more" if len(words) > WORDS_SHOWN else ""
    assert problem.message == "must be one of " + ", ".join(words[:WORDS_SHOWN]) + more


@each_request
def test_takes_null_only_where_it_means_something(cls):
    for name, field in wire_fields(cls).items():
        assert (name in wrong_fields(cls, {name: None})) == (type(None) not in members(field.type))


def test_an_absent_field_is_neither_none_nor_written():
    made = load(UpdateCard, {"dueDate": None})
    assert (made.due_date, made.title, as_json(dump(made))) == (None, UNSET, {"dueDate": None})


@pytest.mark.parametrize(
    ("said", "message"),
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
def test_says_what_is_wrong_in_one_sentence(said, message):
    with pytest.raises(Invalid) as caught:
        load(CreateCard, said)
    assert caught.value.message == message


def test_a_sentence_tells_five_problems_and_counts_the_rest():
    with pytest.raises(Invalid) as caught:
        load(CreateCard, {"title": "x", **{f"a{number:03}": 1 for number in range(200)}})
    assert caught.value.message.endswith("a004 is not a field of this request; and 195 more")
    assert len(caught.value.details) == 50


def test_an_answer_does_not_grow_with_the_names_that_a_caller_makes_up():
    for said in ({"x" * 10_000: 1}, {"title": "t", "y" * 10_000: 1}):
        with pytest.raises(Invalid) as caught:
            load(CreateCard, said)
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


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-02-30",
        "2026-04-01T10:30",
        "2026-04-01T25:00Z",
        "20260401",
        "2026-W01-1",
        "\uff12\uff10\uff12\uff16-04-01",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-04-01T10:30:05+99:00",
        "2026-04-01\n",
        1_775_000_000,
    ],
)
def test_refuses_what_is_no_moment(text):
    with pytest.raises(Invalid):
        load(CreateCard, {"title": "x", "dueDate": text})


# ------------------------------------------------------------------------------------------------- built in Python


NAIVE = datetime(2026, 4, 1)  # noqa: DTZ001 - what it means is the point


@pytest.mark.parametrize(
    "moment", [date(2026, 4, 1), datetime(2026, 4, 1, 2, tzinfo=timezone(timedelta(hours=2)))]
)
def test_a_date_of_python_means_midnight_utc(moment):
    made = CreateCard(title="x", due_date=moment)
    assert check(made).due_date == datetime(2026, 4, 1, tzinfo=UTC)
    assert load(CreateCard, as_json(dump(made))).due_date == check(made).due_date


def test_a_naive_datetime_is_an_error_that_says_how_to_mend_it():
    with pytest.raises(
        Invalid, match=r"dueDate must have a time zone: pass tzinfo=UTC, or call \.astimezone\(\)"
    ):
        check(CreateCard(title="x", due_date=NAIVE))


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"title": "a\0b"}, FieldProblem("title", "must not contain a NUL character")),
        ({"title": "\ud800"}, FieldProblem("title", "must not contain half a surrogate pair")),
        ({"title": object()}, FieldProblem("title", "must be something that JSON has")),
        ({"title": b"x"}, FieldProblem("title", "must be something that JSON has")),
        ({"label_ids": ["a", {"b"}]}, FieldProblem("labelIds[1]", "must be something that JSON has")),
        ({"custom_fields": {"f": float("nan")}}, FieldProblem("customFields.f", "must be a finite number")),
        ({"custom_fields": {"f": 2**63}}, FieldProblem("customFields.f", "must fit 64 bits")),
        ({"custom_fields": {1: 2}}, FieldProblem("customFields", "must have names that are strings")),
        (
            {"custom_fields": {"\0": 2}},
            FieldProblem("customFields", "must not have a name with a NUL character"),
        ),
        (
            {"due_date": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))},
            FieldProblem("dueDate", "must be a moment from year 1 to 9999"),
        ),
    ],
)
def test_refuses_what_could_not_have_come_as_json(said, problem):
    with pytest.raises(Invalid) as caught:
        check(CreateCard(**{"title": "x", **said}))
    assert [*caught.value.details] == [problem]


def test_what_is_free_of_form_is_kept_as_json_would_say_it():
    made = CreateCard(title="x", custom_fields={"d": date(2026, 4, 1), "l": ("a", [None])})
    assert check(made).custom_fields == {"d": "2026-04-01T00:00:00+00:00", "l": ["a", [None]]}


def nested(depth: int) -> list:
    made: list = []
    for _ in range(depth - 1):
        made = [made]
    return made


def test_is_64_deep_at_most_however_it_came():
    # The object of the request and that of its field are two of the 64.
    deep, deeper = (CreateCard(title="x", custom_fields={"f": nested(depth)}) for depth in (62, 63))
    assert check(deep).custom_fields == deep.custom_fields
    assert jsonic.parse(dump(deep))
    with pytest.raises(Invalid):
        check(deeper)
    with pytest.raises(Invalid):
        jsonic.parse(dump(deeper))


def test_is_checked_once():
    made = load(CreateCard, {"title": "x"})
    assert check(made) is made
    assert check(check(CreateCard(title="x"))) == made


def test_is_checked_again_when_it_has_changed():
    made = attrs.evolve(load(CreateCard, {"title": "x"}), title="")
    with pytest.raises(Invalid):
        check(made)


def test_is_frozen_and_can_be_pickled_and_compared_but_not_hashed():
    made = load(CreateCard, {"title": "x", "checklist": [{"title": "y"}]})
    assert pickle.loads(pickle.dumps(made)) == made
    assert made != load(CreateCard, {"title": "y"})
    assert made != "x"
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        made.title = "y"
    with pytest.raises(TypeError):
        hash(made)


def test_never_shows_a_password():
    made = Login(email="user@example.com", password="secure-pass-123")
    assert repr(made) == "Login(email='user@example.com', password=…)"


def test_shows_what_it_clears_and_not_what_it_leaves():
    assert repr(UpdateCard(title="x", due_date=None)) == "UpdateCard(title='x', due_date=None)"


# ------------------------------------------------------------------------------------------------------- the query


def test_a_query_spells_numbers_and_booleans_in_text():
    made = load_query(
        ListCards, [("limit", "20"), ("archived", "false"), ("dueBefore", "2026-04-01"), ("q", "5")]
    )
    assert made == ListCards(limit=20, archived=False, due_before=datetime(2026, 4, 1, tzinfo=UTC), q="5")


def test_a_query_names_what_is_a_list_once_for_each_entry():
    one, other = "0" * 24 + ":high", "1" * 24 + ":"
    assert load_query(ListCards, [("customField", one)]).custom_field == [one]
    made = load_query(ListCards, [("customField", one), ("limit", "5"), ("customField", other)])
    assert made == ListCards(limit=5, custom_field=[one, other])


@pytest.mark.parametrize(("text", "flag"), [("true", True), ("1", True), ("false", False), ("0", False)])
def test_unread_only_takes_the_published_words(text, flag):
    assert load_query(ListNotifications, [("unreadOnly", text)]).unread_only is flag


def test_notifications_are_50_unless_said_otherwise():
    assert load_query(ListNotifications, []).limit == 50


@pytest.mark.parametrize(
    ("pairs", "problem"),
    [
        ([("limit", "501")], FieldProblem("limit", "must be 1 to 500")),
        ([("limit", "0")], FieldProblem("limit", "must be 1 to 500")),
        ([("limit", "1e1")], FieldProblem("limit", "must be an integer")),
        ([("limit", "9" * 5000)], FieldProblem("limit", "must be an integer")),
        ([("limit", "")], FieldProblem("limit", "must be an integer")),
        ([("archived", "yes")], FieldProblem("archived", "must be true or false")),
        ([("q", "a"), ("q", "b")], FieldProblem("q", "must be given once")),
        ([("nope", "a")], FieldProblem("nope", "is not a parameter of this request")),
        ([("q", "\0")], FieldProblem("q", "must not contain a NUL character")),
        ([("q", "\udc80")], FieldProblem("q", "must not contain half a surrogate pair")),
        ([("q", "")], FieldProblem("q", "must be 1 to 200 characters")),
        ([("priority", "urgent")], FieldProblem("priority", "must be one of low, medium, high")),
    ],
)
def test_a_query_that_is_wrong_names_the_parameter(pairs, problem):
    with pytest.raises(Invalid) as caught:
        load_query(ListCards, pairs)
    assert [*caught.value.details] == [problem]


@pytest.mark.parametrize(
    "cls", [cls for cls in REQUESTS if hasattr(cls, "cursor")], ids=lambda cls: cls.__name__
)
@few_each
@given(data=st.data())
def test_takes_or_refuses_any_query(cls, data):
    names = st.sampled_from(sorted(wire_fields(cls))) | TEXTS
    pairs = data.draw(st.lists(st.tuples(names, st.text(max_size=20)), max_size=4))
    with contextlib.suppress(Invalid):
        assert isinstance(load_query(cls, pairs), cls)


# ---------------------------------------------------------------------------------------------------------- limits


@pytest.mark.parametrize("slug", ["ab", "acme-corp", "4-2", "a" * 60, "a--b"])
def test_a_slug_is_2_to_60_letters_digits_and_hyphens(slug):
    assert load(CreateOrganization, {"name": "x", "slug": slug}).slug == slug


@pytest.mark.parametrize("slug", ["", "a", "-a", "a-", "Acme", "a" * 61, "a b", "ä1", "ab\n", "a_b"])
def test_a_slug_is_nothing_else(slug):
    with pytest.raises(Invalid):
        load(CreateOrganization, {"name": "x", "slug": slug})


@pytest.mark.parametrize("color", ["#22c55e", "#FFFFFF"])
def test_a_colour_is_six_hex_digits(color):
    assert load(CreateLabel, {"name": "x", "color": color}).color == color


@pytest.mark.parametrize("color", ["22c55e", "#fff", "#22c55g", "red", "#22c55e\n"])
def test_a_colour_is_nothing_else(color):
    with pytest.raises(Invalid):
        load(UpdateLabel, {"color": color})


@pytest.mark.parametrize(
    "email", ["plain", "a@", "@b", "a b@c.d", "a@b@c", "a" * 65 + "@b.c", "a@" + "b" * 253]
)
def test_an_address_without_its_parts_is_none(email):
    with pytest.raises(Invalid) as caught:
        load(Login, {"email": email, "password": "x"})
    assert caught.value.message == "email must be an e-mail address"


def test_a_password_may_be_of_any_characters_but_is_as_long_as_it_is():
    assert load(Login, {"email": "a@b.c", "password": "\U0001d4b3" * 128}).password == "\U0001d4b3" * 128
    assert load(Login, {"email": "a@b.c", "password": "  "}).password == "  "
    with pytest.raises(Invalid):
        load(Login, {"email": "a@b.c", "password": "x" * 129})


def test_a_text_that_may_be_empty_may_be_blank():
    assert load(UpdateCard, {"description": " "}).description == " "


def test_scopes_are_named_one_by_one():
    with pytest.raises(Invalid) as caught:
        load(CreateApiToken, {"name": "CI", "scopes": ["projects:read", "everything"]})
    assert [problem.field for problem in caught.value.details] == ["scopes[1]"]


def test_bulk_takes_500_and_names_the_item_that_is_wrong():
    cards = [{"title": "x", "columnId": "c"}] * 500
    assert len(load(CreateCards, {"cards": cards}).cards) == 500
    with pytest.raises(Invalid, match=r"cards must have 1 to 500 items"):
        load(CreateCards, {"cards": [*cards, cards[0]]})
    with pytest.raises(Invalid) as caught:
        load(CreateCards, {"cards": [*cards[:-1], {"title": ""}]})
    assert [problem.field for problem in caught.value.details] == ["cards[499].title", "cards[499].columnId"]


NASTY = [
    "a" * 100_000,
    "-" * 100_000,
    "a-" * 50_000,
    "@" * 100_000,
    "a@" * 50_000,
    " " * 100_000,
    "0" * 100_000,
    "Aa" * 50_000,
]


TEXT_LIMITS = {
    part
    for cls in REQUESTS
    for field in wire_fields(cls).values()
    for part in members(field.type)
    if get_origin(part) is Annotated and get_args(part)[0] is str
}


@pytest.mark.parametrize("kind", sorted(TEXT_LIMITS, key=str), ids=str)
def test_limits_take_no_longer_than_their_text_is_long(kind):
    for text in NASTY:
        assert measure_cpu_time(lambda text=text: [limit.problem(text) for limit in checks(kind)]) < 0.05


def test_the_pattern_of_what_is_not_blank_is_what_is_not_white_space():
    assert all(
        (re.match(NOT_BLANK, chr(each)) is None) == chr(each).isspace() for each in range(sys.maxunicode + 1)
    )


def test_a_field_has_one_type_beside_none_and_unset():
    @request
    class Undecided(Request):
        what: int | str

    with pytest.raises(TypeError, match="one type"):
        load(Undecided, {"what": 1})


def test_numbers_are_finite_and_objects_keep_their_types():
    @request
    class Measured(Request):
        size: float
        by_name: dict[str, int]

    assert load(Measured, {"size": 2, "byName": {"a": 1}}) == Measured(size=2.0, by_name={"a": 1})
    with pytest.raises(Invalid) as caught:
        load(Measured, {"size": True, "byName": {"a": 1, "b": "2", "c" * 200: None}})
    assert [problem.field for problem in caught.value.details] == [
        "size",
        "byName.b",
        "byName." + "c" * 100 + "…",
    ]
    with pytest.raises(Invalid):
        load(Measured, {"size": float("inf"), "byName": json.loads("{}")})


@pytest.mark.parametrize("number", [5.0, 5])
def test_a_whole_number_is_an_integer_however_it_is_spelled(number):
    assert load(UpdateCard, {"order": number}).order == 5


@pytest.mark.parametrize("number", [5.5, True, "5", 1e300])
def test_what_is_no_whole_number_of_64_bits_is_no_integer(number):
    with pytest.raises(Invalid, match="order must be an integer"):
        load(UpdateCard, {"order": number})


def test_length_of_a_field_is_what_the_contract_says():
    assert Length(1, 500) in checks(wire_fields(CreateCard)["title"].type)


@request
class Condition(Request):
    """A word, or any of several conditions."""

    any_of: list[Condition] | Unset = UNSET
    word: str | Unset = UNSET


def test_a_request_may_have_itself_for_a_part():
    assert load(Condition, {"anyOf": [{"word": "a"}, {"anyOf": []}]}).any_of[0].word == "a"
    assert wrong_fields(Condition, {"anyOf": [{"anyOf": [{"word": 5}]}]}) == ["anyOf[0].anyOf[0].word"]
    assert Schemas().of(Condition) == {"$ref": "#/components/schemas/Condition"}


def test_a_defect_is_not_told_as_if_the_caller_were_wrong():
    @request
    class Broken(Request):
        a: int

        def __attrs_post_init__(self) -> None:
            raise RuntimeError("a defect")

    with pytest.raises(RuntimeError, match="a defect"):
        load(Broken, {"a": 1})


# -------------------------------------------------------------------------------------- a body that is one free object


@request
class SetSizes(Request):
    """Sizes by names that the caller makes up."""

    sizes: Annotated[dict[str, int | None], Whole()]


@given(st.dictionaries(TEXTS, st.none() | INTEGERS, max_size=4))
def test_a_field_that_is_the_whole_body_takes_any_name(said):
    made = load(SetSizes, said)
    assert made == SetSizes(sizes=said) == check(SetSizes(sizes=said))
    assert as_json(dump(made)) == said


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ([], FieldProblem("", "must be an object")),
        (None, FieldProblem("", "must be an object")),
        ({"sizes": {}}, FieldProblem("sizes", "must be an integer")),
        ({"a": 1, "b": "2"}, FieldProblem("b", "must be an integer")),
    ],
)
def test_a_field_that_is_the_whole_body_names_the_entry_that_is_wrong(said, problem):
    with pytest.raises(Invalid) as caught:
        load(SetSizes, said)
    assert [*caught.value.details] == [problem]


def test_a_field_that_is_the_whole_body_is_the_schema_and_the_example():
    schemas = Schemas()
    schemas.of(SetSizes)
    assert schemas.made["SetSizes"] == {
        "type": "object",
        "title": "SetSizes",
        "description": "Sizes by names that the caller makes up.",
        "additionalProperties": {"type": ["integer", "null"]},
    }
    assert load(SetSizes, example(SetSizes)) == SetSizes(sizes={ID: 2})


# ------------------------------------------------------------------------------------------------- much that is wrong


def test_a_list_that_is_too_long_is_not_looked_through():
    with pytest.raises(Invalid) as caught:
        load(CreateCards, {"cards": [{}] * 501})
    assert [each.message for each in caught.value.details] == ["must have 1 to 500 items"]


def test_no_more_is_told_of_a_list_than_anybody_reads():
    with pytest.raises(Invalid, match="and 995 more"):
        load(Unbounded, {"names": [1] * 5_000})


@request
class Unbounded(Request):
    """A list of any length."""

    names: list[str]
