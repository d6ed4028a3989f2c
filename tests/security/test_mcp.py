"""The table of permissions through the tools: whoever asks by one is answered what the endpoint would answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from reference_server.mcp.tools import TOOLS
from tests.security.permission_world import PermissionWorld
from tests.security.table import NOT_APPLICABLE, PERSONAS, ROWS
from tests.security.test_permissions import NOTED
from tests.server.running import WITHOUT_JOBS, Running, running
from tests.support.mcp import call, outcome, post

ROW = {row.operation: row for row in ROWS}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "list_projects": {},
    "get_project_details": {"projectId": "projectId"},
    "list_cards": {"projectId": "projectId"},
    "get_card_details": {"cardId": "cardId"},
    "get_card_comments": {"cardId": "cardId"},
    "create_card": {"projectId": "projectId", "column": "columnId", "title": "Fresh"},
    "create_cards_bulk": {"projectId": "projectId", "cards": [{"title": "Fresh"}]},
    "move_card": {"cardId": "cardId", "targetColumn": "columnId"},
    "update_card": {"cardId": "cardId", "title": "Renamed"},
    "assign_card": {"cardId": "cardId", "assigneeId": "userId"},
    "add_comment": {"cardId": "cardId", "content": "Well."},
    "list_documents": {},
    "get_document": {"documentId": "documentId"},
    "create_document": {"title": "Fresh"},
    "update_document": {"documentId": "documentId", "title": "Renamed"},
    "get_pilotage_state": {},
    "get_cockpit_dashboard": {},
    "propose_action": {"actionType": "archive_card", "explanation": "Done", "payload": {"cardId": "First"}},
    "search": {"q": "first"},
    "get_agent_status": {"agent": "agentId"},
    "list_pending_proposals": {},
    "run_mission": {"agent": "agentId", "cardId": "cardId", "prompt": "Do it"},
    "get_mission": {"missionId": "agentMissionId"},
}

ALSO = {("get_cockpit_dashboard", "PATok"): "403"}
"""What is otherwise: a tool that reads more than the endpoint that it stands for, here projects."""


@pytest.fixture
def server(permission_world: PermissionWorld) -> Iterator[Running]:
    with running(permission_world.core, WITHOUT_JOBS) as server:
        yield server


def test_each_tool_is_asked_for():
    assert set(ARGUMENTS) == {name for name, tool in TOOLS.items() if not tool.for_agents}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_each_persona_is_answered_by_a_tool_what_the_table_says(
    server: Running, permission_world: PermissionWorld, name: str
):
    row = ROW[TOOLS[name].action.endpoint.operation]
    said = {key: _there(permission_world, told) for key, told in ARGUMENTS[name].items()}
    expected, found = {}, {}
    for persona in PERSONAS:
        cell = row.cells[persona]
        if cell == NOT_APPLICABLE:
            continue
        expected[persona] = ALSO.get((name, persona), cell)
        with permission_world.sandbox.thrown_away():
            found[persona] = answered(server, permission_world.bearer(persona, row), name, said)
            if found[persona] != "2xx" and (done := set(permission_world.sandbox.changed()) - NOTED):
                found[persona] += f" and changed {done}"
    assert expected == found


def answered(server: Running, token: str | None, name: str, said: dict[str, Any]) -> str:
    params = {"name": name, "arguments": {"workspace": "acme/eng", **said}}
    answer = post(server, {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}, token)
    status = outcome(answer.json["result"]).status if answer.status == 200 else answer.status
    return {200: "2xx", 202: "proposal"}.get(status, str(status))


def _there(permission_world: PermissionWorld, told: Any) -> Any:
    return permission_world.here.get(told, told) if isinstance(told, str) else told


def test_what_is_elsewhere_cannot_be_named(server: Running, permission_world: PermissionWorld):
    bearer = permission_world.world.bearer(permission_world.people["WM"])
    for place in (permission_world.next_door, permission_world.abroad, permission_world.gone):
        for name in ("get_card_details", "move_card", "add_comment", "update_document"):
            said = ARGUMENTS[name] | {"cardId": "cardId", "documentId": "documentId"}
            said = {key: place.get(told, told) for key, told in said.items() if key in ARGUMENTS[name]}
            with permission_world.sandbox.thrown_away():
                assert call(server, bearer, name, workspace="acme/eng", **said).status in (400, 404)


@pytest.mark.parametrize("persona", PERSONAS)
def test_whoever_has_a_live_token_may_ask_at_all(
    server: Running, permission_world: PermissionWorld, persona: str
):
    row = ROW["mcp.endpoint"]
    answer = post(
        server, {"jsonrpc": "2.0", "id": 1, "method": "ping"}, permission_world.bearer(persona, row)
    )
    assert ("2xx" if answer.status < 300 else str(answer.status)) == row.cells[persona]
