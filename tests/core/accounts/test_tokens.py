"""Tokens, passwords and addresses, without a database."""

import base64
import json
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellary.contract.errors import Invalid, Unauthenticated
from stellary.core.accounts.authentication import digest, looks_like_api_token, new_api_token, new_secret
from stellary.core.accounts.passwords import hash_password, verify_password
from stellary.core.accounts.personal import slugify
from stellary.core.accounts.users import address, address_key
from tests.support.core_parts import Signer
from tests.support.each_case import for_each

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
SECRET = "s" * 32
WEEK = timedelta(days=7)
SIGNER = Signer(SECRET, WEEK)
USER = "a" * 24
CLAIMS = {
    "iss": "stellary",
    "aud": "stellary-api",
    "jti": "1",
    "sub": USER,
    "iat": NOW,
    "exp": NOW + WEEK,
    "gen": 0,
}


def test_login_contains_its_user():
    claims = SIGNER.read(SIGNER.issue(USER, 3, NOW), NOW)
    assert (claims.user_id, claims.generation) == (USER, 3)


@for_each("position", range(0, 240, 7))
def test_a_login_with_one_bit_changed_is_refused(position):
    token = SIGNER.issue(USER, 0, NOW)
    position = min(position, len(token) - 1)
    for bit in range(7):
        changed = token[:position] + chr(ord(token[position]) ^ 1 << bit) + token[position + 1 :]
        with pytest.raises(Unauthenticated):
            SIGNER.read(changed, NOW)


def test_the_last_bits_of_a_signature_count():
    # 43 characters hold two bits more than the signature has.
    for second in range(40):
        token = SIGNER.issue(USER, 0, NOW + timedelta(seconds=second))
        for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_":
            if other != token[-1]:
                with pytest.raises(Unauthenticated):
                    SIGNER.read(token[:-1] + other, NOW)


@for_each("more", ["=", "==", "!", "\n", " ", "é"])
def test_nothing_may_follow_a_login(more):
    with pytest.raises(Unauthenticated):
        SIGNER.read(SIGNER.issue(USER, 0, NOW) + more, NOW)


@for_each("missing", ["sub", "iat", "exp", "gen", "iss", "aud", "jti"])
def test_a_login_has_all_claims(missing):
    claims = {name: value for name, value in CLAIMS.items() if name != missing}
    with pytest.raises(Unauthenticated):
        SIGNER.read(jwt.encode(claims, SECRET, algorithm="HS256"), NOW)


def test_these_claims_are_accepted():
    assert SIGNER.read(jwt.encode(CLAIMS, SECRET, algorithm="HS256"), NOW).user_id == USER


@for_each(
    "claim, value",
    [
        ("iss", "another"),
        ("iss", ["stellary"]),
        ("aud", "another"),
        ("aud", []),
        ("jti", 1),
        ("sub", "\ud800" * 24),
        ("sub", "a" * 23 + "\0"),
        ("sub", "A" * 24),
        ("sub", "a" * 24 + "\n"),
        ("sub", 7),
        ("gen", "x"),
        ("gen", None),
        ("exp", 1e400),
        ("exp", "x"),
    ],
)
def test_signed_token_with_an_invalid_claim_is_rejected(claim, value):
    payload = jwt.encode(CLAIMS, SECRET, algorithm="HS256").split(".")[1]
    claims = {**json.loads(base64.urlsafe_b64decode(payload + "==")), claim: value}
    token = jwt.api_jws.encode(json.dumps(claims).encode(), SECRET, algorithm="HS256")
    with pytest.raises(Unauthenticated):
        SIGNER.read(token, NOW)


def test_signed_text_is_valid_for_its_purpose_only():
    data = {name: CLAIMS[name] for name in ("jti", "sub", "iat", "gen")}
    text, login = SIGNER.seal("second-factor", data, NOW, WEEK), SIGNER.issue(USER, 0, NOW)
    assert SIGNER.unseal("second-factor", text, NOW) is not None
    assert SIGNER.unseal("second-factor", login, NOW) is None
    with pytest.raises(Unauthenticated):
        SIGNER.read(text, NOW)


def test_each_login_has_an_id_of_its_own():
    issued = [SIGNER.issue(USER, 0, NOW) for _ in range(2)]
    assert len({jwt.decode(token, options={"verify_signature": False})["jti"] for token in issued}) == 2


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_login_of_another_algorithm_is_rejected(algorithm):
    with pytest.raises(Unauthenticated):
        SIGNER.read(jwt.encode(CLAIMS, SECRET * 2, algorithm=algorithm), NOW)


def test_an_unsigned_login_is_refused():
    payload = SIGNER.issue(USER, 0, NOW).split(".")[1]
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).decode().rstrip("=")
    for signature in ("", "AAAA"):
        with pytest.raises(Unauthenticated):
            SIGNER.read(f"{header}.{payload}.{signature}", NOW)


def test_headers_that_name_other_keys_lead_nowhere():
    token = jwt.encode(
        CLAIMS, "t" * 32, algorithm="HS256", headers={"kid": "../../dev/null", "jku": "http://localhost/"}
    )
    with pytest.raises(Unauthenticated):
        SIGNER.read(token, NOW)


