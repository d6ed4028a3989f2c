"""The removal of e-mail addresses, and of the names of deleted accounts, from recorded activities about people."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, null, select, update

from stellary.core.accounts.addresses import address_key
from stellary.core.db.row_types import Query
from stellary.core.kernel.events import AddressGivenUp
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.notifications import rules
from stellary.core.notifications.row_types import (
    ActivityMetaRow,
    RevisedActivityRow,
    RevisedOrganizationActivityRow,
)
from stellary.core.notifications.tables import OF_PEOPLE, activities, organization_activities

FORMER_ADDRESS = "former address"

_INVITATIONS = Query(
    ActivityMetaRow,
    select(activities.c.seq, activities.c.meta).where(OF_PEOPLE, activities.c.entity == "invitation"),
)
_REMOVE_ADDRESS = (
    update(activities)
    .where(activities.c.seq == bindparam("_seq"))
    .values(meta=bindparam("_meta"), item=null())
)
_OF_MEMBER = (
    OF_PEOPLE,
    activities.c.entity.in_(("member", "workspace_member")),
    activities.c.entity_id == bindparam("_user_id"),
)
_REMOVE_ITEMS = update(activities).where(*_OF_MEMBER).values(item=null())
_MEMBERSHIPS = Query(
    RevisedActivityRow,
    select(activities.c.seq, activities.c.meta, activities.c.changes).where(*_OF_MEMBER),
)
_REVISE_MEMBERSHIP = (
    update(activities)
    .where(activities.c.seq == bindparam("_seq"))
    .values(meta=bindparam("_meta"), changes=bindparam("_changes"))
)
_ORGANIZATION_MEMBERSHIPS = Query(
    RevisedOrganizationActivityRow,
    select(
        organization_activities.c.id, organization_activities.c.meta, organization_activities.c.changes
    ).where(
        organization_activities.c.entity == "organization_member",
        organization_activities.c.entity_id == bindparam("_user_id"),
    ),
)
_REVISE_ORGANIZATION_MEMBERSHIP = (
    update(organization_activities)
    .where(organization_activities.c.id == bindparam("_id"))
    .values(meta=bindparam("_meta"), changes=bindparam("_changes"))
)


def remove_addresses(uow: UnitOfWork, events: Sequence[AddressGivenUp]) -> None:
    """Remove addresses that accounts no longer have, and the names of deleted accounts, from records about people.

    Args:
        uow: The unit of work.
        events: The addresses.
    """
    keys = {address_key(event.email) for event in events}
    for row in _INVITATIONS.all(uow.connection, {}):
        if address_key(str(row.meta["name"])) in keys:
            parameters = {"_seq": row.seq, "_meta": {**row.meta, "name": FORMER_ADDRESS}}
            uow.connection.execute(_REMOVE_ADDRESS, parameters)
    for event in events:
        uow.connection.execute(_REMOVE_ITEMS, {"_user_id": event.user_id})
        if event.is_deleted:
            _remove_name(uow, event.user_id)


def _remove_name(uow: UnitOfWork, user_id: str) -> None:
    """Replace the name of a deleted account in the records of its memberships."""
    for row in _MEMBERSHIPS.all(uow.connection, {"_user_id": user_id}):
        meta, changes = rules.forget_name(row.meta, row.changes, user_id)
        uow.connection.execute(_REVISE_MEMBERSHIP, {"_seq": row.seq, "_meta": meta, "_changes": changes})
    for record in _ORGANIZATION_MEMBERSHIPS.all(uow.connection, {"_user_id": user_id}):
        meta, changes = rules.forget_name(record.meta, record.changes, user_id)
        parameters = {"_id": record.id, "_meta": meta, "_changes": changes}
        uow.connection.execute(_REVISE_ORGANIZATION_MEMBERSHIP, parameters)
