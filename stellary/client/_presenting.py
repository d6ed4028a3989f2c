"""How values, pages and handles show themselves: by ``stellary.client.display``, which is loaded when one of them does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stellary.client.display import View


def picture(made: Any) -> View:
    """What it looks like."""
    from stellary.client.display import view

    return view(made)
