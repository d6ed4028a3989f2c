"""The log of a mission: what has happened in it, in numbered entries, from which streams are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from stellary.contract.agent_missions import EntryKind, MissionEntry
from stellary.contract.refs import AgentMissionRef
from stellary.core.agents import access, rows
from stellary.core.agents.tables import mission_log, missions
from stellary.core.unit import UnitOfWork

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
_AFTER = (
    select(mission_log)
    .where(mission_log.c.mission_id == bindparam("_id"), mission_log.c.number > bindparam("_after"))
    .order_by(mission_log.c.number)
    .limit(READ_MAX)
)


def write(uow: UnitOfWork, mission_id: str, *entries: Entry) -> None:
    """Write entries to the log of a mission, in their order."""
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

    To be called within a service, or ``uow.checking`` of its policy row: the door of the mission is asked each time.

    Raises:
        NotFound: The caller does not reach the workspace, or it has no such mission.
    """
    mission = access.mission(uow, ref).row
    found = uow.connection.execute(_AFTER, {"_id": mission.id, "_after": after})
    return [rows.mission_entry(row) for row in found]