@given(st.text(max_size=60))
def test_garbage_is_refused(text):
    for token in (text, f"{text}.{text}.{text}"):
        with pytest.raises(Unauthenticated):
            SIGNER.read(token, NOW)


def test_checksum_distinguishes_an_api_token_from_noise():
    token = new_api_token()
    assert (len(token), token[:6]) == (52, "synth_")
    assert looks_like_api_token(token)
    assert not looks_like_api_token(token[:-1] + ("0" if token[-1] != "0" else "1"))
    assert not looks_like_api_token(token[1:])
    assert not looks_like_api_token(token.upper())


@given(st.text(max_size=60))
def test_noise_is_no_api_token(text):
    assert not looks_like_api_token("synth_" + text)


def test_secrets_are_url_safe_and_stored_as_digests():
    secret = new_secret()
    assert len(secret) == 43
    assert secret.replace("-", "").replace("_", "").isalnum()
    assert digest(secret) == digest(secret)
    assert secret not in digest(secret)


# ---------------------------------------------------------------------------------------------- passwords


@for_each("password", ["x" * 128, "🔑" * 128, "é" * 8, "\0" * 8, " " * 8])
def test_a_password_counts_to_its_last_character(password):
    digest = hash_password(password, 4)
    assert verify_password(password, digest, 4)
    assert not verify_password(password[:-1] + "?", digest, 4)
    assert not verify_password(password + "?", digest, 4)


def test_without_a_stored_hash_every_password_is_wrong():
    assert not verify_password("nobody's password", None, 4)


@pytest.mark.parametrize("rounds", [4, 5, 7])
def test_a_password_is_checked_at_any_cost(rounds):
    stored = hash_password("a password", 5)
    assert verify_password("a password", stored, rounds)
    assert not verify_password("another one", stored, rounds)


# ---------------------------------------------------------------------------------------------- addresses


@for_each(
    "text, stored",
    [
        ("Ann.Lee@EXAMPLE.com", "Ann.Lee@example.com"),
        ("ann@xn--exmple-cua.com", "ann@exämple.com"),
        ("ann@intranet", "ann@intranet"),
        ("ann@host.test", "ann@host.test"),
    ],
)
def test_only_the_domain_of_an_address_is_normalized(text, stored):
    assert address(text) == stored


@for_each("text", ["ann", "ann@", "ann@x..com", "ann@x.com\r\nBcc: b@x.com", "a" * 65 + "@x.com"])
def test_invalid_address_is_rejected(text):
    with pytest.raises(Invalid, match="email must be a valid e-mail address"):
        address(text)


@for_each(
    "one, other, is_same",
    [
        ("ANN@x.com", "ann@x.com", True),
        ("e\u0301@x.com", "é@x.com", True),
        ("ann@BÜCHER.example", "ann@xn--bcher-kva.example", True),
        ("\u017fue@x.com", "sue@x.com", False),
        ("straße@x.com", "strasse@x.com", False),
        ("ann@straße.example", "ann@strasse.example", False),
        ("É@x.com", "é@x.com", False),
        ("\u0131@x.com", "i@x.com", False),
        ("ﬁ@x.com", "fi@x.com", False),
    ],
)
def test_addresses_are_the_same_only_for_one_mailbox(one, other, is_same):
    assert (address_key(one) == address_key(other)) == is_same


@given(st.text(max_size=40).filter(str.isascii))
def test_keys_of_addresses_in_ascii_ignore_case(text):
    assert address_key(text) == text.lower()


def test_encrypted_data_belong_to_one_owner_and_secret():
    for size in (0, 31, 32, 33, 64, 1_000):
        long = bytes(number % 251 for number in range(size))
        encrypted = SIGNER.encrypt("test", "ann", long)
        assert (SIGNER.decrypt("test", "ann", encrypted), len(encrypted)) == (long, size + 16)
        assert size < 33 or encrypted[16:48] != encrypted[48:80]
    encrypted = SIGNER.encrypt("test", "ann", b"data")
    assert SIGNER.decrypt("test", "ann", encrypted) == b"data"
    assert Signer("other", WEEK, [SECRET]).decrypt("test", "ann", encrypted) == b"data"
    assert b"data" not in encrypted
    damaged = [
        bytes([*encrypted[:at], encrypted[at] ^ 1, *encrypted[at + 1 :]]) for at in range(len(encrypted))
    ]
    assert {SIGNER.decrypt("test", "ann", text) for text in [*damaged, b"", encrypted[:-1]]} == {None}
    assert SIGNER.decrypt("test", "bob", encrypted) is SIGNER.decrypt("other", "ann", encrypted) is None
    assert Signer("other", WEEK).decrypt("test", "ann", encrypted) is None


@given(st.text(max_size=80))
def test_a_slug_is_one(text):
    slug = slugify(text)
    assert slug == "" or (2 <= len(slug) <= 60 and slug.strip("-") == slug)
    assert slug.replace("-", "").isalnum() or slug == ""


@for_each(
    "text, slug",
    [
        ("Jane Doe", "jane-doe"),
        ("Ærø & Søn!", "r-sn"),
        ("陳", ""),
        ("a", ""),
        ("Zoë", "zoe"),
        ("x" * 70, "x" * 60),
    ],
)
def test_a_name_becomes_a_slug(text, slug):
    assert slugify(text) == slug
