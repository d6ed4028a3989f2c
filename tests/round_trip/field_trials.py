"""A value that is not the default for every field of every request body, and where that value is read back.

A field that is not listed gets a value by its type. It must come back under its own name in the answer, and in what
the resource's GET endpoints answer about the same thing.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Literal, get_args, get_origin

import attrs
import orjson

from stellary.contract.limits import Range
from stellary.contract.naming import base, marks, wire_fields
from stellary.contract.wire import Request
from tests.security.good_requests import Id, make_path_params, resolve, send
from tests.security.permission_world import PathParams, PermissionWorld
from tests.security.table import SERVED, Row
from tests.support.core_parts import SERVICES

CALLER = "OO"
ROWS = {row.operation: row for row in SERVED}
TEXT = "Round trip"
DATE = "2031-05-06T00:00:00Z"
PARAGRAPH = {"type": "paragraph", "content": [{"type": "text", "text": TEXT}]}
HEADING = {"type": "heading", "attrs": {"level": 1}, "content": [{"type": "text", "text": TEXT}]}


class Conversation:
    """One write and the reads after it, by a caller who may do both."""

    def __init__(self, permission_world: PermissionWorld, row: Row) -> None:
        self.permission_world = permission_world
        self.row = row
        self.params: PathParams = {**permission_world.here, **make_path_params(permission_world, row, CALLER)}
        self.answer: Any = None

    def ask(self, operation: str, body: Any = None, query: str = "", **params: str) -> Any:
        """Call an operation that must succeed, and return its answer."""
        response = send(
            self.permission_world, ROWS[operation], CALLER, {**self.params, **params}, body=body, query=query
        )
        content = orjson.loads(response.body)
        assert response.status < 300, (operation, content)
        return content

    def send_usual(self, operation: str) -> None:
        """Send the request with which the permission tests try an operation; it must succeed."""
        response = send(
            self.permission_world,
            ROWS[operation],
            CALLER,
            make_path_params(self.permission_world, ROWS[operation], CALLER),
        )
        assert response.status < 300, (operation, response.body)

    def log_in(self, email: str, password: str) -> Any:
        """Return the answer to a login, without demanding that it succeeds."""
        response = self.permission_world.world.call(
            None, "POST", "/auth/login", {"email": email, "password": password}
        )
        return orjson.loads(response.body)


@attrs.frozen
class FieldTrial:
    """The trial of one field.

    Attributes:
        value: The value to send, which may contain ids of the world; by default derived from the field's type.
        body: The other fields of the body, which may contain ids of the world; by default those of the permission tests.
        read: Return what came of the field; by default it is looked for under its own name.
        expected: What ``read`` must return; the value if not given.
        prepare: Called before the request is sent.
    """

    value: Any = ...
    body: Any = ...
    read: Callable[[Conversation], Any] | None = None
    expected: Any = ...
    prepare: Callable[[Conversation], object] | None = None


def _read_from(operation: str, name: str, **params: str) -> Callable[[Conversation], Any]:
    """Return a reader of one field of a single resource, addressed by the id that the write answered."""

    def read(conversation: Conversation) -> Any:
        ids = {parameter: conversation.answer[key] for parameter, key in params.items()}
        return conversation.ask(operation, **ids)[name]

    return read


def _count_attachments(conversation: Conversation) -> int:
    """Return the number of the files in a new column."""
    cards = conversation.ask("cards.list", query=f"columnId={conversation.answer['id']}")
    return sum(card["attachmentCount"] for card in cards)


def _column_names(conversation: Conversation) -> list[str]:
    return [
        column["name"] for column in conversation.ask("columns.list", projectId=conversation.answer["id"])
    ]


def _proposal_reasons(conversation: Conversation) -> set[str]:
    proposals = conversation.ask(
        "agent_missions.list_proposals", missionId=conversation.params["agentMissionId"]
    )
    return {proposal["reason"] for proposal in proposals}


def _view_settings(view: str) -> Callable[[Conversation], Any]:
    """Return a reader of the settings of one view of the scope."""

    def read(conversation: Conversation) -> Any:
        views = conversation.ask("scopes.views")["views"]
        return next(item["settings"] for item in views if item["type"] == view)

    return read


def _plan_two_phases(conversation: Conversation) -> None:
    """Address a new draft whose roadmap has phases."""
    brief = "# Phase 1: Build\n- Build the shop: 10 days\n# Phase 2: Launch\n- Launch the shop: 5 days"
    draft = conversation.ask("project_drafts.create", {"name": "Web shop", "description": brief})
    conversation.params["draftId"] = draft["id"]
    conversation.ask("project_drafts.generate_roadmap")


def _read_feedback(conversation: Conversation) -> None:
    """Let the planner read feedback, as one with a language model does."""
    conversation.permission_world.world.core.env.planner.reads_feedback = True


def _version_notes(conversation: Conversation) -> Any:
    return conversation.ask("documents.versions")[0]["reviewNotes"]


_IN_PROJECT = {"title": TEXT, "contextType": "project", "contextId": Id("projectId")}
"""The body of a document that belongs to a project."""
_BESIDE = {"contextType": "project", "contextId": Id("projectId", "beside")}
"""The body that moves a document to the other project."""


def _create_beside(permission_world: PermissionWorld) -> str:
    """Create a document in the other project, and return its id."""
    path = f"/orgs/{permission_world.here['orgSlug']}/workspaces/{permission_world.here['wsSlug']}/documents"
    body = resolve({"title": "Parent", **_BESIDE}, permission_world)
    created: dict[str, str] = permission_world.ask("BOSS", "POST", path, body)
    return created["id"]


_RECURRENCE = {
    "rule": "FREQ=WEEKLY;BYDAY=MO",
    "timeZone": "Europe/Berlin",
    "create": "on_completion",
    "until": DATE,
    "count": 3,
    "columnId": Id("columnId"),
}
"""A recurrence in another column, of which every field is set."""


def _start_series(conversation: Conversation) -> None:
    conversation.ask("cards.update", resolve({"recurrence": _RECURRENCE}, conversation.permission_world))


def _fields_of_later_cards(conversation: Conversation) -> Any:
    return conversation.ask("cards.get")["recurrence"]["later"]


def _contents_of_comments(conversation: Conversation) -> list[str]:
    """Return the comments of the card that was written."""
    return [item["content"] for item in conversation.ask("comments.list", cardId=conversation.answer["id"])]


def _titles_of_cards(conversation: Conversation) -> list[str]:
    """Return the titles of the cards of the project that was written."""
    return [card["title"] for card in conversation.ask("cards.list", projectId=conversation.answer["id"])]


def _last_invitation(name: str) -> Callable[[Conversation], Any]:
    """Return a reader of a field of the newest invitation."""
    return lambda conversation: conversation.ask("invitations.list")[-1][name]


def _preference(name: str) -> Callable[[Conversation], Any]:
    """Return a reader of one of the caller's preferences."""
    return lambda conversation: conversation.ask("notifications.preferences")[name]


