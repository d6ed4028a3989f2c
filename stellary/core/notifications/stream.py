"""The stream of a workspace: what happens in it, from the record of activities and in its order."""

from __future__ import annotations

from functools import partial
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select

from stellary.contract.activities import Activity
from stellary.contract.policies import PILOTAGE_READ
from stellary.contract.refs import WorkspaceRef
from stellary.contract.streaming import Follow, Stream
from stellary.contract.unset import UNSET
from stellary.contract.wire import dump
from stellary.contract.workspace_events import STREAM_EVENTS
from stellary.core.accounts import access
from stellary.core.kernel.commit_watermark import CommitWatermark
from stellary.core.kernel.signals import of_workspace
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.kernel.units import Units
from stellary.core.notifications.rows import ACTIVITY, activity_of
from stellary.core.notifications.rules import OF_PILOTAGE
from stellary.core.notifications.tables import activities
from stellary.core.streaming.streams import Batch, Record, frames

AT_ONCE = 200

_LAST = select(func.coalesce(func.max(activities.c.seq), 0))
_LAST_HERE = _LAST.where(activities.c.workspace_id == bindparam("_workspace_id"))
_AFTER = (
    select(activities.c.seq, activities.c.id, *ACTIVITY)
    .where(
        activities.c.workspace_id == bindparam("_workspace_id"),
        activities.c.seq > bindparam("_after"),
        activities.c.seq <= bindparam("_end"),
    )
    .order_by(activities.c.seq)
    .limit(AT_ONCE)
)
_BEYOND_PILOTAGE = _AFTER.where(activities.c.type.not_in(sorted(OF_PILOTAGE)))


@serves(STREAM_EVENTS)
def stream_events(uow: UnitOfWork, ref: WorkspaceRef, request: Follow) -> Stream[Activity]:
    """What happens in the workspace; whoever reaches it sees all of it, by a token what that may read."""
    workspace = access.workspace(uow, ref).row
    read = _AFTER if uow.actor.is_allowed(PILOTAGE_READ) else _BEYOND_PILOTAGE
    after = None
    if request.last_event_id is not UNSET:
        # One from beyond the end is from before the database was restored. Where that is has to be found out now: what
        # happens before the first read is told as well.
        last = uow.connection.execute(_LAST_HERE, {"_workspace_id": workspace.id}).scalar_one()
        after = min(int(request.last_event_id), last)
    return Record(of_workspace(workspace.id), after, partial(_read, read, workspace.id))


def commit_watermark() -> CommitWatermark:
    """Create the commit watermark of the activity table, for a core to keep."""
    return CommitWatermark(activities)


def _read(rows: Select[Any], workspace_id: str, units: Units, after: int | None) -> Batch:
    """What has happened after a place in the record; on PostgreSQL up to its commit watermark."""
    if units.database.is_sqlite:
        # One transaction writes at a time: the record grows at its end.
        with units.database.reading() as connection:
            return _found(
                connection, rows, workspace_id, after, connection.execute(_LAST).scalar_one(), False
            )
    with units.database.writing() as connection:
        return _found(connection, rows, workspace_id, after, *units.env.watermark.read(connection))


def _found(
    connection: Connection, wanted: Select[Any], workspace_id: str, after: int | None, end: int, pending: bool
) -> Batch:
    if after is None or after >= end:
        # What has been told is not told again, though the watermark may be behind it for a moment.
        return Batch(end if after is None else after, pending=pending)
    place = {"_workspace_id": workspace_id, "_after": after, "_end": end}
    rows = connection.execute(wanted, place).fetchall()
    told = frames((row.seq, "activity", dump(activity_of(row, row.id))) for row in rows)
    more = len(rows) == AT_ONCE
    return Batch(rows[-1].seq if more else end, told, more, pending)
