"""Every query parameter changes the answer, and every list is continued by its cursor alone."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson
from sqlalchemy import insert, select

from stellary.contract.naming import whole, wire_fields
from stellary.core import NOBODY
from tests.round_trip.field_trials import CALLER, TEXT, Conversation, sample_value
from tests.security.each_row import each_row
from tests.security.good_requests import GOOD_REQUESTS, send
from tests.security.permission_world import PermissionWorld
from tests.security.table import SERVED, Row
from tests.support.core_parts import SERVICES, Identity, link_identity
from tests.support.tables import model_usage, workspaces
from tests.support.world import PASSWORD

PAGING = ("limit", "cursor")
LISTS = [row for row in SERVED if SERVICES[row.operation].endpoint.many]


def parameters_of(row: Row) -> Mapping[str, Any]:
    """Return the types of an operation's query parameters by wire name; none for a stream."""
    endpoint = SERVICES[row.operation].endpoint
    if row.method != "GET" or endpoint.is_stream or whole(endpoint.request_class):
        return {}
    return {
        name: field.type for name, field in wire_fields(endpoint.request_class).items() if name not in PAGING
    }


FILTERED = [row for row in SERVED if parameters_of(row)]


# ---------------------------------------------------------------------------------------------- what is needed first


def repeat(operation: str, times: int = 1) -> Callable[[Conversation], None]:
    """Return a preparation that sends the usual request of an operation some times."""

    def prepare(conversation: Conversation) -> None:
        for _ in range(times):
            conversation.send_usual(operation)

    return prepare


def _link_identities(conversation: Conversation) -> None:
    permission_world = conversation.permission_world
    person = permission_world.people[permission_world.person_of(CALLER)]
    identity = Identity("https://login.example.com", "second", person.email, "Second")
    link_identity(permission_world.core.units, identity, person.id)


def _run_mission(conversation: Conversation) -> None:
    body = {"cardId": conversation.params["thirdCardId"], "prompt": "set priority high and move to Done"}
    mission = conversation.ask("agent_missions.create", body)
    conversation.permission_world.core.work.run_due()
    if "missionId" in conversation.row.parameters:
        conversation.params["missionId"] = mission["id"]


def _fire_rule_twice(conversation: Conversation) -> None:
    for name in ("cardId", "otherCardId"):
        assignee = {"assigneeId": conversation.params["userId"]}
        conversation.ask("cards.update", assignee, cardId=conversation.params[name])


def _queue_deliveries(conversation: Conversation) -> None:
    conversation.ask("webhooks.update", {"active": True})
    for description in ("First.", "Second."):
        conversation.ask("projects.update", {"description": description})


def _record_usage(conversation: Conversation) -> None:
    with conversation.permission_world.core.begin(NOBODY) as uow:
        id = uow.connection.scalars(select(workspaces.c.id).where(workspaces.c.slug == "eng")).one()
        row = {"workspace_id": id, "day": uow.now - timedelta(days=9)}
        usage = {"calls": 1, "input_tokens": 1, "output_tokens": 1, "seconds": 1.0}
        uow.connection.execute(insert(model_usage), row | usage | {"purpose": "draft", "model": "x:y"})


def _yesterday() -> str:
    return (datetime.now(UTC) - timedelta(days=1)).date().isoformat()


def _submit_again(conversation: Conversation) -> None:
    conversation.ask("documents.update", {"title": TEXT})
    conversation.ask("documents.submit_review")


