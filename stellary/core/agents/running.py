"""Execution of missions in small steps, each in a transaction of its own.

A worker may die between any two steps; the next worker continues from the stored state. Each step increments a
counter, and is rolled back if another worker has changed the counter or the mission is no longer running. So if two
workers, or a worker and a person who cancels, act concurrently, only one takes effect. The brain's turn is the only
slow part, and holds no lock.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import attrs
from sqlalchemy import select, update

from stellary.contract.agent_missions import MissionStatus
from stellary.contract.errors import ApiError, Forbidden, RateLimited
from stellary.contract.wire import as_dict
from stellary.core.accounts import access as accounts_access
from stellary.core.accounts.places import workspace_ref
from stellary.core.agents import audit, gate, mission_log, missions, proposing
from stellary.core.agents.brains import ModelUser, Task, ToolAnswer, ToolCall, Turn, build_model_user, think
from stellary.core.agents.row_types import ProposalRow, RunningMissionRow
from stellary.core.agents.rules import missions as missions_rules
from stellary.core.agents.tables import agents, proposals
from stellary.core.agents.tables import missions as table
from stellary.core.board.changes.settled_answers import as_json, settle_answer
from stellary.core.board.queries.current_cards import load_current_cards
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel import actions
from stellary.core.kernel.actions import AnyAction
from stellary.core.kernel.model_usage import UsageColumn, WorkspaceAccount, read_usage
from stellary.core.kernel.unit import NOBODY, AgentLimits, UnitOfWork
from stellary.core.kernel.units import Units

_log = logging.getLogger("stellary.core")
TURNS_MAX = 50
CALLS_MAX = 100
TEXT_MAX = 20_000
REPETITIONS_MAX = 5
"""The number of turns in a row with the same calls after which a mission ends."""

_MISSION_AND_AGENT = Query(
    RunningMissionRow,
    select(
        table,
        agents.c.status.label("agent_status"),
        agents.c.runtime,
        agents.c.model,
        agents.c.tools,
        agents.c.project_ids,
    )
    .join_from(table, agents, agents.c.id == table.c.agent_id)
    .where(is_given(table.c.id)),
)
_STEP = (
    update(table)
    .where(is_given(table.c.id), table.c.status == "running", is_given(table.c.step, "step_seen"))
    .values(step=table.c.step + 1)
)
_IS_UNCHANGED = select(table.c.id).where(
    is_given(table.c.id), table.c.status == "running", is_given(table.c.step, "step_seen")
)
_STEP_NUMBER = select(table.c.step).where(is_given(table.c.id))
_UPDATE = update(table).where(is_given(table.c.id))
_USAGE = UsageColumn(table)
_PROPOSALS = Query(ProposalRow, select(proposals).where(is_given(proposals.c.mission_id, "id")))


class _Overtaken(Exception):
    """An exception that ends a step because another worker has continued the mission, or the mission has ended."""


class _NotPossible(Exception):
    """An exception that ends a rehearsal because a call is refused. It has the index of the call, and the reason."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(reason)
        self.index = index
        self.reason = reason


def run(units: Units, payload: Any, keep: Callable[[], None]) -> None:
    """Work on a mission until it is over, or waits for a person.

    Args:
        units: The units of work of the core.
        payload: The job's payload, with the ``missionId``.
        keep: Renews the job's claim; called before anything slow, so that no other worker takes the mission over.
    """
    mission_id = payload["missionId"]
    try:
        while (mission := units.run(partial(_load_and_begin, mission_id=mission_id))) is not None:
            next_index = next((i for i, call in enumerate(mission.calls) if call["outcome"] == "todo"), None)
            if next_index is not None:
                if not _make_call(units, mission, next_index):
                    return
            elif any(call["outcome"] == "proposed" for call in mission.calls):
                units.run(partial(_wait_for_decisions, mission=mission))
            else:
                keep()
                waiting = partial(_check_still_ours, units, mission, keep)
                account = WorkspaceAccount(
                    units,
                    partial(str, mission.workspace_id),
                    "mission",
                    read_usage(mission.usage),
                    partial(_USAGE.add, id=mission.id),
                )
                task = attrs.evolve(
                    units.run(partial(_build_task, mission=mission), read_only=True),
                    waiting=waiting,
                    account=account,
                )
                turn = think(units.env, mission.runtime, task)
                units.run(partial(_record_turn, mission=mission, turn=turn, account=account))
                if mission.model is not None:
                    return
    except _Overtaken:
        _log.info("another worker has continued mission %s", mission_id)


