"""Documents by agents: they carry the agent's name, and wait as proposals if its other writes do."""

import pytest

from tests.core.knowledge.document_api import content
from tests.support.boards import ask, status


def write_document(board, *, mode="autonomous"):
    """Let an agent write or propose a document, and return the response and its token."""
    token = board.token(board.agent(mode, ["documents.read", "documents.write"]))
    return board.world.ask(token, "POST", f"{board.flat}/documents", {"title": "Minutes"}), token


def test_document_by_an_agent_carries_its_name(board):
    document, token = write_document(board)
    assert (document["authorName"], document["authorId"] == board.owner.id) == ("Scribe", False)
    path = f"{board.flat}/documents/{document['id']}"
    assert board.world.ask(token, "PATCH", path, {"content": content("a")})["version"] == 2
    assert board.world.ask(token, "POST", f"{path}/submit-review")["status"] == "pending_review"
    assert board.world.status(token, "POST", f"{path}/review", {"status": "approved"}) == 403
    assert board.world.status(token, "DELETE", path) == 403
    assert ask(board, "POST", f"{path}/review", {"status": "approved"})["status"] == "approved"


def test_document_by_a_supervised_agent_waits(board):
    proposed, _ = write_document(board, mode="supervised")
    assert ask(board, "GET", f"{board.flat}/documents") == []
    ask(board, "POST", f"{board.flat}/proposals/{proposed['id']}/approve")
    (document,) = ask(board, "GET", f"{board.flat}/documents")
    assert (document["title"], document["authorName"]) == ("Minutes", "Scribe")


@pytest.mark.parametrize("what", ["workspace", "organization"])
def test_documents_by_agents_are_deleted_with_the_workspace(board, what):
    document, token = write_document(board)
    board.world.ask(token, "POST", f"{board.flat}/documents/{document['id']}/submit-review")
    wide = {"title": "Wide", "contextType": "organization"}
    board.world.ask(token, "POST", f"{board.flat}/documents", wide)
    path = board.flat if what == "workspace" else board.workspace.organization.path
    assert ask(board, "DELETE", path) == {"ok": True}
    assert status(board, "GET", f"{board.flat}/documents") == 404
