"""MCP: the endpoint with the official client in each protocol version, and with arbitrary messages."""

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import attrs
import httpx2
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from mcp.client import Client
from mcp.client import session as client_session
from mcp.client.streamable_http import streamable_http_client
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS

from stellary.contract.openapi import document
from stellary.core import Core
from stellary.core.http.mcp.calling import ToolRunner
from stellary.core.http.mcp.operator_token import McpToken
from tests.core.test_host_actions import CREATE_INVOICE, create_invoice
from tests.server.running import WITHOUT_JOBS, Reply, encode_head, running
from tests.support.boards import Board, create_board
from tests.support.core_parts import NO_LIMITS, parse_limit
from tests.support.each_case import for_each
from tests.support.mcp import ACCEPT, Outcome, call, post, send, tools
from tests.support.server_parts import Settings
from tests.support.waiting import wait_until
from tests.support.world import World

SECRET = secrets.token_hex(32)


@attrs.frozen
class Site:
    """A server with a board, and the token of its owner."""

    server: object
    board: Board
    token: str

    @property
    def world(self) -> World:
        return self.board.world

    def call(self, name: str, **arguments: object) -> Outcome:
        """Call a tool as the owner."""
        return call(self.server, self.token, name, **arguments)

    def post(self, message: object, **headers: str) -> Reply:
        """Send a message, or bytes, as the owner."""
        return post(self.server, message, self.token, **headers)

    def titles(self, column: str) -> list[str]:
        cards = self.call("list_cards", projectId="launch", column=column).data["items"]
        return [card["title"] for card in cards]


def invoice_plainly(result, uow, ref, params):
    create_invoice(uow, ref, params)
    return result


def test_actions_of_the_host_are_tools(database_url):
    plain_results = {"return_null": None, "return_text": "Paid", "return_number": 7}
    plain_actions = [
        attrs.evolve(CREATE_INVOICE, name=name, do=partial(invoice_plainly, result))
        for name, result in plain_results.items()
    ]
    core = Core(database_url, bcrypt_rounds=4, actions=[CREATE_INVOICE, *plain_actions])
    board = create_board(core)
    card = board.card()
    with running(core, WITHOUT_JOBS) as server:
        token = board.bearer
        tool = tools(server, token)["create_invoice"]
        assert tool["description"] == "Create the invoice of a card."
        assert tool["inputSchema"]["required"] == ["cardId", "amount"]
        outcome = call(server, token, "create_invoice", cardId=card["id"], amount=7)
        assert outcome.data["description"] == "Invoice over 7"
        for name, result in plain_results.items():
            outcome = call(server, token, name, cardId=card["id"], amount=7)
            assert (outcome.data, outcome.texts) == (None, [orjson.dumps(result).decode()])
    core.close()


@pytest.fixture
def site(core):
    board = create_board(core)
    with running(core, WITHOUT_JOBS) as server:
        yield Site(server, board, board.bearer)


@pytest.fixture
def sqlite_site(sqlite_core):
    board = create_board(sqlite_core)
    workspace = f"{board.workspace.organization.slug}/{board.workspace.slug}"
    settings = attrs.evolve(WITHOUT_JOBS, mcp_token=McpToken(SECRET, board.owner.email, workspace))
    with running(sqlite_core, settings) as server:
        yield Site(server, board, board.bearer)


# ------------------------------------------------------------------------------------------------- the protocol


