"""Users that a trusted proxy has signed in, and names in a header."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network

import pytest

from stellary.core import Core
from tests.server.running import Reply, Running, running
from tests.support.core_parts import NO_LIMITS
from tests.support.each_case import for_each
from tests.support.server_parts import Settings, SettingsError, from_environment

ANN = "ann@example.com"
PASSWORD = "correct horse"


def trust(core: Core, network: str) -> Settings:
    return Settings(limits=NO_LIMITS, trusted_proxies=(ip_network(network),), user_header="x-forwarded-email")


@pytest.fixture
def proxied_server(core: Core) -> Iterator[Running]:
    """Yield a server that trusts the header of this machine."""
    with running(core, trust(core, "127.0.0.1")) as server:
        yield server


def ask_as(server: Running, email: str, method: str = "GET", path: str = "/auth/me", **options) -> Reply:
    return server.ask(method, path, x_forwarded_email=email, **options)


def code_of(reply: Reply) -> tuple[int, str | None]:
    return reply.status, reply.json.get("code")


def test_account_is_created_on_first_use(proxied_server):
    first, second = (ask_as(proxied_server, email).json["user"] for email in (ANN, "ANN@example.com"))
    assert first == second
    assert (first["email"], first["name"], first["emailVerified"]) == (ANN, "ann", True)
    organization = {"name": "Acme", "slug": "acme"}
    assert ask_as(proxied_server, ANN, "POST", "/organizations", body=organization).status == 201
    # There is no password with which one could sign in elsewhere.
    assert proxied_server.ask("POST", "/auth/login", {"email": ANN, "password": PASSWORD}).status == 401


def test_concurrent_first_requests_create_one_account(proxied_server):
    with ThreadPoolExecutor(6) as threads:
        replies = list(threads.map(lambda _: ask_as(proxied_server, ANN), range(6)))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.json["user"]["id"] for reply in replies}) == 1


def test_existing_account_is_used(proxied_server):
    bearer = proxied_server.register("ann")
    id = proxied_server.ask("GET", "/auth/me", token=bearer).json["user"]["id"]
    assert ask_as(proxied_server, ANN).json["user"]["id"] == id
    # The user may still use the password, since the address is verified.
    assert proxied_server.ask("GET", "/auth/me", token=bearer).status == 200


def test_account_with_an_unconfirmed_address_is_given_to_its_owner(proxied_server):
    proxied_server.core.env.verify_email = True
    bearer = proxied_server.register("ann")
    token = proxied_server.ask("POST", "/api-tokens", {"name": "Kept"}, bearer).json["token"]
    assert ask_as(proxied_server, ANN).json["user"]["emailVerified"]
    assert ask_as(proxied_server, ANN, path="/api-tokens").json == []
    for earlier in (bearer, token):
        assert proxied_server.ask("GET", "/auth/me", token=earlier).status == 401
    assert proxied_server.ask("POST", "/auth/login", {"email": ANN, "password": PASSWORD}).status == 401


def test_header_of_another_sender_is_ignored(sqlite_core):
    with running(sqlite_core, trust(sqlite_core, "10.0.0.0/8")) as server:
        assert ask_as(server, ANN).status == 401
        assert ask_as(server, ANN, x_forwarded_for="10.0.0.1").status == 401


def test_token_takes_precedence(proxied_server):
    bearer = proxied_server.register("bob")
    assert ask_as(proxied_server, ANN, token=bearer).json["user"]["email"] == "bob@example.com"
    assert ask_as(proxied_server, ANN, token="wrong").status == 401


@for_each(
    "headers, answer",
    [
        (b"X-Forwarded-Email: ann@example.com\r\nX-Forwarded-Email: eve@example.com", b"repeated_header"),
        (b"X-Forwarded-Email: nobody", b"must be an e-mail address"),
    ],
)
def test_invalid_header_is_rejected(proxied_server, headers, answer):
    reply = proxied_server.send(b"GET /auth/me HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n\r\n")
    assert reply.status == 400
    assert answer in reply.body


def test_page_of_another_site_changes_nothing(proxied_server):
    organization = {"name": "Acme", "slug": "acme"}
    for header in ({"origin": "https://evil.example.com"}, {"sec_fetch_site": "cross-site"}):
        reply = ask_as(proxied_server, ANN, "POST", "/organizations", body=organization, **header)
        assert code_of(reply) == (403, "cross_site")


def test_user_without_an_address_is_not_signed_in(proxied_server):
    assert proxied_server.ask("GET", "/auth/me").status == 401
    assert ask_as(proxied_server, "").status == 401


def test_header_needs_trusted_proxies():
    with pytest.raises(SettingsError, match="STELLARY_USER_HEADER needs STELLARY_TRUSTED_PROXIES"):
        from_environment({"STELLARY_USER_HEADER": "X-Forwarded-Email"})
    proxies = {"STELLARY_TRUSTED_PROXIES": "127.0.0.1"}
    for name, header in (("X-Forwarded-Email", "x-forwarded-email"), ("", None)):
        assert from_environment({**proxies, "STELLARY_USER_HEADER": name}).user_header == header
    for name in ("Authorization", "X Forwarded"):
        with pytest.raises(SettingsError, match="must be the name of a header"):
            from_environment({**proxies, "STELLARY_USER_HEADER": name})
