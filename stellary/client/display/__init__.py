"""Display: boards, lists, calendars, roadmaps and figures for notebooks and terminals.

    view(board.board())                    # a view, to be shown, or saved as HTML or text
    view(board.board(), "calendar")
    view(cards).html()
    load(board, "roadmap").page()          # requests what a handle shows

Values, pages and handles use this module to show themselves at the end of a notebook cell. It is loaded when that happens.
"""

from __future__ import annotations

from stellary.client.display._activity import summarize_activity
from stellary.client.display._asking import load, show, view
from stellary.client.display._missions import LiveLog
from stellary.client.display._sheet import View
from stellary.contract.rendering import register_renderer

# Values that the core returns are displayed too, without a client.
register_renderer(view)

__all__ = ["LiveLog", "View", "load", "show", "summarize_activity", "view"]
