"""Whatever is wrong with a request is a 4xx in the error shape that says so in wire names, and nothing is changed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import orjson
import pytest

from stellary.contract.port import RawResponse
from stellary.core.api.dispatch import SERVICES
from tests.security.asking import ASKINGS, place_of, send
from tests.security.bodies import OTHER_TYPES, Bad, bad_bodies, bad_queries, not_json
from tests.security.permission_world import PermissionWorld
from tests.security.shares import share
from tests.security.table import SERVED, Row

# A form is not JSON: tests/server/test_files.py has what can be wrong with one.
WITH_BODY = [
    row
    for row in SERVED
    if row.method in ("POST", "PATCH") and not SERVICES[row.operation].endpoint.takes_file
]
WITH_QUERY = [row for row in SERVED if row.method in ("GET", "DELETE")]
Json = dict[Any, Any]
ALLOWED = "OO"
REASONS = {400: "Bad Request", 415: "Unsupported Media Type"}
with_body = pytest.mark.parametrize("row", WITH_BODY, ids=lambda row: row.operation)


def request_class(row: Row) -> Any:
    return SERVICES[row.operation].endpoint.request_class


def good(permission_world: PermissionWorld, row: Row) -> dict[str, Any]:
    body = ASKINGS[row.operation].body
    return body(permission_world) if body else {}


def wrong_answers(
    permission_world: PermissionWorld, row: Row, bad: Iterable[tuple[Bad, Json]], status: int = 400
) -> Json:
    """What the answers to bad requests should not be like, by what is wrong with the request.

    Args:
        permission_world: The world that receives the request.
        row: What is asked.
        bad: What is wrong, and how it is said.
        status: What it must be answered with.
    """
    wrong: Json = {}
    place = place_of(permission_world, row, ALLOWED)
    with permission_world.sandbox.thrown_away():
        for each, said in bad:
            if problem := wrong_with(send(permission_world, row, ALLOWED, place, **said), status, each):
                wrong[each.why, each.field] = problem
        # To look at all that there is takes longer than to ask: once for all of them.
        if tables := permission_world.sandbox.changed():
            wrong["changed"] = tables
    return wrong


def wrong_with(answer: RawResponse, status: int, bad: Bad) -> str | None:
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
    return None


@with_body
def test_a_field_that_cannot_be_is_named(permission_world: PermissionWorld, row: Row):
    bad = share(permission_world, row, bad_bodies(request_class(row), good(permission_world, row)))
    assert wrong_answers(permission_world, row, ((each, {"body": each.value}) for each in bad)) == {}


@with_body
def test_a_body_that_is_no_json_is_refused(permission_world: PermissionWorld, row: Row):
    bad = share(permission_world, row, not_json(good(permission_world, row)))
    assert wrong_answers(permission_world, row, ((each, {"body": each.value}) for each in bad)) == {}


@with_body
def test_a_body_of_another_type_is_refused(permission_world: PermissionWorld, row: Row):
    body = good(permission_world, row)
    bad = ((Bad(kind, None), {"body": body, "content_type": kind}) for kind in OTHER_TYPES)
    assert wrong_answers(permission_world, row, bad, 415) == {}


@pytest.mark.parametrize("row", WITH_QUERY, ids=lambda row: row.operation)
def test_a_query_that_cannot_be_is_refused(permission_world: PermissionWorld, row: Row):
    bad = bad_queries(request_class(row))
    assert wrong_answers(permission_world, row, ((each, {"query": each.value}) for each in bad)) == {}