def _check_still_ours(units: Units, mission: RunningMissionRow, keep: Callable[[], None]) -> None:
    """Renew the claim of a mission during a turn of its brain.

    Raises:
        _Overtaken: The mission has ended, or another worker has continued it.
    """
    keep()
    with units.database.reading() as connection:
        if connection.execute(_IS_UNCHANGED, {"_id": mission.id, "_step_seen": mission.step}).first() is None:
            raise _Overtaken


def give_up(units: Units, payload: Any, why: str) -> None:
    """Fail a mission after the last attempt of its job.

    Args:
        units: Opens the units of work.
        payload: The payload of the job: ``missionId``.
        why: The last error, which is cut to fit into 1,000 characters.
    """
    with units.transaction(NOBODY) as uow:
        missions.end_mission(
            uow,
            payload["missionId"],
            "failed",
            ("running",),
            error=f"the mission could not continue: {why}"[:1000],
        )


def count_steps(units: Units, payload: Any) -> int:
    """Return the number of steps that a mission has taken.

    Args:
        units: Opens the units of work.
        payload: The payload of the job: ``missionId``.
    """
    with units.database.reading() as connection:
        return connection.execute(_STEP_NUMBER, {"_id": payload["missionId"]}).scalar() or 0


def _load_and_begin(uow: UnitOfWork, mission_id: str) -> RunningMissionRow | None:
    """Load a mission and begin it if it is queued; None if there is nothing to do."""
    row = _MISSION_AND_AGENT.first(uow.connection, {"_id": mission_id})
    if row is None or row.agent_status != "active" or row.runtime == "external":
        return None
    if row.status == "queued" and missions.begin_mission(uow, mission_id):
        row = _MISSION_AND_AGENT.one(uow.connection, {"_id": mission_id})
    return row if row.status == "running" else None


def _step(uow: UnitOfWork, mission: RunningMissionRow, **values: object) -> None:
    """Count a step, as the first statement of a transaction.

    Raises:
        _Overtaken: Another worker has counted one, or the mission is no longer running.
    """
    parameters = {"_id": mission.id, "_step_seen": mission.step}
    if not uow.connection.execute(_STEP, {**parameters, **values}).rowcount:
        raise _Overtaken


# ---------------------------------------------------------------------------------------------- calls


def limits_of_mission(mission: RunningMissionRow) -> AgentLimits:
    """Return the limits of a mission's agent, for which the rights of the mission's creator apply."""
    return AgentLimits(
        agent_id=mission.agent_id,
        principal_id=mission.created_by_id,
        workspace_id=mission.workspace_id,
        tools=frozenset(mission.tools),
        project_ids=None if mission.project_ids is None else frozenset(mission.project_ids),
        at_once=mission.autonomy_mode == "autonomous",
        mission_id=mission.id,
    )


def _make_call(units: Units, mission: RunningMissionRow, index: int) -> bool:
    """Make one call of a turn; False if the mission has to pause."""
    seen: dict[str, str] = {}

    def execute(uow: UnitOfWork) -> None:
        with proposing.record_versions(uow, seen):
            _execute_call(uow, mission, index)

    try:
        units.run(execute)
    except _NotPossible as problem:
        reasons = [
            problem.reason
            if number == problem.index
            else "another change is refused, and none is made without it"
            for number in range(len(mission.calls))
        ]
        units.run(lambda uow: _refuse(uow, mission, seen, reasons))
    except RateLimited as error:
        pause = timedelta(seconds=error.retry_after or 1)
        units.run(lambda uow: missions.enqueue(uow, mission.workspace_id, mission.id, uow.now + pause))
        return False
    except ApiError as error:
        if error.status >= 500:
            raise
        if error.code == "agent_suspended":
            return False
        refusal = error.message
        units.run(lambda uow: _refuse(uow, mission, seen, [refusal], index))
    return True


def _execute_call(uow: UnitOfWork, mission: RunningMissionRow, index: int) -> None:
    call, limits = mission.calls[index], limits_of_mission(mission)
    _step(uow, mission)
    if index == 0 and call.get("all_or_nothing"):
        _rehearse_calls(uow, mission, limits)
    action = _find_action(uow, call["name"])
    gate.check_action(limits, action)
    gate.count_call(uow, limits)
    ref = workspace_ref(uow, mission.workspace_id)
    if action.kind == "read" or action.policy.agent == "w0" or limits.at_once:
        with gate.act_as_agent(uow, limits):
            answer, summary, project_ids = proposing.run_action(uow, limits, ref, action, call["params"])
        value = as_json(settle_answer(uow, answer))
        audit.record(uow, limits, action.name, "allowed")
        outcome = {"outcome": "done", "value": value, "summary": summary}
        _record_outcomes(uow, mission, index, [outcome], project_ids)
        return
    with gate.act_as_agent(uow, limits):
        proposal, project_ids = proposing.propose_action(uow, limits, ref, action, call["params"], call["id"])
    audit.record(uow, limits, action.name, "proposed", proposal_id=proposal.id)
    is_batch = mission.autonomy_mode == "approval"
    mission_log.write(uow, mission.id, ("proposal", missions.proposal_entry(proposal, "pending")))
    outcome = {"proposal_id": proposal.id, "summary": proposal.summary}
    outcome["outcome"] = "gathered" if is_batch else "proposed"
    _record_outcomes(uow, mission, index, [outcome], project_ids)


