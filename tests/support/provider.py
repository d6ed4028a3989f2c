"""A small endpoint that speaks OpenAI's protocol: it streams, calls tools, limits, hangs, breaks off and fails."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import attrs
import orjson
import pytest
from openai import AsyncOpenAI
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from stellary.core.ports.llm import ModelRunner

HEAD = {"id": "x", "created": 1, "model": "some"}
PIECE = 5
"""The number of characters in a streamed chunk."""


@attrs.frozen
class Failure:
    """An error as an answer."""

    status: int
    message: str = "no"
    code: str | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Cut:
    """An answer that breaks off in the middle."""

    message: dict[str, Any]


@attrs.frozen
class Slow:
    """An answer that arrives slowly."""

    message: dict[str, Any]


class Hangs:
    """No answer at all, until the provider is closed."""


@attrs.frozen
class Garbage:
    """Bytes that are not an answer."""

    body: bytes


def calls(**tools: Any) -> dict[str, Any]:
    """Return a message that calls tools by name, with arguments or with a text in their place."""
    return {
        "content": None,
        "tool_calls": [
            {
                "index": number,
                "id": f"call_{number}",
                "type": "function",
                "function": {
                    "name": name,
                    "arguments": args if isinstance(args, str) else orjson.dumps(args).decode(),
                },
            }
            for number, (name, args) in enumerate(tools.items())
        ],
    }


class Provider:
    """The endpoint.

    Attributes:
        answers: Answers to the requests in order; the last one is repeated.
        requests: Bodies of the requests.
        keys: The keys that they were sent with.
        traceparents: The headers ``traceparent`` that they were sent with.
    """

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.requests: list[Any] = []
        self.keys: list[str] = []
        self.traceparents: list[str | None] = []
        self.closing = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    def answer(self) -> Any:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def _handler(provider) -> type[BaseHTTPRequestHandler]:  # noqa: C901, N805 - self is the handler
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def end_headers(self) -> None:
                # A client's connections that stay would outlive its loop.
                self.send_header("connection", "close")
                super().end_headers()

            def do_POST(self) -> None:
                body = orjson.loads(self.rfile.read(int(self.headers["content-length"])))
                provider.requests.append(body)
                provider.keys.append(self.headers["authorization"].removeprefix("Bearer "))
                provider.traceparents.append(self.headers["traceparent"])
                self.usage = usage_of(body)
                answer = provider.answer()
                if isinstance(answer, Hangs):
                    provider.closing.wait(20)
                    self.close_connection = True
                elif isinstance(answer, int | Failure):
                    self.fail(answer if isinstance(answer, Failure) else Failure(answer))
                elif isinstance(answer, Garbage):
                    self.say(200, "application/json", answer.body)
                elif body.get("stream"):
                    self.stream(answer)
                else:
                    message = answer.message if isinstance(answer, Cut) else answer
                    self.say(200, "application/json", orjson.dumps(whole_answer(message, self.usage)))

            def fail(self, answer: Failure) -> None:
                error = {"message": answer.message, "type": "error", "code": answer.code}
                self.say(answer.status, "application/json", orjson.dumps({"error": error}), **answer.headers)

            def say(self, status: int, kind: str, body: bytes, **headers: str) -> None:
                self.send_response(status)
                for name, text in {"content-type": kind, "content-length": str(len(body)), **headers}.items():
                    self.send_header(name.replace("_", "-"), text)
                self.end_headers()
                self.wfile.write(body)

            def stream(self, answer: Any) -> None:
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                cut, slow = isinstance(answer, Cut), isinstance(answer, Slow)
                chunks = list(stream_chunks(answer.message if cut or slow else answer, self.usage))
                for chunk in chunks[: len(chunks) // 2] if cut else chunks:
                    event = b"data: %b\n\n" % chunk
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
                    time.sleep(0.03 if slow else 0)
                if not cut:
                    self.wfile.write(b"0\r\n\r\n")

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


def usage_of(body: Any) -> dict[str, int]:
    """Return the usage of a request: a token for four letters, and ten for the answer."""
    return {"prompt_tokens": len(orjson.dumps(body)) // 4, "completion_tokens": 10, "total_tokens": 0}


def whole_answer(message: dict[str, Any], usage: dict[str, int]) -> dict[str, Any]:
    """Return the answer of a request that does not stream."""
    choice = {"index": 0, "finish_reason": reason(message), "message": {"role": "assistant", **message}}
    return {**HEAD, "object": "chat.completion", "choices": [choice], "usage": usage}


def stream_chunks(message: dict[str, Any], usage: dict[str, int]) -> Iterator[bytes]:
    """Yield the answer of a request that streams, piece by piece."""
    yield chunk({"role": "assistant", "content": ""})
    for text in pieces(message.get("content") or ""):
        yield chunk({"content": text})
    for call in message.get("tool_calls") or ():
        function = call["function"]
        yield chunk({"tool_calls": [{**call, "function": {**function, "arguments": ""}}]})
        for text in pieces(function["arguments"]):
            yield chunk({"tool_calls": [{"index": call["index"], "function": {"arguments": text}}]})
    yield chunk({}, reason(message))
    yield orjson.dumps({**HEAD, "object": "chat.completion.chunk", "choices": [], "usage": usage})
    yield b"[DONE]"


def chunk(delta: dict[str, Any], reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return orjson.dumps({**HEAD, "object": "chat.completion.chunk", "choices": [choice]})


def reason(message: dict[str, Any]) -> str:
    return message.get("reason") or ("tool_calls" if message.get("tool_calls") else "stop")


def pieces(text: str) -> Iterator[str]:
    return (text[start : start + PIECE] for start in range(0, len(text), PIECE))


def model_of(provider: Provider) -> OpenAIChatModel:
    """Return a model that sends each request to the provider once."""
    client = AsyncOpenAI(base_url=provider.url, api_key="secret-key", max_retries=0)
    return OpenAIChatModel("some", provider=OpenAIProvider(openai_client=client))


@contextmanager
def run_provider() -> Iterator[Provider]:
    provider = Provider()
    try:
        yield provider
    finally:
        provider.close()


def close_all_models(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close all model runners that a test has created."""
    runners: list[ModelRunner] = []
    initialize = ModelRunner.__init__

    def init(self: ModelRunner) -> None:
        initialize(self)
        runners.append(self)

    monkeypatch.setattr(ModelRunner, "__init__", init)
    yield
    for runner in runners:
        runner.close()