_SCHEDULE = {"rule": "FREQ=WEEKLY;BYDAY=MO", "timeZone": "Europe/Berlin", "cards": {"status": "open"}}
_STATUS_ACTION = {"type": "set_status", "params": {"status": "in_progress"}}
_CONDITIONS = {"all": [{"field": "priority", "op": "eq", "value": "high"}]}
_CHECKLIST = [{"title": TEXT, "done": True}]


def _is_step_done(conversation: Conversation) -> bool:
    """Return whether the step that was written is done."""
    steps = conversation.ask("checklist.list")
    return next(step["done"] for step in steps if step["_id"] == conversation.answer["_id"])


def _trash_label(conversation: Conversation) -> None:
    """Address a label in the trash."""
    conversation.ask("labels.delete", labelId=conversation.ask("labels.create", {"name": "Trashed"})["id"])
    conversation.params["trashId"] = conversation.ask("trash.list", query="kind=label")[0]["id"]


def _trash_project(conversation: Conversation) -> None:
    """Address a project in the trash."""
    project = conversation.ask("projects.create", {"name": "Trashed"})
    conversation.ask("projects.delete", projectId=project["id"])
    conversation.params["trashId"] = conversation.ask("trash.list", query="kind=project")[0]["id"]


def _trash_organization(conversation: Conversation) -> None:
    """Address an organization in the trash."""
    conversation.ask("organizations.create", {"name": "Trashed", "slug": "trashed"})
    conversation.ask("organizations.delete", orgSlug="trashed")
    conversation.params["trashId"] = conversation.ask("deleted_containers.list")[0]["id"]


def _slug_of_organization(conversation: Conversation) -> object:
    """Return the slug of the restored organization."""
    organizations = conversation.ask("organizations.list")
    return next(item["slug"] for item in organizations if item["id"] == conversation.answer["itemId"])


