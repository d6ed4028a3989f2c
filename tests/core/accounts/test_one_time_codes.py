"""One-time codes: the test vectors of RFC 6238, and the window in which a code is accepted."""

import base64
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from stellary.core.accounts.one_time_codes import build_uri, compute_code, find_step, generate_secret, step_at
from tests.support.each_case import for_each

SECRET = base64.b32encode(b"12345678901234567890").decode()
"""The secret of the test vectors in RFC 6238, appendix B."""
NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)


@for_each(
    "seconds, code",
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_codes_are_those_of_the_specification(seconds, code):
    # The specification lists eight digits, of which these are the last six.
    assert compute_code(SECRET, step_at(datetime.fromtimestamp(seconds, UTC))) == code


@for_each("steps, is_accepted", [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_clock_of_an_app_may_be_wrong_by_one_step(steps, is_accepted):
    code = compute_code(SECRET, step_at(NOW) + steps)
    assert find_step(SECRET, code, NOW, 0) == (step_at(NOW) + steps if is_accepted else None)


def test_code_of_a_used_step_or_an_earlier_one_is_refused():
    step = step_at(NOW)
    for last_step, is_accepted in ((step - 1, True), (step, False), (step + 1, False)):
        assert (find_step(SECRET, compute_code(SECRET, step), NOW, last_step) is not None) == is_accepted


def test_spaces_in_a_code_are_ignored():
    code = compute_code(SECRET, step_at(NOW))
    assert find_step(SECRET, f" {code[:3]} {code[3:]} ", NOW, 0) == step_at(NOW)


@for_each("code", ["", "12345", "1234567", "abcdef", "\u0660" * 6, "\ud800", "-00001"])
def test_text_that_is_no_code_is_refused(code):
    assert find_step(SECRET, code, NOW + timedelta(seconds=1), 0) is None


def test_uri_names_the_secret_and_the_account():
    secret = generate_secret()
    assert len(base64.b32decode(secret)) == 20
    parts = urlsplit(build_uri(secret, "jane+x@example.com"))
    assert (parts.scheme, parts.netloc, parts.path) == ("otpauth", "totp", "/Stellary:jane%2Bx%40example.com")
    assert parse_qs(parts.query) == {
        "secret": [secret],
        "issuer": ["Stellary"],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }
