"""Calls of language models through pydantic-ai. Extra ``agents``.

Every failure becomes one of two errors: ``Refused`` if another attempt would fail in the same way, ``Unavailable`` if it
may succeed later. Both name its kind and the status; the text of a provider, which may quote a key, is only logged at debug.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from contextvars import ContextVar, copy_context
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import orjson

from stellary._tracing import add_context, trace
from stellary.contract.errors import ServerError, Unavailable
from stellary.contract.model_usage import ModelUsage
from stellary.contract.redaction import HIDDEN
from stellary.core.db import forks
from stellary.core.ports.model_budgets import ModelBudgets

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.models import Model, ModelRequestParameters
    from pydantic_ai.settings import ModelSettings

T = TypeVar("T")
_log = logging.getLogger("stellary.core")

MISSING = "stellary[agents] is not installed on the server"
PERMANENT = frozenset({400, 401, 403, 404, 405, 413, 422})
"""The statuses of a provider that another attempt would not change."""
LOOK_SECONDS = 10.0
"""The interval between calls of ``waiting``, in seconds."""
BODY_MAX = 2_000
"""The number of characters of a provider's error that are logged."""
SECRET_MIN = 8
"""The length from which a variable such as ``OPENAI_API_KEY`` counts as a secret; local servers take any word."""
LETTERS_PER_TOKEN = 4
"""The number of letters that count as a token, if the provider does not report its tokens."""
_KEY = re.compile(r"(?:(?<=key provided: )|\b(?=sk-|key-)|(?<=Bearer ))[^\s\"']+", re.IGNORECASE)


class Refused(Exception):
    """The model cannot be called, and another attempt would fail in the same way. The text is the reason."""


class BudgetUsed(Refused):
    """The budget of the calls is used up. The text is a sentence for people."""


class ModelAccount:
    """The account that pays for the calls of a model; this one has no budget. Its methods are called in any thread."""

    def check(self) -> None:
        """Check before each request that the budget is not used up.

        Raises:
            BudgetUsed: It is.
        """

    def record(self, usage: ModelUsage) -> None:
        """Record what requests have used, whether they succeeded or not."""

    def count_remaining(self) -> int:
        """Return the number of tokens that are left for the mission or the draft."""
        return ModelBudgets().mission

    def find_key(self, provider: str) -> str | None:
        """Return the account's own key of a provider; None to use that of the server."""
        return None


class CallerGone(ServerError):
    """503: the client that asked for the result has disconnected."""

    status = 503
    default_code = "client_gone"


caller_is_gone: ContextVar[Callable[[], bool]] = ContextVar("caller_is_gone", default=lambda: False)
"""Returns whether the client for which the current thread works has disconnected."""


may_finish_later: ContextVar[bool] = ContextVar("may_finish_later", default=False)
"""Whether the caller of the current thread can be told where to look for the result, instead of waiting for a model."""


def end_without_caller() -> None:
    """Raise an error once the caller has disconnected: the default of ``waiting``.

    Raises:
        CallerGone: The client has disconnected.
    """
    if caller_is_gone.get()():
        raise CallerGone("the client has disconnected")


def end_with_caller(job: Callable[[], T], is_gone: Callable[[], bool]) -> Callable[[], T]:
    """Return a job whose waiting and long reading ends once its client has disconnected.

    Args:
        job: The job, which may run in another thread.
        is_gone: Returns whether the client has disconnected. It is called once here, since a body may watch its
            connection only from then on, and may begin to do so only on the event loop.

    Raises:
        ConnectionResetError: The client has disconnected already.
    """
    if is_gone():
        raise ConnectionResetError("the client has disconnected")

    def run() -> T:
        caller_is_gone.set(is_gone)
        return job()

    return partial(copy_context().run, run)


