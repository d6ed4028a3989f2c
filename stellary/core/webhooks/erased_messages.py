"""The removal of addresses, of the names of deleted accounts, and of the texts of purged items, from stored messages.

A job does it in batches.
"""

from __future__ import annotations

from typing import Final

import orjson
from sqlalchemy import bindparam, select, update

from stellary.contract.wire import JsonObject
from stellary.core.accounts.addresses import digest_address
from stellary.core.accounts.rules import FORMER_NAME
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel import jobs
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.notifications import erased_names
from stellary.core.notifications.erasure import ERASE_MESSAGES, FORMER_ADDRESS, Erasure
from stellary.core.notifications.purged_texts import purge_meta
from stellary.core.notifications.rules import PURGED
from stellary.core.webhooks.row_types import StoredMessageRow
from stellary.core.webhooks.tables import deliveries, webhooks

BATCH_MAX: Final = 500
"""The number of messages that a transaction reads at most."""
JOINED_MAX: Final = 100
"""The number of other jobs among which those of the same workspace are joined with one that begins."""

_READ = Query(
    StoredMessageRow,
    select(deliveries.c.id, deliveries.c.payload)
    .where(
        deliveries.c.webhook_id.in_(select(webhooks.c.id).where(is_given(webhooks.c.workspace_id))),
        deliveries.c.id > bindparam("_after"),
        deliveries.c.payload != "",
    )
    .order_by(deliveries.c.id)
    .limit(BATCH_MAX),
)
_REVISE = update(deliveries).where(is_given(deliveries.c.id)).values(payload=bindparam("_payload"))


def erase_batch(uow: UnitOfWork, payload: Erasure) -> None:
    """Remove a person or the texts of items from the next messages, and schedule the removal from those after them.

    Args:
        uow: The unit of the job.
        payload: The payload of the job.
    """
    if "itemIds" in payload and not payload["after"]:
        payload = {**payload, "itemIds": [*payload["itemIds"], *_join_jobs(uow, payload["workspaceId"])]}
    rows = _READ.all(uow.connection, {"_workspace_id": payload["workspaceId"], "_after": payload["after"]})
    revised = []
    for row in rows:
        message = orjson.loads(row.payload)
        data = message["data"]
        data = _forget_texts(data, {*payload["itemIds"]}) if "itemIds" in payload else _forget(data, payload)
        if data != message["data"]:
            revised.append({"_id": row.id, "_payload": orjson.dumps({**message, "data": data}).decode()})
    if revised:
        uow.connection.execute(_REVISE, revised)
    if len(rows) == BATCH_MAX:
        jobs.enqueue(uow, ERASE_MESSAGES, {**payload, "after": rows[-1].id})


def _join_jobs(uow: UnitOfWork, workspace_id: str) -> list[str]:
    """Delete jobs that would read the messages of a workspace again from the first one, and return their items."""
    joined = [
        job
        for job in jobs.lock_due(uow.connection, ERASE_MESSAGES, uow.now, limit=JOINED_MAX)
        if "itemIds" in job.payload
        and (job.payload["workspaceId"], job.payload["after"]) == (workspace_id, "")
    ]
    jobs.delete_locked(uow.connection, joined)
    return [id for job in joined for id in job.payload["itemIds"]]


def _forget_texts(data: JsonObject, ids: set[str]) -> JsonObject:
    """Return the data of a message without the texts of items."""
    meta, is_comment = data["meta"], data["entity"] in ("comment", "document_comment")
    item_id = None if is_comment else data["entityId"]
    # A message about a member names the project. A card may have left it.
    if ids.intersection((data["cardId"] or data["projectId"], meta.get("documentId"), item_id)):
        texts = dict.fromkeys(("card", "item", "comment"))
        return {**data, **texts, "changes": [], "meta": purge_meta(meta)}
    if is_comment and data["entityId"] in ids:
        return {**data, "comment": None}
    if meta.get("otherCardId") in ids:
        return {**data, "meta": {**meta, "otherCardTitle": PURGED}}
    return data


def _forget(data: JsonObject, erasure: Erasure) -> JsonObject:
    """Return the data of a message without a person."""
    user_id, name = erasure["userId"], erasure["name"]
    meta, changes, item, assignee = (data[field] for field in ("meta", "changes", "item", "assignee"))
    if data["entity"] == "invitation" and digest_address(meta["name"]) == erasure["addressDigest"]:
        meta, item = {**meta, "name": FORMER_ADDRESS}, None
    if data["entity"] in ("member", "workspace_member") and data["entityId"] == user_id:
        item = None
        if name is not None:
            meta, changes = erased_names.forget_member(meta, changes, user_id)
    if assignee is not None and assignee["userId"] == user_id:
        assignee = {**assignee, "email": FORMER_ADDRESS, "name": FORMER_NAME if name else assignee["name"]}
    data = {**data, "meta": meta, "changes": changes, "item": item, "assignee": assignee}
    if name is None:
        return data
    data["meta"] = erased_names.forget_meta(meta, erased_names.find_names(changes or (), user_id) | {name})
    data["changes"] = changes and erased_names.forget_changes(changes, user_id)
    for field in ("item", "card", "comment"):
        data[field] = erased_names.forget_item(data.get(field), user_id)
    # The data have the id and the name of the actor, as an item has those of its author.
    return erased_names.forget_item(data, user_id) or {}
