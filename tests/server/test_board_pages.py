"""The pages of a user who has signed in with a browser."""

import re
from ipaddress import ip_network

import pytest

from reference_server.pages.handler import PAGES
from stellary import Stellary
from tests.server.running import running
from tests.server.test_pages import ANN, send_form, text_of
from tests.support.colours import create_workspace
from tests.support.core_parts import NO_LIMITS
from tests.support.each_case import for_each
from tests.support.server_parts import Settings

PASSWORD = "correct horse"
LIMITS = Settings(limits=NO_LIMITS)


def sign_in(server, next="", password=PASSWORD):
    return send_form(server, "/sign-in", email=ANN, password=password, next=next)


def cookie_of(reply):
    """Return the cookie that a reply sets, as the browser sends it."""
    return reply.headers["set-cookie"].partition(";")[0]


def test_user_signs_in_and_sees_the_projects(server):
    with Stellary(server.url, token=server.register()) as client:
        project = create_workspace(client).projects.create(name="Q1 <Launch>")
    reply = sign_in(server)
    assert (reply.status, reply.headers["location"]) == (303, "/home")
    assert reply.headers["set-cookie"].split("; ")[1:] == ["Path=/", "HttpOnly", "SameSite=Lax"]
    home = server.ask("GET", "/home", cookie=cookie_of(reply))
    assert "Acme / Engineering" in text_of(home)
    assert f'href="/boards/acme/eng/{project.id}">Q1 &lt;Launch&gt;' in home.body.decode()


def test_each_page_that_asks_for_a_sign_in_is_shown_after_it(sqlite_server):
    sqlite_server.register()
    paths = [re.sub(r":\w+", "x", endpoint.path) for endpoint in PAGES if endpoint.method == "GET"]
    private = [path for path in paths if sqlite_server.ask("GET", path).status == 401]
    assert len(private) > 10
    for path in private:
        assert sign_in(sqlite_server, path).headers["location"] == path


@pytest.mark.parametrize("target", ["https://evil.example.com", "//evil.example.com", "/docs", "boards/x"])
def test_signing_in_leads_to_no_other_site(sqlite_server, target):
    sqlite_server.register()
    assert sign_in(sqlite_server, target).headers["location"] == "/home"


def test_user_creates_and_revokes_a_token(server):
    server.register()
    cookie = cookie_of(sign_in(server))
    assert 'href="/my-tokens"' in server.ask("GET", "/home", cookie=cookie).body.decode()
    created = send_form(server, "/my-tokens", {"cookie": cookie}, name="Lap<top>")
    assert "Lap<top>" in text_of(created)
    (token,) = re.findall(r"<code>(synth_\w+)</code>", created.body.decode())
    assert server.ask("GET", "/auth/me", token=token).status == 200
    page = server.ask("GET", "/my-tokens", cookie=cookie)
    assert "Revoke Lap<top>" in text_of(page)
    assert token not in page.body.decode()
    (id,) = re.findall(r'name="id" value="(\w+)"', page.body.decode())
    revoked = send_form(server, "/my-tokens", {"cookie": cookie}, do="revoke", id=id)
    assert (revoked.status, revoked.headers["location"]) == (303, "/my-tokens?done=revoke")
    page = server.ask("GET", revoked.headers["location"], cookie=cookie)
    assert ("The token is revoked." in text_of(page), "Lap<top>" in text_of(page)) == (True, False)
    # It was revoked in another window.
    assert send_form(server, "/my-tokens", {"cookie": cookie}, do="revoke", id=id).status == 404
    assert server.ask("GET", "/auth/me", token=token).status == 401


def test_token_needs_a_name_and_a_login(sqlite_server):
    sqlite_server.register()
    unnamed = send_form(sqlite_server, "/my-tokens", {"cookie": cookie_of(sign_in(sqlite_server))}, name=" ")
    assert (unnamed.status, "The name must " in text_of(unnamed)) == (400, True)
    for page in (sqlite_server.ask("GET", "/my-tokens"), send_form(sqlite_server, "/my-tokens", name="x")):
        assert page.status == 401
        assert 'name="next" value="/my-tokens"' in page.body.decode()


def test_wrong_password_is_explained(sqlite_server):
    sqlite_server.register()
    reply = sign_in(sqlite_server, "/boards/a/b/c", "wrong password")
    assert (reply.status, "set-cookie" in reply.headers) == (401, False)
    assert "The e-mail address or the password is wrong." in text_of(reply)
    assert 'name="next" value="/boards/a/b/c"' in reply.body.decode()
    assert f'value="{ANN}"' in reply.body.decode()


def test_signing_out_ends_the_session(sqlite_server):
    sqlite_server.register()
    cookie = cookie_of(sign_in(sqlite_server))
    reply = send_form(sqlite_server, "/sign-out", {"cookie": cookie})
    assert (reply.status, reply.headers["location"]) == (303, "/sign-in")
    assert "Max-Age=0" in reply.headers["set-cookie"]
    assert sqlite_server.ask("GET", "/home", cookie=cookie).status == 401


def test_other_sites_cannot_sign_a_user_in_or_out(sqlite_server):
    sqlite_server.register()
    cookie = cookie_of(sign_in(sqlite_server))
    for path in ("/sign-in", "/sign-out"):
        headers = {"cookie": cookie, "sec_fetch_site": "cross-site"}
        assert send_form(sqlite_server, path, headers, email=ANN, password=PASSWORD).status == 403
    assert sqlite_server.ask("GET", "/home", cookie=cookie).status == 200


@for_each("cookie", ["stellary_session=wrong", "stellary_session=", "=;;=", "other=1"])
def test_invalid_cookie_leads_to_the_form(sqlite_server, cookie):
    assert sqlite_server.ask("GET", "/home", cookie=cookie).status == 401


def test_cookie_of_a_page_is_no_login_for_the_api(sqlite_server):
    sqlite_server.register()
    assert sqlite_server.ask("GET", "/auth/me", cookie=cookie_of(sign_in(sqlite_server))).status == 401


@for_each(
    "url, proxies, host, name, has_hsts",
    [
        ("https://pm.example.com", (), "pm.example.com", "__Host-stellary_form", True),
        ("https://localhost", (), "localhost:3001", "__Host-stellary_form", False),
        ("http://pm.example.com", (ip_network("127.0.0.1"),), "x", "__Host-stellary_form", True),
        ("http://localhost:3001", (), "localhost:3001", "stellary_form", False),
    ],
)
def test_cookies_are_sent_over_https_only(sqlite_core, url, proxies, host, name, has_hsts):
    sqlite_core.env.public_url = url
    with running(sqlite_core, Settings(limits=NO_LIMITS, jobs=False, trusted_proxies=proxies)) as server:
        reply = server.ask("GET", "/sign-in", host=host, x_forwarded_proto="https")
    cookie = reply.headers["set-cookie"]
    assert (cookie.partition("=")[0], cookie.endswith("; Secure")) == (name, name.startswith("__"))
    assert ("strict-transport-security" in reply.headers) == has_hsts


def test_user_of_a_trusted_proxy_needs_no_form(sqlite_core):
    settings = Settings(
        limits=NO_LIMITS, trusted_proxies=(ip_network("127.0.0.1"),), user_header="x-forwarded-email"
    )
    with running(sqlite_core, settings) as server:
        assert server.ask("GET", "/home", x_forwarded_email=ANN).status == 200
        assert server.ask("GET", "/home").status == 401
