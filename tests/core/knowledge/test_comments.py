"""Comments on documents, and mentions in documents: permissions, notifications, search, trash and races."""

from datetime import timedelta

import pytest

from stellary.contract.wire import Follow
from tests.core.knowledge.document_api import content
from tests.support.core_parts import stream_events


def comment(api, document, text="Well.", *, by=None):
    return api.ask("POST", f"{api.of(document)}/comments", {"content": text}, by=by)


def find(api, q, workspace=None):
    path = (workspace or api.workspace).path
    hits = api.ask("GET", f"{path}/search?q={q}")
    return [(hit["kind"], hit["title"], hit["documentId"], hit["projectId"]) for hit in hits]


def test_comments_are_listed_oldest_first_by_the_page(api, statements):
    document = api.document()
    comments = [comment(api, document, "one", by=by) for by in (api.ann, api.wim, api.rob)]
    with statements() as sent:
        assert api.world.ask(api.wim, "GET", f"{api.of(document)}/comments") == comments
    assert len(sent) == 2
    assert [(item["authorName"], item["documentId"]) for item in comments] == [
        (name, document["id"]) for name in ("ann", "wim", "rob")
    ]
    first = api.world.call(api.ann, "GET", f"{api.of(document)}/comments?limit=2")
    following = first.headers["link"].partition("?")[2].partition(">")[0]
    assert api.ask("GET", f"{api.of(document)}/comments?{following}") == comments[2:]
    assert api.read(document)["version"] == document["version"]


def test_document_of_the_organization_is_commented_on_in_its_own_workspace(api):
    document = api.document(contextType="organization")
    needle = comment(api, document, "needle")
    other = api.world.workspace(api.ann, api.workspace.organization)
    path = f"{other.path}/documents/{document['id']}/comments"
    assert api.ask("GET", path) == [needle]
    for method, tail in (("POST", ""), ("PATCH", f"/{needle['id']}"), ("DELETE", f"/{needle['id']}")):
        body = None if method == "DELETE" else {"content": "x"}
        status, message = api.error(method, path + tail, body)
        assert (status, "only in the workspace in which it was created" in message) == (403, True)
    assert find(api, "needle", other) == [("document_comment", "Plan", document["id"], None)]


def test_comment_notifies_author_reviewer_commenters_and_mentioned_people(api):
    eve = api.world.member("eve", api.workspace)
    document = api.document()
    api.submit(document)
    api.review(document)
    everybody = (api.ann, api.rob, api.wim, eve)
    seen = {person: len(api.notices(person)) for person in everybody}

    def pop():
        news = {}
        for person in everybody:
            notices = api.notices(person)
            if len(notices) > seen[person]:
                news[person.user.name] = notices[: len(notices) - seen[person]]
            seen[person] = len(notices)
        return news

    added, updated = ["document_comment_added Plan"], ["document_comment_updated Plan"]
    comment(api, document, by=api.wim)
    assert pop() == {"ann": added, "rob": added}
    last = comment(api, document, "@eve, @ann", by=api.rob)
    assert pop() == {"ann": added, "wim": added, "eve": added}
    path = f"{api.of(document)}/comments/{last['id']}"
    api.world.ask(api.rob, "PATCH", path, {"content": "@eve and @wim"})
    assert pop() == {"wim": updated}
    api.world.ask(api.rob, "DELETE", path)
    assert pop() == {}


def test_records_of_comments_have_no_text(api):
    project = api.project()
    document = api.document(contextType="project", contextId=project["id"])
    with api.world.core.view(api.ann.actor) as uow:
        stream = stream_events(uow, api.workspace.ref, Follow(last_event_id="0"))
    path = f"{api.of(document)}/comments/{comment(api, document, 's3cret @wim')['id']}"
    api.ask("PATCH", path, {"content": "s3cret too"})
    api.ask("DELETE", path)
    frames = stream.read(api.world.core.units, 0).frames.decode()
    for feed in (api.workspace.path, f"{api.workspace.path}/projects/{project['id']}"):
        records = api.ask("GET", f"{feed}/activity?entity=document_comment")
        assert [record["type"] for record in records] == [
            f"document_comment_{verb}" for verb in ("deleted", "updated", "added")
        ]
        assert records[2]["meta"] == {
            "documentId": document["id"],
            "documentTitle": "Plan",
            "docType": "document",
            "status": "draft",
            "commentId": path.rpartition("/")[2],
            "mentioned": ["wim"],
        }
        assert "s3cret" not in str(records)
    assert "s3cret" not in frames
    assert frames.count('"item":{"id"') >= 3


