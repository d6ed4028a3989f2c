"""The registry of the display that shows values and handles.

``stellary.client.display`` imports the handles, so they cannot import it. The client registers it here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from stellary.contract.agent_missions import MissionEntry
    from stellary.contract.rendering import RenderedValue


class Display(Protocol):
    """The part of ``stellary.client.display`` that values and handles use."""

    def view(self, value: Any, /) -> RenderedValue:
        """Return the view of a value, a page or a handle."""

    def show(self, handle: Any, view: str | None, /) -> Any:
        """Request what a handle leads to, and show it; a coroutine for AsyncStellary.

        Args:
            handle: The handle, such as that of a project or a card.
            view: The name of the view, such as ``list`` or ``roadmap``; None for the default view of the handle.
        """

    @property
    def LiveLog(self) -> Callable[[], Callable[[MissionEntry], object]]:  # noqa: N802 - a class
        """A callback that shows the entries of a mission's log as they arrive."""


_loaders: list[Callable[[], Display]] = []


def register_display(load: Callable[[], Display]) -> None:
    """Use a display for all handles from now on, which a function returns when something is first shown."""
    _loaders[:] = [load]


def get_display() -> Display:
    """Return the registered display.

    Raises:
        LookupError: None is registered: ``stellary.client`` is not loaded.
    """
    if not _loaders:
        raise LookupError("there is no display: import stellary.Stellary first")
    return _loaders[0]()