def _rehearse_calls(uow: UnitOfWork, mission: RunningMissionRow, limits: AgentLimits) -> None:
    """Make all calls of a turn in order, and roll them back.

    Raises:
        _NotPossible: One of them is refused.
    """
    gate.check_active(uow, limits)
    ref = workspace_ref(uow, mission.workspace_id)
    with proposing.rehearse(uow), gate.act_as_agent(uow, limits):
        for index, call in enumerate(mission.calls):
            try:
                action = _find_action(uow, call["name"])
                gate.check_action(limits, action)
                actions.run(uow, ref, action.name, call["params"])
            except ApiError as error:
                if error.status >= 500:
                    raise
                raise _NotPossible(index, error.message) from None


def _find_action(uow: UnitOfWork, name: str) -> AnyAction:
    action = actions.registered_actions(uow.env).get(name)
    if action is None:
        raise Forbidden(f"there is no tool {name!r}", code="tool_not_allowed")
    return action


def _refuse(
    uow: UnitOfWork,
    mission: RunningMissionRow,
    seen: Mapping[str, str],
    reasons: Sequence[str],
    first: int = 0,
) -> None:
    """Refuse calls that have read items, each with a reason, beginning with the one at the index ``first``."""
    _step(uow, mission)
    limits = limits_of_mission(mission)
    for index, reason in enumerate(reasons, first):
        audit.record(uow, limits, mission.calls[index]["name"], "refused", reason=reason)
    outcomes = [{"outcome": "refused", "why": reason} for reason in reasons]
    params = [call["params"] for call in mission.calls[first : first + len(reasons)]]
    with gate.act_as_agent(uow, limits):
        # The reasons suggest items with their ids.
        _, project_ids = proposing.load_named(uow, limits, [params, reasons, seen])
    _record_outcomes(uow, mission, first, outcomes, project_ids)


def _record_outcomes(
    uow: UnitOfWork,
    mission: RunningMissionRow,
    first: int,
    outcomes: Sequence[Mapping[str, object]],
    project_ids: Mapping[str, bool] | None,
) -> None:
    """Record the outcomes of calls, and the projects that they name, in the transaction of their effect."""
    calls = [dict(call) for call in mission.calls]
    for index, outcome in enumerate(outcomes, first):
        calls[index] |= outcome
    tool_counts = Counter(mission.tool_counts)
    tool_counts.update(call["name"] for call in calls[first : first + len(outcomes)])
    ids = mission.named_projects
    ids = None if ids is None or project_ids is None else {**ids, **project_ids}
    values = {"calls": calls, "tool_counts": dict(tool_counts), "named_projects": ids}
    uow.connection.execute(_UPDATE, {"_id": mission.id, **values})
    entries = [
        {"tool": call["name"], "params": call["params"], "outcome": call["outcome"], "error": call.get("why")}
        for call in calls[first : first + len(outcomes)]
    ]
    mission_log.write(uow, mission.id, *(("tool_call", entry) for entry in entries))


def _wait_for_decisions(uow: UnitOfWork, mission: RunningMissionRow) -> None:
    """Wait for decisions on proposals, or continue if all are decided."""
    proposals_by_id = {row.id: row for row in _PROPOSALS.all(uow.connection, {"_id": mission.id})}
    if any(row.status == "pending" for row in proposals_by_id.values()):
        _step(uow, mission, status="awaiting_approval")
        _ask_for_decision(uow, mission)
        return
    calls = [_apply_decision(call, proposals_by_id) for call in mission.calls]
    _step(uow, mission, calls=calls)


def _ask_for_decision(uow: UnitOfWork, mission: RunningMissionRow) -> None:
    """Notify the person who created the mission that proposals wait for a decision."""
    mission_log.write(uow, mission.id, ("status", {"status": "awaiting_approval"}))
    missions.notify_requester(uow, limits_of_mission(mission), mission.card_id, "Changes wait for approval.")


