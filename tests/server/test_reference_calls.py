"""The calls printed in the API reference: each returns the published status and fields."""

import csv
import json
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs
import pytest

from stellary.contract.openapi import document
from tests.conftest import RUN
from tests.security.good_requests import GOOD_REQUESTS
from tests.security.permission_world import PermissionWorld, open_permission_world
from tests.server.running import Reply
from tests.support.core_parts import SERVICES
from tests.support.databases import KINDS
from tests.support.each_case import for_each
from tests.support.forms import FORM, form
from tests.support.in_process import CALLERS, SendRequest
from tests.support.world import PASSWORD

# Of each endpoint of the reference: its method and path, the call with curl, and the sample of an answer, if any.
CALLS = Path(__file__).parent / "reference_calls.txt"
ENDPOINTS = Path(__file__).parents[1] / "house" / "endpoints.tsv"
WORKSPACE = "/orgs/:orgSlug/workspaces/:wsSlug"


@attrs.frozen
class Call:
    """A call that the API reference prints.

    Attributes:
        status: As the reference says, or the list of endpoints where it says nothing.
        sample: The published answer; None where there is none.
    """

    operation: str
    method: str
    url: str
    headers: Mapping[str, str]
    body: str | None
    status: int
    sample: Any


def calls() -> Iterator[Call]:
    """Yield the calls of the reference to operations that the server implements."""
    with ENDPOINTS.open(newline="") as file:
        endpoints = {(row["method"], row["path"]): row for row in csv.DictReader(file, delimiter="\t")}
    for entry in CALLS.read_text().split("\n\n"):
        method, path, remaining = entry.split("\n", 2)
        # "/…/" stands for the workspace, or, before automations, for a project.
        tail = path.removeprefix("/…")
        before = WORKSPACE + ("/projects/:projectId" if tail.startswith("/automations") else "")
        endpoint = endpoints[method, before + tail if tail != path else path]
        command, *answer = re.split(r"\nResponse(\d{3})\n", remaining)
        if endpoint["operation"] in SERVICES:
            status = int(answer[0] if answer else endpoint["status"])
            sample = json.loads(answer[1].replace("[...]", "[]")) if answer else None
            yield _parse_call(endpoint["operation"], command, status, sample)


def _parse_call(operation: str, command: str, status: int, sample: Any) -> Call:
    curl, *words = shlex.split(command.replace("\\\n", " "))
    assert curl == "curl"
    method, url, body, headers = "GET", "", None, {}
    while words:
        word = words.pop(0)
        if word == "-X":
            method = words.pop(0)
        elif word == "-H":
            name, _, text = words.pop(0).partition(": ")
            headers[name] = text
        elif word == "-d":
            body = words.pop(0)
        elif word == "-F":
            # file=@./document.pdf
            body = form(b"%PDF", Path(words.pop(0)).name.encode(), b"application/pdf").decode()
            headers["Content-Type"] = FORM
        else:
            url = word
    return Call(operation, method, url, headers, body, status, sample)


CALLED = {call.operation: call for call in calls()}
# The operations whose fields the reference names in its prose, and its calls leave out.
UNSAID = {
    *("scopes.create", "labels.create", "custom_fields.create", "relations.create", "automations.create"),
    *("agents.create", "agent_missions.create", "checklist.add", "project_drafts.create"),
    *("documents.create", "documents.review"),
}
# Placeholders of the reference, and what stands there in its paths.
PLACEHOLDERS = {
    "PROJ_ID": "projectId",
    "COL_ID": "columnId",
    "CARD_ID": "cardId",
    "CMT_ID": "commentId",
    "ATT_ID": "attachmentId",
    "USER_ID": "userId",
    "LABELID": "labelId",
    "ITEMID": "itemId",
    "FIELDID": "fieldId",
    "SCOPEID": "scopeId",
    "RELATIONID": "relationId",
    "RULEID": "ruleId",
    "DRAFTID": "plannedDraftId",
    "AGENTID": "agentId",
    "DOCUMENTID": "documentId",
    "MISSIONID": "agentMissionId",
    "PROPOSALID": "proposalId",
}
# The same of "ID", by operation.
THINGS = {
    "pilotage.update_mission": "missionId",
    "pilotage.update_todo": "todoId",
    "pilotage.review_action": "proposedId",
    "pilotage.apply_action": "approvedId",
}
# Path parameters that differ for one operation only.
ELSEWHERE = {"documents.review": {"DOCUMENTID": "pendingDocumentId"}}
OWN = {"notifications.read": "notificationId", "api_tokens.delete": "apiTokenId"}
CALLER = "OO"


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def shared_permission_world(request: pytest.FixtureRequest) -> Iterator[PermissionWorld]:
    """Yield a world in which the reference's samples exist, in a transaction."""
    with (
        open_permission_world(KINDS[request.param], request.config.stash[RUN]) as permission_world,
        permission_world.sandbox.transaction(),
    ):
        create_samples(permission_world)
        yield permission_world