@pytest.mark.parametrize("version", [*HANDSHAKE_PROTOCOL_VERSIONS, *MODERN_PROTOCOL_VERSIONS])
async def test_official_client_works_in_each_version(site, version, monkeypatch):
    monkeypatch.setattr(client_session, "LATEST_HANDSHAKE_VERSION", version)
    mode = version if version in MODERN_PROTOCOL_VERSIONS else "legacy"
    async with (
        httpx2.AsyncClient(headers={"authorization": f"Bearer {site.token}"}) as http,
        Client(streamable_http_client(f"{site.server.url}/mcp", http_client=http), mode=mode) as client,
    ):
        assert client.protocol_version == version
        assert "list_projects" in {tool.name for tool in (await client.list_tools()).tools}
        created = await client.call_tool("create_card", {"projectId": "Launch", "title": "Over MCP"})
        assert not created.is_error
        missed = await client.call_tool("get_card_details", {"cardId": "Nowhere"})
        assert missed.is_error
        assert missed.content[0].text.startswith("cardId must be the id or the name of an existing item")
        assert "the most similar names are 'Over MCP' (" in missed.content[0].text
    assert site.titles("To Do") == ["Over MCP"]


def test_request_without_a_token_returns_401(site):
    answer = post(site.server, {}, None)
    assert (answer.status, answer.json["statusCode"], answer.json["code"]) == (401, 401, "unauthenticated")
    assert answer.json["message"] == "a Bearer token is required"
    assert answer.headers["www-authenticate"].startswith("Bearer resource_metadata=")


def test_errors_match_the_document(sqlite_site):
    responses = document()["paths"]["/mcp"]["post"]["responses"]
    assert responses["401"] == {"$ref": "#/components/responses/Unauthenticated"}
    schema = responses["400"]["content"]["application/json"]["schema"]
    for body in (b"{", b"[]", b'{"jsonrpc": "2.0"}'):
        answer = sqlite_site.post(body)
        assert answer.status == 400
        Draft202012Validator(schema).validate(answer.json)


@for_each("token", ["nonsense", "a.b.c", f"synth_{'0' * 40}", f"synth_agent_{'0' * 40}", "é"])
def test_invalid_token_returns_401(site, token):
    answer = post(site.server, {}, token)
    assert answer.status == 401
    assert answer.json["code"] == "invalid_token"
    assert answer.headers["www-authenticate"].startswith("Bearer resource_metadata=")


def test_invalid_tokens_are_limited(sqlite_core):
    limits = attrs.evolve(NO_LIMITS, bad_tokens=parse_limit("2 per hour"))
    with running(sqlite_core, Settings(limits=limits, jobs=False)) as server:
        assert [post(server, {}, f"bad{n}").status for n in range(3)] == [401, 401, 429]


def test_other_methods_return_405(sqlite_site):
    for method in ("GET", "DELETE", "PUT"):
        answer = sqlite_site.server.ask(method, "/mcp", token=sqlite_site.token)
        assert (answer.status, answer.headers["allow"]) == (405, "POST")


@for_each(
    "body",
    [b"", b"{", b"\xff", b"[" * 100_000, b'{"a": NaN}', b'{"a": "\\ud800"}', b'{"id": 1, "id": 2}'],
)
def test_invalid_json_returns_a_parse_error(sqlite_site, body):
    answer = sqlite_site.post(body)
    assert (answer.status, answer.json["error"]["code"]) == (400, -32700)


