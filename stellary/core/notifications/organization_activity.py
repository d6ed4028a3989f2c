"""The activity of organizations, recorded in the transaction of its events. It has no streams, webhooks and notifications."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import insert

from stellary.core.kernel.events import OrganizationItemChanged
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.notifications import rules
from stellary.core.notifications.changes import list_item_changes
from stellary.core.notifications.tables import organization_activities
from stellary.core.notifications.via import find_via

_INSERT = insert(organization_activities)


def record(uow: UnitOfWork, events: Sequence[OrganizationItemChanged]) -> None:
    """Record the activities of events.

    Args:
        events: The changes.
    """
    rows = [
        {
            "id": uow.new_id(),
            "organization_id": event.organization_id,
            "actor_id": uow.user_id,
            "type": event.type,
            "entity": event.kind,
            "entity_id": event.item_id,
            "changes": list_item_changes(event.before, event.after) or None,
            "via": find_via(uow.actor, event, {}),
            "meta": rules.item_meta(event),
            "created_at": uow.now,
        }
        for event in events
    ]
    uow.connection.execute(_INSERT, rows)
