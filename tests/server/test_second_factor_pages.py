"""The pages of the second factor: enabling it, signing in with a code, disabling it."""

import re
from datetime import timedelta

import pytest

from stellary import Stellary
from stellary.core import Core
from tests.server.running import running
from tests.server.test_board_pages import cookie_of, sign_in
from tests.server.test_pages import ANN, invite, list_members, send_form, text_of
from tests.support.authenticator import enroll, show_code
from tests.support.core_parts import Identity, Limits, RateLimit, link_identity
from tests.support.core_parts import sign_in as start_by_provider
from tests.support.server_parts import Settings, main
from tests.support.world import PASSWORD as WORLD_PASSWORD
from tests.support.world import StoppedClock, World

PASSWORD = "correct horse"
STEP = timedelta(seconds=30)
PATH = "/second-factor"


def hidden(reply, name):
    """Return the text of a hidden field of a page."""
    return re.search(rf'type="hidden" name="{name}" value="([^"]*)"', reply.body.decode())[1]


def stop_clock(server):
    server.core.env.clock = clock = StoppedClock()
    return clock


def enroll_over_http(server, clock, email="ann"):
    """Register a user with a second factor, and return the JWT and the secret."""
    bearer = server.register(email)
    secret = server.ask("POST", "/auth/second-factor", {"currentPassword": PASSWORD}, bearer).json["secret"]
    code = show_code(secret, clock.now)
    assert server.ask("POST", "/auth/second-factor/confirm", {"code": code}, bearer).status == 200
    clock.advance(STEP)
    return bearer, secret


def test_user_enables_signs_in_with_and_disables_the_factor(server):
    clock = stop_clock(server)
    server.register()
    cookie = cookie_of(sign_in(server))
    assert f'href="{PATH}"' in server.ask("GET", "/home", cookie=cookie).body.decode()
    assert "password alone" in text_of(server.ask("GET", PATH, cookie=cookie))
    page = send_form(server, PATH, {"cookie": cookie}, do="enroll", currentPassword=PASSWORD)
    secret, uri = hidden(page, "secret"), hidden(page, "uri")
    assert f'href="{uri}"' in page.body.decode()
    assert 'alt="QR code with the key"' in page.body.decode()
    fields = {"do": "confirm", "secret": secret, "uri": uri.replace("&amp;", "&")}
    wrong = send_form(server, PATH, {"cookie": cookie}, code="000000", **fields)
    assert (wrong.status, hidden(wrong, "secret")) == (400, secret)
    assert "The code is not the code that the app shows." in text_of(wrong)
    done = send_form(server, PATH, {"cookie": cookie}, code=show_code(secret, clock.now), **fields)
    recovery_codes = re.findall(r"<code>([a-z2-9-]{19})</code>", done.body.decode())
    assert len(recovery_codes) == 10
    clock.advance(STEP)

    code_page = sign_in(server, "/boards/a/b/c")
    assert (code_page.status, "set-cookie" in code_page.headers) == (200, False)
    assert "Enter your code" in text_of(code_page)
    fields = {"pending": hidden(code_page, "pending"), "next": hidden(code_page, "next")}
    wrong = send_form(server, "/sign-in", code="000000", **fields)
    assert (wrong.status, "The code is wrong, or was used before." in text_of(wrong)) == (401, True)
    signed_in = send_form(server, "/sign-in", code=show_code(secret, clock.now), **fields)
    assert (signed_in.status, signed_in.headers["location"]) == (303, "/boards/a/b/c")
    cookie = cookie_of(signed_in)
    assert send_form(server, "/sign-in", code=show_code(secret, clock.now), **fields).status == 401

    fields = {"do": "disable", "currentPassword": PASSWORD}
    assert send_form(server, PATH, {"cookie": cookie}, code="000000", **fields).status == 400
    done = send_form(server, PATH, {"cookie": cookie}, code=recovery_codes[0], **fields)
    assert (done.status, done.headers["location"]) == (303, f"{PATH}?done=disable")
    page = server.ask("GET", done.headers["location"], cookie=cookie)
    assert ("is disabled" in text_of(page), "password alone" in text_of(page)) == (True, True)
    assert sign_in(server).status == 303


