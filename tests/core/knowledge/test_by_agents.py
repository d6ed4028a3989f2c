"""Documents by agents: they carry the agent's name, and wait as proposals if its other writes do."""

import pytest

from tests.core.knowledge.document_api import content
from tests.support.boards import ask, status


def write_document(agent_api, *, mode="autonomous"):
    """Let an agent write or propose a document, and return the response and its token."""
    token = agent_api.token(agent_api.agent(mode, ["documents.read", "documents.write"]))
    return agent_api.world.ask(token, "POST", f"{agent_api.flat}/documents", {"title": "Minutes"}), token


def test_document_by_an_agent_carries_its_name(agent_api):
    document, token = write_document(agent_api)
    assert (document["authorName"], document["authorId"] == agent_api.owner.id) == ("Scribe", False)
    path = f"{agent_api.flat}/documents/{document['id']}"
    assert agent_api.world.ask(token, "PATCH", path, {"content": content("a")})["version"] == 2
    assert agent_api.world.ask(token, "POST", f"{path}/submit-review")["status"] == "pending_review"
    assert agent_api.world.status(token, "POST", f"{path}/review", {"status": "approved"}) == 403
    assert agent_api.world.status(token, "DELETE", path) == 403
    assert ask(agent_api, "POST", f"{path}/review", {"status": "approved"})["status"] == "approved"


def test_document_by_a_supervised_agent_waits(agent_api):
    proposed, _ = write_document(agent_api, mode="supervised")
    assert ask(agent_api, "GET", f"{agent_api.flat}/documents") == []
    ask(agent_api, "POST", f"{agent_api.flat}/proposals/{proposed['id']}/approve")
    (document,) = ask(agent_api, "GET", f"{agent_api.flat}/documents")
    assert (document["title"], document["authorName"]) == ("Minutes", "Scribe")


@pytest.mark.parametrize("what", ["workspace", "organization"])
def test_documents_by_agents_are_deleted_with_the_workspace(agent_api, what):
    document, token = write_document(agent_api)
    agent_api.world.ask(token, "POST", f"{agent_api.flat}/documents/{document['id']}/submit-review")
    wide = {"title": "Wide", "contextType": "organization"}
    agent_api.world.ask(token, "POST", f"{agent_api.flat}/documents", wide)
    path = agent_api.flat if what == "workspace" else agent_api.workspace.organization.path
    assert ask(agent_api, "DELETE", path) == {"ok": True}
    assert status(agent_api, "GET", f"{agent_api.flat}/documents") == 404
