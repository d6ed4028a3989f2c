"""Projects as files: their documents go out and come in."""

from __future__ import annotations

import pytest

from tests.core.knowledge.document_api import content


def imported(document_api, file, *, by=None):
    return document_api.world.ask(
        by or document_api.ann, "POST", f"{document_api.workspace.path}/projects/import", file
    )


def exported(document_api, project):
    return document_api.world.ask(
        document_api.ann, "GET", f"{document_api.workspace.path}/projects/{project['id']}/export"
    )


def told_apart(file):
    """The documents of a file, with their titles in place of ids, and the names of scopes."""
    titles = {each["id"]: each["title"] for each in file["documents"]} | {None: None}
    scopes = {each["id"]: each["name"] for each in file["scopes"]} | {None: None}
    left = ("id", "parentId", "scopeId", "author", "status")
    return [
        {name: found for name, found in each.items() if name not in left}
        | {"below": titles[each["parentId"]], "scope": scopes[each["scopeId"]]}
        for each in file["documents"]
    ]


@pytest.fixture
def project(document_api):
    """One with four documents: of a scope, of the project below that, reviewed, and below one that is elsewhere."""
    made = document_api.project()
    of_project = {"contextType": "project", "contextId": made["id"]}
    scoped = document_api.document(
        "Scoped", contextType="scope", contextId=made["scopeId"], tags=["Api", "b"]
    )
    below = document_api.document(
        "Below", parentId=scoped["id"], docType="adr", content=content("a", "b"), **of_project
    )
    reviewed = document_api.document("Reviewed", by=document_api.wim, **of_project)
    document_api.submit(reviewed)
    document_api.review(reviewed)
    elsewhere = document_api.document("Elsewhere")
    document_api.document("Last", parentId=elsewhere["id"], **of_project)
    # One that stands below a younger one.
    document_api.change(scoped, parentId=reviewed["id"])
    assert below["projectId"] == made["id"]
    return made


def test_documents_are_the_same_after_a_round_trip(document_api, project):
    file = exported(document_api, project)
    assert [each["title"] for each in file["documents"]] == ["Scoped", "Below", "Reviewed", "Last"]
    assert [each["parentId"] is None for each in file["documents"]] == [False, False, True, True]
    assert file["documents"][2]["author"] == {"name": "wim", "email": "wim@example.com"}
    again = imported(document_api, file)
    assert told_apart(exported(document_api, again)) == told_apart(file)
    assert again["ignored"] == []


def test_what_is_imported_is_found(document_api):
    file = {"project": {"name": "x"}, "documents": [{"title": "Plan", "content": content("needles")}]}
    made = imported(document_api, file)
    (hit,) = document_api.world.ask(document_api.ann, "GET", f"{document_api.workspace.path}/search?q=needle")
    assert (hit["kind"], hit["title"], hit["projectId"]) == ("document", "Plan", made["id"])
    assert document_api.told(document_api.ann) == document_api.told(document_api.rob) == []


def test_what_is_imported_is_a_draft_of_whoever_imports(document_api, project):
    file = exported(document_api, project)
    again = imported(document_api, file, by=document_api.rob)
    made = document_api.world.ask(document_api.ann, "GET", f"{document_api.path}?projectId={again['id']}")
    assert {(each["status"], each["authorId"], each["version"]) for each in made} == {
        ("draft", document_api.rob.id, 1)
    }
    assert [each["title"] for each in made if "Api" in each["tags"]] == ["Scoped"]
    assert [
        each["title"]
        for each in document_api.world.ask(document_api.ann, "GET", f"{document_api.path}?tag=api")
    ] == ["Scoped"] * 2
    left = [(each["kind"], each["path"], each["name"], each["count"]) for each in again["notCarried"][1:]]
    assert left == [
        ("creator", "documents[].author", "ann", 3),
        ("creator", "documents[].author", "wim", 1),
        ("review", "documents[2].status", "Reviewed", 1),
    ]


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        (
            [{"title": "a", "parentId": "x"}],
            "documents[0].parentId must be the id of one of the file's documents",
        ),
        ([{"title": "a", "scopeId": "x"}], "documents[0].scopeId must be the id of one of the file's scopes"),
        (
            [{"title": "a", "id": "x"}, {"title": "b", "id": "x"}],
            "documents[1].id must not be that of documents[0] as well",
        ),
        ([{"title": "a", "tags": ["x", "X"]}], "documents[0].tags[1] must not be there twice"),
        ([{"title": "a", "content": "# A"}], "documents[0].content must be a TipTap document"),
        (
            [{"title": "a", "content": {}}],
            'documents[0].content must be a TipTap document: an object whose type is "doc"',
        ),
        ([{}], "documents[0].title is required"),
        (
            [{"title": "a", "id": "a", "parentId": "b"}, {"title": "b", "id": "b", "parentId": "a"}],
            "documents[0].parentId must not lead back to the document",
        ),
    ],
    ids=map(str, range(8)),
)
def test_what_is_wrong_with_a_document_of_a_file_is_told_and_makes_nothing(document_api, documents, message):
    file = {"project": {"name": "x"}, "documents": documents}
    assert document_api.error("POST", f"{document_api.workspace.path}/projects/import", file) == (
        400,
        message,
    )
    assert document_api.world.ask(document_api.ann, "GET", f"{document_api.workspace.path}/projects") == []


def test_a_file_may_say_little_of_its_documents(document_api):
    made = imported(document_api, {"project": {"name": "x"}, "documents": [{"title": "a", "mood": "good"}]})
    assert made["ignored"] == ["documents[].mood"]
    (found,) = document_api.world.ask(document_api.ann, "GET", f"{document_api.path}?projectId={made['id']}")
    assert (found["contextType"], found["docType"], found["createdAt"]) == (
        "project",
        "document",
        found["updatedAt"],
    )
