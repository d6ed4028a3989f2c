"""Spans of OpenTelemetry: of requests, units, jobs, webhooks, models and statements."""

import sys
import time
from contextlib import closing

import pytest
from opentelemetry import trace
from pydantic_ai.messages import ModelRequest
from pydantic_ai.models import Model, ModelRequestParameters
from sqlalchemy import text

from stellary._tracing import TraceRate, add_context
from stellary._tracing import trace as trace_block
from stellary.core import NOBODY, Core
from tests.core.webhooks.webhook_api import WebhookApi
from tests.server.running import Running, running
from tests.support.core_parts import NO_LIMITS, llm, tracing
from tests.support.provider import model_of, run_provider
from tests.support.server_parts import Settings
from tests.support.spans import RecordedSpan, record_spans
from tests.support.world import World

REMOTE_TRACE, REMOTE_SPAN = 0xABC, 0xDEF
TRACEPARENT = f"00-{REMOTE_TRACE:032x}-{REMOTE_SPAN:016x}-01"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> list[RecordedSpan]:
    monkeypatch.setattr(tracing, "UNIT_SECONDS", 0.0)
    return record_spans(monkeypatch)


def find_span(spans: list[RecordedSpan], name: str) -> RecordedSpan:
    """Return the span of a name once it has ended."""
    ends = time.monotonic() + 10
    while True:
        ended = [span for span in spans if span.name == name and span.has_ended]
        if ended or time.monotonic() > ends:
            (span,) = ended
            return span
        time.sleep(0.01)


def test_request_continues_the_trace_of_its_client(server: Running, spans: list[RecordedSpan]):
    token = server.register("ann")
    spans.clear()
    reply = server.ask("GET", "/auth/me", token=token, traceparent=TRACEPARENT, x_request_id="the-same")
    assert reply.status == 200
    request, unit = find_span(spans, "auth.me"), find_span(spans, "unit auth.me")
    assert (request.kind, request.parent) == (trace.SpanKind.SERVER, REMOTE_SPAN)
    assert request.attributes == {
        "http.request.method": "GET",
        "url.path": "/auth/me",
        "http.response.status_code": 200,
        "stellary.request_id": "the-same",
    }
    assert request.status is None
    assert unit.parent == request.number
    assert {span.get_span_context().trace_id for span in (request, unit)} == {REMOTE_TRACE}
    assert unit.attributes["stellary.statements"] >= 1


def test_request_without_a_parent_begins_a_trace(server: Running, spans: list[RecordedSpan]):
    assert server.ask("GET", "/nowhere/eyJsecret").status == 404
    request = find_span(spans, "none")
    assert (request.parent, request.attributes["http.response.status_code"]) == (0, 404)
    assert "eyJsecret" not in request.attributes["url.path"]


def test_quick_unit_has_no_span(server: Running, spans: list[RecordedSpan], monkeypatch):
    monkeypatch.setattr(tracing, "UNIT_SECONDS", 60.0)
    server.register("ann")
    find_span(spans, "auth.register")
    assert not [span for span in spans if span.name.startswith("unit")]


def test_requests_without_a_parent_are_traced_at_a_rate(core: Core, spans: list[RecordedSpan]):
    for rate, count in ((0, 0), (1_000_000, 1)):
        with running(core, Settings(limits=NO_LIMITS, jobs=False, traces_per_second=rate)) as server:
            for headers in ({}, {"traceparent": "x"}):
                spans.clear()
                assert server.ask("GET", "/health/live", **headers).status == 200
                assert len(spans) == count
            assert server.ask("GET", "/health/live", traceparent=TRACEPARENT).status == 200
            assert spans[-1].parent == REMOTE_SPAN


def test_rate_of_traces_allows_a_burst_and_then_a_steady_number(monkeypatch):
    rate, begin_times = TraceRate(10), []
    for step in range(100):
        monkeypatch.setattr("time.monotonic", lambda step=step: 1000 + step / 100)
        begin_times += [step / 100 for _ in range(20) if rate()]
    assert begin_times[:10] == [0.0] * 10
    assert begin_times[10:] == pytest.approx([number / 10 for number in range(1, 11)], abs=0.06)


