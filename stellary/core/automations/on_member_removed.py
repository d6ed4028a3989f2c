"""Reactions of automations when a user leaves a workspace, or takes over an account."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, update

from stellary.core.automations import traces
from stellary.core.automations.tables import automations
from stellary.core.board.queries.recipient_queries import select_project_ids
from stellary.core.db.base import is_given
from stellary.core.kernel.events import AccountTakenOver, WorkspaceLeft
from stellary.core.kernel.unit import UnitOfWork

_TURN_OFF_ALL = (
    update(automations)
    .where(is_given(automations.c.owner_id, "user_id"), automations.c.enabled)
    .values(enabled=False, updated_at=bindparam("_now"))
    .returning(automations.c.id)
)
_TURN_OFF = _TURN_OFF_ALL.where(automations.c.project_id.in_(select_project_ids(bindparam("_workspace_id"))))


def turn_off(uow: UnitOfWork, events: Sequence[WorkspaceLeft | AccountTakenOver]) -> None:
    """Turn off the rules of users who left, and of accounts that were given to others, and record a trace for each.

    Args:
        events: The users who have left a workspace, and the accounts.
    """
    trace_rows: list[dict[str, object]] = []
    for event in events:
        parameters = {"_user_id": event.user_id, "_now": uow.now}
        statement, error = _TURN_OFF_ALL, traces.TAKEN_OVER
        if isinstance(event, WorkspaceLeft):
            parameters["_workspace_id"] = event.workspace_id
            statement, error = _TURN_OFF, traces.OWNER_LEFT
        rule_ids = uow.connection.execute(statement, parameters).scalars().all()
        uow.ended_counts["automations"] += len(rule_ids)
        trace_rows += [_trace_row(uow, rule_id, event.user_id, error) for rule_id in rule_ids]
    traces.record(uow, trace_rows)


def _trace_row(uow: UnitOfWork, rule_id: str, owner_id: str, error: str) -> dict[str, object]:
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
        "error": error,
        "step": None,
        "duration_ms": 0,
    }