@pytest.mark.parametrize("uri", ["javascript:alert(1)", "otpauth://" + "x" * 4000, "otpauth://" + "€" * 990])
def test_link_of_a_forged_form_is_not_shown(sqlite_server, uri):
    sqlite_server.register()
    cookie = cookie_of(sign_in(sqlite_server))
    send_form(sqlite_server, PATH, {"cookie": cookie}, do="enroll", currentPassword=PASSWORD)
    fields = {"do": "confirm", "secret": "<b>", "uri": uri, "code": "000000"}
    page = send_form(sqlite_server, PATH, {"cookie": cookie}, **fields)
    assert page.status == 400
    assert f'href="{uri}' not in page.body.decode()
    assert "<img" not in page.body.decode()
    assert "<b>" not in page.body.decode()


def test_invitation_is_accepted_with_a_code(server):
    clock = stop_clock(server)
    owner = server.register()
    _, secret = enroll_over_http(server, clock, "bob")
    path = invite(server, owner)
    code_page = send_form(server, path, account="existing", password=PASSWORD)
    assert (code_page.status, hidden(code_page, "account")) == (200, "existing")
    assert f'action="{path}"' in code_page.body.decode()
    assert len(list_members(server, owner)) == 1
    fields = {"account": "existing", "pending": hidden(code_page, "pending")}
    assert send_form(server, path, code="000000", **fields).status == 401
    reply = send_form(server, path, code=show_code(secret, clock.now), **fields)
    assert (reply.status, "set-cookie" in reply.headers) == (200, True)
    assert len(list_members(server, owner)) == 2


@pytest.mark.parametrize("end", ["forged", "expired", "new password", "login"])
def test_pending_sign_in_that_has_ended_starts_again(sqlite_server, end):
    clock = stop_clock(sqlite_server)
    bearer, secret = enroll_over_http(sqlite_server, clock)
    pending = hidden(sign_in(sqlite_server), "pending")
    if end == "forged":
        pending = pending[:-4] + "AAAA"
    elif end == "expired":
        clock.advance(timedelta(minutes=10))
    elif end == "login":
        # A login is signed with the same key, and is no pending one.
        pending = bearer
    else:
        body = {"currentPassword": PASSWORD, "newPassword": "a new password"}
        assert sqlite_server.ask("POST", "/auth/change-password", body, bearer).status == 200
    reply = send_form(sqlite_server, "/sign-in", pending=pending, code=show_code(secret, clock.now))
    assert (reply.status, "set-cookie" in reply.headers) == (401, False)
    assert "The sign-in has expired; start again." in text_of(reply)
    assert 'name="password"' in reply.body.decode()


def test_pending_sign_in_is_no_login(sqlite_server):
    enroll_over_http(sqlite_server, stop_clock(sqlite_server))
    pending = hidden(sign_in(sqlite_server), "pending")
    assert sqlite_server.ask("GET", "/auth/me", token=pending).status == 401
    assert sqlite_server.ask("GET", "/home", cookie=f"stellary_session={pending}").status == 401


def try_code(server, code, pending):
    """Send a code, on the page if a sign-in is pending there; return the status."""
    if pending is not None:
        return send_form(server, "/sign-in", code=code, pending=pending).status
    return server.ask("POST", "/auth/login", {"email": ANN, "password": PASSWORD, "code": code}).status


def try_password(server, password):
    return server.ask("POST", "/auth/login", {"email": ANN, "password": password}).status


@pytest.mark.parametrize("with_page", [False, True])
def test_wrong_codes_lock_out_no_passwords(sqlite_core, with_page):
    with running(sqlite_core, Settings(limits=Limits(logins=RateLimit(3, 900)))) as server:
        clock = stop_clock(server)
        bearer, secret = enroll_over_http(server, clock)
        pending = hidden(sign_in(server), "pending") if with_page else None
        assert [try_code(server, "000000", pending) for _ in range(11)] == [401] * 10 + [429]
        # The password is still answered by the question for a code, and lets its owner in elsewhere.
        assert try_password(server, PASSWORD) == 401
        body = {"currentPassword": PASSWORD, "newPassword": "a new password"}
        assert server.ask("POST", "/auth/change-password", body, bearer).status == 200
        clock.advance(timedelta(days=1))
        body = {"email": ANN, "password": "a new password", "code": show_code(secret, clock.now)}
        assert server.ask("POST", "/auth/login", body).status == 201


