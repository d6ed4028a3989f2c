"""MCP: the endpoint, with the official client in each version that it speaks, and with whatever else may come."""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import attrs
import httpx2
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from limits import parse
from mcp.client import Client
from mcp.client import session as client_session
from mcp.client.streamable_http import streamable_http_client
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS

from reference_server.mcp.calling import Caller
from reference_server.settings import NO_LIMITS, McpToken, Settings
from stellary.contract.openapi import document
from stellary.core import Core
from tests.core.test_host_actions import CREATE_INVOICE
from tests.server.running import WITHOUT_JOBS, running
from tests.support.boards import Board
from tests.support.mcp import ACCEPT, call, post, send, tools
from tests.support.world import World

SECRET = secrets.token_hex(32)


@attrs.frozen
class Hall:
    """A server, a board, and the token of whom it belongs to."""

    server: object
    board: Board
    token: str

    @property
    def world(self) -> World:
        return self.board.world

    def titles(self, column: str) -> list[str]:
        cards = call(self.server, self.token, "list_cards", projectId="launch", column=column).data["items"]
        return [card["title"] for card in cards]


def test_action_of_the_host_is_a_tool(database_url):
    core = Core(database_url, bcrypt_rounds=4, actions=[CREATE_INVOICE])
    world = World(core)
    board = Board(world, world.person("ann"))
    card = board.card()
    with running(core, WITHOUT_JOBS) as server:
        token = world.bearer(board.owner)
        tool = tools(server, token)["create_invoice"]
        assert tool["description"] == "Create the invoice of a card."
        assert tool["inputSchema"]["required"] == ["cardId", "amount"]
        outcome = call(server, token, "create_invoice", cardId=card["id"], amount=7)
    assert outcome.data["description"] == "Invoice over 7"
    core.close()


@pytest.fixture
def hall(core):
    world = World(core)
    board = Board(world, world.person("ann"))
    with running(core, WITHOUT_JOBS) as server:
        yield Hall(server, board, world.bearer(board.owner))


@pytest.fixture
def small_hall(sqlite_core):
    world = World(sqlite_core)
    board = Board(world, world.person("ann"))
    operators = McpToken(
        SECRET, board.owner.email, board.workspace.path.replace("/orgs/", "").replace("/workspaces/", "/")
    )
    asked = attrs.evolve(WITHOUT_JOBS, mcp_token=operators)
    with running(sqlite_core, asked) as server:
        yield Hall(server, board, world.bearer(board.owner))


# ------------------------------------------------------------------------------------------------- the protocol


@pytest.mark.parametrize("version", [*HANDSHAKE_PROTOCOL_VERSIONS, *MODERN_PROTOCOL_VERSIONS])
async def test_the_official_client_gets_on_in_each_version(hall, version, monkeypatch):
    monkeypatch.setattr(client_session, "LATEST_HANDSHAKE_VERSION", version)
    mode = version if version in MODERN_PROTOCOL_VERSIONS else "legacy"
    headers = {"authorization": f"Bearer {hall.token}"}
    async with (
        httpx2.AsyncClient(headers=headers) as http,
        Client(streamable_http_client(f"{hall.server.url}/mcp", http_client=http), mode=mode) as client,
    ):
        assert client.protocol_version == version
        assert "list_projects" in {tool.name for tool in (await client.list_tools()).tools}
        made = await client.call_tool("create_card", {"projectId": "Launch", "title": "Over MCP"})
        assert not made.is_error
        missed = await client.call_tool("get_card_details", {"cardId": "Nowhere"})
        assert missed.is_error
        assert missed.content[0].text.startswith(
            "cardId must be the id of something that is there, or its name"
        )
        assert "the nearest are 'Over MCP' (" in missed.content[0].text
    assert hall.titles("To Do") == ["Over MCP"]