def _apply_decision(call: Mapping[str, Any], proposals_by_id: Mapping[str, ProposalRow]) -> Mapping[str, Any]:
    if call["outcome"] != "proposed":
        return call
    row = proposals_by_id[call["proposal_id"]]
    if row.status == "approved":
        return {**call, "outcome": "done", "value": row.result}
    return {**call, "outcome": "rejected", "why": row.reason or "no reason was given"}


# ---------------------------------------------------------------------------------------------- turns


def _build_task(uow: UnitOfWork, mission: RunningMissionRow) -> Task:
    """Build the task of the brain's next turn.

    Raises:
        _Overtaken: The card is deleted, and the mission with it.
    """
    card = load_current_cards(uow.connection, mission.workspace_id, [mission.card_id]).get(mission.card_id)
    if card is None:
        raise _Overtaken
    limits = limits_of_mission(mission)
    model_user = ModelUser("", is_admin=False)
    if mission.model is not None:
        with gate.act_as_agent(uow, limits):
            ref = workspace_ref(uow, mission.workspace_id)
            model_user = build_model_user(ref, accounts_access.workspace.load(uow, ref).roles)
    return Task(
        prompt=mission.prompt,
        card=card,
        tools=[
            action for action in actions.registered_actions(uow.env).values() if gate.may_use(limits, action)
        ],
        now=uow.now,
        requester_id=mission.created_by_id,
        model=mission.model,
        model_user=model_user,
        history=mission.history,
        answers=[
            ToolAnswer(
                ToolCall(call["id"], call["name"], call["params"]),
                call["outcome"],
                call.get("value"),
                call.get("why"),
                call.get("summary"),
            )
            for call in mission.calls
        ],
    )


def _record_turn(uow: UnitOfWork, mission: RunningMissionRow, turn: Turn, account: WorkspaceAccount) -> None:
    """Record a turn of the brain: its calls, or its final result."""
    number = mission.turns + 1
    is_over = turn.result is not None or turn.error is not None
    if number > TURNS_MAX and not is_over:
        turn, is_over = Turn(error=f"it has taken more than {TURNS_MAX} turns"), True
    calls = [_new_call(call, number, all_or_nothing=turn.all_or_nothing) for call in turn.calls[:CALLS_MAX]]
    repetitions = missions_rules.count_repetitions(mission.calls, calls)
    if repetitions >= REPETITIONS_MAX:
        turn, is_over = Turn(error=f"it has made the same calls {REPETITIONS_MAX} times in a row"), True
    if not is_over and not calls:
        turn, is_over = Turn(result=turn.message or ""), True
    calls = [] if is_over else [{**call, "repetitions": repetitions} for call in calls]
    _step(uow, mission, history=turn.history, calls=calls, turns=number)
    usage = {} if account.usage.model is None else {"usage": as_dict(account.usage)}
    entries: list[mission_log.NewEntry] = [("step", {"number": number, **usage})]
    if turn.message:
        entries.append(("message", {"text": turn.message[:TEXT_MAX]}))
    mission_log.write(uow, mission.id, *entries)
    if not is_over:
        if mission.model is not None:
            # Missions that wait get the thread between two calls of a model.
            missions.enqueue(uow, mission.workspace_id, mission.id)
        return
    proposal_rows = _PROPOSALS.all(uow.connection, {"_id": mission.id}) if turn.error is None else ()
    if any(row.status == "pending" for row in proposal_rows):
        # The brain has no further turn, so its history column is used for the final message.
        final_turn = {"result": (turn.result or "")[:TEXT_MAX], "remarks": (turn.remarks or "")[:TEXT_MAX]}
        uow.connection.execute(
            _UPDATE, {"_id": mission.id, "status": "awaiting_approval", "history": final_turn}
        )
        _ask_for_decision(uow, mission)
        return
    status: MissionStatus = "completed" if turn.error is None else "failed"
    result_text = turn.result and turn.result[:TEXT_MAX]
    missions.end_mission(
        uow, mission.id, status, ("running",), result=result_text, error=turn.error and turn.error[:TEXT_MAX]
    )
    # A delegated mission is answered on the card.
    if turn.error is not None and turn.error == account.refusal and not mission.is_delegated:
        missions.notify_requester(uow, limits_of_mission(mission), mission.card_id, turn.error)


def _new_call(call: ToolCall, turn: int, *, all_or_nothing: bool) -> dict[str, object]:
    return {
        "all_or_nothing": all_or_nothing,
        "id": f"{turn}/{call.id}"[:100],
        "name": call.name[:100],
        "params": call.params,
        "outcome": "todo",
    }
