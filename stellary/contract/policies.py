"""The policy rows that several endpoints share, named after what they let do."""

from __future__ import annotations

from stellary.contract.endpoint import Policy

PUBLIC = Policy("public", "public")
BOARD_READ = Policy("ws_read", "projects:read", "r")
BOARD_WRITE = Policy("ws_read", "projects:write", "w")
BOARD_DELETE = Policy("ws_read", "projects:write")
BOARD_AUTHOR = Policy("author", "projects:write")
PROJECT_MANAGE = Policy("proj_manage", "full")
ACCOUNT_READ = Policy("self", "account:read")
ACCOUNT_WRITE = Policy("self", "account:write")
PERSON_ONLY = Policy("self", "jwt")
NOTIFICATIONS = Policy("self", "notifications:read")
