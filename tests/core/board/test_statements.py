"""How many statements are sent: a fixed number, however many cards there are."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, event


@contextmanager
def sent():
    """The statements that are sent meanwhile."""
    found = []

    def note(connection, cursor, statement, parameters, context, executemany):
        found.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def fill(card_api, count):
    """Cards in three columns, with people and labels; the ids of the columns and of the cards."""
    columns = [column["id"] for column in card_api.columns()]
    labels = [label["id"] for label in card_api.ask("GET", "/labels")]
    cards = [
        {
            "columnId": columns[number % 3],
            "title": f"card {number}",
            "assigneeId": card_api.person.id,
            "labelIds": labels[: number % 3],
            "checklist": [{"title": "a"}],
        }
        for number in range(count)
    ]
    return columns, [card["id"] for card in card_api.ask("POST", "/cards/bulk", {"cards": cards})]


ASKED = {
    "list": ("GET", "/cards", None),
    "filtered": ("GET", "/cards?q=card&status=open", None),
    "page": ("GET", "/cards?limit=5", None),
    "board": ("GET", "/board", None),
    "card": ("GET", "/cards/{card}", None),
    "change": ("PATCH", "/cards/{card}", {"title": "new"}),
    "move": ("PATCH", "/cards/{card}", {"columnId": "{column}", "order": 2}),
    "move within": ("PATCH", "/cards/{card}", {"order": 2}),
    "move to the end": ("PATCH", "/cards/{card}", {"columnId": "{column}"}),
    "move beside": ("PATCH", "/cards/{card}", {"columnId": "{column}", "before": "{other}"}),
    "create": ("POST", "/columns/{column}/cards", {"title": "new"}),
    "delete": ("DELETE", "/cards/{card}", None),
    "columns": ("GET", "/columns", None),
}
# By the board alone; what is recorded of a change comes on top.
MOST = {"list": 2, "filtered": 2, "page": 2, "board": 9, "card": 1, "columns": 2}


def ask(card_api, name, columns, cards):
    method, path, body = ASKED[name]
    ids = {"card": cards[0], "other": cards[4], "column": columns[1]}
    filled = body and {
        key: value.format(**ids) if isinstance(value, str) else value for key, value in body.items()
    }
    with sent() as found:
        card_api.ask(method, path.format(**ids), filled)
    return found


@pytest.mark.parametrize("name", ASKED)
def test_statements_are_as_many_for_10_cards_as_for_300(card_api, name):
    few, many = (
        ask(each, name, *fill(each, count)) for each, count in ((card_api, 10), (card_api.another(), 300))
    )
    assert len(many) == len(few)
    assert len(few) <= MOST.get(name, 12)


def test_bulk_sends_as_many_statements_for_10_cards_as_for_300(card_api):
    counted = []
    for each, count in ((card_api, 10), (card_api.another(), 300)):
        with sent() as made:
            columns, cards = fill(each, count)
        changes = [{"id": card, "columnId": columns[0], "order": 0} for card in cards]
        with sent() as changed:
            each.ask("PATCH", "/cards/bulk", {"cards": changes})
        counted.append((len(made), len(changed)))
    assert counted[0] == counted[1]
