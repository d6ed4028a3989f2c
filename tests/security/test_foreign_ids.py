"""Ids in bodies and queries: one that is unknown, malformed, deleted or somebody else's gets one fixed 400."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from stellary.contract.port import RawResponse
from stellary.core.api.dispatch import SERVICES
from tests.security.asking import ASKINGS, place_of, send
from tests.security.bodies import references
from tests.security.hostile import UNKNOWN_ID
from tests.security.permission_world import PermissionWorld
from tests.security.statements import Reader
from tests.security.table import SERVED, Row

# By operation: which field holds the id of what. ``a[]`` is each of a list, ``a{}`` each name in an object.
_CARD = {"assigneeId": "userId", "labelIds[]": "labelId", "customFields{}": "fieldId"}
_CHANGE = _CARD | {"columnId": "columnId", "before": "otherCardId", "after": "otherCardId"}
REFERENCES = {
    "columns.create": {"scopeId": "scopeId"},
    "columns.list": {"scopeId": "scopeId"},
    "columns.delete": {"moveCardsTo": "fullColumnId"},
    "cards.list": {
        "columnId": "columnId",
        "scopeId": "scopeId",
        "assigneeId": "userId",
        "labelId": "labelId",
    },
    "projects.activity": {"cardId": "cardId", "actorId": "userId"},
    "search.query": {"projectId": "projectId"},
    "cards.create": _CARD,
    "cards.update": _CHANGE,
    "cards.create_many": {
        f"cards[].{field}": kind for field, kind in (_CARD | {"columnId": "columnId"}).items()
    },
    "cards.update_many": {f"cards[].{field}": kind for field, kind in (_CHANGE | {"id": "cardId"}).items()},
    "scopes.delete": {"moveCardsTo": "fullColumnId"},
    "custom_fields.set_values": {"{}": "fieldId"},
    "documents.create": {"parentId": "documentId", "contextId": "projectId"},
    "documents.update": {"parentId": "pendingDocumentId", "contextId": "projectId"},
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
}
# Where another project of the workspace will do.
WORKSPACE_WIDE = {
    "relations.create",
    "search.query",
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
}


def personas(row: Row) -> tuple[str, str]:
    """Two who may ask: one who leads, and one who has just the role that is needed."""
    return ("OO", {"pil_write": "PO", "ws_admin": "WA"}.get(row.role, "WM"))


CASES = [(row, field) for row in SERVED for field in REFERENCES.get(row.operation, ())]
cases = pytest.mark.parametrize(("row", "field"), CASES, ids=lambda case: getattr(case, "operation", case))

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


def foreign(permission_world: PermissionWorld, row: Row, kind: str) -> Iterator[tuple[str, str]]:
    """Ids that name nothing, or nothing there."""
    yield from MALFORMED.items()
    known = permission_world.here[kind]
    yield "its id in upper case", known.upper() if known.upper() != known else "A" * 24
    yield "its id and a line feed", known + "\n"
    yield "its id after a space", " " + known
    yield "of another tenant", permission_world.abroad[kind]
    yield "of another kind", permission_world.here["cardId" if kind == "projectId" else "projectId"]
    yield "deleted", permission_world.gone[kind]
    if kind == "userId":
        yield "of somebody outside the workspace", permission_world.people["OM"].id
        yield "of a stranger", permission_world.people["NEW"].id
        return
    yield "of another workspace", permission_world.next_door[kind]
    if row.operation not in WORKSPACE_WIDE:
        yield "of another project", permission_world.beside[kind]


def naming(permission_world: PermissionWorld, row: Row, persona: str, field: str, found: str) -> RawResponse:
    """The answer to a request that is good but for the id in that field."""
    place = place_of(permission_world, row, persona)
    if row.method in ("GET", "DELETE"):
        good = ASKINGS[row.operation].query
        query = f"{field}={quote(found, safe='')}"
        return send(permission_world, row, persona, place, query=f"{good}&{query}" if good else query)
    body = ASKINGS[row.operation].body
    assert body is not None
    return send(permission_world, row, persona, place, body=put(body(permission_world), field, found))


def put(body: dict[str, Any], field: str, found: str) -> dict[str, Any]:
    """The body with an id in a field."""
    if field == "{}":
        return {found: "high"}
    if field.startswith("cards[]."):
        return {"cards": [put(body["cards"][0], field.removeprefix("cards[]."), found)]}
    if field == "contextId":
        body = body | {"contextType": "project"}
    name = re.sub(r"\W", "", field)
    return body | {name: {"[]": [found], "{}": {found: "high"}}.get(field[len(name) :], found)}


def fixed(
    permission_world: PermissionWorld, row: Row, persona: str, field: str, found: str
) -> tuple[int, bytes]:
    """The status and the bytes of that answer; but for the name that the caller has made up, where it is one."""
    answer = naming(permission_world, row, persona, field, found)
    body = answer.body
    if field.endswith("{}"):
        name = orjson.dumps(found[:100])[1:-1]
        for before in (b".", b'"'):
            body = body.replace(before + name, before + b"NAME")
    return answer.status, body


@cases
def test_an_id_of_nothing_gets_one_fixed_answer(permission_world: PermissionWorld, row: Row, field: str):
    told_apart = []
    kind = REFERENCES[row.operation][field]
    for persona in personas(row):
        never = fixed(permission_world, row, persona, field, UNKNOWN_ID)
        assert never[0] == 400
        for why, found in foreign(permission_world, row, kind):
            if found == "" and field.endswith("{}"):
                continue
            answer = fixed(permission_world, row, persona, field, found)
            if answer != never:
                told_apart.append((persona, why, answer, never))
    assert told_apart == []
    assert permission_world.sandbox.changed() == []


@cases
def test_an_id_of_something_there_is_taken(permission_world: PermissionWorld, row: Row, field: str):
    found = permission_world.here[REFERENCES[row.operation][field]]
    for persona in personas(row):
        with permission_world.sandbox.thrown_away():
            answer = naming(permission_world, row, persona, field, found)
            assert answer.status < 300, answer.body


@cases
def test_an_id_is_looked_up_where_it_belongs(permission_world: PermissionWorld, row: Row, field: str):
    kind = REFERENCES[row.operation][field]
    reader = Reader(permission_world.sandbox)
    with reader.listening():
        for persona in personas(row):
            for found in (permission_world.here[kind], permission_world.abroad[kind]):
                actor = permission_world.people[persona].id
                with permission_world.sandbox.thrown_away(), reader.during(row.operation, actor):
                    naming(permission_world, row, persona, field, found)
    assert sorted(reader.bare) == []


def test_each_field_that_holds_an_id_is_tried():
    found = {row.operation: set(references(SERVICES[row.operation].endpoint.request_class)) for row in SERVED}
    assert {name: fields - set(REFERENCES.get(name, ())) for name, fields in found.items() if fields} == {
        name: set() for name, fields in found.items() if fields
    }
