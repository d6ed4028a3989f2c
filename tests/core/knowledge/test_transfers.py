"""Transfers of documents to other projects and workspaces: what follows a document, and who may move it."""

import functools
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stellary.core.knowledge import documents
from tests.core.knowledge.document_api import content
from tests.support.tables import metadata, read_rows
from tests.support.world import Person, Project, Workspace, World, at_once

PLACE = {"workspaceId", "projectId", "contextType", "contextId", "parentId", "version", "updatedAt"}
UNKNOWN = (400, "contextId must be the id of an existing item")


@attrs.frozen
class Desk:
    """Projects of ann's in two workspaces of an organization, and bob, who sees the first workspace."""

    world: World
    ann: Person
    bob: Person
    app: Project
    ops: Project
    far: Project

    def ask(self, method: str, path: str, body: Any = None, by: Any = None) -> Any:
        return self.world.ask(by or self.ann, method, path, body)

    def document(self, title: str = "Plan", project: Project | None = None, **fields: Any) -> Any:
        project = project or self.app
        body = {"title": title, "contextType": "project", "contextId": project.id, **fields}
        return self.ask("POST", f"{project.workspace.path}/documents", body)

    def path(self, document: Any) -> str:
        paths = {project.workspace.id: project.workspace.path for project in (self.app, self.far)}
        return f"{paths[document['workspaceId']]}/documents/{document['id']}"

    def read(self, document: Any, workspace: Workspace | None = None) -> Any:
        path = f"{workspace.path}/documents/{document['id']}" if workspace else self.path(document)
        return self.ask("GET", path)

    def transfer(self, document: Any, to: Project | Workspace, **fields: Any) -> Any:
        return self.ask("POST", f"{self.path(document)}/transfer", target(to, **fields))

    def refusal(self, document: Any, to: Any, who: Any = None, **fields: Any) -> tuple[int, str]:
        path = f"{self.path(document)}/transfer"
        return self.world.error(who or self.ann, "POST", path, target(to, **fields))

    def full_document(self) -> Any:
        """Create a document with a version, comments of which one is deleted, and a notification of bob."""
        document = self.document(tags=["one"], content=content("Well made."), docType="spec")
        path = self.path(document)
        for text in ("Kept by @bob.", "Deleted."):
            comment = self.ask("POST", f"{path}/comments", {"content": text})
        self.ask("DELETE", f"{path}/comments/{comment['id']}")
        return self.ask("POST", f"{path}/submit-review")

    def feed(self, project: Project, by: Person | None = None) -> list[Any]:
        """Return the activities about documents that a person reads in a project, the last one first."""
        feed = self.ask("GET", f"{project.path}/activity", by=by)
        return [item for item in feed if item["entity"] in ("document", "document_comment")]


def target(to: Any, **fields: Any) -> dict[str, Any]:
    kind = "workspace" if isinstance(to, Workspace) else "project"
    return {"contextType": kind, "contextId": to if isinstance(to, str) else to.id, **fields}


@pytest.fixture
def desk(world: World) -> Desk:
    ann, bob = world.people("ann bob")
    here = world.workspace(ann)
    there = world.workspace(ann, here.organization)
    world.join(bob, here, pilotage_role="reviewer")
    app, ops = (world.project(ann, here, key, key=key.upper()) for key in ("app", "ops"))
    return Desk(world, ann, bob, app, ops, world.project(ann, there, "far"))


