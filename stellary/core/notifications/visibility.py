"""The activities that a caller may read: those about kinds of items that the caller may read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, get_args

from stellary.contract.activities import EntityKind
from stellary.contract.endpoint import Policy
from stellary.contract.policies import (
    AGENT_TOKENS,
    AGENTS_READ,
    AUTOMATIONS_READ,
    BOARD_READ,
    DOCUMENT_READ,
    ORGANIZATION_MEMBER,
    ORGANIZATION_READ,
    PILOTAGE_READ,
    WORKSPACE_ADMIN,
    WORKSPACE_READ,
)
from stellary.core.accounts.rules import CallerRoles
from stellary.core.kernel.unit import Actor

READ_POLICIES: Final[Mapping[EntityKind, Policy]] = {
    "card": BOARD_READ,
    "comment": BOARD_READ,
    "attachment": BOARD_READ,
    "relation": BOARD_READ,
    "member": BOARD_READ,
    "project": BOARD_READ,
    "scope": BOARD_READ,
    "column": BOARD_READ,
    "label": BOARD_READ,
    "custom_field": BOARD_READ,
    "automation": AUTOMATIONS_READ,
    "document": DOCUMENT_READ,
    "document_comment": DOCUMENT_READ,
    "mission": PILOTAGE_READ,
    "priority": PILOTAGE_READ,
    "todo": PILOTAGE_READ,
    "decision": PILOTAGE_READ,
    "doc": PILOTAGE_READ,
    "action": PILOTAGE_READ,
    "organization": ORGANIZATION_READ,
    "organization_member": ORGANIZATION_MEMBER,
    "workspace": WORKSPACE_READ,
    "workspace_member": WORKSPACE_READ,
    "invitation": WORKSPACE_ADMIN,
    "webhook": WORKSPACE_ADMIN,
    "agent": AGENTS_READ,
    "agent_token": AGENT_TOKENS,
    "agent_mission": AGENTS_READ,
    "proposal": AGENTS_READ,
}
"""The policy of the endpoint that lists each kind of item."""


def list_hidden_kinds(actor: Actor, roles: CallerRoles) -> tuple[EntityKind, ...]:
    """Return the kinds of items whose activities a caller may not read.

    Relations name cards of other projects, so an agent of some projects reads none of their activities.

    Args:
        actor: The caller.
        roles: The caller's roles in the workspace.
    """
    is_limited = actor.agent_limits is not None and actor.agent_limits.project_ids is not None
    return tuple(
        kind
        for kind in get_args(EntityKind)
        if (is_limited and kind == "relation") or not _may_read(READ_POLICIES[kind], actor, roles)
    )


def list_role_policies(actor: Actor, roles: CallerRoles, base: Policy) -> frozenset[Policy]:
    """Return policies with all roles by which a caller may read activities, beside the role of another policy.

    Args:
        actor: The caller.
        roles: The caller's roles in the workspace.
        base: The other policy.
    """
    readable = (policy for policy in READ_POLICIES.values() if _may_read(policy, actor, roles))
    by_role = {policy.role: policy for policy in readable if policy.role != base.role}
    return frozenset(by_role.values())


def _may_read(policy: Policy, actor: Actor, roles: CallerRoles) -> bool:
    return actor.is_allowed(policy) and roles.grants(policy.role)
