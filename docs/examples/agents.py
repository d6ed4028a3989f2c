"""Agents: a supervised agent works on a card, and a person approves its changes.

Start a server with ``python3 dev.py serve``, then run ``python docs/examples/agents.py``.
"""

from __future__ import annotations

import sys
from uuid import uuid4

from stellary import Proposed, Stellary
from stellary.contract.agent_missions import MissionEntry
from stellary.contract.agents import SetRateLimit


def run_supervised_agent(client: Stellary, organization: str, workspace: str) -> list[str]:
    """Create an agent in an existing workspace, give it a task, approve its proposals, and return its log."""
    ws = client.workspace(organization, workspace)
    board = ws.project(ws.projects.create(name="Web shop"))
    to_do, _, done = board.columns.list()
    card = board.column(to_do).cards.create(title="Print the invoices")

    # --8<-- [start:create]
    agent = ws.agents.create(
        name="Scribe",
        autonomy_mode="supervised",  # every change waits for approval
        tools=["board.read", "move_card", "set_priority", "add_comment"],
        rate_limit=SetRateLimit(max_actions=100, window_seconds=60),
    )
    # --8<-- [end:create]

    # --8<-- [start:mission]
    mission = ws.mission(
        ws.agents(agent).missions.create(
            card_id=card.id, prompt="move to Done, set priority high\ncomment: Printed, and sent."
        )
    )
    log: list[str] = []

    def record(entry: MissionEntry) -> None:
        log.append(f"{entry.id} {entry.kind}")
        print(entry.id, entry.kind, entry.data)

    waiting = mission.wait(progress=record)  # until it is over or needs a decision
    assert waiting.status == "awaiting_approval"
    # --8<-- [end:mission]

    # --8<-- [start:decide]
    move, priority, comment = mission.proposals(limit=10)
    ws.proposals.approve(move)
    ws.proposals.approve(comment)
    ws.proposals.reject(priority, reason="Not urgent")
    # --8<-- [end:decide]

    # --8<-- [start:stream]
    for entry in mission.stream(last_event_id=log[-1].split()[0]):  # ends with the mission
        record(entry)
    print(mission.get().result)
    # --8<-- [end:stream]

    # --8<-- [start:usage]
    after = mission.get()
    print(after.tools, after.usage.model, after.usage.input_tokens, after.usage.output_tokens)
    usage = ws.usage(days=7)
    print(f"{usage.tokens_today} of {usage.daily_budget} tokens today")
    # --8<-- [end:usage]
    assert (after.tools, after.usage.calls, usage.days) == (
        {"move_card": 1, "set_priority": 1, "add_comment": 1},
        0,
        [],
    )

    now = board.card(card).get()
    (report,) = board.card(card).comments.list()
    assert (now.column_id, now.priority, report.author_name) == (done.id, None, "Scribe")
    return log


def split_and_move(client: Stellary, organization: str, workspace: str) -> list[str]:
    """Let a supervised agent split, link and move a card and notify a person; return the titles of the new cards."""
    ws = client.workspace(organization, workspace)
    board = ws.project(ws.projects.create(name="Release"))
    to_do, in_progress, _ = board.columns.list()
    card = board.column(to_do).cards.create(title="Release 1.0")
    blocker = board.column(to_do).cards.create(title="Fix the login")

    # --8<-- [start:split]
    planner = ws.agents.create(
        name="Planner", autonomy_mode="supervised", tools=["board.read", "board.write"]
    )
    task = f"""
        split this card into three subtasks: write the notes, build, publish
        block this card on {blocker.key}
        tell me: the release is planned
        move this card to In Progress
    """
    mission = ws.mission(ws.agents(planner).missions.create(card_id=card.id, prompt=task))
    mission.wait()  # until it needs decisions
    for proposal in mission.proposals():
        print(proposal.summary)
        ws.proposals.approve(proposal)
    print(mission.wait().result)  # Done: split_card, add_relation, notify, move_card.
    # --8<-- [end:split]

    assert board.card(card).get().column_id == in_progress.id
    relations = list(board.card(card).relations.list())
    blockers = [relation.card.title for relation in relations if relation.type == "blocked_by"]
    assert blockers == ["Fix the login"]
    return [relation.card.title for relation in relations if relation.type == "parent_of"]


def propose_with_token(
    client: Stellary, as_agent: Stellary, organization: str, workspace: str, project: str
) -> str:
    """Act as a supervised agent with a token of the agent, and return the proposal."""
    # --8<-- [start:proposed]
    board = as_agent.workspace(organization, workspace).project(project)
    (first, *_) = board.cards.list()
    try:
        board.card(first).update(title="Print and send the invoices")
    except Proposed as error:
        client.workspace(organization, workspace).proposals.approve(error.proposal)
    # --8<-- [end:proposed]
    return board.card(first).get().title


if __name__ == "__main__":
    url = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:3001"
    email = f"ann-{uuid4().hex[:8]}@example.com"
    with Stellary.register(url, email, "correct horse battery", name="Ann") as ann:
        home = ann.organizations.list()[0].slug
        run_supervised_agent(ann, home, ann.organization(home).workspaces.list()[0].slug)