@for_each(
    "media, status",
    [
        ("application/json; charset=UTF-8", 200),
        ("Application/JSON", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/json; charset=latin-1", 415),
        ("", 415),
    ],
)
def test_valid_body_of_another_type_returns_415(sqlite_site, media, status):
    answer = sqlite_site.post({"jsonrpc": "2.0", "id": 1, "method": "ping"}, content_type=media)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/json")


@for_each("version", [{"mcp_protocol_version": "2025-03-26"}, {}])
def test_batch_of_the_version_that_has_them_is_answered(sqlite_site, version):
    def ask(*batch):
        return sqlite_site.server.ask("POST", "/mcp", batch, sqlite_site.token, accept=ACCEPT, **version)

    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    answer = ask(ping, note, {**ping, "id": "b"}, 7)
    assert (answer.status, [part.get("id") for part in answer.json]) == (200, [1, "b", None])
    assert [ask(note).status, ask().status, ask(*[ping] * 51).status] == [202, 400, 400]


@pytest.mark.parametrize("version", ["2025-11-25", "2026-07-28", "1999-01-01", "x"])
@pytest.mark.parametrize(
    "message", [{}, [], 1, {"jsonrpc": "2.0"}, {"jsonrpc": "2.0", "id": 1, "method": "x"}]
)
def test_invalid_message_is_rejected(sqlite_site, version, message):
    answer = sqlite_site.post(message, mcp_protocol_version=version)
    assert "error" in answer.json or answer.status == 202
    assert answer.status < 500


def test_unknown_tool_is_a_protocol_error(sqlite_site):
    params = {"name": "drop_tables", "arguments": {}}
    response = send(sqlite_site.server, "tools/call", params, sqlite_site.token)
    message = "There is no such tool; tools/list lists the available ones"
    assert response["error"] == {"code": -32602, "message": message}


def test_oversized_body_returns_413(sqlite_site):
    head = encode_head("POST", "/mcp", sqlite_site.token, 99_999_999)
    assert sqlite_site.server.send(head).status == 413


def test_defect_is_not_disclosed(sqlite_site, monkeypatch, caplog):
    async def broken(*_):
        raise LookupError("s3cret")

    monkeypatch.setattr(ToolRunner, "_answer", broken)
    result = sqlite_site.call("list_projects")
    assert result.status == 500
    assert "s3cret" not in str(result)
    assert "LookupError: s3cret" in caplog.text


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:6274", 200),
        ("http://127.0.0.1", 200),
        ("https://app.example.com", 200),
        ("https://evil.example.com", 403),
        ("http://localhost.evil.example.com", 403),
        ("null", 403),
    ],
)
def test_request_from_an_unknown_origin_is_rejected(sqlite_core, origin, status):
    token = World(sqlite_core).bearer(World(sqlite_core).person("ann"))
    settings_with_origin = attrs.evolve(WITHOUT_JOBS, cors_origins=("https://app.example.com",))
    with running(sqlite_core, settings_with_origin) as server:
        ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        assert post(server, ping, token, origin=origin).status == status


# ------------------------------------------------------------------------------------------------- without it


def test_server_without_the_library_returns_not_installed(sqlite_site, monkeypatch):
    monkeypatch.setattr("stellary.core.http.mcp.endpoint.find_spec", lambda name: None)
    answer = sqlite_site.post({})
    assert (answer.status, answer.json["code"]) == (404, "not_installed")


# ------------------------------------------------------------------------------------------------- the tools

READING = [
    "whoami", "get_card_relations", "list_projects", "get_project_details", "list_cards", "get_card_details", "get_card_comments",
    "list_documents", "get_document", "get_pilotage_state", "get_cockpit_dashboard", "search",
]  # fmt: skip
OF_AGENTS = ["get_agent_status", "list_pending_proposals", "get_mission"]
ADDING = [
    "create_card", "create_cards_bulk", "add_comment", "duplicate_card", "create_document", "propose_action", "run_mission",
    "add_checklist_item", "add_relation",
]  # fmt: skip
CHANGING = [
    "move_card", "update_card", "assign_card", "update_document", "set_status", "archive_card", "add_label",
    "remove_label", "toggle_checklist_item", "remove_relation", "transfer_card",
]  # fmt: skip


def read_hints(tool):
    """Return whether a tool only reads, is destructive, is idempotent, and reaches an open world."""
    defaults = {"readOnly": False, "destructive": True, "idempotent": False, "openWorld": True}
    return tuple(tool["annotations"].get(f"{name}Hint", default) for name, default in defaults.items())


