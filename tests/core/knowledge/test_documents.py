"""Documents: creation, search, changes, hierarchy and deletion."""

from datetime import timedelta
from typing import get_args

import pytest

from stellary.contract.documents import DocType
from tests.core.knowledge.document_api import content
from tests.support.core_parts import paging
from tests.support.world import at_once

UNKNOWN = "a" * 24


def test_a_new_document_is_an_empty_draft_of_the_workspace(document_api):
    document = document_api.document()
    assert document == {
        "id": document["id"],
        "title": "Plan",
        "docType": "document",
        "contextType": "workspace",
        "contextId": document_api.workspace.id,
        "workspaceId": document_api.workspace.id,
        "projectId": None,
        "parentId": None,
        "tags": [],
        "status": "draft",
        "authorId": document_api.ann.id,
        "authorName": "ann",
        "reviewerId": None,
        "reviewerName": None,
        "reviewNotes": None,
        "submittedAt": None,
        "reviewedAt": None,
        "version": 1,
        "createdAt": document["createdAt"],
        "updatedAt": document["createdAt"],
        "contentFormat": "tiptap",
        "content": {"type": "doc", "content": [{"type": "paragraph"}]},
    }
    assert document_api.read(document) == document


def test_list_filters_by_each_of_eight_types(document_api):
    types = get_args(DocType)
    for kind in types:
        document_api.document(kind, docType=kind)
    assert len(types) == 8
    assert [document_api.titles(f"docType={kind}") for kind in types] == [[kind] for kind in types]


@pytest.mark.parametrize("query", ["", "limit=5", "status=draft", "status=draft&limit=5"])
def test_list_has_no_documents_of_another_workspace(document_api, query):
    for workspace in (document_api.workspace.organization, None):
        elsewhere = document_api.world.workspace(document_api.ann, workspace)
        document_api.ask("POST", f"{elsewhere.path}/documents", {"title": "Elsewhere"})
    document_api.document("Here")
    assert document_api.titles(query) == ["Here"]


def test_markdown_is_accepted_and_returned(document_api):
    markdown = "# Plan\n\nWrite **it**."
    document = document_api.document(content=markdown, contentFormat="markdown")
    assert (document["contentFormat"], document["content"]) == ("markdown", markdown)
    assert [node["type"] for node in document_api.read(document)["content"]["content"]] == [
        "heading",
        "paragraph",
    ]
    changed = document_api.change(document, content="Done.", contentFormat="markdown")
    assert (changed["version"], changed["content"]) == (2, "Done.")
    assert document_api.read(document)["content"] == content("Done.")
    assert document_api.read(document, "contentFormat=markdown")["content"] == "Done."


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"content": "Done."}, "content must be a TipTap document unless contentFormat is markdown"),
        (
            {"content": content("a"), "contentFormat": "markdown"},
            "content must be a string if contentFormat is markdown",
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
        ({"tags": ["api", "API"]}, "tags[1] must not be given twice"),
        ({"tags": ["api", "api"]}, "tags must not contain duplicates"),
        ({"tags": ["a\nb"]}, "tags[0] must be on one line"),
        ({"contextType": "project"}, "contextId is required if contextType is project"),
        ({"contextId": UNKNOWN}, "contextType is required with contextId"),
        (
            {"contextType": "workspace", "contextId": UNKNOWN},
            "contextId must be the id of an existing item",
        ),
        (
            {"contextType": "scope", "contextId": UNKNOWN},
            "contextId must be the id of an existing item",
        ),
    ],
    ids=lambda case: str(case)[:40],
)
def test_invalid_fields_are_refused(document_api, body, message):
    document = document_api.document()
    assert document_api.error("POST", document_api.path, {"title": "Plan", **body}) == (400, message)
    assert document_api.error("PATCH", document_api.of(document), body) == (400, message)
    assert [document_api.titles(), document_api.read(document)] == [["Plan"], document]


def test_content_of_one_megabyte_is_stored(document_api):
    empty = len(b'{"type":"doc","content":[{"type":"paragraph","content":[{"type":"text","text":""}]}]}')
    large = content("x" * (1_048_576 - empty))
    assert document_api.read(document_api.document(content=large))["content"] == large


def test_content_nested_32_levels_is_stored(document_api):
    node = {"type": "text", "text": "deep"}
    for kind in ["paragraph", *["blockquote"] * 29, "doc"]:
        node = {"type": kind, "content": [node]}
    assert document_api.read(document_api.document(content=node))["content"] == node
    deeper = {"type": "doc", "content": [{**node, "type": "blockquote"}]}
    assert document_api.error("POST", document_api.path, {"title": "Deep", "content": deeper})[0] == 400


