"""Departures: what ends when somebody may do less than before."""

from __future__ import annotations

from stellary.contract.endpoint import Ok
from stellary.contract.wire import Value, value


@value
class EndedRights(Value):
    """How much of what a person had set up has ended with the person's rights.

    Attributes:
        invitations: Pending invitations that the person had sent; they can no longer be accepted.
        webhooks: Webhooks that the person had made; they are turned off, and belong to somebody else from now on.
        automations: Rules that acted on the person's behalf; they are turned off.
        agent_tokens: Tokens of agents that acted within the person's rights; they are revoked.
        missions: Missions of agents that the person had asked for; they are cancelled.
    """

    invitations: int
    webhooks: int
    automations: int
    agent_tokens: int
    missions: int


@value
class MemberRemoved(Ok):
    """The answer to the removal of a member.

    Attributes:
        ended: What ended with it.
    """

    ended: EndedRights
