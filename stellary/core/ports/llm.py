"""Calls of language models through pydantic-ai. Extra ``agents``.

Every failure becomes one of two errors: ``Refused`` if another attempt would fail in the same way, ``Unavailable`` if it
may succeed later.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterable, Callable, Coroutine, Mapping
from contextvars import ContextVar
from typing import Any, TypeVar

from stellary.contract.errors import ServerError, Unavailable
from stellary.core.db import forks

T = TypeVar("T")

MISSING = "stellary[agents] is not installed on the server"
PERMANENT = frozenset({400, 401, 403, 404, 405, 413, 422})
"""The statuses of a provider that another attempt would not change."""
QUOTED = frozenset({400, 404, 413, 422})
"""The statuses whose message is quoted. The message of an authentication error may contain a part of the key."""
QUOTE_MAX = 300
LOOK_SECONDS = 10.0
"""The interval between calls of ``waiting``, in seconds."""


class Refused(Exception):
    """The model cannot be called, and another attempt would fail in the same way. The text is the reason."""


class CallerGone(ServerError):
    """503: the client that asked for the result has disconnected."""

    status = 503
    default_code = "client_gone"


caller_is_gone: ContextVar[Callable[[], bool]] = ContextVar("caller_is_gone", default=lambda: False)
"""Returns whether the client for which the current thread calls models has disconnected."""


def end_without_caller() -> None:
    """Raise an error once the caller has disconnected: the default of ``waiting``.

    Raises:
        CallerGone: The client has disconnected.
    """
    if caller_is_gone.get()():
        raise CallerGone("the client has disconnected")


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
        asking: Callable[[], Coroutine[Any, Any, T]],
        waiting: Callable[[], None] = end_without_caller,
    ) -> T:
        """Call a model, and return the result.

        Args:
            model: The name of the model, for error messages.
            asking: Returns the awaitable of the call.
            waiting: Called every ten seconds during the call. An exception that it raises cancels the call. By default,
                the call ends with its caller.

        Returns:
            The result of ``asking``.

        Raises:
            Refused: The model cannot be called.
            Unavailable: The model cannot be called at the moment.
            CallerGone: The client has disconnected.
        """
        try:
            from pydantic_ai.exceptions import AgentRunError, UserError
        except ImportError:
            raise Refused(f"the model {model} cannot be asked: {MISSING}") from None
        try:
            return self._run(asking, waiting)
        except (UserError, ImportError) as error:
            raise Refused(f"the model {model} cannot be asked: {error}"[:1000]) from error
        except AgentRunError as error:
            raise _to_api_error(error, model) from error

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


async def consume_events(_: object, events: AsyncIterable[object]) -> None:
    """Consume a response as a stream, so that no proxy closes a connection that seems idle."""
    async for _ in events:
        pass


def _to_api_error(error: Exception, model: str) -> Exception:
    from pydantic_ai import exceptions

    if isinstance(error, exceptions.ModelContextWindowExceededError):
        return Refused(f"the model {model} cannot be asked: the request exceeds its context window")
    if isinstance(error, exceptions.ModelQuotaExceededError):
        return Refused(f"the model {model} cannot be asked: the quota of its account is used up")
    if isinstance(error, exceptions.ModelHTTPError):
        status = error.status_code
        detail = f"the provider says {status}{_quote_message(error.body) if status in QUOTED else ''}"
        if status in PERMANENT:
            return Refused(f"the model {model} cannot be asked: {detail}")
        pause = None if error.retry_after is None else max(1, round(error.retry_after))
        return Unavailable(f"the model {model} does not answer at the moment: {detail}", retry_after=pause)
    if isinstance(error, exceptions.UnexpectedModelBehavior):
        return Unavailable(f"the model {model} returned an invalid answer: {error.message}"[:1000])
    if isinstance(error, (exceptions.RunTimedOut, exceptions.ModelTimeoutError)):
        return Unavailable(f"the model {model} takes too long for an answer")
    return Unavailable(f"the model {model} cannot be reached")


def _quote_message(body: object) -> str:
    """Return the message in a provider's error, preceded by a colon; empty if there is none."""
    if isinstance(body, Mapping):
        inner = body.get("error")
        message = inner.get("message") if isinstance(inner, Mapping) else body.get("message")
        if isinstance(message, str) and message.strip():
            return f": {' '.join(message.split())[:QUOTE_MAX]}"
    return ""
