"""A project that someone does not see does not exist for them: no endpoint shows any trace of it, on both databases."""

import re
from collections.abc import Sequence

import pytest

from tests.security.good_requests import GOOD_REQUESTS, make_path_params, send
from tests.security.permission_world import PathParams, PermissionWorld
from tests.security.table import GUESTS, SERVED, Row
from tests.security.test_foreign_ids import CASES, REFERENCES, send_id
from tests.support.each_case import Failures
from tests.support.world import Organization, Workspace

MARKER = "zanzibar"
WORKSPACE_ITEMS = {
    "orgSlug",
    "wsSlug",
    "userId",
    "draftId",
    "plannedDraftId",
    "webhookId",
    "deliveryId",
    "importId",
    # What a template keeps of a project stays visible.
    "templateId",
    "agentId",
    "tokenId",
    "seenMissionId",
    "documentId",
    "documentCommentId",
    "pendingDocumentId",
    "versionId",
    "invitationId",
    "missionId",
    "priorityId",
    "todoId",
    "decisionId",
    "docId",
    "proposedId",
    "approvedId",
}
"""What ``_create_items`` creates in the workspace, and not in the project."""
UNKNOWN = "f" * 24
BOUND = "BOUND"
"""A token of an admin that is bound to another project."""
STRANGERS = {
    "private": ("WM", "PM", "PV", "PR", "PO", "PATfull", *GUESTS, BOUND),
    "workspace": GUESTS,
}
"""The people who do not see a project, by its visibility."""
HIDDEN_FROM_GUESTS = (
    "documentId",
    "missionId",
    "priorityId",
    "todoId",
    "docId",
    "draftId",
    "webhookId",
    "invitationId",
    "templateId",
)
COLLEAGUES = ("PV", "PR", "PO", "WA")
"""Members of the workspace who are in no project of the guests."""
each_visibility = pytest.mark.parametrize("visibility", STRANGERS)


def _create_hidden(world: PermissionWorld, visibility: str) -> tuple[PathParams, set[str]]:
    """Create a project with one item of each kind, and return their path parameters and all that must not be seen."""
    params = world._create_items("BOSS", Workspace("", "eng", Organization("", "acme")))
    base = f"/orgs/acme/workspaces/eng/projects/{params['projectId']}"

    def ask(method, path, body=None, name="BOSS"):
        return world.ask(name, method, path, body)

    place = {"contextType": "project", "contextId": params["projectId"], "title": f"{MARKER} plan"}
    document = ask("POST", "/orgs/acme/workspaces/eng/documents", place)
    params["documentId"] = document["id"]
    remark = {"content": f"{MARKER} @wm"}
    document_path = f"/orgs/acme/workspaces/eng/documents/{document['id']}"
    params["documentCommentId"] = ask("POST", f"{document_path}/comments", remark)["id"]
    ask("POST", f"{document_path}/submit-review")
    params["versionId"] = ask("GET", f"{document_path}/versions")[0]["id"]
    ask("PATCH", base, {"name": MARKER, "description": MARKER})
    wm = world.people["WM"]
    card = f"{base}/cards/{params['cardId']}"
    ask("PATCH", card, {"title": f"{MARKER} card", "assigneeId": wm.id})
    ask("POST", f"{card}/comments", {"content": f"{MARKER} @wm @pm"})
    mission = {"cardId": params["cardId"], "prompt": "set priority low"}
    ask("POST", f"/orgs/acme/workspaces/eng/agents/{params['agentId']}/missions", mission)
    world.core.work.run_due()
    # Traces in a project that the strangers see.
    relation = {"targetCardId": world.here["cardId"], "type": "blocks"}
    relations = f"/orgs/acme/workspaces/eng/cards/{params['otherCardId']}/relations"
    params["relationId"] = ask("POST", relations, relation)["id"]
    proposed = {"actionType": "archive_card", "explanation": "Done", "payload": {"cardId": params["cardId"]}}
    params["proposedId"] = ask("POST", "/orgs/acme/workspaces/eng/pilotage/actions/propose", proposed)["id"]
    params["pendingDocumentId"] = document["id"]
    ask("POST", "/orgs/acme/workspaces/eng/project-drafts", {"name": MARKER, "visibility": "private"})
    _refer_to_items(world, base, params)
    # The names of agents contain the ids of projects.
    ask("PATCH", f"/orgs/acme/workspaces/eng/agents/{params['agentId']}", {"name": "Helper"})
    key = ask("GET", base)["key"]
    ask("PATCH", base, {"visibility": visibility})
    bound = {"name": "bound", "projectIds": [world.here["projectId"]]}
    world._bearers[BOUND] = ask("POST", "/api-tokens", bound, name="WA")["token"]
    ask("PATCH", card, {"title": f"{MARKER} card again"})
    secrets = {value for name, value in params.items() if name not in WORKSPACE_ITEMS}
    if visibility == "workspace":
        secrets |= {world.here[name] for name in HIDDEN_FROM_GUESTS}
        secrets |= {world.people[name].email for name in COLLEAGUES}
    of_document = (document["id"], params["documentCommentId"], params["versionId"])
    return params, {*secrets, *of_document, MARKER, f"{key}-"}


