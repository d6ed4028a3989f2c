"""The order of checks: 401, the token's scope, 404, the role; 400 comes last, beside the version."""

import pytest

from tests.security import hostile
from tests.security.each_row import each_row
from tests.security.good_requests import make_path_params, send
from tests.security.permission_world import PathParams, PermissionWorld
from tests.security.sampling import UNRESTRICTED, sample_personas
from tests.security.table import OWN_AND_OTHER, PEOPLE, SERVED, Row

BAD_BODIES = (b"{", b'{"noSuchField": 1}', b"[]")
VERSIONED = {
    *("activity.undo", "cards.delete", "cards.update", "custom_fields.set_values", "documents.delete"),
    *("cards.transfer", "documents.transfer"),
    *("documents.review", "documents.submit_review", "documents.update", "project_drafts.delete"),
    "project_drafts.edit_roadmap",
    *("projects.delete", "projects.update"),
}
"""The operations that take the version of an item in ``If-Match``."""


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
def test_bad_request_for_an_unknown_item_is_answered_like_a_good_one(permission_world, row):
    wrong = []
    for persona in sample_personas(permission_world, row):
        for parameter in row.parameters:
            unknown = hostile.make_unknown(parameter, make_path_params(permission_world, row, persona))
            expected = {row.expected_status_of_unknown(persona, parameter)}
            statuses = send_bad_requests(permission_world, row, persona, unknown.params)
            if statuses != expected:
                wrong.append(f"{persona}, {parameter}: {statuses}, not {expected}")
    assert not wrong, "\n".join(wrong)


@each_row(row for row in SERVED if row.method != "GET")
def test_version_that_the_caller_has_not_seen_is_left_unchanged(permission_world: PermissionWorld, row: Row):
    personas = [name for name in PEOPLE if row.expected_status(name) == 2]
    persona = personas[0] if personas else UNRESTRICTED
    params = make_path_params(permission_world, row, persona)
    with permission_world.sandbox.discard_changes():
        status = send(permission_world, row, persona, params, if_match='"99999"').status
        assert (status == 412) == (row.operation in VERSIONED)
        assert status != 412 or permission_world.sandbox.find_changes() == []