BEFORE_FILTERING: Mapping[str, Callable[[Conversation], object]] = {
    "model_usage.get.days": _record_usage,
    "notifications.list.unreadOnly": repeat("notifications.read"),
    "documents.list.topLevel": repeat("documents.create"),
    "webhooks.deliveries.status": _queue_deliveries,
}
SECOND_ROW: Mapping[str, Callable[[Conversation], object]] = {
    "agent_missions.list": repeat("agent_missions.create"),
    "agent_missions.list_proposals": _run_mission,
    "agents.audit": _run_mission,
    "agents.list_tokens": repeat("agents.create_token"),
    "api_tokens.list": repeat("api_tokens.create"),
    "attachments.list": repeat("attachments.upload"),
    "auth.list_sessions": lambda conversation: conversation.log_in("oo@example.com", PASSWORD),
    "auth.list_identities": _link_identities,
    "automations.list": repeat("automations.create"),
    "saved_filters.list": repeat("saved_filters.create"),
    "time_entries.list": repeat("time_entries.create"),
    "time_entries.list_all": repeat("time_entries.create"),
    "automations.traces": _fire_rule_twice,
    "checklist.list": repeat("checklist.add"),
    "comments.list": repeat("comments.create"),
    "custom_fields.list": repeat("custom_fields.create"),
    "document_comments.list": repeat("document_comments.create"),
    "documents.versions": _submit_again,
    "proposals.list": _run_mission,
    "relations.list": repeat("relations.create"),
    "webhooks.deliveries": _queue_deliveries,
}
VALUES_OF_CARDS: Mapping[str, Callable[[PermissionWorld], Any]] = {
    "createdBefore": lambda permission_world: "-1d",
    "customField": lambda permission_world: [f"{permission_world.here['fieldId']}:{TEXT}"],
    "fields": lambda permission_world: "id,title",
    "filter": lambda permission_world: "status = done",
    "labelId": lambda permission_world: permission_world.here["labelId"],
    "projectId": lambda permission_world: permission_world.beside["projectId"],
    "saved": lambda permission_world: permission_world.here["savedFilterId"],
    "sort": lambda permission_world: "-createdAt",
}
VALUES_OF_FLOWS: Mapping[str, Callable[[PermissionWorld], Any]] = {
    "since": lambda permission_world: _yesterday(),
    "until": lambda permission_world: _yesterday(),
}
VALUES_OF_TIME: Mapping[str, Callable[[PermissionWorld], Any]] = {
    "from": lambda permission_world: "2100-01-01",
    "to": lambda permission_world: "2026-01-01",
    "userId": lambda permission_world: permission_world.here["userId"],
}
VALUES: Mapping[str, Callable[[PermissionWorld], Any]] = {
    **{
        f"cards.{name}.{parameter}": value
        for name in ("list", "list_in_workspace", "list_all")
        for parameter, value in VALUES_OF_CARDS.items()
    },
    **{
        f"{operation}.{parameter}": value
        for operation in ("projects.flow", "scopes.flow")
        for parameter, value in VALUES_OF_FLOWS.items()
    },
    **{
        f"time_entries.{name}.{parameter}": value
        for name in ("list_all", "export")
        for parameter, value in VALUES_OF_TIME.items()
    },
    "documents.list.authorId": lambda permission_world: permission_world.here["userId"],
    "documents.list.projectId": lambda permission_world: permission_world.beside["projectId"],
    "projects.activity.actorId": lambda permission_world: permission_world.here["userId"],
    "workspaces.activity.actorId": lambda permission_world: permission_world.here["userId"],
    "organizations.activity.actorId": lambda permission_world: permission_world.here["userId"],
    "search.query.kind": lambda permission_world: ["document"],
    "search.query.projectId": lambda permission_world: permission_world.beside["projectId"],
    "trash.list.projectId": lambda permission_world: permission_world.beside["projectId"],
}
"""Values that a parameter's type alone does not give."""


# ---------------------------------------------------------------------------------------------- tests


@each_row(FILTERED)
def test_each_parameter_changes_the_answer(permission_world: PermissionWorld, row: Row):
    wrong = {}
    for name, kind in parameters_of(row).items():
        with permission_world.sandbox.discard_changes():
            if problem := find_problem(permission_world, row, name, kind):
                wrong[name] = problem
    assert wrong == {}


def find_problem(permission_world: PermissionWorld, row: Row, name: str, kind: Any) -> str | None:
    """Send a request with and without a parameter; return how it was ignored, or None if it was not."""
    conversation = Conversation(permission_world, row)
    key = f"{row.operation}.{name}"
    if prepare := BEFORE_FILTERING.get(key):
        prepare(conversation)
    usual = dict(parse_qsl(GOOD_REQUESTS[row.operation].query))
    value = (
        VALUES[key](permission_world)
        if key in VALUES
        else sample_value(permission_world, name, kind, usual.get(name))
    )
    before = send(permission_world, row, CALLER, conversation.params)
    query = urlencode({**usual, name: _as_text(value)}, doseq=True)
    after = send(permission_world, row, CALLER, conversation.params, query=query)
    if after.status != 200:
        return f"{query}: {orjson.loads(after.body)['message']}"
    return f"{query} changes nothing" if before.body == after.body else None


def _as_text(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


@each_row(LISTS)
def test_cursor_alone_continues_a_list(permission_world: PermissionWorld, row: Row):
    conversation = Conversation(permission_world, row)
    usual = GOOD_REQUESTS[row.operation].query
    with permission_world.sandbox.discard_changes():
        if prepare := SECOND_ROW.get(row.operation):
            prepare(conversation)
        complete = send(permission_world, row, CALLER, conversation.params)
        first = send(permission_world, row, CALLER, conversation.params, query=f"{usual}&limit=1".lstrip("&"))
        cursor = re.search(r"[?&](cursor=[^&>]+)", first.headers["link"])
        assert cursor is not None
        second = send(
            permission_world, row, CALLER, conversation.params, query=f"{usual}&{cursor[1]}".lstrip("&")
        )
    pages = [orjson.loads(page.body) for page in (first, second)]
    items, expected = pages[0] + pages[1], orjson.loads(complete.body)
    if row.operation in {"cards.list", "projects.templates", "saved_filters.list"}:
        # Whole lists are in another order than pages.
        items, expected = (sorted(map(orjson.dumps, values)) for values in (items, expected))
    assert len(pages[0]) == 1
    assert items == expected
