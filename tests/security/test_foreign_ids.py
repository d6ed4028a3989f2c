"""Ids in bodies and queries: an unknown, malformed, deleted or foreign id gets one fixed 400."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from stellary.contract.port import RawResponse
from tests.security.bodies import find_references
from tests.security.each_row import each_row
from tests.security.good_requests import GOOD_REQUESTS, make_path_params, send
from tests.security.hostile import UNKNOWN_ID
from tests.security.permission_world import PermissionWorld
from tests.security.statements import Reader
from tests.security.table import SERVED, Row
from tests.support.core_parts import SERVICES

# By operation, the fields that hold ids, and of what. ``a[]`` are the items of a list, ``a{}`` the names in an object.
_CARD = {
    "assigneeId": "userId",
    "labelIds[]": "labelId",
    "customFields{}": "fieldId",
    "recurrence.columnId": "columnId",
}
_FILTERS = {"columnId": "columnId", "scopeId": "scopeId", "assigneeId": "userId", "labelId": "labelId"}
_CHANGE = _CARD | {"columnId": "columnId", "before": "otherCardId", "after": "otherCardId"}
REFERENCES = {
    "columns.create": {"scopeId": "scopeId"},
    "columns.list": {"scopeId": "scopeId"},
    "columns.delete": {"moveCardsTo": "fullColumnId"},
    "cards.list": _FILTERS,
    "cards.list_in_workspace": _FILTERS | {"projectId": "projectId"},
    "cards.list_all": _FILTERS | {"projectId": "projectId"},
    "projects.activity": {"cardId": "cardId", "actorId": "userId"},
    "workspaces.activity": {"actorId": "userId"},
    "time_entries.list_all": {"userId": "userId"},
    "time_entries.export": {"userId": "userId"},
    "organizations.activity": {"actorId": "userId"},
    "search.query": {"projectId": "projectId"},
    "trash.list": {"projectId": "projectId"},
    "automations.test": {"cardId": "cardId"},
    "cards.create": _CARD,
    "cards.duplicate": {"columnId": "columnId"},
    "cards.update": _CHANGE,
    "cards.create_many": {
        f"cards[].{field}": kind for field, kind in (_CARD | {"columnId": "columnId"}).items()
    },
    "cards.update_many": {f"cards[].{field}": kind for field, kind in (_CHANGE | {"id": "cardId"}).items()},
    "columns.transfer": {"scopeId": "scopeId"},
    "cards.transfer": {"columnId": "columnId"},
    "cards.transfer_many": {"cardIds[]": "cardId", "columnId": "columnId"},
    "scopes.delete": {"moveCardsTo": "fullColumnId"},
    "custom_fields.set_values": {"{}": "fieldId"},
    "documents.create": {"parentId": "documentId", "contextId": "projectId"},
    "documents.update": {"parentId": "pendingDocumentId", "contextId": "projectId"},
    "documents.transfer": {"parentId": "pendingDocumentId", "contextId": "projectId"},
    "documents.list": {
        "parentId": "documentId",
        "contextId": "projectId",
        "projectId": "projectId",
        "authorId": "userId",
    },
    "project_drafts.create": {"documentIds[]": "documentId"},
    "relations.create": {"targetCardId": "otherCardId"},
    "pilotage.create_todo": {"missionId": "missionId", "priorityId": "priorityId"},
    "pilotage.update_todo": {"missionId": "missionId", "priorityId": "priorityId"},
    "agent_missions.create": {"cardId": "cardId"},
    "agent_missions.list": {"cardId": "cardId"},
    "agents.create": {"projectIds[]": "projectId"},
    "agents.update": {"projectIds[]": "projectId"},
    "api_tokens.create": {"projectIds[]": "projectId"},
    "saved_filters.create": {"projectId": "projectId"},
    "saved_filters.update": {"projectId": "projectId"},
    "workspaces.invite": {"projectId": "projectId"},
}
# Operations that also accept items of another project of the workspace.
WORKSPACE_WIDE = {
    "cards.list_in_workspace",
    "cards.list_all",
    "relations.create",
    "search.query",
    "trash.list",
    "pilotage.create_todo",
    "pilotage.update_todo",
    "agents.create",
    "agents.update",
    "documents.create",
    "documents.update",
    "documents.list",
    "project_drafts.create",
    "agent_missions.create",
    "agent_missions.list",
    "saved_filters.create",
    "saved_filters.update",
    "workspaces.invite",
}
# Operations that also accept items of another workspace that the caller sees.
TRANSFERS = {"columns.transfer", "cards.transfer", "cards.transfer_many", "documents.transfer"}
EVERYWHERE = {"api_tokens.create", "cards.list_all", *TRANSFERS}


def choose_personas(row: Row) -> tuple[str, str]:
    """Return two personas that may call an endpoint: an owner, and one with just the required role."""
    return (
        "OO",
        {"pil_write": "PO", "ws_admin": "WA", "org_admin": "OA", "proj_manage": "PM", "author": "WA"}.get(
            row.role, "WM"
        ),
    )


CASES = [(row, field) for row in SERVED for field in REFERENCES.get(row.operation, ())]
each_reference = each_row(CASES, "row, field")

MALFORMED = {
    "empty": "",
    "23 digits": "0" * 23,
    "25 digits": "0" * 25,
    "no hex": "g" * 24,
    "two dots": "..",
    "other digits": "\u0661" * 24,
    "a quote": "' OR '1'='1",
    "a pattern": "%" * 24,
    "very long": "0" * 9_000,
}


def make_foreign_ids(permission_world: PermissionWorld, row: Row, kind: str) -> Iterator[tuple[str, str]]:
    """Yield ids that name no item, or an item elsewhere, with a description."""
    yield from MALFORMED.items()
    id = permission_world.here[kind]
    yield "its id in upper case", id.upper() if id.upper() != id else "A" * 24
    yield "its id and a line feed", id + "\n"
    yield "its id after a space", " " + id
    yield "of another tenant", permission_world.abroad[kind]
    yield "of another kind", permission_world.here["cardId" if kind == "projectId" else "projectId"]
    if kind == "userId" and row.operation in EVERYWHERE:
        # The caller may share another workspace with any of them.
        return
    yield "deleted", permission_world.gone[kind]
    if kind == "userId":
        if row.role != "org_admin":
            yield "of a user outside the workspace", permission_world.people["OM"].id
        yield "of a stranger", permission_world.people["NEW"].id
        return
    if row.operation in EVERYWHERE:
        return
    yield "of another workspace", permission_world.next_door[kind]
    if row.operation not in WORKSPACE_WIDE:
        yield "of another project", permission_world.beside[kind]


def send_id(permission_world: PermissionWorld, row: Row, persona: str, field: str, id: str) -> RawResponse:
    """Send a good request with another id in a field."""
    params = make_path_params(permission_world, row, persona)
    if row.method in ("GET", "DELETE"):
        good = GOOD_REQUESTS[row.operation].query
        query = f"{field}={quote(id, safe='')}"
        return send(permission_world, row, persona, params, query=f"{good}&{query}" if good else query)
    body = GOOD_REQUESTS[row.operation].body
    assert body is not None
    return send(permission_world, row, persona, params, body=put_id(body(permission_world), field, id))


def put_id(body: dict[str, Any], field: str, id: str) -> dict[str, Any]:
    """Return a body with an id in a field."""
    if field == "{}":
        return {id: "high"}
    if field.startswith("cards[]."):
        return {"cards": [put_id(body["cards"][0], field.removeprefix("cards[]."), id)]}
    if field.startswith("recurrence."):
        return body | {"recurrence": {"rule": "FREQ=DAILY", "columnId": id}}
    if field == "contextId":
        body = body | {"contextType": "project"}
    name = re.sub(r"\W", "", field)
    return body | {name: {"[]": [id], "{}": {id: "high"}}.get(field[len(name) :], id)}


def read_answer(
    permission_world: PermissionWorld, row: Row, persona: str, field: str, id: str
) -> tuple[int, bytes]:
    """Return the status and the body of the answer, without the id where it is a name in an object."""
    answer = send_id(permission_world, row, persona, field, id)
    body = answer.body
    if field.endswith("{}"):
        name = orjson.dumps(id[:100])[1:-1]
        for before in (b".", b'"'):
            body = body.replace(before + name, before + b"NAME")
    return answer.status, body


@pytest.mark.slow("sends each id from another workspace")
@each_reference
def test_id_without_an_item_gets_one_fixed_answer(permission_world: PermissionWorld, row: Row, field: str):
    different = []
    kind = REFERENCES[row.operation][field]
    for persona in choose_personas(row):
        expected = read_answer(permission_world, row, persona, field, UNKNOWN_ID)
        assert expected[0] == 400
        assert orjson.loads(expected[1])["message"].endswith(" must be the id of an existing item")
        for why, id in make_foreign_ids(permission_world, row, kind):
            if id == "" and field.endswith("{}"):
                continue
            answer = read_answer(permission_world, row, persona, field, id)
            if answer != expected:
                different.append((persona, why, answer, expected))
    assert different == []
    assert permission_world.sandbox.find_changes() == []


@each_reference
def test_id_of_an_item_is_accepted(permission_world: PermissionWorld, row: Row, field: str):
    enters_other_project = row.operation in TRANSFERS and field != "cardIds[]"
    place = permission_world.beside if enters_other_project else permission_world.here
    id = place[REFERENCES[row.operation][field]]
    for persona in choose_personas(row):
        with permission_world.sandbox.discard_changes():
            answer = send_id(permission_world, row, persona, field, id)
            assert answer.status < 300, answer.body


@pytest.mark.slow("sends each id from another workspace")
@each_reference
def test_id_is_looked_up_within_its_workspace(permission_world: PermissionWorld, row: Row, field: str):
    if row.operation == "api_tokens.create":
        # It has no workspace: its statement asks for the access of the caller instead.
        return
    kind = REFERENCES[row.operation][field]
    reader = Reader(permission_world.sandbox)
    with reader.listen():
        for persona in choose_personas(row):
            for id in (permission_world.here[kind], permission_world.abroad[kind]):
                actor = permission_world.people[persona].id
                with permission_world.sandbox.discard_changes(), reader.record(row.operation, actor):
                    send_id(permission_world, row, persona, field, id)
    # The numbers of cards in a column between those that were found are counted by the id of the column.
    assert [statement for statement in sorted(reader.bare) if "ranges" not in statement.sql] == []


def test_each_field_that_holds_an_id_is_listed():
    fields_by_operation = {
        row.operation: set(find_references(SERVICES[row.operation].endpoint.request_class)) for row in SERVED
    }
    assert {
        name: fields - set(REFERENCES.get(name, ())) for name, fields in fields_by_operation.items() if fields
    } == {name: set() for name, fields in fields_by_operation.items() if fields}
