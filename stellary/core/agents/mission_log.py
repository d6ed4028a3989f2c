"""The log of a mission: what has happened in it, in numbered entries, from which streams are told."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from stellary.contract.agent_missions import FOLLOW_MISSION, EntryKind, FollowMission, MissionEntry
from stellary.contract.refs import AgentMissionRef
from stellary.contract.streaming import Stream
from stellary.contract.wire import dump
from stellary.core.agents import access, rows
from stellary.core.agents.tables import mission_log, missions
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.kernel.units import Units
from stellary.core.streaming.streams import Batch, Record, frames

READ_MAX = 1_000
Entry = tuple[EntryKind, Mapping[str, Any]]

# Whoever writes holds the mission until the end of the unit: what is read later has the larger number.
_COUNT = (
    update(missions)
    .where(missions.c.id == bindparam("_id"))
    .values(last_entry=missions.c.last_entry + bindparam("_more"))
    .returning(missions.c.last_entry)
)
_INSERT = insert(mission_log)
_IS_ON = select(missions.c.id).where(missions.c.id == bindparam("_id"), missions.c.finished_at.is_(None))
_AFTER = (
    select(mission_log)
    .where(mission_log.c.mission_id == bindparam("_id"), mission_log.c.number > bindparam("_after"))
    .order_by(mission_log.c.number)
    .limit(READ_MAX)
)


def of_mission(mission_id: str) -> str:
    """The topic of what happens in a mission."""
    return f"mission:{mission_id}"


def write(uow: UnitOfWork, mission_id: str, *entries: Entry) -> None:
    """Write entries to the log of a mission, in their order."""
    uow.send_on_commit(of_mission(mission_id))
    more = {"_id": mission_id, "_more": len(entries)}
    last = uow.connection.execute(_COUNT, more).scalar_one()
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


def read_log(uow: UnitOfWork, ref: AgentMissionRef, after: int = 0) -> list[MissionEntry]:
    """What has happened in a mission after an entry, oldest first; at most a thousand entries.

    To be called within a service, or ``uow.checking`` of its policy row: access to the mission is checked each time.

    Raises:
        NotFound: The caller does not reach the workspace, or it has no such mission.
    """
    mission = access.mission(uow, ref).row
    found = uow.connection.execute(_AFTER, {"_id": mission.id, "_after": after})
    return [rows.mission_entry(row) for row in found]


@serves(FOLLOW_MISSION)
def follow_mission(uow: UnitOfWork, ref: AgentMissionRef, request: FollowMission) -> Stream[MissionEntry]:
    """What happens in a mission, from its beginning unless something was seen already, until it is over."""
    mission = access.mission(uow, ref).row
    return Record(of_mission(mission.id), int(request.last_event_id or 0), partial(_read, mission.id))


def _read(mission_id: str, units: Units, after: int | None) -> Batch:
    """What comes after an entry. Whoever writes one holds the mission, so that none is put before another later."""
    seen = after or 0
    place = {"_id": mission_id, "_after": seen}
    with units.database.reading() as connection:
        found = [rows.mission_entry(row) for row in connection.execute(_AFTER, place)]
        over = not found and connection.execute(_IS_ON, {"_id": mission_id}).first() is None
    if not found:
        return Batch(seen, over=over)
    told = frames((entry.id, entry.kind, dump(entry)) for entry in found)
    more = len(found) == READ_MAX
    return Batch(found[-1].id, told, more, over=found[-1].kind == "done")
