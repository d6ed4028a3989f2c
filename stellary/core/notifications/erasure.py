"""The removal of e-mail addresses from recorded activities."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, null, select, update

from stellary.core.accounts.addresses import address_key
from stellary.core.db.row_types import Query
from stellary.core.kernel.events import AddressGivenUp
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.notifications.row_types import ActivityMetaRow
from stellary.core.notifications.tables import OF_PEOPLE, activities

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
_REMOVE_ITEMS = (
    update(activities)
    .where(
        OF_PEOPLE,
        activities.c.entity.in_(("member", "workspace_member")),
        activities.c.entity_id == bindparam("_user_id"),
    )
    .values(item=null())
)


def remove_addresses(uow: UnitOfWork, events: Sequence[AddressGivenUp]) -> None:
    """Remove addresses that accounts no longer have from the records of invitations and memberships.

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
