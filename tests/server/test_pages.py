"""The pages that links in emails lead to."""

import re
from datetime import timedelta
from html import unescape
from urllib.parse import urlencode

import pytest

from stellary.core import NOBODY
from tests.server.running import running
from tests.support.core_parts import Limits, create_email_token, create_reset_link, id_by_address
from tests.support.each_case import for_each
from tests.support.server_parts import Settings
from tests.support.waiting import wait_until
from tests.support.world import links

FORM = "application/x-www-form-urlencoded"
ANN = "ann@example.com"
NEW_PASSWORD = "a new password"


def send_form(server, path, headers=None, **fields):
    """Send a form as the browser does that has opened a page with a form: with its token, and its cookie."""
    headers = dict(headers or {})
    headers["cookie"], fields["formToken"] = open_form(server, headers.get("cookie", ""))
    return server.ask("POST", path, urlencode(fields).encode(), content_type=FORM, **headers)


def open_form(server, cookie=""):
    """Open a page with a form, and return the cookies of the browser and the token of the form."""
    page = server.ask("GET", "/forgot-password", cookie=cookie)
    token = re.search(r'name="formToken" value="(\w+)"', page.body.decode())[1]
    return "; ".join(filter(None, [cookie, page.headers.get("set-cookie", "").partition(";")[0]])), token


def text_of(reply):
    """Return the text of a page, without its tags."""
    body = reply.body.decode()
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body[body.index("<main>") :])))


def reset_path(server, email=ANN):
    link = server.core.run(NOBODY, lambda uow: create_reset_link(uow, email))
    return link[link.index("/reset-password/") :]


def login_status(server, password):
    return server.ask("POST", "/auth/login", {"email": ANN, "password": password}).status


def test_link_in_the_email_leads_to_a_page_that_sets_a_new_password(server):
    server.register()
    path = reset_path(server)
    page = server.ask("GET", path)
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert f'action="{path}#reset"' in page.body.decode()
    # Programs that look at links do not use them up.
    assert [server.ask(method, path).status for method in ("GET", "HEAD")] == [200, 200]
    assert send_form(server, path, newPassword=NEW_PASSWORD).status == 200
    assert login_status(server, NEW_PASSWORD) == 201


def test_used_link_leads_to_a_page_that_says_so(server):
    server.register()
    path = reset_path(server)
    send_form(server, path, newPassword=NEW_PASSWORD)
    for reply in (server.ask("GET", path), send_form(server, path, newPassword="yet another one")):
        assert reply.status == 404
        assert "This link is no longer valid" in text_of(reply)
    assert login_status(server, NEW_PASSWORD) == 201


def test_rejected_password_is_explained_on_the_page(sqlite_server):
    sqlite_server.register()
    reply = send_form(sqlite_server, reset_path(sqlite_server), newPassword="password")
    assert reply.status == 400
    assert "The new password is one of the most common passwords" in text_of(reply)
    assert "password1" not in reply.body.decode()


@pytest.mark.parametrize(("fields", "status"), [({}, 200), ({"revokeTokens": "true"}, 401)])
def test_page_revokes_api_tokens_on_request(sqlite_server, fields, status):
    bearer = sqlite_server.register()
    api_token = sqlite_server.ask("POST", "/api-tokens", {"name": "ci"}, bearer).json["token"]
    send_form(sqlite_server, reset_path(sqlite_server), newPassword=NEW_PASSWORD, **fields)
    assert sqlite_server.ask("GET", "/auth/me", token=api_token).status == status
    assert sqlite_server.ask("GET", "/auth/me", token=bearer).status == 401


def test_page_of_a_forgotten_password_reveals_no_account(sqlite_server):
    sqlite_server.register()
    pages = [
        text_of(send_form(sqlite_server, "/forgot-password", email=email)).replace(email, "")
        for email in (ANN, "nobody@example.com")
    ]
    assert pages[0] == pages[1]
    assert "a link is on its way" in pages[0]


def test_malformed_address_is_explained_on_the_page(sqlite_server):
    reply = send_form(sqlite_server, "/forgot-password", email="ann")
    assert reply.status == 400
    assert "The e-mail address must be an e-mail address." in text_of(reply)


def test_forms_have_the_limits_of_the_api(sqlite_core):
    with running(sqlite_core, Settings(limits=Limits())) as server:
        for _ in range(20):
            assert server.ask("POST", "/auth/forgot-password", {"email": ANN}).status == 200
        reply = send_form(server, "/forgot-password", email=ANN)
    assert reply.status == 429
    assert int(reply.headers["retry-after"]) > 3000
    assert "Too many forgotten passwords" in text_of(reply)