def test_each_context_has_its_documents(document_api):
    project = document_api.project()
    organization = document_api.workspace.organization.id
    documents = [
        document_api.document("o", contextType="organization"),
        document_api.document("w", contextType="workspace", contextId=document_api.workspace.id),
        document_api.document("p", contextType="project", contextId=project["id"]),
        document_api.document("s", contextType="scope", contextId=project["scopeId"]),
    ]
    assert [document["contextId"] for document in documents] == [
        organization,
        document_api.workspace.id,
        project["id"],
        project["scopeId"],
    ]
    assert document_api.titles() == ["o", "w", "p", "s"]
    assert document_api.titles("contextType=scope") == ["s"]
    assert document_api.titles(f"contextId={project['id']}") == ["p"]
    assert document_api.titles(f"projectId={project['id']}") == ["p", "s"]
    moved = document_api.change(documents[2], contextType="workspace")
    assert (moved["contextId"], moved["projectId"], moved["version"]) == (document_api.workspace.id, None, 2)


def test_organization_documents_are_read_everywhere_and_changed_in_their_workspace(document_api):
    other = document_api.world.workspace(document_api.rob, document_api.workspace.organization)
    elsewhere = f"{other.path}/documents"
    shared, private = (
        document_api.document("shared", contextType="organization"),
        document_api.document("own"),
    )
    assert [document["title"] for document in document_api.world.ask(document_api.rob, "GET", elsewhere)] == [
        "shared"
    ]
    there = f"{elsewhere}/{shared['id']}"
    assert document_api.world.ask(document_api.rob, "GET", there) == shared
    assert document_api.error("GET", f"{elsewhere}/{private['id']}", by=document_api.rob) == (
        404,
        "Document not found",
    )
    expected = (
        403,
        "a document of the organization can be changed only in the workspace in which it was created",
    )
    assert document_api.error("PATCH", there, {"title": "mine"}, by=document_api.rob) == expected
    assert document_api.error("PATCH", there, {"title": 5}, by=document_api.rob) == expected
    assert document_api.error("DELETE", there, by=document_api.rob) == expected
    assert document_api.error("POST", f"{there}/submit-review", by=document_api.rob) == expected
    assert (
        document_api.error("POST", elsewhere, {"title": "x", "parentId": shared["id"]}, by=document_api.rob)[
            0
        ]
        == 400
    )
    stranger = document_api.world.person("eve")
    abroad = f"{document_api.world.workspace(stranger).path}/documents/{shared['id']}"
    assert document_api.error("GET", abroad, by=stranger) == (404, "Document not found")


def test_child_has_the_context_of_its_parent_by_default(document_api):
    project = document_api.project()
    parent = document_api.document(contextType="scope", contextId=project["scopeId"])
    child = document_api.document("child", parentId=parent["id"])
    assert [child[name] for name in ("parentId", "contextType", "contextId", "projectId")] == [
        parent["id"],
        "scope",
        project["scopeId"],
        project["id"],
    ]
    assert document_api.document(parentId=parent["id"], contextType="workspace")["projectId"] is None
    assert document_api.titles(f"parentId={parent['id']}") == ["child", "Plan"]


def test_a_document_never_stands_below_itself(document_api):
    top = document_api.document("top")
    middle = document_api.document("middle", parentId=top["id"])
    bottom = document_api.document("bottom", parentId=middle["id"])
    for below in (top, middle, bottom):
        error = document_api.error("PATCH", document_api.of(top), {"parentId": below["id"]})
        assert error == (409, "a document cannot be moved below itself")
    assert document_api.change(bottom, parentId=top["id"])["parentId"] == top["id"]
    assert document_api.change(middle, parentId=bottom["id"])["parentId"] == bottom["id"]
    assert document_api.change(bottom, parentId=None)["parentId"] is None
    assert document_api.titles("topLevel=true") == ["top", "bottom"]


def test_concurrent_moves_below_each_other_make_no_cycle(document_api):
    one, two = document_api.document("one"), document_api.document("two")

    def put(which, below):
        return document_api.world.status(
            document_api.ann, "PATCH", document_api.of(which), {"parentId": below["id"]}
        )

    assert sorted(at_once(lambda: put(one, two), lambda: put(two, one))) == [200, 409]


