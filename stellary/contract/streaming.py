"""Endpoints that stream server-sent events."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from stellary.contract.limits import Pattern
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request

T = TypeVar("T")


class Stream(Generic[T]):
    """A stream of events whose data is a ``T``. The client decides how it is iterated."""


class Follow(Request):
    """The position in the stream to continue from.

    Attributes:
        last_event_id: The id of the last event received; the stream continues after it. The header ``Last-Event-ID``
            does the same and takes precedence. Without either, the stream starts with new events.
    """

    last_event_id: Annotated[str, Pattern(r"[0-9]{1,18}", "must be the id of an event")] | Unset = UNSET