def _refer_to_items(world: PermissionWorld, hidden: str, params: PathParams) -> None:
    """Let items that the strangers see name those of the hidden project, and a stranger do all that members may."""
    eng, here = "/orgs/acme/workspaces/eng", world.here
    seen = f"{eng}/projects/{here['projectId']}"

    def ask(method, path, body=None, name="BOSS"):
        return world.ask(name, method, path, body)

    # Rules, missions and agents show the ids that they were given, but no names.
    project_id = ask("POST", f"{eng}/projects", {"name": MARKER, "key": "ZZ"})["id"]
    column = ask("POST", f"{eng}/projects/{project_id}/columns", {"name": MARKER})["id"]
    card = ask("POST", f"{eng}/projects/{project_id}/columns/{column}/cards", {"title": MARKER})
    agent = {
        "name": "Clerk",
        "projectIds": [project_id, here["projectId"]],
        "tools": ["board.read", "board.write"],
    }
    agent_id = ask("POST", f"{eng}/agents", agent)["id"]
    moved, blocked, triggering = (
        ask("POST", f"{seen}/columns/{here['columnId']}/cards", {"title": f"Card {number}"})["id"]
        for number in range(3)
    )
    mission = {"cardId": blocked, "prompt": f"archive {card['key']}"}
    params["seenMissionId"] = ask("POST", f"{eng}/agents/{agent_id}/missions", mission)["id"]
    actions = [
        {"type": "set_priority", "params": {"cardId": card["id"], "priority": "high"}},
        {"type": "transfer_card", "params": {"targetProjectId": project_id, "targetColumn": MARKER}},
    ]
    ask("POST", f"{seen}/automations", {"trigger": "task_assigned", "actions": actions})
    ask("PATCH", f"{seen}/cards/{triggering}", {"assigneeId": world.people["BOSS"].id})
    ask("POST", f"{eng}/cards/{moved}/relations", {"targetCardId": blocked, "type": "blocks"})
    ask("POST", f"{seen}/cards/{moved}/transfer", {"columnId": params["columnId"]})
    ask("PATCH", f"{hidden}/cards/{moved}", {"title": MARKER})
    place = {"contextType": "project", "contextId": here["projectId"]}
    document = ask("POST", f"{eng}/documents", place | {"title": "Plan"})["id"]
    ask("POST", f"{eng}/documents/{document}/transfer", place | {"contextId": params["projectId"]})
    ask("PATCH", f"{eng}/documents/{document}", {"title": MARKER})
    third = f"{hidden}/cards/{params['thirdCardId']}"
    ask("POST", f"{third}/comments", {"content": MARKER}, name="WM")
    ask("POST", f"{third}/time-entries", {"minutes": 5, "note": MARKER}, name="WM")
    ask("POST", f"{third}/time-entries/start", name="WM")
    for watched in (hidden, third):
        ask("POST", f"{watched}/watch", name="WM")
    saved = {"name": MARKER, "filter": "assignee = me", "projectId": params["projectId"]}
    ask("POST", f"{eng}/saved-filters", saved, name="WM")
    ask("PATCH", third, {"assigneeId": world.people["WM"].id, "dueDate": "2026-01-01"})
    ask("PATCH", f"{eng}/projects/{project_id}", {"visibility": "private"})
    world.core.work.run_due()