def test_who_has_no_token_is_told_so(hall):
    answer = post(hall.server, {}, None)
    assert (answer.status, answer.json["statusCode"], answer.json["code"]) == (401, 401, "unauthenticated")
    assert answer.json["message"] == "a Bearer token is required"
    assert answer.headers["www-authenticate"] == "Bearer"


def test_errors_have_the_shape_that_the_document_says(small_hall):
    said = document()["paths"]["/mcp"]["post"]["responses"]
    assert said["401"] == {"$ref": "#/components/responses/Unauthenticated"}
    schema = said["400"]["content"]["application/json"]["schema"]
    for body in (b"{", b"[]", b'{"jsonrpc": "2.0"}'):
        answer = post(small_hall.server, body, small_hall.token)
        assert answer.status == 400
        Draft202012Validator(schema).validate(answer.json)


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", f"synth_{'0' * 40}", f"synth_agent_{'0' * 40}", "é"])
def test_a_token_that_is_not_good_is_refused_as_everywhere(hall, token):
    answer = post(hall.server, {}, token)
    assert answer.status == 401
    assert answer.json["code"] == "invalid_token"
    assert answer.headers["www-authenticate"] == "Bearer"


def test_who_tries_tokens_is_held_up_as_everywhere(sqlite_core):
    limits = attrs.evolve(NO_LIMITS, bad_tokens=parse("2 per hour"))
    with running(sqlite_core, Settings(limits=limits, jobs=False)) as server:
        assert [post(server, {}, f"bad{n}").status for n in range(3)] == [401, 401, 429]


def test_only_post_is_answered(small_hall):
    for method in ("GET", "DELETE", "PUT"):
        answer = small_hall.server.ask(method, "/mcp", token=small_hall.token)
        assert (answer.status, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"[" * 100_000, b'{"a": NaN}', b'{"a": "\\ud800"}', b'{"id": 1, "id": 2}'],
)
def test_what_is_no_json_goes_no_further(small_hall, body):
    answer = post(small_hall.server, body, small_hall.token)
    assert (answer.status, answer.json["error"]["code"]) == (400, -32700)


@pytest.mark.parametrize("version", ["2025-11-25", "2026-07-28", "1999-01-01", "x"])
@pytest.mark.parametrize(
    "message", [{}, [], 1, {"jsonrpc": "2.0"}, {"jsonrpc": "2.0", "id": 1, "method": "x"}]
)
def test_what_is_no_message_is_refused(small_hall, version, message):
    answer = post(small_hall.server, message, small_hall.token, mcp_protocol_version=version)
    assert "error" in answer.json or answer.status == 202
    assert answer.status < 500


def test_an_unknown_tool_is_an_error_of_the_protocol(small_hall):
    made = send(small_hall.server, "tools/call", {"name": "drop_tables", "arguments": {}}, small_hall.token)
    assert made["error"] == {
        "code": -32602,
        "message": "There is no such tool; tools/list lists the available ones",
    }


def test_a_body_that_is_too_large_is_refused(small_hall):
    head = b"POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\nAuthorization: Bearer "
    answer = small_hall.server.send(head + small_hall.token.encode() + b"\r\n\r\n")
    assert answer.status == 413


def test_a_defect_is_not_told(small_hall, monkeypatch, caplog):
    async def broken(*_):
        raise LookupError("s3cret")

    monkeypatch.setattr(Caller, "_answer", broken)
    made = call(small_hall.server, small_hall.token, "list_projects")
    assert made.status == 500
    assert "s3cret" not in str(made)
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
def test_a_page_of_an_unknown_origin_may_not_ask(sqlite_core, origin, status):
    token = World(sqlite_core).bearer(World(sqlite_core).person("ann"))
    known = attrs.evolve(WITHOUT_JOBS, cors_origins=("https://app.example.com",))
    with running(sqlite_core, known) as server:
        ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        assert post(server, ping, token, origin=origin).status == status


# ------------------------------------------------------------------------------------------------- without it


