"""The private attributes of aiohttp that the server reads. No other module uses private attributes.

aiohttp has no public way to find out what a connection is doing. If a new version changes one of these attributes of
``RequestHandler``, ``tests/server/test_aiohttp_internals.py`` fails. With a version that is not ``KNOWN``, nothing is read: the server
then closes idle connections later when it stops, and does not notice that a body has become invalid HTTP.

- ``_waiter``: the future of the next request, on which an idle connection waits. Only idle connections are closed when
  the server stops, or when a header is late.
- ``_messages``: the requests that have been parsed but not begun, each with its body. Shows whether a header is complete,
  and whether what follows is valid HTTP.
- ``_current_request``: the request that is being answered, whose body fails if what follows in it is invalid HTTP.
- ``_next_keepalive_close_time``: the end of the keep-alive time, which shows when the last response was sent.
- ``_task_handler``: the task that answers the requests of a connection, with which all that aiohttp keeps for it ends.
"""

from __future__ import annotations

import asyncio

import aiohttp
from aiohttp import StreamReader, web
from aiohttp.http import RawRequestMessage

ATTRIBUTES = ("_waiter", "_messages", "_current_request", "_next_keepalive_close_time", "_task_handler")
"""The attributes, for the test."""
KNOWN = "3.14."
"""The first part of the versions with which the test has passed."""
ARE_KNOWN = aiohttp.__version__.startswith(KNOWN)


class ObservableRequestHandler(web.RequestHandler):
    """aiohttp's protocol of a connection, with its state."""

    __slots__ = ()

    @property
    def is_waiting(self) -> bool:
        """True if no request is being answered, and none is queued."""
        if not ARE_KNOWN:
            return self.is_answered
        return self._waiter is not None and not self._waiter.done()

    @property
    def is_answered(self) -> bool:
        """True if no request has begun since the last response, as far as a subclass knows."""
        return True

    @property
    def queued_count(self) -> int:
        """The number of requests whose headers are complete, and which are not being answered yet."""
        return len(self._messages) if ARE_KNOWN else 0

    @property
    def is_last_queued_invalid(self) -> bool:
        """True if the last of the queued requests is not valid HTTP."""
        return not isinstance(self._messages[-1][0], RawRequestMessage)

    @property
    def body_before_last_queued(self) -> StreamReader | None:
        """The body of the request before the last queued one; None if that has been answered."""
        if self.queued_count > 1:
            return self._messages[-2][1]
        return None if self._current_request is None else self._current_request.content

    @property
    def answered_at(self) -> float:
        """The time of the last response, or else of the connection, on the clock of the event loop."""
        return self._next_keepalive_close_time - self.keepalive_timeout if ARE_KNOWN else 0.0

    @property
    def handler_task(self) -> asyncio.Task[None] | None:
        """The task that answers the requests of the connection; with an unknown version, the one that answers the last."""
        return self._task_handler if ARE_KNOWN else asyncio.current_task()
