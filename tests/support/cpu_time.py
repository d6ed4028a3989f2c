"""Processor time, for tests that hostile input does not keep a processor busy."""

from __future__ import annotations

import time
from collections.abc import Callable


def measure_cpu_time(do: Callable[[], object], tries: int = 5) -> float:
    """Return the least processor time of several tries in seconds; other load can only add to it."""
    times = []
    for _ in range(tries):
        start = time.process_time()
        do()
        times.append(time.process_time() - start)
    return min(times)