def test_each_tool_has_annotations_and_a_schema(sqlite_site):
    available = tools(sqlite_site.server, sqlite_site.token)
    assert {name: read_hints(tool) for name, tool in available.items()} == {
        # The others say nothing about a tool that only reads.
        **dict.fromkeys([*READING, *OF_AGENTS], (True, True, False, False)),
        **dict.fromkeys(ADDING, (False, False, False, False)),
        **dict.fromkeys(CHANGING, (False, True, True, False)),
    }
    for tool in available.values():
        assert tool["description"].endswith(".")
        Draft202012Validator.check_schema(tool["inputSchema"])
        assert tool["inputSchema"]["type"] == "object"
        Draft202012Validator.check_schema(tool.get("outputSchema", {}))
    assert [name for name, tool in available.items() if "outputSchema" not in tool] == ["whoami"]


def test_unknown_arguments_are_rejected(sqlite_site):
    result = sqlite_site.call("list_projects", colour="red")
    assert result.texts == ["colour is not a field of this request (invalid)"]


def test_items_are_found_by_name(site):
    site.board.card("Write the spec", checklist=[{"title": "outline"}])
    moved = site.call("move_card", cardId="write the  spec", targetColumn="done")
    assert not moved.failed
    assert site.call("get_card_details", cardId=moved.data["key"]).data == moved.data
    assert site.titles("Done") == ["Write the spec"]
    assigned = site.call("assign_card", cardId=moved.data["key"], assigneeId="ann@example.com")
    assert assigned.data["assigneeId"] == site.board.owner.id
    site.call("add_comment", cardId=moved.data["key"], content="Well done.")
    comments = site.call("get_card_comments", cardId=moved.data["key"]).data
    assert [comment["content"] for comment in comments["items"]] == ["Well done."]
    assert comments["next"] is None


def test_ambiguous_name_is_rejected_with_candidates(site):
    for title in ("Write the spec", "write the spec", "Write the spec A"):
        site.board.card(title)
    result = site.call("move_card", cardId="write The spec", targetColumn="Done")
    assert (result.status, result.data["code"]) == (400, "ambiguous_name")
    assert "'Write the spec' (" in result.texts[0]
    assert "'write the spec' (" in result.texts[0]
    result = site.call("move_card", cardId="Write the spec B", targetColumn="Done")
    assert (result.status, result.data["code"]) == (400, "invalid")
    assert "the most similar names are 'Write the spec A' (" in result.texts[0]
    assert site.titles("Done") == []


def test_documents_are_found_by_title_and_returned_as_markdown(site):
    created = site.call("create_document", title="Café plan", content="# Plan", projectId="launch")
    assert (created.data["contextType"], created.data["contextId"]) == ("project", site.board.project["id"])
    changed = site.call("update_document", documentId="cafe plan", content="# Other")
    assert changed.data["id"] == created.data["id"]
    assert site.call("get_document", documentId="Café plan").data["content"].strip() == "# Other"
    documents = site.call("list_documents", projectId="launch").data["items"]
    assert [document["title"] for document in documents] == ["Café plan"]
    assert documents[0]["id"] == created.data["id"]


def test_search_is_limited_to_a_named_project(site):
    site.board.card("Write the spec")
    (hit,) = site.call("search", q="spec", projectId="launch").data["items"]
    assert (hit["kind"], hit["title"]) == ("card", "Write the spec")
    assert site.call("search", q="spec", projectId="nowhere").status == 400


def test_list_continues_at_its_cursor(site):
    for number in range(3):
        site.board.card(f"Card {number}")
    first = site.call("list_cards", projectId="launch", limit=2).data
    second = site.call("list_cards", projectId="launch", limit=2, cursor=first["next"]).data
    titles = [card["title"] for page in (first, second) for card in page["items"]]
    assert titles == ["Card 0", "Card 1", "Card 2"]
    assert second["next"] is None


# ------------------------------------------------------------------------------------------------- where


