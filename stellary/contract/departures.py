"""The consequences of a loss of rights: the webhooks, automations, tokens and missions that end with them."""

from __future__ import annotations

from stellary.contract.endpoint import Ok
from stellary.contract.wire import Value


class EndedRights(Value):
    """The number of items that ended because a user lost rights.

    Attributes:
        invitations: Pending invitations sent by the user; they can no longer be accepted.
        webhooks: Webhooks created by the user; they are disabled and get another owner.
        automations: Rules that ran with the user's rights; they are disabled.
        agent_tokens: Agent tokens limited by the user's rights; they are revoked.
        missions: Agent missions created by the user; they are cancelled.
    """

    invitations: int
    webhooks: int
    automations: int
    agent_tokens: int
    missions: int


class MemberRemoved(Ok):
    """The result of removing a member.

    Attributes:
        ended: The items that ended with the membership.
    """

    ended: EndedRights