def _name_of_label(conversation: Conversation) -> object:
    """Return the name of the restored label."""
    labels = conversation.ask("labels.list")
    return next(label["name"] for label in labels if label["id"] == conversation.answer["itemId"])


def _device_of_login(conversation: Conversation) -> object:
    """Return the device of the session that the answer has started."""
    token = conversation.answer["access_token"]
    sessions = conversation.permission_world.world.ask(token, "GET", "/auth/sessions")
    return next(session["device"] for session in sessions if session["isCurrent"])


_REVOKED = FieldTrial(
    True,
    read=lambda c: c.answer["liveApiTokens"],
    expected=0,
    prepare=lambda c: c.send_usual("api_tokens.create"),
)
_NEW_PASSWORD = FieldTrial(
    "another passphrase",
    read=lambda c: c.log_in("oo@example.com", "another passphrase")["user"]["email"],
    expected="oo@example.com",
)

TRIALS: Mapping[str, FieldTrial] = {
    "model_usage.set_key.provider": FieldTrial(
        "openai", read=lambda c: c.ask("model_usage.get", method="GET")["ownKeys"], expected=["openai"]
    ),
    "checklist.add.checked": FieldTrial(True, read=_is_step_done),
    "checklist.update.checked": FieldTrial(True, read=_is_step_done),
    "auth.register.email": FieldTrial("trip@example.com", read=lambda c: c.answer["user"]["email"]),
    "auth.register.name": FieldTrial(read=lambda c: c.answer["user"]["name"]),
    "auth.register.password": FieldTrial(
        "another passphrase",
        read=lambda c: c.log_in("somebody@example.com", "another passphrase")["user"]["email"],
        expected="somebody@example.com",
    ),
    "auth.register.device": FieldTrial(read=_device_of_login),
    "auth.login.device": FieldTrial(read=_device_of_login),
    "auth.update_me.name": FieldTrial(read=lambda c: c.ask("auth.me")["user"]["name"]),
    "auth.change_password.newPassword": _NEW_PASSWORD,
    "auth.change_password.revokeTokens": _REVOKED,
    "auth.reset_password.newPassword": _NEW_PASSWORD,
    "auth.reset_password.revokeTokens": _REVOKED,
    "organizations.slug": FieldTrial("round-trip"),
    "organizations.add_member.email": FieldTrial("new@example.com"),
    "workspaces.slug": FieldTrial("round-trip"),
    "organizations.update_member.role": FieldTrial("admin"),
    "workspaces.invite.email": FieldTrial("trip@example.com", read=_last_invitation("email")),
    "workspaces.invite.role": FieldTrial("admin", read=_last_invitation("role")),
    "workspaces.invite.projectId": FieldTrial(Id("projectId"), read=_last_invitation("projectId")),
    "workspaces.invite.projectRole": FieldTrial(
        "editor",
        body={
            "email": "trip@example.com",
            "projectId": Id("projectId"),
        },
        read=_last_invitation("projectRole"),
    ),
    "projects.duplicate.content": FieldTrial("skeleton", read=_titles_of_cards, expected=[]),
    "projects.create.key": FieldTrial("TRIP"),
    "projects.create.templateId": FieldTrial(
        "agency",
        read=_column_names,
        expected=["Brief", "Design", "Development", "Client Review", "Shipped"],
    ),
    "projects.add_member.email": FieldTrial("wm@example.com"),
    "projects.memberRole": FieldTrial("viewer"),
    "saved_filters.filter": FieldTrial("blocked = true"),
    "saved_filters.projectId": FieldTrial(Id("projectId")),
    "saved_filters.order": FieldTrial(0),
    "labels.color": FieldTrial("#123456"),
    "columns.order": FieldTrial(0),
    "scopes.order": FieldTrial(0),
    "scopes.create.columns": FieldTrial(
        [{"name": TEXT, "cardStatus": "done", "wipLimit": 7}],
        read=lambda c: [
            {name: column[name] for name in ("name", "cardStatus", "wipLimit")}
            for column in c.ask("columns.list", query=f"scopeId={c.answer['id']}")
        ],
    ),
    "scopes.set_view.activeView": FieldTrial("stats", read=lambda c: c.ask("scopes.get")["activeView"]),
    "scopes.set_view.type": FieldTrial(
        "calendar",
        body={"settings": {"showWeekends": False}},
        read=_view_settings("calendar"),
        expected={"showWeekends": False},
    ),
    "scopes.set_view.settings": FieldTrial(
        {"sortBy": "title"},
        body={"type": "list"},
        read=_view_settings("list"),
    ),
    "checklist.add.order": FieldTrial(0),
    "checklist.update.order": FieldTrial(1, prepare=lambda c: c.ask("checklist.add", {"title": "Before"})),
    "custom_fields.type": FieldTrial("number", body={"name": TEXT}),
    "custom_fields.options": FieldTrial(["red", "green"], body={"name": TEXT, "type": "select"}),
    "custom_fields.update.optionIds": FieldTrial(
        ["", ""],
        body={"type": "select", "options": ["red", "green"]},
        read=lambda c: [len(id) for id in c.answer["optionIds"]],
        expected=[24, 24],
    ),
    "cards.labelIds": FieldTrial([Id("labelId")]),
    "cards.customFields": FieldTrial({Id("fieldId"): TEXT}),
    "cards.checklist": FieldTrial(_CHECKLIST),
    "cards.recurrence": FieldTrial(_RECURRENCE),
    "cards.update.applyTo": FieldTrial(
        "this",
        body={"title": TEXT},
        read=_fields_of_later_cards,
        expected={"title": "First"},
        prepare=_start_series,
    ),
    "cards.update_many.applyTo": FieldTrial(
        "this",
        body={"id": Id("cardId"), "title": TEXT},
        read=_fields_of_later_cards,
        expected={"title": "First"},
        prepare=_start_series,
    ),
    "cards.duplicate.attachments": FieldTrial(
        True, read=lambda conversation: conversation.answer["attachmentCount"], expected=1
    ),
    "columns.duplicate.attachments": FieldTrial(
        True,
        prepare=lambda c: c.ask("cards.update", {"columnId": c.params["columnId"]}),
        read=_count_attachments,
        expected=1,
    ),
    "cards.duplicate.comments": FieldTrial(True, read=_contents_of_comments, expected=["Well."]),
    "cards.update_many.id": FieldTrial(
        Id("otherCardId"),
        body={"title": TEXT},
        read=lambda c: c.ask("cards.get", cardId=c.params["otherCardId"])["title"],
        expected=TEXT,
    ),
    "columns.transfer.scopeId": FieldTrial(Id("scopeId", "beside"), read=lambda c: c.answer["scopeId"]),
    "cards.transfer.columnId": FieldTrial(Id("columnId", "beside")),
    "cards.transfer.missing": FieldTrial("create", read=lambda c: c.answer["dropped"], expected=[]),
    "cards.transfer_many.cardIds": FieldTrial(
        [Id("otherCardId")],
        read=lambda c: [
            c.ask("cards.get", projectId=c.answer[0]["projectId"], cardId=c.answer[0]["key"])["id"]
        ],
    ),
    "cards.update.before": FieldTrial(
        Id("thirdCardId"),
        read=_read_from("cards.get", "order", cardId="id"),
        expected=1,
    ),
    "cards.update.after": FieldTrial(
        Id("thirdCardId"),
        read=_read_from("cards.get", "order", cardId="id"),
        expected=2,
    ),
    "documents.content": FieldTrial({"type": "doc", "content": [PARAGRAPH]}),
    "documents.contentFormat": FieldTrial(
        "markdown",
        body={"title": TEXT, "content": f"# {TEXT}"},
        read=_read_from("documents.get", "content", documentId="id"),
        expected={"type": "doc", "content": [HEADING]},
    ),
    "documents.contextType": FieldTrial("project", body=_IN_PROJECT),
    "documents.contextId": FieldTrial(body=_IN_PROJECT),
    "documents.update.parentId": FieldTrial(Id("pendingDocumentId")),
    "documents.transfer.contextType": FieldTrial("project", body=_BESIDE),
    "documents.transfer.contextId": FieldTrial(Id("projectId", "beside"), body=_BESIDE),
    "documents.transfer.parentId": FieldTrial(_create_beside, body=_BESIDE),
    "documents.review.notes": FieldTrial(read=_version_notes),
    "automations.trigger": FieldTrial("task_created"),
    "automations.action": FieldTrial(_STATUS_ACTION),
    "automations.actions": FieldTrial([_STATUS_ACTION, _STATUS_ACTION], body={"trigger": "task_created"}),
    "automations.schedule": FieldTrial(_SCHEDULE, body={"trigger": "schedule", "action": _STATUS_ACTION}),
    "automations.conditions": FieldTrial(_CONDITIONS),
    "automations.update.enabled": FieldTrial(False),
    "project_drafts.create.documentIds": FieldTrial(
        [Id("documentId")],
        body={"name": "Web shop"},
        read=lambda c: [document["title"] for document in c.answer["contextDocuments"]],
        expected=["Plan"],
    ),
    "project_drafts.refine.answers": FieldTrial(
        {"work": TEXT},
        read=lambda c: c.ask("project_drafts.get")["answers"][0]["value"],
        expected=TEXT,
    ),
    "project_drafts.generate_roadmap.feedback": FieldTrial(
        prepare=_read_feedback,
        read=lambda c: c.ask("project_drafts.get")["feedback"],
        expected=[TEXT],
    ),
    "project_drafts.edit_roadmap.operations": FieldTrial(
        [{"type": "add", "name": TEXT}],
        read=lambda c: c.answer["roadmap"]["phases"][-1]["name"],
        expected=TEXT,
    ),
    "project_drafts.execute.name": FieldTrial(read=_read_from("projects.get", "name", projectId="id")),
    "project_drafts.execute.visibility": FieldTrial(
        read=_read_from("projects.get", "visibility", projectId="id")
    ),
    "project_drafts.execute.startDate": FieldTrial(
        prepare=_plan_two_phases,
        read=lambda c: c.ask("cards.list", projectId=c.answer["id"])[0]["startDate"],
    ),
    "deleted_containers.restore.slug": FieldTrial(
        "round-trip", prepare=_trash_organization, read=_slug_of_organization
    ),
    "trash.restore.name": FieldTrial(prepare=_trash_label, read=_name_of_label),
    "trash.restore.key": FieldTrial(
        "TRIP", prepare=_trash_project, read=_read_from("projects.get", "key", projectId="itemId")
    ),
    "time_entries.day": FieldTrial("2026-04-02"),
    "notifications.update_preferences.timeZone": FieldTrial("Asia/Tokyo", read=_preference("timeZone")),
    "notifications.update_preferences.digest": FieldTrial(read=_preference("digest")),
    "notifications.update_preferences.digestHour": FieldTrial(read=_preference("digestHour")),
    "notifications.update_preferences.digestWeekday": FieldTrial(read=_preference("digestWeekday")),
    "webhooks.url": FieldTrial("https://round-trip.example.com/"),
    "agents.slug": FieldTrial("round-trip"),
    "agents.tools": FieldTrial(["board.read"]),
    "agents.projectIds": FieldTrial([Id("projectId")]),
    "api_tokens.create.projectIds": FieldTrial([Id("projectId")]),
    "agents.runtime": FieldTrial("external"),
    "agents.model": FieldTrial("openai:gpt-5", body={"name": TEXT, "runtime": "model"}),
    "agent_missions.reject_all.reason": FieldTrial(read=_proposal_reasons, expected={TEXT}),
    "pilotage.update_mission.blockedReason": FieldTrial(body={"status": "blocked"}),
    "pilotage.update_mission.status": FieldTrial("in_progress"),
    "pilotage.propose_action.actionType": FieldTrial(
        "archive_card",
        body={
            "explanation": TEXT,
            "payload": {"cardId": Id("cardId")},
        },
    ),
    "pilotage.propose_action.payload": FieldTrial(
        {"cardId": Id("otherCardId"), "targetColumn": "Done"},
    ),
    "pilotage.review_action.approved": FieldTrial(
        False, read=_read_from("pilotage.get_action", "status", id="id"), expected="rejected"
    ),
    "pilotage.review_action.reason": FieldTrial(
        read=_read_from("pilotage.get_action", "reviewReason", id="id")
    ),
}
"""The trials by operation and field; by resource and field, where a creation and an update are tried alike."""