def test_a_server_without_the_library_says_so(small_hall, monkeypatch):
    monkeypatch.setattr("reference_server.mcp.endpoint.find_spec", lambda name: None)
    answer = post(small_hall.server, {}, small_hall.token)
    assert (answer.status, answer.json["code"]) == (404, "not_installed")


def test_the_library_is_not_loaded_before_somebody_asks():
    code = "import sys, reference_server.app; print(*sorted(sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert {"mcp", "mcp_types", "pydantic", "starlette"} & set(found) == set()


# ------------------------------------------------------------------------------------------------- the tools

READING = [
    "list_projects", "get_project_details", "list_cards", "get_card_details", "get_card_comments",
    "list_documents", "get_document", "get_pilotage_state", "get_cockpit_dashboard", "search",
]  # fmt: skip
OF_AGENTS = ["get_agent_status", "list_pending_proposals", "get_mission"]
ADDING = [
    "create_card", "create_cards_bulk", "add_comment", "create_document", "propose_action", "run_mission",
]  # fmt: skip
CHANGING = ["move_card", "update_card", "assign_card", "update_document"]


def test_each_tool_says_what_it_does(small_hall):
    found = tools(small_hall.server, small_hall.token)
    hints = {
        name: (each["readOnlyHint"], each["destructiveHint"], each["idempotentHint"], each["openWorldHint"])
        for name, each in ((name, tool["annotations"]) for name, tool in found.items())
    }
    assert hints == {
        **dict.fromkeys([*READING, *OF_AGENTS], (True, False, True, False)),
        **dict.fromkeys(ADDING, (False, False, False, False)),
        **dict.fromkeys(CHANGING, (False, True, True, False)),
    }
    for tool in found.values():
        assert tool["description"].endswith(".")
        Draft202012Validator.check_schema(tool["inputSchema"])
        assert tool["inputSchema"]["additionalProperties"] is False
        assert tool["inputSchema"]["properties"]["workspace"]["type"] == "string"


def test_arguments_that_a_tool_does_not_know_are_refused(small_hall):
    made = call(small_hall.server, small_hall.token, "list_projects", colour="red")
    assert made.texts == ["colour is not a field of this request (invalid)"]


def test_things_are_named_as_people_name_them(hall):
    hall.board.card("Write the spec", checklist=[{"title": "outline"}])
    moved = call(hall.server, hall.token, "move_card", cardId="wrtie the spec", targetColumn="dnoe")
    assert not moved.failed
    assert call(hall.server, hall.token, "get_card_details", cardId=moved.data["key"]).data == moved.data
    assert hall.titles("Done") == ["Write the spec"]
    assigned = call(
        hall.server, hall.token, "assign_card", cardId=moved.data["key"], assigneeId="ann@example.com"
    )
    assert assigned.data["assigneeId"] == hall.board.owner.id
    call(hall.server, hall.token, "add_comment", cardId=moved.data["key"], content="Well done.")
    said = call(hall.server, hall.token, "get_card_comments", cardId=moved.data["key"]).data
    assert [comment["content"] for comment in said["items"]] == ["Well done."]
    assert said["next"] is None


def test_between_two_near_names_nothing_is_guessed(hall):
    for title in ("Write the spec A", "Write the spec B"):
        hall.board.card(title)
    made = call(hall.server, hall.token, "move_card", cardId="Write the spec", targetColumn="Done")
    assert (made.status, made.data["code"]) == (400, "ambiguous_name")
    assert "Write the spec A" in made.texts[0]
    assert "Write the spec B" in made.texts[0]
    assert hall.titles("Done") == []


