"""Reviews: transitions, permissions and versions."""

from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stellary.contract.documents import DocumentStatus
from stellary.contract.errors import Conflict
from stellary.core.knowledge.rules.documents import MOVES, Move, next_status
from tests.core.knowledge.document_api import content

LEGAL = {
    ("draft", "submit"): "pending_review",
    ("changes_requested", "submit"): "pending_review",
    ("pending_review", "approve"): "approved",
    ("pending_review", "request_changes"): "changes_requested",
    ("draft", "edit"): "draft",
    ("pending_review", "edit"): "draft",
    ("approved", "edit"): "draft",
    ("changes_requested", "edit"): "changes_requested",
}


@pytest.mark.parametrize("move", get_args(Move))
@pytest.mark.parametrize("status", get_args(DocumentStatus))
def test_each_move_leads_to_the_right_status_or_is_refused(status, move):
    if (status, move) in LEGAL:
        assert next_status(status, move) == LEGAL[status, move]
    else:
        with pytest.raises(Conflict, match=f"whose status is {status} cannot be"):
            next_status(status, move)


@given(st.lists(st.sampled_from(get_args(Move)), max_size=8))
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_random_moves_match_the_table(document_api, moves):
    document, status = document_api.document(), "draft"
    for move in moves:
        expected = LEGAL.get((status, move))
        assert document_api.do(document, move) == (409 if expected is None else 200)
        status = expected or status
        assert document_api.read(document)["status"] == status
    assert set(MOVES) == set(get_args(Move))


def test_a_document_is_submitted_and_approved(document_api):
    document = document_api.document()
    pending = document_api.submit(document)
    assert (pending["status"], pending["version"], pending["submittedAt"] is None) == (
        "pending_review",
        2,
        False,
    )
    approved = document_api.review(document, notes="Good.")
    fields = ("status", "reviewerId", "reviewerName", "reviewNotes", "version")
    assert [approved[name] for name in fields] == ["approved", document_api.rob.id, "rob", "Good.", 3]
    assert document_api.read(document) == approved


@pytest.mark.parametrize(
    "change", [{"tags": ["a"]}, {"docType": "adr"}, {"parentId": None}, {"title": "Plan"}]
)
def test_change_of_metadata_keeps_the_review(document_api, change):
    document = document_api.document()
    document_api.submit(document)
    assert document_api.change(document, **change)["status"] == "pending_review"
    assert document_api.review(document)["status"] == "approved"
    assert document_api.change(document, **change)["status"] == "approved"


def test_each_submission_is_kept_with_its_outcome(document_api):
    document = document_api.document("one", content="First.", contentFormat="markdown", tags=["a"])
    document_api.submit(document)
    document_api.review(document, "changes_requested", notes="More.")
    document_api.change(document, title="two", content=content("Second."))
    document_api.submit(document, by=document_api.wim)
    document_api.change(document, content=content("Third."))
    document_api.submit(document)
    path = f"{document_api.of(document)}/versions"
    versions = document_api.world.ask(document_api.wim, "GET", path)
    fields = ("number", "title", "status", "submittedByName", "reviewerName", "reviewNotes")
    assert [[version[name] for name in fields] for version in versions] == [
        [3, "two", "pending_review", "ann", None, None],
        [2, "two", "withdrawn", "wim", None, None],
        [1, "one", "changes_requested", "ann", "rob", "More."],
    ]
    assert "content" not in versions[0]
    first = document_api.world.ask(
        document_api.wim, "GET", f"{path}/{versions[-1]['id']}?contentFormat=markdown"
    )
    assert (first["content"], first["tags"], first["documentId"]) == ("First.", ["a"], document["id"])
    assert document_api.ask("GET", f"{path}/{versions[0]['id']}")["content"] == content("Third.")
    assert "link" in document_api.world.call(document_api.ann, "GET", f"{path}?limit=2").headers
    other = document_api.of(document_api.document())
    assert document_api.error("GET", f"{other}/versions/{versions[0]['id']}") == (404, "Version not found")
    assert document_api.error("GET", f"{document_api.path}/{'a' * 24}/versions/{versions[0]['id']}") == (
        404,
        "Document not found",
    )


def test_authors_do_not_approve_their_own(document_api):
    document = document_api.document()
    document_api.submit(document)
    expected = (403, "authors cannot approve their own documents")
    assert (
        document_api.error("POST", f"{document_api.of(document)}/review", {"status": "approved"}) == expected
    )
    assert (
        document_api.review(document, "changes_requested", by=document_api.ann)["status"]
        == "changes_requested"
    )


def test_sole_member_approves_own_documents(document_api):
    home = f"{document_api.world.home(document_api.ann).path}/documents"
    document = document_api.ask("POST", home, {"title": "Diary"})
    document_api.ask("POST", f"{home}/{document['id']}/submit-review")
    answer = document_api.ask("POST", f"{home}/{document['id']}/review", {"status": "approved"})
    assert answer["status"] == "approved"


def test_reviewers_and_authors_are_notified(document_api):
    document = document_api.document(by=document_api.wim)
    document_api.submit(document, by=document_api.wim)
    assert (
        document_api.notices(document_api.ann)
        == document_api.notices(document_api.rob)
        == ["document_submitted Plan"]
    )
    document_api.review(document, "changes_requested", notes="More.")
    document_api.submit(document, by=document_api.ann)
    document_api.review(document)
    assert document_api.notices(document_api.wim) == [
        "document_approved Plan",
        "document_changes_requested Plan",
    ]
    assert document_api.notices(document_api.ann)[0] == "document_approved Plan"
    document_api.change(document, content=content("other"))
    assert document_api.notices(document_api.wim)[0] == "document_updated Plan"
    document_api.ask("DELETE", document_api.of(document))
    assert document_api.notices(document_api.wim)[0] == "document_deleted Plan"
    assert len(document_api.notices(document_api.wim)) == 4


def test_review_with_a_stale_version_is_refused(document_api):
    document = document_api.document()
    seen = document_api.submit(document)
    document_api.change(document, tags=["new"])
    body, path = {"status": "approved"}, f"{document_api.of(document)}/review"
    stale = document_api.error("POST", path, body, by=document_api.rob, if_match=f'"{seen["version"]}"')
    assert stale == (412, "the current version is 3")
    assert document_api.world.status(document_api.rob, "POST", path, body, if_match='"3"') == 200
