"""The registry of the display that shows handles.

``stellary.client.display`` imports the handles, so they cannot import it. The client registers it here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from stellary.contract.agent_missions import MissionEntry


class Display(Protocol):
    """The functions of ``stellary.client.display`` that handles call."""

    def show(self, handle: Any, view: str | None, /) -> Any:
        """Request what a handle leads to, and show it; a coroutine for AsyncStellary.

        Args:
            handle: The handle, such as that of a project or a card.
            view: The name of the view, such as ``list`` or ``roadmap``; None for the default view of the handle.
        """

    def start_log(self) -> Callable[[MissionEntry], object]:
        """Return a function that shows the entries of a mission's log as they arrive."""


_displays: list[Display] = []


def register_display(display: Display) -> None:
    """Use a display for all handles from now on."""
    _displays[:] = [display]


def get_display() -> Display:
    """Return the registered display.

    Raises:
        LookupError: None is registered: ``stellary.client`` is not loaded.
    """
    if not _displays:
        raise LookupError("there is no display: import stellary.Stellary first")
    return _displays[0]
