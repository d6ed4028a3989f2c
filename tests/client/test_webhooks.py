"""The verifier of webhooks: it accepts only messages signed with the secret a moment ago."""

import base64
import hashlib
import hmac
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellary import UnverifiedWebhook
from stellary.client.webhooks import verify
from stellary.contract.signatures import secret_of, signature

# The example of the specification.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
MESSAGE = {
    "type": "card_created",
    "timestamp": "2026-04-01T12:00:00Z",
    "data": {
        "id": "a" * 24,
        "type": "card_created",
        "actorId": "b" * 24,
        "meta": {},
        "createdAt": "2026-04-01T12:00:00Z",
    },
}
BODY = json.dumps(MESSAGE).encode()
STAMP = int(NOW.timestamp())


def headers(body=BODY, secret=SECRET, id="msg_1", stamp=STAMP, **more):
    return {
        "Webhook-Id": id,
        "Webhook-Timestamp": str(stamp),
        "Webhook-Signature": signature(secret, id, stamp, body),
    } | more


def test_the_signature_is_that_of_the_specification():
    signed = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    assert signature(SECRET, *signed) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    text = b"%s.%d.%s" % (signed[0].encode(), signed[1], signed[2])
    expected = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    assert signature(SECRET, *signed) == f"v1,{expected}"


def test_signed_message_is_read():
    id, message = verify(headers(), BODY, SECRET, now=NOW)
    assert (id, message.type, message.timestamp) == ("msg_1", "card_created", NOW)
    assert message.data.actor_id == "b" * 24


def test_a_message_of_a_newer_server_is_read_too():
    body = json.dumps({**MESSAGE, "type": "moon_landed", "more": 1}).encode()
    _, message = verify(headers(body), body, SECRET, now=NOW)
    assert (message.type, message.raw) == ("moon_landed", {"more": 1})


def test_both_secrets_are_accepted_during_rotation():
    other = secret_of(b"x" * 32)
    assert verify(headers(), BODY, [other, SECRET], now=NOW)
    several = {"Webhook-Signature": f"v1a,zzz v1,AAAA é {headers()['Webhook-Signature']}"}
    assert verify(headers() | several, BODY, SECRET, now=NOW)


@pytest.mark.parametrize("seconds", [-301, 301, 86_400])
def test_too_old_or_future_message_is_rejected(seconds):
    with pytest.raises(UnverifiedWebhook, match="seconds from now"):
        verify(headers(), BODY, SECRET, now=NOW + timedelta(seconds=seconds))
    assert verify(headers(), BODY, SECRET, now=NOW + timedelta(seconds=seconds), tolerance=timedelta(days=2))


@pytest.mark.parametrize(
    "wrong",
    [
        *({"Webhook-Id": "msg_2"}, {"Webhook-Timestamp": str(STAMP + 1)}, {"Webhook-Signature": ""}),
        *({"Webhook-Signature": "v1,"}, {"Webhook-Timestamp": "soon"}, {"Webhook-Timestamp": "9" * 30}),
        *({"Webhook-Timestamp": "-1"}, {"Webhook-Id": ""}),
    ],
)
def test_wrong_headers_are_rejected(wrong):
    with pytest.raises(UnverifiedWebhook):
        verify(headers() | wrong, BODY, SECRET, now=NOW)


@given(st.binary(max_size=200))
def test_changed_body_is_rejected(body):
    if body != BODY:
        with pytest.raises(UnverifiedWebhook, match="signature"):
            verify(headers(), body, SECRET, now=NOW)


@given(
    st.one_of(
        st.binary(max_size=50),
        st.recursive(
            st.none() | st.integers() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_any_signed_body_is_read_or_raises_unverified_webhook(body):
    with suppress(UnverifiedWebhook):
        assert verify(headers(body), body, SECRET, now=NOW)


@pytest.mark.parametrize("secret", ["", "whsec_", "secret", "whsec_%%%"])
def test_invalid_secret_raises_value_error(secret):
    with pytest.raises(ValueError, match="must be whsec_"):
        verify(headers(), BODY, secret, now=NOW)


def test_now_is_that_of_the_clock():
    assert verify(headers(stamp=int(datetime.now(UTC).timestamp())), BODY, SECRET)
