"""Reviews: what leads where, who decides, and what is kept."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stellary.contract.documents import DocumentStatus
from stellary.contract.errors import Conflict
from stellary.core.knowledge.rules.review import MOVES, Move, moved
from tests.core.knowledge.shelf import content

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
def test_each_move_leads_where_it_should_or_nowhere(status, move):
    if (status, move) in LEGAL:
        assert moved(status, move) == LEGAL[status, move]
    else:
        with pytest.raises(Conflict, match=f"whose status is {status} cannot be"):
            moved(status, move)


@given(st.lists(st.sampled_from(get_args(Move)), max_size=8))
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_moves_in_a_row_do_what_the_table_says(shelf, moves):
    document, status = shelf.document(), "draft"
    for move in moves:
        expected = LEGAL.get((status, move))
        assert shelf.do(document, move) == (409 if expected is None else 200)
        status = expected or status
        assert shelf.read(document)["status"] == status
    assert set(MOVES) == set(get_args(Move))


def test_a_document_is_submitted_and_approved(shelf):
    made = shelf.document()
    pending = shelf.submit(made)
    assert (pending["status"], pending["version"], pending["submittedAt"] is None) == (
        "pending_review",
        2,
        False,
    )
    approved = shelf.review(made, notes="Good.")
    told = ("status", "reviewerId", "reviewerName", "reviewNotes", "version")
    assert [approved[name] for name in told] == ["approved", shelf.rob.id, "rob", "Good.", 3]
    assert shelf.read(made) == approved


@pytest.mark.parametrize(
    "change", [{"tags": ["a"]}, {"docType": "adr"}, {"parentId": None}, {"title": "Plan"}]
)
def test_what_is_no_edit_leaves_the_review_alone(shelf, change):
    made = shelf.document()
    shelf.submit(made)
    assert shelf.change(made, **change)["status"] == "pending_review"
    assert shelf.review(made)["status"] == "approved"
    assert shelf.change(made, **change)["status"] == "approved"


def test_each_submission_is_kept_with_what_became_of_it(shelf):
    made = shelf.document("one", content="First.", contentFormat="markdown", tags=["a"])
    shelf.submit(made)
    shelf.review(made, "changes_requested", notes="More.")
    shelf.change(made, title="two", content=content("Second."))
    shelf.submit(made, by=shelf.wim)
    shelf.change(made, content=content("Third."))
    shelf.submit(made)
    path = f"{shelf.of(made)}/versions"
    found = shelf.world.ask(shelf.wim, "GET", path)
    kept = ("number", "title", "status", "submittedByName", "reviewerName", "reviewNotes")
    assert [[each[name] for name in kept] for each in found] == [
        [3, "two", "pending_review", "ann", None, None],
        [2, "two", "withdrawn", "wim", None, None],
        [1, "one", "changes_requested", "ann", "rob", "More."],
    ]
    assert "content" not in found[0]
    first = shelf.world.ask(shelf.wim, "GET", f"{path}/{found[-1]['id']}?contentFormat=markdown")
    assert (first["content"], first["tags"], first["documentId"]) == ("First.", ["a"], made["id"])
    assert shelf.world.ask(shelf.ann, "GET", f"{path}/{found[0]['id']}")["content"] == content("Third.")
    page = shelf.world.call(shelf.ann, "GET", f"{path}?limit=2")
    assert "link" in page.headers
    other = shelf.of(shelf.document())
    assert shelf.error("GET", f"{other}/versions/{found[0]['id']}") == (404, "Version not found")
    assert shelf.error("GET", f"{shelf.path}/{'a' * 24}/versions/{found[0]['id']}") == (
        404,
        "Document not found",
    )


def test_who_may_review_is_said_by_the_pilotage_role(shelf):
    made = shelf.document(by=shelf.rob)
    shelf.submit(made)
    body = {"status": "approved"}
    path = f"{shelf.of(made)}/review"
    assert shelf.error("POST", path, body, by=shelf.wim) == (403, "your role does not allow that")
    token = shelf.world.api_token(shelf.ann)
    assert shelf.world.status(token, "POST", path, body) == 403
    assert shelf.review(made, by=shelf.ann)["status"] == "approved"


def test_authors_do_not_approve_their_own(shelf):
    made = shelf.document()
    shelf.submit(made)
    said = (403, "authors cannot approve their own documents")
    assert shelf.error("POST", f"{shelf.of(made)}/review", {"status": "approved"}) == said
    assert shelf.review(made, "changes_requested", by=shelf.ann)["status"] == "changes_requested"


def test_who_is_alone_approves_the_own(shelf):
    home = f"{shelf.world.home(shelf.ann).path}/documents"
    made = shelf.world.ask(shelf.ann, "POST", home, {"title": "Diary"})
    shelf.world.ask(shelf.ann, "POST", f"{home}/{made['id']}/submit-review")
    answer = shelf.world.ask(shelf.ann, "POST", f"{home}/{made['id']}/review", {"status": "approved"})
    assert answer["status"] == "approved"


def test_reviewers_are_told_of_a_submission_and_authors_of_a_review(shelf):
    made = shelf.document(by=shelf.wim)
    shelf.submit(made, by=shelf.wim)
    assert shelf.told(shelf.ann) == shelf.told(shelf.rob) == ["document_submitted Plan"]
    shelf.review(made, "changes_requested", notes="More.")
    shelf.submit(made, by=shelf.ann)
    shelf.review(made)
    assert shelf.told(shelf.wim) == ["document_approved Plan", "document_changes_requested Plan"]
    assert shelf.told(shelf.ann)[0] == "document_approved Plan"
    shelf.change(made, content=content("other"))
    assert shelf.told(shelf.wim)[0] == "document_updated Plan"
    shelf.world.ask(shelf.ann, "DELETE", shelf.of(made))
    assert shelf.told(shelf.wim)[0] == "document_deleted Plan"
    assert len(shelf.told(shelf.wim)) == 4


def test_a_review_of_a_version_that_was_not_seen_is_refused(shelf):
    made = shelf.document()
    seen = shelf.submit(made)
    shelf.change(made, tags=["new"])
    body, path = {"status": "approved"}, f"{shelf.of(made)}/review"
    stale = shelf.error("POST", path, body, by=shelf.rob, if_match=f'"{seen["version"]}"')
    assert stale == (412, "the current version is 3")
    assert shelf.world.status(shelf.rob, "POST", path, body, if_match='"3"') == 200
