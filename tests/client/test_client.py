"""Clients apart from their methods: login, handles, options, captures and logs."""

import asyncio
import logging

import httpx
import orjson
import pytest
import respx

from stellary import AsyncStellary, NotFound, Stellary
from stellary.client import PortTransport
from stellary.client.testing import RecordingPort, make
from stellary.contract.auth import LOGIN, PasswordChanged, Session, User
from stellary.contract.cards import Card
from stellary.contract.columns import Column
from stellary.contract.organizations import Organization
from stellary.contract.projects import Project
from stellary.contract.wire import dump
from stellary.contract.workspaces import Workspace
from tests.support.colours import resolve
from tests.support.each_case import for_each

SESSION = Session(access_token="jwt_of_login", user=make(User))


@pytest.fixture
def client(port):
    return Stellary.embedded(port, token="synth_x")


# ------------------------------------------------------------------------------------------------- accounts


@pytest.fixture
def api():
    with respx.mock(base_url="http://pm.test") as router:
        yield router


async def test_login_returns_client_with_token(api, monkeypatch, colour):
    monkeypatch.setenv("STELLARY_TOKEN", "synth_environment")
    login = api.post("/auth/login").respond(201, content=dump(SESSION))
    me = api.get("/auth/me").respond(200, content=b'{"user": null}')
    client = await resolve(colour.login("http://pm.test", "a@b.c", "password", max_retries=0))
    await resolve(client.auth.me())
    await resolve(client.close())
    assert orjson.loads(login.calls[0].request.content) == {"email": "a@b.c", "password": "password"}
    assert "authorization" not in login.calls[0].request.headers
    assert me.calls[0].request.headers["authorization"] == "Bearer jwt_of_login"


@pytest.mark.parametrize(("keywords", "name"), [({}, None), ({"name": "A"}, "A")])
async def test_register_returns_client_with_token(api, keywords, name, colour):
    register = api.post("/auth/register").respond(201, content=dump(SESSION))
    client = await resolve(colour.register("http://pm.test", "a@b.c", "password", **keywords))
    assert client._caller.credentials.token == "jwt_of_login"
    assert orjson.loads(register.calls[0].request.content).get("name") == name


def test_handles_use_new_token_after_password_change(port, client):
    port.answer(
        "auth.change_password", PasswordChanged(access_token="jwt_new", live_api_tokens=0, revoked_tokens=0)
    )
    before = client.notifications.with_options(timeout=5)
    client.auth.change_password(current_password="old", new_password="new enough")
    before.count()
    assert port.requests[-1].headers["authorization"] == "Bearer jwt_new"


@pytest.mark.parametrize("log_in", ["login", "register"])
def test_login_does_not_change_a_shared_client_or_its_handles(port, client, log_in):
    port.answer(f"auth.{log_in}", SESSION)
    handle = client.notifications
    session = getattr(client.auth, log_in)(email="b@c.d", password="password")
    handle.count()
    client.auth.me()
    assert session.access_token == "jwt_of_login"
    assert [request.headers["authorization"] for request in port.requests[1:]] == ["Bearer synth_x"] * 2


def test_token_option_applies_to_its_handle_only(port, client):
    board = client.workspace("acme", "eng").project("p1")
    board.with_options(token="synth_other").cards.list()
    board.cards.list()
    board.with_options(token=None).cards.list()
    board.with_options(token="").with_options(timeout=5).cards.list()
    sent = [request.headers.get("authorization") for request in port.requests]
    assert sent == ["Bearer synth_other", "Bearer synth_x", None, None]


def test_a_client_of_another_account_keeps_its_own_token_when_passwords_change(port, client):
    port.answer(
        "auth.change_password", PasswordChanged(access_token="jwt_new", live_api_tokens=0, revoked_tokens=0)
    )
    other = client.with_options(token="jwt_of_other")
    other.auth.change_password(current_password="old", new_password="new enough")
    client.auth.me()
    other.auth.me()
    assert isinstance(other, Stellary)
    sent = [request.headers["authorization"] for request in port.requests[1:]]
    assert sent == ["Bearer synth_x", "Bearer jwt_new"]


def test_invalid_token_option_raises_without_showing_the_token(client):
    with pytest.raises(ValueError, match="the token contains") as caught:
        client.with_options(token="a b-secret")
    assert "secret" not in str(caught.value)


# ------------------------------------------------------------------------------------------------- handles


def test_values_are_accepted_as_ids_and_slugs(port, client):
    organization, workspace = make(Organization, slug="acme"), make(Workspace, slug="eng")
    project, column, card = make(Project), make(Column), make(Card)
    board = client.workspace(organization, workspace).project(project)
    board.columns(column).update(name="x")
    board.card(card).get()
    assert [request.path for request in port.requests] == [
        f"/orgs/acme/workspaces/eng/projects/{project.id}/columns/{column.id}",
        f"/orgs/acme/workspaces/eng/projects/{project.id}/cards/{card.id}",
    ]


