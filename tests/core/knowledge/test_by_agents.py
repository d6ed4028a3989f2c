"""Documents by agents: they bear the agent's name, and wait where what it writes waits."""

from __future__ import annotations

import pytest

from tests.core.agents.office import Office
from tests.core.knowledge.shelf import content


@pytest.fixture
def office(world):
    return Office(world, world.person("ann"))


def written(office, *, mode="autonomous"):
    """A document that an agent has written, or proposed, and its token."""
    token = office.token(office.agent(mode, ["documents.read", "documents.write"]))
    answer = office.world.ask(token, "POST", f"{office.flat}/documents", {"title": "Minutes"})
    return answer, token


def test_what_an_agent_writes_bears_its_name(office):
    made, token = written(office)
    assert (made["authorName"], made["authorId"] == office.owner.id) == ("Scribe", False)
    path = f"{office.flat}/documents/{made['id']}"
    assert office.world.ask(token, "PATCH", path, {"content": content("a")})["version"] == 2
    assert office.world.ask(token, "POST", f"{path}/submit-review")["status"] == "pending_review"
    assert office.world.status(token, "POST", f"{path}/review", {"status": "approved"}) == 403
    assert office.world.status(token, "DELETE", path) == 403
    assert (
        office.world.ask(office.owner, "POST", f"{path}/review", {"status": "approved"})["status"]
        == "approved"
    )


def test_what_a_supervised_agent_writes_waits(office):
    proposed, _ = written(office, mode="supervised")
    assert office.world.ask(office.owner, "GET", f"{office.flat}/documents") == []
    approve = f"{office.flat}/proposals/{proposed['id']}/approve"
    office.world.ask(office.owner, "POST", approve)
    (made,) = office.world.ask(office.owner, "GET", f"{office.flat}/documents")
    assert (made["title"], made["authorName"]) == ("Minutes", "Scribe")


@pytest.mark.parametrize("what", ["workspace", "organization"])
def test_what_an_agent_has_written_goes_with_its_workspace(office, what):
    made, token = written(office)
    office.world.ask(token, "POST", f"{office.flat}/documents/{made['id']}/submit-review")
    wide = {"title": "Wide", "contextType": "organization"}
    office.world.ask(token, "POST", f"{office.flat}/documents", wide)
    path = office.flat if what == "workspace" else office.workspace.organization.path
    assert office.world.ask(office.owner, "DELETE", path) == {"ok": True}
    assert office.world.status(office.owner, "GET", f"{office.flat}/documents") == 404
