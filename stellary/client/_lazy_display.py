"""The display of values and handles, which is imported when something is first shown."""

from __future__ import annotations

from stellary.client.calling.display_registry import Display, register_display
from stellary.contract.rendering import register_renderer


def _load() -> Display:
    import stellary.client.display

    return stellary.client.display


def register_lazy_display() -> None:
    """Use ``stellary.client.display`` to show values, pages and handles."""
    register_renderer(lambda value: _load().view(value))
    register_display(_load)
