"""All endpoints of the API, in the order of the API reference."""

from __future__ import annotations

from types import ModuleType

from stellary.contract import (
    active_docs,
    activities,
    agent_missions,
    agents,
    api_tokens,
    attachments,
    auth,
    automations,
    cards,
    checklists,
    columns,
    comments,
    custom_fields,
    documents,
    labels,
    mcp,
    multipart_imports,
    notifications,
    organizations,
    pilotage,
    pilotage_state,
    portfolio,
    project_exports,
    project_imports,
    projects,
    proposals,
    proposed_actions,
    relations,
    scope_views,
    scopes,
    search,
    system,
    webhooks,
    wizard,
    workspace_events,
    workspaces,
)
from stellary.contract.router import AnyEndpoint

RESOURCES: tuple[ModuleType, ...] = (
    auth,
    organizations,
    workspaces,
    projects,
    portfolio,
    project_exports,
    project_imports,
    multipart_imports,
    columns,
    cards,
    comments,
    attachments,
    scopes,
    scope_views,
    labels,
    custom_fields,
    relations,
    checklists,
    documents,
    activities,
    search,
    workspace_events,
    automations,
    wizard,
    webhooks,
    agents,
    agent_missions,
    proposals,
    notifications,
    pilotage_state,
    pilotage,
    active_docs,
    proposed_actions,
    api_tokens,
    mcp,
    system,
)
"""The modules of the resources; each has ``ENDPOINTS``."""

ENDPOINTS: tuple[AnyEndpoint, ...] = tuple(
    endpoint for resource in RESOURCES for endpoint in resource.ENDPOINTS
)
