"""Retries of calls, their pauses and their deadline."""

from datetime import timedelta
from email.utils import format_datetime
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from stellary.client.calling.capture import Watch
from stellary.client.calling.retries import READ, RETRY_AFTER_MAX, SLOW, WHOLE, retry_after
from stellary.client.errors import ConnectionFailed, Unanswered, UnreadableAnswer
from stellary.contract import ENDPOINTS
from stellary.contract.errors import ApiError, Conflict, NotFound, RateLimited, ServerError, Unavailable
from stellary.contract.wire import dump
from tests.client.simulation import NOON, Outcome, build_call, simulate
from tests.support.each_case import for_each

OK = Outcome(200)
PASSING = [408, 425, 429, 502, 503, 504]
PERMANENT = [301, 400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 501, 507]
OPERATIONS = st.sampled_from([endpoint.operation for endpoint in ENDPOINTS])
OUTCOMES = st.lists(
    st.builds(
        Outcome,
        status=st.sampled_from([None, 200, 201, 301, 400, 404, 409, 412, 500, *PASSING]),
        reached=st.booleans(),
        took=st.floats(0, 60),
        headers=st.sampled_from(
            [{}, {"retry-after": "3"}, {"retry-after": "100000"}, {"retry-after": "soon"}]
        ),
    ),
    min_size=1,
    max_size=8,
)
TIMEOUTS = st.none() | st.floats(0.1, 200)


@given(OPERATIONS, OUTCOMES, st.integers(0, 5), st.floats(0, 1))
def test_same_request_is_repeated_after_pauses_until_there_is_a_value_or_an_error(
    operation, outcomes, retries, chance
):
    seen = simulate(build_call(operation, retries=retries), outcomes, chance=chance)
    assert 1 <= len(seen.sent) <= retries + 1
    assert all(request == seen.sent[0] for request in seen.sent)
    assert len(seen.pauses) == len(seen.sent) - 1
    assert all(0 <= pause <= RETRY_AFTER_MAX for pause in seen.pauses)
    assert (seen.error is None) == (seen.result is not None)
    if seen.error is not None:
        assert isinstance(seen.error, ApiError | Unanswered)
        assert seen.error.retries == len(seen.pauses)


@given(OPERATIONS, OUTCOMES, st.integers(0, 5), TIMEOUTS)
def test_the_deadline_is_kept(operation, outcomes, retries, timeout):
    call = build_call(operation, retries=retries, timeout=timeout)
    longest, whole = (SLOW,) * 2 if call.plan.slow else (READ, WHOLE)
    seen = simulate(call, outcomes)
    assert seen.spent <= (timeout or whole) + 0.01
    assert all(seconds <= (timeout or longest) for seconds in seen.allowed)


@given(OUTCOMES)
def test_a_post_without_a_key_is_repeated_only_if_it_never_arrived(outcomes):
    seen = simulate(build_call("auth.login", retries=5), outcomes)
    arrived = next(
        (n for n, outcome in enumerate(outcomes) if outcome.status is not None or outcome.reached), 5
    )
    assert len(seen.sent) <= arrived + 1


@for_each(
    "operation, status", product(["cards.get", "cards.update", "cards.delete", "cards.create"], PASSING)
)
def test_temporary_failure_is_retried(operation, status):
    seen = simulate(build_call(operation, retries=2), [Outcome(status), OK])
    assert (seen.error, len(seen.sent)) == (None, 2)


@for_each("operation, status", product(["cards.get", "cards.update", "cards.create"], PERMANENT))
def test_permanent_failure_raises_immediately(operation, status):
    seen = simulate(build_call(operation, retries=2), [Outcome(status), OK])
    assert (seen.error.status, len(seen.sent)) == (status, 1)


def test_server_error_with_a_cause_raises_immediately():
    body = dump(ServerError("call core.migrate() first", code="not_migrated").to_body("req_1"))
    seen = simulate(build_call("cards.get", retries=2), [Outcome(500, body=body), OK])
    assert (seen.error.code, len(seen.sent)) == ("not_migrated", 1)


