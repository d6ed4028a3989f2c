"""Errors: one shape, one class per status, and a parser that accepts any body of a proxy."""

import json
import pickle
from typing import Generic, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellary.contract.errors import (
    BY_STATUS,
    ApiError,
    Conflict,
    FieldProblem,
    Invalid,
    NotFound,
    ServerError,
    Unavailable,
    error_from,
)
from stellary.contract.wire import invalid
from tests.contract.strategies import JSON

T = TypeVar("T")
STATUSES = st.integers(300, 599)
HEADERS = st.dictionaries(
    st.sampled_from(["x-request-id", "retry-after", "content-type"]), st.text(max_size=20)
)


@given(STATUSES, st.binary(max_size=200), HEADERS)
def test_any_bytes_become_an_error(status, body, headers):
    error = error_from(status, body, headers)
    assert (error.status, bool(error.message), bool(str(error))) == (status, True, True)


SHAPES = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("statusCode", "message", "error", "code", "details", "requestId"), JSON)
)


@given(STATUSES, SHAPES | JSON)
def test_any_json_body_becomes_an_error(status, body):
    error = error_from(status, json.dumps(body).encode(), {})
    assert isinstance(error, ApiError)
    assert isinstance(error.message, str)
    assert isinstance(error.code, str)
    assert all(isinstance(problem.field, str) for problem in error.details)


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b"1" * 10_000, "{}".encode("utf-16"), b"\xff\xfe\x00"], ids=range(4)
)
def test_unparseable_body_becomes_an_error(body):
    assert error_from(502, body, {}).message == "the server gave no reason"


@pytest.mark.parametrize("kind", BY_STATUS.values(), ids=lambda kind: kind.__name__)
def test_error_round_trips_between_core_and_client(kind):
    raised = kind("Card not found", code="gone", details=[FieldProblem("cardId", "is unknown")])
    parsed = error_from(raised.status, json.dumps(raised.to_body("req_1")).encode(), {})
    assert type(parsed) is kind
    assert parsed.to_body("req_1") == raised.to_body("req_1")
    assert parsed.request_id == "req_1"


class OutOfStock(Conflict):
    """An error of a program, in the form that it has had from the beginning."""

    status = 422
    default_code = "out_of_stock"


class SoldOut(OutOfStock):
    """An error without a status of its own."""


class Named:
    """A base class whose subclasses give a name."""

    names: tuple[str, ...] = ()

    def __init_subclass__(cls, *, name, **options):
        super().__init_subclass__(**options)
        cls.names = (*cls.names, name)


@pytest.mark.parametrize("kind", [OutOfStock, SoldOut], ids=lambda kind: kind.__name__)
def test_subclass_of_a_program_has_its_own_status_and_code(kind):
    for error in (kind("None left"), pickle.loads(pickle.dumps(kind("None left")))):
        assert (type(error), error.message) == (kind, "None left")
        assert (error.status, error.code) == (422, "out_of_stock")


def test_subclass_of_a_program_can_have_further_base_classes():
    class Missing(NotFound, Named, Generic[T], name="missing"):
        pass

    class MissingCard(Missing[int], code="missing_card", name="card"):
        pass

    assert (Missing.names, MissingCard.names) == (("missing",), ("missing", "card"))
    assert (MissingCard("x").status, MissingCard("x").code) == (404, "missing_card")


def test_unknown_status_has_the_class_of_its_range():
    assert type(error_from(418, b"", {})) is ApiError
    assert type(error_from(599, b"", {})) is ServerError
    assert isinstance(error_from(503, b"", {}), Unavailable)
    assert error_from(599, b"", {}).reason == "Error"


def test_error_body_has_the_published_shape():
    shape = {"statusCode": 404, "message": "Card not found", "error": "Not Found", "code": "not_found"}
    assert NotFound("Card not found").to_body() == shape


def test_error_body_names_fields_and_request():
    body = Invalid("title is required", details=[FieldProblem("title", "is required")]).to_body("req_1")
    assert body["details"] == [{"field": "title", "message": "is required"}]
    assert body["requestId"] == "req_1"


def test_a_list_of_messages_is_one_sentence():
    error = error_from(400, b'{"message": ["a must be b", "c is required"]}', {})
    assert error.message == "a must be b; c is required"


def test_request_id_of_the_header_takes_precedence():
    assert error_from(400, b'{"requestId": "body"}', {"x-request-id": "header"}).request_id == "header"


def test_text_of_an_error_has_request_and_retries():
    error = Conflict("the slug is taken")
    assert str(error) == "409 Conflict: the slug is taken"
    error.method, error.path, error.request_id, error.retries = "POST", "/organizations", "req_1", 1
    assert str(error) == "409 Conflict: the slug is taken (POST /organizations, request req_1, after 1 retry)"
    error.retries = 2
    assert str(error).endswith("after 2 retries)")


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("dueDate", "due_date (dueDate)"),
        ("action.params.targetColumn", "action.params.targetColumn"),
        ("cards[0].dueDate", "due_date (cards[0].dueDate)"),
    ],
)
def test_text_names_fields_as_in_python_but_params_of_actions_as_they_are(field: str, name: str):
    error = invalid((field, "is wrong"), ("title", "is required"))
    assert str(error) == f"400 Bad Request: {name} is wrong; title is required"
    assert error.message == f"{field} is wrong; title is required"
    assert error.details[0].field == field
