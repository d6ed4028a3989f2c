"""Whatever is wrong with a request is a 4xx in the error shape that says so in wire names, and nothing is changed."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest

from stellary.contract.port import RawResponse
from stellary.core.dispatch import SERVICES
from tests.security.asking import ASKINGS, place_of, send
from tests.security.bodies import OTHER_TYPES, Bad, bad_bodies, bad_queries, not_json
from tests.security.sandbox import changed
from tests.security.stage import Stage
from tests.security.table import SERVED, Row

# A form is not JSON: tests/server/test_files.py has what can be wrong with one.
WITH_BODY = [
    row
    for row in SERVED
    if row.method in ("POST", "PATCH") and not SERVICES[row.operation].endpoint.takes_file
]
WITH_QUERY = [row for row in SERVED if row.method in ("GET", "DELETE")]
ALLOWED = "OO"
REASONS = {400: "Bad Request", 415: "Unsupported Media Type"}
with_body = pytest.mark.parametrize("row", WITH_BODY, ids=lambda row: row.operation)


def request_class(row: Row) -> Any:
    return SERVICES[row.operation].endpoint.request_class


def good(stage: Stage, row: Row) -> dict[str, Any]:
    body = ASKINGS[row.operation].body
    return body(stage) if body else {}


def answered(stage: Stage, row: Row, **said: Any) -> tuple[RawResponse, list[str]]:
    """The answer to somebody who may do it, and the tables that it has changed."""
    before = stage.sandbox.dump()
    with stage.sandbox.thrown_away():
        answer = send(stage, row, ALLOWED, place_of(stage, row, ALLOWED), **said)
        return answer, changed(before, stage.sandbox.dump())


def wrong_with(answer: RawResponse, tables: list[str], status: int, bad: Bad) -> str | None:
    """What an answer to a bad request should not be like."""
    shape = orjson.loads(answer.body)
    message = shape.get("message")
    fields = [each["field"] for each in shape.get("details", ())]
    if answer.status != status:
        return f"{answer.status} {message}"
    if (shape.get("statusCode"), shape.get("error")) != (status, REASONS[status]) or not shape.get("code"):
        return f"not in the error shape: {shape}"
    if not isinstance(message, str) or not re.fullmatch(r"[^\s].{3,600}", message):
        return f"not one sentence: {message!r}"
    if bad.field and not (bad.field in fields and bad.field in message):
        return f"does not name {bad.field}: {message} {fields}"
    if tables:
        return f"has changed {tables}"
    return None


@with_body
def test_a_field_that_cannot_be_is_named(stage: Stage, row: Row):
    wrong = {}
    for bad in bad_bodies(request_class(row), good(stage, row)):
        answer, tables = answered(stage, row, body=bad.value)
        if said := wrong_with(answer, tables, 400, bad):
            wrong[bad.why, bad.field] = said
    assert wrong == {}


@with_body
def test_a_body_that_is_no_json_is_refused(stage: Stage, row: Row):
    wrong = {}
    for bad in not_json(good(stage, row)):
        answer, tables = answered(stage, row, body=bad.value)
        if said := wrong_with(answer, tables, 400, bad):
            wrong[bad.why] = said
    assert wrong == {}


@with_body
def test_a_body_of_another_type_is_refused(stage: Stage, row: Row):
    wrong = {}
    for kind in OTHER_TYPES:
        answer, tables = answered(stage, row, body=good(stage, row), content_type=kind)
        if said := wrong_with(answer, tables, 415, Bad(kind, None)):
            wrong[kind] = said
    assert wrong == {}


@pytest.mark.parametrize("row", WITH_QUERY, ids=lambda row: row.operation)
def test_a_query_that_cannot_be_is_refused(stage: Stage, row: Row):
    wrong = {}
    for bad in bad_queries(request_class(row)):
        answer, tables = answered(stage, row, query=bad.value)
        if said := wrong_with(answer, tables, 400, bad):
            wrong[bad.why] = said
    assert wrong == {}
