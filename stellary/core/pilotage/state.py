"""The state of pilotage, with a fixed number of statements. Section Pilotage of the API reference."""

from __future__ import annotations

import attrs

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
from stellary.contract.refs import WorkspaceRef
from stellary.contract.wire import Paged
from stellary.core.accounts import access
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.notifications.history import list_pilotage_activity
from stellary.core.pilotage import proposed_actions, rules
from stellary.core.pilotage.ledger import DECISIONS, DOCS, MISSIONS, PRIORITIES, TODOS

_WHOLE = Paged()


@serves(GET_STATE)
def get_state(uow: UnitOfWork, ref: WorkspaceRef, request: GetState) -> PilotageState:
    """Return the items that a profile shows, in the order of an intent, at the requested level of detail."""
    loaded = access.workspace(uow, ref)
    workspace_id, role = loaded.row.id, loaded.roles.effective_pilotage_role
    assert role is not None
    items = rules.StateItems(
        MISSIONS.fetch(uow, workspace_id, _WHOLE).items,
        PRIORITIES.fetch(uow, workspace_id, _WHOLE, "active").items,
        TODOS.fetch(uow, workspace_id, _WHOLE).items,
        DECISIONS.fetch(uow, workspace_id, _WHOLE).items,
        DOCS.fetch(uow, workspace_id, _WHOLE).items,
    )
    shown_items = rules.apply_intent(rules.apply_profile(items, request.profile), request.intent)
    lists = attrs.asdict(shown_items, recurse=False)
    open_actions = proposed_actions.count_open(uow, workspace_id, loaded.roles.sight)
    minimal, detailed = request.detail_level == "minimal", request.detail_level == "detailed"
    return PilotageState(
        cycle=loaded.row.pilotage_cycle,
        contract_version=CONTRACT_VERSION,
        **{name: [] if minimal else [*items] for name, items in lists.items()},
        counts=PilotageCounts(
            **{name: len(items) for name, items in lists.items()},
            suggested_actions=open_actions.get("suggested", 0),
            approved_actions=open_actions.get("approved", 0),
        ),
        ids=PilotageIds(**{name: [item.id for item in items] for name, items in lists.items()})
        if minimal
        else None,
        traces=proposed_actions.list_latest(uow, workspace_id, loaded.roles.sight, DETAILS_MAX)
        if detailed
        else [],
        history=list_pilotage_activity(uow, workspace_id, DETAILS_MAX) if detailed else [],
        usage_context=UsageContext(
            profile=request.profile, role=role, intent=request.intent, detail_level=request.detail_level
        ),
    )
