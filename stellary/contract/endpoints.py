"""All endpoints of the API, in the order of the API reference."""

from __future__ import annotations

from stellary.contract import (
    api_tokens,
    auth,
    cards,
    checklists,
    columns,
    comments,
    labels,
    notifications,
    organizations,
    projects,
    system,
    workspaces,
)
from stellary.contract.router import AnyEndpoint

ENDPOINTS: tuple[AnyEndpoint, ...] = (
    *auth.ENDPOINTS,
    *organizations.ENDPOINTS,
    *workspaces.ENDPOINTS,
    *projects.ENDPOINTS,
    *columns.ENDPOINTS,
    *cards.ENDPOINTS,
    *comments.ENDPOINTS,
    *labels.ENDPOINTS,
    *checklists.ENDPOINTS,
    *notifications.ENDPOINTS,
    *api_tokens.ENDPOINTS,
    *system.ENDPOINTS,
)
