"""OAuth for AI clients that connect by a URL: with the official client, in a browser, and with hostile requests."""

import asyncio
import base64
import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qsl, urlencode, urlsplit

import attrs
import httpx2
import pytest
from mcp.client import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

from tests.server.running import WITHOUT_JOBS, running
from tests.server.test_board_pages import PASSWORD, cookie_of, sign_in
from tests.server.test_pages import ANN, FORM, text_of
from tests.support import browser
from tests.support.each_case import for_each
from tests.support.mcp import call, post
from tests.support.world import StoppedClock

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
REDIRECT = "http://127.0.0.1:9000/callback"


@attrs.define
class Program:
    """A program that connects to a server, and the browser of its user."""

    server: object
    session: str
    client_id: str = ""

    def register(self, **metadata):
        body = {"client_name": "Helper", "redirect_uris": [REDIRECT], **metadata}
        return self.server.ask("POST", "/oauth/register", body)

    def open_consent(self, session=None, **query):
        valid = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": REDIRECT,
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            "state": "s 1",
            "resource": f"{self.server.url}/mcp",
            "scope": "projects:read projects:write",
        }
        query = {name: text for name, text in {**valid, **query}.items() if text is not None}
        cookie = self.session if session is None else session
        return self.server.ask("GET", f"/oauth/authorize?{urlencode(query)}", cookie=cookie)

    def decide(self, page, do="allow"):
        fields = dict(re.findall(r'name="(formToken|request)" value="([^"]*)"', unescape(page.body.decode())))
        form = urlencode({**fields, "do": do}).encode()
        return self.server.ask("POST", "/oauth/authorize", form, content_type=FORM, cookie=self.session)

    def get_code(self, **query):
        return answer_of(self.decide(self.open_consent(**query)))["code"]

    def ask_tokens(self, **fields):
        valid = {
            "grant_type": "authorization_code",
            "client_id": self.client_id,
            "redirect_uri": REDIRECT,
            "code_verifier": VERIFIER,
        }
        form = urlencode({**valid, **fields}).encode()
        return self.server.ask("POST", "/oauth/token", form, content_type=FORM)

    def refresh(self, refresh_token, **fields):
        return self.ask_tokens(grant_type="refresh_token", refresh_token=refresh_token, **fields)


def answer_of(reply):
    """Return the parameters with which a page sends the user back to the program."""
    assert reply.status == 303, text_of(reply)
    return dict(parse_qsl(urlsplit(reply.headers["location"]).query))


@pytest.fixture
def server(core):
    with running(core, WITHOUT_JOBS) as server:
        core.env.public_url = server.url
        core.env.clock = StoppedClock()
        server.register()
        yield server


@pytest.fixture
def program(server):
    program = Program(server, cookie_of(sign_in(server)))
    program.client_id = program.register().json["client_id"]
    return program


@pytest.fixture
def tokens(program):
    return program.ask_tokens(code=program.get_code()).json


def is_accepted(server, tokens):
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    return post(server, ping, tokens["access_token"]).status == 200


# ------------------------------------------------------------------------------------------------- whole flows


class Memory:
    """A store of the official client."""

    def __init__(self):
        self.tokens = self.client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


async def connect(url, consent, memory, redirect_uri=REDIRECT):
    """Connect with the official client, whose user consents once, and return the caller before and after a refresh."""
    answers = []

    async def redirect(location):
        answers.append(await consent(location))

    async def receive():
        answer = dict(parse_qsl(urlsplit(answers.pop()).query))
        return AuthorizationCodeResult(code=answer["code"], state=answer["state"], iss=answer["iss"])

    metadata = OAuthClientMetadata(client_name="Official", redirect_uris=[redirect_uri])
    auth = OAuthClientProvider(f"{url}/mcp", metadata, memory, redirect, receive)
    async with (
        httpx2.AsyncClient(auth=auth, timeout=30) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http)) as client,
    ):
        first = (await client.call_tool("whoami", {})).structured_content, memory.tokens
        # The access token has expired.
        auth.context.token_expiry_time = 1.0
        second = (await client.call_tool("whoami", {})).structured_content, memory.tokens
        return first, second


