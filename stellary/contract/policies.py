"""Policies shared by several endpoints, named after the access they grant."""

from __future__ import annotations

from stellary.contract.endpoint import Policy

PUBLIC = Policy("public", "public")
ANYBODY_KNOWN = Policy("any", "any", "r")

ACCOUNT_READ = Policy("self", "account:read")
ACCOUNT_WRITE = Policy("self", "account:write")
ACCOUNT_ANY = Policy("self", "any")
ACCOUNT_FULL = Policy("self", "full")
PERSON_ONLY = Policy("self", "jwt")
OWN_TOKEN = Policy("self_obj", "jwt")
OWN_CONTAINER = Policy("self_obj", "jwt")
NOTIFICATIONS = Policy("self", "notifications:read")
OWN_NOTIFICATION = Policy("self_obj", "notifications:read")

ORGANIZATION_READ = Policy("org_read", "any", guests=True)
ORGANIZATION_MEMBER = Policy("org_read", "full")
ORGANIZATION_LEAVE = Policy("org_read", "full", guests=True)
ORGANIZATION_ADMIN = Policy("org_admin", "full")
ORGANIZATION_OWNER = Policy("org_owner", "full")
ORGANIZATION_DELETE = Policy("org_owner", "jwt")

WORKSPACE_READ = Policy("ws_read", "any", "r", guests=True)
WORKSPACE_ACTIVITY = Policy("ws_read", "any", guests=True)
WORKSPACE_ADMIN = Policy("ws_admin", "full")
WORKSPACE_ADMIN_OR_SELF = Policy("ws_admin_or_self", "full", guests=True)
WORKSPACE_DELETE = Policy("ws_owner", "jwt")
INVITEE = Policy("invitee", "full")

PROJECT_MANAGE = Policy("proj_manage", "full", project="manager", guests=True)
PROJECT_DELETE = Policy("proj_manage", "projects:write", project="manager", guests=True)
PROJECT_CREATE = Policy("ws_read", "projects:write", "w")
PROJECT_IMPORT = Policy("ws_read", "projects:write")
PROJECT_IMPORT_CREATOR = Policy("creator", "projects:write")

BOARD_READ = Policy("ws_read", "projects:read", "r", "viewer", guests=True)
PORTFOLIO_READ = Policy("ws_read", "projects:read", "r", "viewer")
CARDS_READ = Policy("self", "projects:read", "r")
BOARD_WRITE = Policy("ws_read", "projects:write", "w", "editor", guests=True)
BOARD_DELETE = Policy("ws_read", "projects:write", project="editor", guests=True)
BOARD_AUTHOR = Policy("author", "projects:write", project="editor", guests=True)
COMMENT_WRITE = Policy("ws_read", "projects:write", "w", "commenter", guests=True)
COMMENT_AUTHOR = Policy("author", "projects:write", project="commenter", guests=True)
AUTOMATIONS_READ = Policy("ws_read", "projects:read", project="viewer", guests=True)

PILOTAGE_READ = Policy("ws_read", "pilotage:read", "r")
PILOTAGE_WRITE = Policy("pil_write", "pilotage:write", "w")
PILOTAGE_DELETE = Policy("pil_write", "pilotage:write")
PILOTAGE_PROPOSE = Policy("pil_review", "pilotage:write", "w0")
PILOTAGE_REVIEW = Policy("pil_review", "jwt")
PILOTAGE_APPLY = Policy("pil_write", "jwt")
DRAFTS = Policy("ws_read", "full")
DRAFT_AUTHOR = Policy("author", "full")
AGENTS_READ = Policy("ws_read", "full")
AGENTS_ADMIN = Policy("ws_admin", "full")
AGENT_TOKENS = Policy("ws_admin", "jwt")
MISSIONS = Policy("ws_read", "full")
MISSION_AUTHOR = Policy("author", "full")
DECIDE = Policy("ws_read", "jwt")
MISSION_WORK = Policy("ws_read", "full", "w0")

DOCUMENT_READ = Policy("ws_read", "projects:read", "r", "viewer", guests=True)
DOCUMENT_WRITE = Policy("ws_read", "projects:write", "w", "editor", guests=True)
DOCUMENT_DELETE = Policy("ws_read", "projects:write", project="editor", guests=True)
DOCUMENT_REVIEW = Policy("pil_review", "jwt", project="commenter")
