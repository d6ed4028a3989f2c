"""Tools of MCP for a language model: what they cost, the names that they take, and what they return."""

import re
from itertools import chain

import orjson
import pytest
from jsonschema import Draft202012Validator

from stellary.contract.schemas import Schemas
from stellary.core.http.mcp.tools import DESCRIPTIONS, HIDDEN, HIDDEN_IN, TOOLS, InWorkspace, OfLists
from tests.server.running import WITHOUT_JOBS, running
from tests.support.boards import create_board
from tests.support.each_case import for_each
from tests.support.mcp import call, send, tools

LETTERS_PER_TOKEN = 4


def count_tokens(data):
    """Return about how many tokens a model reads: four letters are one."""
    return len(orjson.dumps(data).decode()) // LETTERS_PER_TOKEN


@pytest.fixture
def board(core):
    return create_board(core)


@pytest.fixture
def server(core, board):
    with running(core, WITHOUT_JOBS) as server:
        yield server


@pytest.fixture
def ask(server, board):
    return lambda tool, **arguments: call(server, board.bearer, tool, **arguments)


@pytest.mark.slow("creates 130 cards")
def test_lists_of_130_cards_and_of_tools_cost_few_tokens(server, board, ask):
    cards = [
        {
            "title": f"Write the announcement of part {number}",
            "description": "All of the text. " * 50,
            "assigneeId": "me",
            "dueDate": "2026-12-24",
            "checklist": [{"title": "Outline"}],
        }
        for number in range(130)
    ]
    created = ask("create_cards_bulk", projectId="Launch", cards=cards)
    assert created.data["items"][129] == {"key": "LAU-130", "title": "Write the announcement of part 129"}
    page = send(
        server, "tools/call", {"name": "list_cards", "arguments": {"projectId": "Launch"}}, board.bearer
    )
    assert len(page["result"]["structuredContent"]["items"]) == 25
    assert count_tokens(page) < 2_500
    everything = ask("list_cards", projectId="Launch", limit=130)
    assert everything.texts[0].count("\n") == 130
    assert count_tokens(everything.texts) < 2_500
    offer = send(server, "tools/list", {}, board.bearer)["result"]
    sizes = sorted(((count_tokens(tool), tool["name"]) for tool in offer["tools"]), reverse=True)
    assert count_tokens(offer) < 5_000, f"hide parameters that a model rarely needs in tools.py: {sizes[:5]}"


def test_tables_name_parameters_that_tools_take():
    schemas = Schemas("#/$defs/")
    for params in (*(tool.takes for tool in TOOLS.values()), OfLists, InWorkspace):
        schemas.of(params)
    names = {name for schema in schemas.definitions.values() for name in schema.get("properties", ())}
    assert {*HIDDEN, *DESCRIPTIONS, *chain(*HIDDEN_IN.values())} - names == set()


def test_no_text_speaks_of_http(server, board):
    offer = orjson.dumps(tools(server, board.bearer)).decode()
    init = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
    offer += orjson.dumps(send(server, "initialize", init, board.bearer)).decode()
    assert not re.search(
        r"header|endpoint|HTTP|ETag|If-Match|`Link`|status code|\b4\d\d\b|pattern|None", offer
    )


def test_workspace_is_offered_only_to_callers_with_several(server, board):
    def offers():
        available = tools(server, board.bearer).values()
        return {"workspace" in tool["inputSchema"]["properties"] for tool in available}

    assert offers() == {False}
    board.world.workspace(board.owner, board.workspace.organization, "second")
    assert offers() == {True}


def test_rows_have_names_and_only_what_is_set(board, ask):
    board.world.ask(board.bearer, "POST", f"{board.path}/labels", {"name": "urgent"})
    card = {"title": "Tab\there", "column": "Done", "assigneeId": "ME", "labelIds": ["Urgent"]}
    created = ask("create_card", projectId="Launch", dueDate="2026-12-24", **card)
    assert created.data["assigneeId"] == board.owner.id
    ask("create_card", projectId="Launch", title="Bare", dueDate="2026-12-24T10:00:00+02:00")
    listed = ask("list_cards", projectId="Launch")
    assert listed.data["items"] == [
        {
            "key": "LAU-1",
            "title": "Tab\there",
            "column": "Done",
            "status": "done",
            "assignee": "ann",
            "due": "2026-12-24",
            "labels": ["urgent"],
        },
        {"key": "LAU-2", "title": "Bare", "column": "To Do", "status": "open", "due": "2026-12-24T08:00:00Z"},
    ]
    assert listed.texts[0].splitlines()[1] == "LAU-1\tTab here\tDone\tdone\tann\t2026-12-24\turgent"
    assert [row["key"] for row in ask("list_cards", projectId="Launch", assigneeId="me").data["items"]] == [
        "LAU-1"
    ]
    page = ask("list_cards", projectId="Launch", limit=1, fields=["title", "version"])
    assert page.data["items"] == [{"title": "Tab\there", "version": 1}]
    assert page.texts[0].endswith(f"\nnext: {page.data['next']}")


