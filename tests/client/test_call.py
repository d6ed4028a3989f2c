"""Requests built from the arguments of methods, and values read from responses."""

import types
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellary.client.calling.call import CallPlan, next_cursor, segment, version_tag
from stellary.client.calling.encoding import encode_body, encode_query
from stellary.client.errors import UnreadableAnswer
from stellary.client.testing import example, make
from stellary.contract import ENDPOINTS
from stellary.contract.cards import Card, CardInColumn, ChecklistEntry, ListCards
from stellary.contract.columns import Column
from stellary.contract.errors import Invalid, StellaryError
from stellary.contract.organizations import OrganizationMember
from stellary.contract.port import RawResponse
from stellary.contract.refs import ApiTokenRef
from stellary.contract.wire import dump
from tests.client.simulation import build_call, find_endpoint
from tests.support.each_case import for_each

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)


# ------------------------------------------------------------------------------------------------- paths


@given(st.text(max_size=12))
def test_a_segment_is_quoted_as_the_contract_quotes_it(text):
    def outcome(build_path):
        try:
            return build_path()
        except Invalid as error:
            return str(error)
        except UnicodeEncodeError:
            return "400 Bad Request: id must not contain half a surrogate pair"

    assert outcome(lambda: f"/api-tokens/{segment('id', text)}") == outcome(lambda: ApiTokenRef(text).path())


@pytest.mark.parametrize("text", ["", ".", ".."])
def test_segment_cannot_change_the_path(text):
    with pytest.raises(Invalid, match="project must not be"):
        segment("project_id", text)


def test_member_is_accepted_as_user_id():
    member = make(OrganizationMember)
    assert segment("user_id", member) == member.user_id


@for_each("value", [None, 3, object(), b"x"])
def test_value_without_id_raises_type_error(value):
    with pytest.raises(TypeError, match="card must be a text"):
        segment("card_id", value)


# ------------------------------------------------------------------------------------------------- bodies


def test_omitted_keyword_is_not_sent_and_none_is_null():
    arguments = CallPlan(find_endpoint("cards.update")).build_payload(title="x", due_date=None)
    assert orjson.loads(dump(arguments)) == {"title": "x", "dueDate": None}


def test_values_are_accepted_as_ids_in_a_body():
    column, member, other = make(Column), make(OrganizationMember), make(Card)
    arguments = CallPlan(find_endpoint("cards.update")).build_payload(
        column_id=column, assignee_id=member, label_ids=[other, "b"], before=other
    )
    assert orjson.loads(dump(arguments)) == {
        "columnId": column.id,
        "assigneeId": member.user_id,
        "labelIds": [other.id, "b"],
        "before": other.id,
    }


def test_a_checklist_can_be_sent_back_as_it_came():
    items = make(Card).checklist
    assert CallPlan(find_endpoint("cards.update")).build_payload(checklist=items).checklist is items


def test_value_without_json_form_raises_with_method_name():
    plan = CallPlan(find_endpoint("cards.update"))
    place = dict.fromkeys(plan.names, "x")
    with pytest.raises(TypeError, match=r"^cards\.update\(\): "):
        plan.call(place, plan.build_payload(title=object()), {}, build_call("cards.get").options)


@pytest.mark.parametrize(
    ("operation", "keywords"), [("cards.update", {"title": "\ud800"}), ("cards.list", {"q": "\ud800"})]
)
def test_lone_surrogate_raises_invalid(operation, keywords):
    plan = CallPlan(find_endpoint(operation))
    place = dict.fromkeys(plan.names, "x")
    with pytest.raises(Invalid):
        plan.call(place, plan.build_payload(**keywords), {}, build_call("cards.get").options)
    with pytest.raises(Invalid):
        segment("card_id", "\ud800")


def test_request_without_fields_has_no_body():
    request = build_call("organizations.leave").request
    assert (request.body, "content-type" in request.headers) == (b"", False)


class Scalar:
    """A scalar of numpy."""

    shape = ()

    def __init__(self, value, kind="f"):
        self.value, self.dtype = value, types.SimpleNamespace(kind=kind)

    def item(self):
        return self.value


class Timestamp(datetime):
    """A Timestamp of pandas: a datetime that formats nanoseconds."""

    def isoformat(self, *_):
        return super().isoformat() + ".123456789"


class NotATime(datetime):
    """A NaT of pandas."""

    __hash__ = datetime.__hash__

    def __ne__(self, other):
        return True


class Day(date):
    """A subclass of date."""


class Number(float):
    """A float64 of numpy."""