@pytest.mark.slow("runs the official client")
async def test_official_client_connects_by_the_url_and_refreshes(server, program):
    async def consent(location):
        query = urlsplit(location).query
        page = await asyncio.to_thread(server.ask, "GET", f"/oauth/authorize?{query}", cookie=program.session)
        return (await asyncio.to_thread(program.decide, page)).headers["location"]

    (caller, tokens), (same_caller, new_tokens) = await connect(server.url, consent, Memory())
    assert (caller["name"], len(caller["scopes"])) == ("ann", 7)
    assert same_caller == caller
    assert new_tokens.refresh_token != tokens.refresh_token
    assert not is_accepted(server, {"access_token": tokens.access_token})


@pytest.mark.slow("opens a browser")
@pytest.mark.skipif(
    browser.PROGRAM is None, reason="Chromium is not installed: python3 dev.py services installs it"
)
async def test_user_signs_in_and_consents_in_a_browser(server):
    came_back = asyncio.Queue()

    async def receive(reader, writer):
        line = (await reader.readline()).decode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nDone")
        await writer.drain()
        writer.close()
        if "/callback" in line:
            came_back.put_nowait(f"http://127.0.0.1{line.split()[1]}")

    listener = await asyncio.start_server(receive, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]

    async def consent(location):
        async with browser.open_browser() as page:
            await page.open(location)
            await page.fill_in({"email": ANN, "password": PASSWORD}, "Sign in")
            assert "A program that calls itself Official" in await page.read_text()
            await page.fill_in({}, "Allow")
            return await asyncio.wait_for(came_back.get(), 20)

    async with listener:
        (caller, _), _ = await connect(server.url, consent, Memory(), f"http://127.0.0.1:{port}/callback")
    assert caller["name"] == "ann"


# ------------------------------------------------------------------------------------------------- metadata


def test_metadata_leads_from_the_401_to_the_endpoints(server):
    challenge = post(server, {}, None).headers["www-authenticate"]
    url = re.fullmatch(r'Bearer resource_metadata="(.*)"', challenge)[1]
    for path in (url.removeprefix(server.url), "/.well-known/oauth-protected-resource"):
        resource = server.ask("GET", path).json
        assert resource["resource"] == f"{server.url}/mcp"
        assert resource["authorization_servers"] == [server.url]
    metadata = server.ask("GET", "/.well-known/oauth-authorization-server").json
    assert metadata["issuer"] == server.url
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert post(server, {}, "nonsense").headers["www-authenticate"].endswith(', error="invalid_token"')


@for_each(
    "metadata",
    [
        {"redirect_uris": []},
        {"redirect_uris": "https://a.example"},
        {"redirect_uris": ["https://a.example/x"] * 9},
        {"redirect_uris": [f"https://a.example/{'x' * 2_500}"]},
        *(
            {"redirect_uris": [uri]}
            for uri in (
                "http://a.example/x", "http://127.0.0.1.evil.example/x", "http://localhost@evil.example/",
                "https://a.example/#x", "https://user@a.example/", "https://a.example;script-src *//x",
                "javascript://a.example/%0aalert(1)", "data://text/html,x", "https:a.example", "/callback",
                "https://a.example/ x", "https://a.exämple/", "//a.example", 7,
            )
        ),
        {"client_name": "x" * 101},
        {"client_name": "a\nb"},
        {"client_name": ""},
        {"client_name": 7},
    ],
)  # fmt: skip
def test_hostile_registrations_are_refused(program, metadata):
    reply = program.register(**metadata)
    assert (reply.status, reply.json["error"].startswith("invalid_")) == (400, True)


def test_registrations_are_bounded_and_not_stored(program):
    for body in (b"[]", b"{", b"", b"x" * 20_000):
        assert 400 <= program.server.ask("POST", "/oauth/register", body).status < 500
    for uri in ("cursor://anysphere/callback", "https://claude.ai/api/mcp/auth_callback", "http://[::1]/x"):
        assert program.register(redirect_uris=[uri]).status == 201
    program.server.core.env.clock.advance(timedelta(days=366))
    assert program.ask_tokens(code="x").json["error"] == "invalid_client"


# ------------------------------------------------------------------------------------------------- consent


