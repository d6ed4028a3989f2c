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
from tests.core.knowledge.document_api import content
from tests.support.concurrency import answered_meanwhile
from tests.support.world import at_once

CLIENTS = 16


@pytest.mark.race
def test_of_reviews_at_once_one_holds(document_api, rounds):
    for number in range(rounds):
        made = document_api.document(str(number))
        document_api.submit(made)
        moves = ["approve", "request_changes"] * (CLIENTS // 2)
        answers = at_once(*[lambda move=move, made=made: document_api.do(made, move) for move in moves])
        assert Counter(answers) == {200: 1, 409: CLIENTS - 1}
        won = {"approve": "approved", "request_changes": "changes_requested"}[moves[answers.index(200)]]
        assert document_api.read(made)["status"] == won
        assert [each["status"] for each in document_api.versions(made)] == [won]


@pytest.mark.race
def test_of_submissions_at_once_one_is_kept(document_api, rounds):
    for number in range(rounds):
        made = document_api.document(str(number))
        answers = at_once(*[lambda made=made: document_api.do(made, "submit")] * CLIENTS)
        assert Counter(answers) == {200: 1, 409: CLIENTS - 1}
        assert len(document_api.versions(made)) == 1


@pytest.mark.race
def test_an_edit_and_a_review_at_once_are_one_after_the_other(document_api, rounds):
    for number in range(rounds):
        made = document_api.document(str(number))
        document_api.submit(made)
        edit, review = at_once(
            *[lambda move=move, made=made: document_api.do(made, move) for move in ("edit", "approve")]
        )
        assert (edit, review) in [(200, 200), (200, 409)]
        # Whatever came first, what was edited is no longer approved.
        assert document_api.read(made)["status"] == "draft"
        (kept,) = document_api.versions(made)
        assert kept["status"] == ("approved" if review == 200 else "withdrawn")


# ---------------------------------------------------------------------------------------------- one waits for another


def meanwhile(document_api, first, method, path, body=None, *, by=None):
    """Status, and what is said, of a request that comes while a unit of ann's is at work."""
    answer = answered_meanwhile(
        document_api.world,
        document_api.ann,
        first,
        lambda: document_api.world.call(by or document_api.ann, method, path, body),
    )
    return answer.status, orjson.loads(answer.body)


def ref(document_api, document):
    return document_api.workspace.ref.child(DocumentRef, document["id"])


def test_changes_of_different_fields_both_hold(document_api):
    made = document_api.document()
    title = UpdateDocument(title="Other")
    status, told = meanwhile(
        document_api,
        lambda uow: update_document(uow, ref(document_api, made), title),
        "PATCH",
        document_api.of(made),
        {"tags": ["a"]},
    )
    assert (status, told["title"], told["tags"], told["version"]) == (200, "Other", ["a"], 3)


def test_a_document_that_is_deleted_meanwhile_is_not_found(document_api):
    made = document_api.document()

    def remove(uow):
        delete_document(uow, ref(document_api, made))

    assert meanwhile(document_api, remove, "PATCH", document_api.of(made), {"title": "x"})[0] == 404


def test_nothing_is_put_below_a_document_that_is_deleted_meanwhile(document_api):
    made = document_api.document()
    body = {"title": "below", "parentId": made["id"]}
    status, told = meanwhile(
        document_api,
        lambda uow: delete_document(uow, ref(document_api, made)),
        "POST",
        document_api.path,
        body,
    )
    assert (status, told["message"]) == (400, "parentId must be the id of something that is there")


def test_what_is_put_below_a_document_meanwhile_rises_when_that_is_deleted(document_api):
    top = document_api.document("top")
    middle = document_api.document("middle", parentId=top["id"])
    below = CreateDocument(title="below", parent_id=middle["id"])
    status, _ = meanwhile(
        document_api,
        lambda uow: create_document(uow, document_api.workspace.ref, below),
        "DELETE",
        document_api.of(middle),
    )
    assert status == 200
    assert document_api.titles(f"parentId={top['id']}") == ["below"]


def test_no_document_is_made_in_a_workspace_that_is_deleted_meanwhile(document_api):
    status, told = meanwhile(
        document_api,
        lambda uow: delete_workspace(uow, document_api.workspace.ref),
        "POST",
        document_api.path,
        {"title": "x"},
    )
    assert (status, told["message"]) == (404, "Workspace not found")


@pytest.mark.postgres
def test_what_was_submitted_anew_meanwhile_is_not_approved_unseen(postgres_document_api):
    document_api = postgres_document_api
    made = document_api.document()
    document_api.submit(made)

    def submit_anew(uow):
        update_document(uow, ref(document_api, made), UpdateDocument(content=content("other")))
        submit_review(uow, ref(document_api, made))

    path = f"{document_api.of(made)}/review"
    status, told = meanwhile(
        document_api, submit_anew, "POST", path, {"status": "approved"}, by=document_api.rob
    )
    assert (status, told["code"]) == (409, "stale_submission")
    assert document_api.read(made)["status"] == "pending_review"
