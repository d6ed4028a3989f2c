"""The activities that a caller may read: those about kinds of items that the caller may read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, get_args

from sqlalchemy import ColumnElement, FromClause, and_, or_

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
from stellary.core.accounts.project_sight import is_visible
from stellary.core.accounts.rules import CallerRoles
from stellary.core.board.queries.recipient_queries import select_project_of_card
from stellary.core.db.base import json_text
from stellary.core.kernel.unit import Actor
from stellary.core.notifications.tables import activities

READ_POLICIES: Final[Mapping[EntityKind, Policy]] = {
    "card": BOARD_READ,
    "comment": BOARD_READ,
    "attachment": BOARD_READ,
    "relation": BOARD_READ,
    "time_entry": BOARD_READ,
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


_NAMING_ANY_PROJECT: Final = frozenset({"agent_mission", "proposal", "action"})
"""The kinds of items whose activities may name items of any project."""


def list_hidden_kinds(actor: Actor, roles: CallerRoles) -> tuple[EntityKind, ...]:
    """Return the kinds of items whose activities a caller may not read.

    Args:
        actor: The caller.
        roles: The caller's roles in the workspace.
    """
    hidden = _NAMING_ANY_PROJECT if roles.sight.is_limited else frozenset[str]()
    return tuple(
        kind
        for kind in get_args(EntityKind)
        if kind in hidden or not _may_read(READ_POLICIES[kind], actor, roles)
    )


def names_visible_card(
    activity: FromClause, sees: Callable[[ColumnElement[Any]], ColumnElement[bool]]
) -> ColumnElement[bool]:
    """Return the condition that an activity is not about a relation, or names a card of a project that the caller sees.

    Args:
        activity: The table of activities, or an alias.
        sees: Returns the condition that the caller sees a project.
    """
    other_card = select_project_of_card(json_text(activity.c.meta, "otherCardId"), sees)
    return or_(activity.c.entity != "relation", other_card.exists())


IS_SEEN: Final = and_(is_visible(activities.c.project_id), names_visible_card(activities, is_visible))
"""The condition that the caller sees the projects of an activity, with the parameters of a ``ProjectSight``."""


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
    return actor.is_allowed(policy) and roles.admits(policy) and roles.grants(policy.role)
