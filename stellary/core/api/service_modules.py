"""The modules with services: ``dispatch`` serves the endpoints of each module that is imported here."""

# ruff: noqa: F401

from __future__ import annotations

from stellary.core.accounts import (
    api_tokens,
    auth,
    deleted_containers,
    deletion,
    email_links,
    identities,
    invitations,
    organizations,
    second_factors,
    sessions,
    workspaces,
)
from stellary.core.agents import agents, audit, mission_log, missions, proposals
from stellary.core.automations import acting, automations, project_files, traces, triggers
from stellary.core.board import (
    attachments,
    board,
    bulk,
    cards,
    checklists,
    columns,
    comments,
    custom_fields,
    duplicates,
    finding,
    labels,
    listing,
    multipart_imports,
    project_members,
    projects,
    relations,
    saved_filters,
    scopes,
    templates,
    time_entries,
    transfers,
)
from stellary.core.insights import flow, portfolio, views
from stellary.core.knowledge import comments as document_comments
from stellary.core.knowledge import documents, reviews
from stellary.core.knowledge import listing as knowledge_listing
from stellary.core.notifications import feed, notifications, preferences, stream, undo, watches
from stellary.core.pilotage import pilotage, proposed_actions, state
from stellary.core.search import search
from stellary.core.trash import trash
from stellary.core.webhooks import deliveries, webhooks
from stellary.core.wizard import drafts, execution
from stellary.core.work import work
