"""All endpoints of the API, in the order of the API reference, which is that of the imports."""

# ruff: noqa: F401, I001

from __future__ import annotations

from types import ModuleType

from stellary.contract.endpoint import Endpoint
from stellary.contract.router import AnyEndpoint
from stellary.contract import (
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
    work,
    saved_filters,
    comments,
    time_entries,
    attachments,
    scopes,
    scope_views,
    flow,
    labels,
    custom_fields,
    relations,
    checklists,
    documents,
    trash,
    activities,
    search,
    workspace_events,
    automations,
    wizard,
    webhooks,
    agents,
    agent_missions,
    proposals,
    model_usage,
    notifications,
    pilotage_state,
    pilotage,
    active_docs,
    proposed_actions,
    api_tokens,
    mcp,
    system,
)

RESOURCES = tuple(value for value in [*globals().values()] if isinstance(value, ModuleType))
"""The modules of the resources, each with its endpoints."""


def list_endpoints(resource: ModuleType) -> list[AnyEndpoint]:
    """Return the endpoints that a module defines, in the order of their definitions."""
    return [constant for constant in vars(resource).values() if isinstance(constant, Endpoint)]


ENDPOINTS: tuple[AnyEndpoint, ...] = tuple(
    endpoint for resource in RESOURCES for endpoint in list_endpoints(resource)
)