def test_handle_may_be_passed_instead_of_its_id(port, client):
    ws = client.workspace("acme", "eng")
    board = ws.project("p 1")
    assert (ws.slug, client.organization("acme").slug, board.id) == ("eng", "acme", "p 1")
    board.cards.update(board.card("APP-1"), column_id=board.column("k1"), label_ids=[board.card("l1")])
    ws.project(board).get()
    client.workspace(client.organization("acme"), ws).get()
    updated, project, workspace = port.requests
    assert (updated.ref.card_id, updated.body) == ("APP-1", {"columnId": "k1", "labelIds": ["l1"]})
    assert (project.ref.project_id, workspace.ref.ws_slug) == ("p 1", "eng")
    with pytest.raises(
        TypeError, match=r"^card must be a text, or a value that has its id, not WorkspaceHandle"
    ):
        board.cards.get(ws)
    with pytest.raises(
        TypeError, match=r"^column_id must be a text, or a value that has its id, not WorkspaceHandle"
    ):
        board.cards.update("c1", column_id=ws)


def test_handles_are_equal_if_they_lead_to_the_same_resource(client):
    board = client.workspace("acme", "eng").project("p1")
    same = client.organization("acme").workspace("eng").project("p1").with_options(timeout=3)
    assert (board == same, hash(board) == hash(same), {board: 1}[same]) == (True, True, 1)
    different = [
        board.cards,
        client.workspace("acme", "eng").project("p2"),
        board.with_options(token="other"),
    ]
    different += [Stellary.embedded(RecordingPort()).workspace("acme", "eng").project("p1"), "p1"]
    assert [handle for handle in different if board == handle] == []


def test_handles_send_no_request(port, client):
    client.workspace("acme", "eng").project("p1").card("c1").comments  # noqa: B018 - that is the point
    assert port.requests == []


def test_the_workspace_has_defaults(port):
    client = Stellary.embedded(port, org="acme", workspace="eng")
    client.workspace().get()
    client.workspace(workspace="ops").get()
    client.workspace("other").get()
    client.organization().get()
    assert [request.path for request in port.requests] == [
        "/orgs/acme/workspaces/eng",
        "/orgs/acme/workspaces/ops",
        "/orgs/other/workspaces/eng",
        "/organizations/acme",
    ]


@pytest.mark.parametrize("arguments", [(), ("acme",)])
def test_without_a_default_the_workspace_must_be_named(client, arguments):
    with pytest.raises(
        ValueError, match=r"no workspace: pass one here or to the client, or set STELLARY_WORKSPACE"
    ):
        client.workspace(*arguments)


def test_embedded_client_ignores_token_of_the_environment(port, monkeypatch):
    monkeypatch.setenv("STELLARY_TOKEN", "synth_environment")
    monkeypatch.setenv("STELLARY_ORG", "acme")
    monkeypatch.setenv("STELLARY_URL", "nonsense")
    Stellary.embedded(port).organization().get()
    assert port.requests[0].path == "/organizations/acme"
    assert "authorization" not in port.requests[0].headers


# ------------------------------------------------------------------------------------------------- options


def test_options_apply_to_the_returned_handle_only(port, client):
    client.notifications.with_options(headers={"X-Team": "eng"}).with_options(headers={"X-Day": "1"}).count()
    client.notifications.count()
    with_them, without = port.requests
    assert (with_them.headers["x-team"], with_them.headers["x-day"]) == ("eng", "1")
    assert "x-team" not in without.headers


def test_options_are_inherited_by_nested_handles(port, client):
    client.workspace("acme", "eng").with_options(headers={"x-team": "eng"}).project("p1").cards.list()
    assert port.requests[0].headers["x-team"] == "eng"


def test_options_of_a_client_are_those_of_a_client(port, client):
    patient = client.with_options(timeout=120, retries=7)
    assert isinstance(patient, Stellary)
    assert (patient._caller.options.timeout, patient._caller.options.retries) == (120, 7)
    assert patient.with_options(timeout=None)._caller.options.timeout is None


def test_a_version_can_be_given_as_the_value_that_has_it(port, client):
    card = make(Card, version=4)
    board = client.workspace("acme", "eng").project("p1")
    board.cards.with_options(if_match=card).update(card, title="x")
    board.cards.with_options(if_match=card).with_options(if_match=None).update(card, title="x")
    assert [request.headers.get("if-match") for request in port.requests] == ['"4"', None]


def test_a_key_can_be_given(port, client):
    client.organizations.with_options(idempotency_key="import-7").create(name="Acme", slug="acme")
    assert port.requests[0].headers["idempotency-key"] == "import-7"