def test_documents_are_named_by_title_and_told_as_markdown(hall):
    made = call(
        hall.server, hall.token, "create_document", title="Café plan", content="# Plan", projectId="launch"
    )
    assert (made.data["contextType"], made.data["contextId"]) == ("project", hall.board.project["id"])
    changed = call(hall.server, hall.token, "update_document", documentId="cafe plan", content="# Other")
    assert changed.data["id"] == made.data["id"]
    assert (
        call(hall.server, hall.token, "get_document", documentId="Café plan").data["content"].strip()
        == "# Other"
    )
    found = call(hall.server, hall.token, "list_documents", projectId="launch").data["items"]
    assert [document["title"] for document in found] == ["Café plan"]
    assert found[0]["id"] == made.data["id"]


def test_search_finds_in_a_project_that_is_named(hall):
    hall.board.card("Write the spec")
    (hit,) = call(hall.server, hall.token, "search", q="spec", projectId="launch").data["items"]
    assert (hit["kind"], hit["title"]) == ("card", "Write the spec")
    assert call(hall.server, hall.token, "search", q="spec", projectId="nowhere").status == 400


def test_a_list_goes_on_where_its_page_ended(hall):
    for number in range(3):
        hall.board.card(f"Card {number}")
    first = call(hall.server, hall.token, "list_cards", projectId="launch", limit=2).data
    second = call(
        hall.server, hall.token, "list_cards", projectId="launch", limit=2, cursor=first["next"]
    ).data
    titles = [card["title"] for page in (first, second) for card in page["items"]]
    assert titles == ["Card 0", "Card 1", "Card 2"]
    assert second["next"] is None


# ------------------------------------------------------------------------------------------------- where


def test_a_workspace_is_named_where_there_are_several(hall):
    world, ann = hall.world, hall.board.owner
    second = world.workspace(ann, hall.board.workspace.organization, "second")
    made = call(hall.server, hall.token, "list_projects")
    assert (made.status, made.data["code"]) == (400, "ambiguous_name")
    org = second.organization.slug
    assert f"{org}/second" in made.texts[0]
    for said in (f"{org}/second", "second", "Second"):
        assert call(hall.server, hall.token, "list_projects", workspace=said).data["items"] == []
    elsewhere = world.workspace(world.person("eve"), world.organization(world.person("bob"), "else"), "where")
    for said in ("else/where", "no/where", "../..", "/", f"{elsewhere.organization.slug}/"):
        assert call(hall.server, hall.token, "list_projects", workspace=said).status == 404
    for said in ("where", "", 5, None, ["a"]):
        assert call(hall.server, hall.token, "list_projects", workspace=said).status == 400


def test_who_has_nothing_but_a_personal_workspace_means_that(hall):
    token = hall.server.register("zoe")
    assert call(hall.server, token, "list_projects").data == {"items": [], "next": None}


# ------------------------------------------------------------------------------------------------- agents


def agent(hall, mode, *names):
    agents = f"{hall.board.workspace.path}/agents"
    made = hall.world.ask(hall.token, "POST", agents, {"name": mode, "autonomyMode": mode, "tools": [*names]})
    secret = hall.world.ask(hall.token, "POST", f"{agents}/{made['id']}/tokens", {"name": "own"})["token"]
    return f"{agents}/{made['id']}", secret


def test_what_a_supervised_agent_changes_is_proposed(hall):
    path, token = agent(hall, "supervised", "board.read", "create_card")
    assert set(tools(hall.server, token)) == {
        "list_projects", "get_project_details", "list_cards", "get_card_details", "get_card_comments", "search",
        "create_card",
    }  # fmt: skip
    made = call(hall.server, token, "create_card", projectId="launch", title="Mine")
    assert (made.status, made.data["status"], made.data["action"]) == (202, "pending", "create_card")
    assert hall.titles("To Do") == []
    assert (
        call(hall.server, token, "move_card", cardId="x", targetColumn="Done").data["code"]
        == "tool_not_allowed"
    )
    noted = hall.world.ask(hall.token, "GET", f"{path}/audit")
    assert {(entry["tool"], entry["outcome"]) for entry in noted} == {
        ("create_card", "proposed"),
        ("move_card", "refused"),
    }
    proposal = f"{hall.board.workspace.path}/proposals/{made.data['id']}"
    assert hall.world.ask(hall.token, "POST", f"{proposal}/approve")["status"] == "approved"
    assert hall.titles("To Do") == ["Mine"]
    hall.world.ask(hall.token, "PATCH", path, {"status": "suspended"})
    assert call(hall.server, token, "list_projects").data["code"] == "agent_suspended"


