"""Reactions of webhooks when a user leaves a workspace, loses admin rights there, or takes over an account."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, select, update

from stellary.contract.fields import replace_fields
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.events import AccountTakenOver, AdminRightsLost, WorkspaceLeft
from stellary.core.kernel.item_changes import emit_change
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.webhooks.row_types import WebhookRow
from stellary.core.webhooks.tables import webhooks
from stellary.core.webhooks.webhooks import SHOWN, hide_secret, webhook_value

_OF_USER = (is_given(webhooks.c.workspace_id), is_given(webhooks.c.created_by_id, "user_id"))
_LOAD = Query(WebhookRow, select(*SHOWN).where(*_OF_USER))
_TRANSFER = (
    update(webhooks)
    .where(*_OF_USER)
    .values(active=False, created_by_id=bindparam("_successor_id"), updated_at=bindparam("_now"))
)
_ACTIVE_OF_USER = (is_given(webhooks.c.created_by_id, "user_id"), webhooks.c.active)
_LOAD_ACTIVE = Query(WebhookRow, select(*SHOWN).where(*_ACTIVE_OF_USER))
_DISABLE = update(webhooks).where(*_ACTIVE_OF_USER).values(active=False, updated_at=bindparam("_now"))


def transfer_webhooks(uow: UnitOfWork, events: Sequence[WorkspaceLeft | AdminRightsLost]) -> None:
    """Disable the webhooks of users who lost admin rights, and transfer them to their successors.

    Args:
        events: The users who have lost the rights, with their successors.
    """
    for event in events:
        parameters = {"_workspace_id": event.workspace_id, "_user_id": event.user_id}
        rows = _LOAD.all(uow.connection, parameters)
        if not rows:
            continue
        change = {"_successor_id": event.successor_id, "_now": uow.now}
        uow.connection.execute(_TRANSFER, parameters | change)
        uow.ended_counts["webhooks"] += len(rows)
        for row in rows:
            before = hide_secret(webhook_value(row))
            after = replace_fields(before, active=False, created_by_id=event.successor_id, updated_at=uow.now)
            emit_change(uow, event.workspace_id, before, after, successorId=event.successor_id)


def disable(uow: UnitOfWork, events: Sequence[AccountTakenOver]) -> None:
    """Disable the webhooks of accounts that were given to the owners of their addresses.

    Args:
        events: The accounts.
    """
    for event in events:
        parameters = {"_user_id": event.user_id}
        rows = _LOAD_ACTIVE.all(uow.connection, parameters)
        uow.connection.execute(_DISABLE, {**parameters, "_now": uow.now})
        for row in rows:
            before = hide_secret(webhook_value(row))
            after = replace_fields(before, active=False, updated_at=uow.now)
            emit_change(uow, row.workspace_id, before, after, changed=["active"])
