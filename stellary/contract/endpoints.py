"""All endpoints of the API, in the order of the API reference."""

from __future__ import annotations

from types import ModuleType

from stellary.contract import (
    activities,
    api_tokens,
    attachments,
    auth,
    automations,
    cards,
    checklists,
    columns,
    comments,
    custom_fields,
    labels,
    notifications,
    organizations,
    portfolio,
    project_exports,
    project_imports,
    projects,
    relations,
    scope_views,
    scopes,
    system,
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
    activities,
    automations,
    notifications,
    api_tokens,
    system,
)
"""The modules of the resources; each has ``ENDPOINTS``."""

ENDPOINTS: tuple[AnyEndpoint, ...] = tuple(
    endpoint for resource in RESOURCES for endpoint in resource.ENDPOINTS
)
