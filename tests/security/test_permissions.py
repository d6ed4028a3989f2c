"""Every cell of the permission table, on both databases."""

from __future__ import annotations

from datetime import timedelta

import orjson
import pytest

from stellary.core.api.dispatch import SERVICES
from tests.security.each_row import each_row
from tests.security.good_requests import GOOD_REQUESTS, make_path_params, send
from tests.security.permission_world import PermissionWorld
from tests.security.table import (
    AGENTS,
    NOT_APPLICABLE,
    OWN_AND_OTHER,
    PEOPLE,
    ROW_BY_OPERATION,
    ROWS,
    SERVED,
    TOKENS,
    Row,
)

AUTHORED_BY = {
    "comments.update": "comments.create",
    "comments.delete": "comments.create",
    "attachments.delete": "attachments.upload",
    "imports.delete": "imports.create",
}
"""By operations that the author of an item may call: the operation that creates the item."""

AGENT_RECORDS = {
    "stellary_agents",
    "stellary_agent_tokens",
    "stellary_agent_audit",
    "stellary_agent_proposals",
}
"""Tables that may change when an agent's request is refused: they record the attempt, and what it proposed."""
PROPOSAL_RECORDS = AGENT_RECORDS | {"stellary_activities"}
"""Tables that may change when an agent's request becomes a proposal, whose creation is an activity."""
OUTCOMES = {"2xx": "allowed", "proposal": "proposed", "403": "refused", "404": "refused"}


def call(permission_world: PermissionWorld, row: Row, persona: str, owner: str | None = None) -> str:
    """Return the answer to a good request in the words of the table, with the tables that a refusal has changed."""
    params = make_path_params(permission_world, row, persona, owner)
    with permission_world.sandbox.discard_changes():
        answer = send(permission_world, row, persona, params)
        if answer.status < 300:
            return "2xx"
        assert orjson.loads(answer.body)["statusCode"] == answer.status
        return " and changed ".join([str(answer.status), *permission_world.sandbox.find_changes()])


def call_as_agent(permission_world: PermissionWorld, row: Row, persona: str) -> str:
    """Return the answer to an agent, with unexpected changes and an unexpected audit."""
    with permission_world.sandbox.discard_changes():
        answer = send(permission_world, row, persona, make_path_params(permission_world, row, persona))
        word = "proposal" if answer.status == 202 else "2xx" if answer.status < 300 else str(answer.status)
        records = PROPOSAL_RECORDS if word == "proposal" else AGENT_RECORDS
        changes = set(permission_world.sandbox.find_changes()) - records
        if word != "2xx" and changes:
            return f"{word} and changed {changes}"
        audit = permission_world.audit("ops" if persona == "AGx" else "eng")
        expected = [] if row.role == "public" else [(row.operation, OUTCOMES[word])]
        return word if audit == expected else f"{word} and recorded {audit}"


@each_row(SERVED)
def test_each_persona_gets_the_answer_of_the_table(permission_world: PermissionWorld, row: Row):
    answers: dict[str, str | tuple[str, ...]] = {}
    expected: dict[str, str | tuple[str, ...]] = {persona: row.cells[persona] for persona in AGENTS}
    for persona in AGENTS:
        answers[persona] = call_as_agent(permission_world, row, persona)
    for persona in (*PEOPLE, *TOKENS):
        cell = row.cells[persona]
        if cell in OWN_AND_OTHER:
            expected[persona] = OWN_AND_OTHER[cell]
            answers[persona] = tuple(
                call(permission_world, row, persona, owner) for owner in ("own", "other")
            )
        elif cell != NOT_APPLICABLE:
            expected[persona] = cell
            answers[persona] = call(permission_world, row, persona)
    assert expected.keys() == answers.keys()
    wrong = [
        f"{persona}: {answers[persona]}, not {cell}"
        for persona, cell in expected.items()
        if answers[persona] != cell
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("operation", AUTHORED_BY)
def test_author_may_do_what_other_members_may_not(permission_world: PermissionWorld, operation: str):
    row, creation = ROW_BY_OPERATION[operation], ROW_BY_OPERATION[AUTHORED_BY[operation]]
    params = make_path_params(permission_world, creation, "WM")
    item = orjson.loads(send(permission_world, creation, "WM", params).body)
    params = make_path_params(permission_world, row, "WM") | {row.parameters[-1]: item["id"]}
    assert send(permission_world, row, "PM", params).status == 403
    assert send(permission_world, row, "WM", params).status == 200


def test_invitation_can_be_accepted_once(permission_world: PermissionWorld):
    row = ROW_BY_OPERATION["invitations.accept"]
    params = make_path_params(permission_world, row, "WM")
    assert [send(permission_world, row, "WM", params).status for _ in range(2)] == [200, 404]


def test_invitation_expires_after_seven_days(
    permission_world: PermissionWorld, monkeypatch: pytest.MonkeyPatch
):
    row = ROW_BY_OPERATION["invitations.accept"]
    params, now = make_path_params(permission_world, row, "PATfull"), permission_world.core.env.clock()
    monkeypatch.setattr(permission_world.core.env, "clock", lambda: now + timedelta(days=7, minutes=1))
    assert send(permission_world, row, "PATfull", params).status == 404


def test_each_operation_is_in_the_table():
    missing = set(SERVICES) - {row.operation for row in ROWS}
    assert missing == set(), "decide in permissions_beyond.tsv who may call them"


def test_each_operation_has_a_good_request():
    missing = set(SERVICES) - set(GOOD_REQUESTS)
    assert missing == set(), "add their requests to good_requests.py"