def test_form_from_another_site_is_refused(sqlite_server):
    sqlite_server.register()
    path = reset_path(sqlite_server)
    for site in ("cross-site", "same-site"):
        headers = {"sec-fetch-site": site}
        assert send_form(sqlite_server, path, headers, newPassword=NEW_PASSWORD).status == 403
    assert login_status(sqlite_server, NEW_PASSWORD) == 401
    headers = {"sec-fetch-site": "same-origin"}
    assert send_form(sqlite_server, path, headers, newPassword=NEW_PASSWORD).status == 200


@for_each(
    "case",
    [
        (b"{}", "application/json", 415),
        (b"email=a%40b.c", "text/plain", 415),
        (b"email=%ff", FORM, 400),
        (b"\xff=1", FORM, 400),
        (b"&".join(b"a%d=1" % number for number in range(21)), FORM, 400),
        (b"email=" + b"x" * 20_000, FORM, 413),
        (b"", FORM, 403),
    ],
)
def test_malformed_form_is_refused(sqlite_server, case):
    body, content_type, status = case
    reply = sqlite_server.ask("POST", "/forgot-password", body, content_type=content_type)
    assert (reply.status, reply.headers["content-type"]) == (status, "text/html; charset=utf-8")


def test_pages_run_no_script_and_leak_no_address(sqlite_server):
    sqlite_server.register()
    page = sqlite_server.ask("GET", reset_path(sqlite_server))
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "script" not in policy
    assert "unsafe" not in policy
    assert "form-action 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["referrer-policy"] == "same-origin"
    assert page.headers["cache-control"] == "no-store"
    assert "<script" not in page.body.decode()
    assert " style=" not in page.body.decode()


def test_text_of_users_is_escaped(sqlite_server):
    reply = send_form(sqlite_server, "/forgot-password", email='"><script>alert(1)</script>@example.com')
    assert "<script" not in reply.body.decode()
    assert "&lt;script&gt;" in reply.body.decode()


def test_secrets_of_links_are_not_logged(sqlite_server):
    sqlite_server.register()
    path = reset_path(sqlite_server)
    sqlite_server.ask("GET", path)
    send_form(sqlite_server, path, newPassword=NEW_PASSWORD)
    paths = [entry.path for entry in sqlite_server.entries if entry.path.startswith("/reset")]
    assert paths == ["/reset-password/:token"] * 2


# ------------------------------------------------------------------------------------------------ invitations


def invite(server, owner, email="bob@example.com"):
    """Return the path of an invitation of an owner to a new workspace."""
    server.ask("POST", "/organizations", {"name": "Acme", "slug": "acme"}, owner)
    server.ask("POST", "/orgs/acme/workspaces", {"name": "Eng & Co", "slug": "eng"}, owner)
    invited = {"email": email, "role": "member"}
    reply = server.ask("POST", "/orgs/acme/workspaces/eng/members/invite", invited, owner)
    return f"/invitations/{reply.json['token']}"


def list_members(server, owner):
    members = server.ask("GET", "/orgs/acme/workspaces/eng/members", token=owner).json
    return [(member["email"], member["name"]) for member in members]


def test_new_user_accepts_an_invitation_on_its_page(server):
    owner = server.register()
    path = invite(server, owner)
    page = server.ask("GET", path)
    assert page.status == 200
    assert "ann invites you to the workspace Eng & Co." in text_of(page)
    reply = send_form(server, path, account="new", name="Bob", password="correct horse")
    assert (reply.status, "You are a member of Eng & Co" in text_of(reply)) == (200, True)
    assert list_members(server, owner) == [(ANN, "ann"), ("bob@example.com", "Bob")]
    credentials = {"email": "bob@example.com", "password": "correct horse"}
    assert server.ask("POST", "/auth/login", credentials).status == 201


def test_existing_user_accepts_an_invitation_on_its_page(server):
    owner = server.register()
    server.register("bob")
    reply = send_form(server, invite(server, owner), account="existing", password="correct horse")
    assert reply.status == 200
    assert len(list_members(server, owner)) == 2


def test_wrong_password_accepts_nothing(sqlite_server):
    owner = sqlite_server.register()
    sqlite_server.register("bob")
    path = invite(sqlite_server, owner)
    reply = send_form(sqlite_server, path, account="existing", password="wrong password")
    assert (reply.status, "The e-mail address or the password is wrong." in text_of(reply)) == (401, True)
    assert len(list_members(sqlite_server, owner)) == 1
    assert send_form(sqlite_server, path, account="existing", password="correct horse").status == 200


