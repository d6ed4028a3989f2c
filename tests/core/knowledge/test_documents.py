"""Documents: creation, search, changes, hierarchy and deletion."""

from datetime import timedelta
from typing import get_args

import pytest

from stellary.contract.documents import DocType
from tests.core.knowledge.document_api import content
from tests.support.core_parts import paging
from tests.support.world import at_once

UNKNOWN = "a" * 24


def test_a_new_document_is_an_empty_draft_of_the_workspace(api):
    document = api.document()
    nothing = (
        "projectId",
        "parentId",
        "reviewerId",
        "reviewerName",
        "reviewNotes",
        "submittedAt",
        "reviewedAt",
    )
    expected = document | dict.fromkeys(nothing) | {"title": "Plan", "docType": "document", "tags": []}
    expected |= {"contextType": "workspace", "contextId": api.workspace.id, "workspaceId": api.workspace.id}
    expected |= {"status": "draft", "authorId": api.ann.id, "authorName": "ann", "version": 1}
    expected |= {"contentFormat": "tiptap", "content": {"type": "doc", "content": [{"type": "paragraph"}]}}
    assert document == expected | {"updatedAt": document["createdAt"]}
    assert api.read(document) == document


def test_list_filters_by_each_of_eight_types(api):
    types = get_args(DocType)
    for kind in types:
        api.document(kind, docType=kind)
    assert len(types) == 8
    assert [api.titles(f"docType={kind}") for kind in types] == [[kind] for kind in types]


@pytest.mark.parametrize("query", ["", "limit=5", "status=draft", "status=draft&limit=5"])
def test_list_has_no_documents_of_another_workspace(api, query):
    for workspace in (api.workspace.organization, None):
        elsewhere = api.world.workspace(api.ann, workspace)
        api.ask("POST", f"{elsewhere.path}/documents", {"title": "Elsewhere"})
    api.document("Here")
    assert api.titles(query) == ["Here"]


def test_markdown_is_accepted_and_returned(api):
    markdown = "# Plan\n\nWrite **it**."
    document = api.document(content=markdown, contentFormat="markdown")
    assert (document["contentFormat"], document["content"]) == ("markdown", markdown)
    assert [node["type"] for node in api.read(document)["content"]["content"]] == ["heading", "paragraph"]
    changed = api.change(document, content="Done.", contentFormat="markdown")
    assert (changed["version"], changed["content"]) == (2, "Done.")
    assert api.read(document)["content"] == content("Done.")
    assert api.read(document, "contentFormat=markdown")["content"] == "Done."


MARKDOWN = {"contentFormat": "markdown"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"content": "Done."}, "content must be a TipTap document unless contentFormat is markdown"),
        ({"content": content("a"), **MARKDOWN}, "content must be a string if contentFormat is markdown"),
        ({"content": "x" * 1_048_577, **MARKDOWN}, "content must be at most 1 MB"),
        ({"content": content("x" * 1_048_576)}, "content must be at most 1 MB"),
        ({"content": '"' * 600_000, **MARKDOWN}, "content must be at most 1 MB as a TipTap document"),
        (
            {"content": "*" * 300_001, **MARKDOWN},
            "content must have at most 300 000 characters that could be marks, where [ counts 10 times",
        ),
        ({"tags": ["api", "API"]}, "tags[1] must not be given twice"),
        ({"tags": ["api", "api"]}, "tags must not contain duplicates"),
        ({"tags": ["a\nb"]}, "tags[0] must be on one line"),
        ({"contextType": "project"}, "contextId is required if contextType is project"),
        ({"contextId": UNKNOWN}, "contextType is required with contextId"),
        ({"contextType": "workspace", "contextId": UNKNOWN}, "contextId must be the id of an existing item"),
        ({"contextType": "scope", "contextId": UNKNOWN}, "contextId must be the id of an existing item"),
    ],
    ids=lambda case: str(case)[:40],
)
def test_invalid_fields_are_refused(api, body, message):
    document = api.document()
    assert api.error("POST", api.path, {"title": "Plan", **body}) == (400, message)
    assert api.error("PATCH", api.of(document), body) == (400, message)
    assert [api.titles(), api.read(document)] == [["Plan"], document]


