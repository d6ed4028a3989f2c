"""The order of checks: 401, the token's scope, 404, the role; 400 comes last."""

from __future__ import annotations

import pytest

from tests.security import hostile
from tests.security.each_row import each_row
from tests.security.good_requests import make_path_params, send
from tests.security.permission_world import PathParams, PermissionWorld
from tests.security.sampling import sample_personas
from tests.security.table import OWN_AND_OTHER, SERVED, Row

BAD_BODIES = (b"{", b'{"noSuchField": 1}', b"[]")


def send_bad_requests(
    permission_world: PermissionWorld, row: Row, persona: str, params: PathParams
) -> set[int]:
    """Return the statuses of the answers to bad requests."""
    if row.method in ("GET", "DELETE"):
        return {send(permission_world, row, persona, params, query="noSuchParameter=1").status}
    statuses = {send(permission_world, row, persona, params, body=body).status for body in BAD_BODIES}
    # 415 is the 400 of bodies that are not JSON at all.
    status = send(permission_world, row, persona, params, body=b"x", content_type="text/plain").status
    return statuses | {400 if status == 415 else status}


@pytest.mark.slow("calls each endpoint with several paths")
@each_row(SERVED)
def test_bad_request_returns_400_only_where_a_good_one_succeeds(permission_world: PermissionWorld, row: Row):
    wrong = []
    for persona in sample_personas(permission_world, row):
        status = row.expected_status(persona)
        expected = {400 if status in (2, 409) else status}
        owner = "own" if row.cells[persona] in OWN_AND_OTHER else None
        params = make_path_params(permission_world, row, persona, owner)
        statuses = send_bad_requests(permission_world, row, persona, params)
        if statuses != expected:
            wrong.append(f"{persona}: {statuses}, not {expected}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow("calls each endpoint with several paths")
@each_row(row for row in SERVED if row.parameters)
def test_bad_request_for_an_unknown_item_is_answered_like_a_good_one(
    permission_world: PermissionWorld, row: Row
):
    wrong = []
    for persona in sample_personas(permission_world, row):
        for parameter in row.parameters:
            unknown = hostile.make_unknown(parameter, make_path_params(permission_world, row, persona))
            expected = {row.expected_status_of_unknown(persona, parameter)}
            statuses = send_bad_requests(permission_world, row, persona, unknown.params)
            if statuses != expected:
                wrong.append(f"{persona}, {parameter}: {statuses}, not {expected}")
    assert not wrong, "\n".join(wrong)
