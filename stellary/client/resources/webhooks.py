"""The webhooks of a workspace, for its admins."""

from __future__ import annotations

from stellary.client.calling.method import C, IdLike, ItemHandle, Resource, by_id, iterates, method
from stellary.contract.webhooks import (
    CREATE_WEBHOOK,
    DELETE_WEBHOOK,
    LIST_DELIVERIES,
    LIST_WEBHOOKS,
    REDELIVER,
    UPDATE_WEBHOOK,
)


class Webhooks(Resource[C]):
    """The webhooks of a workspace. Call it with an id for the handle of one."""

    create = method(CREATE_WEBHOOK)
    list = method(LIST_WEBHOOKS)
    iterate = iterates(LIST_WEBHOOKS)
    update = by_id(UPDATE_WEBHOOK)
    delete = by_id(DELETE_WEBHOOK)
    deliveries = by_id(LIST_DELIVERIES)

    def __call__(self, webhook: IdLike) -> WebhookHandle[C]:
        return WebhookHandle(self._caller, self._extend_path(webhook_id=webhook))


class WebhookHandle(ItemHandle[C]):
    """One webhook, and its deliveries."""

    update = method(UPDATE_WEBHOOK)
    delete = method(DELETE_WEBHOOK)
    deliveries = method(LIST_DELIVERIES)
    iterate_deliveries = iterates(LIST_DELIVERIES)
    redeliver = by_id(REDELIVER)
