"""Concurrent requests on documents: one review or submission wins, and no change is lost.

``python3 dev.py races`` runs two hundred rounds of each race.
"""

from collections import Counter

import orjson
import pytest

from stellary.contract.documents import UpdateDocument
from stellary.contract.refs import DocumentRef
from stellary.core.knowledge.documents import delete_document, update_document
from stellary.core.knowledge.reviews import submit_review
from tests.core.knowledge.document_api import content
from tests.support.concurrency import answered_meanwhile
from tests.support.core_parts import delete_workspace
from tests.support.world import at_once

CLIENTS = 16


@pytest.mark.race
def test_one_of_many_concurrent_reviews_wins(api, rounds):
    for number in range(rounds):
        document = api.document(str(number))
        api.submit(document)
        moves = ["approve", "request_changes"] * (CLIENTS // 2)
        answers = at_once(*[lambda move=move, document=document: api.do(document, move) for move in moves])
        assert Counter(answers) == {200: 1, 409: CLIENTS - 1}
        won = {"approve": "approved", "request_changes": "changes_requested"}[moves[answers.index(200)]]
        assert api.read(document)["status"] == won
        assert [version["status"] for version in api.versions(document)] == [won]


@pytest.mark.race
def test_one_of_many_concurrent_submissions_wins(api, rounds):
    for number in range(rounds):
        document = api.document(str(number))
        answers = at_once(*[lambda document=document: api.do(document, "submit")] * CLIENTS)
        assert Counter(answers) == {200: 1, 409: CLIENTS - 1}
        assert len(api.versions(document)) == 1


@pytest.mark.race
def test_concurrent_edit_and_review_are_serialized(api, rounds):
    for number in range(rounds):
        document = api.document(str(number))
        api.submit(document)
        edit, review = at_once(
            *[lambda move=move, document=document: api.do(document, move) for move in ("edit", "approve")]
        )
        assert (edit, review) in [(200, 200), (200, 409)]
        # Whatever came first, what was edited is no longer approved.
        assert api.read(document)["status"] == "draft"
        (version,) = api.versions(document)
        assert version["status"] == ("approved" if review == 200 else "withdrawn")


# ---------------------------------------------------------------------------------------------- one waits for another


def send_while_locked(api, first, method, path, body=None, *, by=None):
    """Return status and body of the response to a request that runs while a unit of ann's is open."""
    answer = answered_meanwhile(
        api.world, api.ann, first, lambda: api.world.call(by or api.ann, method, path, body)
    )
    return answer.status, orjson.loads(answer.body)


def ref(api, document):
    return api.workspace.ref.child(DocumentRef, document["id"])


def test_concurrent_changes_of_different_fields_are_both_kept(api):
    document = api.document()
    title = UpdateDocument(title="Other")

    def rename(uow):
        return update_document(uow, ref(api, document), title)

    status, body = send_while_locked(api, rename, "PATCH", api.of(document), {"tags": ["a"]})
    assert (status, body["title"], body["tags"], body["version"]) == (200, "Other", ["a"], 3)


def test_concurrently_deleted_document_is_not_found(api):
    document = api.document()

    def remove(uow):
        delete_document(uow, ref(api, document))

    assert send_while_locked(api, remove, "PATCH", api.of(document), {"title": "x"})[0] == 404


def test_document_of_a_concurrently_deleted_workspace_is_refused_or_restored_with_it(api):
    world, ann = api.world, api.ann
    status, body = send_while_locked(
        api, lambda uow: delete_workspace(uow, api.workspace.ref), "POST", api.path, {"title": "x"}
    )
    # PostgreSQL has read the workspace before the deletion is committed, so the document is in the trash with it.
    assert status == 201 or (status, body["message"]) == (404, "Workspace not found")
    assert world.status(ann, "GET", api.path) == 404
    (container,) = world.ask(ann, "GET", "/trash")
    world.ask(ann, "POST", f"/trash/{container['id']}/restore", {})
    assert api.titles() == (["x"] if status == 201 else [])


@pytest.mark.postgres
def test_concurrently_resubmitted_document_is_not_approved(postgres_document_api):
    api = postgres_document_api
    document = api.document()
    api.submit(document)

    def submit_again(uow):
        update_document(uow, ref(api, document), UpdateDocument(content=content("other")))
        submit_review(uow, ref(api, document))

    path = f"{api.of(document)}/review"
    status, body = send_while_locked(api, submit_again, "POST", path, {"status": "approved"}, by=api.rob)
    assert (status, body["code"]) == (409, "stale_submission")
    assert api.read(document)["status"] == "pending_review"
