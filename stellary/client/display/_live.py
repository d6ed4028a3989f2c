"""Live logs: what happens in a mission, as it happens. In a notebook one log that grows, elsewhere a line an entry."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from stellary.client._front import in_notebook
from stellary.client.display._lines import entry_line
from stellary.client.display._look import Look
from stellary.client.display._markup import readable
from stellary.client.display._missions import entry, log
from stellary.client.display._sheet import PLAIN_WIDTH, put

if TYPE_CHECKING:
    from stellary.contract.agent_missions import MissionEntry


class LiveLog:
    """Is called with each entry of a mission's log, and shows it."""

    def __init__(self) -> None:
        self._entries: list[MissionEntry] = []
        self._shown: Any = None

    def __call__(self, made: MissionEntry) -> None:
        self._entries.append(made)
        if not in_notebook():
            told = "".join(text for text, _ in entry_line(entry(made), PLAIN_WIDTH))
            sys.stdout.write(f"{readable(told).rstrip()}\n")
            sys.stdout.flush()
            return
        sheet = log(self._entries, Look(datetime.now(UTC)))
        if self._shown is None:
            self._shown = put(sheet)
        else:
            self._shown.update(sheet)
