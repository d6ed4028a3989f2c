"""What something costs a processor: for the promises that no text, however hostile, keeps one busy."""

from __future__ import annotations

import time
from collections.abc import Callable


def quickest(do: Callable[[], object], tries: int = 5) -> float:
    """The seconds of processor time that it takes at best: whatever else goes on only ever adds to that."""
    found = []
    for _ in range(tries):
        start = time.process_time()
        do()
        found.append(time.process_time() - start)
    return min(found)
