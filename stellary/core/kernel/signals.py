"""News: tells whoever listens in this process that something was committed. What it was, the listener reads itself.

A bell and not a message: ringing it once too often does no harm, and everything is on record. What has to reach other
processes too is carried there by a ``relay``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import attrs

from stellary.core.db import forks
from stellary.core.kernel.events import WorkspaceLeft

if TYPE_CHECKING:
    from stellary.core.kernel.unit import UnitOfWork

Listener = Callable[[str], None]
"""Called with a topic, in the thread that has committed; it must not take long."""

ACCESS = "access"
"""The topic of all that takes access from somebody: what is open on that account is asked again."""
JOBS = "jobs"
"""The topic of what is to be done later."""
WEBHOOKS = "webhooks"
"""The topic of messages of webhooks that are to be sent."""
EVERYTHING = "*"
"""The topic of whom the details were too many, or were lost."""


def of_workspace(workspace_id: str) -> str:
    """The topic of what happens in a workspace."""
    return f"workspace:{workspace_id}"


class News:
    """The bells of a core."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: tuple[Listener, ...] = ()
        self._on_next_use: Callable[[], None] | None = None
        forks.follow(self)

    def after_fork_in_child(self) -> None:
        """Renew the lock, which a thread of the parent may hold."""
        self._lock = threading.Lock()

    def on_next_use(self, do: Callable[[], None]) -> None:
        """Call a function once, when somebody listens or tells of something the next time."""
        self._on_next_use = do

    def _use(self) -> None:
        if self._on_next_use is not None:
            with self._lock:
                do, self._on_next_use = self._on_next_use, None
            if do is not None:
                do()

    @contextmanager
    def listening(self, listener: Listener) -> Iterator[None]:
        """Have a listener called until the end of the block."""
        self.listen(listener)
        try:
            yield
        finally:
            self.leave(listener)

    def listen(self, listener: Listener) -> None:
        """Have a listener called from now on."""
        self._use()
        with self._lock:
            self._listeners = (*self._listeners, listener)

    def leave(self, listener: Listener) -> None:
        """Call it no more."""
        with self._lock:
            self._listeners = tuple(each for each in self._listeners if each != listener)

    def tell(self, topic: str) -> None:
        """Tell all who listen, at once."""
        self._use()
        for listener in self._listeners:
            listener(topic)


@attrs.frozen
class _Signal:
    """Tells of a topic. Two of one topic are equal: of several that wait for one commit, one is enough."""

    news: News
    topic: str

    def __call__(self) -> None:
        self.news.tell(self.topic)


def announce(uow: UnitOfWork, topic: str) -> None:
    """Tell of something once the unit is committed, and never if it is undone."""
    uow.after_commit.append(_Signal(uow.core.news, topic))


def left(uow: UnitOfWork, events: Sequence[WorkspaceLeft]) -> None:
    """Those who have left a workspace follow it no more."""
    access_lost(uow)


def access_lost(uow: UnitOfWork) -> None:
    """Somebody may do less from now on: what is open on that account ends within a second."""
    announce(uow, ACCESS)