@pytest.fixture
def permission_world(shared_permission_world: PermissionWorld) -> Iterator[PermissionWorld]:
    """Yield the world; changes are rolled back after the test."""
    with shared_permission_world.sandbox.discard_changes():
        yield shared_permission_world


@pytest.fixture(scope="module", params=CALLERS)
def call_api(
    request: pytest.FixtureRequest, shared_permission_world: PermissionWorld
) -> Iterator[SendRequest]:
    """Yield the function that calls the API over each shell."""
    with CALLERS[request.param](shared_permission_world.core) as call_api:
        yield call_api


def create_samples(permission_world: PermissionWorld) -> None:
    world, workspace = permission_world.world, _workspace(permission_world)
    project = f"{workspace}/projects/{permission_world.here['projectId']}"
    for email in ("new-member@acme.com", "dev@company.com"):
        world.ask(None, "POST", "/auth/register", {"email": email, "password": PASSWORD})
    # A member of the workspace who is not in the project yet.
    invitation = {"email": "dev@company.com"}
    invited = permission_world.ask("BOSS", "POST", f"{workspace}/members/invite", invitation)
    dev = world.ask(None, "POST", "/auth/login", {"email": "dev@company.com", "password": PASSWORD})
    world.ask(dev["access_token"], "POST", f"/invitations/{invited['token']}/accept")
    caller = permission_world.people[CALLER]
    # Do not change the card of a proposal: that would make the proposal stale.
    card = f"{project}/cards/{permission_world.here['otherCardId']}"
    changes = {
        "description": "REST routes",
        "priority": "high",
        "dueDate": "2026-04-01",
        "assigneeId": caller.id,
        "checklist": [{"title": "Step"}],
    }
    permission_world.ask("BOSS", "PATCH", card, changes)
    in_progress = permission_world.ask("BOSS", "GET", f"{project}/columns")[1]["id"]
    permission_world.ask("BOSS", "PATCH", card, {"columnId": in_progress})
    token = {"name": "CI", "scopes": ["projects:read"], "expiresAt": "2027-01-01T00:00:00Z"}
    world.ask(permission_world.ask(CALLER, "POST", "/api-tokens", token)["token"], "GET", workspace)


def _workspace(permission_world: PermissionWorld) -> str:
    return f"/orgs/{permission_world.here['orgSlug']}/workspaces/{permission_world.here['wsSlug']}"


def fill_placeholders(
    permission_world: PermissionWorld, call: Call, token: str
) -> tuple[str, str | None, dict[str, str]]:
    """Return the path, body and headers of a call, with real ids in place of the placeholders."""
    # Before automations "/…/" stands for a project.
    workspace, own_items = _workspace(permission_world), permission_world.own_items[CALLER]
    project = f"{workspace}/projects/{permission_world.here['projectId']}"
    path = urlsplit(call.url).path.replace("/…/automations", f"{project}/automations")
    path = path.replace("/…", workspace).replace("INVITE_TOKEN", own_items["token"])
    for placeholder, name in (PLACEHOLDERS | ELSEWHERE.get(call.operation, {})).items():
        path = re.sub(rf"\b{placeholder}\b", permission_world.here[name], path)
    if call.operation in OWN:
        path = re.sub(r"\bID\b", own_items[OWN[call.operation]], path)
    if call.operation in THINGS:
        path = re.sub(r"\bID\b", permission_world.here[THINGS[call.operation]], path)
    body = call.body
    for field, name in {"columnId": "fullColumnId", "assigneeId": "userId"}.items():
        body = body and re.sub(rf'("{field}": )"[^"]*"', rf'\1"{permission_world.here[name]}"', body)
    return path, body, {name: text.replace("YOUR_TOKEN", token) for name, text in call.headers.items()}


def send_call(
    call_api: SendRequest, permission_world: PermissionWorld, call: Call, body: str | None = None
) -> Reply:
    """Send a call, and return the response."""
    token = permission_world.world.bearer(permission_world.people[CALLER])
    if call.operation == "auth.login":
        # The sample logs in to the account that the sample of auth.register creates.
        assert send_call(call_api, permission_world, CALLED["auth.register"]).status == 201
    if call.operation == "auth.change_password":
        old = {"currentPassword": PASSWORD, "newPassword": "old-password"}
        token = permission_world.world.ask(token, "POST", "/auth/change-password", old)["access_token"]
    path, printed, headers = fill_placeholders(permission_world, call, token)
    data = (body or printed or "").encode() or None
    fields = {name.lower().replace("-", "_"): text for name, text in headers.items()}
    return call_api(None, call.method, path, data, **fields)


