"""Approve the proposals of agents.

An agent in supervised mode proposes its changes, and a person decides. This approves comments, and asks about everything else. Decisions
need a login: no token can approve. See [Agents](../guides/agents.md).
"""

from collections.abc import Callable

from stellary import Workspace
from stellary.contract.proposals import Proposal


def decide(ws: Workspace, confirm: Callable[[Proposal], bool]) -> list[str]:
    decisions: list[str] = []
    for proposal in ws.proposals.list(status="pending"):
        if proposal.action == "add_comment" or confirm(proposal):
            decided = ws.proposals.approve(proposal)
        else:
            decided = ws.proposals.reject(proposal, reason="Not now")
        decisions.append(f"{proposal.summary}: {decided.status}")
    return decisions
