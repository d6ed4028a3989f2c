"""Statement counts: fixed numbers that do not grow with the number of cards."""

import pytest

from tests.support.statements import count_statements, record_statements
from tests.support.waiting import wait_until


def fill(api, count):
    """Cards in three columns, with people and labels; the ids of the columns and of the cards."""
    columns = [column["id"] for column in api.columns()]
    labels = [label["id"] for label in api.ask("GET", "/labels")]
    cards = [
        {
            "columnId": columns[number % 3],
            "title": f"card {number}",
            "assigneeId": api.person.id,
            "labelIds": labels[: number % 3],
            "checklist": [{"title": "a"}],
        }
        for number in range(count)
    ]
    return columns, [card["id"] for card in api.ask("POST", "/cards/bulk", {"cards": cards})]


# Cards that have been listed before are remembered: only their fingerprints are read.
# The orders of cards that are not whole columns take two: the position indexes, and the counts.
REQUESTS = {
    "list": (3, "GET", "/cards", None),
    "filtered": (4, "GET", "/cards?q=card&status=open", None),
    "page": (4, "GET", "/cards?limit=5", None),
    "board": (8, "GET", "/board", None),
    "card": (1, "GET", "/cards/{card}", None),
    "change": (4, "PATCH", "/cards/{card}", {"title": "new"}),
    "move": (6, "PATCH", "/cards/{card}", {"columnId": "{column}", "order": 2}),
    "move within": (6, "PATCH", "/cards/{card}", {"order": 2}),
    "move to the end": (6, "PATCH", "/cards/{card}", {"columnId": "{column}"}),
    "move beside": (7, "PATCH", "/cards/{card}", {"columnId": "{column}", "before": "{other}"}),
    "create": (7, "POST", "/columns/{column}/cards", {"title": "new"}),
    "create with references": (
        10,
        "POST",
        "/columns/{column}/cards",
        {"title": "new", "assigneeId": "{assignee}", "labelIds": ["{label}"]},
    ),
    "delete": (10, "DELETE", "/cards/{card}", None),
    "columns": (2, "GET", "/columns", None),
}
"""The requests, after the number of their statements on PostgreSQL, which locks rows; SQLite needs at most two fewer."""


def fill_in(value, ids):
    """Return a value of a request with ids in place of their names."""
    if isinstance(value, list):
        return [fill_in(item, ids) for item in value]
    return value.format(**ids) if isinstance(value, str) else value


def ask(api, name, columns, cards):
    _, method, path, body = REQUESTS[name]
    ids = {
        "card": cards[0],
        "other": cards[4],
        "column": columns[1],
        "assignee": api.person.id,
        "label": api.ask("GET", "/labels")[0]["id"],
    }
    filled = body and {key: fill_in(value, ids) for key, value in body.items()}
    if method == "GET":
        api.ask(method, path.format(**ids))
    with record_statements() as statements:
        api.ask(method, path.format(**ids), filled)
    return statements


@pytest.mark.parametrize("count", [10, 300])
def test_first_list_takes_two_more_statements(api, count):
    fill(api, count)
    with record_statements() as first:
        api.ask("GET", "/cards")
    assert len(first) == 4
    wait_until(lambda: count_statements(api.ask, "GET", "/cards") == 2)


@pytest.mark.slow("creates hundreds of cards")
@pytest.mark.parametrize("name", REQUESTS)
def test_statements_do_not_grow_from_10_to_300_cards(api, name):
    most, method, _, _ = REQUESTS[name]
    another = api.another()
    few, filled = ask(api, name, *fill(api, 10)), fill(another, 300)
    if method == "GET":
        # On PostgreSQL, cards are read again while transactions run that are older.
        wait_until(lambda: len(ask(another, name, *filled)) == len(few))
    else:
        assert len(ask(another, name, *filled)) == len(few)
    assert len(few) <= most


def test_bulk_statements_do_not_grow_from_10_to_300_cards(api):
    counts = []
    for project, count in ((api, 10), (api.another(), 300)):
        with record_statements() as creating:
            columns, cards = fill(project, count)
        changes = [{"id": card, "columnId": columns[0], "order": 0} for card in cards]
        counts.append(
            (len(creating), count_statements(project.ask, "PATCH", "/cards/bulk", {"cards": changes}))
        )
    assert counts[0] == counts[1]