@for_each("endpoint", ENDPOINTS)
def test_what_is_not_repeatable_has_a_key_if_its_endpoint_honours_one_and_shows_no_secret(endpoint):
    key = build_call(endpoint.operation).request.headers.get("idempotency-key")
    needs_key = endpoint.method == "POST" or endpoint.operation == "automations.toggle"
    assert (key is not None) == (needs_key and endpoint.idempotent and not endpoint.keeps_secret)


def test_two_calls_have_two_keys():
    assert build_call("cards.create").request.headers != build_call("cards.create").request.headers


LOST, NOT_SENT = Outcome(None), Outcome(None, reached=False)


@for_each(
    "operation, options, outcome, error",
    [
        ("cards.get", {}, Outcome(500), None),
        ("cards.update", {}, Outcome(500), ServerError),
        ("cards.create", {}, Outcome(500), ServerError),
        ("cards.create", {}, Outcome(409), Conflict),
        ("api_tokens.create", {}, Outcome(503), Unavailable),
        *((name, {}, NOT_SENT, None) for name in ("auth.login", "auth.logout", "api_tokens.create")),
        *((name, {}, LOST, ConnectionFailed) for name in ("auth.login", "auth.logout", "api_tokens.create")),
        ("cards.update", {"if_match": '"3"'}, LOST, ConnectionFailed),
        ("cards.update", {"if_match": '"3"'}, Outcome(503), None),
    ],
)
def test_request_is_repeated_only_if_that_is_safe(operation, options, outcome, error):
    seen = simulate(build_call(operation, retries=2, **options), [outcome, OK])
    assert (type(seen.error) if error else seen.error, len(seen.sent)) == (error, 1 if error else 2)


def test_pauses_double_up_to_eight_seconds():
    seen = simulate(build_call("cards.get", retries=7, timeout=1000), [Outcome(503)])
    assert seen.pauses == [0.5, 1, 2, 4, 8, 8, 8]


def test_jitter_reduces_a_pause_by_up_to_a_quarter():
    assert simulate(build_call("cards.get", retries=2), [Outcome(503)], chance=1.0).pauses == [0.375, 0.75]


@for_each(
    "text, pause",
    [("3", 3), (format_datetime(NOON + timedelta(seconds=7), usegmt=True), 7), ("3600", RETRY_AFTER_MAX)],
)
def test_retry_after_is_respected_for_up_to_a_minute(text, pause):
    limited = Outcome(429, headers={"retry-after": text})
    assert simulate(build_call("cards.get", retries=2, timeout=500), [limited, OK]).pauses == [pause]
    assert RETRY_AFTER_MAX == 60


def test_pause_beyond_the_deadline_is_not_started():
    limited = Outcome(429, headers={"retry-after": "30"})
    seen = simulate(build_call("cards.get", retries=2, timeout=10), [limited, OK])
    assert (seen.spent, type(seen.error)) == (0, RateLimited)
    assert seen.error.retry_after == 30


def test_a_call_without_a_time_out_gives_each_attempt_thirty_seconds_and_has_ninety():
    seen = simulate(build_call("cards.get", retries=9), [Outcome(None, took=1000)])
    assert seen.allowed[:2] == [30, 30]
    assert 60 < seen.spent <= 90


def test_a_call_with_a_time_out_may_spend_it_on_one_attempt():
    seen = simulate(build_call("cards.get", retries=2, timeout=120), [Outcome(None, took=1000)])
    assert (seen.allowed, seen.spent) == ([120], 120)


