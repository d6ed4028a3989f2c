"""The order of checks: 401, then the token's scope, then what is not there, then the role; a bad request comes last."""

from __future__ import annotations

import pytest

from tests.security import hostile
from tests.security.asking import place_of, send
from tests.security.permission_world import PermissionWorld, Place
from tests.security.shares import personas
from tests.security.table import BOTH, SERVED, Row

BAD = (b"{", b'{"noSuchField": 1}', b"[]")
rows = pytest.mark.parametrize("row", SERVED, ids=lambda row: row.operation)


def statuses(permission_world: PermissionWorld, row: Row, persona: str, place: Place) -> set[int]:
    """What bad requests are answered."""
    if row.method in ("GET", "DELETE"):
        return {send(permission_world, row, persona, place, query="noSuchParameter=1").status}
    found = {send(permission_world, row, persona, place, body=body).status for body in BAD}
    # A 415 is the 400 of bodies that are not JSON at all.
    other = send(permission_world, row, persona, place, body=b"x", content_type="text/plain").status
    return found | {400 if other == 415 else other}


@rows
def test_a_bad_request_is_told_only_to_whom_a_good_one_is_granted(
    permission_world: PermissionWorld, row: Row
):
    expected, found = {}, {}
    for persona in personas(permission_world, row):
        status = row.expected(persona)
        expected[persona] = {400 if status in (2, 409) else status}
        whose = "own" if row.cells[persona] in BOTH else None
        found[persona] = statuses(
            permission_world, row, persona, place_of(permission_world, row, persona, whose)
        )
    assert expected == found


@pytest.mark.parametrize("row", [row for row in SERVED if row.parameters], ids=lambda row: row.operation)
def test_a_bad_request_at_nothing_is_answered_as_a_good_one(permission_world: PermissionWorld, row: Row):
    expected, found = {}, {}
    for persona in personas(permission_world, row):
        for parameter in row.parameters:
            never = hostile.unknown(row, parameter, place_of(permission_world, row, persona))
            expected[persona, parameter] = {row.expected_of_unknown(persona, parameter)}
            found[persona, parameter] = statuses(permission_world, row, persona, never.place)
    assert expected == found