def test_consent_page_names_the_program_its_host_and_the_scopes(program):
    page = program.open_consent()
    text = text_of(page)
    for part in (
        "calls itself Helper wants",
        ANN,
        "return to http://127.0.0.1:9000",
        "Change projects, cards",
    ):
        assert part in text
    assert "Change your profile" not in text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' http://127.0.0.1:9000;" in policy
    answer = answer_of(program.decide(page, "refuse"))
    assert answer == {"error": "access_denied", "state": "s 1", "iss": program.server.url}
    hostile = program.register(client_name="<b>x</b>", redirect_uris=["app://x/y"]).json["client_id"]
    page = program.open_consent(client_id=hostile, redirect_uri="app://x/y")
    assert "&lt;b&gt;x&lt;/b&gt;" in page.body.decode()
    assert "form-action 'self' app:;" in page.headers["content-security-policy"]


def test_user_signs_in_before_the_consent(program):
    page = program.open_consent(session="")
    assert (page.status, "location" in page.headers) == (401, False)
    target = unescape(re.search(r'name="next" value="([^"]*)"', page.body.decode())[1])
    reply = sign_in(program.server, target)
    assert (reply.status, reply.headers["location"]) == (303, target)
    assert "Helper" in text_of(program.server.ask("GET", target, cookie=cookie_of(reply)))


@for_each(
    "query",
    [
        {"client_id": None},
        {"client_id": "x"},
        {"redirect_uri": None},
        {"redirect_uri": f"{REDIRECT}/more"},
        {"redirect_uri": f"{REDIRECT}?x=1"},
        {"redirect_uri": "http://127.0.0.1:9000.evil.example/callback"},
        {"redirect_uri": "http://localhost:9000/callback"},
        {"redirect_uri": "https://127.0.0.1:9000/callback"},
        {"redirect_uri": "https://evil.example/callback"},
    ],
)
def test_user_is_not_sent_to_an_address_that_is_not_registered(program, query):
    page = program.open_consent(**query)
    assert (page.status, "location" in page.headers) == (400, False)


@for_each(
    "query, error",
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"resource": "https://other.example/mcp"}, "invalid_target"),
        ({"scope": "everything"}, "invalid_scope"),
        ({"scope": " "}, "invalid_scope"),
    ],
)
def test_error_is_reported_to_the_program(program, query, error):
    answer = answer_of(program.open_consent(**query))
    assert (answer["error"], answer.get("state"), "code" in answer) == (error, "s 1", False)


def test_consent_of_another_browser_or_time_is_refused(program):
    page = program.open_consent()
    other = Program(program.server, cookie_of(sign_in(program.server)), program.client_id)
    assert other.decide(page).status == 403
    program.server.core.env.clock.advance(timedelta(minutes=11))
    assert program.decide(page).status == 400


# ------------------------------------------------------------------------------------------------- tokens


def test_token_has_the_scopes_that_the_user_allowed(server, tokens):
    assert (tokens["token_type"], tokens["expires_in"], tokens["scope"]) == (
        "Bearer", 3600, "projects:read projects:write",
    )  # fmt: skip
    assert call(server, tokens["access_token"], "list_projects").data["items"] == []
    assert call(server, tokens["access_token"], "get_pilotage_state").data["code"] == "insufficient_scope"
    assert server.ask("POST", "/api-tokens", {"name": "x"}, tokens["access_token"]).status == 403
    server.core.env.clock.advance(timedelta(minutes=61))
    assert not is_accepted(server, tokens)


@for_each(
    "body", [b"", b"\xff", b"a" * 20_000, b"&".join([b"a=b"] * 30), b"token=%00&code=%00&refresh_token=1.1.1"]
)
def test_hostile_bodies_are_refused(server, body):
    for path in ("/oauth/token", "/oauth/revoke", "/oauth/register"):
        for media in (FORM, "application/json", "text/plain"):
            reply = server.ask("POST", path, body, content_type=media)
            assert reply.status < 500
            assert reply.headers["content-type"] == "application/json"


def test_port_of_a_loopback_address_may_vary(program):
    other = REDIRECT.replace("9000", "40000")
    code = program.get_code(redirect_uri=other)
    assert program.ask_tokens(code=code, redirect_uri=other).status == 200


