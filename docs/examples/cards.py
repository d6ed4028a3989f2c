"""Cards: the board, filters, pages, bulk operations, and concurrent edits of a card.

Start a server with ``python3 dev.py serve``, then run ``python docs/examples/cards.py``.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from stellary import Invalid, PreconditionFailed, Stellary
from stellary.contract.cards import CardChange, CardInColumn


def cards(client: Stellary, organization: str, workspace: str) -> list[str]:
    """Work with the cards of a new project in an existing workspace."""
    ws = client.workspace(organization, workspace)
    board = ws.project(ws.projects.create(name="Q1 Launch"))

    # --8<-- [start:bulk]
    to_do, doing, done = board.columns.list()
    created = board.cards.create_many(
        cards=[
            CardInColumn(column_id=to_do.id, title="Write the spec", priority="high"),
            CardInColumn(column_id=to_do.id, title="Ask the users"),
            CardInColumn(column_id=doing.id, title="Draw the screens"),
        ]
    )
    spec, users, screens = created  # in the order of the request
    board.cards.update_many(
        cards=[
            CardChange(id=spec.id, column_id=doing.id, order=0),
            CardChange(id=users.id, due_date=datetime.now(UTC) + timedelta(days=3)),
        ]
    )
    # --8<-- [end:bulk]

    # --8<-- [start:nothing]
    try:
        board.cards.update_many(
            cards=[CardChange(id=spec.id, title="Changed"), CardChange(id="0" * 24, title="Unknown")]
        )
    except Invalid as error:
        print(error.message)  # names the card; nothing was changed
    # --8<-- [end:nothing]
    assert board.cards.get(spec.id).title == "Write the spec"

    # --8<-- [start:board]
    snapshot = board.board()
    for column in snapshot.columns:
        print(column.name, [card.title for card in snapshot.cards if card.column_id == column.id])
    # --8<-- [end:board]

    # --8<-- [start:filters]
    urgent = board.cards.list(priority="high", archived=False)
    soon = board.cards.list(due_before=datetime.now(UTC) + timedelta(days=7), status="open")
    matching = board.cards.list(q="SCREEN")
    # --8<-- [end:filters]
    assert [page[0].id for page in (urgent, soon, matching)] == [spec.id, users.id, screens.id]

    # --8<-- [start:filter]
    mine = client.cards.list(filter="assignee = me and (priority = high or due < +3d) order by due")
    undated = board.cards.list(
        priority=["high", None], filter="due = none", sort="-createdAt", fields="title"
    )
    # --8<-- [end:filter]
    assert mine == []
    assert spec.title in [card.title for card in undated]

    # --8<-- [start:saved]
    ws.saved_filters.create(name="My week", filter="assignee = me and due < +7d order by due")
    ws.saved_filters.create(name="Unplanned", filter="due = none", shared=True, project_id=board.id)
    week = client.cards.list(saved="My week")
    urgent_week = ws.cards.list(saved="My week", priority="high")
    unplanned = board.cards.list(saved="Unplanned")
    # --8<-- [end:saved]
    assert ([*week, *urgent_week], spec.id in [card.id for card in unplanned]) == ([], True)

    # --8<-- [start:work]
    work = client.me.work()
    due = [*work.overdue, *work.today, *work.this_week]
    waiting = [item.title for item in work.waiting]
    # --8<-- [end:work]
    assert work.is_complete
    assert (due, waiting) == ([], [])

    # --8<-- [start:estimates]
    board.update(estimate_unit="hours")
    board.cards.update(spec.id, estimate=2.5)
    board.cards.update(screens.id, estimate=4)
    large = board.cards.list(filter="estimate >= 3 order by estimate desc")
    unestimated = board.cards.list(filter="estimate = none")
    hours = {column.name: column.card_estimate for column in board.columns.list()}
    # --8<-- [end:estimates]
    assert [card.id for card in (*large, *unestimated)] == [screens.id, users.id]

    # --8<-- [start:time]
    time = board.card(spec).time_entries
    time.create(minutes=90, note="First draft")
    time.start()
    entry = time.stop(note="Corrections")
    minutes, rows = time.total().own_minutes, board.time_entries.export().splitlines()
    # --8<-- [end:time]
    assert (minutes, len(rows)) == (90 + entry.minutes, 3)
    assert hours == {"To Do": None, "In Progress": 6.5, "Done": None}

    # --8<-- [start:moves]
    board.cards.update(users.id, column_id=doing.id)  # to the end of the column
    board.cards.update(users.id, before=spec.id)  # before another card; takes precedence over order
    board.cards.update(screens.id, order=0)  # to that position, at most the end
    # --8<-- [end:moves]

    # --8<-- [start:pages]
    page = board.cards.list(limit=2)
    while page:
        print([card.key for card in page], page.has_more)
        page = page.next_page()
    # --8<-- [end:pages]

    # --8<-- [start:versions]
    version = board.cards.get(spec.id)
    board.cards.update(spec.id, title="Write the specification")  # another user changes it first
    try:
        board.cards.with_options(if_match=version).update(spec.id, priority="low")
    except PreconditionFailed:
        print("changed by another user:", board.cards.get(spec.id).title)
    # --8<-- [end:versions]

    backlog = ws.project(ws.projects.create(name="Operations", key="OPS")).columns.list()[0]
    # --8<-- [start:transfer]
    moved = board.card(screens.id).transfer(column_id=backlog.id, missing="drop")
    print(moved.key, moved.dropped)  # OPS-1, and the labels and values that the other project does not have
    assert board.cards.get(screens.key).key == moved.key  # the former key still leads to the card
    # --8<-- [end:transfer]

    # --8<-- [start:column]
    someday = board.columns.create(name="Someday")
    board.column(someday).cards.create(title="Write a book")
    there = board.column(someday).transfer(scope_id=backlog.scope_id)
    print(there.name, there.card_count)  # Someday 1
    # --8<-- [end:column]

    # --8<-- [start:idempotency]
    once = board.column(done).cards.with_options(idempotency_key="row-7")
    first = once.create(title="Row 7")
    again = once.create(title="Row 7")  # by another process, or after a crash
    # --8<-- [end:idempotency]
    assert first.id == again.id
    return [card.title for card in board.cards.list(column_id=doing.id)]


def main(url: str = "http://localhost:3001") -> None:
    """Run the example with a new account, and print the cards in progress."""
    name = f"acme-{uuid4().hex[:8]}"
    with Stellary.register(url, f"{name}@example.com", "a-long-password", name="Jane Doe") as client:
        client.organizations.create(name=name.title(), slug=name)
        client.organization(name).workspaces.create(name="Engineering", slug="eng")
        print(*cards(client, name, "eng"), sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
