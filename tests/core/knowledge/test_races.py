"""Many at once: of those who review or submit a document one is heard, and nobody's change is lost.

``python3 dev.py races`` runs two hundred rounds of each race.
"""

from __future__ import annotations

from collections import Counter

import orjson
import pytest

from stellary.contract.documents import CreateDocument, UpdateDocument
from stellary.contract.refs import DocumentRef
from stellary.core.accounts.workspaces import delete_workspace
from stellary.core.knowledge.documents import create_document, delete_document, update_document
from stellary.core.knowledge.reviews import submit_review
from tests.core.knowledge.shelf import content
from tests.support.concurrency import answered_meanwhile
from tests.support.world import at_once

CLIENTS = 16


@pytest.mark.race
def test_of_reviews_at_once_one_holds(shelf, rounds):
    for number in range(rounds):
        made = shelf.document(str(number))
        shelf.submit(made)
        moves = ["approve", "request_changes"] * (CLIENTS // 2)
        answers = at_once(*[lambda move=move, made=made: shelf.do(made, move) for move in moves])
        assert Counter(answers) == {200: 1, 409: CLIENTS - 1}
        won = {"approve": "approved", "request_changes": "changes_requested"}[moves[answers.index(200)]]
        assert shelf.read(made)["status"] == won
        assert [each["status"] for each in shelf.versions(made)] == [won]


@pytest.mark.race
def test_of_submissions_at_once_one_is_kept(shelf, rounds):
    for number in range(rounds):
        made = shelf.document(str(number))
        answers = at_once(*[lambda made=made: shelf.do(made, "submit")] * CLIENTS)
        assert Counter(answers) == {200: 1, 409: CLIENTS - 1}
        assert len(shelf.versions(made)) == 1


@pytest.mark.race
def test_an_edit_and_a_review_at_once_are_one_after_the_other(shelf, rounds):
    for number in range(rounds):
        made = shelf.document(str(number))
        shelf.submit(made)
        edit, review = at_once(
            *[lambda move=move, made=made: shelf.do(made, move) for move in ("edit", "approve")]
        )
        assert (edit, review) in [(200, 200), (200, 409)]
        # Whatever came first, what was edited is no longer approved.
        assert shelf.read(made)["status"] == "draft"
        (kept,) = shelf.versions(made)
        assert kept["status"] == ("approved" if review == 200 else "withdrawn")


# ---------------------------------------------------------------------------------------------- one waits for another


def meanwhile(shelf, first, method, path, body=None, *, by=None):
    """Status, and what is said, of a request that comes while a unit of ann's is at work."""
    answer = answered_meanwhile(
        shelf.world, shelf.ann, first, lambda: shelf.world.call(by or shelf.ann, method, path, body)
    )
    return answer.status, orjson.loads(answer.body)


def ref(shelf, document):
    return shelf.workspace.ref.child(DocumentRef, document["id"])


def test_changes_of_different_fields_both_hold(shelf):
    made = shelf.document()
    title = UpdateDocument(title="Other")
    status, told = meanwhile(
        shelf,
        lambda uow: update_document(uow, ref(shelf, made), title),
        "PATCH",
        shelf.of(made),
        {"tags": ["a"]},
    )
    assert (status, told["title"], told["tags"], told["version"]) == (200, "Other", ["a"], 3)


def test_a_document_that_is_deleted_meanwhile_is_not_found(shelf):
    made = shelf.document()

    def remove(uow):
        delete_document(uow, ref(shelf, made))

    assert meanwhile(shelf, remove, "PATCH", shelf.of(made), {"title": "x"})[0] == 404


def test_nothing_is_put_below_a_document_that_is_deleted_meanwhile(shelf):
    made = shelf.document()
    body = {"title": "below", "parentId": made["id"]}
    status, told = meanwhile(
        shelf, lambda uow: delete_document(uow, ref(shelf, made)), "POST", shelf.path, body
    )
    assert (status, told["message"]) == (400, "parentId must be the id of something that is there")


def test_what_is_put_below_a_document_meanwhile_rises_when_that_is_deleted(shelf):
    top = shelf.document("top")
    middle = shelf.document("middle", parentId=top["id"])
    below = CreateDocument(title="below", parent_id=middle["id"])
    status, _ = meanwhile(
        shelf, lambda uow: create_document(uow, shelf.workspace.ref, below), "DELETE", shelf.of(middle)
    )
    assert status == 200
    assert shelf.titles(f"parentId={top['id']}") == ["below"]


def test_no_document_is_made_in_a_workspace_that_is_deleted_meanwhile(shelf):
    status, told = meanwhile(
        shelf, lambda uow: delete_workspace(uow, shelf.workspace.ref), "POST", shelf.path, {"title": "x"}
    )
    assert (status, told["message"]) == (404, "Workspace not found")


@pytest.mark.postgres
def test_what_was_submitted_anew_meanwhile_is_not_approved_unseen(postgres_shelf):
    shelf = postgres_shelf
    made = shelf.document()
    shelf.submit(made)

    def submit_anew(uow):
        update_document(uow, ref(shelf, made), UpdateDocument(content=content("other")))
        submit_review(uow, ref(shelf, made))

    path = f"{shelf.of(made)}/review"
    status, told = meanwhile(shelf, submit_anew, "POST", path, {"status": "approved"}, by=shelf.rob)
    assert (status, told["code"]) == (409, "stale_submission")
    assert shelf.read(made)["status"] == "pending_review"