def test_workspace_is_required_if_there_are_several(site):
    world, ann = site.world, site.board.owner
    second = world.workspace(ann, site.board.workspace.organization, "second")
    result = site.call("list_projects")
    assert (result.status, result.data["code"]) == (400, "ambiguous_name")
    org = second.organization.slug
    assert f"{org}/second" in result.texts[0]
    for workspace_name in (f"{org}/second", "second", "Second"):
        assert site.call("list_projects", workspace=workspace_name).data["items"] == []
    elsewhere = world.workspace(world.person("eve"), world.organization(world.person("bob"), "else"), "where")
    for workspace_name in ("else/where", "no/where", "../..", "/", f"{elsewhere.organization.slug}/"):
        assert site.call("list_projects", workspace=workspace_name).status == 404
    for workspace_name in ("where", "", 5, None, ["a"]):
        assert site.call("list_projects", workspace=workspace_name).status == 400


def test_personal_workspace_is_the_default_if_it_is_the_only_one(site):
    assert call(site.server, site.server.register("zoe"), "list_projects").data == {"items": [], "next": None}


# ------------------------------------------------------------------------------------------------- agents


def agent(site, mode, *names):
    agents = f"{site.board.workspace.path}/agents"
    body = {"name": mode, "autonomyMode": mode, "tools": [*names]}
    path = f"{agents}/{site.world.ask(site.token, 'POST', agents, body)['id']}"
    created = site.world.ask(site.token, "POST", f"{path}/tokens", {"name": "own"})
    return path, created["token"]


def test_changes_of_a_supervised_agent_become_proposals(site):
    path, token = agent(site, "supervised", "board.read", "create_card")
    assert set(tools(site.server, token)) == {
        "whoami", "list_projects", "get_project_details", "list_cards", "get_card_details", "get_card_comments",
        "get_card_relations", "search", "create_card",
    }  # fmt: skip
    result = call(site.server, token, "create_card", projectId="launch", title="Mine")
    assert (result.status, result.data["status"], result.data["action"]) == (202, "pending", "create_card")
    assert site.titles("To Do") == []
    refused = call(site.server, token, "move_card", cardId="x", targetColumn="Done")
    assert refused.data["code"] == "tool_not_allowed"
    noted = site.world.ask(site.token, "GET", f"{path}/audit")
    assert {(entry["tool"], entry["outcome"]) for entry in noted} == {
        ("create_card", "proposed"),
        ("move_card", "refused"),
    }
    proposal = f"{site.board.workspace.path}/proposals/{result.data['id']}"
    assert site.world.ask(site.token, "POST", f"{proposal}/approve")["status"] == "approved"
    assert site.titles("To Do") == ["Mine"]
    site.world.ask(site.token, "PATCH", path, {"status": "suspended"})
    assert call(site.server, token, "list_projects").data["code"] == "agent_suspended"


def test_autonomous_agent_acts_under_its_own_name(site):
    path, token = agent(site, "autonomous", "board.write")
    result = call(site.server, token, "create_card", projectId="launch", title="Mine")
    assert result.data["createdById"] == path.rpartition("/")[2]


def test_agent_lists_the_resources_that_its_tools_read(site):
    path, token = agent(site, "autonomous", "board.read")
    (board,) = send(site.server, "resources/list", {}, token)["result"]["resources"]
    assert board["name"] == "Launch"
    assert {entry["outcome"] for entry in site.world.ask(site.token, "GET", f"{path}/audit")} == {"allowed"}
    site.world.ask(site.token, "PATCH", path, {"status": "suspended"})
    assert send(site.server, "resources/list", {}, token)["error"]["message"].endswith("(agent_suspended)")
    _, token = agent(site, "supervised", "missions")
    assert send(site.server, "resources/list", {}, token)["result"] == {"resources": []}


# ------------------------------------------------------------------------------------------------- missions

ONE = {"missionId": "0" * 24}
WORK = {
    "get_next_mission": {},
    "wait_for_mission": {},
    "report_step": {**ONE, "text": "a"},
    "complete_mission": {**ONE, "summary": "a"},
    "fail_mission": {**ONE, "reason": "a"},
}


@pytest.fixture
def worker(site):
    """Return the token of an agent with the runtime ``external``."""
    path, token = agent(site, "autonomous", "missions", "board.read")
    site.world.ask(site.token, "PATCH", path, {"runtime": "external"})
    return token


