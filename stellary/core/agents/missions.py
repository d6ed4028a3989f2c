"""Missions of agents: services, and how missions begin and end. Section Missions of the API reference."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, exists, func, select, update
from sqlalchemy import insert as inserting

from stellary.contract.agent_missions import (
    CANCEL_MISSION,
    CREATE_MISSION,
    GET_MISSION,
    LIST_MISSIONS,
    WAITING_MAX,
    AgentMission,
    CreateAgentMission,
    ListAgentMissions,
    MissionStatus,
)
from stellary.contract.comments import COMMENT_MAX, CreateComment
from stellary.contract.errors import ApiError, Conflict
from stellary.contract.fields import build_value, replace_fields
from stellary.contract.model_usage import NO_USAGE
from stellary.contract.proposals import Proposal
from stellary.contract.refs import AgentMissionRef, AgentRef, CardRef
from stellary.contract.wire import UNSET, Listing
from stellary.core.accounts import people
from stellary.core.accounts.places import workspace_ref
from stellary.core.accounts.project_sight import are_shared, is_visible
from stellary.core.accounts.rules import SEES_ALL, ProjectSight
from stellary.core.agents import access, gate, mission_log, rows
from stellary.core.agents.row_types import (
    AgentMissionRow,
    EndingMissionRow,
    ProposalRow,
    StoredMissionRow,
)
from stellary.core.agents.rules.missions import progress
from stellary.core.agents.rules.proposals import ellipsize
from stellary.core.agents.tables import agents, missions, proposals
from stellary.core.board import comments
from stellary.core.board.changes.card_references import find_project_of_card
from stellary.core.board.queries.current_cards import load_current_cards
from stellary.core.board.queries.filters import check_in_workspace
from stellary.core.board.rules.references import unknown
from stellary.core.db.base import is_among, is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel import jobs
from stellary.core.kernel.events import NoticeGiven
from stellary.core.kernel.item_changes import emit_change
from stellary.core.kernel.paging import Pages, equals_unindexed
from stellary.core.kernel.unit import NOBODY, AgentLimits, UnitOfWork, serves
from stellary.core.kernel.units import Units
from stellary.core.kernel.writes import refuse_duplicate

RUN = "agents.run"
STARTED = ("running", "awaiting_approval")
ACTIVE = ("queued", *STARTED)
ENDED = {
    "completed": "the mission has ended",
    "failed": "the mission has failed",
    "cancelled": "the mission was cancelled",
}

UNPOSTED = "The result may name items of other projects: read it in the mission."

_THIS_MISSION = is_given(missions.c.id)
_ON_CARD = is_given(missions.c.card_id)
_OF_AGENT = is_given(missions.c.agent_id)
_MISSIONS: Select[Any] = select(*rows.MISSION).where(_OF_AGENT)
# A card has few missions, an agent may have many.
_MISSIONS_ON_CARD: Select[Any] = select(*rows.MISSION).where(
    _ON_CARD, equals_unindexed(missions.c.agent_id, bindparam("_agent_id"))
)

_HAS_STATUS = equals_unindexed(missions.c.status, bindparam("_status"))


def _pages(statement: Select[Any], *residual: ColumnElement[bool]) -> Pages[AgentMissionRow]:
    return Pages(AgentMissionRow, statement, missions.c.id, newest_first=True, residual=residual)


_LISTS = {
    (has_status, has_card, is_limited): _pages(
        _MISSIONS_ON_CARD if has_card else _MISSIONS,
        *([_HAS_STATUS] if has_status else []),
        *([is_visible(missions.c.project_id)] if is_limited else []),
    )
    for has_status, has_card, is_limited in itertools.product((False, True), repeat=3)
}
"""The lists of missions, by whether the status and the card filter them, and whether the caller sees only some projects."""
_INSERT = inserting(missions)
_DELEGATE = update(missions).where(_THIS_MISSION).values(is_delegated=True)
_ONE = Query(AgentMissionRow, select(*rows.MISSION).where(_THIS_MISSION))
_LOCK = Query(StoredMissionRow, select(missions).where(_THIS_MISSION).with_for_update(key_share=True))
_COUNT_ACTIVE = select(func.count()).select_from(missions).where(_ON_CARD, missions.c.status.in_(ACTIVE))
_NEXT_OF_CARD = (
    select(missions.c.id)
    .join_from(missions, agents, agents.c.id == missions.c.agent_id)
    .where(_ON_CARD, missions.c.status == "queued", agents.c.runtime != "external")
    .order_by(missions.c.id)
    .limit(1)
)
_other = missions.alias("other")
_CARD_IS_FREE = ~exists().where(_other.c.card_id == missions.c.card_id, _other.c.status.in_(STARTED))
_BEGIN = (
    update(missions)
    .where(_THIS_MISSION, missions.c.status == "queued", _CARD_IS_FREE)
    .values(status="running", started_at=bindparam("_now"), step=missions.c.step + 1)
)
_ONE_READY = select(missions.c.id).where(_OF_AGENT, missions.c.status == "queued", _CARD_IS_FREE).limit(1)
_WITH_AGENT = Query(
    EndingMissionRow,
    select(*rows.MISSION, agents.c.name.label("agent_name"))
    .join_from(missions, agents, agents.c.id == missions.c.agent_id)
    .where(_THIS_MISSION),
)
_END = (
    update(missions)
    .where(_THIS_MISSION, is_given(missions.c.status, "from"))
    .values(step=missions.c.step + 1)
)
_REJECT_OPEN = Query(
    ProposalRow,
    update(proposals)
    .where(is_given(proposals.c.mission_id, "id"), is_among(proposals.c.status, "open"))
    .values(status="rejected")
    .returning(*proposals.c),
)
_RUNTIME = select(agents.c.runtime).where(is_given(agents.c.id, "agent_id"))
_WAKE = (
    select(missions.c.id)
    .where(_OF_AGENT, missions.c.status.in_(("queued", "running")))
    .order_by(missions.c.id)
)


@serves(CREATE_MISSION)
def create_mission(uow: UnitOfWork, ref: AgentRef, request: CreateAgentMission) -> AgentMission:
    """Create a mission: a task for an agent on a card.

    Args:
        uow: A unit of work that writes.
        ref: The agent.
        request: The card and the prompt.

    Raises:
        Invalid: The workspace has no such card.
        Conflict: The agent is suspended or does not work in the card's project, or the card has too many active missions.
    """
    loaded = access.agent(uow, ref)
    agent = loaded.row
    project_id = find_project_of_card(uow, agent.workspace_id, request.card_id)
    if project_id is None or not loaded.roles.sight.sees(project_id):
        raise unknown("cardId")
    if agent.status != "active":
        raise Conflict("the agent is suspended", code="agent_suspended")
    if agent.project_ids is not None and project_id not in agent.project_ids:
        raise Conflict("the agent does not work in the card's project", code="outside_projects")
    if uow.connection.execute(_COUNT_ACTIVE, {"_card_id": request.card_id}).scalar_one() >= WAITING_MAX:
        raise Conflict(f"{WAITING_MAX} missions already wait for the card", code="missions_full")
    mission = build_value(
        AgentMission,
        request,
        id=uow.new_id(),
        workspace_id=agent.workspace_id,
        project_id=project_id,
        agent_id=agent.id,
        status="queued",
        autonomy_mode=agent.autonomy_mode,
        result=None,
        error=None,
        created_by_id=uow.user_id,
        created_at=uow.now,
        started_at=None,
        finished_at=None,
        progress=progress("queued", 0, 0, 0, 0, None),
        pending_proposals=0,
        tools={},
        usage=NO_USAGE,
    )
    uow.connection.execute(_INSERT, rows.mission_row(mission))
    mission_log.write(uow, mission.id, ("status", {"status": "queued"}))
    emit_change(uow, agent.workspace_id, None, mission, name=rows.AGENTS.to_value(agent).name)
    if agent.runtime != "external":
        enqueue(uow, agent.workspace_id, mission.id)
    return mission


def delegate_mission(uow: UnitOfWork, ref: AgentRef, request: CreateAgentMission) -> None:
    """Create a mission that a comment or an assignment asks for: the agent answers on the card.

    Args:
        uow: A unit of work that writes.
        ref: The agent.
        request: The card and the prompt.

    Raises:
        ApiError: The mission is not possible.
    """
    mission = create_mission(uow, ref, request)
    uow.connection.execute(_DELEGATE, {"_id": mission.id})


@serves(LIST_MISSIONS)
def list_missions(uow: UnitOfWork, ref: AgentRef, request: ListAgentMissions) -> Listing[AgentMission]:
    """Return the missions of an agent, newest first."""
    loaded = access.agent(uow, ref)
    agent, sight = loaded.row, loaded.roles.sight
    filters: dict[str, object] = {}
    if request.status is not UNSET:
        filters["_status"] = request.status
    if request.card_id is not UNSET:
        filters["_card_id"] = request.card_id
    pages = _LISTS["_status" in filters, "_card_id" in filters, sight.is_limited]
    if sight.is_limited:
        filters |= sight.parameters
    show = partial(rows.mission, sight=sight)
    listing = pages.fetch(uow, request, show, _agent_id=agent.id, **filters)
    if not listing.items and request.card_id is not UNSET:
        check_in_workspace(uow, loaded.roles, "cardId", request.card_id)
    return listing


@serves(GET_MISSION)
def get_mission(uow: UnitOfWork, ref: AgentMissionRef) -> AgentMission:
    """Return one mission."""
    loaded = access.mission(uow, ref)
    return rows.mission(loaded.row, loaded.roles.sight)


@serves(CANCEL_MISSION)
def cancel_mission(uow: UnitOfWork, ref: AgentMissionRef) -> AgentMission:
    """Cancel a mission. Changes of the step that runs at this moment are rolled back, earlier ones stay.

    Raises:
        Conflict: The mission is over.
    """
    loaded = access.mission(uow, ref)
    if not cancel_if_active(uow, loaded.row.id, uow.user_id):
        raise mission_over_error()
    return load_mission(uow, loaded.row.id, loaded.roles.sight)


def mission_over_error() -> Conflict:
    """Return the error of a request about a mission that is over."""
    return Conflict("the mission is over", code="mission_over")


def cancel_if_active(uow: UnitOfWork, mission_id: str, user_id: str, why: str | None = None) -> bool:
    """Cancel a mission and reject its open proposals.

    Args:
        uow: A unit of work that writes.
        mission_id: The mission.
        user_id: The user who cancels it.
        why: The error to store with the mission.

    Returns:
        False if the mission is over already.
    """
    return end_mission(uow, mission_id, "cancelled", ACTIVE, error=why, decided_by_id=user_id)


def end_mission(
    uow: UnitOfWork,
    mission_id: str,
    status: MissionStatus,
    before: Sequence[str],
    *,
    result: str | None = None,
    error: str | None = None,
    decided_by_id: str | None = None,
    posts: bool = False,
) -> bool:
    """End a mission, and enqueue the next one that waits for its card.

    The agent answers on the card if a comment or an assignment started the mission, and nobody cancelled it.

    Args:
        uow: A unit of work that writes.
        mission_id: The mission.
        status: The final status.
        before: The statuses from which it may end; in any other one, nothing is done.
        result: The result to store, if it has completed.
        error: The error to store, if it has failed or was cancelled.
        decided_by_id: The user who ended the mission, which rejects its open proposals.
        posts: Whether the agent posts the end of other missions on the card, too.

    Returns:
        True if this call ended the mission.
    """
    values = {"status": status, "result": result, "error": error, "finished_at": uow.now}
    row = _write_end(uow, before, {"_id": mission_id, **values})
    if row is None:
        return False
    _emit_end(uow, row, status=status, error=error)
    if status != "cancelled" and (posts or row.is_delegated):
        _post_answer(uow, row, error or result or "Done.")
    parameters: dict[str, object] = {
        "_id": mission_id,
        "reason": ENDED[status],
        "decided_by_id": decided_by_id,
        "decided_at": uow.now,
    }
    # Approved proposals of a batch are executed when the mission completes, and not before.
    is_undone_batch = row.autonomy_mode == "approval" and status != "completed"
    parameters["_open"] = ["pending", "approved"] if is_undone_batch else ["pending"]
    rejected = _REJECT_OPEN.all(uow.connection, parameters)
    mission_log.write(
        uow,
        mission_id,
        *(("proposal", proposal_entry(row, "rejected")) for row in rejected),
        ("status", {"status": status}),
        ("done", {"status": status, "result": result, "error": error}),
    )
    next_mission_id = uow.connection.execute(_NEXT_OF_CARD, {"_card_id": row.card_id}).scalar()
    if next_mission_id is not None:
        enqueue(uow, row.workspace_id, next_mission_id)
    return True


def _write_end(
    uow: UnitOfWork, before: Sequence[str], values: Mapping[str, object]
) -> EndingMissionRow | None:
    """Write the end of a mission, and return its row before; None if its status is not one of those before."""
    while True:
        row = _WITH_AGENT.first(uow.connection, values)
        if row is None or row.status not in before:
            return None
        # If another transaction has changed the status since it was read, it is read again.
        if uow.connection.execute(_END, {**values, "_from": row.status}).rowcount:
            return row


def _emit_end(uow: UnitOfWork, row: EndingMissionRow, **changes: object) -> None:
    """Emit the end of a mission; if no request has ended it, as a change by its agent."""
    mission = rows.mission(row)
    ended = replace_fields(mission, **changes, finished_at=uow.now)
    if uow.actor.user_id is not None:
        emit_change(uow, row.workspace_id, mission, ended, name=row.agent_name)
        return
    with gate.act_as_agent(uow, _limits_at_end(row)):
        emit_change(uow, row.workspace_id, mission, ended, name=row.agent_name)


def _limits_at_end(row: EndingMissionRow) -> AgentLimits:
    return AgentLimits(
        agent_id=row.agent_id,
        principal_id=row.created_by_id,
        workspace_id=row.workspace_id,
        at_once=True,
        mission_id=row.id,
    )


def notify_requester(uow: UnitOfWork, limits: AgentLimits, card_id: str, message: str) -> None:
    """Notify the person for whom an agent works, in the agent's name.

    Args:
        limits: The limits of the agent, with the person.
        card_id: The card on which it works.
        message: The message.
    """
    card = load_current_cards(uow.connection, limits.workspace_id, [card_id])[card_id]
    with gate.act_as_agent(uow, limits):
        uow.emit(
            NoticeGiven(
                workspace_id=limits.workspace_id,
                project_id=card.project_id,
                card=card,
                message=message,
                user_ids=(limits.principal_id,),
            )
        )


def _post_answer(uow: UnitOfWork, row: EndingMissionRow, text: str) -> None:
    """Post the end of a mission on its card, in the agent's name. What an agent posts starts no mission.

    If a comment or an assignment started the mission, the person is mentioned. If the agent may not comment on the
    card any more, the person is notified; the mission keeps the text. A text that may name items of projects that readers of
    the card do not see is not posted.
    """
    project_ids = row.named_projects
    if project_ids is None or not are_shared(uow, row.workspace_id, {*project_ids} - {row.project_id}):
        text = UNPOSTED
    members = people.queue_members(uow, row.workspace_id, [row.created_by_id] if row.is_delegated else [])()
    mentions = [f"@{person.name}, " for person in members.values()]
    content = ellipsize("".join([*mentions, text]), COMMENT_MAX)
    ref = workspace_ref(uow, row.workspace_id).child(CardRef, row.project_id, row.card_id)
    try:
        with uow.attempt(), gate.act_as_agent(uow, uow.actor.agent_limits or _limits_at_end(row)):
            comments.create_comment(uow, ref, CreateComment(content=content))
    except ApiError as error:
        if error.status >= 500:
            raise
        if row.is_delegated:
            notify_requester(uow, _limits_at_end(row), row.card_id, ellipsize(text, COMMENT_MAX))


def proposal_entry(proposal: Proposal | ProposalRow, status: str) -> dict[str, object]:
    """Return the data of a log entry about a proposal.

    Args:
        proposal: The proposal, as a value or as a row.
        status: Its status, which the row need not have yet.
    """
    return {
        "proposalId": proposal.id,
        "action": proposal.action,
        "summary": proposal.summary,
        "status": status,
    }


def begin_mission(uow: UnitOfWork, mission_id: str) -> bool:
    """Set a queued mission to running; False if it is not queued, or the card has a running mission.

    Args:
        mission_id: The mission.
    """
    try:
        with refuse_duplicate(uow, "the card has a running mission", "mission_running"):
            row_count = uow.connection.execute(_BEGIN, {"_id": mission_id, "_now": uow.now}).rowcount
    except Conflict:
        # On PostgreSQL, two concurrent transactions can both see a free card; the unique index rejects the second.
        return False
    if row_count:
        mission_log.write(uow, mission_id, ("status", {"status": "running"}))
    return bool(row_count)


def has_ready_mission(units: Units, agent_id: str) -> bool:
    """Return whether an agent has a queued mission whose card is free.

    Args:
        units: Opens the units of work.
        agent_id: The agent.
    """
    with units.read(NOBODY) as uow:
        return bool(uow.connection.execute(_ONE_READY, {"_agent_id": agent_id}).scalar())


def lock_mission(uow: UnitOfWork, mission_id: str) -> StoredMissionRow | None:
    """Lock a mission's row until the transaction ends, and return the current row; None if it is deleted.

    Args:
        mission_id: The mission.
    """
    return _LOCK.first(uow.connection, {"_id": mission_id})


def load_mission(uow: UnitOfWork, mission_id: str, sight: ProjectSight = SEES_ALL) -> AgentMission:
    """Return an existing mission.

    Args:
        mission_id: The mission, which must exist.
        sight: The projects that the reader sees. Default: all.
    """
    return rows.mission(_ONE.one(uow.connection, {"_id": mission_id}), sight)


def is_external(uow: UnitOfWork, agent_id: str) -> bool:
    """Return whether an external program works on an agent's missions.

    Args:
        agent_id: The agent, which must exist.
    """
    runtime = uow.connection.execute(_RUNTIME, {"_agent_id": agent_id}).scalar_one()
    return bool(runtime == "external")


def enqueue(uow: UnitOfWork, workspace_id: str, mission_id: str, due_at: datetime | None = None) -> None:
    """Enqueue the job that works on a mission, now or at ``due_at``.

    Args:
        workspace_id: The workspace, whose missions take turns with those of others.
        mission_id: The mission.
        due_at: The time from which the job may run. Default: now.
    """
    jobs.enqueue(uow, RUN, {"missionId": mission_id}, due_at=due_at, workspace_id=workspace_id)


def enqueue_all_of_agent(uow: UnitOfWork, workspace_id: str, agent_id: str) -> None:
    """Enqueue jobs for an agent's queued and running missions, which stopped with the agent.

    Args:
        workspace_id: The workspace of the agent.
        agent_id: The agent.
    """
    for mission_id in uow.connection.execute(_WAKE, {"_agent_id": agent_id}).scalars().all():
        enqueue(uow, workspace_id, mission_id)
