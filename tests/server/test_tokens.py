"""Tampered tokens: each returns the same 401."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest

from stellary.core import Core
from tests.server.running import Running, running
from tests.support.each_case import for_each

SECRET = "the secret of this server, of 40 letters"


@pytest.fixture
def server_with_secret(sqlite_url: str):
    """Yield a server whose secret the tests know."""
    core = Core(sqlite_url, jwt_secret=SECRET, bcrypt_rounds=4)
    with running(core) as server:
        yield server
    core.close()


def encode(data: Any) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def sign(header: dict[str, Any], claims: Any, secret: str = SECRET, digest: str = "sha256") -> str:
    text = f"{encode(header)}.{encode(claims)}"
    return f"{text}.{encode(hmac.new(secret.encode(), text.encode(), digest).digest())}"


@pytest.fixture
def genuine(server_with_secret: Running) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the header and the claims of a valid token."""
    header, claims, _ = server_with_secret.register().split(".")
    return tuple(json.loads(base64.urlsafe_b64decode(part + "==")) for part in (header, claims))


def status(server: Running, token: str) -> int:
    answer = server.ask("GET", "/auth/me", token=token)
    if answer.status == 401:
        assert answer.json["message"] == "the token is invalid or has expired"
        assert answer.headers["www-authenticate"] == "Bearer"
    return answer.status


def test_token_signed_by_the_helper_is_accepted(server_with_secret: Running, genuine: Any):
    header, claims = genuine
    assert status(server_with_secret, sign(header, claims)) == 200


@for_each(
    "header",
    [
        *({"alg": name} for name in ("none", "None", "", "HS384", "HS512", "RS256", "ES256", "EdDSA")),
        {"alg": "nOnE", "typ": "JWT"},
        {"typ": "JWT"},
        {"alg": ["HS256"]},
        {"alg": None},
        {"alg": "HS256", "crit": ["exp"]},
        {"alg": "HS256", "b64": False, "crit": ["b64"]},
    ],
)
def test_another_algorithm_is_refused(server_with_secret: Running, genuine: Any, header: dict[str, Any]):
    _, claims = genuine
    digest = {"HS384": "sha384", "HS512": "sha512"}.get(str(header.get("alg")), "sha256")
    assert status(server_with_secret, sign(header, claims, digest=digest)) == 401
    assert status(server_with_secret, f"{encode(header)}.{encode(claims)}.") == 401


@pytest.mark.parametrize(
    "more",
    [
        *({"kid": path} for path in ("/dev/null", "' UNION SELECT '", "../../../../../dev/null")),
        {"jku": "http://127.0.0.1:1/keys.json"},
        {"x5u": "http://127.0.0.1:1/key.pem"},
        {"jwk": {"kty": "oct", "k": ""}},
    ],
)
def test_header_of_a_token_does_not_choose_the_key(server_with_secret, genuine, more):
    header, claims = genuine
    for guess in ("", "\0" * 32, "/dev/null"):
        assert status(server_with_secret, sign({**header, **more}, claims, secret=guess)) == 401


@for_each(
    "changed",
    [
        *({"exp": value} for value in (0, int(time.time()) - 1, "never", None, -1, 1e400)),
        *({"sub": value} for value in ("", "0" * 24, 5, None, ["a"])),
        *({"gen": value} for value in (1, -1, "0x0", None)),
        *({name: ...} for name in ("exp", "iat", "sub", "gen")),
    ],
)
def test_missing_or_invalid_claim_is_rejected(server_with_secret, genuine, changed):
    header, claims = genuine
    sent = {name: value for name, value in {**claims, **changed}.items() if value is not ...}
    assert status(server_with_secret, sign(header, sent)) == 401


@for_each("claims", [[], "text", 5, None, b"\xff", b"{"])
def test_claims_that_are_not_an_object_are_rejected(server_with_secret: Running, claims: Any):
    assert status(server_with_secret, sign({"alg": "HS256"}, claims)) == 401


@pytest.mark.slow("changes each bit of a token")
@pytest.mark.parametrize("part", [0, 1, 2])
def test_token_with_a_changed_bit_is_rejected(server_with_secret: Running, part: int):
    parts = server_with_secret.register().split(".")
    raw = base64.urlsafe_b64decode(parts[part] + "==")
    for bit in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        forged = [*parts[:part], encode(bytes(changed)), *parts[part + 1 :]]
        assert status(server_with_secret, ".".join(forged)) == 401, bit


@for_each(
    "token",
    [
        *("", ".", "..", "...", "a.b", "a.b.c", "a.b.c.d", "e30.e30.e30"),
        *("synth_", "synth_" + "a" * 46, "x" * 7000),
    ],
)
def test_malformed_token_is_rejected(server_with_secret: Running, token: str):
    assert server_with_secret.ask("GET", "/auth/me", token=token).status == 401


def test_other_secret_and_plain_digest_are_no_signatures(server_with_secret: Running, genuine: Any):
    header, claims = genuine
    forged = sign(header, claims, secret="another secret, of 40 letters as the one")
    assert status(server_with_secret, forged) == 401
    text = f"{encode(header)}.{encode(claims)}"
    assert status(server_with_secret, f"{text}.{encode(hashlib.sha256(text.encode()).digest())}") == 401
