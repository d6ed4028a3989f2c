"""Pilotage: missions, todos and decisions of a workspace, and an action that is proposed, approved and applied.

Start a server with ``python3 dev.py serve``, then run ``python docs/examples/pilotage.py``.
"""

from __future__ import annotations

import sys
from uuid import uuid4

from stellary import Conflict, Stellary


def pilotage(client: Stellary, organization: str, workspace: str) -> list[str]:
    """Use pilotage in an existing workspace, and return the history of a proposed action."""
    ws = client.workspace(organization, workspace)
    board = ws.project(ws.projects.create(name="Billing"))
    to_do, _, done = board.columns.list()
    card = board.column(to_do).cards.create(title="Choose a provider")

    # --8<-- [start:create]
    billing = ws.pilotage.create_mission(objective="Implement billing module", module="billing")  # m-001
    ship = ws.pilotage.create_priority(label="Ship billing MVP", module="billing")
    tests = ws.pilotage.create_todo(
        label="Write Stripe integration tests", mission_id=billing.id, priority_id=ship.id
    )
    ws.pilotage.create_decision(
        title="Use Stripe over custom billing",
        impact="Reduces dev time by 3 weeks, adds 2.9% transaction fee",
    )
    ws.pilotage.create_doc(title="Billing API Spec v2", owner="Jane Doe", source_type="tech")
    # --8<-- [end:create]

    # --8<-- [start:update]
    ws.pilotage.update_mission(billing, status="blocked", blocked_reason="Waiting on API")
    ws.pilotage.update_todo(tests, status="done")
    ws.pilotage.update_mission(billing, status="in_progress")  # no longer blocked
    # --8<-- [end:update]

    # --8<-- [start:state]
    state = ws.pilotage.state(profile="execution", intent="daily_execution")
    for mission in state.missions:
        print(mission.id, mission.status, mission.objective)

    least = ws.pilotage.state(detail_level="minimal")
    assert least.ids is not None
    print(least.counts.todos, least.ids.todos)
    # --8<-- [end:state]

    # --8<-- [start:propose]
    proposed = ws.pilotage.propose_action(
        action_type="move_card",
        explanation="All subtasks complete, move to Done",
        payload={"cardId": card.key, "targetColumn": "Done"},
    )
    assert proposed.status == "suggested"
    assert proposed.problem is None  # otherwise: why it could not be applied
    # --8<-- [end:propose]

    # --8<-- [start:review]
    ws.pilotage.review_action(proposed, approved=True, reason="Looks correct")
    ws.pilotage.apply_action(proposed)
    assert board.card(card).get().column_id == done.id
    try:
        ws.pilotage.apply_action(proposed)
    except Conflict as error:
        print(error.message)  # only an approved action can be applied; this one is already applied
    # --8<-- [end:review]

    # --8<-- [start:history]
    final_state = ws.pilotage.state(detail_level="detailed")
    return [
        f"{activity.actor_name}: {activity.type} {activity.meta['id']}"
        for activity in final_state.history[:3]
    ]
    # --8<-- [end:history]


def main(url: str = "http://localhost:3001") -> None:
    """Run the example with a new account, and print the latest activities."""
    name = f"acme-{uuid4().hex[:8]}"
    with Stellary.register(url, f"{name}@example.com", "a-long-password", name="Jane Doe") as client:
        client.organizations.create(name=name.title(), slug=name)
        client.organization(name).workspaces.create(name="Engineering", slug="eng")
        print(*pilotage(client, name, "eng"), sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
