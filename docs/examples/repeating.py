"""Work that repeats: ten recipes with recurring cards, copies and scheduled rules.

Start a server with ``python3 dev.py serve``, then run ``python docs/examples/repeating.py``.
"""

from __future__ import annotations

import sys
from datetime import date
from uuid import uuid4

from stellary import Stellary
from stellary.contract.automations import ActionToRun, ScheduleToRun
from stellary.contract.checklists import AddChecklistItem
from stellary.contract.recurrences import Recurrence


def repeat_work(client: Stellary, organization: str, workspace: str) -> list[str]:
    """Repeat work in ten ways in a new project of an existing workspace, and describe the results."""
    ws = client.workspace(organization, workspace)
    board = ws.project(ws.projects.create(name="Operations"))
    to_do, _, done = board.columns.list()
    results = []

    # --8<-- [start:monday]
    report = board.column(to_do).cards.create(
        title="Weekly report",
        due_date=date(2030, 1, 4),
        recurrence=Recurrence(rule="FREQ=WEEKLY;BYDAY=MO;BYHOUR=9", time_zone="Europe/Berlin"),
    )
    # --8<-- [end:monday]
    assert report.recurrence
    results.append(report.recurrence.summary)

    # --8<-- [start:month]
    closing = board.column(to_do).cards.create(
        title="Close the books",
        recurrence=Recurrence(rule="FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"),
    )
    # --8<-- [end:month]
    assert closing.recurrence
    results.append(closing.recurrence.summary)

    # --8<-- [start:completion]
    backup = board.column(to_do).cards.create(
        title="Restore a backup",
        recurrence=Recurrence(rule="FREQ=MONTHLY;BYMONTHDAY=1", create="on_completion"),
    )
    # --8<-- [end:completion]
    assert backup.recurrence
    results.append(backup.recurrence.summary)

    # --8<-- [start:this]
    report = board.card(report).update(title="Weekly report with figures", apply_to="this")
    # --8<-- [end:this]
    assert report.recurrence
    results.append(f"{report.recurrence.later['title']} later")

    # --8<-- [start:end]
    board.card(closing).update(recurrence=Recurrence(rule="FREQ=MONTHLY;BYMONTHDAY=-1", count=12))
    board.card(closing).update(recurrence=None)
    # --8<-- [end:end]
    results.append(f"recurs: {board.card(closing).get().recurrence}")

    # --8<-- [start:archive]
    archiving = board.automations.create(
        name="Archive what was done a week ago",
        trigger="schedule",
        schedule=ScheduleToRun(
            rule="FREQ=DAILY;BYHOUR=3",
            cards={"status": "done", "completedBefore": "-7d", "archived": False},
        ),
        action=ActionToRun(type="archive_card", params={}),
    )
    # --8<-- [end:archive]
    results.append(archiving.name)

    # --8<-- [start:onboarding]
    onboarding = board.column(to_do).cards.create(
        title="Onboarding",
        checklist=[AddChecklistItem(title="Laptop"), AddChecklistItem(title="Accounts")],
    )
    for_joe = board.card(onboarding).duplicate(title="Onboarding of Joe")
    # --8<-- [end:onboarding]
    results.append(f"{for_joe.title}: {len(for_joe.checklist)} steps")

    # --8<-- [start:column]
    sprint = board.column(to_do).duplicate(name="Next sprint")
    # --8<-- [end:column]
    results.append(f"{sprint.name}: {sprint.card_count} cards")

    # --8<-- [start:document]
    agenda = ws.documents.create(title="Retrospective", context_type="project", context_id=board.get().id)
    notes = ws.document(agenda).duplicate(title="Retrospective of May")
    # --8<-- [end:document]
    results.append(notes.title)

    # --8<-- [start:project]
    client_project = board.duplicate(name="Operations of Acme", content="skeleton")
    # --8<-- [end:project]
    results.append(f"{client_project.name}: {len(client_project.column_ids)} columns")
    assert done.card_status == "done"
    return results


def main(url: str = "http://localhost:3001") -> None:
    """Run the recipes with a new account, and print their results."""
    name = f"acme-{uuid4().hex[:8]}"
    with Stellary.register(url, f"{name}@example.com", "a-long-password", name="Jane Doe") as client:
        client.organizations.create(name=name.title(), slug=name)
        client.organization(name).workspaces.create(name="Engineering", slug="eng")
        for line in repeat_work(client, name, "eng"):
            print(line)


if __name__ == "__main__":
    main(*sys.argv[1:])