def test_document_enters_a_project_of_another_workspace(desk: Desk):
    document = desk.full_document()
    versions_and_comments = [
        desk.ask("GET", f"{desk.path(document)}/{kind}") for kind in ("versions", "comments")
    ]
    scope = desk.ask("GET", f"{desk.far.path}/scopes")[0]["id"]
    moved = desk.transfer(document, desk.far, contextType="scope", contextId=scope)
    assert {name for name in document if document[name] != moved[name]} == PLACE - {"parentId"}
    place = desk.far.workspace.id, desk.far.id, scope
    assert tuple(moved[name] for name in ("workspaceId", "projectId", "contextId")) == place
    assert desk.read(moved) == moved
    assert [
        desk.ask("GET", f"{desk.path(moved)}/{kind}") for kind in ("versions", "comments")
    ] == versions_and_comments
    assert desk.world.status(desk.ann, "GET", desk.path(document)) == 404
    rows = read_rows(desk.world.core)
    stale = {
        (name, row.type if name == "stellary_activities" else "")
        for name in metadata.tables
        for row in rows[name]
        if document["id"] in str(tuple(row)) and "stellary_projects" not in name
        if {desk.app.id, desk.app.workspace.id}
        & {getattr(row, key, None) for key in ("project_id", "workspace_id")}
    }
    assert stale == {("stellary_activities", "document_transferred_out")}
    # Its review is open, and an admin of the other workspace decides.
    assert desk.world.status(desk.bob, "POST", f"{desk.path(document)}/review", {"status": "approved"}) == 404
    assert desk.ask("POST", f"{desk.path(moved)}/review", {"status": "approved"})["status"] == "approved"


def test_readers_of_the_former_project_learn_that_it_has_left_and_nothing_else(desk: Desk):
    document = desk.full_document()
    assert desk.ask("GET", "/notifications/count", by=desk.bob)["count"] == 2
    history = desk.feed(desk.app, desk.bob)
    desk.ask("PATCH", desk.ops.path, {"visibility": "private"})
    desk.transfer(document, desk.ops)
    (left,) = desk.feed(desk.app, desk.bob)
    assert (left["type"], left["entityId"]) == ("document_transferred_out", document["id"])
    assert left == left | {"meta": {"documentId": document["id"]}, "changes": [], "projectId": desk.app.id}
    assert desk.ask("GET", "/notifications/count", by=desk.bob)["count"] == 0
    for path in ("/search?q=well", "/trash", "/search?q=kept"):
        assert [item["kind"] for item in desk.ask("GET", desk.app.workspace.path + path, by=desk.bob)] == []
    entered, *older = desk.feed(desk.ops)
    assert [item["id"] for item in older] == [item["id"] for item in history]
    assert {change["field"] for change in entered["changes"]} == {"contextId"}
    (deleted,) = desk.ask("GET", f"{desk.app.workspace.path}/trash?projectId={desk.ops.id}")
    desk.ask("POST", f"{desk.app.workspace.path}/trash/{deleted['id']}/restore", {})
    assert len(desk.ask("GET", f"{desk.path(document)}/comments")) == 2
    expected = ["document_comment"]
    assert [hit["kind"] for hit in desk.ask("GET", f"{desk.app.workspace.path}/search?q=deleted")] == expected
    # Also what is about a restored comment follows; that it has left a project stays there.
    desk.transfer(document, desk.app)
    assert [item["type"] for item in desk.feed(desk.ops)] == ["document_transferred_out"]
    assert len(desk.feed(desk.app)) == len(history) + 4


def test_change_of_the_context_takes_the_history_along(desk: Desk):
    document = desk.full_document()
    desk.ask("PATCH", desk.ops.path, {"visibility": "private"})
    desk.ask("PATCH", desk.path(document), {"contextType": "project", "contextId": desk.ops.id})
    assert [item["type"] for item in desk.feed(desk.app, desk.bob)] == ["document_transferred_out"]
    assert desk.feed(desk.ops)[0]["type"] == "document_updated"
    assert desk.ask("GET", "/notifications/count", by=desk.bob)["count"] == 0
    assert desk.ask("GET", f"{desk.app.workspace.path}/trash", by=desk.bob) == []
    desk.ask("PATCH", desk.path(document), {"contextType": "organization"})
    assert len(desk.ask("GET", f"{desk.far.workspace.path}/search?q=well")) == 1