class ModelRunner:
    """A runner of model calls on one permanent event loop, to which the connections of providers' clients belong."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        forks.follow(self)

    def after_fork_in_child(self) -> None:
        """Leave the event loop to the parent, whose thread runs it."""
        self._lock = threading.Lock()
        forks.abandon(self._loop)
        self._loop = self._thread = None

    def close(self) -> None:
        """Close the connections to providers; the next call opens new ones."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    def ask(
        self,
        model: str,
        account: ModelAccount,
        resolve: Callable[[str], Model | str],
        asking: Callable[[Model], Awaitable[T]],
        waiting: Callable[[], None] = end_without_caller,
    ) -> T:
        """Call a model, and return the result. The account is charged for each request, also if it fails.

        Args:
            model: The name of the model.
            account: The account that pays.
            resolve: Returns the model of pydantic-ai, or its name, for the name.
            asking: Returns the awaitable of the call, for the model of pydantic-ai.
            waiting: Called every ten seconds during the call. An exception that it raises cancels the call. By default,
                the call ends with its caller.

        Returns:
            The result of ``asking``.

        Raises:
            Refused: The model cannot be called, or the budget of the account is used up.
            Unavailable: The model cannot be called at the moment.
            CallerGone: The client has disconnected.
        """
        try:
            from pydantic_ai.exceptions import AgentRunError, UserError
        except ImportError:
            raise Refused(f"the model {model} cannot be asked: {MISSING}") from None
        meter = _Meter(model, account)
        keys = [account.find_key(model.partition(":")[0])]

        async def ask_metered() -> T:
            wrapped = _wrap_model(resolve(model), keys[0], meter)
            keys.append(getattr(getattr(wrapped, "client", None), "api_key", None))
            return await asking(wrapped)

        try:
            with trace(f"model {model}", "CLIENT"):
                return self._run(ask_metered, waiting)
        except (UserError, ImportError) as error:
            raise Refused(
                f"the model {model} cannot be asked: {_blank_keys(str(error), keys)}"[:1000]
            ) from None
        except AgentRunError as error:
            # The chain would carry the provider's text into the log.
            raise _to_api_error(error, model, keys) from None
        finally:
            meter.charge()

    def _run(self, asking: Callable[[], Coroutine[Any, Any, T]], waiting: Callable[[], None]) -> T:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="stellary-models", daemon=True
                )
                self._thread.start()
            future = asyncio.run_coroutine_threadsafe(asking(), self._loop)
        while True:
            try:
                return future.result(LOOK_SECONDS)
            except TimeoutError:
                if future.done():
                    return future.result()
            try:
                waiting()
            except BaseException:
                future.cancel()
                raise


@attrs.define
class _Request:
    """A request to a model. Until its response arrives, its tokens are an estimate."""

    input_tokens: int
    output_tokens: int = 0
    seconds: float = 0.0


class _Meter:
    """The request of a call of ``ask`` that the account does not know yet, if there is one."""

    def __init__(self, model: str, account: ModelAccount) -> None:
        self._model = model
        self._account = account
        self.requests: deque[_Request] = deque()

    def admit(self) -> None:
        """Charge the account for the last request, and check that its budget allows another one."""
        self.charge()
        self._account.check()

    def charge(self) -> None:
        """Charge the account for the last request, unless another thread does."""
        with suppress(IndexError):
            request = self.requests.pop()
            self._account.record(ModelUsage(model=self._model, calls=1, **attrs.asdict(request)))


