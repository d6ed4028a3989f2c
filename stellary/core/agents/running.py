"""Running: a mission on its way, in small steps, each a transaction of its own.

Whoever works on a mission may die between any two steps: the next one goes on where it stood. Each step counts, and is
undone if somebody else has counted meanwhile, or if the mission is no longer running: of two workers, or of a worker and
somebody who cancels, one has done it. Only thinking takes long, and holds nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import attrs
from sqlalchemy import Row, Select, bindparam, select, update

from stellary.contract.errors import ApiError, Forbidden, RateLimited
from stellary.core.accounts.places import workspace_ref
from stellary.core.agents import audit, gate, mission_log, missions, proposing
from stellary.core.agents.brains import Task, ToolAnswer, ToolCall, Turn, find_brain
from stellary.core.agents.tables import agents, proposals
from stellary.core.agents.tables import missions as table
from stellary.core.board.recipient_queries import known_cards
from stellary.core.board.settled_answers import as_json, settle_answer
from stellary.core.kernel import actions
from stellary.core.kernel.events import NoticeGiven
from stellary.core.kernel.unit import NOBODY, AgentLimits, UnitOfWork
from stellary.core.kernel.units import Units

_log = logging.getLogger("stellary.core")
TURNS_MAX = 50
CALLS_MAX = 100
TEXT_MAX = 20_000

_LOOK: Select[Any] = (
    select(
        table,
        agents.c.status.label("agent_status"),
        agents.c.runtime,
        agents.c.model,
        agents.c.tools,
        agents.c.project_ids,
    )
    .join_from(table, agents, agents.c.id == table.c.agent_id)
    .where(table.c.id == bindparam("_id"))
)
_STEP = (
    update(table)
    .where(
        table.c.id == bindparam("_id"), table.c.status == "running", table.c.step == bindparam("_step_seen")
    )
    .values(step=table.c.step + 1)
)
_AS_IT_WAS = select(table.c.id).where(
    table.c.id == bindparam("_id"), table.c.status == "running", table.c.step == bindparam("_step_seen")
)
_REACHED = select(table.c.step).where(table.c.id == bindparam("_id"))
_KEEP = update(table).where(table.c.id == bindparam("_id"))
_DECIDED = select(proposals).where(proposals.c.mission_id == bindparam("_id"))


class _Overtaken(Exception):
    """Somebody else has gone on with the mission, or ended it: what was about to be done is undone."""


def run(units: Units, payload: Any, keep: Callable[[], None]) -> None:
    """Work on a mission until it is over, or waits for somebody.

    Args:
        units: Whose.
        payload: Of the job.
        keep: To be called before whatever takes long, so that nobody else takes the mission for abandoned.
    """
    mission_id = payload["missionId"]
    try:
        while (mission := units.run(partial(_looked, mission_id=mission_id))) is not None:
            todo = next((i for i, call in enumerate(mission.calls) if call["outcome"] == "todo"), None)
            if todo is not None:
                if not _made(units, mission, todo):
                    return
            elif any(call["outcome"] == "proposed" for call in mission.calls):
                units.run(partial(_wait, mission=mission))
            else:
                keep()
                waiting = partial(_waited_for, units, mission, keep)
                task = attrs.evolve(
                    units.run(partial(_task, mission=mission), read_only=True), waiting=waiting
                )
                turn = find_brain(units.env, mission.runtime).think(task)
                units.run(partial(_said, mission=mission, turn=turn))
    except _Overtaken:
        _log.info("mission %s goes on without us", mission_id)


def _waited_for(units: Units, mission: Row[Any], keep: Callable[[], None]) -> None:
    """Keep a mission while it is thought about.

    Raises:
        _Overtaken: It has ended meanwhile, or somebody else has gone on with it.
    """
    keep()
    with units.database.reading() as connection:
        if connection.execute(_AS_IT_WAS, {"_id": mission.id, "_step_seen": mission.step}).first() is None:
            raise _Overtaken


def give_up(units: Units, payload: Any, why: str) -> None:
    """End a mission that could not be worked on, however often it was tried."""
    with units.transaction(NOBODY) as uow:
        missions.end(
            uow, payload["missionId"], "failed", ("running",), error=f"it could not go on: {why}"[:1000]
        )


def reached(units: Units, payload: Any) -> int:
    """How many steps a mission has taken."""
    with units.database.reading() as connection:
        return connection.execute(_REACHED, {"_id": payload["missionId"]}).scalar() or 0


def _looked(uow: UnitOfWork, mission_id: str) -> Row[Any] | None:
    """The mission, if there is something to do; one that waits is begun."""
    row = uow.connection.execute(_LOOK, {"_id": mission_id}).first()
    if row is None or row.agent_status != "active" or row.runtime == "external":
        return None
    if row.status == "queued" and missions.begin(uow, mission_id):
        row = uow.connection.execute(_LOOK, {"_id": mission_id}).one()
    return row if row.status == "running" else None


def _step(uow: UnitOfWork, mission: Row[Any], **values: Any) -> None:
    """Count a step, first of all that a unit does.

    Raises:
        _Overtaken: Somebody else has.
    """
    seen = {"_id": mission.id, "_step_seen": mission.step}
    if not uow.connection.execute(_STEP, {**seen, **values}).rowcount:
        raise _Overtaken


# ---------------------------------------------------------------------------------------------- calls


def limits_of_mission(mission: Row[Any], principal_id: str | None = None) -> AgentLimits:
    """What holds the agent of a mission."""
    return AgentLimits(
        agent_id=mission.agent_id,
        principal_id=principal_id or mission.created_by_id,
        workspace_id=mission.workspace_id,
        tools=frozenset(mission.tools),
        project_ids=None if mission.project_ids is None else frozenset(mission.project_ids),
        at_once=mission.autonomy_mode == "autonomous",
        mission_id=mission.id,
    )


def _made(units: Units, mission: Row[Any], index: int) -> bool:
    """Make a call; False if it has to wait."""
    try:
        units.run(lambda uow: _call(uow, mission, index))
    except RateLimited as error:
        pause = timedelta(seconds=error.retry_after or 1)
        units.run(lambda uow: missions.enqueue(uow, mission.id, uow.now + pause))
        return False
    except ApiError as error:
        if error.status >= 500:
            raise
        if error.code == "agent_suspended":
            return False
        refusal = error.message
        units.run(lambda uow: _refuse(uow, mission, index, refusal))
    return True


def _call(uow: UnitOfWork, mission: Row[Any], index: int) -> None:
    call, limits = mission.calls[index], limits_of_mission(mission)
    _step(uow, mission)
    action = actions.registered_actions(uow.env).get(call["name"])
    if action is None:
        raise Forbidden(f"there is no tool {call['name']!r}", code="tool_not_allowed")
    gate.check_action(limits, action)
    gate.count(uow, limits)
    ref = workspace_ref(uow, mission.workspace_id)
    if action.kind == "read" or action.policy.agent == "w0" or limits.at_once:
        with gate.acting(uow, limits):
            answer = actions.run(uow, ref, action.name, call["params"])
        value = as_json(settle_answer(uow, answer))
        audit.record(uow, limits, action.name, "allowed")
        _note(uow, mission, index, "done", value=value)
        return
    with gate.acting(uow, limits):
        made = proposing.of_action(uow, limits, ref, action, call["params"], call["id"])
    audit.record(uow, limits, action.name, "proposed", proposal_id=made.id)
    gathers = mission.autonomy_mode == "approval"
    mission_log.write(uow, mission.id, ("proposal", missions.told(made, "pending")))
    _note(uow, mission, index, "gathered" if gathers else "proposed", proposal_id=made.id)


def _refuse(uow: UnitOfWork, mission: Row[Any], index: int, why: str) -> None:
    _step(uow, mission)
    audit.record(uow, limits_of_mission(mission), mission.calls[index]["name"], "refused", reason=why)
    _note(uow, mission, index, "refused", why=why)


def _note(uow: UnitOfWork, mission: Row[Any], index: int, outcome: str, **more: Any) -> None:
    """Write down what came of a call, in the transaction of its effect."""
    calls = [dict(call) for call in mission.calls]
    calls[index] |= {"outcome": outcome, **more}
    uow.connection.execute(_KEEP, {"_id": mission.id, "calls": calls})
    data = {
        "tool": calls[index]["name"],
        "params": calls[index]["params"],
        "outcome": outcome,
        "error": more.get("why"),
    }
    mission_log.write(uow, mission.id, ("tool_call", data))


def _wait(uow: UnitOfWork, mission: Row[Any]) -> None:
    """Wait for somebody to decide; go on if all is decided by now."""
    found = {row.id: row for row in uow.connection.execute(_DECIDED, {"_id": mission.id})}
    if any(row.status == "pending" for row in found.values()):
        _step(uow, mission, status="awaiting_approval")
        _ask(uow, mission)
        return
    calls = [_decided(call, found) for call in mission.calls]
    _step(uow, mission, calls=calls)


def _ask(uow: UnitOfWork, mission: Row[Any]) -> None:
    """Tell whoever has asked for the mission that somebody has to decide."""
    mission_log.write(uow, mission.id, ("status", {"status": "awaiting_approval"}))
    card = known_cards(uow, [mission.card_id])[mission.card_id]
    with gate.acting(uow, limits_of_mission(mission)):
        uow.emit(
            NoticeGiven(
                workspace_id=mission.workspace_id,
                project_id=mission.project_id,
                card=card,
                message="Changes wait for approval.",
                user_ids=(mission.created_by_id,),
            )
        )


def _decided(call: Mapping[str, Any], found: Mapping[str, Row[Any]]) -> Mapping[str, Any]:
    if call["outcome"] != "proposed":
        return call
    row = found[call["proposal_id"]]
    if row.status == "approved":
        return {**call, "outcome": "done", "value": row.result}
    return {**call, "outcome": "rejected", "why": row.reason or "no reason was given"}


# ---------------------------------------------------------------------------------------------- turns


def _task(uow: UnitOfWork, mission: Row[Any]) -> Task:
    """What the brain is asked next.

    Raises:
        _Overtaken: The card is gone, and the mission with it.
    """
    card = known_cards(uow, [mission.card_id]).get(mission.card_id)
    if card is None:
        raise _Overtaken
    named = set(mission.tools)
    return Task(
        prompt=mission.prompt,
        card=card,
        tools=[
            each
            for each in actions.registered_actions(uow.env).values()
            if {each.name, each.category} & named and each.policy.agent != "-"
        ],
        now=uow.now,
        model=mission.model,
        history=mission.history,
        answers=[
            ToolAnswer(
                ToolCall(call["id"], call["name"], call["params"]),
                call["outcome"],
                call.get("value"),
                call.get("why"),
            )
            for call in mission.calls
        ],
    )


def _said(uow: UnitOfWork, mission: Row[Any], turn: Turn) -> None:
    """Write down what the brain has said: its calls, or that it has come to an end."""
    number = mission.turns + 1
    over = turn.result is not None or turn.error is not None
    if number > TURNS_MAX and not over:
        turn, over = Turn(error=f"it has taken more than {TURNS_MAX} turns"), True
    calls = [_todo(call, number) for call in turn.calls[:CALLS_MAX]]
    if not over and not calls:
        turn, over = Turn(result=turn.message or ""), True
    _step(uow, mission, history=turn.history, calls=[] if over else calls, turns=number)
    entries: list[mission_log.Entry] = [("step", {"number": number})]
    if turn.message:
        entries.append(("message", {"text": turn.message[:TEXT_MAX]}))
    mission_log.write(uow, mission.id, *entries)
    if not over:
        return
    if turn.error is None and _pending(uow, mission):
        # The brain is not asked again: its history makes room for what it says at the end.
        ending = {"result": (turn.result or "")[:TEXT_MAX], "remarks": (turn.remarks or "")[:TEXT_MAX]}
        uow.connection.execute(_KEEP, {"_id": mission.id, "status": "awaiting_approval", "history": ending})
        _ask(uow, mission)
        return
    status: Any = "completed" if turn.error is None else "failed"
    result_text = turn.result and turn.result[:TEXT_MAX]
    missions.end(
        uow, mission.id, status, ("running",), result=result_text, error=turn.error and turn.error[:TEXT_MAX]
    )


def _todo(call: ToolCall, turn: int) -> dict[str, Any]:
    return {
        "id": f"{turn}/{call.id}"[:100],
        "name": call.name[:100],
        "params": call.params,
        "outcome": "todo",
    }


def _pending(uow: UnitOfWork, mission: Row[Any]) -> bool:
    found: Sequence[Row[Any]] = uow.connection.execute(_DECIDED, {"_id": mission.id}).fetchall()
    return any(row.status == "pending" for row in found)
