"""A live log of a mission: one growing log in a notebook, one line per entry elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from stellary.client._environment import in_notebook
from stellary.client.display._lines import entry_line
from stellary.client.display._markup import readable
from stellary.client.display._missions import build_entry, build_log
from stellary.client.display._parts import RenderOptions
from stellary.client.display._sheet import PLAIN_WIDTH, put

if TYPE_CHECKING:
    from stellary.contract.agent_missions import MissionEntry


class LiveLog:
    """A callback that shows each entry of a mission log as it arrives."""

    def __init__(self) -> None:
        self._entries: list[MissionEntry] = []
        self._output: Any = None

    def __call__(self, entry: MissionEntry) -> None:
        self._entries.append(entry)
        if not in_notebook():
            text_line = "".join(text for text, _ in entry_line(build_entry(entry), PLAIN_WIDTH))
            sys.stdout.write(f"{readable(text_line).rstrip()}\n")
            sys.stdout.flush()
            return
        view = build_log(self._entries, RenderOptions())
        if self._output is None:
            self._output = put(view)
        else:
            self._output.update(view)