def _wrap_model(model: Model | str, key: str | None, meter: _Meter) -> Model:
    """Return a model that asks the meter before each request, and reports to it.

    Args:
        model: The model of pydantic-ai, or its name.
        key: The key of the account, for a model that is named; None for the key of the server.
        meter: The meter.
    """
    from pydantic_ai.exceptions import ModelHTTPError
    from pydantic_ai.messages import ModelMessagesTypeAdapter
    from pydantic_ai.models import infer_model
    from pydantic_ai.models.wrapper import WrapperModel
    from pydantic_ai.providers import infer_provider_class

    class MeteredModel(WrapperModel):
        """A model with a meter. All requests are streams."""

        async def request(
            self,
            messages: list[ModelMessage],
            model_settings: ModelSettings | None,
            model_request_parameters: ModelRequestParameters,
        ) -> ModelResponse:
            await asyncio.to_thread(meter.admit)
            tools = [tool.parameters_json_schema for tool in model_request_parameters.function_tools]
            size = len(ModelMessagesTypeAdapter.dump_json(messages)) + len(orjson.dumps(tools))
            request, began, stream = _Request(size // LETTERS_PER_TOKEN), monotonic(), None
            meter.requests.append(request)
            headers: dict[str, str] = {}
            add_context(headers)
            if headers:
                settings = model_settings or {}
                headers = {**settings.get("extra_headers", {}), **headers}
                model_settings = {**settings, "extra_headers": headers}
            try:
                # Streamed, so that no proxy closes a connection that seems idle.
                async with self.wrapped.request_stream(
                    messages, model_settings, model_request_parameters
                ) as stream:
                    async for _ in stream:
                        pass
                return stream.get()
            except ModelHTTPError:
                # Providers do not charge for what they reject.
                request.input_tokens = 0
                raise
            finally:
                request.seconds = round(monotonic() - began, 3)
                if stream is not None:
                    size = len(ModelMessagesTypeAdapter.dump_json([stream.get()]))
                    request.input_tokens = stream.usage.input_tokens or request.input_tokens
                    request.output_tokens = stream.usage.output_tokens or size // LETTERS_PER_TOKEN

    if isinstance(model, str) and key is not None:
        try:
            model = infer_model(model, lambda provider: infer_provider_class(provider)(api_key=key))  # type: ignore[call-arg]
        except (TypeError, ValueError):
            raise Refused(f"the model {model} cannot be asked: its provider takes no key") from None
    return MeteredModel(model)


def _to_api_error(error: Exception, model: str, keys: Sequence[str | None]) -> Exception:
    from pydantic_ai import exceptions

    _log.debug("the model %s failed: %s", model, _blank_keys(str(error), keys)[:BODY_MAX])
    if isinstance(error, exceptions.ModelContextWindowExceededError):
        return Refused(f"the model {model} cannot be asked: the request exceeds its context window")
    if isinstance(error, exceptions.ModelQuotaExceededError):
        return Refused(f"the model {model} cannot be asked: the quota of its account is used up")
    if isinstance(error, exceptions.ModelHTTPError):
        detail = f"the provider says {error.status_code}"
        if error.status_code in PERMANENT:
            return Refused(f"the model {model} cannot be asked: {detail}")
        pause = None if error.retry_after is None else max(1, round(error.retry_after))
        return Unavailable(f"the model {model} does not answer at the moment: {detail}", retry_after=pause)
    if isinstance(error, exceptions.UnexpectedModelBehavior):
        return Unavailable(f"the model {model} returned an invalid answer")
    if isinstance(error, (exceptions.RunTimedOut, exceptions.ModelTimeoutError)):
        return Unavailable(f"the model {model} takes too long for an answer")
    return Unavailable(f"the model {model} cannot be reached")


def _blank_keys(text: str, keys: Sequence[str | None]) -> str:
    """Return a text without the keys of providers: those of the environment, the given ones, and what looks like one."""
    values = [value for name, value in os.environ.items() if name.endswith(("_KEY", "_TOKEN", "_SECRET"))]
    for secret in filter(None, [*keys, *(value for value in values if len(value) >= SECRET_MIN)]):
        text = text.replace(secret, HIDDEN)
    return _KEY.sub(HIDDEN, text)


def enclose_text(name: str, content: object) -> str:
    """Return what people wrote as a block of JSON, which is marked as data and cannot contain the end of its mark.

    Args:
        name: The name of the block.
        content: The content, as JSON.
    """
    data = orjson.dumps(content).decode().replace("<", "\\u003c")
    return f"<{name}>{data}</{name}>"