@for_each(
    "options", [{"timeout": 0}, {"retries": -1}, {"headers": {"a b": "c"}}, {"idempotency_key": "a\nb"}]
)
def test_invalid_options_raise(client, options):
    with pytest.raises(ValueError, match=r"timeout|retries|header"):
        client.with_options(**options)


# ------------------------------------------------------------------------------------------------- watching


def test_a_capture_shows_every_exchange(port, client):
    port.answer("cards.get", NotFound("Card not found"))
    board = client.workspace("acme", "eng").project("p1")
    client.auth.me()
    with client.capture() as calls:
        board.cards.list(limit=2)
        with pytest.raises(NotFound):
            board.with_options(headers={"x": "y"}).cards.get("c1")
    client.auth.me()
    listed, got = calls
    assert (listed.operation, listed.method, listed.query) == ("cards.list", "GET", "limit=2")
    assert listed.path == "/orgs/acme/workspaces/eng/projects/p1/cards"
    assert (listed.status, listed.request_id, listed.tries, listed.error) == (200, "req_recorded", 1, None)
    assert listed.headers["content-type"] == "application/json"
    where = f"GET {got.path}, request req_recorded"
    assert (got.status, got.error) == (404, f"404 Not Found: Card not found ({where})")
    assert all(call.ms >= 0 for call in calls)


def test_captures_can_be_nested(client):
    with client.capture() as outer, client.capture() as inner:
        client.auth.me()
    with client.capture() as later:
        pass
    assert (len(outer), len(inner), len(later)) == (1, 1, 0)


def test_a_capture_shows_no_secret(client):
    with client.capture() as calls:
        client.auth.login(email="a@b.c", password="password-of-mine")
        client.invitations.accept("secret-of-mine")
    assert "secret-of-mine" not in repr(calls)
    assert "password-of-mine" not in repr(calls)
    assert "synth_x" not in repr(calls)


async def test_capture_includes_exchanges_of_tasks(port):
    client = AsyncStellary.embedded(port)
    with client.capture() as calls:
        await asyncio.gather(client.auth.me(), client.notifications.count(), client.auth.me())
    assert sorted(call.operation for call in calls) == ["auth.me", "auth.me", "notifications.count"]


def test_the_log_has_one_line_an_exchange_without_bodies_and_tokens(client, caplog):
    with caplog.at_level(logging.DEBUG, "stellary.client"):
        client.organizations.create(name="name-of-mine", slug="acme")
    (record,) = caplog.records
    assert (record.levelname, record.name) == ("DEBUG", "stellary.client")
    assert record.getMessage().startswith("POST /organizations 201 in ")
    assert "name-of-mine" not in caplog.text
    assert "synth_x" not in caplog.text


def test_log_mentions_retries(caplog):
    with respx.mock() as router, caplog.at_level(logging.INFO, "stellary.client"):
        away = httpx.Response(503, headers={"retry-after": "0"})
        answers = [away, httpx.Response(200, content=b'{"user": null}')]
        router.get("http://pm.test/auth/me").mock(side_effect=answers)
        Stellary("http://pm.test").auth.me()
    (line,) = [record.getMessage() for record in caplog.records if record.name == "stellary.client"]
    assert line.startswith("GET /auth/me: trying again in 0.0 s: 503 Service Unavailable")


# ------------------------------------------------------------------------------------------------- in process


async def test_an_embedded_client_awaits_in_another_thread(port):
    async with AsyncStellary.embedded(port, token="synth_x") as client:
        assert await client.auth.me()
    assert port.closed
    assert port.requests[0].headers["authorization"] == "Bearer synth_x"


def test_a_port_is_a_transport_of_httpx(port):
    port.answer("auth.login", SESSION)
    with httpx.Client(transport=PortTransport(port), base_url="http://stellary") as http:
        answer = http.post(
            "/auth/login", json={"email": "a@b.c", "password": "password"}, params={"a": "b c"}
        )
    assert (answer.status_code, answer.json()["access_token"]) == (LOGIN.status, "jwt_of_login")
    assert port.requests[0].body == {"email": "a@b.c", "password": "password"}
    assert port.requests[0].query == {"a": "b c"}
    assert port.closed


async def test_a_port_is_a_transport_of_httpx_awaited(port):
    async with httpx.AsyncClient(transport=PortTransport(port), base_url="http://stellary") as http:
        answer = await http.get("/auth/me", headers={"X-Team": "eng"})
    assert answer.json().keys() == {"user"}
    assert port.requests[0].headers["x-team"] == "eng"
    assert port.closed


def test_client_over_port_transport_calls_the_port(port):
    with httpx.Client(transport=PortTransport(port)) as http:
        organization = Stellary("http://stellary", http_client=http).organizations.get("acme")
    assert isinstance(organization, Organization)