NOT_READ_BACK: Mapping[str, str] = {
    "auth.login.email": "says who logs in; a wrong one is refused in tests/core/accounts/test_auth.py",
    "auth.login.password": "proves who logs in; a wrong one is refused in tests/core/accounts/test_auth.py",
    "auth.change_password.currentPassword": "proves who asks; a wrong one is refused in tests/core/accounts/test_auth.py",
    "auth.change_email.email": "is mailed; tests/core/accounts/test_email_changes.py reads the email",
    "auth.change_email.currentPassword": "proves who asks; tests/core/accounts/test_email_changes.py tries a wrong one",
    "auth.change_email.confirmation": "proves who asks; tests/core/accounts/test_confirmations.py tries wrong ones",
    "model_usage.set_key.secret": "is never returned; tests/core/agents/test_model_costs.py calls a provider with it",
    "cards.watch.level": "has no reader; tests/core/notifications/test_deliveries.py reads who is notified",
    "projects.watch.level": "has no reader; tests/core/notifications/test_deliveries.py reads who is notified",
    "notifications.update_preferences.channels": "needs a channel; tests/core/notifications/test_deliveries.py reads the choices back",
    "projects.save_template": "tests/core/board/test_templates.py compares what projects are exported as",
    "projects.create.startDate": "only for a template of a workspace, as in test_templates.py",
    "cards.transfer_many.columnId": "as in cards.transfer",
    "cards.transfer_many.missing": "as in cards.transfer",
    "columns.transfer.missing": "as in cards.transfer",
    "automations.test.cardId": "changes nothing; tests/core/automations/test_trials.py reads what is answered",
    "auth.send_confirmation.action": "is what the link is for; tests/core/accounts/test_confirmations.py uses the link",
    "auth.delete_account.confirmation": "proves who asks; tests/core/accounts/test_confirmations.py tries wrong ones",
    "auth.confirm_email.token": "names the account; tests/core/accounts/test_email_changes.py reads the new address",
    "auth.delete_account.currentPassword": "proves who asks; a wrong one is refused in tests/core/accounts/test_deletion.py",
    "auth.login.code": "proves who logs in; a wrong one is refused in tests/core/accounts/test_second_factors.py",
    "auth.enroll_second_factor.currentPassword": "proves who asks; tests/core/accounts/test_second_factors.py tries a wrong one",
    "auth.confirm_second_factor.code": "proves that an app has the secret; tests/core/accounts/test_second_factors.py tries wrong ones",
    "auth.disable_second_factor.currentPassword": "proves who asks; tests/core/accounts/test_second_factors.py tries a wrong one",
    "auth.disable_second_factor.code": "proves who asks; tests/core/accounts/test_second_factors.py tries a wrong one",
    "auth.forgot_password.email": "names the account; tests/core/accounts/test_password_resets.py reads the email",
    "auth.reset_password.token": "proves who asks; a wrong one is refused in tests/core/accounts/test_password_resets.py",
    "projects.import": "tests/core/board/test_imports.py compares what is exported with what was imported",
    "imports.create": "tests/core/board/test_multipart_imports.py compares what is exported with what was imported",
    "imports.add_part": "tests/core/board/test_multipart_imports.py compares what is exported with what was imported",
}
"""Fields, or operations, whose values are kept nowhere that can be read, with what holds them instead."""

