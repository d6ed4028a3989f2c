"""Streaming: endpoints that go on answering, as server-sent events."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from stellary.contract.limits import Pattern
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, request

T = TypeVar("T")


class Stream(Generic[T]):
    """What goes on answering: events whose data is a ``T``. Whoever serves it says how it is read."""


@request
class Follow(Request):
    """Where to go on.

    Attributes:
        last_event_id: The id of the last event that was seen, to get all that came after it. The header ``Last-Event-ID``
            says the same, and comes first. Without either, only what happens from now on is told.
    """

    last_event_id: Annotated[str, Pattern(r"[0-9]{1,18}", "must be the id of an event")] | Unset = UNSET
