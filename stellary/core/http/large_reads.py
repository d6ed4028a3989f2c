"""Reads that take long, such as boards of thousands of cards, which run in other threads than small reads."""

from __future__ import annotations

from typing import NamedTuple

from stellary.contract.flow import GET_PROJECT_FLOW, GET_SCOPE_FLOW
from stellary.contract.project_exports import EXPORT_PROJECT
from stellary.contract.refs import Ref
from stellary.core.db import forks

LARGE_SECONDS = 0.02
"""The CPU time of a read, in seconds, from which it counts as large. A list of 500 cards takes a third of that."""
KNOWN_MAX = 4096
LARGE_OPERATIONS = frozenset(
    endpoint.operation for endpoint in (EXPORT_PROJECT, GET_PROJECT_FLOW, GET_SCOPE_FLOW)
)
"""The operations whose reads count as large from the first one on, since the last one tells little about the next."""


class ReadKey(NamedTuple):
    """A group of requests that are expected to take about the same time.

    Attributes:
        operation: The operation of their endpoint.
        ref: The ref in their path.
        is_page: Whether the requests have a limit.
    """

    operation: str
    ref: Ref
    is_page: bool


class LargeReads:
    """The reads whose last response took long to build.

    A read is known to be large only after its first response. If there are too many, the least recent ones
    are forgotten.
    """

    def __init__(self) -> None:
        self._keys: dict[ReadKey, None] = {}
        self._lock = forks.create_lock(self)

    def __contains__(self, key: ReadKey) -> bool:
        # Hashing a key takes longer than finding out that nothing is large.
        return bool(self._keys) and key in self._keys

    def record(self, key: ReadKey, seconds: float) -> None:
        """Record the CPU time that a read took. Any thread may call it.

        Args:
            key: What was read.
            seconds: The CPU time, in seconds.
        """
        if seconds < LARGE_SECONDS and key not in self:
            return
        with self._lock:
            self._keys.pop(key, None)
            if seconds >= LARGE_SECONDS:
                self._keys[key] = None
                if len(self._keys) > KNOWN_MAX:
                    del self._keys[next(iter(self._keys))]