@for_each(
    "text, seconds",
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("3", 3),
        (" 1.5 ", 1.5),
        ("-3", None),
        ("1" * 40, None),
        ("٣", None),
        (format_datetime(NOON - timedelta(hours=1), usegmt=True), 0),
        ("Thu, 15 Jan 2026 12:00:05", 5),
        ("Thu, 15 Jan 2026 13:00:05 +0100", 5),
        ("Thu, 99 Jan 2026 99:00:05 GMT", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(text, seconds):
    assert retry_after(text, lambda: NOON) == seconds


@given(st.text())
def test_any_retry_after_is_accepted(text):
    assert (retry_after(text, lambda: NOON) or 0) >= 0


def test_error_has_request_and_number_of_attempts():
    seen = simulate(
        build_call("cards.get", retries=1), [Outcome(503, headers={"x-request-id": "req_1"}, body=b"{}")]
    )
    assert isinstance(seen.error, Unavailable)
    request = f"(GET {seen.sent[0].path}, request req_1, after 1 retry)"
    assert str(seen.error) == f"503 Service Unavailable: the server gave no reason {request}"


def test_the_last_attempt_decides_on_the_error():
    seen = simulate(build_call("cards.get", retries=2), [Outcome(503), Outcome(None), Outcome(404)])
    assert (type(seen.error), seen.error.retries) == (NotFound, 2)


@for_each(
    "location, advice",
    [
        ("https://pm.example/api{path}", "use https://pm.example/api as the URL of the client"),
        ("https://pm.example{path}?limit=2", "use https://pm.example as the URL of the client"),
        ("https://pm.example{path}/", "check the URL of the client"),
        ("https://example.com/login", "check the URL of the client"),
        ("{path}", "check the URL of the client"),
    ],
)
def test_redirect_error_says_what_to_use_as_the_url(location, advice):
    call = build_call("cards.get")
    location = location.format(path=call.request.path)
    seen = simulate(call, [Outcome(301, headers={"location": location})])
    assert seen.error.message == f"the server redirects to {location}; {advice}"


@for_each(
    "operation, outcomes, is_done",
    [
        ("cards.delete", [Outcome(None), Outcome(404)], True),
        ("cards.delete", [Outcome(504), Outcome(404)], True),
        ("cards.delete", [Outcome(404)], False),
        ("cards.delete", [Outcome(None, reached=False), Outcome(404)], False),
        ("cards.delete", [Outcome(503), Outcome(404)], False),
        ("cards.delete", [Outcome(None), Outcome(403)], False),
        ("cards.update", [Outcome(None), Outcome(404)], False),
        ("workspaces.remove_member", [Outcome(None), Outcome(404)], False),
    ],
)
def test_delete_whose_answer_was_lost_is_done_if_the_item_is_gone(operation, outcomes, is_done):
    seen = simulate(build_call(operation, retries=2), outcomes)
    assert (seen.error is None) == is_done
    assert not is_done or seen.result[1].ok


def test_unreadable_response_raises_with_its_request():
    seen = simulate(
        build_call("cards.get", retries=2), [Outcome(200, headers={"x-request-id": "r1"}, body=b"<html>")]
    )
    assert isinstance(seen.error, UnreadableAnswer)
    assert (seen.error.status, seen.error.request_id, seen.error.method) == (200, "r1", "GET")
    assert "'<html>'" in str(seen.error)


def test_unreadable_response_with_a_secret_is_not_shown():
    seen = simulate(build_call("auth.login"), [Outcome(201, body=b'{"access_token": "eyJ')])
    assert "eyJ" not in str(seen.error)


def test_a_secret_in_the_path_is_not_shown():
    assert simulate(build_call("invitations.accept"), [Outcome(404)]).error.path == "/invitations/…/accept"


def test_exchange_is_captured_on_success_and_failure():
    watch = Watch()
    watch.captures.append([])
    outcomes = [Outcome(503, took=0.5), Outcome(200, headers={"x-request-id": "r"})]
    simulate(build_call("cards.get", retries=1), outcomes, watch=watch)
    simulate(build_call("cards.get"), [Outcome(None)], watch=watch)
    good, bad = watch.captures[0]
    assert (good.status, good.tries, good.ms, good.request_id, good.error) == (200, 2, 1000, "r", None)
    assert (bad.status, bad.tries, bad.request_id) == (None, 1, None)
    assert bad.error.startswith("the connection broke (GET /orgs/")
    assert str(good).endswith(" 200 in 1000 ms, 2 tries, request r")
    assert str(bad).endswith(" no answer in 0 ms")
