"""A good request for each operation, which succeeds for a caller who is allowed to send it."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol
from urllib.parse import quote

import attrs

from stellary.contract import ENDPOINTS
from stellary.contract.naming import wire_fields
from tests.security.permission_world import (
    FACTOR_SECRET,
    NEW_PASSWORD,
    RECOVERY_CODE,
    PathParams,
    PermissionWorld,
)
from tests.security.table import Row
from tests.support.authenticator import show_code
from tests.support.forms import FORM, form
from tests.support.world import PASSWORD

REQUEST_ID = "the-same"
"""Sent with every request, so that equal answers have the same bytes."""


class Answer(Protocol):
    """A response, in process or over HTTP."""

    @property
    def status(self) -> int: ...
    @property
    def body(self) -> bytes: ...


@attrs.frozen
class GoodRequest:
    """A good request.

    Attributes:
        body: A function that builds the body; None for a request without a body.
        query: The query string without the question mark.
        path_items: By path parameter, the name of the item in the world, if it is not the name of the parameter.
        own_items: By path parameter, the name of an item of the persona.
        headers: Headers beside those of every request.
    """

    body: Callable[[PermissionWorld], Any] | None = None
    query: str = ""
    path_items: Mapping[str, str] = attrs.field(factory=dict)
    own_items: Mapping[str, str] = attrs.field(factory=dict)
    headers: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Id:
    """The id of an item, in a body that ``resolve`` completes.

    Attributes:
        name: The name of the path parameter.
        place: The project of the item: an attribute of the world.
    """

    name: str
    place: str = "here"


def resolve(value: Any, permission_world: PermissionWorld) -> Any:
    """Return a value whose ids are those of a world; call a function of the world."""
    if isinstance(value, Id):
        return getattr(permission_world, value.place)[value.name]
    if isinstance(value, dict):
        return {
            resolve(key, permission_world): resolve(item, permission_world) for key, item in value.items()
        }
    if isinstance(value, list):
        return [resolve(item, permission_world) for item in value]
    return value(permission_world) if callable(value) else value


def _with_body(path_items: Mapping[str, str] | None = None, /, **body: Any) -> GoodRequest:
    return GoodRequest(partial(resolve, body), path_items=path_items or {})


# Pilotage has missions of its own.
_OF_MISSION = GoodRequest(path_items={"missionId": "agentMissionId"})
# Cards have comments of their own.
_ON_DOCUMENT = {"commentId": "documentCommentId"}

GOOD_REQUESTS: Mapping[str, GoodRequest] = {
    **{
        endpoint.operation: GoodRequest()
        for endpoint in ENDPOINTS
        if endpoint.in_query or not wire_fields(endpoint.request_class)
    },
    "auth.register": _with_body(email="somebody@example.com", password="long enough"),
    "auth.login": _with_body(email="wm@example.com", password=PASSWORD),
    "auth.update_me": _with_body(name="Renamed"),
    "auth.change_password": _with_body(currentPassword=PASSWORD, newPassword=NEW_PASSWORD),
    "auth.change_email": _with_body(email="fresh@example.com", currentPassword=PASSWORD),
    "auth.confirm_email": GoodRequest(lambda permission_world: {"token": permission_world.email_token}),
    "auth.send_confirmation": _with_body(action="delete_account"),
    "auth.delete_account": _with_body(currentPassword=PASSWORD),
    "auth.revoke_session": GoodRequest(own_items={"sessionId": "sessionId"}),
    "auth.unlink_identity": GoodRequest(own_items={"identityId": "identityId"}),
    "auth.enroll_second_factor": _with_body(currentPassword=PASSWORD),
    "auth.confirm_second_factor": GoodRequest(
        lambda permission_world: {"code": show_code(FACTOR_SECRET, permission_world.core.env.clock())}
    ),
    "auth.disable_second_factor": _with_body(currentPassword=PASSWORD, code=RECOVERY_CODE),
    "auth.forgot_password": _with_body(email="wm@example.com"),
    "auth.reset_password": GoodRequest(
        lambda permission_world: {"token": permission_world.reset_token, "newPassword": NEW_PASSWORD}
    ),
    "organizations.create": _with_body(name="Fresh", slug="fresh"),
    "organizations.update": _with_body(name="Renamed"),
    "organizations.add_member": _with_body(email="new@example.com", role="member"),
    "organizations.update_member": _with_body(role="admin"),
    "workspaces.create": _with_body(name="Fresh", slug="fresh"),
    "workspaces.update": _with_body(name="Renamed"),
    "workspaces.update_member": _with_body(role="admin", pilotageRole="reviewer"),
    "workspaces.remove_member": GoodRequest(own_items={"userId": "userId"}),
    "workspaces.invite": _with_body(email="new@example.com", role="member"),
    "invitations.accept": GoodRequest(own_items={"token": "token"}),
    "projects.create": _with_body(name="Fresh"),
    "projects.update": _with_body(name="Renamed"),
    "projects.import": _with_body(
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
    "imports.create": _with_body(
        project={"name": "Fresh"},
        columns=[{"name": "To Do"}],
        members=[{"email": "wm@example.com"}],
    ),
    "imports.add_part": _with_body(
        part=0, cards=[{"title": "First", "columnIndex": 0, "comments": [{"content": "Well."}]}]
    ),
    "workspaces.activity": GoodRequest(query="entity=todo"),
    "search.query": GoodRequest(query="q=a"),
    "projects.add_member": GoodRequest(
        lambda permission_world: {"email": permission_world.here.get("newcomer", "wm@example.com")}
    ),
    "projects.update_member": _with_body(role="viewer"),
    "columns.create": _with_body(name="In Review"),
    "columns.update": _with_body(name="Code Review"),
    "cards.create": _with_body(title="Fresh"),
    "cards.update": _with_body(title="Renamed"),
    "cards.duplicate": _with_body(title="Another", comments=True),
    "columns.duplicate": _with_body(name="Another"),
    "documents.duplicate": _with_body(title="Another"),
    "documents.transfer": _with_body(contextType="scope", contextId=Id("scopeId", "beside")),
    "projects.duplicate": _with_body(name="Another", content="all"),
    "projects.save_template": _with_body(name="Another", content="all"),
    "projects.update_template": _with_body(name="Renamed"),
    "cards.create_many": _with_body(cards=[{"title": "Fresh", "columnId": Id("columnId")}]),
    "cards.update_many": _with_body(cards=[{"id": Id("cardId"), "title": "Renamed"}]),
    "columns.transfer": _with_body(
        {"columnId": "fullColumnId"}, scopeId=Id("scopeId", "beside"), missing="drop"
    ),
    "cards.transfer": _with_body(columnId=Id("columnId", "beside"), missing="drop"),
    "cards.transfer_many": _with_body(
        cardIds=[Id("cardId")], columnId=Id("columnId", "beside"), missing="drop"
    ),
    "comments.create": _with_body(content="What about errors?"),
    "comments.update": _with_body(content="What about them?"),
    "time_entries.create": _with_body(minutes=90, day="2026-04-01", note="Draft"),
    "time_entries.update": _with_body(minutes=60),
    "time_entries.stop": _with_body(note="Draft"),
    "time_entries.list_all": GoodRequest(query="from=2026-01-01"),
    "time_entries.export": GoodRequest(query="from=2026-01-01"),
    "attachments.upload": GoodRequest(
        lambda permission_world: form(b"Hello."), headers={"content_type": FORM}
    ),
    "scopes.create": _with_body(name="Phase 3"),
    "scopes.update": _with_body(name="Phase two"),
    "scopes.views": GoodRequest(query="type=stats"),
    "scopes.set_view": _with_body(activeView="list", settings={"sortBy": "dueDate"}),
    "labels.create": _with_body(name="Urgent", color="#22c55e"),
    "labels.update": _with_body(name="Urgent"),
    "labels.remove_from_card": GoodRequest(path_items={"labelId": "hungLabelId"}),
    "custom_fields.create": _with_body(name="Severity", type="select", options=["high"]),
    "custom_fields.update": _with_body(name="Severity"),
    "custom_fields.set_values": GoodRequest(partial(resolve, {Id("fieldId"): "high"})),
    "relations.create": _with_body(targetCardId=Id("thirdCardId"), type="blocks"),
    "checklist.add": _with_body(title="Another step"),
    "checklist.update": _with_body(done=True),
    "documents.create": _with_body(
        title="Fresh",
        docType="spec",
        content={"type": "doc", "content": [{"type": "paragraph"}]},
        parentId=Id("documentId"),
        tags=["api"],
    ),
    "documents.update": _with_body(title="Renamed"),
    "documents.review": _with_body({"documentId": "pendingDocumentId"}, status="approved", notes="Good."),
    "documents.versions": GoodRequest(path_items={"documentId": "pendingDocumentId"}),
    "documents.get_version": GoodRequest(path_items={"documentId": "pendingDocumentId"}),
    "document_comments.create": _with_body(content="What about errors?"),
    "document_comments.update": _with_body(_ON_DOCUMENT, content="What about them?"),
    "document_comments.delete": GoodRequest(path_items=_ON_DOCUMENT),
    "trash.restore": GoodRequest(),
    "automations.create": _with_body(
        trigger="task_moved",
        conditions={"all": [{"field": "toColumn", "op": "eq", "value": "Done"}]},
        action={"type": "add_comment", "params": {"content": "Well done."}},
    ),
    "automations.update": _with_body(name="Praise"),
    "automations.toggle": _with_body(enabled=False),
    "automations.test": _with_body(cardId=Id("cardId")),
    "pilotage.state": GoodRequest(query="profile=pilotage&intent=weekly_review&detailLevel=detailed"),
    "pilotage.create_mission": _with_body(objective="Implement billing", module="billing"),
    "pilotage.update_mission": _with_body(
        {"id": "missionId"}, status="blocked", blockedReason="Waiting on API"
    ),
    "pilotage.delete_mission": GoodRequest(path_items={"id": "missionId"}),
    "pilotage.create_priority": _with_body(label="Ship billing MVP"),
    "pilotage.update_priority": _with_body({"id": "priorityId"}, status="done"),
    "pilotage.delete_priority": GoodRequest(path_items={"id": "priorityId"}),
    "pilotage.create_todo": _with_body(
        label="Write Stripe integration tests", missionId=Id("missionId"), priorityId=Id("priorityId")
    ),
    "pilotage.update_todo": _with_body({"id": "todoId"}, status="done"),
    "pilotage.delete_todo": GoodRequest(path_items={"id": "todoId"}),
    "pilotage.create_decision": _with_body(title="Use Stripe", impact="Saves three weeks"),
    "pilotage.create_doc": _with_body(title="Billing API Spec v2", owner="Jane Doe", sourceType="tech"),
    "pilotage.update_doc": _with_body({"id": "docId"}, owner="Jane Doe"),
    "pilotage.delete_doc": GoodRequest(path_items={"id": "docId"}),
    "pilotage.propose_action": _with_body(
        actionType="move_card",
        explanation="All subtasks complete, move to Done",
        payload={"cardId": Id("cardId"), "targetColumn": "Done"},
    ),
    "pilotage.get_action": GoodRequest(path_items={"id": "proposedId"}),
    "pilotage.review_action": _with_body({"id": "proposedId"}, approved=True, reason="Looks correct"),
    "pilotage.apply_action": GoodRequest(path_items={"id": "approvedId"}),
    "project_drafts.create": _with_body(
        name="Web shop",
        description="We must sell online by 1 June 2027.",
        contextDocuments=[{"title": "Minutes", "content": "- Build the shop"}],
    ),
    "project_drafts.refine": _with_body(answers={"work": "Build the shop"}),
    "project_drafts.generate_roadmap": GoodRequest(),
    "project_drafts.edit_roadmap": _with_body(
        {"draftId": "plannedDraftId"}, operations=[{"type": "add", "name": "Testing"}]
    ),
    "project_drafts.execute": _with_body({"draftId": "plannedDraftId"}, startDate="2027-01-04"),
    "agents.create": _with_body(
        name="Scribe", tools=["board.read"], rateLimit={"maxActions": 5, "windowSeconds": 60}
    ),
    "agents.update": _with_body(status="suspended"),
    "agents.create_token": _with_body(name="Claude Code"),
    "agent_missions.create": _with_body(cardId=Id("cardId"), prompt="move to Done"),
    "model_usage.set_key": _with_body(provider="openai", secret="sk-1"),
    "agent_missions.get": _OF_MISSION,
    "agent_missions.cancel": _OF_MISSION,
    "agent_missions.list_proposals": _OF_MISSION,
    "agent_missions.events": _OF_MISSION,
    "agent_missions.approve_all": _OF_MISSION,
    "agent_missions.reject_all": _with_body({"missionId": "agentMissionId"}, reason="Not now"),
    "proposals.reject": _with_body(reason="Not now"),
    "saved_filters.create": _with_body(name="My week", filter="assignee = me and due < +7d", shared=True),
    "saved_filters.update": _with_body(name="Renamed"),
    "webhooks.create": _with_body(url="https://hooks.example.com/stellary", events=["card_moved"]),
    "webhooks.update": _with_body(active=False),
    "notifications.read": GoodRequest(own_items={"id": "notificationId"}),
    "cards.watch": _with_body(level="mute"),
    "projects.watch": _with_body(level="mute"),
    "notifications.update_preferences": _with_body(timeZone="Europe/Berlin", digest="week"),
    "api_tokens.create": _with_body(name="Script"),
    "deleted_containers.restore": GoodRequest(own_items={"trashId": "containerTrashId"}),
    "deleted_containers.delete": GoodRequest(own_items={"trashId": "containerTrashId"}),
    "api_tokens.delete": GoodRequest(own_items={"id": "apiTokenId"}),
}
"""The requests by operation; by default, of those without a body, one without a query. A test fails if an operation is missing."""


def make_path_params(
    permission_world: PermissionWorld, row: Row, persona: str, owner: str | None = None
) -> PathParams:
    """Return the path parameters of a good request.

    Args:
        permission_world: The world that receives the request.
        row: The endpoint.
        persona: The caller.
        owner: ``own`` for an item of the persona, ``other`` for one of another user; by default an item of the
            project in which the personas have their roles, or else an item of the persona.
    """
    good_request = GOOD_REQUESTS[row.operation]
    person = permission_world.person_of(persona)
    if owner == "other":
        person = "WM" if person != "WM" else "PM"
    params = {}
    for name in row.parameters:
        is_own = owner == "own" or row.role == "self_obj" or name not in permission_world.here
        if name in good_request.own_items and is_own:
            params[name] = permission_world.own_items[person][good_request.own_items[name]]
        else:
            params[name] = permission_world.here[good_request.path_items.get(name, name)]
    return params


def fill_path(path: str, params: Mapping[str, str]) -> str:
    """Return a path with its parameters filled in; percent-encoded characters stay as they are."""
    return "/".join(
        quote(params[part[1:]], safe="%") if part.startswith(":") else part for part in path.split("/")
    )


def send(
    permission_world: PermissionWorld,
    row: Row,
    persona: str,
    params: PathParams,
    *,
    body: Any = ...,
    query: str | None = None,
    path: str | None = None,
    call: Callable[..., Answer] | None = None,
    **headers: str,
) -> Answer:
    """Send a request to an endpoint, by default a good one.

    Args:
        permission_world: The world that receives the request.
        row: The endpoint.
        persona: The caller.
        params: The path parameters.
        body: Another body: data for JSON, or bytes.
        query: Another query string.
        path: Another path than the published one.
        call: A function that sends it as ``World.call`` does, which is the default.
        headers: Headers beside the token.
    """
    good_request = GOOD_REQUESTS[row.operation]
    if body is ...:
        body = good_request.body(permission_world) if good_request.body else None
    query = good_request.query if query is None else query
    url = fill_path(path or row.path, params) + (f"?{query}" if query else "")
    headers = {"x_request_id": REQUEST_ID, **good_request.headers, **headers}
    call = call or permission_world.world.call
    return call(permission_world.bearer(persona, row), row.method, url, body, **headers)
