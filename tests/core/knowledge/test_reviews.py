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
def test_random_moves_match_the_table(api, moves):
    document, status = api.document(), "draft"
    for move in moves:
        expected = LEGAL.get((status, move))
        assert api.do(document, move) == (409 if expected is None else 200)
        status = expected or status
        assert api.read(document)["status"] == status
    assert set(MOVES) == set(get_args(Move))


def test_a_document_is_submitted_and_approved(api):
    document = api.document()
    pending = api.submit(document)
    expected = ("pending_review", 2, False)
    assert (pending["status"], pending["version"], pending["submittedAt"] is None) == expected
    approved = api.review(document, notes="Good.")
    fields = ("status", "reviewerId", "reviewerName", "reviewNotes", "version")
    assert [approved[name] for name in fields] == ["approved", api.rob.id, "rob", "Good.", 3]
    assert api.read(document) == approved


@pytest.mark.parametrize(
    "change", [{"tags": ["a"]}, {"docType": "adr"}, {"parentId": None}, {"title": "Plan"}]
)
def test_change_of_metadata_keeps_the_review(api, change):
    document = api.document()
    api.submit(document)
    assert api.change(document, **change)["status"] == "pending_review"
    assert api.review(document)["status"] == "approved"
    assert api.change(document, **change)["status"] == "approved"


def test_each_submission_is_kept_with_its_outcome(api):
    document = api.document("one", content="First.", contentFormat="markdown", tags=["a"])
    api.submit(document)
    api.review(document, "changes_requested", notes="More.")
    api.change(document, title="two", content=content("Second."))
    api.submit(document, by=api.wim)
    api.change(document, content=content("Third."))
    api.submit(document)
    path = f"{api.of(document)}/versions"
    versions = api.world.ask(api.wim, "GET", path)
    fields = ("number", "title", "status", "submittedByName", "reviewerName", "reviewNotes")
    assert [[version[name] for name in fields] for version in versions] == [
        [3, "two", "pending_review", "ann", None, None],
        [2, "two", "withdrawn", "wim", None, None],
        [1, "one", "changes_requested", "ann", "rob", "More."],
    ]
    assert "content" not in versions[0]
    first = api.world.ask(api.wim, "GET", f"{path}/{versions[-1]['id']}?contentFormat=markdown")
    assert (first["content"], first["tags"], first["documentId"]) == ("First.", ["a"], document["id"])
    assert api.ask("GET", f"{path}/{versions[0]['id']}")["content"] == content("Third.")


def test_authors_do_not_approve_their_own(api):
    document = api.document()
    api.submit(document)
    expected = (403, "authors cannot approve their own documents")
    assert api.error("POST", f"{api.of(document)}/review", {"status": "approved"}) == expected
    assert api.review(document, "changes_requested", by=api.ann)["status"] == "changes_requested"


def test_sole_member_approves_own_documents(api):
    home = f"{api.world.home(api.ann).path}/documents"
    document = api.ask("POST", home, {"title": "Diary"})
    api.ask("POST", f"{home}/{document['id']}/submit-review")
    answer = api.ask("POST", f"{home}/{document['id']}/review", {"status": "approved"})
    assert answer["status"] == "approved"


def test_reviewers_and_authors_are_notified(api):
    document = api.document(by=api.wim)
    api.submit(document, by=api.wim)
    assert api.notices(api.ann) == api.notices(api.rob) == ["document_submitted Plan"]
    api.review(document, "changes_requested", notes="More.")
    api.submit(document, by=api.ann)
    api.review(document)
    assert api.notices(api.wim) == ["document_approved Plan", "document_changes_requested Plan"]
    assert api.notices(api.ann)[0] == "document_approved Plan"
    api.change(document, content=content("other"))
    assert api.notices(api.wim)[0] == "document_updated Plan"
    api.ask("DELETE", api.of(document))
    assert api.notices(api.wim)[0] == "document_deleted Plan"
    assert len(api.notices(api.wim)) == 4