def test_rate_does_not_concern_the_spans_within_another(spans: list[RecordedSpan]):
    outer = RecordedSpan("outer", 99, trace.INVALID_SPAN_CONTEXT)
    with trace.use_span(outer), trace_block("request", "SERVER", {}, TraceRate(0)):
        assert spans[0].parent == 99


def test_dropped_span_is_the_current_one_only_in_the_trace_of_another_program(spans, monkeypatch):
    monkeypatch.setattr(RecordedSpan, "is_recording", lambda span: False)
    for sent in ({}, {"traceparent": TRACEPARENT}):
        carried: dict[str, str] = {}
        with trace_block("request", "SERVER", sent):
            add_context(carried)
        assert carried.keys() == sent.keys()


def test_job_has_a_span_that_fails_with_it(core: Core, spans: list[RecordedSpan]):
    def fail(uow, payload):
        raise ValueError("a text that people wrote")

    core.add_job("report", lambda uow, payload: None)
    core.add_job("broken", fail)
    core.run(NOBODY, lambda uow: [core.enqueue(uow, name, {}) for name in ("report", "broken")])
    spans.clear()
    core.work.run_due()
    done, unit, failed = (
        find_span(spans, name) for name in ("job host:report", "unit host:report", "job host:broken")
    )
    assert (done.kind, done.status, unit.parent) == (trace.SpanKind.CONSUMER, None, done.number)
    assert failed.status == (trace.StatusCode.ERROR, "ValueError")


def test_webhook_carries_the_context_of_its_span(core: Core, spans: list[RecordedSpan]):
    world = World(core)
    api = WebhookApi(world, world.person("ann"))
    api.hook("card_created")
    api.card()
    spans.clear()
    api.send()
    span = find_span(spans, "webhook")
    assert api.requests[0].headers["traceparent"].split("-")[2] == f"{span.number:016x}"
    assert span.attributes["http.response.status_code"] == 200


def test_model_is_asked_with_the_context_of_its_span(spans: list[RecordedSpan], monkeypatch):
    async def ask(model: Model) -> str:
        response = await model.request(
            [ModelRequest.user_text_prompt("Hello?")], None, ModelRequestParameters()
        )
        return response.text

    outer = RecordedSpan("outer", 99, trace.INVALID_SPAN_CONTEXT)
    runner = llm.ModelRunner()
    with run_provider() as provider, trace.use_span(outer), closing(runner):
        provider.answers = [{"content": "Hello."}]
        model = model_of(provider)
        assert runner.ask("openai-chat:some", llm.ModelAccount(), lambda name: model, ask) == "Hello."
    (span,) = spans
    assert (span.name, span.parent) == ("model openai-chat:some", 99)
    assert provider.traceparents == [f"00-{7:032x}-{span.number:016x}-01"]


def test_statements_have_spans_if_that_is_asked_for(core: Core, spans: list[RecordedSpan]):
    query = text("SELECT 1 AS one WHERE :secret = 'x'")
    outer = RecordedSpan("outer", 99, trace.INVALID_SPAN_CONTEXT)

    def read_once() -> list[RecordedSpan]:
        spans.clear()
        with trace.use_span(outer), core.view(NOBODY) as uow:
            uow.connection.execute(query, {"secret": "s3cr3t"}).all()
        return [span for span in spans if "AS one" in span.attributes.get("db.query.text", "")]

    assert read_once() == []
    core.trace_statements()
    (span,) = read_once()
    assert span.name == "SELECT"
    assert "s3cr3t" not in str(span.attributes)


def test_programs_without_opentelemetry_have_no_spans(core: Core, spans: list[RecordedSpan], monkeypatch):
    monkeypatch.delitem(sys.modules, "opentelemetry.trace")
    with running(core) as server:
        token = server.register("ann")
        assert server.ask("GET", "/auth/me", token=token, traceparent=TRACEPARENT).status == 200
    assert spans == []