def test_comment_is_found_where_its_document_is_now(api):
    project = api.project()
    document = api.document()
    path = f"{api.of(document)}/comments/{comment(api, document, 'Cheese')['id']}"
    api.ask("PATCH", path, {"content": "Needle"})
    assert find(api, "cheese") == []
    assert find(api, "needle") == [("document_comment", "Plan", document["id"], None)]
    api.change(document, contextType="project", contextId=project["id"])
    in_project = [("document_comment", "Plan", document["id"], project["id"])]
    assert find(api, f"needle&projectId={project['id']}") == in_project
    api.ask("DELETE", path)
    assert find(api, "needle") == []
    trash = f"{api.workspace.path}/trash"
    (entry,) = api.ask("GET", f"{trash}?kind=document_comment")
    assert entry["name"] == "Plan"
    assert api.ask("POST", f"{trash}/{entry['id']}/restore", {})["place"] == 'document "Plan"'
    assert find(api, "needle") == in_project
    api.ask("DELETE", api.of(document))
    assert find(api, "needle") == []


def test_comment_is_restored_after_its_document_by_those_who_may(api):
    document = api.document()
    api.world.ask(
        api.wim, "DELETE", f"{api.of(document)}/comments/{comment(api, document, by=api.wim)['id']}"
    )
    api.ask("DELETE", api.of(document))
    trash = f"{api.workspace.path}/trash"
    entries = {entry["kind"]: entry["id"] for entry in api.ask("GET", trash)}
    of_comment = f"{trash}/{entries['document_comment']}/restore"
    assert api.error("POST", of_comment, {}, by=api.rob)[0] == 403
    expected = (409, f"the document that it belongs to is in the trash: restore {entries['document']} first")
    assert api.error("POST", of_comment, {}, by=api.wim) == expected
    api.ask("POST", f"{trash}/{entries['document']}/restore", {})
    api.world.ask(api.wim, "POST", of_comment, {})
    assert len(api.ask("GET", f"{api.of(document)}/comments")) == 1


def test_document_notifies_newly_mentioned_people(api, clock):
    document = api.document(content=content("Ask @wim."))
    created, updated = "document_created Plan", "document_updated Plan"
    # One person saves again and again, which is one record except for new mentions.
    for text, notices in (
        ("Ask @wim, soon.", [created]),
        ("Ask.", [created]),
        ("Ask @wim!", [updated, created]),
        ("Ask @wim! And @rob, but not @zed.", [updated, created]),
    ):
        api.change(document, content=content(text))
        assert api.notices(api.wim) == notices
    assert api.notices(api.rob) == [updated]
    clock.advance(timedelta(minutes=11))
    api.change(document, by=api.rob, content=content("@ann @wim"))
    assert (api.notices(api.ann), api.notices(api.wim)) == ([updated], [updated, created])
    (record, *_) = api.ask("GET", f"{api.workspace.path}/activity?entity=document")
    assert record["meta"]["mentioned"] == ["ann"]


@pytest.mark.slow("makes many changes at random")
def test_comments_of_documents_survive_a_round_trip(api):
    project = api.project()
    document = api.document(contextType="project", contextId=project["id"])
    for text, by in (("One needle.", api.wim), ("Two.", api.ann)):
        comment(api, document, text, by=by)
    base = f"{api.workspace.path}/projects"
    file = api.ask("GET", f"{base}/{project['id']}/export")
    file["documents"][0]["comments"][0]["author"]["name"] = "Wim Elsewhere"
    in_file = file["documents"][0]["comments"]
    expected = [("wim@example.com", "One needle."), ("ann@example.com", "Two.")]
    assert [(item["author"]["email"], item["content"]) for item in in_file] == expected
    again = api.world.ask(api.rob, "POST", f"{base}/import", file)
    (copy,) = api.ask("GET", f"{api.path}?projectId={again['id']}")
    comments = api.ask("GET", f"{api.of(copy)}/comments")
    assert [(item["authorId"], item["authorName"], item["createdAt"]) for item in comments] == [
        (api.rob.id, "Wim Elsewhere (imported by rob)", in_file[0]["createdAt"]),
        (api.rob.id, "ann (imported by rob)", in_file[1]["createdAt"]),
    ]
    assert ("document_comment", "Plan", copy["id"], again["id"]) in find(api, "needle")
    assert api.ask("GET", f"{base}/{again['id']}/export")["documents"][0]["comments"] == in_file
    documents = [{"title": "x", "comments": [{"content": "x"}] * 4001}] * 5
    header = {"project": {"name": "x"}, "columns": [{"name": "x"}], "documents": documents}
    for path in (f"{base}/import", f"{api.workspace.path}/imports"):
        message = "documents must not have more than 20000 comments in all"
        assert api.error("POST", path, header) == (400, message)
