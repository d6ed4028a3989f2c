"""Custom fields: define fields for the cards of a project, and filter by their values.

Start a server with ``python3 dev.py serve``, then run ``python docs/examples/custom_fields.py``.
"""

from __future__ import annotations

import sys
from datetime import date
from uuid import uuid4

from stellary import Stellary
from stellary.contract.cards import Card


def custom_fields(client: Stellary, organization: str, workspace: str) -> list[Card]:
    """Create a project for bugs in an existing workspace, and find the most severe ones."""
    ws = client.workspace(organization, workspace)
    board = ws.project(ws.projects.create(name="Bugs"))
    to_do, *_ = board.columns.list()

    # --8<-- [start:define]
    severity = board.custom_fields.create(
        name="Severity", type="select", options=["low", "high", "critical"], required=True
    )
    hours = board.custom_fields.create(name="Hours lost", type="number")
    seen_in = board.custom_fields.create(name="Seen in", type="multi-select", options=["web", "app", "mail"])
    reported = board.custom_fields.create(name="Reported on", type="date")
    # --8<-- [end:define]

    # --8<-- [start:set]
    card = board.column(to_do).cards.create(
        title="Invoices go out twice",
        custom_fields={severity.id: "critical", seen_in.id: ["mail", "web"]},
    )
    board.card(card).custom_fields.set(values={hours.id: 7.5, reported.id: date(2026, 4, 1)})
    board.card(card).custom_fields.set(values={hours.id: None})  # clears the value; others are unchanged
    # --8<-- [end:set]
    board.column(to_do).cards.create(title="A typo", custom_fields={severity.id: "low"})

    # --8<-- [start:find]
    worst = board.cards.list(custom_field=[f"{severity.id}:critical", f"{seen_in.id}:web"])
    not_estimated = board.cards.list(custom_field=[f"{hours.id}:"])
    # --8<-- [end:find]
    assert len(not_estimated) == 2

    # --8<-- [start:change]
    # Omitted options are cleared from the cards; new options become available.
    board.custom_fields.update(seen_in, options=["web", "mail", "terminal"])
    # --8<-- [end:change]
    return list(worst)


def main(url: str = "http://localhost:3001") -> None:
    """Run the example with a new account, and print the bugs."""
    name = f"acme-{uuid4().hex[:8]}"
    with Stellary.register(url, f"{name}@example.com", "a-long-password", name="Jane Doe") as client:
        client.organizations.create(name=name.title(), slug=name)
        client.organization(name).workspaces.create(name="Engineering", slug="eng")
        for card in custom_fields(client, name, "eng"):
            print(card.key, card.title, card.custom_fields)


if __name__ == "__main__":
    main(*sys.argv[1:])
