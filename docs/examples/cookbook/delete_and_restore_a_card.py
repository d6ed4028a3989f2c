"""Delete and restore a card.

A deleted card stays in the trash for 30 days, with its comments, attachments and checklist. To hide a card without deleting it, archive
it: `board.cards.update(card, archived=True)`. See [Trash](../guides/trash.md).
"""

from stellary import Board, Card, Workspace


def delete_by_mistake(ws: Workspace, board: Board, card: Card) -> Card:
    board.cards.delete(card)
    item = next(item for item in ws.trash.list(kind="card") if item.key == card.key)
    ws.trash.restore(item)
    return board.cards.get(card)