@for_each("fields", [["colour"], [], "key", ["key"] * 41])
def test_unknown_fields_are_refused_even_for_an_empty_list(ask, fields):
    assert ask("list_cards", projectId="Launch", fields=fields).status == 400


def test_empty_list_says_so(ask):
    assert ask("list_cards", projectId="Launch").texts == ["Nothing found."]


def test_cards_are_changed_in_small_steps(board, ask):
    board.world.ask(board.bearer, "POST", f"{board.path}/labels", {"name": "urgent"})
    board.card("Spec")
    board.card("Launch it")
    item = ask("add_checklist_item", cardId="Spec", title="Outline").data
    assert ask("toggle_checklist_item", cardId="Spec", itemId="outline", done=True).data["done"] is True
    assert len(ask("add_label", cardId="Spec", label="urgent").data["labelIds"]) == 1
    assert ask("update_card", cardId="Spec", labelIds=["urgent"], assigneeId="me").data["assigneeId"]
    near = ask("add_label", cardId="Spec", label="urgen")
    assert (near.status, "the most similar names are 'urgent' (" in near.texts[0]) == (400, True)
    near = ask("update_card", cardId="Spec", assigneeId="anne")
    assert "the most similar names are 'ann' (" in near.texts[0]
    assert ask("remove_label", cardId="Spec", label="urgent").data["labelIds"] == []
    assert ask("set_status", cardId="Spec", status="in_progress").data["status"] == "in_progress"
    ask("add_relation", cardId="Spec", targetCardId="Launch it", type="blocks")
    relations = ask("get_card_relations", cardId="Launch it").data["items"]
    assert relations == [{"type": "blocked_by", "card": "LAU-1 Spec"}]
    assert not ask("remove_relation", cardId="Spec", targetCardId="Launch it").failed
    assert ask("archive_card", cardId="Spec").data["archived"] is True
    assert ask("get_card_details", cardId="LAU-1").data["checklist"][0]["_id"] == item["_id"]


def test_update_says_that_lists_are_replaced(server, board):
    description = tools(server, board.bearer)["update_card"]["description"]
    assert description.endswith("labelIds and checklist replace the whole list.")


def test_whoami_tells_the_caller_and_the_token(server, board, ask):
    board.world.workspace(board.owner, board.workspace.organization, "second")
    me = ask("whoami").data
    assert (me["id"], me["name"], me["isAgent"], me["scopes"]) == (board.owner.id, "ann", False, None)
    assert me["workspaces"][-1].endswith("/second")
    scoped = board.world.ask(board.bearer, "POST", "/api-tokens", {"name": "a", "scopes": ["projects:read"]})
    assert call(server, scoped["token"], "whoami").data["scopes"] == ["projects:read"]


def test_token_bound_to_a_project_sees_its_workspace_alone(server, board, ask):
    second = board.world.workspace(board.owner, board.workspace.organization, "second")
    project = board.world.ask(
        board.bearer, "POST", f"{second.path}/projects", {"name": "Other", "key": "OTH"}
    )
    body = {"name": "a", "scopes": ["projects:read"], "projectIds": [project["id"]]}
    token = board.world.ask(board.bearer, "POST", "/api-tokens", body)["token"]
    (workspace,) = call(server, token, "whoami").data["workspaces"]
    assert workspace.endswith("/second")
    assert call(server, token, "list_projects").data["items"] == [{"key": "OTH", "name": "Other"}]
    assert "workspace" not in tools(server, token)["list_projects"]["inputSchema"]["properties"]
    by_name = call(server, token, "list_projects", workspace=board.workspace.slug)
    assert (by_name.status, f"/{board.workspace.slug}" in by_name.texts[0]) == (400, False)
    (resource,) = send(server, "resources/list", {}, token)["result"]["resources"]
    assert resource["name"] == "Other"