@for_each(
    "fields, error",
    [
        ({"code_verifier": "w" * 43}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:9001/callback"}, "invalid_grant"),
        ({"code": "x.0.y"}, "invalid_grant"),
        ({"client_id": "x"}, "invalid_client"),
        ({"resource": "https://other.example/mcp"}, "invalid_target"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_code_is_worth_nothing_to_others(program, fields, error):
    code = program.get_code()
    reply = program.ask_tokens(**{"code": code, **fields})
    assert (reply.status, reply.json["error"]) == (401 if error == "invalid_client" else 400, error)
    if error == "invalid_grant" and "code" not in fields:
        # A wrong proof ends it.
        assert program.ask_tokens(code=code).json["error"] == "invalid_grant"


def test_code_of_another_program_is_refused(program):
    other = program.register(client_name="Other").json["client_id"]
    assert program.ask_tokens(code=program.get_code(), client_id=other).json["error"] == "invalid_grant"


def test_code_expires_and_is_not_listed(program):
    code = program.get_code()
    program.server.core.env.clock.advance(timedelta(seconds=61))
    assert program.ask_tokens(code=code).json["error"] == "invalid_grant"
    program.get_code()
    assert "Helper" not in text_of(program.server.ask("GET", "/my-tokens", cookie=program.session))


def test_second_use_of_a_code_ends_the_grant(server, program):
    code = program.get_code()
    tokens = program.ask_tokens(code=code).json
    assert is_accepted(server, tokens)
    assert program.ask_tokens(code=code).json["error"] == "invalid_grant"
    assert not is_accepted(server, tokens)
    assert program.refresh(tokens["refresh_token"]).json["error"] == "invalid_grant"


def test_refresh_replaces_both_tokens_and_reuse_ends_the_grant(server, program, tokens):
    renewed = program.refresh(tokens["refresh_token"]).json
    assert (is_accepted(server, renewed), is_accepted(server, tokens)) == (True, False)
    assert renewed["scope"] == tokens["scope"]
    assert program.refresh(tokens["refresh_token"]).json["error"] == "invalid_grant"
    assert not is_accepted(server, renewed)
    assert program.refresh(renewed["refresh_token"]).json["error"] == "invalid_grant"


def test_of_two_refreshes_at_once_one_succeeds(program, tokens):
    with ThreadPoolExecutor(2) as pool:
        replies = list(pool.map(lambda _: program.refresh(tokens["refresh_token"]), range(2)))
    assert sorted(reply.status for reply in replies) == [200, 400]


def test_grant_ends_without_renewal(program, tokens):
    program.server.core.env.clock.advance(timedelta(days=31))
    assert program.refresh(tokens["refresh_token"]).json["error"] == "invalid_grant"


@for_each("name", ["access_token", "refresh_token"])
def test_program_revokes_its_grant(server, program, name):
    tokens = program.ask_tokens(code=program.get_code()).json
    login_token = server.ask("POST", "/api-tokens", {"name": "own"}, program.session.partition("=")[2]).json
    for token in (tokens[name], login_token["token"], "x"):
        form = urlencode({"token": token}).encode()
        assert server.ask("POST", "/oauth/revoke", form, content_type=FORM).status == 200
    assert not is_accepted(server, tokens)
    assert program.refresh(tokens["refresh_token"]).status == 400
    assert is_accepted(server, {"access_token": login_token["token"]})


def test_api_token_cannot_consent(program):
    login = program.session.partition("=")[2]
    login_token = program.server.ask(
        "POST", "/api-tokens", {"name": "x", "scopes": ["account:read"]}, login
    ).json
    program.session = f"stellary_session={login_token['token']}"
    assert program.decide(program.open_consent()).status == 403


def test_user_revokes_a_grant_on_the_page_of_tokens(server, program, tokens):
    page = server.ask("GET", "/my-tokens", cookie=program.session)
    assert "Revoke Helper (synth_" in text_of(page)
    fields = dict(re.findall(r'name="(formToken|id)" value="([^"]*)"', page.body.decode()))
    form = urlencode({**fields, "do": "revoke"}).encode()
    assert server.ask("POST", "/my-tokens", form, content_type=FORM, cookie=program.session).status == 303
    assert not is_accepted(server, tokens)
    assert program.refresh(tokens["refresh_token"]).json["error"] == "invalid_grant"


def test_grants_count_among_the_tokens_of_a_user(server, program):
    login = program.session.partition("=")[2]
    for _ in range(99):
        server.ask("POST", "/api-tokens", {"name": "x"}, login)
    assert "code" in answer_of(program.decide(program.open_consent()))
    assert program.decide(program.open_consent()).status == 409