def _find_traces(body: bytes, secrets: set[str]) -> set[str]:
    # The name of the agent that works in the project contains its id.
    text = re.sub("helper[- ][0-9a-f]+", "", body.decode(errors="replace").casefold())
    return {secret for secret in secrets if secret.casefold() in text}


READS = [row for row in SERVED if row.method == "GET" and row.role != "public" and "/events" not in row.path]


@each_visibility
@pytest.mark.slow("sends all readers of a workspace that has a hidden project")
def test_no_endpoint_shows_a_trace(permission_world: PermissionWorld, visibility: str):
    hidden, secrets = _create_hidden(permission_world, visibility)
    seen_items = {"agentId": hidden["agentId"], "missionId": hidden["seenMissionId"]}
    wrong = []
    for row in READS:
        for persona in STRANGERS[visibility]:
            params = make_path_params(permission_world, row, "PATfull" if persona == BOUND else persona)
            if not row.operation.startswith("pilotage."):
                params |= {name: seen_items[name] for name in params.keys() & seen_items}
            # Good requests have filters, which leave out most items.
            for query in (GOOD_REQUESTS[row.operation].query, "", "limit=100", f"q={MARKER}&limit=100"):
                answer = send(permission_world, row, persona, params, query=query)
                if answer.status < 300 and (traces := _find_traces(answer.body, secrets)):
                    wrong.append((row.operation, persona, query, traces))
    assert not wrong, "\n".join(map(str, wrong))


@each_visibility
@pytest.mark.slow("sends all requests to a hidden project")
def test_items_do_not_exist(permission_world: PermissionWorld, visibility: str):
    hidden, secrets = _create_hidden(permission_world, visibility)
    personas = GUESTS if visibility == "workspace" else ("WM", "PO", BOUND)
    failures = Failures()
    rows = [row for row in SERVED if row.parameters and row.role != "self_obj"]
    for row in rows:
        with failures.collect(row.operation), permission_world.sandbox.discard_changes():
            _check_row(permission_world, row, hidden, secrets, personas)
    failures.raise_if_any(len(rows))


def _check_row(
    permission_world: PermissionWorld,
    row: Row,
    hidden: PathParams,
    secrets: set[str],
    personas: Sequence[str],
) -> None:
    path_items = GOOD_REQUESTS[row.operation].path_items
    items = {name: hidden.get(path_items.get(name, name)) for name in row.parameters}
    if not secrets & {*items.values()}:
        return
    params = make_path_params(permission_world, row, personas[0])
    params |= {name: item for name, item in items.items() if item is not None}
    unknown = {name: UNKNOWN if item in secrets else item for name, item in params.items()}
    for persona in personas:
        expected = send(permission_world, row, persona, unknown)
        assert expected.status in (403, 404)
        answer = send(permission_world, row, persona, params)
        assert (answer.status, answer.body) == (expected.status, expected.body), persona
    assert send(permission_world, row, "OO", params).status != 404, "the request does not name the item"


@each_visibility
@pytest.mark.slow("sends all requests that name items, with those of a hidden project")
def test_ids_in_requests_name_nothing(permission_world: PermissionWorld, visibility: str):
    hidden, secrets = _create_hidden(permission_world, visibility)
    persona = "GE" if visibility == "workspace" else "WM"
    failures = Failures()
    for row, field in CASES:
        id = hidden[REFERENCES[row.operation][field]]
        if id not in secrets:
            continue
        with failures.collect(f"{row.operation} {field}"), permission_world.sandbox.discard_changes():
            expected = send_id(permission_world, row, persona, field, UNKNOWN)
            answer = send_id(permission_world, row, persona, field, id)
            assert 400 <= answer.status < 500
            body = answer.body.replace(id.encode(), UNKNOWN.encode())
            assert (answer.status, body) == (expected.status, expected.body)
    failures.raise_if_any(len(CASES))
