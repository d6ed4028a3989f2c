"""Reviews: what leads where, who decides, and what is kept."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stellary.contract.documents import DocumentStatus
from stellary.contract.errors import Conflict
from stellary.core.knowledge.rules.review import MOVES, Move, next_status
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
def test_each_move_leads_where_it_should_or_nowhere(status, move):
    if (status, move) in LEGAL:
        assert next_status(status, move) == LEGAL[status, move]
    else:
        with pytest.raises(Conflict, match=f"whose status is {status} cannot be"):
            next_status(status, move)


@given(st.lists(st.sampled_from(get_args(Move)), max_size=8))
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_moves_in_a_row_do_what_the_table_says(document_api, moves):
    document, status = document_api.document(), "draft"
    for move in moves:
        expected = LEGAL.get((status, move))
        assert document_api.do(document, move) == (409 if expected is None else 200)
        status = expected or status
        assert document_api.read(document)["status"] == status
    assert set(MOVES) == set(get_args(Move))


def test_a_document_is_submitted_and_approved(document_api):
    made = document_api.document()
    pending = document_api.submit(made)
    assert (pending["status"], pending["version"], pending["submittedAt"] is None) == (
        "pending_review",
        2,
        False,
    )
    approved = document_api.review(made, notes="Good.")
    told = ("status", "reviewerId", "reviewerName", "reviewNotes", "version")
    assert [approved[name] for name in told] == ["approved", document_api.rob.id, "rob", "Good.", 3]
    assert document_api.read(made) == approved


@pytest.mark.parametrize(
    "change", [{"tags": ["a"]}, {"docType": "adr"}, {"parentId": None}, {"title": "Plan"}]
)
def test_what_is_no_edit_leaves_the_review_alone(document_api, change):
    made = document_api.document()
    document_api.submit(made)
    assert document_api.change(made, **change)["status"] == "pending_review"
    assert document_api.review(made)["status"] == "approved"
    assert document_api.change(made, **change)["status"] == "approved"


def test_each_submission_is_kept_with_what_became_of_it(document_api):
    made = document_api.document("one", content="First.", contentFormat="markdown", tags=["a"])
    document_api.submit(made)
    document_api.review(made, "changes_requested", notes="More.")
    document_api.change(made, title="two", content=content("Second."))
    document_api.submit(made, by=document_api.wim)
    document_api.change(made, content=content("Third."))
    document_api.submit(made)
    path = f"{document_api.of(made)}/versions"
    found = document_api.world.ask(document_api.wim, "GET", path)
    kept = ("number", "title", "status", "submittedByName", "reviewerName", "reviewNotes")
    assert [[each[name] for name in kept] for each in found] == [
        [3, "two", "pending_review", "ann", None, None],
        [2, "two", "withdrawn", "wim", None, None],
        [1, "one", "changes_requested", "ann", "rob", "More."],
    ]
    assert "content" not in found[0]
    first = document_api.world.ask(
        document_api.wim, "GET", f"{path}/{found[-1]['id']}?contentFormat=markdown"
    )
    assert (first["content"], first["tags"], first["documentId"]) == ("First.", ["a"], made["id"])
    assert document_api.world.ask(document_api.ann, "GET", f"{path}/{found[0]['id']}")["content"] == content(
        "Third."
    )
    page = document_api.world.call(document_api.ann, "GET", f"{path}?limit=2")
    assert "link" in page.headers
    other = document_api.of(document_api.document())
    assert document_api.error("GET", f"{other}/versions/{found[0]['id']}") == (404, "Version not found")
    assert document_api.error("GET", f"{document_api.path}/{'a' * 24}/versions/{found[0]['id']}") == (
        404,
        "Document not found",
    )


def test_who_may_review_is_said_by_the_pilotage_role(document_api):
    made = document_api.document(by=document_api.rob)
    document_api.submit(made)
    body = {"status": "approved"}
    path = f"{document_api.of(made)}/review"
    assert document_api.error("POST", path, body, by=document_api.wim) == (
        403,
        "your role does not allow that",
    )
    token = document_api.world.api_token(document_api.ann)
    assert document_api.world.status(token, "POST", path, body) == 403
    assert document_api.review(made, by=document_api.ann)["status"] == "approved"


def test_authors_do_not_approve_their_own(document_api):
    made = document_api.document()
    document_api.submit(made)
    said = (403, "authors cannot approve their own documents")
    assert document_api.error("POST", f"{document_api.of(made)}/review", {"status": "approved"}) == said
    assert (
        document_api.review(made, "changes_requested", by=document_api.ann)["status"] == "changes_requested"
    )


def test_who_is_alone_approves_the_own(document_api):
    home = f"{document_api.world.home(document_api.ann).path}/documents"
    made = document_api.world.ask(document_api.ann, "POST", home, {"title": "Diary"})
    document_api.world.ask(document_api.ann, "POST", f"{home}/{made['id']}/submit-review")
    answer = document_api.world.ask(
        document_api.ann, "POST", f"{home}/{made['id']}/review", {"status": "approved"}
    )
    assert answer["status"] == "approved"


def test_reviewers_are_told_of_a_submission_and_authors_of_a_review(document_api):
    made = document_api.document(by=document_api.wim)
    document_api.submit(made, by=document_api.wim)
    assert (
        document_api.told(document_api.ann)
        == document_api.told(document_api.rob)
        == ["document_submitted Plan"]
    )
    document_api.review(made, "changes_requested", notes="More.")
    document_api.submit(made, by=document_api.ann)
    document_api.review(made)
    assert document_api.told(document_api.wim) == [
        "document_approved Plan",
        "document_changes_requested Plan",
    ]
    assert document_api.told(document_api.ann)[0] == "document_approved Plan"
    document_api.change(made, content=content("other"))
    assert document_api.told(document_api.wim)[0] == "document_updated Plan"
    document_api.world.ask(document_api.ann, "DELETE", document_api.of(made))
    assert document_api.told(document_api.wim)[0] == "document_deleted Plan"
    assert len(document_api.told(document_api.wim)) == 4


def test_a_review_of_a_version_that_was_not_seen_is_refused(document_api):
    made = document_api.document()
    seen = document_api.submit(made)
    document_api.change(made, tags=["new"])
    body, path = {"status": "approved"}, f"{document_api.of(made)}/review"
    stale = document_api.error("POST", path, body, by=document_api.rob, if_match=f'"{seen["version"]}"')
    assert stale == (412, "the current version is 3")
    assert document_api.world.status(document_api.rob, "POST", path, body, if_match='"3"') == 200