def send_body(operation, **keywords):
    """Build a call, and return its body."""
    plan = CallPlan(find_endpoint(operation))
    place = dict.fromkeys(plan.names, "x")
    body = plan.call(place, plan.build_payload(**keywords), {}, build_call("cards.get").options).request.body
    return orjson.loads(body)


NOON = datetime(2026, 4, 1, 12, tzinfo=timezone(timedelta(hours=2)))


@for_each(
    "value, text",
    [
        (date(2026, 4, 1), "2026-04-01"),
        (Day(2026, 4, 1), "2026-04-01"),
        (NOON, "2026-04-01T10:00:00Z"),
        (Timestamp(2026, 4, 1, 12, tzinfo=UTC), "2026-04-01T12:00:00Z"),
        (None, None),
    ],
)
def test_dates_and_their_subclasses_are_sent_in_utc(value, text):
    assert send_body("cards.update", due_date=value) == {"dueDate": text}


def test_numpy_scalars_are_sent_as_numbers_booleans_and_texts():
    values = {
        "a": Scalar(2.5),
        "b": Scalar(3, "i"),
        "c": Scalar(True, "b"),
        "d": Number(1.5),
        "e": [Scalar(1)],
    }
    body = send_body("custom_fields.set_values", values=values)
    assert body == {"a": 2.5, "b": 3, "c": True, "d": 1.5, "e": [1]}
    assert send_body("cards.update", order=Scalar(3, "i")) == {"order": 3}
    assert (
        encode_query(ListCards(archived=Scalar(False, "b"), limit=Scalar(5, "i"))) == "limit=5&archived=false"
    )


@pytest.mark.parametrize(
    "number", [float("nan"), float("inf"), Number("nan"), Scalar(float("nan"))], ids=range(4)
)
def test_nan_and_infinity_raise_instead_of_clearing_a_field(number):
    with pytest.raises(
        Invalid, match=r"^400 Bad Request: estimate must be a finite number, not (nan|inf)$"
    ) as caught:
        send_body("custom_fields.set_values", values={"estimate": number, "other": None})
    assert [detail.field for detail in caught.value.details] == ["estimate"]


@pytest.mark.parametrize(
    "moment",
    [datetime(2026, 4, 1), Timestamp(2026, 4, 1), Scalar(0, "M")],  # noqa: DTZ001 - what is meant
)
def test_naive_datetime_raises_with_a_remedy(moment):
    problem = "must have a time zone: pass tzinfo=UTC, or call .astimezone() if it is local time"
    with pytest.raises(Invalid) as caught:
        send_body("cards.update", title="x", due_date=moment, checklist=[ChecklistEntry(title="x")])
    assert caught.value.message == f"dueDate {problem}"
    with pytest.raises(Invalid) as caught:
        send_body("cards.create_many", cards=[CardInColumn(column_id="c", title="x", start_date=moment)])
    assert caught.value.message == f"cards[0].startDate {problem}"
    with pytest.raises(Invalid) as caught:
        encode_query(ListCards(due_before=moment))
    assert caught.value.message == f"dueBefore {problem}"


def test_all_invalid_values_are_reported():
    latest = datetime.max.replace(tzinfo=timezone(-timedelta(hours=2)))
    with pytest.raises(Invalid) as caught:
        send_body("cards.update", due_date=NotATime(2026, 4, 1), start_date=latest)
    assert [(detail.field, detail.message) for detail in caught.value.details] == [
        ("startDate", "must be a moment from year 1 to 9999"),
        ("dueDate", "must be a date or a time, not NaT"),
    ]


def test_recursive_value_raises_type_error():
    endless = []
    endless.append(endless)
    with pytest.raises(TypeError, match=r"^custom_fields\.set_values\(\): "):
        send_body("custom_fields.set_values", values={"a": endless})


@given(JSON)
def test_bodies_equal_the_json_of_the_contract(data):
    request = CallPlan(find_endpoint("custom_fields.set_values")).build_payload(values={"a": data})
    assert orjson.loads(encode_body(request)) == {"a": data}


# ------------------------------------------------------------------------------------------------- queries


def test_a_query_spells_booleans_dates_and_moments():
    query = ListCards(
        archived=False,
        due_before=date(2026, 4, 1),
        due_after=datetime(2026, 4, 1, 12, tzinfo=UTC),
        updated_since=datetime(2026, 4, 1, 12, tzinfo=timezone(timedelta(hours=2))),
        limit=5,
        q="a&b é",
    )
    assert encode_query(query) == (
        "limit=5&archived=false&dueBefore=2026-04-01&dueAfter=2026-04-01T12%3A00%3A00Z"
        "&q=a%26b+%C3%A9&updatedSince=2026-04-01T10%3A00%3A00Z"
    )


