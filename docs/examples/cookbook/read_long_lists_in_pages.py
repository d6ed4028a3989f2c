"""Read long lists in pages.

`iterate` requests further pages when they are needed. `list(limit=…)` returns one page, with which you control the requests yourself,
such as for the pages of a web interface. See [Pagination](../guides/sdk.md#pagination).
"""

from collections.abc import Iterator

from stellary import Board, Card


def iterate_titles(board: Board) -> Iterator[str]:
    for card in board.cards.iterate(limit=200):
        yield card.title


def load_page(board: Board, number: int, size: int = 50) -> list[Card]:
    page = board.cards.list(limit=size)
    for _ in range(number):
        page = page.next_page()
    return page
