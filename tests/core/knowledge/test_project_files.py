"""Documents in project files: export and import."""

import pytest

from tests.core.knowledge.document_api import content


def import_file(api, file, *, by=None):
    return api.world.ask(by or api.ann, "POST", f"{api.workspace.path}/projects/import", file)


def export_project(api, project):
    return api.ask("GET", f"{api.workspace.path}/projects/{project['id']}/export")


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
def project(api):
    """Create a project with four documents: of a scope, below that, reviewed, and with a parent elsewhere."""
    project_ = api.project()
    of_project = {"contextType": "project", "contextId": project_["id"]}
    scoped = api.document("Scoped", contextType="scope", contextId=project_["scopeId"], tags=["Api", "b"])
    below = api.document(
        "Below", parentId=scoped["id"], docType="adr", content=content("a", "b"), **of_project
    )
    reviewed = api.document("Reviewed", by=api.wim, **of_project)
    api.submit(reviewed)
    api.review(reviewed)
    api.document("Last", parentId=api.document("Elsewhere")["id"], **of_project)
    # One that stands below a younger one.
    api.change(scoped, parentId=reviewed["id"])
    assert below["projectId"] == project_["id"]
    return project_


def test_documents_are_the_same_after_a_round_trip(api, project):
    file = export_project(api, project)
    assert [document["title"] for document in file["documents"]] == ["Scoped", "Below", "Reviewed", "Last"]
    assert [document["parentId"] is None for document in file["documents"]] == [False, False, True, True]
    assert file["documents"][2]["author"] == {"name": "wim", "email": "wim@example.com"}
    again = import_file(api, file)
    assert comparable_documents(export_project(api, again)) == comparable_documents(file)
    assert again["ignored"] == []


def test_imported_document_is_searchable(api):
    file = {"project": {"name": "x"}, "documents": [{"title": "Plan", "content": content("needles")}]}
    project_ = import_file(api, file)
    (hit,) = api.ask("GET", f"{api.workspace.path}/search?q=needle")
    assert (hit["kind"], hit["title"], hit["projectId"]) == ("document", "Plan", project_["id"])
    assert api.notices(api.ann) == api.notices(api.rob) == []


def test_imported_documents_are_drafts_of_the_importer(api, project):
    again = import_file(api, export_project(api, project), by=api.rob)
    documents = api.ask("GET", f"{api.path}?projectId={again['id']}")
    assert {(document["status"], document["authorId"], document["version"]) for document in documents} == {
        ("draft", api.rob.id, 1)
    }
    (scoped,) = (document for document in documents if "Api" in document["tags"])
    (scope,) = api.ask("GET", f"{api.workspace.path}/projects/{again['id']}/scopes")
    assert (scoped["title"], scoped["contextType"], scoped["contextId"]) == ("Scoped", "scope", scope["id"])
    assert [document["title"] for document in api.ask("GET", f"{api.path}?tag=api")] == ["Scoped"] * 2
    losses = [(loss["kind"], loss["path"], loss["name"], loss["count"]) for loss in again["notCarried"][1:]]
    assert losses == [
        ("creator", "documents[].author", "ann", 3),
        ("creator", "documents[].author", "wim", 1),
        ("review", "documents[2].status", "Reviewed", 1),
    ]


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ([{"title": "a", "parentId": "x"}], "[0].parentId must be the id of one of the file's documents"),
        ([{"title": "a", "scopeId": "x"}], "[0].scopeId must be the id of one of the file's scopes"),
        (
            [{"title": "a", "id": "x"}, {"title": "b", "id": "x"}],
            "[1].id must not be that of documents[0] as well",
        ),
        ([{"title": "a", "tags": ["x", "X"]}], "[0].tags[1] must not be given twice"),
        ([{"title": "a", "content": "# A"}], "[0].content must be a TipTap document"),
        (
            [{"title": "a", "content": {}}],
            '[0].content must be a TipTap document: an object whose type is "doc"',
        ),
        ([{}], "[0].title is required"),
        (
            [{"title": "a", "id": "a", "parentId": "b"}, {"title": "b", "id": "b", "parentId": "a"}],
            "[0].parentId must not create a cycle",
        ),
    ],
    ids=map(str, range(8)),
)
def test_file_with_an_invalid_document_is_refused(api, documents, message):
    file = {"project": {"name": "x"}, "documents": documents}
    path = f"{api.workspace.path}/projects"
    assert api.error("POST", f"{path}/import", file) == (400, f"documents{message}")
    assert api.ask("GET", path) == []


def test_documents_of_a_file_need_only_a_title(api):
    project_ = import_file(api, {"project": {"name": "x"}, "documents": [{"title": "a", "mood": "good"}]})
    assert project_["ignored"] == ["documents[].mood"]
    (document,) = api.ask("GET", f"{api.path}?projectId={project_['id']}")
    expected = {"contextType": "project", "docType": "document", "createdAt": document["updatedAt"]}
    assert document == document | expected
