"""The forms of all pages: only a page of this server, in the browser that has opened it, can send one."""

from ipaddress import ip_network
from itertools import product
from urllib.parse import urlencode

import attrs

from reference_server.pages.handler import PAGES, PROVIDER_PAGES
from reference_server.settings import OidcSettings
from tests.server.running import running
from tests.server.test_board_pages import cookie_of, sign_in
from tests.server.test_pages import ANN, FORM, open_form, send_form, text_of
from tests.support.core_parts import NO_LIMITS
from tests.support.server_parts import Settings
from tests.support.tables import read_rows

FORMS = [endpoint.path for endpoint in [*PAGES, *PROVIDER_PAGES] if endpoint.method == "POST"]
SETTINGS = Settings(
    limits=NO_LIMITS,
    jobs=False,
    oidc=OidcSettings(issuer="http://127.0.0.1:9", client_id="stellary"),
    trusted_proxies=(ip_network("127.0.0.1"),),
    user_header="x-forwarded-email",
)
FOREIGN = {"origin": "https://evil.example.com"}


def test_forms_of_other_pages_are_refused(core):
    with running(core, SETTINGS) as server:
        server.register()
        session = cookie_of(sign_in(server))
        cookie, token = open_form(server)
        own_token = open_form(server, session)[1]
        refused = [
            ("", {}, ""),
            ("", {}, token),
            (cookie, {}, ""),
            (cookie, {}, open_form(server)[1]),
            (session, {}, token),
            (session, FOREIGN, own_token),
            (cookie, FOREIGN, token),
            (cookie, {"origin": "null"}, token),
            (cookie, {"sec_fetch_site": "same-site"}, token),
        ]
        before = read_rows(core)
        for path, (cookies, more, sent) in product(FORMS, refused):
            # The proxy signs in a user who has no account yet.
            headers = {"cookie": cookies, "x_forwarded_email": "new@example.com", **more}
            form = {"email": ANN, "name": "CI", "password": "correct horse", "formToken": sent}
            reply = server.ask("POST", path, urlencode(form).encode(), content_type=FORM, **headers)
            assert (reply.status, reply.headers["content-type"]) == (403, "text/html; charset=utf-8"), path
        assert read_rows(core) == before


def test_user_of_a_proxy_creates_a_token_on_the_page_only(sqlite_core):
    with running(sqlite_core, SETTINGS) as server:
        user = {"x_forwarded_email": ANN}
        assert send_form(server, "/my-tokens", {**user, **FOREIGN}, name="CI").status == 403
        headers = {**user, "origin": server.url}
        assert "Copy your token" in text_of(send_form(server, "/my-tokens", headers, name="CI"))


def test_form_behind_a_proxy_names_the_public_origin(sqlite_core):
    sqlite_core.env.public_url = "https://pm.example.com/app"
    with running(sqlite_core, attrs.evolve(SETTINGS, oidc=None)) as server:
        headers = {"origin": "https://pm.example.com"}
        assert send_form(server, "/forgot-password", headers, email=ANN).status == 200