def test_children_of_a_deleted_document_move_to_its_parent(document_api):
    top = document_api.document("top")
    middle = document_api.document("middle", parentId=top["id"])
    children = [document_api.document(title, parentId=middle["id"]) for title in "ab"]
    assert document_api.world.ask(document_api.wim, "DELETE", document_api.of(middle)) == {"ok": True}
    current = [document_api.read(child) for child in children]
    assert [(document["parentId"], document["version"]) for document in current] == [(top["id"], 2)] * 2
    assert document_api.error("GET", document_api.of(middle)) == (404, "Document not found")


def test_documents_are_found_by_tag_title_status_author_and_time(document_api):
    document_api.world.stop_clock()
    plan = document_api.document("Größe_1", tags=["API", "v1.0"])
    document_api.document("Notes", by=document_api.wim, tags=["api_2"])
    assert document_api.titles("tag=api") == document_api.titles("tag=Api") == ["Größe_1"]
    assert document_api.titles("tag=api%25") == document_api.titles("tag=api_") == []
    assert document_api.titles("q=GR%C3%96%C3%9FE_") == ["Größe_1"]
    assert document_api.titles("q=otes&topLevel=true") == ["Notes"]
    assert document_api.titles("topLevel=false") == []
    assert document_api.titles(f"authorId={document_api.wim.id}&docType=document") == ["Notes"]
    document_api.submit(plan)
    assert (document_api.titles("status=pending_review"), document_api.titles("status=draft")) == (
        ["Größe_1"],
        ["Notes"],
    )
    assert document_api.titles("updatedSince=2026-04-02") == []
    assert document_api.titles("updatedSince=2026-04-01") == ["Größe_1", "Notes"]


def test_list_has_no_content_and_is_paged(document_api):
    for number in range(5):
        document_api.document(str(number))
    answer = document_api.world.call(document_api.ann, "GET", f"{document_api.path}?limit=2&topLevel=true")
    assert b'"content"' not in answer.body
    link = answer.headers["link"].partition(">")[0][1:]
    assert [document["title"] for document in document_api.ask("GET", link)] == [
        "2",
        "3",
    ]


def test_update_without_changes_keeps_the_document(document_api):
    document = document_api.document(content=content("a"), tags=["x"])
    assert document_api.change(document) == document
    assert (
        document_api.change(document, title="Plan", content=content("a"), tags=["x"], parentId=None)
        == document
    )


def test_a_stale_version_is_refused(document_api):
    document = document_api.document()
    answer = document_api.world.call(
        document_api.ann, "PATCH", document_api.of(document), {"content": content("a")}, if_match='"1"'
    )
    assert (answer.status, answer.headers["etag"]) == (200, '"2"')
    stale = {"if_match": '"1"'}
    assert document_api.error("PATCH", document_api.of(document), {"title": "b"}, **stale) == (
        412,
        "the current version is 2",
    )
    assert document_api.error("DELETE", document_api.of(document), **stale)[0] == 412
    assert document_api.error("POST", f"{document_api.of(document)}/submit-review", **stale)[0] == 412
    assert document_api.titles() == ["Plan"]


def test_frequent_saves_are_recorded_every_ten_minutes(document_api, clock):
    project = document_api.project()
    document = document_api.document(contextType="project", contextId=project["id"])

    def count_updates():
        path = f"{document_api.workspace.path}/projects/{project['id']}/activity"
        return [entry["type"] for entry in document_api.ask("GET", path)].count("document_updated")

    for number in range(5):
        document_api.change(document, content=content(str(number)))
    assert count_updates() == 0
    document_api.change(document, title="Another")
    assert count_updates() == 1
    document_api.change(document, by=document_api.wim, content=content("wim's"))
    assert count_updates() == 2
    clock.advance(timedelta(minutes=10))
    document_api.change(document, by=document_api.wim, content=content("later"))
    assert count_updates() == 3


def test_record_of_frequent_saves_has_the_first_and_the_last_values(document_api, clock):
    project = document_api.project()
    document = document_api.document(contextType="project", contextId=project["id"])
    path = f"{document_api.workspace.path}/projects/{project['id']}/activity"

    def list_contents():
        return [
            [
                (change["from"], change["to"], change["diff"])
                for change in activity["changes"]
                if change["field"] == "content"
            ]
            for activity in document_api.ask("GET", path)
            if activity["entity"] == "document"
        ]

    document_api.change(document, content=content("zero"))
    assert list_contents() == [[("", "zero", None)]]
    clock.advance(timedelta(minutes=10))
    for text in ("one", "two"):
        document_api.change(document, content=content(text))
    assert list_contents() == [[("zero", "two", None)], [("", "zero", None)]]
    document_api.change(document, content=content("word " * 500))
    (diff,) = [diff for _, _, diff in list_contents()[0]]
    assert "-zero" in diff
    document_api.change(document, content=content("zero"))
    assert list_contents() == [[], [("", "zero", None)]]


