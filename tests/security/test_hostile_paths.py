"""A path to an item that does not exist, or not for the caller, gets the bytes that an unknown item gets."""

import orjson
import pytest

from tests.security import hostile
from tests.security.each_row import each_row
from tests.security.good_requests import make_path_params, send
from tests.security.hostile import NotFoundPath
from tests.security.permission_world import PermissionWorld
from tests.security.sampling import UNRESTRICTED, sample, sample_personas
from tests.security.table import ROW_BY_OPERATION, SERVED, Row


def make_variants(
    permission_world: PermissionWorld, row: Row, persona: str, parameter: str
) -> list[NotFoundPath]:
    """Return the paths that a persona tries: with a malformed id, and with an id from elsewhere."""
    params = make_path_params(permission_world, row, persona)
    malformed = list(hostile.make_malformed(parameter, params))
    foreign = list(hostile.make_foreign(permission_world, row, parameter, params))
    if row.is_refused_by_token(persona) or row.expected_status(persona) == 401:
        # The request is refused before anything is looked up.
        return malformed[:1] + foreign[:2]
    if row.role == "self_obj":
        params = make_path_params(permission_world, row, persona, "other")
        foreign.append(NotFoundPath(parameter, "of another user", params))
    # Parsing an id does not depend on the caller, so one persona tries all malformed ids.
    return (sample(permission_world, row, malformed) if persona == UNRESTRICTED else malformed[:1]) + foreign


def send_to(
    permission_world: PermissionWorld, row: Row, persona: str, target: NotFoundPath
) -> tuple[int, bytes]:
    """Return the status and the body of the answer."""
    answer = send(permission_world, row, persona, target.params, path=target.path)
    return answer.status, answer.body


@pytest.mark.slow("calls each endpoint with several paths")
@each_row(row for row in SERVED if row.parameters)
def test_missing_and_foreign_items_are_answered_like_unknown_ones(permission_world, row):
    different = []
    for persona in sample_personas(permission_world, row):
        for parameter in row.parameters:
            unknown = hostile.make_unknown(parameter, make_path_params(permission_world, row, persona))
            expected = send_to(permission_world, row, persona, unknown)
            status = row.expected_status_of_unknown(persona, parameter)
            if expected[0] != status:
                different.append((persona, parameter, "unknown", expected, status))
            for target in make_variants(permission_world, row, persona, parameter):
                answer = send_to(permission_world, row, persona, target)
                if answer != expected:
                    different.append((persona, parameter, target.why, answer, expected))
    assert different == []
    assert permission_world.sandbox.find_changes() == []


@each_row(row for row in SERVED if "cardId" in row.parameters)
def test_key_of_a_card_stands_for_its_id(permission_world: PermissionWorld, row: Row):
    params = make_path_params(permission_world, row, UNRESTRICTED)
    card = send(permission_world, ROW_BY_OPERATION["cards.get"], UNRESTRICTED, permission_world.here | params)
    key = orjson.loads(card.body)["key"]
    answers = []
    for card_id in (params["cardId"], key):
        with permission_world.sandbox.discard_changes():
            answers.append(send(permission_world, row, UNRESTRICTED, params | {"cardId": card_id}))
    by_id, by_key = answers
    assert by_key.status == by_id.status < 300
    assert row.method != "GET" or by_key.body == by_id.body


@each_row(row for row in SERVED if row.nested_path)
def test_item_is_not_found_below_another_project(permission_world: PermissionWorld, row: Row):
    different = []
    for persona in sample_personas(permission_world, row):
        params = make_path_params(permission_world, row, persona)
        for target in hostile.make_nested(permission_world, row, params):
            expected = send_to(permission_world, row, persona, hostile.make_unknown(target.parameter, params))
            answer = send_to(permission_world, row, persona, target)
            if answer != expected:
                different.append((persona, target.why, answer, expected))
    assert different == []