def test_content_of_one_megabyte_is_stored(api):
    empty = len(b'{"type":"doc","content":[{"type":"paragraph","content":[{"type":"text","text":""}]}]}')
    large = content("x" * (1_048_576 - empty))
    assert api.read(api.document(content=large))["content"] == large


def test_content_nested_32_levels_is_stored(api):
    node = {"type": "text", "text": "deep"}
    for kind in ["paragraph", *["blockquote"] * 29, "doc"]:
        node = {"type": kind, "content": [node]}
    assert api.read(api.document(content=node))["content"] == node
    deeper = {"type": "doc", "content": [{**node, "type": "blockquote"}]}
    assert api.error("POST", api.path, {"title": "Deep", "content": deeper})[0] == 400


def test_each_context_has_its_documents(api):
    project = api.project()
    organization = api.workspace.organization.id
    documents = [
        api.document("o", contextType="organization"),
        api.document("w", contextType="workspace", contextId=api.workspace.id),
        api.document("p", contextType="project", contextId=project["id"]),
        api.document("s", contextType="scope", contextId=project["scopeId"]),
    ]
    expected = [organization, api.workspace.id, project["id"], project["scopeId"]]
    assert [document["contextId"] for document in documents] == expected
    assert api.titles() == ["o", "w", "p", "s"]
    assert api.titles("contextType=scope") == ["s"]
    assert api.titles(f"contextId={project['id']}") == ["p"]
    assert api.titles(f"projectId={project['id']}") == ["p", "s"]
    moved = api.change(documents[2], contextType="workspace")
    assert (moved["contextId"], moved["projectId"], moved["version"]) == (api.workspace.id, None, 2)


def test_organization_documents_are_read_everywhere_and_changed_in_their_workspace(api):
    other = api.world.workspace(api.rob, api.workspace.organization)
    elsewhere = f"{other.path}/documents"
    shared, private = (api.document("shared", contextType="organization"), api.document("own"))
    assert [document["title"] for document in api.world.ask(api.rob, "GET", elsewhere)] == ["shared"]
    there = f"{elsewhere}/{shared['id']}"
    assert api.world.ask(api.rob, "GET", there) == shared
    assert api.error("GET", f"{elsewhere}/{private['id']}", by=api.rob) == (404, "Document not found")
    expected = (
        403,
        "a document of the organization can be changed only in the workspace in which it was created",
    )
    assert api.error("PATCH", there, {"title": "mine"}, by=api.rob) == expected
    assert api.error("PATCH", there, {"title": 5}, by=api.rob) == expected
    assert api.error("DELETE", there, by=api.rob) == expected
    assert api.error("POST", f"{there}/submit-review", by=api.rob) == expected
    assert api.error("POST", elsewhere, {"title": "x", "parentId": shared["id"]}, by=api.rob)[0] == 400
    stranger = api.world.person("eve")
    abroad = f"{api.world.workspace(stranger).path}/documents/{shared['id']}"
    assert api.error("GET", abroad, by=stranger) == (404, "Document not found")


def test_child_has_the_context_of_its_parent_by_default(api):
    project = api.project()
    parent = api.document(contextType="scope", contextId=project["scopeId"])
    child = api.document("child", parentId=parent["id"])
    expected = [parent["id"], "scope", project["scopeId"], project["id"]]
    assert [child[name] for name in ("parentId", "contextType", "contextId", "projectId")] == expected
    assert api.document(parentId=parent["id"], contextType="workspace")["projectId"] is None
    assert api.titles(f"parentId={parent['id']}") == ["child", "Plan"]


def test_a_document_never_stands_below_itself(api):
    top = api.document("top")
    middle = api.document("middle", parentId=top["id"])
    bottom = api.document("bottom", parentId=middle["id"])
    for below in (top, middle, bottom):
        error = api.error("PATCH", api.of(top), {"parentId": below["id"]})
        assert error == (409, "a document cannot be moved below itself")
    assert api.change(bottom, parentId=top["id"])["parentId"] == top["id"]
    assert api.change(middle, parentId=bottom["id"])["parentId"] == bottom["id"]
    assert api.change(bottom, parentId=None)["parentId"] is None
    assert api.titles("topLevel=true") == ["top", "bottom"]


