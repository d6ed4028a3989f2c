"""Find stale cards.

Lists open cards without a change in the last 30 days, oldest first, and asks about each in a comment.
"""

from datetime import UTC, datetime, timedelta

from stellary import Board, Card


def find_stale(board: Board, days: int = 30) -> list[Card]:
    limit = datetime.now(UTC) - timedelta(days=days)
    cards = [card for card in board.cards.iterate(archived=False) if card.status != "done"]
    return sorted((card for card in cards if card.updated_at < limit), key=lambda card: card.updated_at)


def ask(board: Board, cards: list[Card]) -> None:
    for card in cards:
        board.card(card).comments.create(
            content=f"No change since {card.updated_at:%d %B}. Is this still needed?"
        )
