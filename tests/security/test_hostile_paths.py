"""Whatever in a path is not there, or not there for the caller, is answered as what never was: to the byte."""

from __future__ import annotations

import pytest

from tests.security import hostile
from tests.security.asking import place_of, send
from tests.security.hostile import Nowhere
from tests.security.permission_world import PermissionWorld
from tests.security.shares import THOROUGH, personas, share
from tests.security.table import SERVED, Row

ASKED = [row for row in SERVED if row.parameters]
rows = pytest.mark.parametrize("row", ASKED, ids=lambda row: row.operation)


def variants(permission_world: PermissionWorld, row: Row, persona: str, parameter: str):
    place = place_of(permission_world, row, persona)
    malformed = list(hostile.malformed(parameter, place))
    elsewhere = list(hostile.elsewhere(permission_world, row, parameter, place))
    if row.by_token(persona) or row.expected(persona) == 401:
        # Refused before anything is looked up.
        return malformed[:1] + elsewhere[:2]
    if row.role == "self_obj":
        elsewhere.append(
            Nowhere(parameter, "somebody else's", place_of(permission_world, row, persona, "other"))
        )
    # How a malformed id is read does not depend on the caller: one for whom nothing else is in the way stands for all.
    return (share(permission_world, row, malformed) if persona == THOROUGH else malformed[:1]) + elsewhere


def status_and_bytes(
    permission_world: PermissionWorld, row: Row, persona: str, nowhere: Nowhere
) -> tuple[int, bytes]:
    answer = send(permission_world, row, persona, nowhere.place, path=nowhere.path)
    return answer.status, answer.body


@rows
def test_what_is_not_there_is_answered_as_what_never_was(permission_world: PermissionWorld, row: Row):
    told_apart = []
    for persona in personas(permission_world, row):
        for parameter in row.parameters:
            never = hostile.unknown(row, parameter, place_of(permission_world, row, persona))
            expected = status_and_bytes(permission_world, row, persona, never)
            status = row.expected_of_unknown(persona, parameter)
            if expected[0] != status:
                told_apart.append((persona, parameter, "unknown", expected, status))
            for nowhere in variants(permission_world, row, persona, parameter):
                found = status_and_bytes(permission_world, row, persona, nowhere)
                if found != expected:
                    told_apart.append((persona, parameter, nowhere.why, found, expected))
    assert told_apart == []
    assert permission_world.sandbox.changed() == []


@pytest.mark.parametrize("row", [row for row in SERVED if row.below_project], ids=lambda row: row.operation)
def test_a_thing_is_not_found_below_a_project_that_is_not_its_own(
    permission_world: PermissionWorld, row: Row
):
    told_apart = []
    for persona in personas(permission_world, row):
        place = place_of(permission_world, row, persona)
        for nowhere in hostile.below_project(permission_world, row, place):
            never = hostile.unknown(row, nowhere.parameter, place)
            expected = status_and_bytes(permission_world, row, persona, never)
            found = status_and_bytes(permission_world, row, persona, nowhere)
            if found != expected:
                told_apart.append((persona, nowhere.why, found, expected))
    assert told_apart == []
