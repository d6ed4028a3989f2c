"""Documents by agents: they bear the agent's name, and wait where what it writes waits."""

from __future__ import annotations

import pytest

from tests.core.agents.agent_api import AgentApi
from tests.core.knowledge.document_api import content


@pytest.fixture
def agent_api(world):
    return AgentApi(world, world.person("ann"))


def written(agent_api, *, mode="autonomous"):
    """A document that an agent has written, or proposed, and its token."""
    token = agent_api.token(agent_api.agent(mode, ["documents.read", "documents.write"]))
    answer = agent_api.world.ask(token, "POST", f"{agent_api.flat}/documents", {"title": "Minutes"})
    return answer, token


def test_what_an_agent_writes_bears_its_name(agent_api):
    made, token = written(agent_api)
    assert (made["authorName"], made["authorId"] == agent_api.owner.id) == ("Scribe", False)
    path = f"{agent_api.flat}/documents/{made['id']}"
    assert agent_api.world.ask(token, "PATCH", path, {"content": content("a")})["version"] == 2
    assert agent_api.world.ask(token, "POST", f"{path}/submit-review")["status"] == "pending_review"
    assert agent_api.world.status(token, "POST", f"{path}/review", {"status": "approved"}) == 403
    assert agent_api.world.status(token, "DELETE", path) == 403
    assert (
        agent_api.world.ask(agent_api.owner, "POST", f"{path}/review", {"status": "approved"})["status"]
        == "approved"
    )


def test_what_a_supervised_agent_writes_waits(agent_api):
    proposed, _ = written(agent_api, mode="supervised")
    assert agent_api.world.ask(agent_api.owner, "GET", f"{agent_api.flat}/documents") == []
    approve = f"{agent_api.flat}/proposals/{proposed['id']}/approve"
    agent_api.world.ask(agent_api.owner, "POST", approve)
    (made,) = agent_api.world.ask(agent_api.owner, "GET", f"{agent_api.flat}/documents")
    assert (made["title"], made["authorName"]) == ("Minutes", "Scribe")


@pytest.mark.parametrize("what", ["workspace", "organization"])
def test_what_an_agent_has_written_goes_with_its_workspace(agent_api, what):
    made, token = written(agent_api)
    agent_api.world.ask(token, "POST", f"{agent_api.flat}/documents/{made['id']}/submit-review")
    wide = {"title": "Wide", "contextType": "organization"}
    agent_api.world.ask(token, "POST", f"{agent_api.flat}/documents", wide)
    path = agent_api.flat if what == "workspace" else agent_api.workspace.organization.path
    assert agent_api.world.ask(agent_api.owner, "DELETE", path) == {"ok": True}
    assert agent_api.world.status(agent_api.owner, "GET", f"{agent_api.flat}/documents") == 404
