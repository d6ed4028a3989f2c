"""Documents: made, found, changed, put below each other, deleted."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args

import pytest

from stellary.contract.documents import DocType
from tests.core.knowledge.shelf import content
from tests.support.world import at_once

UNKNOWN = "a" * 24


def test_a_new_document_is_an_empty_draft_of_the_workspace(shelf):
    made = shelf.document()
    assert made == {
        "id": made["id"],
        "title": "Plan",
        "docType": "document",
        "contextType": "workspace",
        "contextId": shelf.workspace.id,
        "workspaceId": shelf.workspace.id,
        "projectId": None,
        "parentId": None,
        "tags": [],
        "status": "draft",
        "authorId": shelf.ann.id,
        "authorName": "ann",
        "reviewerId": None,
        "reviewerName": None,
        "reviewNotes": None,
        "submittedAt": None,
        "reviewedAt": None,
        "version": 1,
        "createdAt": made["createdAt"],
        "updatedAt": made["createdAt"],
        "contentFormat": "tiptap",
        "content": {"type": "doc", "content": [{"type": "paragraph"}]},
    }
    assert shelf.read(made) == made


def test_there_are_eight_types_and_each_can_be_filtered_by(shelf):
    types = get_args(DocType)
    for kind in types:
        shelf.document(kind, docType=kind)
    assert len(types) == 8
    assert [shelf.titles(f"docType={kind}") for kind in types] == [[kind] for kind in types]


def test_markdown_is_taken_and_told(shelf):
    said = "# Plan\n\nWrite **it**."
    made = shelf.document(content=said, contentFormat="markdown")
    assert (made["contentFormat"], made["content"]) == ("markdown", said)
    assert [node["type"] for node in shelf.read(made)["content"]["content"]] == ["heading", "paragraph"]
    changed = shelf.change(made, content="Done.", contentFormat="markdown")
    assert (changed["version"], changed["content"]) == (2, "Done.")
    assert shelf.read(made)["content"] == content("Done.")
    assert shelf.read(made, "contentFormat=markdown")["content"] == "Done."


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"content": "Done."}, "content must be a TipTap document unless contentFormat is markdown"),
        (
            {"content": content("a"), "contentFormat": "markdown"},
            "content must be a text if contentFormat is markdown",
        ),
        ({"content": "x" * 1_048_577, "contentFormat": "markdown"}, "content must be at most 1 MB"),
        ({"content": content("x" * 1_048_576)}, "content must be at most 1 MB"),
        (
            {"content": '"' * 600_000, "contentFormat": "markdown"},
            "content must be at most 1 MB as a TipTap document",
        ),
        (
            {"content": "*" * 300_001, "contentFormat": "markdown"},
            "content must have at most 300 000 characters that could be marks, where [ counts 10 times",
        ),
        ({"tags": ["api", "API"]}, "tags[1] must not be there twice"),
        ({"tags": ["api", "api"]}, "tags must not contain duplicates"),
        ({"tags": ["a\nb"]}, "tags[0] must be on one line"),
        ({"contextType": "project"}, "contextId is required of a project"),
        ({"contextId": UNKNOWN}, "contextType is required beside contextId"),
        (
            {"contextType": "workspace", "contextId": UNKNOWN},
            "contextId must be the id of something that is there",
        ),
        (
            {"contextType": "scope", "contextId": UNKNOWN},
            "contextId must be the id of something that is there",
        ),
        ({"parentId": ""}, "parentId must be the id of something that is there"),
        ({"status": "approved"}, "status is not a field of this request"),
    ],
    ids=lambda case: str(case)[:40],
)
def test_what_cannot_be_is_told_and_changes_nothing(shelf, body, message):
    document = shelf.document()
    assert shelf.error("POST", shelf.path, {"title": "Plan", **body}) == (400, message)
    assert shelf.error("PATCH", shelf.of(document), body) == (400, message)
    assert [shelf.titles(), shelf.read(document)] == [["Plan"], document]


def test_a_content_of_a_megabyte_is_kept(shelf):
    empty = len(b'{"type":"doc","content":[{"type":"paragraph","content":[{"type":"text","text":""}]}]}')
    said = content("x" * (1_048_576 - empty))
    assert shelf.read(shelf.document(content=said))["content"] == said


def test_a_content_of_nodes_32_deep_is_kept(shelf):
    node = {"type": "text", "text": "deep"}
    for kind in ["paragraph", *["blockquote"] * 29, "doc"]:
        node = {"type": kind, "content": [node]}
    assert shelf.read(shelf.document(content=node))["content"] == node
    deeper = {"type": "doc", "content": [{**node, "type": "blockquote"}]}
    assert shelf.error("POST", shelf.path, {"title": "Deep", "content": deeper})[0] == 400


def test_each_context_has_its_documents(shelf):
    project = shelf.project()
    organization = shelf.workspace.organization.id
    made = [
        shelf.document("o", contextType="organization"),
        shelf.document("w", contextType="workspace", contextId=shelf.workspace.id),
        shelf.document("p", contextType="project", contextId=project["id"]),
        shelf.document("s", contextType="scope", contextId=project["scopeId"]),
    ]
    assert [each["contextId"] for each in made] == [
        organization,
        shelf.workspace.id,
        project["id"],
        project["scopeId"],
    ]
    assert shelf.titles() == ["o", "w", "p", "s"]
    assert shelf.titles("contextType=scope") == ["s"]
    assert shelf.titles(f"contextId={project['id']}") == ["p"]
    assert shelf.titles(f"projectId={project['id']}") == ["p", "s"]
    moved = shelf.change(made[2], contextType="workspace")
    assert (moved["contextId"], moved["projectId"], moved["version"]) == (shelf.workspace.id, None, 2)


def test_what_belongs_to_the_organization_is_read_in_its_workspaces_and_changed_at_home(shelf):
    other = shelf.world.workspace(shelf.rob, shelf.workspace.organization)
    elsewhere = f"{other.path}/documents"
    shared, own = shelf.document("shared", contextType="organization"), shelf.document("own")
    assert [each["title"] for each in shelf.world.ask(shelf.rob, "GET", elsewhere)] == ["shared"]
    there = f"{elsewhere}/{shared['id']}"
    assert shelf.world.ask(shelf.rob, "GET", there) == shared
    assert shelf.error("GET", f"{elsewhere}/{own['id']}", by=shelf.rob) == (404, "Document not found")
    said = (403, "a document of the organization is changed in the workspace in which it was made")
    assert shelf.error("PATCH", there, {"title": "mine"}, by=shelf.rob) == said
    assert shelf.error("PATCH", there, {"title": 5}, by=shelf.rob) == said
    assert shelf.error("DELETE", there, by=shelf.rob) == said
    assert shelf.error("POST", f"{there}/submit-review", by=shelf.rob) == said
    assert shelf.error("POST", elsewhere, {"title": "x", "parentId": shared["id"]}, by=shelf.rob)[0] == 400
    stranger = shelf.world.person("eve")
    abroad = f"{shelf.world.workspace(stranger).path}/documents/{shared['id']}"
    assert shelf.error("GET", abroad, by=stranger) == (404, "Document not found")


def test_a_child_takes_the_context_of_its_parent_unless_another_is_named(shelf):
    project = shelf.project()
    parent = shelf.document(contextType="scope", contextId=project["scopeId"])
    child = shelf.document("child", parentId=parent["id"])
    assert [child[name] for name in ("parentId", "contextType", "contextId", "projectId")] == [
        parent["id"],
        "scope",
        project["scopeId"],
        project["id"],
    ]
    assert shelf.document(parentId=parent["id"], contextType="workspace")["projectId"] is None
    assert shelf.titles(f"parentId={parent['id']}") == ["child", "Plan"]


def test_a_document_never_stands_below_itself(shelf):
    top = shelf.document("top")
    middle = shelf.document("middle", parentId=top["id"])
    bottom = shelf.document("bottom", parentId=middle["id"])
    for below in (top, middle, bottom):
        said = shelf.error("PATCH", shelf.of(top), {"parentId": below["id"]})
        assert said == (409, "a document cannot stand below itself")
    assert shelf.change(bottom, parentId=top["id"])["parentId"] == top["id"]
    assert shelf.change(middle, parentId=bottom["id"])["parentId"] == bottom["id"]
    assert shelf.change(bottom, parentId=None)["parentId"] is None
    assert shelf.titles("topLevel=true") == ["top", "bottom"]


def test_two_that_are_put_below_each_other_at_once_make_no_cycle(shelf):
    one, two = shelf.document("one"), shelf.document("two")

    def put(which, below):
        return shelf.world.status(shelf.ann, "PATCH", shelf.of(which), {"parentId": below["id"]})

    assert sorted(at_once(lambda: put(one, two), lambda: put(two, one))) == [200, 409]


def test_what_stands_below_a_deleted_document_rises_to_its_parent(shelf):
    top = shelf.document("top")
    middle = shelf.document("middle", parentId=top["id"])
    children = [shelf.document(title, parentId=middle["id"]) for title in "ab"]
    assert shelf.world.ask(shelf.wim, "DELETE", shelf.of(middle)) == {"ok": True}
    found = [shelf.read(child) for child in children]
    assert [(each["parentId"], each["version"]) for each in found] == [(top["id"], 2)] * 2
    assert shelf.error("GET", shelf.of(middle)) == (404, "Document not found")


def test_documents_are_found_by_tag_title_status_author_and_time(shelf):
    shelf.world.stop_clock()
    plan = shelf.document("Größe_1", tags=["API", "v1.0"])
    shelf.document("Notes", by=shelf.wim, tags=["api_2"])
    assert shelf.titles("tag=api") == shelf.titles("tag=Api") == ["Größe_1"]
    assert shelf.titles("tag=api%25") == shelf.titles("tag=api_") == []
    assert shelf.titles("q=GR%C3%96%C3%9FE_") == ["Größe_1"]
    assert shelf.titles("q=otes&topLevel=true") == ["Notes"]
    assert shelf.titles("topLevel=false") == []
    assert shelf.titles(f"authorId={shelf.wim.id}&docType=document") == ["Notes"]
    shelf.submit(plan)
    assert (shelf.titles("status=pending_review"), shelf.titles("status=draft")) == (["Größe_1"], ["Notes"])
    assert shelf.titles("updatedSince=2026-04-02") == []
    assert shelf.titles("updatedSince=2026-04-01") == ["Größe_1", "Notes"]


def test_a_list_has_no_content_and_comes_by_the_page(shelf):
    for number in range(5):
        shelf.document(str(number))
    answer = shelf.world.call(shelf.ann, "GET", f"{shelf.path}?limit=2&topLevel=true")
    assert b'"content"' not in answer.body
    link = answer.headers["link"].partition(">")[0][1:]
    assert [each["title"] for each in shelf.world.ask(shelf.ann, "GET", link)] == ["2", "3"]


def test_a_change_of_nothing_is_none(shelf):
    made = shelf.document(content=content("a"), tags=["x"])
    assert shelf.change(made) == made
    assert shelf.change(made, title="Plan", content=content("a"), tags=["x"], parentId=None) == made


def test_a_stale_version_is_refused(shelf):
    made = shelf.document()
    answer = shelf.world.call(shelf.ann, "PATCH", shelf.of(made), {"content": content("a")}, if_match='"1"')
    assert (answer.status, answer.headers["etag"]) == (200, '"2"')
    stale = {"if_match": '"1"'}
    assert shelf.error("PATCH", shelf.of(made), {"title": "b"}, **stale) == (412, "the current version is 2")
    assert shelf.error("DELETE", shelf.of(made), **stale)[0] == 412
    assert shelf.error("POST", f"{shelf.of(made)}/submit-review", **stale)[0] == 412
    assert shelf.titles() == ["Plan"]


def test_who_saves_every_few_seconds_is_told_of_every_ten_minutes(shelf):
    clock = shelf.world.stop_clock()
    project = shelf.project()
    made = shelf.document(contextType="project", contextId=project["id"])

    def told():
        path = f"{shelf.workspace.path}/projects/{project['id']}/activity"
        return [each["type"] for each in shelf.world.ask(shelf.ann, "GET", path)].count("document_updated")

    for number in range(5):
        shelf.change(made, content=content(str(number)))
    assert told() == 0
    shelf.change(made, title="Another")
    assert told() == 1
    shelf.change(made, by=shelf.wim, content=content("wim's"))
    assert told() == 2
    clock.advance(timedelta(minutes=10))
    shelf.change(made, by=shelf.wim, content=content("later"))
    assert told() == 3


def test_what_is_told_of_a_document_says_what_it_is(shelf):
    project = shelf.project()
    made = shelf.document(contextType="project", contextId=project["id"])
    shelf.change(made, title="Spec", docType="spec", tags=["a"])
    path = f"{shelf.workspace.path}/projects/{project['id']}/activity"
    newest = shelf.world.ask(shelf.ann, "GET", path)[0]
    assert (newest["type"], newest["meta"]) == (
        "document_updated",
        {
            "documentId": made["id"],
            "documentTitle": "Spec",
            "docType": "spec",
            "status": "draft",
            "changed": ["title", "docType", "tags"],
            "formerStatus": "draft",
        },
    )


def test_documents_go_with_what_they_belong_to(shelf):
    project = shelf.project()
    base = f"{shelf.workspace.path}/projects/{project['id']}"
    scope = shelf.world.ask(shelf.ann, "POST", f"{base}/scopes", {"name": "Phase 2"})
    top = shelf.document("scope's", contextType="scope", contextId=scope["id"])
    shelf.submit(top)
    below = shelf.document("workspace's", parentId=top["id"], contextType="workspace")
    shelf.document("project's", contextType="project", contextId=project["id"], parentId=below["id"])
    shelf.world.ask(shelf.ann, "DELETE", f"{shelf.workspace.path}/scopes/{scope['id']}")
    assert shelf.titles() == ["workspace's", "project's"]
    assert shelf.read(below)["parentId"] is None
    shelf.world.ask(shelf.ann, "DELETE", base)
    assert shelf.titles() == ["workspace's"]
    shelf.document("organization's", contextType="organization")
    other = shelf.world.workspace(shelf.ann, shelf.workspace.organization)
    shelf.world.ask(shelf.ann, "DELETE", shelf.workspace.path)
    assert shelf.world.ask(shelf.ann, "GET", f"{other.path}/documents") == []
    shelf.world.ask(shelf.ann, "POST", f"{other.path}/documents", {"title": "x"})
    shelf.world.ask(shelf.ann, "DELETE", shelf.workspace.organization.path)


def test_documents_stay_when_their_author_leaves(shelf):
    made = shelf.document(by=shelf.wim)
    shelf.submit(made, by=shelf.wim)
    shelf.review(made)
    assert shelf.told(shelf.wim) == ["document_approved Plan"]
    shelf.world.ask(shelf.ann, "DELETE", f"{shelf.workspace.path}/members/{shelf.wim.id}")
    assert shelf.told(shelf.wim) == []
    assert shelf.read(made)["authorName"] == "wim"
    assert shelf.error("GET", shelf.of(made), by=shelf.wim) == (404, "Workspace not found")


def test_each_call_costs_a_fixed_number_of_statements(shelf, statements):
    def cost(call):
        with statements() as sent:
            call()
        return len(sent)

    made = shelf.document(content=content("a"))
    assert cost(lambda: shelf.read(made)) == 1
    assert cost(lambda: shelf.read(made, "contentFormat=markdown")) == 1
    assert cost(lambda: shelf.change(made)) == 1
    assert cost(lambda: shelf.change(made, content=content("b"))) == 3
    one = cost(shelf.titles)
    for _ in range(5):
        shelf.document()
    assert one == cost(shelf.titles) == cost(lambda: shelf.titles("limit=2")) == 2
    # The access check, the document, what is told of it, and the index: nobody wants to be called.
    assert cost(shelf.document) == 4
