"""How each operation is asked for so that whoever may do it succeeds, and how its path is varied."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import attrs

from stellary.contract.port import RawResponse
from tests.security.permission_world import NEW_PASSWORD, PermissionWorld, Place
from tests.security.table import Row
from tests.support.forms import FORM, form
from tests.support.world import PASSWORD

REQUEST_ID = "the-same"
"""Sent with every request: answers that differ in nothing else are the same bytes."""


@attrs.frozen
class Asking:
    """A good request.

    Attributes:
        body: Built from the permission world; None for a request without a body.
        query: Without the question mark.
        places: Which thing of a place stands in the path, where it is not the one of the parameter's own name.
        own: Which of the persona's own things stands where in the path.
        headers: Beside those of every request.
    """

    body: Callable[[PermissionWorld], Any] | None = None
    query: str = ""
    places: Mapping[str, str] = attrs.field(factory=dict)
    own: Mapping[str, str] = attrs.field(factory=dict)
    headers: Mapping[str, str] = attrs.field(factory=dict)


def _saying(**body: Any) -> Asking:
    return Asking(lambda permission_world: body)


_PLAIN = Asking()
# Pilotage has missions of its own.
_OF_MISSION = Asking(places={"missionId": "agentMissionId"})

ASKINGS: Mapping[str, Asking] = {
    "auth.register": _saying(email="somebody@example.com", password="long enough"),
    "auth.login": _saying(email="wm@example.com", password=PASSWORD),
    "auth.me": _PLAIN,
    "auth.update_me": _saying(name="Renamed"),
    "auth.change_password": _saying(currentPassword=PASSWORD, newPassword=NEW_PASSWORD),
    "organizations.create": _saying(name="Fresh", slug="fresh"),
    "organizations.list": _PLAIN,
    "organizations.get": _PLAIN,
    "organizations.update": _saying(name="Renamed"),
    "organizations.delete": _PLAIN,
    "organizations.list_members": _PLAIN,
    "organizations.add_member": _saying(email="new@example.com", role="member"),
    "organizations.update_member": _saying(role="admin"),
    "organizations.remove_member": _PLAIN,
    "organizations.leave": _PLAIN,
    "workspaces.create": _saying(name="Fresh", slug="fresh"),
    "workspaces.list": _PLAIN,
    "workspaces.get": _PLAIN,
    "workspaces.update": _saying(name="Renamed"),
    "workspaces.delete": _PLAIN,
    "workspaces.list_members": _PLAIN,
    "workspaces.update_member": _saying(role="admin", pilotageRole="reviewer"),
    "workspaces.remove_member": Asking(own={"userId": "userId"}),
    "workspaces.invite": _saying(email="new@example.com", role="member"),
    "invitations.list": _PLAIN,
    "invitations.revoke": _PLAIN,
    "invitations.accept": Asking(own={"token": "token"}),
    "projects.create": _saying(name="Fresh"),
    "projects.list": _PLAIN,
    "projects.templates": _PLAIN,
    "projects.portfolio": _PLAIN,
    "projects.get": _PLAIN,
    "projects.update": _saying(name="Renamed"),
    "projects.delete": _PLAIN,
    "projects.board": _PLAIN,
    "projects.export": _PLAIN,
    "projects.import": _saying(
        project={"name": "Fresh"},
        columns=[{"name": "To Do"}],
        cards=[
            {
                "title": "First",
                "columnIndex": 0,
                "assignee": "wm@example.com",
                "comments": [{"content": "Well."}],
                "relations": [],
            }
        ],
        members=[{"email": "wm@example.com"}],
    ),
    "projects.activity": _PLAIN,
    "search.query": Asking(query="q=a"),
    "projects.list_members": _PLAIN,
    "projects.add_member": _saying(email="wm@example.com"),
    "projects.remove_member": _PLAIN,
    "columns.create": _saying(name="In Review"),
    "columns.list": _PLAIN,
    "columns.update": _saying(name="Code Review"),
    "columns.delete": _PLAIN,
    "cards.list": _PLAIN,
    "cards.create": _saying(title="Fresh"),
    "cards.get": _PLAIN,
    "cards.update": _saying(title="Renamed"),
    "cards.delete": _PLAIN,
    "cards.create_many": Asking(
        lambda permission_world: {
            "cards": [{"title": "Fresh", "columnId": permission_world.here["columnId"]}]
        }
    ),
    "cards.update_many": Asking(
        lambda permission_world: {"cards": [{"id": permission_world.here["cardId"], "title": "Renamed"}]}
    ),
    "comments.list": _PLAIN,
    "comments.create": _saying(content="What about errors?"),
    "comments.update": _saying(content="What about them?"),
    "comments.delete": _PLAIN,
    "attachments.list": _PLAIN,
    "attachments.upload": Asking(lambda permission_world: form(b"Hello."), headers={"content_type": FORM}),
    "attachments.download": _PLAIN,
    "attachments.delete": _PLAIN,
    "scopes.create": _saying(name="Phase 3"),
    "scopes.list": _PLAIN,
    "scopes.get": _PLAIN,
    "scopes.update": _saying(name="Phase two"),
    "scopes.delete": _PLAIN,
    "scopes.views": Asking(query="type=stats"),
    "scopes.set_view": _saying(activeView="list", settings={"sortBy": "dueDate"}),
    "labels.create": _saying(name="Urgent", color="#22c55e"),
    "labels.list": _PLAIN,
    "labels.update": _saying(name="Urgent"),
    "labels.delete": _PLAIN,
    "labels.add_to_card": _PLAIN,
    "labels.remove_from_card": Asking(places={"labelId": "hungLabelId"}),
    "custom_fields.create": _saying(name="Severity", type="select", options=["high"]),
    "custom_fields.list": _PLAIN,
    "custom_fields.update": _saying(name="Severity"),
    "custom_fields.delete": _PLAIN,
    "custom_fields.set_values": Asking(lambda permission_world: {permission_world.here["fieldId"]: "high"}),
    "relations.create": Asking(
        lambda permission_world: {"targetCardId": permission_world.here["thirdCardId"], "type": "blocks"}
    ),
    "relations.list": _PLAIN,
    "relations.delete": _PLAIN,
    "checklist.list": _PLAIN,
    "checklist.add": _saying(title="Another step"),
    "checklist.update": _saying(done=True),
    "checklist.delete": _PLAIN,
    "documents.create": Asking(
        lambda permission_world: {
            "title": "Fresh",
            "docType": "spec",
            "content": {"type": "doc", "content": [{"type": "paragraph"}]},
            "parentId": permission_world.here["documentId"],
            "tags": ["api"],
        }
    ),
    "documents.list": _PLAIN,
    "documents.get": _PLAIN,
    "documents.update": _saying(title="Renamed"),
    "documents.delete": _PLAIN,
    "documents.submit_review": _PLAIN,
    "documents.review": Asking(
        lambda permission_world: {"status": "approved", "notes": "Good."},
        places={"documentId": "pendingDocumentId"},
    ),
    "documents.versions": Asking(places={"documentId": "pendingDocumentId"}),
    "documents.get_version": Asking(places={"documentId": "pendingDocumentId"}),
    "automations.create": _saying(
        trigger="task_moved",
        conditions={"all": [{"field": "toColumn", "op": "eq", "value": "Done"}]},
        action={"type": "add_comment", "params": {"content": "Well done."}},
    ),
    "automations.list": _PLAIN,
    "automations.get": _PLAIN,
    "automations.update": _saying(name="Praise"),
    "automations.delete": _PLAIN,
    "automations.toggle": _saying(enabled=False),
    "automations.traces": _PLAIN,
    "pilotage.state": Asking(query="profile=pilotage&intent=weekly_review&detailLevel=detailed"),
    "pilotage.create_mission": _saying(objective="Implement billing", module="billing"),
    "pilotage.list_missions": _PLAIN,
    "pilotage.update_mission": Asking(
        lambda permission_world: {"status": "blocked", "blockedReason": "Waiting on API"},
        places={"id": "missionId"},
    ),
    "pilotage.delete_mission": Asking(places={"id": "missionId"}),
    "pilotage.create_priority": _saying(label="Ship billing MVP"),
    "pilotage.list_priorities": _PLAIN,
    "pilotage.update_priority": Asking(
        lambda permission_world: {"status": "done"}, places={"id": "priorityId"}
    ),
    "pilotage.delete_priority": Asking(places={"id": "priorityId"}),
    "pilotage.create_todo": Asking(
        lambda permission_world: {
            "label": "Write Stripe integration tests",
            "missionId": permission_world.here["missionId"],
            "priorityId": permission_world.here["priorityId"],
        }
    ),
    "pilotage.list_todos": _PLAIN,
    "pilotage.update_todo": Asking(lambda permission_world: {"status": "done"}, places={"id": "todoId"}),
    "pilotage.delete_todo": Asking(places={"id": "todoId"}),
    "pilotage.create_decision": _saying(title="Use Stripe", impact="Saves three weeks"),
    "pilotage.list_decisions": _PLAIN,
    "pilotage.create_doc": _saying(title="Billing API Spec v2", owner="Jane Doe", sourceType="tech"),
    "pilotage.list_docs": _PLAIN,
    "pilotage.update_doc": Asking(lambda permission_world: {"owner": "Jane Doe"}, places={"id": "docId"}),
    "pilotage.delete_doc": Asking(places={"id": "docId"}),
    "pilotage.propose_action": Asking(
        lambda permission_world: {
            "actionType": "move_card",
            "explanation": "All subtasks complete, move to Done",
            "payload": {"cardId": permission_world.here["cardId"], "targetColumn": "Done"},
        }
    ),
    "pilotage.list_actions": _PLAIN,
    "pilotage.get_action": Asking(places={"id": "proposedId"}),
    "pilotage.review_action": Asking(
        lambda permission_world: {"approved": True, "reason": "Looks correct"}, places={"id": "proposedId"}
    ),
    "pilotage.apply_action": Asking(places={"id": "approvedId"}),
    "project_drafts.create": _saying(
        name="Web shop",
        description="We must sell online by 1 June 2027.",
        contextDocuments=[{"title": "Minutes", "content": "- Build the shop"}],
    ),
    "project_drafts.list": _PLAIN,
    "project_drafts.get": _PLAIN,
    "project_drafts.refine": _saying(answers={"work": "Build the shop"}),
    "project_drafts.generate_roadmap": _saying(feedback="add a phase for testing"),
    "project_drafts.execute": Asking(
        lambda permission_world: {"startDate": "2027-01-04"}, places={"draftId": "plannedDraftId"}
    ),
    "project_drafts.delete": _PLAIN,
    "agents.create": _saying(
        name="Scribe", tools=["board.read"], rateLimit={"maxActions": 5, "windowSeconds": 60}
    ),
    "agents.list": _PLAIN,
    "agents.get": _PLAIN,
    "agents.update": _saying(status="suspended"),
    "agents.delete": _PLAIN,
    "agents.audit": _PLAIN,
    "agents.create_token": _saying(name="Claude Code"),
    "agents.list_tokens": _PLAIN,
    "agents.revoke_token": _PLAIN,
    "agent_missions.create": Asking(
        lambda permission_world: {"cardId": permission_world.here["cardId"], "prompt": "move to Done"},
    ),
    "agent_missions.list": _PLAIN,
    "agent_missions.get": _OF_MISSION,
    "agent_missions.cancel": _OF_MISSION,
    "agent_missions.list_proposals": _OF_MISSION,
    "agent_missions.events": _OF_MISSION,
    "agent_missions.approve_all": _OF_MISSION,
    "agent_missions.reject_all": Asking(
        lambda permission_world: {"reason": "Not now"}, places={"missionId": "agentMissionId"}
    ),
    "proposals.list": _PLAIN,
    "proposals.approve": _PLAIN,
    "proposals.reject": _saying(reason="Not now"),
    "webhooks.create": _saying(url="https://hooks.example.com/stellary", events=["card_moved"]),
    "webhooks.list": _PLAIN,
    "webhooks.update": _saying(active=False),
    "webhooks.delete": _PLAIN,
    "webhooks.deliveries": _PLAIN,
    "webhooks.redeliver": _PLAIN,
    "notifications.list": _PLAIN,
    "notifications.count": _PLAIN,
    "notifications.read_all": _PLAIN,
    "notifications.read": Asking(own={"id": "notificationId"}),
    "api_tokens.create": _saying(name="Script"),
    "api_tokens.list": _PLAIN,
    "api_tokens.delete": Asking(own={"id": "apiTokenId"}),
    "workspace_events.stream": _PLAIN,
    "system.root": _PLAIN,
    "system.health": _PLAIN,
    "system.ready": _PLAIN,
    "system.openapi": _PLAIN,
    "system.docs": _PLAIN,
    "system.metrics": _PLAIN,
}
"""By operation. One that is served and not here fails the tests by name."""


def place_of(permission_world: PermissionWorld, row: Row, persona: str, whose: str | None = None) -> Place:
    """What stands in the path of a good request.

    Args:
        permission_world: The world that receives the request.
        row: What is asked.
        persona: Who asks.
        whose: ``own`` or ``other``, where it is to be the persona's own thing or somebody else's; if not given, that of
            the place where the personas have their roles, or else the persona's own.
    """
    asking = ASKINGS[row.operation]
    owner = permission_world.person_of(persona)
    if whose == "other":
        owner = "WM" if owner != "WM" else "PM"
    made = {}
    for name in row.parameters:
        if name in asking.own and (whose == "own" or name not in permission_world.here):
            made[name] = permission_world.own[owner][asking.own[name]]
        else:
            made[name] = permission_world.here[asking.places.get(name, name)]
    return made


def filled(path: str, place: Mapping[str, str]) -> str:
    """The path with its parameters filled in; what is percent-encoded already stays as it is."""
    return "/".join(
        quote(place[part[1:]], safe="%") if part.startswith(":") else part for part in path.split("/")
    )


def send(
    permission_world: PermissionWorld,
    row: Row,
    persona: str,
    place: Place,
    *,
    body: Any = ...,
    query: str | None = None,
    path: str | None = None,
    **headers: str,
) -> RawResponse:
    """Ask for an endpoint.

    Args:
        permission_world: The world that receives the request.
        row: What is asked.
        persona: Who asks.
        place: What stands in the path.
        body: Instead of the good one: what is to be JSON, or bytes.
        query: Instead of the good one.
        path: Instead of the published one.
        headers: Beside the token.
    """
    asking = ASKINGS[row.operation]
    if body is ...:
        body = asking.body(permission_world) if asking.body else None
    query = asking.query if query is None else query
    url = filled(path or row.path, place) + (f"?{query}" if query else "")
    headers = {"x_request_id": REQUEST_ID, **asking.headers, **headers}
    return permission_world.world.call(
        permission_world.bearer(persona, row), row.method, url, body, **headers
    )
