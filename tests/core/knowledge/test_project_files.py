"""Documents in project files: export and import."""

import pytest

from tests.core.knowledge.document_api import content


def import_file(document_api, file, *, by=None):
    return document_api.world.ask(
        by or document_api.ann, "POST", f"{document_api.workspace.path}/projects/import", file
    )


def export_project(document_api, project):
    return document_api.ask("GET", f"{document_api.workspace.path}/projects/{project['id']}/export")


def comparable_documents(file):
    """Return the documents of a file for comparison, with titles and scope names in place of ids."""
    titles = {document["id"]: document["title"] for document in file["documents"]} | {None: None}
    scopes = {scope["id"]: scope["name"] for scope in file["scopes"]} | {None: None}
    omitted = ("id", "parentId", "scopeId", "author", "status")
    return [
        {name: value for name, value in document.items() if name not in omitted}
        | {"below": titles[document["parentId"]], "scope": scopes[document["scopeId"]]}
        for document in file["documents"]
    ]


@pytest.fixture
def project(document_api):
    """Create a project with four documents: of a scope, below that, reviewed, and with a parent elsewhere."""
    project_ = document_api.project()
    of_project = {"contextType": "project", "contextId": project_["id"]}
    scoped = document_api.document(
        "Scoped", contextType="scope", contextId=project_["scopeId"], tags=["Api", "b"]
    )
    below = document_api.document(
        "Below", parentId=scoped["id"], docType="adr", content=content("a", "b"), **of_project
    )
    reviewed = document_api.document("Reviewed", by=document_api.wim, **of_project)
    document_api.submit(reviewed)
    document_api.review(reviewed)
    document_api.document("Last", parentId=document_api.document("Elsewhere")["id"], **of_project)
    # One that stands below a younger one.
    document_api.change(scoped, parentId=reviewed["id"])
    assert below["projectId"] == project_["id"]
    return project_


def test_documents_are_the_same_after_a_round_trip(document_api, project):
    file = export_project(document_api, project)
    assert [document["title"] for document in file["documents"]] == ["Scoped", "Below", "Reviewed", "Last"]
    assert [document["parentId"] is None for document in file["documents"]] == [False, False, True, True]
    assert file["documents"][2]["author"] == {"name": "wim", "email": "wim@example.com"}
    again = import_file(document_api, file)
    assert comparable_documents(export_project(document_api, again)) == comparable_documents(file)
    assert again["ignored"] == []


def test_imported_document_is_searchable(document_api):
    file = {"project": {"name": "x"}, "documents": [{"title": "Plan", "content": content("needles")}]}
    project_ = import_file(document_api, file)
    (hit,) = document_api.ask("GET", f"{document_api.workspace.path}/search?q=needle")
    assert (hit["kind"], hit["title"], hit["projectId"]) == ("document", "Plan", project_["id"])
    assert document_api.notices(document_api.ann) == document_api.notices(document_api.rob) == []


def test_imported_documents_are_drafts_of_the_importer(document_api, project):
    again = import_file(document_api, export_project(document_api, project), by=document_api.rob)
    documents = document_api.ask("GET", f"{document_api.path}?projectId={again['id']}")
    assert {(document["status"], document["authorId"], document["version"]) for document in documents} == {
        ("draft", document_api.rob.id, 1)
    }
    (scoped,) = (document for document in documents if "Api" in document["tags"])
    (scope,) = document_api.ask("GET", f"{document_api.workspace.path}/projects/{again['id']}/scopes")
    assert (scoped["title"], scoped["contextType"], scoped["contextId"]) == ("Scoped", "scope", scope["id"])
    assert [document["title"] for document in document_api.ask("GET", f"{document_api.path}?tag=api")] == [
        "Scoped"
    ] * 2
    losses = [(loss["kind"], loss["path"], loss["name"], loss["count"]) for loss in again["notCarried"][1:]]
    assert losses == [
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
        ([{"title": "a", "tags": ["x", "X"]}], "documents[0].tags[1] must not be given twice"),
        ([{"title": "a", "content": "# A"}], "documents[0].content must be a TipTap document"),
        (
            [{"title": "a", "content": {}}],
            'documents[0].content must be a TipTap document: an object whose type is "doc"',
        ),
        ([{}], "documents[0].title is required"),
        (
            [{"title": "a", "id": "a", "parentId": "b"}, {"title": "b", "id": "b", "parentId": "a"}],
            "documents[0].parentId must not create a cycle",
        ),
    ],
    ids=map(str, range(8)),
)
def test_file_with_an_invalid_document_is_refused(document_api, documents, message):
    file = {"project": {"name": "x"}, "documents": documents}
    assert document_api.error("POST", f"{document_api.workspace.path}/projects/import", file) == (
        400,
        message,
    )
    assert document_api.ask("GET", f"{document_api.workspace.path}/projects") == []


def test_documents_of_a_file_need_only_a_title(document_api):
    project_ = import_file(
        document_api, {"project": {"name": "x"}, "documents": [{"title": "a", "mood": "good"}]}
    )
    assert project_["ignored"] == ["documents[].mood"]
    (document,) = document_api.ask("GET", f"{document_api.path}?projectId={project_['id']}")
    assert (document["contextType"], document["docType"], document["createdAt"]) == (
        "project",
        "document",
        document["updatedAt"],
    )
