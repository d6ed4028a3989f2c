"""Every cell of the table of permissions, on both databases."""

from __future__ import annotations

import orjson
import pytest

from stellary.core.dispatch import SERVICES
from tests.security.asking import ASKINGS, place_of, send
from tests.security.sandbox import changed
from tests.security.stage import Stage
from tests.security.table import AGENTS, BOTH, NOT_APPLICABLE, PEOPLE, ROWS, SERVED, TOKENS, Row

rows = pytest.mark.parametrize("row", SERVED, ids=lambda row: row.operation)


def answered(stage: Stage, row: Row, persona: str, whose: str | None = None) -> str:
    """What an answer is in the words of the table; a refusal that has changed something says what."""
    place = place_of(stage, row, persona, whose)
    with stage.sandbox.thrown_away():
        before = stage.sandbox.dump()
        answer = send(stage, row, persona, place)
        if answer.status < 300:
            return "2xx"
        assert orjson.loads(answer.body)["statusCode"] == answer.status
        return " and changed ".join([str(answer.status), *changed(before, stage.sandbox.dump())])


@rows
def test_each_persona_is_answered_what_the_table_says(stage: Stage, row: Row):
    expected, found = {}, {}
    for persona in (*PEOPLE, *TOKENS):
        cell = row.cells[persona]
        if cell in BOTH:
            expected[persona] = BOTH[cell]
            found[persona] = tuple(answered(stage, row, persona, whose) for whose in ("own", "other"))
        elif cell != NOT_APPLICABLE:
            expected[persona] = cell
            found[persona] = answered(stage, row, persona)
    assert expected == found


def test_each_operation_that_is_served_is_in_the_table():
    assert set(SERVICES) - {row.operation for row in ROWS} == set()


def test_each_operation_that_is_served_is_asked_for():
    assert set(SERVICES) - set(ASKINGS) == set()


@pytest.mark.parametrize("persona", AGENTS)
def test_an_agents_own_token_is_answered_what_the_table_says(persona: str):
    # Said aloud, and not left out: where agents have tokens of their own, this fails until their cells are run.
    assert "agents.create_token" not in SERVICES
    pytest.skip(f"{len(SERVED)} cells of {persona} come with agents")
