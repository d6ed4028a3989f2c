"""The page of the account: a new address and the deletion, confirmed by the password or by a mailed link."""

import pytest

from reference_server.pages.requests import PageApi
from tests.server.test_board_pages import cookie_of
from tests.server.test_board_pages import sign_in as sign_in_with_password
from tests.server.test_pages import send_form, text_of
from tests.support.core_parts import Identity, sign_in
from tests.support.world import links

PATH = "/account"
NEW = "new@example.com"
IDENTITY = Identity(issuer="https://login.example.com", subject="7", email="ann@example.com", name="Ann")


@pytest.fixture
def emails(server):
    """Return the e-mails that the server has sent."""
    emails = []
    server.core.env.mailer = emails.append
    return emails


def sign_in_without_password(server):
    return {"cookie": f"stellary_session={sign_in(server.core.units, IDENTITY, 'Browser')}"}


def request_link(server, emails, cookie, do):
    """Request a link on the page, and return its path."""
    reply = send_form(server, PATH, cookie, do=f"send_{do}")
    assert reply.status == 303
    assert "We have sent you an e-mail" in text_of(server.ask("GET", reply.headers["location"], **cookie))
    (link,) = set(links(emails[-1]))
    return link[link.index(PATH) :]


def test_user_without_password_deletes_the_account_by_a_link(server, emails):
    cookie = sign_in_without_password(server)
    page = server.ask("GET", PATH, **cookie)
    assert "Ann, ann@example.com" in text_of(page)
    assert 'type="password"' not in page.body.decode()
    path = request_link(server, emails, cookie, "delete")
    assert "Delete the account?" in text_of(server.ask("GET", path, **cookie))
    assert server.ask("GET", PATH, **cookie).status == 200
    reply = send_form(server, path, cookie, do="delete")
    assert "Your account is deleted" in text_of(reply)
    assert "Max-Age=0" in reply.headers["set-cookie"]
    assert server.ask("GET", PATH, **cookie).status == 401


def test_user_without_password_changes_the_address_by_a_link(server, emails):
    cookie = sign_in_without_password(server)
    path = request_link(server, emails, cookie, "email")
    assert "Change the address?" in text_of(server.ask("GET", path, **cookie))
    wrong = send_form(server, path, cookie, do="email", email="nonsense")
    assert (wrong.status, "The e-mail address" in text_of(wrong)) == (400, True)
    assert f"A link is on its way to {NEW}" in text_of(send_form(server, path, cookie, do="email", email=NEW))
    assert "no longer valid" in text_of(server.ask("GET", path, **cookie))


def test_link_asks_for_a_sign_in_and_leads_back(server, emails):
    path = request_link(server, emails, sign_in_without_password(server), "delete")
    page = server.ask("GET", path)
    assert (page.status, f'value="{path}"' in page.body.decode()) == (401, True)
    assert send_form(server, path, do="delete").status == 401
    other = Identity(issuer=IDENTITY.issuer, subject="8", email="bob@example.com", name="Bob")
    cookie = {"cookie": f"stellary_session={sign_in(server.core.units, other, 'Browser')}"}
    for reply in (server.ask("GET", path, **cookie), send_form(server, path, cookie, do="delete")):
        assert (reply.status, "belongs to another account" in text_of(reply)) == (404, True)


def test_user_with_password_enters_it(server, emails):
    server.register()
    cookie = {"cookie": cookie_of(sign_in_with_password(server))}
    assert f'href="{PATH}"' in server.ask("GET", "/home", **cookie).body.decode()
    wrong = send_form(server, PATH, cookie, do="delete", currentPassword="wrong")
    assert (wrong.status, "is not the current password" in text_of(wrong)) == (400, True)
    reply = send_form(server, PATH, cookie, do="email", email=NEW, currentPassword="correct horse")
    assert f"A link is on its way to {NEW}" in text_of(reply)
    reply = send_form(server, PATH, cookie, do="delete", currentPassword="correct horse")
    assert "Your account is deleted" in text_of(reply)


def test_other_forms_change_nothing(server, emails):
    cookie = sign_in_without_password(server)
    assert send_form(server, PATH, cookie, do="everything").status == 200
    path = request_link(server, emails, cookie, "delete")
    assert send_form(server, path, cookie, do="everything").status == 200
    assert send_form(server, path, cookie, do="email", email=NEW).status == 400
    assert server.ask("GET", PATH, **cookie).status == 200


def test_page_reads_the_user_once(server, monkeypatch):
    cookie, call, operations = sign_in_without_password(server), PageApi.call, []

    def count(api, endpoint, *arguments, **options):
        operations.append(endpoint.operation)
        return call(api, endpoint, *arguments, **options)

    monkeypatch.setattr(PageApi, "call", count)
    assert server.ask("GET", PATH, **cookie).status == 200
    assert operations.count("auth.me") == 1