def test_concurrent_moves_below_each_other_make_no_cycle(api):
    one, two = api.document("one"), api.document("two")

    def put(which, below):
        return api.world.status(api.ann, "PATCH", api.of(which), {"parentId": below["id"]})

    assert sorted(at_once(lambda: put(one, two), lambda: put(two, one))) == [200, 409]


def test_children_of_a_deleted_document_move_to_its_parent(api):
    top = api.document("top")
    middle = api.document("middle", parentId=top["id"])
    children = [api.document(title, parentId=middle["id"]) for title in "ab"]
    assert api.world.ask(api.wim, "DELETE", api.of(middle)) == {"ok": True}
    current = [api.read(child) for child in children]
    assert [(document["parentId"], document["version"]) for document in current] == [(top["id"], 2)] * 2
    assert api.error("GET", api.of(middle)) == (404, "Document not found")


def test_documents_are_found_by_tag_title_status_author_and_time(api):
    api.world.stop_clock()
    plan = api.document("Größe_1", tags=["API", "v1.0"])
    api.document("Notes", by=api.wim, tags=["api_2"])
    assert api.titles("tag=api") == api.titles("tag=Api") == ["Größe_1"]
    assert api.titles("tag=api%25") == api.titles("tag=api_") == []
    assert api.titles("q=GR%C3%96%C3%9FE_") == ["Größe_1"]
    assert api.titles("q=otes&topLevel=true") == ["Notes"]
    assert api.titles("topLevel=false") == []
    assert api.titles(f"authorId={api.wim.id}&docType=document") == ["Notes"]
    api.submit(plan)
    assert (api.titles("status=pending_review"), api.titles("status=draft")) == (["Größe_1"], ["Notes"])
    assert api.titles("updatedSince=2026-04-02") == []
    assert api.titles("updatedSince=2026-04-01") == ["Größe_1", "Notes"]


def test_list_has_no_content(api):
    api.document()
    assert b'"content"' not in api.world.call(api.ann, "GET", api.path).body


def test_a_stale_version_is_refused(api):
    document = api.document()
    answer = api.world.call(api.ann, "PATCH", api.of(document), {"content": content("a")}, if_match='"1"')
    assert (answer.status, answer.headers["etag"]) == (200, '"2"')
    stale = {"if_match": '"1"'}
    assert api.error("PATCH", api.of(document), {"title": "b"}, **stale) == (412, "the current version is 2")
    assert api.error("DELETE", api.of(document), **stale)[0] == 412
    assert api.error("POST", f"{api.of(document)}/submit-review", **stale)[0] == 412
    assert api.titles() == ["Plan"]


def test_frequent_saves_are_recorded_every_ten_minutes(api, clock):
    project = api.project()
    document = api.document(contextType="project", contextId=project["id"])

    def count_updates():
        path = f"{api.workspace.path}/projects/{project['id']}/activity"
        return [entry["type"] for entry in api.ask("GET", path)].count("document_updated")

    for number in range(5):
        api.change(document, content=content(str(number)))
    assert count_updates() == 0
    api.change(document, title="Another")
    assert count_updates() == 1
    api.change(document, by=api.wim, content=content("wim's"))
    assert count_updates() == 2
    clock.advance(timedelta(minutes=10))
    api.change(document, by=api.wim, content=content("later"))
    assert count_updates() == 3


def test_record_of_frequent_saves_has_the_first_and_the_last_values(api, clock):
    project = api.project()
    document = api.document(contextType="project", contextId=project["id"])
    path = f"{api.workspace.path}/projects/{project['id']}/activity"

    def list_contents():
        return [
            [
                (change["from"], change["to"], change["diff"])
                for change in activity["changes"]
                if change["field"] == "content"
            ]
            for activity in api.ask("GET", path)
            if activity["entity"] == "document"
        ]

    api.change(document, content=content("zero"))
    assert list_contents() == [[("", "zero", None)]]
    clock.advance(timedelta(minutes=10))
    for text in ("one", "two"):
        api.change(document, content=content(text))
    assert list_contents() == [[("zero", "two", None)], [("", "zero", None)]]
    api.change(document, content=content("word " * 500))
    (diff,) = [diff for _, _, diff in list_contents()[0]]
    assert "-zero" in diff
    api.change(document, content=content("zero"))
    assert list_contents() == [[], [("", "zero", None)]]