def test_page_of_an_invitation_reveals_no_account(sqlite_server):
    owner = sqlite_server.register()
    sqlite_server.register("bob")
    pages = [
        text_of(sqlite_server.ask("GET", invite(sqlite_server, owner, email))).replace(email, "")
        for email in ("bob@example.com", "eve@example.com")
    ]
    assert pages[0] == pages[1]


def test_duplicate_account_is_explained_on_the_page(sqlite_server):
    owner = sqlite_server.register()
    sqlite_server.register("bob")
    reply = send_form(
        sqlite_server, invite(sqlite_server, owner), account="new", name="B", password="correct horse"
    )
    assert reply.status == 409
    assert "An account with this e-mail address exists already." in text_of(reply)
    assert len(list_members(sqlite_server, owner)) == 1


def test_accepted_or_unknown_invitation_leads_to_a_page_that_says_so(sqlite_server):
    path = invite(sqlite_server, sqlite_server.register())
    fields = {"account": "new", "name": "Bob", "password": "correct horse"}
    send_form(sqlite_server, path, **fields)
    for address in (path, "/invitations/unknown"):
        for reply in (sqlite_server.ask("GET", address), send_form(sqlite_server, address, **fields)):
            assert reply.status == 404
            assert "This invitation is no longer valid" in text_of(reply)


@pytest.mark.parametrize(("registration", "status"), [("invited", 200), ("closed", 403)])
def test_invitation_follows_the_registration_setting(sqlite_core, registration, status):
    with running(sqlite_core) as server:
        path = invite(server, server.register())
        sqlite_core.env.registration = registration
        assert ("I am new here" in text_of(server.ask("GET", path))) == (registration == "invited")
        reply = send_form(server, path, account="new", name="Bob", password="correct horse")
    assert reply.status == status


def test_failed_logins_on_a_page_are_limited(sqlite_core):
    with running(sqlite_core, Settings(limits=Limits())) as server:
        path = invite(server, server.register())
        server.register("bob")
        statuses = [
            send_form(server, path, account="existing", password=f"wrong password {number}").status
            for number in range(21)
        ]
        assert server.ask("POST", "/auth/login", {"email": "bob@example.com", "password": "x"}).status == 429
    assert statuses == [401] * 20 + [429]


# ------------------------------------------------------------------------------------------- e-mail addresses


def test_link_to_a_new_address_leads_to_a_page_that_changes_it(server):
    bearer = server.register()
    emails = []
    server.core.env.mailer = emails.append
    body = {"email": "new@example.com", "currentPassword": "correct horse"}
    assert server.ask("POST", "/auth/change-email", body, bearer).status == 200
    wait_until(lambda: len(emails) == 2)
    (link,) = set(links(emails[1]))
    path = link[link.index("/confirm-email/") :]
    page = server.ask("GET", path)
    assert "Use new@example.com instead of ann@example.com for your account." in text_of(page)
    assert server.ask("GET", "/auth/me", token=bearer).json["user"]["email"] == ANN
    assert send_form(server, path).status == 200
    assert server.ask("GET", "/auth/me", token=bearer).json["user"]["email"] == "new@example.com"
    for reply in (server.ask("GET", path), send_form(server, path)):
        assert (reply.status, "This link is no longer valid" in text_of(reply)) == (404, True)


def test_link_to_a_new_account_leads_to_a_page_that_verifies_its_address(sqlite_server):
    emails = []
    sqlite_server.core.env.mailer = emails.append
    sqlite_server.core.env.verify_email = True
    bearer = sqlite_server.register()
    (email,) = emails
    (link,) = set(links(email))
    path = link[link.index("/confirm-email/") :]
    assert f"This proves that {ANN} is your address." in text_of(sqlite_server.ask("GET", path))
    assert not sqlite_server.ask("GET", "/auth/me", token=bearer).json["user"]["emailVerified"]
    assert "Your address is confirmed" in text_of(send_form(sqlite_server, path))
    assert sqlite_server.ask("GET", "/auth/me", token=bearer).json["user"]["emailVerified"]


def test_taken_address_is_explained_on_the_page(sqlite_server):
    sqlite_server.register()
    with sqlite_server.core.begin(NOBODY) as uow:
        owner = id_by_address(uow, ANN)
        token = create_email_token(uow, owner, "change_email", timedelta(hours=1), "bob@example.com")
    sqlite_server.register("bob")
    reply = send_form(sqlite_server, f"/confirm-email/{token}")
    assert (reply.status, "This address is taken" in text_of(reply)) == (409, True)