@pytest.mark.parametrize("with_page", [False, True])
def test_wrong_passwords_lock_out_no_codes(sqlite_core, with_page):
    with running(sqlite_core, Settings(limits=Limits(logins=RateLimit(3, 900)))) as server:
        clock = stop_clock(server)
        bearer, secret = enroll_over_http(server, clock)
        pending = hidden(sign_in(server), "pending")
        assert [try_password(server, "wrong password") for _ in range(4)] == [401] * 3 + [429]
        code = show_code(secret, clock.now)
        if with_page:
            assert try_code(server, code, pending) == 303
        else:
            body = {"currentPassword": PASSWORD, "code": code}
            assert server.ask("POST", "/auth/second-factor/disable", body, bearer).status == 200


def test_page_takes_a_recovery_code_after_too_many_codes(sqlite_server):
    clock = stop_clock(sqlite_server)
    bearer = sqlite_server.register()
    body = {"currentPassword": PASSWORD}
    secret = sqlite_server.ask("POST", "/auth/second-factor", body, bearer).json["secret"]
    body = {"code": show_code(secret, clock.now)}
    codes = sqlite_server.ask("POST", "/auth/second-factor/confirm", body, bearer).json["codes"]
    pending = hidden(sign_in(sqlite_server), "pending")
    for _ in range(10):
        assert try_code(sqlite_server, "000000", pending) == 401
    page = send_form(sqlite_server, "/sign-in", code="000000", pending=pending)
    assert (page.status, "use a recovery code" in text_of(page)) == (429, True)
    assert send_form(sqlite_server, "/sign-in", code=codes[0], pending=hidden(page, "pending")).status == 303


def test_user_unlinks_an_identity(sqlite_server):
    sqlite_server.register()
    cookie = {"cookie": cookie_of(sign_in(sqlite_server))}
    assert "Sign-in services" not in text_of(sqlite_server.ask("GET", PATH, **cookie))
    user_id = sqlite_server.ask("GET", "/auth/me", token=cookie["cookie"].partition("=")[2]).json["user"][
        "id"
    ]
    link_identity(sqlite_server.core.units, Identity("https://id.example.com", "7", ANN, "Ann"), user_id)
    page = sqlite_server.ask("GET", PATH, **cookie)
    assert "Unlink 7 at https://id.example.com" in text_of(page)
    fields = {"do": "unlink", "identity_id": hidden(page, "identity_id")}
    unlinked = send_form(sqlite_server, PATH, cookie, **fields)
    assert (unlinked.status, unlinked.headers["location"]) == (303, f"{PATH}?done=unlink")
    assert "Sign-in services" not in text_of(sqlite_server.ask("GET", PATH, **cookie))
    again = send_form(sqlite_server, PATH, cookie, **fields)
    assert (again.status, "Identity not found." in text_of(again)) == (404, True)


def test_last_way_to_sign_in_is_kept_on_the_page(sqlite_server):
    identity = Identity("https://id.example.com", "7", ANN, "Ann")
    cookie = {
        "cookie": f"stellary_session={start_by_provider(sqlite_server.core.units, identity, 'Browser')}"
    }
    page = sqlite_server.ask("GET", PATH, **cookie)
    assert "Your account has no password" in text_of(page)
    reply = send_form(sqlite_server, PATH, cookie, do="unlink", identity_id=hidden(page, "identity_id"))
    assert (reply.status, "This is the only way to sign in" in text_of(reply)) == (409, True)


def test_client_logs_in_with_a_code(sqlite_server):
    clock = stop_clock(sqlite_server)
    _, secret = enroll_over_http(sqlite_server, clock)
    with Stellary.login(sqlite_server.url, ANN, PASSWORD, show_code(secret, clock.now)) as client:
        assert client.auth.get_second_factor().recovery_codes == 10


def test_operator_removes_a_factor(sqlite_url, tmp_path, capsys):
    core = Core(sqlite_url, bcrypt_rounds=4)
    core.migrate()
    world = World(core)
    world.stop_clock()
    enroll(world, world.person("ann"))
    place = ["--database-url", sqlite_url, "--data-dir", str(tmp_path)]
    assert main(["remove-second-factor", "Ann@example.com", *place]) == 0
    assert "Removed the second factor of Ann@example.com." in capsys.readouterr().out
    assert world.status(None, "POST", "/auth/login", {"email": ANN, "password": WORLD_PASSWORD}) == 201
    assert main(["remove-second-factor", "ann@example.com", *place]) == 1
    assert "no second factor" in capsys.readouterr().err
    assert main(["remove-second-factor", "bob@example.com", *place]) == 1
    assert "no account" in capsys.readouterr().err
    core.close()