def test_child_documents_of_the_project_move_along(desk: Desk):
    top = desk.document("top")
    root = desk.document("root", parentId=top["id"])
    child = desk.document("child", parentId=root["id"])
    outside = {"contextType": "workspace", "contextId": desk.app.workspace.id}
    deep, other = (desk.document("other", parentId=parent["id"], **outside) for parent in (child, root))
    below = desk.document("below", parentId=other["id"])
    desk.transfer(root, desk.ops)
    current = [desk.read(item) for item in (root, child, deep, other, below)]
    assert [item["projectId"] for item in current] == [desk.ops.id] * 2 + [None, None, desk.app.id]
    parents = [None, *(item["id"] for item in (root, child, root, other))]
    assert [item["parentId"] for item in current] == parents
    desk.transfer(root, desk.app, parentId=top["id"])
    desk.transfer(root, desk.far)
    assert desk.read(child, desk.far.workspace)["parentId"] == root["id"]
    # Those outside of the project stay, as when a document is deleted.
    parents = [top["id"], top["id"], other["id"]]
    assert [desk.read(item)["parentId"] for item in (deep, other, below)] == parents


TREES = st.lists(st.integers(0, 5), min_size=1, max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=5, deadline=None)
@given(TREES, st.booleans())
@pytest.mark.slow("moves trees of documents")
def test_there_and_back_leaves_the_documents_equal(desk: Desk, parents: list[int], is_far: bool):
    top = desk.document("top")
    documents = [top]
    for index, parent in enumerate(parents):
        documents.append(
            desk.document(f"{index}", parentId=documents[parent % len(documents)]["id"], tags=["t"])
        )
    moved = desk.transfer(documents[1], desk.far if is_far else desk.ops)
    desk.transfer(moved, desk.app, parentId=top["id"])
    for document in documents:
        same = document.keys() - {"version", "updatedAt"}
        current = desk.read(document)
        assert {name: current[name] for name in same} == {name: document[name] for name in same}


def test_documents_move_between_a_workspace_and_its_projects(desk: Desk):
    document = desk.document()
    for place, project_id in (
        (desk.far.workspace, None),
        (desk.far, desk.far.id),
        (desk.app.workspace, None),
    ):
        document = desk.transfer(document, place)
        assert (document["projectId"], document["contextId"]) == (project_id, place.id)
    assert desk.refusal(document, desk.app.workspace)[0] == 400
    titles = [item["title"] for item in desk.ask("GET", f"{desk.app.workspace.path}/documents", by=desk.bob)]
    assert titles == ["Plan"]


def test_roles_of_both_projects_decide(desk: Desk):
    document = desk.document()
    for project in (desk.app, desk.ops):
        desk.ask("POST", f"{project.path}/members", {"email": desk.bob.email, "role": "viewer"})
    for app_role, ops_role, status in (
        ("viewer", "editor", 403),
        ("editor", "viewer", 403),
        ("editor", "editor", 200),
    ):
        desk.ask("PATCH", f"{desk.app.path}/members/{desk.bob.id}", {"role": app_role})
        desk.ask("PATCH", f"{desk.ops.path}/members/{desk.bob.id}", {"role": ops_role})
        answer = desk.world.call(desk.bob, "POST", f"{desk.path(document)}/transfer", target(desk.ops))
        assert answer.status == status
    desk.ask("DELETE", f"{desk.app.path}/members/{desk.bob.id}")
    desk.ask("PATCH", desk.app.path, {"visibility": "private"})
    abroad = desk.world.workspace(desk.ann)
    for place in (desk.app, desk.far, desk.far.workspace, abroad, "0" * 24):
        assert desk.refusal(document, place, desk.bob) == UNKNOWN
    assert desk.refusal(document, abroad) == UNKNOWN
    assert desk.refusal(document, desk.world.project(desk.ann, abroad)) == UNKNOWN
    assert desk.refusal(document, desk.ops) == (400, "contextId must be in another project or workspace")
    for parent in (desk.document("secret")["id"], desk.document("far", desk.far)["id"]):
        assert desk.refusal(document, desk.app.workspace, desk.bob, parentId=parent)[0] == 400


def test_bound_tokens_and_guests_leave_no_project(desk: Desk):
    document = desk.document()
    gus = desk.world.member("gus", desk.app.workspace, role="guest")
    for project in (desk.app, desk.ops):
        desk.ask("POST", f"{project.path}/members", {"email": gus.email, "role": "editor"})
    body = {"name": "x", "scopes": ["projects:write"], "projectIds": [desk.app.id]}
    token = desk.ask("POST", "/api-tokens", body)["token"]
    assert desk.refusal(document, desk.ops, token) == UNKNOWN
    assert desk.refusal(document, desk.app.workspace, token)[0] == 403
    assert desk.refusal(document, desk.app.workspace, gus)[0] == 403
    assert desk.world.status(gus, "POST", f"{desk.path(document)}/transfer", target(desk.ops)) == 200


