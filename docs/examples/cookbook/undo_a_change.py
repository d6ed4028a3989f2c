"""Undo a change.

Takes back the latest change of a card. If the same field has changed again since, the server responds with a 409 and changes nothing.
See [History and undo](../guides/history.md).
"""

from stellary import Board, Card, Conflict


def undo_latest(board: Board, card: Card) -> str:
    latest, *_ = board.activity.list(card_id=card.id, type="card_updated", limit=1)
    try:
        restored = board.undo(latest)
    except Conflict as error:
        return error.message
    return f"{restored.key}: {restored.title}"
