"""The terms of cards, computed again from the cards."""

from sqlalchemy import select

from stellary.core import Core
from stellary.core.board.card_terms import TERM_VALUE_MAX
from stellary.core.board.tables import card_terms, cards


def find_wrong_terms(core: Core) -> set[tuple[str, str]]:
    """Return the terms that the database has too many or too few, each with the id of the card."""
    computed = set()
    with core.database.reading() as connection:
        stored = {tuple(row) for row in connection.execute(select(card_terms.c.term, card_terms.c.card_id))}
        for row in connection.execute(select(cards.c.id, cards.c.label_ids, cards.c.custom_fields)):
            computed |= {(label_id, row.id) for label_id in row.label_ids}
            for field_id, value in row.custom_fields.items():
                for element in value if isinstance(value, list) else [value]:
                    if isinstance(element, bool):
                        computed.add((f"{field_id}:{str(element).lower()}", row.id))
                    elif isinstance(element, str):
                        computed.add((f"{field_id}:{element[:TERM_VALUE_MAX]}", row.id))
    return stored ^ computed
