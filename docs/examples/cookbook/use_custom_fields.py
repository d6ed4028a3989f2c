"""Use custom fields.

Adds an estimate in hours to the cards of a project, and sums it up by column. Values are stored by the id of the field. See
[Custom fields](../guides/custom-fields.md).
"""

from collections import Counter

from stellary import Board, Card, CustomField


def estimate(board: Board, card: Card, field: CustomField, hours: float) -> None:
    board.card(card).custom_fields.set(values={field.id: hours})


def sum_by_column(board: Board, field: CustomField) -> dict[str, float]:
    names = {column.id: column.name for column in board.columns.list()}
    hours: Counter[str] = Counter()
    for card in board.cards.iterate(archived=False):
        hours[names[card.column_id]] += card.custom_fields.get(field.id) or 0
    return dict(hours)
