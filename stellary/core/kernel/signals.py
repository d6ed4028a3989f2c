"""Wake-up signals within a process. A listener reads from the database what has changed.

A signal carries no message, so a spurious one is harmless. The relay of ``stellary.core.streaming`` carries signals to
other processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from stellary.core.db import forks

Listener = Callable[[str], None]
"""Called with a topic, in the committing thread; it must return quickly."""

ACCESS = "access"
"""The topic of changes that revoke access: open streams check the access of their readers again."""
JOBS = "jobs"
"""The topic of new jobs."""
WEBHOOKS = "webhooks"
"""The topic of new webhook messages."""
EVERYTHING = "*"
"""The topic that wakes the listeners of all topics, for when signals were lost."""


def of_workspace(workspace_id: str) -> str:
    """Return the topic of changes in a workspace."""
    return f"workspace:{workspace_id}"


class Signals:
    """The signals of one process and their listeners."""

    def __init__(self) -> None:
        self._lock = forks.create_lock(self)
        self._listeners: tuple[Listener, ...] = ()
        self._on_next_use: Callable[[], None] | None = None

    def on_next_use(self, do: Callable[[], None]) -> None:
        """Call a function once, at the next call of ``listen`` or ``send``."""
        self._on_next_use = do

    def _use(self) -> None:
        if self._on_next_use is not None:
            with self._lock:
                do, self._on_next_use = self._on_next_use, None
            if do is not None:
                do()

    @contextmanager
    def listening(self, listener: Listener) -> Iterator[None]:
        """Call a listener until the end of the block."""
        self.listen(listener)
        try:
            yield
        finally:
            self.stop_listening(listener)

    def listen(self, listener: Listener) -> None:
        """Call a listener with the topic of each signal, until ``stop_listening``."""
        self._use()
        with self._lock:
            self._listeners = (*self._listeners, listener)

    def stop_listening(self, listener: Listener) -> None:
        """Stop calling a listener."""
        with self._lock:
            self._listeners = tuple(other for other in self._listeners if other != listener)

    def send(self, topic: str) -> None:
        """Call all listeners with a topic, in this thread."""
        self._use()
        for listener in self._listeners:
            listener(topic)