# ------------------------------------------------------------------------------------------------- options


@for_each(
    "version, tag",
    [
        (3, '"3"'),
        ("4", '"4"'),
        ('"3"', '"3"'),
        ('W/"3"', 'W/"3"'),
        ("*", "*"),
        (make(Card, version=7), '"7"'),
    ],
)
def test_a_version_is_quoted_as_an_etag(version, tag):
    assert version_tag(version) == tag


@for_each("version", [None, True, 1.5, "", object()])
def test_invalid_version_raises(version):
    with pytest.raises(TypeError, match="if_match"):
        version_tag(version)


def test_version_is_sent_only_with_changes():
    assert build_call("cards.update", if_match='"3"').request.headers["if-match"] == '"3"'
    assert build_call("cards.delete", if_match='"3"').request.headers["if-match"] == '"3"'
    assert "if-match" not in build_call("cards.get", if_match='"3"').request.headers
    assert "if-match" not in build_call("cards.create", if_match='"3"').request.headers


def test_idempotency_key_of_the_caller_is_sent_with_every_post_but_allows_retries_only_where_honoured():
    assert build_call("cards.create", idempotency_key="mine").request.headers["idempotency-key"] == "mine"
    call = build_call("api_tokens.create", idempotency_key="mine")
    assert (call.request.headers["idempotency-key"], call.repeatable) == ("mine", False)
    assert "idempotency-key" not in build_call("cards.update", idempotency_key="mine").request.headers


def test_headers_of_a_handle_take_precedence():
    headers = build_call(
        "cards.get", headers={"authorization": "Bearer other", "x-team": "eng"}
    ).request.headers
    assert headers == {"authorization": "Bearer other", "x-team": "eng"}


# ------------------------------------------------------------------------------------------------- answers


@given(JSON, st.sampled_from(ENDPOINTS))
def test_any_json_is_read_or_raises_unreadable_answer(data, endpoint):
    with suppress(UnreadableAnswer):
        CallPlan(endpoint).answer(RawResponse(200, {}, orjson.dumps(data)))


@given(st.binary(max_size=60), st.sampled_from(ENDPOINTS))
def test_any_bytes_are_read_or_raise_unreadable_answer(body, endpoint):
    with suppress(UnreadableAnswer):
        CallPlan(endpoint).answer(RawResponse(200, {}, body))


def test_text_that_is_not_utf_8_is_unreadable():
    with pytest.raises(UnreadableAnswer, match="cannot be read as str"):
        CallPlan(find_endpoint("time_entries.export")).answer(RawResponse(200, {}, b"\xff"))


@given(st.data())
def test_changed_response_is_read_or_raises_unreadable_answer(data):
    endpoint = data.draw(
        st.sampled_from([candidate for candidate in ENDPOINTS if not candidate.returns_file])
    )
    good = orjson.loads(dump(example(endpoint)))
    part = good[0] if isinstance(good, list) and good else good
    if not isinstance(part, dict) or not part:
        return
    part[data.draw(st.sampled_from(sorted(part)))] = data.draw(JSON)
    try:
        value = CallPlan(endpoint).answer(RawResponse(200, {}, orjson.dumps(good)))
    except UnreadableAnswer:
        return
    repr(value)


def test_too_deep_json_raises_unreadable_answer():
    with pytest.raises(StellaryError):
        CallPlan(find_endpoint("cards.get")).answer(RawResponse(200, {}, b"[" * 100_000 + b"]" * 100_000))


def test_a_list_must_be_a_list():
    with pytest.raises(UnreadableAnswer, match="a list was expected, not dict"):
        CallPlan(find_endpoint("cards.list")).answer(RawResponse(200, {}, b"{}"))


# ------------------------------------------------------------------------------------------------- pages


@for_each(
    "link, cursor",
    [
        ('</orgs/a/x?limit=2&cursor=abc>; rel="next"', "abc"),
        ("<http://host/x?cursor=a%2Bb>; rel=next", "a+b"),
        ('</x?cursor=p>; rel="prev", </x?cursor=n>; rel="next"', "n"),
        ('</x?cursor=n>; title="x"; rel="next"', "n"),
        ('</x?cursor=p>; rel="prev"', None),
        ('</x?limit=2>; rel="next"', None),
        ('<http://[/?cursor=n>; rel="next"', None),
        ("nonsense", None),
        ("", None),
    ],
)
def test_next_cursor_is_read_from_the_link_header(link, cursor):
    assert next_cursor({"link": link}) == cursor


@given(st.text())
def test_any_link_header_is_accepted(link):
    next_cursor({"link": link})