_REFERENCES = {
    "columnId": "columnId",
    "scopeId": "scopeId",
    "assigneeId": "userId",
    "missionId": "missionId",
    "priorityId": "priorityId",
    "parentId": "documentId",
    "cardId": "thirdCardId",
    "targetCardId": "thirdCardId",
    "contextId": "projectId",
}
"""The item of the world that a field of that name refers to."""


def sample_value(permission_world: PermissionWorld, name: str, kind: Any, usual: Any = None) -> Any:
    """Return a good value of a field that differs from what the field is otherwise.

    Args:
        permission_world: The world that receives the request.
        name: The field's wire name.
        kind: The field's type, with its marks.
        usual: The value that the field has in a usual request, if it is there.
    """
    if name in _REFERENCES:
        return permission_world.here[_REFERENCES[name]]
    plain = base(kind)
    origin, arguments = get_origin(plain), get_args(plain)
    if origin is Literal:
        return [word for word in arguments if word != usual][-1]
    if origin is list:
        return [sample_value(permission_world, "", arguments[0])]
    number = next((mark.min + 1 for mark in marks(kind) if isinstance(mark, Range)), 1)
    simple: dict[Any, Any] = {
        str: TEXT,
        int: number,
        float: number + 0.5,
        bool: not usual,
        date: DATE,
    }
    if plain in simple:
        return simple[plain]
    assert issubclass(plain, Request), f"no value is known for {name}: {kind}"
    return {key: sample_value(permission_world, key, field.type) for key, field in wire_fields(plain).items()}


def readers_of(row: Row) -> list[Row]:
    """Return the GET endpoints of an operation's resource, without streams, files and pages of text."""
    resource = SERVICES[row.operation].endpoint.resource
    return [
        reader
        for reader in SERVED
        if reader.method == "GET"
        and SERVICES[reader.operation].endpoint.resource == resource
        and not SERVICES[reader.operation].endpoint.is_stream
        and not SERVICES[reader.operation].endpoint.returns_file
        and SERVICES[reader.operation].endpoint.returns is not str
    ]
