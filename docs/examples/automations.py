"""Automations: three rules of a project, and their effects on a card.

Start a server with ``python3 dev.py serve``, then run ``python docs/examples/automations.py``.
"""

from __future__ import annotations

import sys
from uuid import uuid4

from stellary import Stellary
from stellary.contract.automations import ActionToRun


def automations(client: Stellary, organization: str, workspace: str) -> list[str]:
    """Create a project with three rules in an existing workspace, and return their effects."""
    ws = client.workspace(organization, workspace)
    board = ws.project(ws.projects.create(name="Support"))
    to_do, doing, done = board.columns.list()

    # --8<-- [start:triggers]
    names = [trigger.name for trigger in board.automations.triggers()]
    # --8<-- [end:triggers]
    assert "task_moved" in names

    # --8<-- [start:install]
    start_urgent = board.automations.create(
        name="Start urgent cards",
        trigger="task_created",
        conditions={
            "any": [
                {"field": "priority", "op": "eq", "value": "high"},
                {"field": "title", "op": "contains", "value": "urgent"},
            ]
        },
        action=ActionToRun(type="move_card", params={"targetColumn": "In Progress"}),
    )
    plan_work = board.automations.create(
        name="Plan started cards",
        trigger="task_moved",
        conditions={"all": [{"field": "toColumn", "op": "eq", "value": "In Progress"}]},
        action=ActionToRun(type="add_checklist_item", params={"title": "Answer the customer"}),
    )
    finish = board.automations.create(
        name="Complete finished cards",
        trigger="checklist_complete",
        actions=[
            ActionToRun(type="move_card", params={"targetColumn": "Done"}),
            ActionToRun(type="add_comment", params={"content": "{{actor.name}} has done the last step."}),
        ],
    )
    # --8<-- [end:install]

    # --8<-- [start:work]
    card = board.column(to_do).cards.create(title="Urgent: invoices go out twice")
    (step,) = board.card(card).checklist.list()  # two rules have run: the card is moved, and has a checklist
    assert board.card(card).get().column_id == doing.id

    board.card(card).checklist.update(step, done=True)
    assert board.card(card).get().column_id == done.id
    # --8<-- [end:work]

    # --8<-- [start:test]
    trial = board.automations.test(finish, card_id=card.id)
    # --8<-- [end:test]
    assert trial.error is None
    assert trial.actions[1].params["content"].endswith(" has done the last step.")

    # --8<-- [start:traces]
    effects: list[str] = []
    for rule in (start_urgent, plan_work, finish):
        for trace in board.automations.traces(rule):  # newest first
            assert trace.target is not None
            effects.append(f"{rule.name}: {trace.event} of {trace.target.card_key}, {trace.result}")
    # --8<-- [end:traces]

    # --8<-- [start:toggle]
    board.automations.toggle(start_urgent)  # inverts the state; use enabled=False to set it
    # --8<-- [end:toggle]
    return effects


def main(url: str = "http://localhost:3001") -> None:
    """Run the example with a new account, and print the effects of the rules."""
    name = f"acme-{uuid4().hex[:8]}"
    with Stellary.register(url, f"{name}@example.com", "a-long-password", name="Jane Doe") as client:
        client.organizations.create(name=name.title(), slug=name)
        client.organization(name).workspaces.create(name="Engineering", slug="eng")
        for line in automations(client, name, "eng"):
            print(line)


if __name__ == "__main__":
    main(*sys.argv[1:])
