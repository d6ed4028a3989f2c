"""Models: how language models are asked, through pydantic-ai. Extra ``agents``.

Whatever goes wrong is told as one of two things: ``Refused`` is what the provider would say again, ``Unavailable`` what
may be otherwise later.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterable, Callable, Coroutine, Mapping
from typing import Any, TypeVar

from stellary.contract.errors import Unavailable
from stellary.core.db import forks

T = TypeVar("T")

MISSING = "stellary[agents] is not installed on the server"
PERMANENT = frozenset({400, 401, 403, 404, 405, 413, 422})
"""What a provider says that it will say again."""
QUOTED = frozenset({400, 404, 413, 422})
"""With which it says why; what it says of a key that is wrong may hold a part of the key."""
QUOTE_MAX = 300
LOOK_SECONDS = 10.0
"""After which whoever waits is asked whether he still does."""


class Refused(Exception):
    """The model cannot be asked, and it is no use to try again. The text says why."""


def nobody_asks() -> None:
    """Whoever waits does so to the end."""


class Models:
    """Asks models on an event loop that stays: clients of providers keep connections, which are of one loop."""

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
        """Give up the connections to providers; whatever is asked next makes new ones."""
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
        waiting: Callable[[], None] = nobody_asks,
    ) -> T:
        """What a model says.

        Args:
            model: What it is called; told where something goes wrong.
            asking: Asks it.
            waiting: Called now and then meanwhile. What it raises ends the asking.

        Raises:
            Refused: It cannot be asked.
            Unavailable: It cannot be asked at the moment.
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
            raise _told(error, model) from error

    def _run(self, asking: Callable[[], Coroutine[Any, Any, T]], waiting: Callable[[], None]) -> T:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="stellary-models", daemon=True
                )
                self._thread.start()
            asked = asyncio.run_coroutine_threadsafe(asking(), self._loop)
        while True:
            try:
                return asked.result(LOOK_SECONDS)
            except TimeoutError:
                if asked.done():
                    return asked.result()
            try:
                waiting()
            except BaseException:
                asked.cancel()
                raise


async def passed_over(_: Any, events: AsyncIterable[Any]) -> None:
    """Hear an answer as it comes, so that no proxy takes a long one for a connection on which nobody is."""
    async for _ in events:
        pass


def _told(error: Exception, model: str) -> Exception:
    from pydantic_ai import exceptions

    if isinstance(error, exceptions.ModelContextWindowExceededError):
        return Refused(f"the model {model} cannot be asked: that is more than it takes in at once")
    if isinstance(error, exceptions.ModelQuotaExceededError):
        return Refused(f"the model {model} cannot be asked: the quota of its account is used up")
    if isinstance(error, exceptions.ModelHTTPError):
        status = error.status_code
        said = f"the provider says {status}{_quoted(error.body) if status in QUOTED else ''}"
        if status in PERMANENT:
            return Refused(f"the model {model} cannot be asked: {said}")
        pause = None if error.retry_after is None else max(1, round(error.retry_after))
        return Unavailable(f"the model {model} does not answer at the moment: {said}", retry_after=pause)
    if isinstance(error, exceptions.UnexpectedModelBehavior):
        return Unavailable(f"the model {model} says what makes no sense: {error.message}"[:1000])
    if isinstance(error, (exceptions.RunTimedOut, exceptions.ModelTimeoutError)):
        return Unavailable(f"the model {model} takes too long for an answer")
    return Unavailable(f"the model {model} cannot be reached")


def _quoted(body: object) -> str:
    """What the provider says in words, if it does."""
    if isinstance(body, Mapping):
        inner = body.get("error")
        said = inner.get("message") if isinstance(inner, Mapping) else body.get("message")
        if isinstance(said, str) and said.strip():
            return f": {' '.join(said.split())[:QUOTE_MAX]}"
    return ""
