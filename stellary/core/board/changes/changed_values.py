"""Values of cards that change with a label or a custom field: the activity of the label or the field lists them.

No events are emitted for the cards, since the change is one of the project.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

VALUES_MAX = 500
"""The number of changed values up to which an activity lists them."""


@attrs.frozen
class ChangedValue:
    """The labels of a card, or its value of a custom field, before and after a change.

    Attributes:
        card_id: The card.
        before, after: The ids of its labels, or the value; None if it has none.
        version: The version of the card after the change.
    """

    card_id: str
    before: object
    after: object
    version: int


def describe_values(values: Sequence[ChangedValue]) -> dict[str, object]:
    """Return the details of an activity about changed values of cards; of more than 500, only the number.

    Args:
        values: The changed values.
    """
    if not values:
        return {}
    listed = [
        {"cardId": value.card_id, "from": value.before, "to": value.after, "version": value.version}
        for value in values[:VALUES_MAX]
    ]
    return {"cardCount": len(values), "values": listed if len(values) <= VALUES_MAX else None}