def test_activity_of_a_document_has_its_details(api):
    project = api.project()
    document = api.document(contextType="project", contextId=project["id"])
    api.change(document, title="Spec", docType="spec", tags=["a"])
    path = f"{api.workspace.path}/projects/{project['id']}/activity"
    newest = api.ask("GET", path)[0]
    assert newest["type"] == "document_updated"
    assert newest["meta"] == {
        "documentId": document["id"],
        "documentTitle": "Spec",
        "docType": "spec",
        "status": "draft",
        "changed": ["title", "docType", "tags"],
        "formerStatus": "draft",
    }


def test_documents_are_deleted_with_their_context(api):
    project = api.project()
    base = f"{api.workspace.path}/projects/{project['id']}"
    scope = api.ask("POST", f"{base}/scopes", {"name": "Phase 2"})
    top = api.document("scope's", contextType="scope", contextId=scope["id"])
    api.submit(top)
    below = api.document("workspace's", parentId=top["id"], contextType="workspace")
    api.document("project's", contextType="project", contextId=project["id"], parentId=below["id"])
    api.ask("DELETE", f"{api.workspace.path}/scopes/{scope['id']}")
    assert api.titles() == ["workspace's", "project's"]
    assert api.read(below)["parentId"] is None
    api.ask("DELETE", base)
    assert api.titles() == ["workspace's"]
    api.document("organization's", contextType="organization")
    other = api.world.workspace(api.ann, api.workspace.organization)
    api.ask("DELETE", api.workspace.path)
    assert api.ask("GET", f"{other.path}/documents") == []
    api.ask("POST", f"{other.path}/documents", {"title": "x"})
    api.ask("DELETE", api.workspace.organization.path)


def test_documents_stay_when_their_author_leaves(api):
    document = api.document(by=api.wim)
    api.submit(document, by=api.wim)
    api.review(document)
    assert api.notices(api.wim) == ["document_approved Plan"]
    api.ask("DELETE", f"{api.workspace.path}/members/{api.wim.id}")
    assert api.notices(api.wim) == []
    assert api.read(document)["authorName"] == "wim"
    assert api.error("GET", api.of(document), by=api.wim) == (404, "Workspace not found")


def test_statements_do_not_grow_with_documents_or_formats(api, statements):
    def count_statements(call):
        with statements() as sent:
            call()
        return len(sent)

    document = api.document(content=content("a"))
    assert count_statements(lambda: api.read(document, "contentFormat=markdown")) == 1
    assert count_statements(lambda: api.change(document)) == 1
    # Within ten minutes, the change is added to the record of the creation.
    assert count_statements(lambda: api.change(document, content=content("b"))) == 5
    one = count_statements(api.titles)
    for _ in range(5):
        api.document()
    assert one == count_statements(api.titles) == count_statements(lambda: api.titles("limit=2"))


def test_pages_look_through_a_bounded_number_of_documents(api, monkeypatch):
    """Documents of the organization are in another index than those of the workspace, and appear once."""
    organization = {"contextType": "organization"}
    documents = [
        api.document(f"Plan {number}", **(organization if number % 3 == 0 else {})) for number in range(10)
    ]
    api.change(documents[7], title="Zebra")
    ids = [document["id"] for document in documents]
    monkeypatch.setattr(paging, "SCAN_MAX", 4)

    def walk(query: str) -> list[list[str]]:
        pages = api.world.walk(api.ann, f"{api.path}?{query}")
        return [[document["id"] for document in page] for page in pages]

    assert walk("limit=4") == [ids[:4], ids[4:8], ids[8:]]
    assert walk("limit=4&q=zebra") == [[], [ids[7]], []]
    assert walk("limit=4&status=draft") == [ids[:4], ids[4:8], ids[8:]]
