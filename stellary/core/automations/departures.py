"""Departures: the rules of somebody who no longer reaches a workspace are turned off, and tell so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, update

from stellary.core.automations import traces
from stellary.core.automations.acting import OWNER_LEFT
from stellary.core.automations.tables import automations
from stellary.core.board.concerned import projects_of
from stellary.core.kernel.events import WorkspaceLeft
from stellary.core.kernel.unit import UnitOfWork

_TURN_OFF = (
    update(automations)
    .where(
        automations.c.owner_id == bindparam("_user_id"),
        automations.c.enabled,
        automations.c.project_id.in_(projects_of(bindparam("_workspace_id"))),
    )
    .values(enabled=False, updated_at=bindparam("_now"))
    .returning(automations.c.id)
)


def turn_off(uow: UnitOfWork, events: Sequence[WorkspaceLeft]) -> None:
    """Turn off what acts on behalf of those who have left."""
    made: list[dict[str, Any]] = []
    for event in events:
        left = {"_user_id": event.user_id, "_workspace_id": event.workspace_id, "_now": uow.now}
        turned = uow.connection.execute(_TURN_OFF, left).scalars().all()
        uow.ended["automations"] += len(turned)
        made += [_trace(uow, rule_id, event.user_id) for rule_id in turned]
    traces.record(uow, made)


def _trace(uow: UnitOfWork, rule_id: str, owner_id: str) -> dict[str, Any]:
    return {
        "automation_id": rule_id,
        "event": "owner_left",
        "event_id": uow.new_id(),
        "chain_id": uow.new_id(),
        "depth": 0,
        "actor_id": owner_id,
        "triggered_by_id": uow.actor.user_id,
        "card_id": None,
        "card_key": None,
        "card_title": None,
        "result": "failure",
        "error": OWNER_LEFT,
        "duration_ms": 0,
    }
