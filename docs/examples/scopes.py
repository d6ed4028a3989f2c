"""Scopes: divide a project into work packages, use their views, and compare all projects.

Start a server with ``python3 dev.py serve``, then run ``python docs/examples/scopes.py``.
"""

from __future__ import annotations

import sys
from datetime import date
from uuid import uuid4

from stellary import Conflict, Stellary


def scopes(client: Stellary, organization: str, workspace: str) -> list[str]:
    """Plan a project in an existing workspace, and return its progress."""
    ws = client.workspace(organization, workspace)
    board = ws.project(ws.projects.create(name="Web shop"))

    # --8<-- [start:create]
    design = board.scopes.create(name="Design", due_date=date(2027, 4, 30))
    build = board.scopes.create(name="Build", start_date=date(2027, 5, 1), order=1)
    to_do, doing, done = design.columns  # its own copies of the default scope's columns
    # --8<-- [end:create]

    # --8<-- [start:cards]
    logo = board.column(to_do).cards.create(title="Logo", due_date=date(2027, 4, 1))
    board.column(to_do).cards.create(title="Colours", start_date=date(2027, 4, 2), due_date=date(2027, 4, 9))
    page = board.column(to_do).cards.create(title="Landing page", priority="high")
    board.cards.update(page, column_id=build.columns[0].id)  # to a column of another scope
    in_design = board.cards.list(scope_id=design.id)
    # --8<-- [end:cards]
    assert [card.title for card in in_design] == ["Logo", "Colours"]

    # --8<-- [start:stats]
    board.cards.update(logo, column_id=doing.id)
    board.cards.update(logo, column_id=done.id)
    view = board.scope(design).views(type="stats").data
    assert view is not None
    assert view.stats is not None
    print(view.stats.by_status, view.stats.completed_per_day[-1].cards, view.stats.cycle_time.cards)
    # --8<-- [end:stats]

    # --8<-- [start:calendar]
    view = board.scope(design).views(type="calendar").data
    assert view is not None
    assert view.calendar is not None
    for day in view.calendar.days:
        print(day.day, [card.title for card in day.cards])
    # --8<-- [end:calendar]

    # --8<-- [start:view]
    board.scope(design).set_view(active_view="calendar", settings={"weekStart": "monday"})
    board.scope(design).set_view(type="list", settings={"sortBy": "dueDate"})  # calendar stays active
    # --8<-- [end:view]

    # --8<-- [start:delete]
    # Without move_cards_to, the landing page would be deleted with its scope.
    board.scopes.delete(build, move_cards_to=to_do.id)
    try:
        board.scopes.delete(board.scopes.list()[0])
    except Conflict as error:
        print(error.code)  # default_scope
    # --8<-- [end:delete]

    # --8<-- [start:portfolio]
    return [
        f"{project.name}: {project.percent_done} % of {project.cards} cards, {project.overdue} overdue"
        for project in ws.projects.portfolio(archived=False)
    ]
    # --8<-- [end:portfolio]


def main(url: str = "http://localhost:3001") -> None:
    """Run the example with a new account, and print the status of the projects."""
    name = f"acme-{uuid4().hex[:8]}"
    with Stellary.register(url, f"{name}@example.com", "a-long-password", name="Jane Doe") as client:
        client.organizations.create(name=name.title(), slug=name)
        client.organization(name).workspaces.create(name="Engineering", slug="eng")
        print(*scopes(client, name, "eng"), sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