def test_an_autonomous_agent_does_it_at_once_under_its_own_name(hall):
    path, token = agent(hall, "autonomous", "board.write")
    made = call(hall.server, token, "create_card", projectId="launch", title="Mine")
    assert made.data["createdById"] == path.rpartition("/")[2]


# ------------------------------------------------------------------------------------------------- missions

WORK = ["get_next_mission", "wait_for_mission", "report_step", "complete_mission", "fail_mission"]


@pytest.fixture
def worker(hall):
    """The token of an agent whose program works on its missions by itself."""
    path, token = agent(hall, "autonomous", "missions", "board.read")
    hall.world.ask(hall.token, "PATCH", path, {"runtime": "external"})
    return token


def test_a_program_takes_a_mission_and_says_what_becomes_of_it(hall, worker):
    card = hall.board.card("Write the spec")
    asked = call(
        hall.server, hall.token, "run_mission", agent="autonomous", cardId="write the spec", prompt="Do it"
    )
    assert asked.data["status"] == "queued"
    assert set(WORK) <= set(tools(hall.server, worker))
    assert not set(WORK) & set(tools(hall.server, hall.token))
    taken = call(hall.server, worker, "get_next_mission").data
    assert (taken["id"], taken["status"], taken["prompt"]) == (asked.data["id"], "running", "Do it")
    none = call(hall.server, worker, "get_next_mission")
    assert (none.failed, none.data, none.texts) == (False, None, ["No mission waits."])
    call(hall.server, worker, "report_step", missionId=taken["id"], text="Begun.")
    assert (
        call(hall.server, hall.token, "get_agent_status", agent="autonomous").data["missions"][0]["status"]
        == "running"
    )
    ended = call(hall.server, worker, "complete_mission", missionId=taken["id"], summary="Done.")
    assert ended.data["status"] == "completed"
    assert (
        call(hall.server, worker, "fail_mission", missionId=taken["id"], reason="x").data["code"]
        == "mission_over"
    )
    assert call(hall.server, hall.token, "get_mission", missionId=taken["id"]).data["result"] == "Done."
    said = call(hall.server, hall.token, "get_card_comments", cardId=card["id"]).data["items"]
    assert [comment["content"] for comment in said] == ["Begun.", "Done."]


def test_a_program_waits_for_its_next_mission(hall, worker):
    hall.board.card("Write the spec")
    began = time.monotonic()
    assert call(hall.server, worker, "wait_for_mission", seconds=1).texts == ["No mission waits."]
    assert 0.9 <= time.monotonic() - began < 10
    with ThreadPoolExecutor(1) as aside:
        waiting = aside.submit(call, hall.server, worker, "wait_for_mission")
        time.sleep(0.2)
        call(hall.server, hall.token, "run_mission", agent="autonomous", cardId="LAU-1", prompt="Do it")
        assert waiting.result(20).data["status"] == "running"
    for seconds in (0, 26, "x", None):
        assert call(hall.server, worker, "wait_for_mission", seconds=seconds).status == 400
    audited = [entry["tool"] for entry in hall.world.ask(hall.token, "GET", audit_of(hall))]
    # Waiting is looking once, and once again when there is something: no call of the agent's window for each second.
    assert audited.count("get_next_mission") == 3


