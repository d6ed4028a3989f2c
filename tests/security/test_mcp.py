"""The permission table through the tools: a tool gives each persona the answer of its endpoint."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.security.cells import AGENT_RECORDS, PROPOSAL_RECORDS
from tests.security.permission_world import PermissionWorld
from tests.security.sampling import sample
from tests.security.table import BOUND, GUESTS, NOT_APPLICABLE, PERSONAS, ROW_BY_OPERATION
from tests.server.running import WITHOUT_JOBS, Running, running
from tests.support.core_parts import TOOLS
from tests.support.each_case import for_each
from tests.support.mcp import call, outcome, post

ARGUMENTS: dict[str, dict[str, Any]] = {
    "whoami": {},
    "get_card_relations": {"cardId": "cardId"},
    "set_status": {"cardId": "cardId", "status": "done"},
    "archive_card": {"cardId": "cardId"},
    "add_label": {"cardId": "cardId", "label": "labelId"},
    "remove_label": {"cardId": "cardId", "label": "hungLabelId"},
    "add_checklist_item": {"cardId": "cardId", "title": "Fresh"},
    "toggle_checklist_item": {"cardId": "cardId", "itemId": "itemId"},
    "add_relation": {"cardId": "cardId", "targetCardId": "thirdCardId", "type": "duplicates"},
    "remove_relation": {"cardId": "cardId", "targetCardId": "otherCardId"},
    "list_projects": {},
    "get_project_details": {"projectId": "projectId"},
    "list_cards": {"projectId": "projectId"},
    "get_card_details": {"cardId": "cardId"},
    "get_card_comments": {"cardId": "cardId"},
    "create_card": {"projectId": "projectId", "column": "columnId", "title": "Fresh"},
    "create_cards_bulk": {"projectId": "projectId", "cards": [{"title": "Fresh"}]},
    "move_card": {"cardId": "cardId", "targetColumn": "columnId"},
    "update_card": {"cardId": "cardId", "title": "Renamed"},
    "duplicate_card": {"cardId": "cardId"},
    "transfer_card": {"cardId": "cardId", "targetProjectId": "besideProjectId", "missing": "drop"},
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

EXCEPTIONS = {
    ("get_cockpit_dashboard", "PATok"): "403",
    ("whoami", "AGn"): "403",
    ("transfer_card", "GV"): "400",
    **{(name, guest): "400" for name in ("get_document", "update_document") for guest in (*GUESTS, BOUND)},
    **{("create_document", guest): "403" for guest in (*GUESTS, BOUND)},
    **{
        (name, persona): "400"
        for name, keys in ARGUMENTS.items()
        if {"cardId", "projectId"} & {*keys} and name != "run_mission"
        for persona in ("SN", BOUND)
    },
}
"""Other answers than that of the endpoint: the first also reads projects, agents need the tool, and names of documents and
projects that guests do not see match nothing, nor do those of a private project. The new document is in no project."""


@pytest.fixture
def server(permission_world: PermissionWorld) -> Iterator[Running]:
    with running(permission_world.core, WITHOUT_JOBS) as server:
        yield server


def test_each_tool_has_arguments():
    assert set(ARGUMENTS) == {name for name, tool in TOOLS.items() if not tool.for_agents}


@pytest.mark.slow("tries each cell of the permission table")
@for_each("name", ARGUMENTS)
def test_tool_gives_each_persona_the_answer_of_the_table(server, permission_world, name):
    row = ROW_BY_OPERATION[TOOLS[name].action.endpoint.operation]
    wrong = []
    personas = [persona for persona in PERSONAS if row.cells[persona] != NOT_APPLICABLE]
    for persona in sample(permission_world, row, personas):
        expected = EXCEPTIONS.get((name, persona), row.cells[persona])
        world = permission_world.enter(persona)
        here = {**world.here, "besideProjectId": world.beside["projectId"]}
        arguments = {
            key: here.get(value, value) if isinstance(value, str) else value
            for key, value in {"workspace": f"acme/{here['wsSlug']}", **ARGUMENTS[name]}.items()
        }
        with permission_world.sandbox.discard_changes():
            answer = call_tool(server, permission_world.bearer(persona, row), name, arguments)
            records = PROPOSAL_RECORDS if answer == "proposal" else AGENT_RECORDS
            changes = set(permission_world.sandbox.find_changes()) - records
            if answer != expected or (answer != "2xx" and changes):
                wrong.append(f"{persona}: {answer}, not {expected}; changed {changes}")
    assert not wrong, "\n".join(wrong)


def call_tool(server: Running, token: str | None, name: str, arguments: dict[str, Any]) -> str:
    """Call a tool; return the answer in the words of the table."""
    params = {"name": name, "arguments": arguments}
    answer = post(server, {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}, token)
    status = outcome(answer.json["result"]).status if answer.status == 200 else answer.status
    return {200: "2xx", 202: "proposal"}.get(status, str(status))


def test_item_from_elsewhere_is_not_found(server: Running, permission_world: PermissionWorld):
    bearer = permission_world.world.bearer(permission_world.people["WM"])
    for ids in (permission_world.next_door, permission_world.abroad, permission_world.gone):
        for name in ("get_card_details", "move_card", "add_comment", "update_document"):
            references = ARGUMENTS[name] | {"cardId": "cardId", "documentId": "documentId"}
            arguments = {
                key: ids.get(value, value) for key, value in references.items() if key in ARGUMENTS[name]
            }
            with permission_world.sandbox.discard_changes():
                assert call(server, bearer, name, workspace="acme/eng", **arguments).status in (400, 404)


@for_each("persona", PERSONAS)
def test_each_valid_token_may_call_the_endpoint(server, permission_world, persona):
    row = ROW_BY_OPERATION["mcp.endpoint"]
    answer = post(
        server, {"jsonrpc": "2.0", "id": 1, "method": "ping"}, permission_world.bearer(persona, row)
    )
    assert ("2xx" if answer.status < 300 else str(answer.status)) == row.cells[persona]