def test_results_fit_the_schemas_of_their_tools(server, board, ask):
    board.card("Spec")
    ask("create_document", title="Plan", content="# Plan")
    schemas = {name: tool.get("outputSchema") for name, tool in tools(server, board.bearer).items()}
    calls = {
        "list_projects": {},
        "get_project_details": {"projectId": "Launch"},
        "list_cards": {"projectId": "Launch"},
        "get_card_details": {"cardId": "Spec"},
        "get_document": {"documentId": "Plan"},
        "get_pilotage_state": {},
        "get_cockpit_dashboard": {},
        "search": {"q": "Spec"},
    }
    for name, arguments in calls.items():
        Draft202012Validator(schemas[name]).validate(ask(name, **arguments).data)


def test_board_card_and_document_are_resources_in_markdown(server, board, ask):
    board.card("Write the spec", description="All of it.", assigneeId=board.owner.id, dueDate="2026-12-24")
    board.card("Done already", column=2)
    ask("add_checklist_item", cardId="LAU-1", title="Outline", done=True)
    ask("add_comment", cardId="LAU-1", content="Well begun.")
    ask("create_document", title="Plan", content="# Goal\n\nShip.", projectId="Launch")

    def read(uri):
        return send(server, "resources/read", {"uri": uri}, board.bearer)

    listed = send(server, "resources/list", {}, board.bearer)["result"]
    uris = {resource["name"]: resource["uri"] for resource in listed["resources"]}
    while "nextCursor" in listed:
        listed = send(server, "resources/list", {"cursor": listed["nextCursor"]}, board.bearer)["result"]
        uris |= {resource["name"]: resource["uri"] for resource in listed["resources"]}
    assert set(uris) == {"Launch", "Plan"}
    place = uris["Launch"].partition("/boards/")[0]
    templates = send(server, "resources/templates/list", {}, board.bearer)["result"]["resourceTemplates"]
    assert [template["name"] for template in templates] == ["boards", "cards", "documents"]
    texts = {}
    for uri in (uris["Launch"], uris["Plan"], f"{place}/cards/LAU-1"):
        (content,) = read(uri)["result"]["contents"]
        assert (content["uri"], content["mimeType"]) == (uri, "text/markdown")
        texts[uri] = content["text"]
    assert texts[uris["Launch"]].startswith(
        "# Launch (LAU)\n\n## To Do\n\n- LAU-1 Write the spec (ann, 2026-12-24)"
    )
    assert texts[uris["Plan"]].startswith("# Plan\n\n# Goal\n\nShip.")
    card = texts[f"{place}/cards/LAU-1"]
    for part in (
        "- Column: To Do\n",
        "- Assignee: ann\n",
        "\n\nAll of it.\n",
        "\n- [x] Outline\n",
        "\n\nWell begun.",
    ):
        assert part in card
    eve = board.world.person("eve")
    board.world.workspace(eve, board.world.organization(eve, "other"), "far")
    for uri in (
        f"{place}/cards/LAU-9",
        "stellary://other/far/boards/LAU",
        f"{place}/people/ann",
        "file:///etc",
    ):
        assert read(uri)["error"]["code"] == -32002
    assert send(server, "resources/list", {"cursor": "x"}, board.bearer)["error"]["code"] == -32602


def test_prompts_name_tools_that_exist(server, board):
    available = tools(server, board.bearer)
    for prompt in send(server, "prompts/list", {}, board.bearer)["result"]["prompts"]:
        arguments = {argument["name"]: "{Launch}" for argument in prompt["arguments"]}
        params = {"name": prompt["name"], "arguments": arguments}
        (message,) = send(server, "prompts/get", params, board.bearer)["result"]["messages"]
        assert "{Launch}" in message["content"]["text"]
        assert set(re.findall(r"\b[a-z]+_[a-z_]+\b", message["content"]["text"])) <= set(available)
        assert send(server, "prompts/get", {"name": prompt["name"]}, board.bearer)["error"]["code"] == -32602
    assert send(server, "prompts/get", {"name": "x"}, board.bearer)["error"]["code"] == -32602