def test_no_mission_is_taken_for_a_program_that_is_gone(hall, worker):
    hall.board.card("Write the spec")
    asked = {"name": "wait_for_mission", "arguments": {}}
    message = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": asked})
    head = (
        f"POST /mcp HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {worker}\r\nContent-Type: application/json\r\n"
        f"Accept: {ACCEPT}\r\nContent-Length: {len(message)}\r\n\r\n"
    )
    with hall.server.connect() as connection:
        connection.sendall(head.encode() + message)
        wait_until(lambda: len(hall.world.ask(hall.token, "GET", audit_of(hall))) == 1)
    wait_until(lambda: hall.server.state.in_flight == 0)
    call(hall.server, hall.token, "run_mission", agent="autonomous", cardId="LAU-1", prompt="Do it")
    assert call(hall.server, worker, "get_next_mission").data["status"] == "running"


def wait_until(true):
    for _ in range(100):
        if true():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come to that")


def audit_of(hall):
    agents = f"{hall.board.workspace.path}/agents"
    (one,) = hall.world.ask(hall.token, "GET", agents)
    return f"{agents}/{one['id']}/audit"


def test_nobody_waits_for_a_server_that_stops(hall, worker):
    with ThreadPoolExecutor(1) as aside:
        waiting = aside.submit(call, hall.server, worker, "wait_for_mission")
        time.sleep(0.5)
        began = time.monotonic()
        hall.server.state.close()
        assert waiting.result(20).texts == ["No mission waits."]
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("name", WORK)
def test_missions_are_taken_by_agents_alone(small_hall, name):
    said = {"missionId": "0" * 24, "text": "a", "summary": "a", "reason": "a"}
    takes = {"get_next_mission": [], "wait_for_mission": [], "report_step": ["missionId", "text"]}
    asked = {
        key: said[key] for key in takes.get(name, ["missionId", "summary" if "compl" in name else "reason"])
    }
    made = call(small_hall.server, small_hall.token, name, **asked)
    assert (made.status, made.data["code"]) == (403, "agents_only")


# ------------------------------------------------------------------------------------------------- the operator's token


def test_the_operators_token_reads_one_workspace(small_hall):
    hall = small_hall
    assert set(tools(hall.server, SECRET)) == set(READING)
    projects = call(hall.server, SECRET, "list_projects").data["items"]
    assert [project["name"] for project in projects] == ["Launch"]
    org = hall.board.workspace.organization.slug
    assert not call(
        hall.server, SECRET, "list_projects", workspace=f"{org}/{hall.board.workspace.slug}"
    ).failed
    hall.world.workspace(hall.board.owner, hall.board.workspace.organization, "second")
    assert call(hall.server, SECRET, "list_projects", workspace=f"{org}/second").status == 404
    for name, said in (
        ("create_card", {"projectId": "launch", "title": "a"}),
        ("propose_action", {"actionType": "archive_card", "explanation": "b"}),
    ):
        assert call(hall.server, SECRET, name, **said).data["code"] == "insufficient_scope"
    assert hall.server.ask("GET", "/auth/me", token=SECRET).status == 401


def test_the_operators_token_is_no_longer_than_its_user(sqlite_core):
    asked = attrs.evolve(WITHOUT_JOBS, mcp_token=McpToken(SECRET, "nobody@example.com", "acme/eng"))
    with running(sqlite_core, asked) as server:
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
known = st.sampled_from(["Launch", "LAU-1", "LAU", "To Do", "First", "0" * 24, "done", "high", "ann"])


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_arguments_are_a_defect(small_hall, data):
    name = data.draw(st.sampled_from([*READING, *OF_AGENTS, *ADDING, *CHANGING]))
    fields = tools_once(small_hall)[name]["inputSchema"]["properties"]
    arguments = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(fields, known | anything)))
    arguments |= data.draw(st.dictionaries(texts, anything, max_size=1))
    made = call(small_hall.server, small_hall.token, name, **arguments)
    assert made.status < 500, made


def tools_once(hall):
    if not _TOOLS:
        _TOOLS.update(tools(hall.server, hall.token))
    return _TOOLS


_TOOLS: dict = {}