def test_program_takes_reports_and_completes_a_mission(site, worker):
    card = site.board.card("Write the spec")
    queued = site.call("run_mission", agent="autonomous", cardId="write the spec", prompt="Do it")
    assert queued.data["status"] == "queued"
    assert set(WORK) <= set(tools(site.server, worker))
    assert not set(WORK) & set(tools(site.server, site.token))
    mission = call(site.server, worker, "get_next_mission").data
    assert (mission["id"], mission["status"], mission["prompt"]) == (queued.data["id"], "running", "Do it")
    none = call(site.server, worker, "get_next_mission")
    assert (none.failed, none.data, none.texts) == (False, None, ["No mission waits."])
    call(site.server, worker, "report_step", missionId=mission["id"], text="Begun.")
    assert site.call("get_agent_status", agent="autonomous").data["missions"][0]["status"] == "running"
    ended = call(site.server, worker, "complete_mission", missionId=mission["id"], summary="Done.")
    assert ended.data["status"] == "completed"
    late = call(site.server, worker, "fail_mission", missionId=mission["id"], reason="x")
    assert late.data["code"] == "mission_over"
    assert site.call("get_mission", missionId=mission["id"]).data["result"] == "Done."
    comments = site.call("get_card_comments", cardId=card["id"]).data["items"]
    assert [comment["content"] for comment in comments] == ["Begun.", "Done."]


@pytest.mark.slow("waits for a mission")
def test_program_waits_for_its_next_mission(site, worker):
    site.board.card("Write the spec")
    began = time.monotonic()
    assert call(site.server, worker, "wait_for_mission", seconds=1).texts == ["No mission waits."]
    assert 0.9 <= time.monotonic() - began < 20
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(call, site.server, worker, "wait_for_mission")
        wait_until(lambda: count_waits(site) == 2)
        site.call("run_mission", agent="autonomous", cardId="LAU-1", prompt="Do it")
        assert waiting.result(20).data["status"] == "running"
    for seconds in (0, 26, "x", None):
        assert call(site.server, worker, "wait_for_mission", seconds=seconds).status == 400
    # Waiting makes one call at the start and one when a mission arrives, not one per second of the rate limit.
    assert count_waits(site) == 3


@pytest.mark.slow("waits for a mission")
@pytest.mark.parametrize("version", ["2025-11-25", "2026-07-28"])
async def test_waiting_program_is_told_the_progress(site, worker, version, monkeypatch):
    monkeypatch.setattr(client_session, "LATEST_HANDSHAKE_VERSION", version)
    mode, reports = version if version in MODERN_PROTOCOL_VERSIONS else "legacy", []

    async def report(progress, total, message):
        reports.append((progress, total, message))

    async with (
        httpx2.AsyncClient(headers={"authorization": f"Bearer {worker}"}) as http,
        Client(streamable_http_client(f"{site.server.url}/mcp", http_client=http), mode=mode) as client,
    ):
        result = await client.call_tool("wait_for_mission", {"seconds": 1}, progress_callback=report)
    assert result.content[0].text == "No mission waits."
    assert [progress for progress, *_ in reports] == sorted(progress for progress, *_ in reports)
    assert {(total, message) for _, total, message in reports} == {(1, "Waiting for a mission.")}
    wait_until(lambda: site.server.state.in_flight == 0)


WAIT = {"name": "wait_for_mission", "arguments": {}}
WAITING = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": WAIT}


@pytest.mark.parametrize(
    "sent",
    [WAITING, {**WAITING, "params": {**WAIT, "_meta": {"progressToken": 1}}}, [WAITING, WAITING]],
    ids=["plain", "with progress", "batch"],
)
def test_disconnected_program_takes_no_mission(site, worker, sent):
    site.board.card("Write the spec")
    message = orjson.dumps(sent)
    with site.server.connect() as connection:
        connection.sendall(encode_head("POST", "/mcp", worker, len(message), accept=ACCEPT) + message)
        wait_until(lambda: count_waits(site) == 1)
    wait_until(lambda: site.server.state.in_flight == 0)
    assert count_waits(site) == 1
    site.call("run_mission", agent="autonomous", cardId="LAU-1", prompt="Do it")
    assert call(site.server, worker, "get_next_mission").data["status"] == "running"


