"""The removal of e-mail addresses, and of the names of deleted accounts, from recorded activities.

A job changes the records in batches, each in a transaction of its own, so that other writes do not wait for it. The records
of invitations and memberships are found by indexes. The other names of people are found by reading the activities of the
workspaces in whose organizations the account was a member.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NotRequired, TypedDict

from sqlalchemy import Text, bindparam, func, null, or_, select, type_coerce, update

from stellary.core.accounts.places import select_next_workspace
from stellary.core.accounts.rules import FORMER_NAME
from stellary.core.accounts.users import digest_address
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel import jobs
from stellary.core.kernel.events import AddressReleased
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.notifications.row_types import (
    ActivityMetaRow,
    NamingActivityRow,
    ReadActivitiesRow,
    RevisedActivityRow,
    RevisedOrganizationActivityRow,
)
from stellary.core.notifications.tables import OF_MEMBERS, OF_PEOPLE, activities, organization_activities

StoredFields = Mapping[str, object]
"""An object in JSON: the meta or the item of an activity, or one of its changes."""

_NAMES_OF_PEOPLE: Final = ("assignee", "formerAssignee", "member", "owner")
"""The fields of a meta that contain the name of a person."""
ERASE: Final = "notifications.erase"
"""The kind of the job."""
ERASE_MESSAGES: Final = "webhooks.erase"
"""The kind of the job for the messages of the webhooks of a workspace, whose payload is the same."""
FORMER_ADDRESS: Final = "former address"
BATCH_MAX: Final = 200
"""The number of records that a transaction changes at most, of those that are found by an index."""
READ_MAX: Final = 1_000
"""The number of activities that a transaction reads at most, of those that are not."""
_INVITATIONS = Query(
    ActivityMetaRow,
    select(activities.c.seq, activities.c.meta)
    .where(is_given(activities.c.address_digest, "digest"))
    .limit(BATCH_MAX),
)
_REVISE = update(activities).where(is_given(activities.c.seq))
_REMOVE_ADDRESS = _REVISE.values(item=null(), address_digest=null())
_MEMBERSHIPS = Query(
    RevisedActivityRow,
    select(activities.c.seq, activities.c.meta, activities.c.changes)
    .where(
        OF_PEOPLE,
        activities.c.entity.in_(("member", "workspace_member")),
        is_given(activities.c.entity_id, "user_id"),
        activities.c.seq > bindparam("_after"),
    )
    .order_by(activities.c.seq)
    .limit(BATCH_MAX),
)
_OF_MEMBER = (OF_MEMBERS, is_given(organization_activities.c.entity_id, "user_id"))
_ORGANIZATION_MEMBERSHIPS = Query(
    RevisedOrganizationActivityRow,
    select(organization_activities.c.id, organization_activities.c.meta, organization_activities.c.changes)
    .where(*_OF_MEMBER, organization_activities.c.id > bindparam("_after"))
    .order_by(organization_activities.c.id)
    .limit(BATCH_MAX),
)
_REVISE_OF_ORGANIZATION = update(organization_activities).where(is_given(organization_activities.c.id))
_NEXT_WORKSPACE = select_next_workspace(select(organization_activities.c.organization_id).where(*_OF_MEMBER))
_read = (
    select(activities.c.seq)
    .where(is_given(activities.c.workspace_id), activities.c.seq > bindparam("_after"))
    .order_by(activities.c.seq)
    .limit(READ_MAX)
    .subquery()
)
_READ = Query(ReadActivitiesRow, select(func.count().label("count"), func.max(_read.c.seq).label("last_seq")))
_NAMING = Query(
    NamingActivityRow,
    select(activities.c.seq, activities.c.meta, activities.c.changes, activities.c.item).where(
        is_given(activities.c.workspace_id),
        activities.c.seq > bindparam("_after"),
        activities.c.seq <= bindparam("_last"),
        or_(
            type_coerce(activities.c.changes, Text).contains(bindparam("_user_id", type_=Text)),
            type_coerce(activities.c.item, Text).contains(bindparam("_user_id", type_=Text)),
            # Their meta contains names without ids.
            activities.c.type.in_(("card_assigned", "member_added", "member_removed")),
            type_coerce(activities.c.meta, Text).like('%"mentioned"%'),
        ),
    ),
)


def forget_member(
    meta: StoredFields, changes: Sequence[StoredFields] | None, user_id: str
) -> tuple[dict[str, object], list[dict[str, object]] | None]:
    """Return the meta and the changes of an activity about a membership without the name of the member.

    Args:
        meta: The meta.
        changes: The changes; None if there are none.
        user_id: The member, whose account was deleted.
    """
    new_meta = {key: FORMER_NAME if key in ("name", "member") else value for key, value in meta.items()}
    if changes is None:
        return new_meta, None
    return new_meta, [_forget_in_membership(change, user_id) for change in changes]


def _forget_in_membership(change: StoredFields, user_id: str) -> dict[str, object]:
    if change.get("field") != "name":
        return _forget_in_change(change, user_id)
    values = {key: change.get(key) for key in ("from", "to")}
    return {**change, **{key: value if value is None else FORMER_NAME for key, value in values.items()}}


def _forget_in_change(change: StoredFields, user_id: str) -> dict[str, object]:
    names = change.get("names")
    if isinstance(names, Mapping) and user_id in names:
        return {**change, "names": {**names, user_id: FORMER_NAME}}
    return dict(change)


def forget_changes(changes: Sequence[StoredFields], user_id: str) -> list[dict[str, object]]:
    """Return the changes of an activity in which a deleted account has the name ``FORMER_NAME``.

    Args:
        changes: The changes.
        user_id: The deleted account.
    """
    return [_forget_in_change(change, user_id) for change in changes]


def find_names(changes: Sequence[StoredFields], user_id: str) -> set[str]:
    """Return the names that the changes of an activity contain for a user, who may have had another one then.

    Args:
        changes: The changes.
        user_id: The user.
    """
    recorded = (change.get("names") for change in changes)
    return {str(names[user_id]) for names in recorded if isinstance(names, Mapping) and user_id in names}


def forget_meta(meta: StoredFields, names: set[str]) -> dict[str, object]:
    """Return the meta of an activity with ``FORMER_NAME`` in place of the names of a deleted account.

    Args:
        meta: The meta, which contains the names of people without their ids.
        names: The names of the account.
    """
    new_meta = {
        key: FORMER_NAME if key in _NAMES_OF_PEOPLE and value in names else value
        for key, value in meta.items()
    }
    mentioned = meta.get("mentioned")
    if isinstance(mentioned, list):
        new_meta["mentioned"] = [FORMER_NAME if name in names else name for name in mentioned]
    return new_meta


def forget_item(item: StoredFields | None, user_id: str) -> dict[str, object] | None:
    """Return the item of an activity in which a deleted account has the name ``FORMER_NAME``.

    Args:
        item: The item, such as a document with ``authorId`` and ``authorName``; None if there is none.
        user_id: The deleted account.
    """
    if item is None:
        return None
    own_fields = {f"{key.removesuffix('Id')}Name" for key, value in item.items() if value == user_id}
    return {key: FORMER_NAME if key in own_fields else value for key, value in item.items()}


class Erasure(TypedDict):
    """The payload of the job: the account, and how far it has come.

    Attributes:
        userId, addressDigest: The account, and the digest of the address that it no longer has.
        name: Its name if it was deleted; otherwise None.
        step: The number of the step in ``_STEPS``.
        workspaceId: The workspace whose activities are read; empty before the first one.
        after: The number or the id of the last record that was read; empty before the first one.
        itemIds: The items whose texts are erased from messages, instead of a person.
    """

    userId: str
    addressDigest: str
    name: str | None
    step: int
    workspaceId: str
    after: str
    itemIds: NotRequired[list[str]]


def enqueue_erasures(uow: UnitOfWork, events: Sequence[AddressReleased]) -> None:
    """Schedule the removal of addresses that accounts no longer have, and of the names of deleted accounts.

    Args:
        events: The addresses.
    """
    for event in events:
        digest = digest_address(event.email)
        erasure = Erasure(
            userId=event.user_id, addressDigest=digest, name=event.name, step=0, workspaceId="", after=""
        )
        jobs.enqueue(uow, ERASE, erasure)


def erase_batch(uow: UnitOfWork, payload: Erasure) -> None:
    """Remove an address or a name from the next records, and schedule the removal from those after them.

    Args:
        uow: The unit of the job.
        payload: The payload of the job.
    """
    steps = _STEPS[:_STEPS_WITHOUT_NAME] if payload["name"] is None else _STEPS
    for number in range(payload["step"], len(steps)):
        following = steps[number](uow, payload)
        if following is not None:
            jobs.enqueue(uow, ERASE, {**following, "step": number})
            return
        payload = {**payload, "workspaceId": "", "after": ""}


def _remove_address(uow: UnitOfWork, erasure: Erasure) -> Erasure | None:
    """Remove the address from records of invitations; return how far this has come, or None if none is left."""
    rows = _INVITATIONS.all(uow.connection, {"_digest": erasure["addressDigest"]})
    revised = [{"_seq": row.seq, "meta": {**row.meta, "name": FORMER_ADDRESS}} for row in rows]
    if revised:
        uow.connection.execute(_REMOVE_ADDRESS, revised)
    return erasure if len(rows) == BATCH_MAX else None


def _revise_memberships(uow: UnitOfWork, erasure: Erasure) -> Erasure | None:
    """Remove the address, which is in their items, and the name from records of memberships."""
    parameters = {"_user_id": erasure["userId"], "_after": int(erasure["after"] or 0)}
    rows = _MEMBERSHIPS.all(uow.connection, parameters)
    revised = [{"_seq": row.seq, **_revise_membership(row, erasure), "item": None} for row in rows]
    if revised:
        uow.connection.execute(_REVISE, revised)
    return {**erasure, "after": str(rows[-1].seq)} if len(rows) == BATCH_MAX else None


def _revise_organization_memberships(uow: UnitOfWork, erasure: Erasure) -> Erasure | None:
    """Remove the name from records of memberships in organizations."""
    parameters = {"_user_id": erasure["userId"], "_after": erasure["after"]}
    rows = _ORGANIZATION_MEMBERSHIPS.all(uow.connection, parameters)
    revised = [{"_id": row.id, **_revise_membership(row, erasure)} for row in rows]
    if revised:
        uow.connection.execute(_REVISE_OF_ORGANIZATION, revised)
    return {**erasure, "after": rows[-1].id} if len(rows) == BATCH_MAX else None


def _revise_membership(
    row: RevisedActivityRow | RevisedOrganizationActivityRow, erasure: Erasure
) -> dict[str, object]:
    if erasure["name"] is None:
        return {"meta": row.meta, "changes": row.changes}
    meta, changes = forget_member(row.meta, row.changes, erasure["userId"])
    return {"meta": meta, "changes": changes}


def _enqueue_messages(uow: UnitOfWork, erasure: Erasure) -> Erasure | None:
    """Schedule the removal from the messages of the webhooks of the next workspace."""
    parameters = {"_user_id": erasure["userId"], "_workspace_id": erasure["workspaceId"]}
    workspace_id: str | None = uow.connection.execute(_NEXT_WORKSPACE, parameters).scalar()
    if workspace_id is None:
        return None
    following: Erasure = {**erasure, "workspaceId": workspace_id}
    jobs.enqueue(uow, ERASE_MESSAGES, following)
    return following


def _revise_other_records(uow: UnitOfWork, erasure: Erasure) -> Erasure | None:
    """Remove the name from the next activities of a workspace, such as those of cards that the user was assigned to."""
    workspace_id, after = erasure["workspaceId"], erasure["after"]
    user_id, name = erasure["userId"], erasure["name"]
    if not after:
        parameters = {"_user_id": user_id, "_workspace_id": workspace_id}
        next_id: str | None = uow.connection.execute(_NEXT_WORKSPACE, parameters).scalar()
        if next_id is None:
            return None
        workspace_id = next_id
    position = {"_workspace_id": workspace_id, "_after": int(after or 0)}
    read = _READ.one(uow.connection, position)
    revised: list[dict[str, object]] = []
    for row in _NAMING.all(uow.connection, {**position, "_last": read.last_seq or 0, "_user_id": user_id}):
        names = find_names(row.changes or (), user_id) | {str(name)}
        meta = forget_meta(row.meta, names)
        changes = None if row.changes is None else forget_changes(row.changes, user_id)
        item = forget_item(row.item, user_id)
        if (meta, changes, item) != (row.meta, row.changes, row.item):
            revised.append({"_seq": row.seq, "meta": meta, "changes": changes, "item": item})
    if revised:
        uow.connection.execute(_REVISE, revised)
    last = str(read.last_seq) if read.count == READ_MAX else ""
    return {**erasure, "workspaceId": workspace_id, "after": last}


_STEPS: Final = (
    _remove_address,
    _revise_memberships,
    _enqueue_messages,
    _revise_organization_memberships,
    _revise_other_records,
)
_STEPS_WITHOUT_NAME: Final = 3
"""The number of steps after an account has got another address."""
