"""Write a weekly report.

Lists what was completed in the last seven days, what is overdue and what is due next, as Markdown for an e-mail or a chat.
"""

from datetime import UTC, datetime, timedelta

from stellary import Board


def write_report(board: Board) -> str:
    now = datetime.now(UTC)
    week = timedelta(days=7)
    completed = board.cards.list(status="done")
    done = [card for card in completed if card.completed_at and now - card.completed_at < week]
    open_cards = [card for card in board.cards.list(archived=False) if card.status != "done"]
    late = [card for card in open_cards if card.due_date and card.due_date < now]
    soon = [card for card in open_cards if card.due_date and now <= card.due_date < now + week]
    lines = [f"# {board.get().name}, week to {now:%d %B}"]
    for title, cards in (("Done", done), ("Overdue", late), ("Due next week", soon)):
        lines += ["", f"## {title}", *(f"- {card.key} {card.title}" for card in cards)]
    return "\n".join(lines)
