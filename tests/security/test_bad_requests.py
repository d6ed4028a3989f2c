"""A bad request returns a 4xx in the error shape that names the field in wire names, and changes nothing."""

import re
from collections.abc import Iterable
from typing import Any

import orjson
import pytest

from stellary.contract.port import RawResponse
from tests.security.bodies import OTHER_MEDIA_TYPES, Bad, make_bad_bodies, make_bad_queries, make_invalid_json
from tests.security.each_row import each_row
from tests.security.good_requests import GOOD_REQUESTS, make_path_params, send
from tests.security.permission_world import PermissionWorld
from tests.security.sampling import sample
from tests.security.table import SERVED, Row
from tests.support.core_parts import SERVICES

# Forms are not JSON: tests/server/test_files.py sends bad ones.
WITH_BODY = [
    row
    for row in SERVED
    if row.method in ("POST", "PATCH") and not SERVICES[row.operation].endpoint.takes_file
]
WITH_QUERY = [row for row in SERVED if row.method in ("GET", "DELETE")]
PERSONA = "OO"
REASONS = {400: "Bad Request", 415: "Unsupported Media Type"}


def request_class(row: Row) -> Any:
    return SERVICES[row.operation].endpoint.request_class


def make_good_body(permission_world: PermissionWorld, row: Row) -> dict[str, Any]:
    body = GOOD_REQUESTS[row.operation].body
    return body(permission_world) if body else {}


def find_problems(
    permission_world: PermissionWorld,
    row: Row,
    requests: Iterable[tuple[Bad, dict[str, Any]]],
    status: int = 400,
) -> list[str]:
    """Send bad requests; return what is wrong with the answers, and the tables that changed.

    Args:
        permission_world: The world that receives the requests.
        row: The endpoint.
        requests: What is wrong with each request, and its arguments for ``send``.
        status: The status that each answer must have.
    """
    problems = []
    params = make_path_params(permission_world, row, PERSONA)
    with permission_world.sandbox.discard_changes():
        for bad, arguments in requests:
            if problem := find_problem(
                send(permission_world, row, PERSONA, params, **arguments), status, bad
            ):
                problems.append(f"{bad.why}, {bad.field}: {problem}")
        # Once for all requests, since reading the tables takes longer than a request.
        if tables := permission_world.sandbox.find_changes():
            problems.append(f"changed {tables}")
    return problems


def find_problem(answer: RawResponse, status: int, bad: Bad) -> str | None:
    """Return what is wrong with the answer to a bad request, if anything is."""
    error = orjson.loads(answer.body)
    message = error.get("message")
    fields = [detail["field"] for detail in error.get("details", ())]
    if answer.status != status:
        return f"{answer.status} {message}"
    if (error.get("statusCode"), error.get("error")) != (status, REASONS[status]) or not error.get("code"):
        return f"not in the error shape: {error}"
    if not isinstance(message, str) or not re.fullmatch(r"[^\s].{3,600}", message):
        return f"not one sentence: {message!r}"
    if bad.field and not (bad.field in fields and bad.field in message):
        return f"does not name {bad.field}: {message} {fields}"
    return None


@pytest.mark.slow("sends each field of each body with bad values")
@each_row(WITH_BODY)
def test_invalid_field_is_named(permission_world: PermissionWorld, row: Row):
    body = make_good_body(permission_world, row)
    bodies = sample(permission_world, row, make_bad_bodies(request_class(row), body))
    assert find_problems(permission_world, row, ((bad, {"body": bad.value}) for bad in bodies)) == []


@each_row(WITH_BODY)
def test_body_that_is_not_json_is_refused(permission_world: PermissionWorld, row: Row):
    bodies = sample(permission_world, row, make_invalid_json(make_good_body(permission_world, row)))
    assert find_problems(permission_world, row, ((bad, {"body": bad.value}) for bad in bodies)) == []


@each_row(WITH_BODY)
def test_body_of_another_media_type_is_refused(permission_world: PermissionWorld, row: Row):
    body = make_good_body(permission_world, row)
    requests = ((Bad(media, None), {"body": body, "content_type": media}) for media in OTHER_MEDIA_TYPES)
    assert find_problems(permission_world, row, requests, 415) == []


@pytest.mark.slow("sends each parameter with bad values")
@each_row(WITH_QUERY)
def test_invalid_query_is_refused(permission_world: PermissionWorld, row: Row):
    queries = make_bad_queries(request_class(row))
    assert find_problems(permission_world, row, ((bad, {"query": bad.value}) for bad in queries)) == []


@each_row(SERVED)
def test_unknown_parameter_or_body_where_none_is_read_is_refused(permission_world: PermissionWorld, row: Row):
    if row in WITH_QUERY:
        request = Bad("a body", {"noSuchField": 1}, "noSuchField"), {"body": {"noSuchField": 1}}
    else:
        request = Bad("a parameter", None, "noSuchField"), {"query": "noSuchField=1"}
    assert find_problems(permission_world, row, [request]) == []