def test_activity_of_a_document_has_its_details(document_api):
    project = document_api.project()
    document = document_api.document(contextType="project", contextId=project["id"])
    document_api.change(document, title="Spec", docType="spec", tags=["a"])
    path = f"{document_api.workspace.path}/projects/{project['id']}/activity"
    newest = document_api.ask("GET", path)[0]
    assert (newest["type"], newest["meta"]) == (
        "document_updated",
        {
            "documentId": document["id"],
            "documentTitle": "Spec",
            "docType": "spec",
            "status": "draft",
            "changed": ["title", "docType", "tags"],
            "formerStatus": "draft",
        },
    )


def test_documents_are_deleted_with_their_context(document_api):
    project = document_api.project()
    base = f"{document_api.workspace.path}/projects/{project['id']}"
    scope = document_api.ask("POST", f"{base}/scopes", {"name": "Phase 2"})
    top = document_api.document("scope's", contextType="scope", contextId=scope["id"])
    document_api.submit(top)
    below = document_api.document("workspace's", parentId=top["id"], contextType="workspace")
    document_api.document("project's", contextType="project", contextId=project["id"], parentId=below["id"])
    document_api.ask("DELETE", f"{document_api.workspace.path}/scopes/{scope['id']}")
    assert document_api.titles() == ["workspace's", "project's"]
    assert document_api.read(below)["parentId"] is None
    document_api.ask("DELETE", base)
    assert document_api.titles() == ["workspace's"]
    document_api.document("organization's", contextType="organization")
    other = document_api.world.workspace(document_api.ann, document_api.workspace.organization)
    document_api.ask("DELETE", document_api.workspace.path)
    assert document_api.ask("GET", f"{other.path}/documents") == []
    document_api.ask("POST", f"{other.path}/documents", {"title": "x"})
    document_api.ask("DELETE", document_api.workspace.organization.path)


def test_documents_stay_when_their_author_leaves(document_api):
    document = document_api.document(by=document_api.wim)
    document_api.submit(document, by=document_api.wim)
    document_api.review(document)
    assert document_api.notices(document_api.wim) == ["document_approved Plan"]
    document_api.ask("DELETE", f"{document_api.workspace.path}/members/{document_api.wim.id}")
    assert document_api.notices(document_api.wim) == []
    assert document_api.read(document)["authorName"] == "wim"
    assert document_api.error("GET", document_api.of(document), by=document_api.wim) == (
        404,
        "Workspace not found",
    )


def test_statements_do_not_grow_with_documents_or_formats(document_api, statements):
    def count_statements(call):
        with statements() as sent:
            call()
        return len(sent)

    document = document_api.document(content=content("a"))
    assert count_statements(lambda: document_api.read(document, "contentFormat=markdown")) == 1
    assert count_statements(lambda: document_api.change(document)) == 1
    # Within ten minutes, the change is added to the record of the creation.
    assert count_statements(lambda: document_api.change(document, content=content("b"))) == 5
    one = count_statements(document_api.titles)
    for _ in range(5):
        document_api.document()
    assert (
        one
        == count_statements(document_api.titles)
        == count_statements(lambda: document_api.titles("limit=2"))
    )


def test_pages_look_through_a_bounded_number_of_documents(document_api, monkeypatch):
    """Documents of the organization are in another index than those of the workspace, and appear once."""
    organization = {"contextType": "organization"}
    documents = [
        document_api.document(f"Plan {number}", **(organization if number % 3 == 0 else {}))
        for number in range(10)
    ]
    document_api.change(documents[7], title="Zebra")
    ids = [document["id"] for document in documents]
    monkeypatch.setattr(paging, "SCAN_MAX", 4)

    def walk(query: str) -> list[list[str]]:
        pages = document_api.world.walk(document_api.ann, f"{document_api.path}?{query}")
        return [[document["id"] for document in page] for page in pages]

    assert walk("limit=4") == [ids[:4], ids[4:8], ids[8:]]
    assert walk("limit=4&q=zebra") == [[], [ids[7]], []]
    assert walk("limit=4&status=draft") == [ids[:4], ids[4:8], ids[8:]]
