"""The log of a mission: numbered entries, which streams deliver."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from sqlalchemy import bindparam, insert, select, update

from stellary.contract.agent_missions import FOLLOW_MISSION, EntryKind, FollowMission, MissionEntry
from stellary.contract.refs import AgentMissionRef
from stellary.contract.wire import Stream, dump
from stellary.core.accounts.project_sight import is_visible, names_hidden
from stellary.core.accounts.rules import ProjectSight
from stellary.core.agents import access, rows
from stellary.core.agents.row_types import MissionEntryRow
from stellary.core.agents.tables import mission_log, missions
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.kernel.units import Units
from stellary.core.streaming.streams import Batch, Record, frames

READ_MAX = 1_000
NewEntry = tuple[EntryKind, Mapping[str, object]]

# The update locks the mission until the end of the transaction, so entries become visible in the order of their numbers.
_COUNT = (
    update(missions)
    .where(is_given(missions.c.id))
    .values(last_entry=missions.c.last_entry + bindparam("_more"))
    .returning(missions.c.last_entry)
)
_INSERT = insert(mission_log)
_IS_NOT_OVER = select(missions.c.id).where(is_given(missions.c.id), missions.c.finished_at.is_(None))
_AFTER = Query(
    MissionEntryRow,
    select(
        mission_log,
        missions.c.named_projects,
        names_hidden(missions.c.named_projects, is_visible).label("is_hidden"),
    )
    .join_from(mission_log, missions, missions.c.id == mission_log.c.mission_id)
    .where(is_given(mission_log.c.mission_id, "id"), mission_log.c.number > bindparam("_after"))
    .order_by(mission_log.c.number)
    .limit(bindparam("_limit")),
)


def mission_topic(mission_id: str) -> str:
    """Return the signal topic of a mission."""
    return f"mission:{mission_id}"


def write(uow: UnitOfWork, mission_id: str, *entries: NewEntry) -> None:
    """Append entries to the log of a mission.

    Args:
        mission_id: The mission.
        *entries: The kind and the data of each entry, in order.
    """
    uow.send_on_commit(mission_topic(mission_id))
    parameters = {"_id": mission_id, "_more": len(entries)}
    last = uow.connection.execute(_COUNT, parameters).scalar_one()
    first = last - len(entries) + 1
    uow.connection.execute(
        _INSERT,
        [
            {
                "mission_id": mission_id,
                "number": first + index,
                "kind": kind,
                "data": dict(data),
                "created_at": uow.now,
            }
            for index, (kind, data) in enumerate(entries)
        ],
    )


@serves(FOLLOW_MISSION)
def follow_mission(uow: UnitOfWork, ref: AgentMissionRef, request: FollowMission) -> Stream[MissionEntry]:
    """Stream the entries of a mission, from its beginning or after ``last_event_id``, until it is over."""
    loaded = access.mission(uow, ref)
    sight = loaded.roles.sight
    read = partial(_read, loaded.row.id, sight=sight)
    return Record(
        mission_topic(loaded.row.id), int(request.last_event_id or 0), read, view=sight, sight=sight
    )


def _read(mission_id: str, units: Units, after: int | None, sight: ProjectSight) -> Batch:
    """Read the next batch of entries. Writers lock the mission, so no entry appears before one that was read."""
    last_number = after or 0
    parameters = {"_id": mission_id, "_after": last_number, "_limit": READ_MAX, **sight.parameters}
    with units.database.reading() as connection:
        entries = [
            rows.mission_entry(row, is_hidden=row.is_hidden or not sight.sees_all(row.named_projects))
            for row in _AFTER.all(connection, parameters)
        ]
        is_over = not entries and connection.execute(_IS_NOT_OVER, {"_id": mission_id}).first() is None
    if not entries:
        return Batch(last_number, over=is_over)
    blocks = frames((entry.id, entry.kind, dump(entry)) for entry in entries)
    has_more = len(entries) == READ_MAX
    return Batch(entries[-1].id, blocks, has_more, over=entries[-1].kind == "done")
