"""Webhooks: services with which admins of a workspace create, list, update and delete them.

A webhook ends when its admin leaves the workspace, loses admin rights there, or an account takes theirs over.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import TypedDict

from sqlalchemy import func, select, update

from stellary.contract.endpoint import Ok
from stellary.contract.errors import Conflict
from stellary.contract.fields import build_value, convert, find_changed_fields, get_set_fields, replace_fields
from stellary.contract.naming import camel
from stellary.contract.refs import WebhookRef, WorkspaceRef
from stellary.contract.signatures import secret_of
from stellary.contract.webhooks import (
    CREATE_WEBHOOK,
    DELETE_WEBHOOK,
    LIST_WEBHOOKS,
    UPDATE_WEBHOOK,
    WEBHOOKS_MAX,
    CreatedWebhook,
    CreateWebhook,
    UpdateWebhook,
    Webhook,
)
from stellary.contract.wire import UNSET, Listing, Paged
from stellary.core.accounts import access as accounts_access
from stellary.core.accounts.locks import lock_workspace
from stellary.core.accounts.subscribers import mark_subscribed
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.events import AccountTakenOver, AdminRightsLost, WorkspaceLeft
from stellary.core.kernel.item_changes import emit_change
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.kernel.writes import StoredItems
from stellary.core.webhooks import access, queue
from stellary.core.webhooks.row_types import WebhookRow
from stellary.core.webhooks.rules.addresses import check_url, hide_path
from stellary.core.webhooks.tables import webhooks

KEY_BYTES = 32


class WebhookColumns(TypedDict):
    """The column of a new webhook that is not a field."""

    secret: str


_WEBHOOKS = StoredItems(
    Webhook,
    webhooks,
    "Webhook",
    WebhookColumns,
    internal=("sending_job_id", "failures", "failing_since", "retry_at", "noticed_at"),
)
SHOWN = _WEBHOOKS.columns
"""The columns of a webhook that its admins see."""
_IN_WORKSPACE = is_given(webhooks.c.workspace_id)
_LIST = Pages(WebhookRow, select(*SHOWN).where(_IN_WORKSPACE), webhooks.c.id)
_COUNT = select(func.count()).select_from(webhooks).where(_IN_WORKSPACE)
_OF_USER = (is_given(webhooks.c.workspace_id), is_given(webhooks.c.created_by_id, "user_id"))
_LOAD = Query(WebhookRow, select(*SHOWN).where(*_OF_USER))
_TRANSFER = update(webhooks).where(*_OF_USER).values(active=False)
_ACTIVE_OF_USER = (is_given(webhooks.c.created_by_id, "user_id"), webhooks.c.active)
_LOAD_ACTIVE = Query(WebhookRow, select(*SHOWN).where(*_ACTIVE_OF_USER))
_DISABLE = update(webhooks).where(*_ACTIVE_OF_USER).values(active=False)


@serves(CREATE_WEBHOOK)
def create_webhook(uow: UnitOfWork, ref: WorkspaceRef, request: CreateWebhook) -> CreatedWebhook:
    """Create a webhook with a new secret.

    Raises:
        Invalid: The URL is none, or leads to an address that is not public, or to another port.
        Conflict: The workspace already has 20 webhooks.
    """
    lock_workspace(uow, ref)
    workspace = accounts_access.workspace(uow, ref).row
    webhook = build_value(
        CreatedWebhook,
        request,
        id=uow.new_id(),
        workspace_id=workspace.id,
        url=check_url(request.url, private=uow.env.private_webhooks, ports=uow.env.webhook_ports),
        events=list(dict.fromkeys(request.events or ())),
        created_by_id=uow.user_id,
        created_at=uow.now,
        updated_at=uow.now,
        secret=secret_of(secrets.token_bytes(KEY_BYTES)),
    )
    if uow.connection.execute(_COUNT, {"_workspace_id": workspace.id}).scalar_one() >= WEBHOOKS_MAX:
        raise Conflict(f"a workspace has at most {WEBHOOKS_MAX} webhooks", code="webhooks_full")
    _WEBHOOKS.insert(uow, webhook, secret=webhook.secret)
    mark_subscribed(uow, workspace.id)
    emit_change(uow, workspace.id, None, hide_secret(convert(Webhook, webhook)))
    return webhook


@serves(LIST_WEBHOOKS)
def list_webhooks(uow: UnitOfWork, ref: WorkspaceRef, request: Paged) -> Listing[Webhook]:
    """Return the webhooks of a workspace, oldest first."""
    workspace = accounts_access.workspace(uow, ref).row
    return _LIST.fetch(uow, request, _WEBHOOKS.to_value, _workspace_id=workspace.id)


@serves(UPDATE_WEBHOOK)
def update_webhook(uow: UnitOfWork, ref: WebhookRef, request: UpdateWebhook) -> Webhook:
    """Change the given fields of a webhook.

    Raises:
        Invalid: The URL is none, or leads to an address that is not public, or to another port.
    """
    row = access.webhook(uow, ref).row
    before = _WEBHOOKS.to_value(row)
    changes = get_set_fields(request, Webhook)
    if request.url is not UNSET:
        changes["url"] = check_url(request.url, private=uow.env.private_webhooks, ports=uow.env.webhook_ports)
    if request.events is not UNSET:
        changes["events"] = list(dict.fromkeys(request.events))
    if not changes:
        return before
    if row.retry_at is not None:
        queue.resume(uow, row.id)
    after = replace_fields(before, **changes, updated_at=uow.now)
    _WEBHOOKS.update(uow, before, after)
    changed = [camel(name) for name in find_changed_fields(before, after) if name != "updated_at"]
    if changed:
        emit_change(uow, after.workspace_id, hide_secret(before), hide_secret(after), changed=changed)
    return after


@serves(DELETE_WEBHOOK)
def delete_webhook(uow: UnitOfWork, ref: WebhookRef) -> Ok:
    """Delete a webhook and its messages. A message that is being sent may still arrive."""
    webhook = _WEBHOOKS.to_value(access.webhook(uow, ref).row)
    _WEBHOOKS.delete(uow, webhook)
    emit_change(uow, webhook.workspace_id, hide_secret(webhook), None)
    return Ok()


def hide_secret(webhook: Webhook) -> Webhook:
    """Return a webhook as activities contain it: with the host of its URL only."""
    return replace_fields(webhook, url=hide_path(webhook.url))


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
        change = {"created_by_id": event.successor_id, "updated_at": uow.now}
        uow.connection.execute(_TRANSFER, parameters | change)
        uow.ended_counts["webhooks"] += len(rows)
        for row in rows:
            before = hide_secret(_WEBHOOKS.to_value(row))
            after = replace_fields(before, active=False, **change)
            emit_change(uow, event.workspace_id, before, after, successorId=event.successor_id)


def disable(uow: UnitOfWork, events: Sequence[AccountTakenOver]) -> None:
    """Disable the webhooks of accounts that were given to the owners of their addresses.

    Args:
        events: The accounts.
    """
    for event in events:
        parameters = {"_user_id": event.user_id}
        rows = _LOAD_ACTIVE.all(uow.connection, parameters)
        uow.connection.execute(_DISABLE, {**parameters, "updated_at": uow.now})
        for row in rows:
            before = hide_secret(_WEBHOOKS.to_value(row))
            after = replace_fields(before, active=False, updated_at=uow.now)
            emit_change(uow, row.workspace_id, before, after, changed=["active"])
