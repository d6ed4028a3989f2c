"""Processor time, for tests that hostile input does not keep a processor busy."""

import time
from collections.abc import Callable


def measure_cpu_time(do: Callable[[], object], tries: int = 5, enough: float = 0.0) -> float:
    """Return the least processor time of several tries in seconds; other load can only add to it.

    Args:
        do: What is measured.
        tries: The number of tries.
        enough: A time in seconds. No further try follows one that took less.
    """
    times: list[float] = []
    while len(times) < tries and min(times, default=enough) >= enough:
        start = time.process_time()
        do()
        times.append(time.process_time() - start)
    return min(times)
