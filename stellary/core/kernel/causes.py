"""The reasons for events that automations caused, and the chains of their consequences."""

from __future__ import annotations

from collections.abc import Mapping

import attrs


@attrs.define
class Chain:
    """The consequences of one event, across all automations.

    Attributes:
        id: The id of the chain.
        actions: The number of actions that have run.
        undone_rule_id: The automation whose change was undone by the event, so that it must not react; None otherwise.
    """

    id: str
    actions: int = 0
    undone_rule_id: str | None = None


@attrs.frozen
class Cause:
    """The reason for an event that an automation caused.

    Attributes:
        chain: The chain that the event belongs to.
        user_id: The user on whose behalf the automation acted.
        depth: The number of automations that triggered each other.
        via: The rule, agent or proposed action that acted: the fields of ``Via`` as JSON, and the project of a rule.
    """

    chain: Chain
    user_id: str
    depth: int
    via: Mapping[str, Mapping[str, str | None]] = attrs.field(factory=dict, eq=False)
