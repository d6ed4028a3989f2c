"""Display: boards, lists, calendars, roadmaps and figures for notebooks and terminals.

    view(board.board())                    # what a value looks like, to be shown, or kept as HTML or text
    view(board.board(), "calendar")
    view(cards).html()

Values, pages and handles show themselves by this where they end a cell of a notebook. It is loaded when that happens.
"""

from __future__ import annotations

from stellary.client._presenting import picture
from stellary.client.display._live import LiveLog
from stellary.client.display._seen import seen as view
from stellary.client.display._sheet import Sheet
from stellary.contract.presenting import present_by

# For those who have no client: values that the core gives show themselves too.
present_by(picture)

__all__ = ["LiveLog", "Sheet", "view"]
