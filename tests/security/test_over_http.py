"""The permission table over HTTP: a sample of its endpoints, and paths that are not found, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.security import hostile
from tests.security.good_requests import GOOD_REQUESTS, REQUEST_ID, fill_path, make_path_params, send
from tests.security.permission_world import PathParams, PermissionWorld
from tests.security.sampling import UNRESTRICTED
from tests.security.table import (
    NOT_APPLICABLE,
    OWN_AND_OTHER,
    PEOPLE,
    ROW_BY_OPERATION,
    SERVED,
    TOKENS,
    Row,
)
from tests.server.running import Reachable, Reply
from tests.support.each_case import for_each
from tests.support.shells import SHELLS

SAMPLE = list({(row.role, row.pat, row.method): row for row in reversed(SERVED)}.values())
"""One endpoint for each role, token scope and method."""


@pytest.fixture(params=SHELLS)
def server(request: pytest.FixtureRequest, permission_world: PermissionWorld) -> Iterator[Reachable]:
    """Yield each server of the API."""
    with SHELLS[request.param](permission_world.core) as server:
        yield server


def send_over_http(
    server: Reachable,
    permission_world: PermissionWorld,
    row: Row,
    persona: str,
    params: PathParams,
    path: str | None = None,
) -> Reply:
    """Send over HTTP the request that ``send`` sends in process."""
    good_request = GOOD_REQUESTS[row.operation]
    with permission_world.sandbox.discard_changes():
        return server.ask(
            row.method,
            fill_path(path or row.path, params),
            good_request.body(permission_world) if good_request.body else None,
            permission_world.bearer(persona, row),
            x_request_id=REQUEST_ID,
            **good_request.headers,
        )


@for_each("row", SAMPLE)
def test_each_persona_gets_the_answer_of_the_table_over_http(
    server: Reachable, permission_world: PermissionWorld, row: Row
):
    wrong = []
    for persona in (*PEOPLE, *TOKENS):
        cell = row.cells[persona]
        if cell != NOT_APPLICABLE:
            expected = OWN_AND_OTHER.get(cell, (cell,))[0]
            owner = "own" if cell in OWN_AND_OTHER else None
            params = make_path_params(permission_world, row, persona, owner)
            status = send_over_http(server, permission_world, row, persona, params).status
            if ("2xx" if status < 300 else str(status)) != expected:
                wrong.append(f"{persona}: {status}, not {expected}")
    assert not wrong, "\n".join(wrong)


@for_each(
    "operation", ["organizations.get", "workspaces.get", "cards.get", "comments.delete", "labels.update"]
)
def test_path_that_is_not_found_is_answered_over_http_as_in_process(
    server: Reachable, permission_world: PermissionWorld, operation: str
):
    row = ROW_BY_OPERATION[operation]
    params, different = make_path_params(permission_world, row, UNRESTRICTED), []
    for parameter in row.parameters:
        for target in (
            *hostile.make_malformed(parameter, params),
            *hostile.make_foreign(permission_world, row, parameter, params),
            hostile.make_unknown(parameter, params),
        ):
            if target.why == "very long":
                continue
            with permission_world.sandbox.discard_changes():
                expected = send(permission_world, row, UNRESTRICTED, target.params)
            answer = send_over_http(server, permission_world, row, UNRESTRICTED, target.params)
            if (answer.status, answer.body) != (expected.status, expected.body):
                different.append((parameter, target.why, answer.status, answer.body, expected.body))
    assert different == []


def test_no_path_climbs_out_of_a_workspace(server: Reachable, permission_world: PermissionWorld):
    project = f"/orgs/acme/workspaces/eng/projects/{permission_world.here['projectId']}"
    bearer = permission_world.world.bearer(permission_world.people[UNRESTRICTED])
    for tail in ("/../../../../abroad/workspaces/lab", "/%2e%2e/%2e%2e/ops", "/..", "//", "/", "/%2e"):
        assert server.ask("GET", project + tail, None, bearer).status == 404, tail
