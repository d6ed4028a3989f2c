"""A weekly review of a workspace in Markdown, built from the state of its pilotage.

In a notebook, ``Markdown(weekly_review(client.workspace("acme", "eng").pilotage.state(detail_level="detailed")))`` shows it.
Start a server with ``python3 dev.py serve``, then run ``python docs/examples/weekly_review.py``.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from stellary import Stellary
from stellary.contract.pilotage_state import PilotageState

WEEK = timedelta(days=7)


# --8<-- [start:review]
def weekly_review(state: PilotageState, now: datetime | None = None) -> str:
    """Render the week of a workspace as Markdown: results, obstacles, next steps."""
    now = now or datetime.now(UTC)

    def this_week(moment: datetime | None) -> bool:
        return moment is not None and now - WEEK < moment <= now

    reached = [m.objective for m in state.missions if this_week(m.completed_at)]
    finished = [t.label for t in state.todos if this_week(t.completed_at)]
    blocked = [
        f"{m.objective}: {m.blocked_reason or 'why?'}" for m in state.missions if m.status == "blocked"
    ]
    blocked += [t.label for t in state.todos if t.status == "blocked"]
    running = [
        f"{m.objective} ({progress(state, m.id)})" for m in state.missions if m.status == "in_progress"
    ]
    decided = [
        f"{d.title}{f': {d.impact}' if d.impact else ''}" for d in state.decisions if this_week(d.created_at)
    ]
    waiting = [f"{a.explanation} ({a.action_type})" for a in state.traces if a.status == "suggested"]
    activity_counts = Counter(activity.type for activity in state.history if this_week(activity.created_at))
    return "\n".join(
        [
            f"# Week to {now:%d %B %Y}, cycle {state.cycle}",
            *section("Reached", reached),
            *section("Finished", finished),
            *section("In the way", blocked),
            *section("Running", running),
            *section("Next", (m.objective for m in state.missions if m.status == "to_launch")),
            *section("Priorities", (p.label for p in state.active_priorities)),
            *section("Decided", decided),
            *section("To be reviewed", waiting),
            *section("In figures", (f"{type}: {count}" for type, count in activity_counts.most_common(5))),
        ]
    )


def progress(state: PilotageState, mission_id: str) -> str:
    """Return the number of completed todos of a mission."""
    todos = [todo for todo in state.todos if todo.mission_id == mission_id]
    return f"{sum(todo.status == 'done' for todo in todos)} of {len(todos)} todos"


def section(title: str, lines: Iterable[str]) -> list[str]:
    """Return a heading with its list items, or nothing if the list is empty."""
    points = [f"- {line}" for line in lines]
    return ["", f"## {title}", *points] if points else []


# --8<-- [end:review]


def steer(client: Stellary, organization: str, workspace: str) -> PilotageState:
    """Fill an existing workspace with data for a review, and return its state."""
    pilotage = client.workspace(organization, workspace).pilotage
    billing = pilotage.create_mission(objective="Implement billing", module="billing")
    search = pilotage.create_mission(objective="Make search fast", module="search")
    docs = pilotage.create_mission(objective="Write the handbook")
    pilotage.create_mission(objective="Open the shop")
    pilotage.create_priority(label="Ship billing MVP")
    choice = pilotage.create_todo(label="Choose a provider", mission_id=billing.id)
    pilotage.update_todo(choice, status="done")
    tests = pilotage.create_todo(label="Write integration tests", mission_id=billing.id)
    pilotage.update_todo(tests, status="in_progress")
    pilotage.update_mission(billing, status="in_progress")
    pilotage.update_mission(search, status="blocked", blocked_reason="Waiting on hardware")
    pilotage.update_mission(docs, status="done")
    pilotage.create_decision(title="Use Stripe", impact="three weeks less")
    pilotage.propose_action(
        action_type="create_todo", explanation="Nobody tests refunds", payload={"label": "Test refunds"}
    )
    # --8<-- [start:state]
    return pilotage.state(intent="weekly_review", detail_level="detailed")
    # --8<-- [end:state]


def main(url: str = "http://localhost:3001") -> None:
    """Run the example with a new account, and print the review."""
    name = f"acme-{uuid4().hex[:8]}"
    with Stellary.register(url, f"{name}@example.com", "a-long-password", name="Jane Doe") as client:
        client.organizations.create(name=name.title(), slug=name)
        client.organization(name).workspaces.create(name="Engineering", slug="eng")
        print(weekly_review(steer(client, name, "eng")))


if __name__ == "__main__":
    main(*sys.argv[1:])
