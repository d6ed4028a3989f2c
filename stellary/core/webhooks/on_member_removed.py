"""Reactions of webhooks when a user leaves a workspace or loses admin rights there."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, update

from stellary.core.kernel.events import AdminRightsLost, WorkspaceLeft
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.webhooks.tables import webhooks

_HAND_OVER = (
    update(webhooks)
    .where(
        webhooks.c.workspace_id == bindparam("_workspace_id"),
        webhooks.c.created_by_id == bindparam("_user_id"),
    )
    .values(active=False, created_by_id=bindparam("_successor_id"), updated_at=bindparam("_now"))
)


def hand_over(uow: UnitOfWork, events: Sequence[WorkspaceLeft | AdminRightsLost]) -> None:
    """Disable the webhooks of users who lost admin rights, and transfer them to their successors.

    Args:
        uow: The unit of work.
        events: The users who have left a workspace, or are no longer admins there.
    """
    for event in events:
        parameters = {
            "_workspace_id": event.workspace_id,
            "_user_id": event.user_id,
            "_successor_id": event.successor_id,
            "_now": uow.now,
        }
        uow.ended_counts["webhooks"] += uow.connection.execute(_HAND_OVER, parameters).rowcount
