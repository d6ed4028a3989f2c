"""Edit many cards at once.

Raises the priority of all cards with a label. `update_all` changes any number of cards, a hundred per request. If a change is invalid, none of its
request is applied; the requests before it are. `update_many` changes up to 500 cards in one request, all of them or none.
"""

from stellary import Board, CardChange, Label


def escalate(board: Board, label: Label) -> int:
    cards = [card for card in board.cards.iterate(label_id=label) if card.priority != "high"]
    changes = [CardChange(id=card.id, priority="high") for card in cards]
    return len(board.cards.update_all(changes))
