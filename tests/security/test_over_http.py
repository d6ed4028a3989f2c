"""Paths that are not found over HTTP: the answers are those in process, byte for byte."""

from collections.abc import Callable, Iterator

import pytest

from tests.security import hostile
from tests.security.good_requests import make_path_params, send
from tests.security.permission_world import PermissionWorld
from tests.security.sampling import UNRESTRICTED
from tests.security.table import (
    ROW_BY_OPERATION,
)
from tests.server.running import Reachable, Reply
from tests.support.each_case import for_each
from tests.support.shells import SHELLS


@pytest.fixture(params=SHELLS)
def server(request: pytest.FixtureRequest, permission_world: PermissionWorld) -> Iterator[Reachable]:
    """Yield each server of the API."""
    with SHELLS[request.param](permission_world.core) as server:
        yield server


def call_over_http(server: Reachable) -> Callable[..., Reply]:
    """Return a function that sends requests as ``World.call`` does, over HTTP."""
    return lambda token, method, path, body, **headers: server.ask(method, path, body, token, **headers)


@pytest.mark.slow("calls each endpoint over each shell")
@for_each(
    "operation", ["organizations.get", "workspaces.get", "cards.get", "comments.delete", "labels.update"]
)
def test_path_that_is_not_found_is_answered_over_http_as_in_process(server, permission_world, operation):
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
            with permission_world.sandbox.discard_changes():
                answer = send(permission_world, row, UNRESTRICTED, target.params, call=call_over_http(server))
            if (answer.status, answer.body) != (expected.status, expected.body):
                different.append((parameter, target.why, answer.status, answer.body, expected.body))
    assert different == []


def test_no_path_climbs_out_of_a_workspace(server: Reachable, permission_world: PermissionWorld):
    project = f"/orgs/acme/workspaces/eng/projects/{permission_world.here['projectId']}"
    bearer = permission_world.world.bearer(permission_world.people[UNRESTRICTED])
    for tail in ("/../../../../abroad/workspaces/lab", "/%2e%2e/%2e%2e/ops", "/..", "//", "/", "/%2e"):
        assert server.ask("GET", project + tail, None, bearer).status == 404, tail
