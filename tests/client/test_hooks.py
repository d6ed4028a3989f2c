"""Hooks for requests and responses, the wire log, and spans of OpenTelemetry, with both clients."""

import logging
import sys

import attrs
import pytest
from opentelemetry import trace

import stellary.client
from stellary import NotFound, Stellary
from stellary.client.calling.settings import start_logging
from stellary.client.testing import make
from stellary.contract.api_tokens import CreatedApiToken
from stellary.contract.auth import Session, User
from stellary.contract.errors import Unavailable
from stellary.contract.port import RawRequest
from tests.support.colours import resolve
from tests.support.spans import RecordedSpan, record_spans

TOKEN = "synth_s3cr3t"


@pytest.fixture
def client(colour, port):
    return colour.embedded(port, token=TOKEN)


# ------------------------------------------------------------------------------------------------- hooks


async def test_request_hook_may_replace_a_request(port, client):
    seen = []

    def sign(request: RawRequest) -> RawRequest:
        seen.append(request.path)
        return attrs.evolve(request, headers={**request.headers, "x-signature": "abc"})

    client.on_request(sign)
    client.on_request(lambda request: None)
    await resolve(client.workspace("acme", "eng").project("p").cards.list(limit=2))
    (request,) = port.requests
    assert request.headers["x-signature"] == "abc"
    assert seen == [request.path]


async def test_response_hook_sees_every_attempt(port, client):
    port.answer("auth.me", Unavailable("busy", retry_after=0.001), NotFound("gone"))
    seen = []
    client.on_response(lambda request, response: seen.append((request.method, response.status)))
    with pytest.raises(NotFound):
        await resolve(client.with_options(retries=1).auth.me())
    assert seen == [("GET", 503), ("GET", 404)]


async def test_error_of_a_response_hook_ends_the_call(port, client):
    def refuse(request, response):
        raise ValueError("no request id")

    client.on_response(refuse)
    with pytest.raises(ValueError, match="no request id"):
        await resolve(client.auth.me())


def test_request_hook_sees_streams(port):
    client = Stellary.embedded(port)
    client.on_request(lambda request: attrs.evolve(request, headers={**request.headers, "x-trace": "1"}))
    with client.workspace("acme", "eng").mission("m").stream() as entries:
        next(entries, None)
    assert port.requests[0].headers["x-trace"] == "1"


# ------------------------------------------------------------------------------------------------- the wire log


@pytest.fixture
def loggers():
    """Restore the levels and handlers of the client's loggers."""
    names = ("stellary.client", "stellary.client.wire")
    before = {name: (logging.getLogger(name).level, logging.getLogger(name).handlers[:]) for name in names}
    yield
    for name, (level, handlers) in before.items():
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.handlers[:] = handlers


async def test_wire_log_shows_bodies_without_secrets(port, client, loggers, capsys):
    port.answer("auth.login", Session(access_token="jwt_s3cr3t", user=make(User, name="Jane")))
    port.answer("api_tokens.create", make(CreatedApiToken, token="pat_s3cr3t"))
    stellary.client.log("wire")
    await resolve(client.auth.login(email="jane@example.com", password="pw_s3cr3t"))
    await resolve(client.api_tokens.create(name="CI", scopes=["projects:read"]))
    await resolve(client.invitations.accept("inv_s3cr3t"))
    output = capsys.readouterr().err
    assert '> {"email":"jane@example.com","password":"***"}' in output
    assert '"access_token":"***"' in output
    assert '"name":"Jane"' in output
    assert "> POST /invitations/…/accept" in output
    assert "> authorization: ***" in output
    assert "< x-request-id: req_recorded" in output
    assert "s3cr3t" not in output


async def test_wire_log_shortens_long_bodies_and_leaves_out_files(port, client, loggers, capsys):
    stellary.client.log("wire")
    board = client.workspace("acme", "eng").project("p")
    await resolve(board.cards.update("c", description="x" * 5000))
    await resolve(board.card("c").attachments.upload(b"content of a file", name="a.txt"))
    await resolve(board.card("c").attachments.download("a"))
    output = capsys.readouterr().err
    assert "… (5018 characters)" in output
    assert "> <a file>" in output
    assert "content of a file" not in output


async def test_debug_of_all_loggers_shows_no_bodies(port, client, loggers, caplog):
    caplog.set_level(logging.DEBUG)
    await resolve(client.auth.update_me(name="Jane"))
    assert [record.name for record in caplog.records if record.name.startswith("stellary")] == [
        "stellary.client"
    ]


def test_log_level_of_the_environment(loggers):
    start_logging({"STELLARY_LOG": "wire"})
    assert logging.getLogger("stellary.client.wire").isEnabledFor(logging.DEBUG)
    start_logging({"STELLARY_LOG": "info"})
    assert not logging.getLogger("stellary.client.wire").isEnabledFor(logging.DEBUG)
    with pytest.raises(ValueError, match="the level must be warning, info, debug, wire, not 'loud'"):
        stellary.client.log("loud")


# ------------------------------------------------------------------------------------------------- OpenTelemetry


@pytest.fixture
def spans(monkeypatch):
    return record_spans(monkeypatch)


async def test_each_call_has_a_span_whose_context_is_sent(port, client, spans):
    port.answer("auth.me", Unavailable("busy", retry_after=0.001), NotFound("gone"))
    outer = RecordedSpan("outer", 99, trace.INVALID_SPAN_CONTEXT)
    with trace.use_span(outer):
        await resolve(client.invitations.accept("inv_s3cr3t"))
        with pytest.raises(NotFound):
            await resolve(client.with_options(retries=1).auth.me())
    accepted, failed = spans
    assert (accepted.name, accepted.parent, accepted.has_ended) == ("invitations.accept", 99, True)
    assert accepted.kind is trace.SpanKind.CLIENT
    assert accepted.attributes == {
        "http.request.method": "POST",
        "url.path": "/invitations/…/accept",
        "http.response.status_code": 200,
        "stellary.request_id": "req_recorded",
        "http.request.resend_count": 0,
    }
    assert port.requests[0].headers["traceparent"] == f"00-{7:032x}-{1:016x}-01"
    assert failed.attributes["error.type"] == "NotFound"
    assert failed.attributes["http.request.resend_count"] == 1
    assert (failed.status[0], failed.has_ended) == (trace.StatusCode.ERROR, True)


async def test_programs_without_opentelemetry_have_no_spans(port, client, spans, monkeypatch):
    monkeypatch.delitem(sys.modules, "opentelemetry.trace")
    await resolve(client.auth.me())
    assert spans == []
    assert "traceparent" not in port.requests[0].headers