def count_waits(site):
    """Return how often the agent has looked for a mission."""
    agents = f"{site.board.workspace.path}/agents"
    (one,) = site.world.ask(site.token, "GET", agents)
    audit = site.world.ask(site.token, "GET", f"{agents}/{one['id']}/audit")
    return [entry["tool"] for entry in audit].count("get_next_mission")


def test_stopping_server_ends_waiting_calls(site, worker):
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(call, site.server, worker, "wait_for_mission")
        wait_until(lambda: count_waits(site) == 1)
        site.server.state.close()
        # It would wait for 25 s.
        assert waiting.result(20).texts == ["No mission waits."]


@pytest.mark.parametrize("name", WORK)
def test_only_agents_take_missions(sqlite_site, name):
    result = sqlite_site.call(name, **WORK[name])
    assert (result.status, result.data["code"]) == (403, "agents_only")


# ------------------------------------------------------------------------------------------------- the operator's token


def test_operator_token_reads_one_workspace(sqlite_site):
    site = sqlite_site
    assert set(tools(site.server, SECRET)) == set(READING)
    projects = call(site.server, SECRET, "list_projects").data["items"]
    assert [project["name"] for project in projects] == ["Launch"]
    org = site.board.workspace.organization.slug
    workspace = f"{org}/{site.board.workspace.slug}"
    assert not call(site.server, SECRET, "list_projects", workspace=workspace).failed
    site.world.workspace(site.board.owner, site.board.workspace.organization, "second")
    assert call(site.server, SECRET, "whoami").data["workspaces"] == [workspace]
    assert send(site.server, "resources/list", {}, SECRET)["result"].keys() == {"resources"}
    assert call(site.server, SECRET, "list_projects", workspace=f"{org}/second").status == 404
    for name, arguments in (
        ("create_card", {"projectId": "launch", "title": "a"}),
        ("propose_action", {"actionType": "archive_card", "explanation": "b"}),
    ):
        assert call(site.server, SECRET, name, **arguments).data["code"] == "insufficient_scope"
    assert site.server.ask("GET", "/auth/me", token=SECRET).status == 401


def test_operator_token_of_a_missing_user_is_rejected(sqlite_core):
    mcp_token = McpToken(SECRET, "nobody@example.com", "acme/eng")
    with running(sqlite_core, attrs.evolve(WITHOUT_JOBS, mcp_token=mcp_token)) as server:
        assert post(server, {}, SECRET).status == 401


# ------------------------------------------------------------------------------------------------- anything at all

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
plain = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
objects = st.dictionaries(texts | st.sampled_from(["title", "cardId", "column"]), plain, max_size=4)
anything = plain | objects | st.lists(plain | objects, max_size=4)
names = st.sampled_from(["Launch", "LAU-1", "LAU", "To Do", "First", "0" * 24, "done", "high", "ann"])


@pytest.mark.slow("calls each tool with arbitrary arguments")
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_arbitrary_arguments_cause_no_500(sqlite_site, data):
    name = data.draw(st.sampled_from([*READING, *OF_AGENTS, *ADDING, *CHANGING]))
    fields = tools_once(sqlite_site)[name]["inputSchema"]["properties"]
    arguments = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(fields, names | anything)))
    arguments |= data.draw(st.dictionaries(texts, anything, max_size=1))
    result = sqlite_site.call(name, **arguments)
    assert result.status < 500, result


def tools_once(site):
    if not _TOOLS:
        _TOOLS.update(tools(site.server, site.token))
    return _TOOLS


_TOOLS: dict = {}
