"""The display of values and handles, which is imported when something is first shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stellary.client.calling.display_registry import register_display
from stellary.contract.rendering import register_renderer

if TYPE_CHECKING:
    from stellary.client.calling.method import Resource
    from stellary.client.display import LiveLog, View


class LazyDisplay:
    """``stellary.client.display``, imported by the first call."""

    def render(self, value: Any) -> View:
        """Return the view of a value, a page or a handle."""
        from stellary.client.display import view

        return view(value)

    def show(self, handle: Resource[Any], view: str | None) -> Any:
        """Request what a handle leads to, and show it; a coroutine for AsyncStellary.

        Args:
            handle: The handle, such as that of a project or a card.
            view: The name of the view, such as ``list`` or ``roadmap``; None for the default view of the handle.
        """
        from stellary.client.display._asking import show

        return show(handle, view)

    def start_log(self) -> LiveLog:
        """Return a function that shows the entries of a mission's log as they arrive."""
        from stellary.client.display import LiveLog

        return LiveLog()


def register_lazy_display() -> None:
    """Use ``stellary.client.display`` to show values, pages and handles."""
    display = LazyDisplay()
    register_renderer(display.render)
    register_display(display)