def test_what_cannot_move_stays_as_it_is(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    root = desk.document()
    child = desk.document("child", desk.ops, parentId=root["id"])
    below = (409, "a document cannot be moved below itself")
    assert desk.refusal(root, desk.ops, parentId=child["id"]) == below
    path = f"{desk.path(root)}/transfer"
    assert desk.world.call(desk.ann, "POST", path, target(desk.ops), if_match='"9"').status == 412
    monkeypatch.setattr(documents, "BULK_MAX", 2)
    for title in "ab":
        desk.document(title, parentId=root["id"])
    assert desk.refusal(root, desk.far) == (409, "more than 2 documents would move")
    assert desk.read(root) == root


def test_restored_documents_are_below_no_document_of_another_workspace(desk: Desk):
    parent = desk.document("parent")
    child, orphan = (desk.document(title, parentId=parent["id"]) for title in ("child", "orphan"))
    desk.ask("DELETE", desk.path(orphan))
    parent = desk.transfer(parent, desk.far)
    trash = f"{desk.app.workspace.path}/trash"
    desk.ask("POST", f"{trash}/{desk.ask('GET', trash)[0]['id']}/restore", {})
    assert desk.read(orphan)["parentId"] is None
    desk.ask("DELETE", desk.path(parent))
    child = desk.ask("POST", f"{desk.far.workspace.path}/documents/{child['id']}/transfer", target(desk.app))
    trash = f"{desk.far.workspace.path}/trash"
    desk.ask("POST", f"{trash}/{desk.ask('GET', trash)[0]['id']}/restore", {})
    assert desk.read(child)["parentId"] is None


def test_rule_of_the_former_workspace_lacks_the_document_until_it_returns(desk: Desk):
    parent = desk.document("Minutes", desk.app)
    action = {"type": "create_document", "params": {"title": "x", "parentId": parent["id"]}}
    rule = desk.ask("POST", f"{desk.app.path}/automations", {"trigger": "task_moved", "action": action})
    moved, problems = parent, []
    for place in (desk.ops, desk.far, desk.app):
        moved = desk.transfer(moved, place)
        (rule,) = desk.ask("GET", f"{desk.app.path}/automations")
        problems.append(rule["problem"])
    assert problems == [None, "a hidden document is no longer in the workspace", None]


@pytest.mark.race
def test_requests_at_once_happen_before_the_transfer_or_are_a_404(desk: Desk, rounds: int):
    for _ in range(rounds):
        document = desk.document()
        path = desk.path(document)
        requests = (
            ("POST", f"{path}/transfer", target(desk.far)),
            ("POST", f"{path}/transfer", target(desk.ops)),
            ("POST", f"{path}/comments", {"content": "Remark."}),
            ("PATCH", path, {"title": "Renamed"}),
            ("POST", f"{desk.app.workspace.path}/documents", {"title": "below", "parentId": document["id"]}),
        )
        statuses = at_once(*(functools.partial(desk.world.status, desk.ann, *sent) for sent in requests))
        assert {*statuses} <= {200, 201, 400, 404}
        rows = read_rows(desk.world.core)
        (stored,) = (row for row in rows["stellary_documents"] if row.id == document["id"])
        place = stored.workspace_id, stored.project_id
        for name in ("stellary_search_entries", "stellary_documents", "stellary_activities"):
            for row in rows[name]:
                is_about = document["id"] in (
                    row.id,
                    getattr(row, "document_id", ""),
                    getattr(row, "parent_id", ""),
                )
                if is_about or (name == "stellary_activities" and document["id"] in str(row.meta)):
                    has_left = getattr(row, "type", "") == "document_transferred_out"
                    assert has_left or (row.workspace_id, row.project_id) == place, (name, statuses)
