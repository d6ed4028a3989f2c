"""What holds in process holds over HTTP: a sample of the table, and the paths that lead nowhere, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.security import hostile
from tests.security.asking import ASKINGS, REQUEST_ID, filled, place_of, send
from tests.security.permission_world import PermissionWorld, Place
from tests.security.table import BOTH, NOT_APPLICABLE, PEOPLE, SERVED, TOKENS, Row
from tests.server.running import WITHOUT_JOBS, Reply, Running, running

# One endpoint of each kind that the table knows.
SAMPLE = list({(row.role, row.pat, row.method): row for row in reversed(SERVED)}.values())
THOROUGH = "OO"


@pytest.fixture
def server(permission_world: PermissionWorld) -> Iterator[Running]:
    with running(permission_world.core, WITHOUT_JOBS) as server:
        yield server


def asked(
    server: Running,
    permission_world: PermissionWorld,
    row: Row,
    persona: str,
    place: Place,
    path: str | None = None,
) -> Reply:
    """The answer over HTTP to the request that ``send`` sends in process."""
    asking = ASKINGS[row.operation]
    with permission_world.sandbox.thrown_away():
        return server.ask(
            row.method,
            filled(path or row.path, place),
            asking.body(permission_world) if asking.body else None,
            permission_world.bearer(persona, row),
            x_request_id=REQUEST_ID,
            **asking.headers,
        )


@pytest.mark.parametrize("row", SAMPLE, ids=lambda row: row.operation)
def test_each_persona_is_answered_over_http_what_the_table_says(
    server: Running, permission_world: PermissionWorld, row: Row
):
    expected, found = {}, {}
    for persona in (*PEOPLE, *TOKENS):
        cell = row.cells[persona]
        if cell != NOT_APPLICABLE:
            expected[persona] = BOTH.get(cell, (cell,))[0]
            place = place_of(permission_world, row, persona, "own" if cell in BOTH else None)
            status = asked(server, permission_world, row, persona, place).status
            found[persona] = "2xx" if status < 300 else str(status)
    assert expected == found


@pytest.mark.parametrize(
    "operation", ["organizations.get", "workspaces.get", "cards.get", "comments.delete", "labels.update"]
)
def test_a_path_that_leads_nowhere_is_answered_over_http_as_in_process(
    server: Running, permission_world: PermissionWorld, operation: str
):
    row = next(row for row in SERVED if row.operation == operation)
    place, told_apart = place_of(permission_world, row, THOROUGH), []
    for parameter in row.parameters:
        for nowhere in (
            *hostile.malformed(parameter, place),
            *hostile.elsewhere(permission_world, row, parameter, place),
            hostile.unknown(row, parameter, place),
        ):
            if nowhere.why == "very long":
                continue
            with permission_world.sandbox.thrown_away():
                expected = send(permission_world, row, THOROUGH, nowhere.place)
            found = asked(server, permission_world, row, THOROUGH, nowhere.place)
            if (found.status, found.body) != (expected.status, expected.body):
                told_apart.append((parameter, nowhere.why, found.status, found.body, expected.body))
    assert told_apart == []


def test_no_path_climbs_out_of_a_workspace(server: Running, permission_world: PermissionWorld):
    project = f"/orgs/acme/workspaces/eng/projects/{permission_world.here['projectId']}"
    bearer = permission_world.world.bearer(permission_world.people[THOROUGH])
    for tail in ("/../../../../abroad/workspaces/lab", "/%2e%2e/%2e%2e/ops", "/..", "//", "/", "/%2e"):
        assert server.ask("GET", project + tail, None, bearer).status == 404, tail
