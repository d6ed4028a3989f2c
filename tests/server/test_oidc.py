"""Sign-in by an OpenID Connect provider."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest

from reference_server.settings import OidcSettings
from stellary.core import NOBODY, Core
from tests.server.running import Reply, Running, running
from tests.server.test_board_pages import cookie_of
from tests.server.test_pages import ANN, invite, list_members, send_form, text_of
from tests.server.test_second_factor_pages import enroll_over_http, hidden, stop_clock
from tests.support import tables
from tests.support.authenticator import show_code
from tests.support.core_parts import NO_LIMITS
from tests.support.oidc_provider import CLIENT_ID, CLIENT_SECRET, OidcProvider, open_provider
from tests.support.server_parts import Settings, SettingsError, from_environment

PASSWORD = "correct horse"
START = "/sign-in/oidc"


@pytest.fixture(scope="module")
def shared_provider() -> Iterator[OidcProvider]:
    with open_provider() as provider:
        yield provider


@pytest.fixture
def provider(shared_provider: OidcProvider) -> OidcProvider:
    """Return a provider that answers correctly."""
    fresh = OidcProvider()
    fresh.server.server_close()
    for name in ("user", "token_claims", "profile", "metadata", "calls", "keys", "signing_key"):
        setattr(shared_provider, name, getattr(fresh, name))
    return shared_provider


def settings_of(provider: OidcProvider, **fields: object) -> Settings:
    values = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "name": "Acme ID", **fields}
    return Settings(limits=NO_LIMITS, oidc=OidcSettings(issuer=provider.issuer, **values))


@pytest.fixture
def oidc_server(core: Core, provider: OidcProvider) -> Iterator[Running]:
    """Yield a server whose users the provider signs in, on each kind of database."""
    with running(core, settings_of(provider)) as server:
        yield server


@pytest.fixture
def sqlite_oidc_server(sqlite_core: Core, provider: OidcProvider) -> Iterator[Running]:
    """Yield the same server on SQLite."""
    with running(sqlite_core, settings_of(provider)) as server:
        yield server


def come_back(server: Running, provider: OidcProvider, next: str = "") -> Reply:
    """Sign in at the provider, and return the reply to the browser that comes back."""
    started = server.ask("GET", f"{START}?next={next}")
    assert started.status == 303, started.body
    return server.ask("GET", provider.sign_in(started.headers["location"]), cookie=cookie_of(started))


def me(server: Running, reply: Reply) -> dict:
    """Return the user whom a reply has signed in."""
    return server.ask("GET", "/auth/me", token=cookie_of(reply).partition("=")[2]).json["user"]


def is_signed_in(reply: Reply) -> bool:
    return "stellary_session=" in reply.headers.get("set-cookie", "")


def test_new_user_signs_in_and_returns_to_the_same_account(oidc_server, provider):
    page = oidc_server.ask("GET", "/sign-in")
    assert f'href="{START}?next=%2Fhome"' in page.body.decode()
    assert "Sign in with Acme ID" in text_of(page)
    reply = come_back(oidc_server, provider, "/boards/a/b/c")
    assert (reply.status, reply.headers["location"]) == (303, "/boards/a/b/c")
    first = me(oidc_server, reply)
    assert (first["email"], first["name"], first["emailVerified"]) == (ANN, "Ann Lee", True)
    assert "Ann Lee" in text_of(oidc_server.ask("GET", "/home", cookie=cookie_of(reply)))
    # The subject is the user, whatever the address is now.
    provider.user["email"] = "ann.lee@example.com"
    assert me(oidc_server, come_back(oidc_server, provider)) == first
    assert oidc_server.ask("POST", "/auth/login", {"email": ANN, "password": ""}).status == 400


def test_concurrent_first_sign_ins_create_one_account(oidc_server, provider):
    with ThreadPoolExecutor(6) as threads:
        replies = list(threads.map(lambda _: come_back(oidc_server, provider), range(6)))
    assert {reply.status for reply in replies} == {303}
    assert len({me(oidc_server, reply)["id"] for reply in replies}) == 1


@pytest.mark.parametrize(
    "target", ["https://evil.example.com", "//evil.example.com", "/docs", "/boards/%0d%0aX:"]
)
def test_signing_in_leads_to_no_other_site(sqlite_oidc_server, provider, target):
    assert come_back(sqlite_oidc_server, provider, target).headers["location"] == "/home"


def test_request_to_the_provider_is_bound_to_the_browser(sqlite_oidc_server, provider):
    started = sqlite_oidc_server.ask("GET", START)
    _, *attributes = started.headers["set-cookie"].split("; ")
    assert attributes == ["Path=/", "HttpOnly", "SameSite=Lax", "Max-Age=600"]
    query = parse_qs(urlsplit(started.headers["location"]).query)
    assert query["scope"] == ["openid email profile"]
    assert query["redirect_uri"] == ["http://localhost:3001/sign-in/oidc/callback"]
    path = provider.sign_in(started.headers["location"])
    for cookie in ("", "stellary_oidc=wrong", cookie_of(sqlite_oidc_server.ask("GET", START))):
        reply = sqlite_oidc_server.ask("GET", path, cookie=cookie)
        assert (reply.status, is_signed_in(reply)) == (400, False)
        assert "This sign-in has expired" in text_of(reply)
    assert is_signed_in(sqlite_oidc_server.ask("GET", path, cookie=cookie_of(started)))
    # A code is used once.
    again = sqlite_oidc_server.ask("GET", path, cookie=cookie_of(started))
    assert (again.status, is_signed_in(again)) == (401, False)


def test_sign_in_that_takes_too_long_starts_again(sqlite_oidc_server, provider):
    clock = stop_clock(sqlite_oidc_server)
    started = sqlite_oidc_server.ask("GET", START)
    path = provider.sign_in(started.headers["location"])
    clock.advance(timedelta(minutes=10))
    assert sqlite_oidc_server.ask("GET", path, cookie=cookie_of(started)).status == 400


def test_user_who_cancels_is_told_so(sqlite_oidc_server):
    started = sqlite_oidc_server.ask("GET", START)
    (state,) = parse_qs(urlsplit(started.headers["location"]).query)["state"]
    path = f"{START}/callback?error=access_denied&state={state}"
    reply = sqlite_oidc_server.ask("GET", path, cookie=cookie_of(started))
    assert (reply.status, "has not signed you in" in text_of(reply)) == (401, True)


@pytest.mark.parametrize(
    "claims",
    [
        *({"iss": "https://other.example.com"}, {"iss": None}, {"aud": "other"}),
        *({"aud": ["stellary", "other"]}, {"aud": ["stellary", "other"], "azp": "other"}, {"aud": None}),
        *({"exp": 1_700_000_000}, {"exp": None}, {"nonce": "other"}, {"nonce": None}, {"sub": None}),
        *({"sub": ""}, {"sub": 7}, {"sub": "x" * 256}, {"email": None}, {"email": "no address"}),
        *({"email_verified": None}, {"email_verified": False}, {"email_verified": "true"}),
        *({"email_verified": 1}, {"azp": "other"}),
    ],
    ids=str,
)
def test_token_with_wrong_claims_is_refused(sqlite_oidc_server, provider, claims):
    provider.token_claims = claims
    reply = come_back(sqlite_oidc_server, provider)
    assert (reply.status in (400, 401), is_signed_in(reply)) == (True, False)
    assert tables.count_rows(sqlite_oidc_server.core, tables.users) == 0


@pytest.mark.parametrize(
    "claims", [{"aud": ["stellary"]}, {"aud": ["a", "stellary"], "azp": "stellary"}], ids=str
)
def test_token_for_this_server_and_others_is_accepted(sqlite_oidc_server, provider, claims):
    provider.token_claims = claims
    assert is_signed_in(come_back(sqlite_oidc_server, provider))


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_token_without_a_public_key_signature_is_refused(
    sqlite_oidc_server, provider, monkeypatch, algorithm
):
    import jwt as pyjwt

    key = None if algorithm == "none" else "x" * 32
    encode = partial(pyjwt.encode, key=key, algorithm=algorithm)
    monkeypatch.setattr("tests.support.oidc_provider.jwt.encode", lambda _, claims, __: encode(claims))
    reply = come_back(sqlite_oidc_server, provider)
    assert (reply.status, is_signed_in(reply)) == (401, False)


def test_new_key_of_the_provider_is_fetched_once(sqlite_oidc_server, provider):
    come_back(sqlite_oidc_server, provider)
    provider.keys.clear()
    provider.signing_key = provider.add_key()
    provider.calls.clear()
    for _ in range(2):
        assert is_signed_in(come_back(sqlite_oidc_server, provider))
    assert [path.rpartition("/")[2] for path in provider.calls].count("keys") == 1


def test_key_that_is_not_published_is_refused(sqlite_oidc_server, provider):
    provider.signing_key = provider.add_key()
    provider.keys.pop()
    provider.calls.clear()
    for _ in range(3):
        reply = come_back(sqlite_oidc_server, provider)
        assert (reply.status, is_signed_in(reply)) == (401, False)
    assert [path.rpartition("/")[2] for path in provider.calls].count("keys") == 2


def test_key_that_the_provider_has_removed_is_refused_after_an_hour(
    sqlite_oidc_server, provider, monkeypatch
):
    now = time.monotonic()
    monkeypatch.setattr("reference_server.oidc.time", SimpleNamespace(monotonic=lambda: now))
    assert is_signed_in(come_back(sqlite_oidc_server, provider))
    provider.keys = [type(provider.signing_key).generate_key("P-256", {"kid": "new"})]
    now += 3601
    assert not is_signed_in(come_back(sqlite_oidc_server, provider))


def test_state_of_a_sign_in_ends_when_the_browser_comes_back(sqlite_oidc_server, provider):
    for claims in ({}, {"nonce": "other"}):
        provider.token_claims = claims
        reply = come_back(sqlite_oidc_server, provider)
        (ended,) = re.findall(r"stellary_oidc=;.*", reply.headers["set-cookie"])
        assert "; Max-Age=0" in ended


def test_forged_signature_with_a_published_kid_is_refused(sqlite_oidc_server, provider):
    published = provider.signing_key
    forged = provider.add_key()
    provider.keys.pop()
    forged.ensure_kid()
    provider.signing_key = type(forged).import_key({**forged.as_dict(private=True), "kid": published.kid})
    assert not is_signed_in(come_back(sqlite_oidc_server, provider))


@pytest.mark.parametrize(
    ("claims", "profile", "status"),
    [
        ({"email_verified": None}, {"sub": "1001", "email_verified": True}, 303),
        ({"email_verified": None}, {"sub": "other", "email_verified": True}, 401),
        ({}, {"sub": "1001"}, 401),
    ],
    ids=["same user", "other user", "verified by the token"],
)
def test_address_of_the_profile_is_verified_by_the_profile(
    sqlite_oidc_server, provider, claims, profile, status
):
    provider.token_claims = {"email": None, **claims}
    provider.metadata = {"userinfo_endpoint": f"{provider.issuer}/userinfo"}
    provider.profile = {"email": ANN, **profile}
    assert come_back(sqlite_oidc_server, provider).status == status


@pytest.mark.parametrize("secret", ["basic", "post", "wrong"])
def test_server_proves_who_it_is(sqlite_core, provider, secret):
    if secret == "post":
        provider.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    client_secret = "wrong" if secret == "wrong" else CLIENT_SECRET
    with running(sqlite_core, settings_of(provider, client_secret=client_secret)) as server:
        assert is_signed_in(come_back(server, provider)) == (secret != "wrong")


@pytest.mark.parametrize(
    "metadata", [{"issuer": "https://other.example.com"}, {"authorization_endpoint": None}]
)
def test_provider_with_a_wrong_description_is_not_used(sqlite_oidc_server, provider, metadata):
    provider.metadata = metadata
    reply = sqlite_oidc_server.ask("GET", START)
    assert (reply.status, "Acme ID does not answer" in text_of(reply)) == (503, True)


def test_provider_that_is_down_gives_a_page(sqlite_core):
    with open_provider() as provider:
        settings = settings_of(provider)
    with running(sqlite_core, settings) as server:
        reply = server.ask("GET", START)
        assert (reply.status, "Acme ID does not answer" in text_of(reply)) == (503, True)
        server.register()
        assert send_form(server, "/sign-in", email=ANN, password=PASSWORD).status == 303


def test_provider_that_goes_down_during_a_sign_in_gives_a_page(sqlite_core):
    with open_provider() as provider:
        server_context = running(sqlite_core, settings_of(provider))
        server = server_context.__enter__()
        started = server.ask("GET", START)
        path = provider.sign_in(started.headers["location"])
    try:
        reply = server.ask("GET", path, cookie=cookie_of(started))
        assert (reply.status, is_signed_in(reply)) == (503, False)
    finally:
        server_context.__exit__(None, None, None)


# ------------------------------------------------------------------------------------------ accounts that exist


def test_account_with_a_password_is_linked_once_the_password_is_given(oidc_server, provider):
    id = oidc_server.ask("GET", "/auth/me", token=oidc_server.register()).json["user"]["id"]
    link_page = come_back(oidc_server, provider, "/boards/a/b/c")
    assert (link_page.status, is_signed_in(link_page)) == (200, False)
    assert "Is this your account?" in text_of(link_page)
    fields = {"identity": hidden(link_page, "identity")}
    wrong = send_form(oidc_server, f"{START}/link", password="wrong password", **fields)
    assert (wrong.status, "the password is wrong" in text_of(wrong)) == (401, True)
    # Nothing is linked by a wrong password.
    assert not is_signed_in(come_back(oidc_server, provider))
    linked = send_form(oidc_server, f"{START}/link", password=PASSWORD, **fields)
    assert (linked.status, linked.headers["location"]) == (303, "/boards/a/b/c")
    assert me(oidc_server, linked)["id"] == id
    assert me(oidc_server, come_back(oidc_server, provider))["id"] == id
    # The form may be sent twice.
    assert send_form(oidc_server, f"{START}/link", password=PASSWORD, **fields).status == 303


def test_account_with_a_second_factor_is_linked_once_the_code_is_given(sqlite_oidc_server, provider):
    clock = stop_clock(sqlite_oidc_server)
    _, secret = enroll_over_http(sqlite_oidc_server, clock)
    fields = {"identity": hidden(come_back(sqlite_oidc_server, provider), "identity")}
    code_page = send_form(sqlite_oidc_server, f"{START}/link", password=PASSWORD, **fields)
    assert (code_page.status, is_signed_in(code_page)) == (200, False)
    assert not is_signed_in(come_back(sqlite_oidc_server, provider))
    fields = {"identity": hidden(code_page, "identity"), "pending": hidden(code_page, "pending")}
    assert send_form(sqlite_oidc_server, f"{START}/link", code="000000", **fields).status == 401
    code = show_code(secret, clock.now)
    assert is_signed_in(send_form(sqlite_oidc_server, f"{START}/link", code=code, **fields))


def test_deleted_account_leaves_no_identity(oidc_server, provider):
    bearer = oidc_server.register()
    id = oidc_server.ask("GET", "/auth/me", token=bearer).json["user"]["id"]
    fields = {"identity": hidden(come_back(oidc_server, provider), "identity")}
    assert is_signed_in(send_form(oidc_server, f"{START}/link", password=PASSWORD, **fields))
    body = {"currentPassword": PASSWORD}
    assert oidc_server.ask("POST", "/auth/delete-account", body, bearer).status == 200
    assert me(oidc_server, come_back(oidc_server, provider))["id"] != id


@pytest.mark.parametrize("identity", ["", "wrong"])
def test_forged_link_is_refused(sqlite_oidc_server, identity):
    sqlite_oidc_server.register()
    reply = send_form(sqlite_oidc_server, f"{START}/link", identity=identity, password=PASSWORD)
    assert (reply.status, is_signed_in(reply)) == (400, False)


def test_identity_is_linked_to_one_account(sqlite_oidc_server, provider):
    sqlite_oidc_server.register()
    fields = {"identity": hidden(come_back(sqlite_oidc_server, provider), "identity"), "password": PASSWORD}
    provider.user["email"] = "bob@example.com"
    come_back(sqlite_oidc_server, provider)
    reply = send_form(sqlite_oidc_server, f"{START}/link", **fields)
    assert (reply.status, is_signed_in(reply)) == (409, False)
    assert "cannot be linked" in text_of(reply)


def test_account_with_an_unconfirmed_address_is_given_to_its_owner(oidc_server, provider):
    oidc_server.core.env.verify_email = True
    bearer = oidc_server.register()
    assert me(oidc_server, come_back(oidc_server, provider))["emailVerified"]
    assert oidc_server.ask("GET", "/auth/me", token=bearer).status == 401
    assert oidc_server.ask("POST", "/auth/login", {"email": ANN, "password": PASSWORD}).status == 401


def test_other_user_of_the_provider_does_not_get_the_account_of_an_address(sqlite_oidc_server, provider):
    come_back(sqlite_oidc_server, provider)
    provider.user["sub"] = "2002"
    reply = come_back(sqlite_oidc_server, provider)
    assert (reply.status, is_signed_in(reply)) == (409, False)
    assert "Another account has this e-mail address" in text_of(reply)


def test_deactivated_account_is_not_signed_in(sqlite_oidc_server, provider):
    come_back(sqlite_oidc_server, provider)
    with sqlite_oidc_server.core.begin(NOBODY) as uow:
        uow.connection.execute(tables.users.update().values(deactivated_at=uow.now))
    reply = come_back(sqlite_oidc_server, provider)
    assert (reply.status, is_signed_in(reply)) == (403, False)


@pytest.mark.parametrize("registration", ["invited", "closed"])
def test_new_user_follows_the_registration_setting(sqlite_oidc_server, provider, registration):
    owner = sqlite_oidc_server.register("owner")
    sqlite_oidc_server.core.env.registration = registration
    reply = come_back(sqlite_oidc_server, provider)
    assert (reply.status, is_signed_in(reply)) == (403, False)
    assert "Registration" in text_of(reply)
    invite(sqlite_oidc_server, owner, ANN)
    assert is_signed_in(come_back(sqlite_oidc_server, provider)) == (registration == "invited")


def test_user_of_the_provider_accepts_an_invitation(oidc_server, provider):
    owner = oidc_server.register("owner")
    path = invite(oidc_server, owner, ANN)
    (link,) = re.findall(r'class="button" href="([^"]*)"', oidc_server.ask("GET", path).body.decode())
    reply = come_back(oidc_server, provider, parse_qs(urlsplit(link).query)["next"][0])
    assert reply.headers["location"] == path
    assert 'name="password"' not in oidc_server.ask("GET", path, cookie=cookie_of(reply)).body.decode()
    # Another user who has signed in sees the forms.
    provider.user |= {"sub": "2002", "email": "bob@example.com"}
    other = cookie_of(come_back(oidc_server, provider))
    assert 'name="password"' in oidc_server.ask("GET", path, cookie=other).body.decode()
    refused = send_form(oidc_server, path, {"cookie": other}, account="signed-in")
    assert 'name="password"' in refused.body.decode()
    assert len(list_members(oidc_server, owner)) == 1
    done = send_form(oidc_server, path, {"cookie": cookie_of(reply)}, account="signed-in")
    assert (done.status, len(list_members(oidc_server, owner))) == (200, 2)


def test_server_without_a_provider_has_no_such_pages(sqlite_server):
    assert "/sign-in/oidc" not in sqlite_server.ask("GET", "/sign-in").body.decode()
    assert sqlite_server.ask("GET", START).status == 404


def test_settings_of_the_provider():
    environment = {
        "STELLARY_OIDC_ISSUER": "https://id.example.com/",
        "STELLARY_OIDC_CLIENT_ID": "stellary",
        "STELLARY_OIDC_CLIENT_SECRET": "secret",
    }
    oidc = from_environment(environment).oidc
    assert oidc == OidcSettings("https://id.example.com/", "stellary", "secret")
    assert oidc.label == "id.example.com"
    assert "secret" not in repr(oidc).replace("client_secret", "")
    for name in ("STELLARY_OIDC_ISSUER", "STELLARY_OIDC_CLIENT_ID"):
        with pytest.raises(SettingsError, match="must be set together"):
            from_environment({**environment, name: ""})
    with pytest.raises(SettingsError, match="must be a URL"):
        from_environment({**environment, "STELLARY_OIDC_ISSUER": "id.example.com"})
    insecure = {**environment, "STELLARY_OIDC_ISSUER": "http://id.example.com", "STELLARY_ENV": "production"}
    with pytest.raises(SettingsError, match="must be an https URL in production"):
        from_environment({**insecure, "STELLARY_REGISTRATION": "closed"})
