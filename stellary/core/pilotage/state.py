"""The state of pilotage, in as many statements for a thousand missions as for one. Section Pilotage of the API reference."""

from __future__ import annotations

from collections.abc import Mapping

from stellary.contract.paging import Paged
from stellary.contract.pilotage_state import (
    CONTRACT_VERSION,
    DETAILS_MAX,
    GET_STATE,
    GetState,
    PilotageCounts,
    PilotageIds,
    PilotageState,
    UsageContext,
)
from stellary.contract.proposed_actions import ProposedActionStatus
from stellary.contract.refs import WorkspaceRef
from stellary.core.accounts import access
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.notifications.history import of_pilotage
from stellary.core.pilotage import proposed_actions, rules
from stellary.core.pilotage.ledger import DECISIONS, DOCS, MISSIONS, PRIORITIES, TODOS

_WHOLE = Paged()


@serves(GET_STATE)
def get_state(uow: UnitOfWork, ref: WorkspaceRef, request: GetState) -> PilotageState:
    """What a profile shows, in the order of an intent, in as much detail as was asked for."""
    at = access.workspace(uow, ref)
    workspace_id, role = at.row.id, at.roles.effective_pilotage_role
    assert role is not None
    shown = rules.ordered(rules.profiled(_all(uow, workspace_id), request.profile), request.intent)
    minimal, detailed = request.detail_level == "minimal", request.detail_level == "detailed"
    return PilotageState(
        cycle=at.row.pilotage_cycle,
        contract_version=CONTRACT_VERSION,
        missions=[] if minimal else list(shown.missions),
        active_priorities=[] if minimal else list(shown.active_priorities),
        todos=[] if minimal else list(shown.todos),
        decisions=[] if minimal else list(shown.decisions),
        active_docs=[] if minimal else list(shown.active_docs),
        counts=_counts(shown, proposed_actions.waiting(uow, workspace_id)),
        ids=_ids(shown) if minimal else None,
        traces=proposed_actions.latest(uow, workspace_id, DETAILS_MAX) if detailed else [],
        history=of_pilotage(uow, workspace_id, DETAILS_MAX) if detailed else [],
        usage_context=UsageContext(
            profile=request.profile, role=role, intent=request.intent, detail_level=request.detail_level
        ),
    )


def _all(uow: UnitOfWork, workspace_id: str) -> rules.Shown:
    return rules.Shown(
        MISSIONS.fetch(uow, workspace_id, _WHOLE).items,
        PRIORITIES.fetch(uow, workspace_id, _WHOLE, "active").items,
        TODOS.fetch(uow, workspace_id, _WHOLE).items,
        DECISIONS.fetch(uow, workspace_id, _WHOLE).items,
        DOCS.fetch(uow, workspace_id, _WHOLE).items,
    )


def _counts(shown: rules.Shown, waiting: Mapping[ProposedActionStatus, int]) -> PilotageCounts:
    return PilotageCounts(
        missions=len(shown.missions),
        active_priorities=len(shown.active_priorities),
        todos=len(shown.todos),
        decisions=len(shown.decisions),
        active_docs=len(shown.active_docs),
        suggested_actions=waiting.get("suggested", 0),
        approved_actions=waiting.get("approved", 0),
    )


def _ids(shown: rules.Shown) -> PilotageIds:
    return PilotageIds(
        missions=[each.id for each in shown.missions],
        active_priorities=[each.id for each in shown.active_priorities],
        todos=[each.id for each in shown.todos],
        decisions=[each.id for each in shown.decisions],
        active_docs=[each.id for each in shown.active_docs],
    )
