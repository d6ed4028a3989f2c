"""The examples in the API reference: requests and responses by operation, for the operations that have some.

Abbreviated ids are written out. A real response has more fields than the published one; ``examples`` adds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REQUESTS: Mapping[str, Any] = {
    "auth.register": {"email": "user@example.com", "password": "secure-pass-123", "name": "Jane Doe"},
    "auth.login": {"email": "user@example.com", "password": "secure-pass-123"},
    "auth.update_me": {"name": "Jane Smith"},
    "auth.change_password": {"currentPassword": "old-password", "newPassword": "new-secure-pass"},
    "organizations.create": {"name": "Acme Corp", "slug": "acme-corp"},
    "organizations.update": {"name": "Acme Corporation"},
    "organizations.add_member": {"email": "new-member@acme.com", "role": "member"},
    "organizations.update_member": {"role": "admin"},
    "workspaces.create": {"name": "Engineering", "slug": "engineering"},
    "workspaces.invite": {"email": "teammate@company.com", "role": "member"},
    "workspaces.update_member": {"role": "admin", "pilotageRole": "reviewer"},
    "projects.create": {"name": "Q1 Launch"},
    "projects.update": {"name": "Q1 Launch v2"},
    "projects.import": {
        "project": {"name": "Imported"},
        "columns": [{"name": "To Do"}, {"name": "In Progress"}, {"name": "Done"}],
        "cards": [{"title": "First task", "columnIndex": 0, "priority": "medium"}],
    },
    "projects.add_member": {"email": "dev@company.com"},
    "columns.create": {"name": "In Review"},
    "columns.update": {"name": "Code Review"},
    "cards.create": {
        "title": "Implement billing API",
        "description": "See spec in docs",
        "priority": "high",
        "dueDate": "2026-04-01",
        "assigneeId": "665f1a2b3c4d5e6f7a8b9c0d",
        "checklist": [{"title": "Setup routes", "done": False, "order": 0}],
    },
    "cards.update": {
        "title": "Updated title",
        "columnId": "665f3e5f3c4d5e6f7a8b9c0d",
        "order": 2,
        "priority": "medium",
        "dueDate": None,
        "archived": True,
    },
    "comments.create": {"content": "What about error handling?"},
    "pilotage.create_mission": {"objective": "Implement billing module", "module": "billing"},
    "pilotage.update_mission": {"status": "blocked", "blockedReason": "Waiting on API"},
    "pilotage.create_priority": {"label": "Ship billing MVP", "module": "billing"},
    "pilotage.create_todo": {
        "label": "Write Stripe integration tests",
        "missionId": "m-001",
        "priorityId": "p-001",
    },
    "pilotage.update_todo": {"status": "done"},
    "pilotage.create_decision": {
        "title": "Use Stripe over custom billing",
        "impact": "Reduces dev time by 3 weeks, adds 2.9% transaction fee",
    },
    "pilotage.create_doc": {"title": "Billing API Spec v2", "owner": "Jane Doe", "sourceType": "tech"},
    "pilotage.propose_action": {
        "actionType": "move_card",
        "explanation": "All subtasks complete, move to Done",
        "payload": {"cardId": "665f4f6a3c4d5e6f7a8b9c0d", "targetColumn": "Done"},
    },
    "pilotage.review_action": {"approved": True, "reason": "Looks correct"},
    "api_tokens.create": {
        "name": "CI Pipeline",
        "scopes": ["projects:read", "projects:write"],
        "expiresAt": "2027-01-01T00:00:00Z",
    },
}

ANSWERS: Mapping[str, Any] = {
    "auth.register": {
        "access_token": "eyJhbGciOiJIUzI1NiIs...",
        "user": {"id": "665f1a2b3c4d5e6f7a8b9c0d", "email": "user@example.com", "name": "Jane Doe"},
    },
    "auth.login": {
        "access_token": "eyJhbGciOiJIUzI1NiIs...",
        "user": {
            "id": "665f1a2b3c4d5e6f7a8b9c0d",
            "email": "user@example.com",
            "name": "Jane Doe",
            "pilotageRole": "owner",
        },
    },
    "auth.me": {
        "user": {
            "id": "665f1a2b3c4d5e6f7a8b9c0d",
            "email": "user@example.com",
            "name": "Jane Doe",
            "pilotageRole": "owner",
        }
    },
    "organizations.create": {
        "id": "665f1a2b3c4d5e6f7a8b9c0d",
        "name": "Acme Corp",
        "slug": "acme-corp",
        "ownerId": "665f1a2b3c4d5e6f7a8b9c0d",
        "createdAt": "2026-01-15T10:30:00Z",
    },
    "organizations.list": [
        {"id": "665f1a2b3c4d5e6f7a8b9c0d", "name": "Acme Corp", "slug": "acme-corp", "myRole": "owner"}
    ],
    "organizations.get": {
        "id": "665f1a2b3c4d5e6f7a8b9c0d",
        "name": "Acme Corp",
        "slug": "acme-corp",
        "ownerId": "665f1a2b3c4d5e6f7a8b9c0d",
        "myRole": "owner",
    },
    "organizations.list_members": [
        {"userId": "665f1a2b3c4d5e6f7a8b9c0d", "role": "owner", "email": "owner@acme.com"},
        {"userId": "665f1b3c3c4d5e6f7a8b9c0d", "role": "member", "email": "dev@acme.com"},
    ],
    "workspaces.get": {
        "id": "665f2d4e3c4d5e6f7a8b9c0d",
        "name": "Engineering",
        "slug": "engineering",
        "organizationId": "665f1a2b3c4d5e6f7a8b9c0d",
        "ownerId": "665f1a2b3c4d5e6f7a8b9c0d",
        "isPersonal": False,
        "myRole": "admin",
        "myPilotageRole": "owner",
        "createdAt": "2026-01-15T10:30:00Z",
        "updatedAt": "2026-01-15T10:30:00Z",
    },
    "projects.create": {
        "id": "665f2d4e3c4d5e6f7a8b9c0d",
        "name": "Q1 Launch",
        "workspaceId": "665f2d4e3c4d5e6f7a8b9c0d",
        "createdAt": "2026-03-10T10:00:00Z",
    },
    "columns.list": [
        {
            "id": "665f3e5f3c4d5e6f7a8b9c0d",
            "name": "To Do",
            "projectId": "665f2d4e3c4d5e6f7a8b9c0d",
            "order": 0,
            "createdAt": "2026-01-15T10:30:00Z",
        }
    ],
    "columns.delete": {"ok": True},
    "cards.list": [
        {
            "id": "665f4f6a3c4d5e6f7a8b9c0d",
            "title": "Design API endpoints",
            "description": "REST routes for billing module",
            "columnId": "665f3e5f3c4d5e6f7a8b9c0d",
            "order": 0,
            "archived": False,
            "priority": "high",
            "dueDate": "2026-04-01T00:00:00Z",
            "assigneeId": "665f1a2b3c4d5e6f7a8b9c0d",
            "checklist": [{"_id": "a1b2c3", "title": "List endpoints", "done": True, "order": 0}],
            "commentCount": 3,
            "attachmentCount": 1,
        }
    ],
    "cards.delete": {"ok": True},
    "comments.list": [
        {
            "id": "665f5a7b3c4d5e6f7a8b9c0d",
            "cardId": "665f4f6a3c4d5e6f7a8b9c0d",
            "authorId": "665f1a2b3c4d5e6f7a8b9c0d",
            "authorName": "Jane Doe",
            "content": "Spec looks good, let's proceed.",
            "createdAt": "2026-03-10T14:22:00Z",
        }
    ],
    "attachments.list": [
        {
            "id": "665f6b8c3c4d5e6f7a8b9c0d",
            "cardId": "665f4f6a3c4d5e6f7a8b9c0d",
            "uploadedBy": "665f1a2b3c4d5e6f7a8b9c0d",
            "originalName": "api-spec.pdf",
            "mimeType": "application/pdf",
            "size": 245760,
            "createdAt": "2026-03-10T14:30:00Z",
        }
    ],
    "notifications.list": [
        {
            "id": "665f7c9d3c4d5e6f7a8b9c0d",
            "userId": "665f1a2b3c4d5e6f7a8b9c0d",
            "readAt": None,
            "activity": {
                "type": "card_moved",
                "actorId": "665f1b3c3c4d5e6f7a8b9c0d",
                "meta": {"fromColumn": "To Do", "toColumn": "In Progress"},
                "createdAt": "2026-03-10T15:00:00Z",
            },
        }
    ],
    "notifications.count": {"count": 12},
    "pilotage.state": {
        "cycle": "v8",
        "contractVersion": 7,
        "missions": [
            {
                "id": "m-001",
                "objective": "Implement billing module",
                "module": "billing",
                "status": "in_progress",
                "blockedReason": None,
            }
        ],
        "activePriorities": [],
        "todos": [],
        "decisions": [],
        "activeDocs": [],
        "usageContext": {"profile": "pilotage", "role": "owner", "intent": "weekly_review"},
    },
    "pilotage.propose_action": {
        "id": "act-001",
        "actionType": "move_card",
        "explanation": "All subtasks complete, move to Done",
        "status": "suggested",
        "payload": {"cardId": "665f4f6a3c4d5e6f7a8b9c0d", "targetColumn": "Done"},
        "createdAt": "2026-03-10T15:30:00Z",
    },
    "api_tokens.create": {
        "id": "665f8dae3c4d5e6f7a8b9c0d",
        "token": "synth_a1b2c3d4e5f6...",
        "name": "CI Pipeline",
        "prefix": "synth_a1b2",
        "scopes": ["projects:read", "projects:write"],
        "expiresAt": "2027-01-01T00:00:00Z",
        "createdAt": "2026-03-10T16:00:00Z",
    },
    "api_tokens.list": [
        {
            "id": "665f8dae3c4d5e6f7a8b9c0d",
            "name": "CI Pipeline",
            "prefix": "synth_a1b2",
            "scopes": ["projects:read", "projects:write"],
            "expiresAt": "2027-01-01T00:00:00Z",
            "lastUsedAt": "2026-03-12T09:15:00Z",
            "createdAt": "2026-03-10T16:00:00Z",
        }
    ],
}