def find_difference(sample: Any, value: Any, where: str = "") -> str | None:
    """Describe the first published field that a response lacks or has in another JSON type; None if there is none."""
    if sample is None:
        return None
    if type(sample) is not type(value):
        return f"{where} is {value!r}, and published as {sample!r}"
    if isinstance(sample, dict):
        missing = [f"{where}.{name}" for name in sample if name not in value]
        inner = (
            find_difference(item, value[name], f"{where}.{name}")
            for name, item in sample.items()
            if name in value
        )
        return ", ".join(missing) + " is missing" if missing else next(filter(None, inner), None)
    if isinstance(sample, list) and sample:
        # For each row of the sample, some row must have all its fields.
        differences_by_row = [[find_difference(item, row, f"{where}[]") for row in value] for item in sample]
        for differences in differences_by_row:
            if None not in differences:
                return differences[0] if differences else f"{where} is empty"
    return None


def check_call(call_api: SendRequest, permission_world: PermissionWorld, call: Call) -> None:
    """Check that a call returns the published response; discard what it changes."""
    with permission_world.sandbox.discard_changes():
        if call.operation in UNSAID:
            answer = send_call(call_api, permission_world, call)
            assert (answer.status, answer.json["details"][0]["message"]) == (400, "is required")
            body = json.dumps(GOOD_REQUESTS[call.operation].body(permission_world))
            answer = send_call(call_api, permission_world, with_type(call), body)
        else:
            answer = send_call(call_api, permission_world, call)
        assert answer.status == call.status, answer
        if SERVICES[call.operation].endpoint.returns_file:
            assert (answer.headers["content-type"], answer.body) == ("text/plain", b"Hello.")
        else:
            assert answer.headers["content-type"] == "application/json"
            assert find_difference(call.sample, answer.json) is None


@pytest.mark.slow("calls each endpoint of the reference")
@for_each("call", CALLED.values())
def test_call_of_the_reference_returns_the_published_response(call_api, permission_world, call):
    check_call(call_api, permission_world, call)


def with_type(call: Call) -> Call:
    return attrs.evolve(call, headers={**call.headers, "Content-Type": "application/json"})


def test_all_published_calls_are_sent():
    with ENDPOINTS.open(newline="") as file:
        published = {
            row["operation"] for row in csv.DictReader(file, delimiter="\t") if row["source"] == "seed"
        }
    assert published & set(SERVICES) == set(CALLED)


# ---------------------------------------------------------------------------------------------- as the document contains it


DOCUMENTED = {
    operation["operationId"]: operation
    for path in document()["paths"].values()
    for operation in path.values()
}


def contains(published: Any, example: Any) -> bool:
    """Return whether an example contains the published value; it may have more fields, and published ids may be abbreviated."""
    if isinstance(published, dict) and isinstance(example, dict):
        return all(name in example and contains(value, example[name]) for name, value in published.items())
    if isinstance(published, list) and isinstance(example, list):
        return len(published) == len(example) and all(map(contains, published, example))
    if isinstance(published, str) and re.fullmatch(r"[0-9a-f]{8}\.\.\.", published):
        return isinstance(example, str) and example.startswith(published[:8])
    return bool(published == example)


@for_each("call", CALLED.values())
def test_document_has_the_examples_of_the_reference(call: Call):
    operation = DOCUMENTED[call.operation]
    if call.body is not None and call.headers["Content-Type"] == "application/json":
        example = operation["requestBody"]["content"]["application/json"]["example"]
        body = json.loads(call.body)
        assert contains(body, example)
        assert body.keys() == example.keys()
    if call.sample is not None:
        answer = operation["responses"][str(call.status)]["content"]["application/json"]
        assert contains(call.sample, answer["example"])


def test_difference_from_the_reference_is_detected():
    assert contains({"id": "665f1a2b...", "a": [1]}, {"id": "665f1a2b3c4d5e6f7a8b9c0d", "a": [1], "more": 1})
    assert not contains({"id": "665f1a2b..."}, {"id": "665f4f6a3c4d5e6f7a8b9c0d"})
    assert not contains({"a": [1]}, {"a": [1, 2]})
    assert not contains({"a": 1}, {"b": 1})
    assert not contains({"name": "Acme Corp"}, {"name": "Acme"})
