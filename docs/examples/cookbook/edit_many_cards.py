"""Edit many cards at once.

Raises the priority of all cards with a label. `update_many` changes up to 100 cards in one request: all of them, or none if one change
is invalid.
"""

from stellary import Board, CardChange, Label


def escalate(board: Board, label: Label) -> int:
    cards = [card for card in board.cards.iterate(label_id=label) if card.priority != "high"]
    changes = [CardChange(id=card.id, priority="high") for card in cards]
    for start in range(0, len(changes), 100):
        board.cards.update_many(cards=changes[start : start + 100])
    return len(changes)
