"""Every cell of the table of permissions, on both databases."""

from __future__ import annotations

from datetime import timedelta

import orjson
import pytest

from stellary.core.api.dispatch import SERVICES
from tests.security.asking import ASKINGS, place_of, send
from tests.security.permission_world import PermissionWorld
from tests.security.table import AGENTS, BOTH, NOT_APPLICABLE, PEOPLE, ROWS, SERVED, TOKENS, Row

MAKING = {
    "comments.update": ".create",
    "comments.delete": ".create",
    "attachments.delete": ".upload",
}
rows = pytest.mark.parametrize("row", SERVED, ids=lambda row: row.operation)


# What may be written of what an agent has tried though nothing was done: that it was, and what it has proposed.
NOTED = {"stellary_agents", "stellary_agent_tokens", "stellary_agent_audit", "stellary_agent_proposals"}
OUTCOMES = {"2xx": "allowed", "proposal": "proposed", "403": "refused", "404": "refused"}


def answered(permission_world: PermissionWorld, row: Row, persona: str, whose: str | None = None) -> str:
    """What an answer is in the words of the table; a refusal that has changed something says what."""
    place = place_of(permission_world, row, persona, whose)
    with permission_world.sandbox.thrown_away():
        answer = send(permission_world, row, persona, place)
        if answer.status < 300:
            return "2xx"
        assert orjson.loads(answer.body)["statusCode"] == answer.status
        return " and changed ".join([str(answer.status), *permission_world.sandbox.changed()])


def answered_to_agent(permission_world: PermissionWorld, row: Row, persona: str) -> str:
    """The same of an agent; with what else was done, and what was noted of it, if that is not as it should be."""
    with permission_world.sandbox.thrown_away():
        answer = send(permission_world, row, persona, place_of(permission_world, row, persona))
        done = set(permission_world.sandbox.changed()) - NOTED
        word = "proposal" if answer.status == 202 else "2xx" if answer.status < 300 else str(answer.status)
        if word != "2xx" and done:
            return f"{word} and changed {done}"
        noted = permission_world.audit("ops" if persona == "AGx" else "eng")
        expected = [] if row.role == "public" else [(row.operation, OUTCOMES[word])]
        return word if noted == expected else f"{word} and noted {noted}"


@rows
def test_each_persona_is_answered_what_the_table_says(permission_world: PermissionWorld, row: Row):
    expected, found = {}, {}
    for persona in AGENTS:
        expected[persona], found[persona] = (
            row.cells[persona],
            answered_to_agent(permission_world, row, persona),
        )
    for persona in (*PEOPLE, *TOKENS):
        cell = row.cells[persona]
        if cell in BOTH:
            expected[persona] = BOTH[cell]
            found[persona] = tuple(
                answered(permission_world, row, persona, whose) for whose in ("own", "other")
            )
        elif cell != NOT_APPLICABLE:
            expected[persona] = cell
            found[persona] = answered(permission_world, row, persona)
    assert expected == found


@pytest.mark.parametrize("operation", ["comments.update", "comments.delete", "attachments.delete"])
def test_who_has_made_a_thing_may_do_what_others_may_not(permission_world: PermissionWorld, operation: str):
    row = next(row for row in SERVED if row.operation == operation)
    made = next(each for each in SERVED if each.operation == operation.partition(".")[0] + MAKING[operation])
    own = orjson.loads(send(permission_world, made, "WM", place_of(permission_world, made, "WM")).body)
    place = place_of(permission_world, row, "WM") | {row.parameters[-1]: own["id"]}
    assert send(permission_world, row, "PM", place).status == 403
    assert send(permission_world, row, "WM", place).status == 200


def test_an_invitation_can_be_accepted_once(permission_world: PermissionWorld):
    row = next(row for row in SERVED if row.operation == "invitations.accept")
    place = place_of(permission_world, row, "WM")
    assert [send(permission_world, row, "WM", place).status for _ in range(2)] == [200, 404]


def test_an_invitation_ends_after_seven_days(
    permission_world: PermissionWorld, monkeypatch: pytest.MonkeyPatch
):
    row = next(row for row in SERVED if row.operation == "invitations.accept")
    place, now = place_of(permission_world, row, "PATfull"), permission_world.core.env.clock()
    monkeypatch.setattr(permission_world.core.env, "clock", lambda: now + timedelta(days=7, minutes=1))
    assert send(permission_world, row, "PATfull", place).status == 404


def test_each_operation_that_is_served_is_in_the_table():
    missing = set(SERVICES) - {row.operation for row in ROWS}
    assert missing == set(), "decide in permissions_beyond.tsv who may"


def test_each_operation_that_is_served_is_asked_for():
    missing = set(SERVICES) - set(ASKINGS)
    assert missing == set(), "say in asking.py how they are asked for"
