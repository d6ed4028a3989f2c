"""Texts of agents about projects that a reader does not see: proposals and missions show none of their names, on both databases."""

from datetime import timedelta

import orjson
import pytest

from stellary import Stellary
from stellary.contract.agent_missions import MissionEntry
from stellary.contract.cards import LIST_WORKSPACE_CARDS, FindCards
from stellary.contract.port import RawRequest
from stellary.core import Action, Turn
from stellary.core.agents.tables import missions, proposals
from tests.core.agents.agent_api import AgentApi
from tests.core.agents.test_brains import Scripted, call
from tests.support.boards import Board, Json, ask
from tests.support.core_parts import action_calls, board_finding
from tests.support.world import Person, outcome

MARKER = "zanzibar"
HIDDEN = "This text may name items of projects that you do not see."
TELLING = Turn(message=f"I know {MARKER}", result=f"{MARKER} is done")


class Scene:
    """A board that all see, and a project of which bob is a member, with an agent that works for him.

    Attributes:
        bob: The person on whose behalf the agent works.
        cid: A member of the workspace, and not of bob's project.
    """

    def __init__(self, board: AgentApi, *, is_private: bool = True) -> None:
        self.board, self.bob, self.cid = board, board.member("bob"), board.member("cid")
        self.secret = Board(board.world, self.bob, board.workspace)
        board.world.ask(self.bob, "PATCH", self.secret.path, {"name": MARKER})
        if is_private:
            self.hide()
        self.secret_card = self.secret.card(f"{MARKER} plan")
        self.card = board.card("Launch")

    def start(self, mode: str, *turns: Turn) -> Json:
        """Run a mission of bob on the card that all see."""
        self.board.world.core.env.brains = {"built_in": Scripted(*turns)}
        return self.board.start(self.board.agent(mode), "Do it", self.card, by=self.bob)

    @property
    def changes(self) -> Turn:
        """Changes of the card that all see, and of the other one."""
        ids = {"a": self.card["id"], "b": f"{MARKER} plan"}
        calls = [call("set_priority", name, cardId=id, priority="high") for name, id in ids.items()]
        return Turn(message=f"I change {MARKER}", calls=calls)

    def hide(self) -> None:
        ask(self.board, "PATCH", self.secret.path, {"visibility": "private"})

    def read_everything(self, who: Person, mission: Json) -> dict[str, str]:
        """Return all texts about proposals and missions that a person gets, by where they come from."""
        board, texts = self.board, dict[str, str]()
        paths = {
            "proposals": f"{board.flat}/proposals",
            "pending": f"{board.flat}/proposals?status=pending",
            "of mission": f"{board.of_mission(mission)}/proposals",
            "mission": board.of_mission(mission),
            "missions": f"{board.agents}/{mission['agentId']}/missions",
            "audit": f"{board.agents}/{mission['agentId']}/audit",
            "activity of workspace": f"{board.flat}/activity",
            "activity": f"{board.path}/activity",
            "comments": f"{board.of(self.card)}/comments",
            "/notifications": "/notifications",
            "/me/work": "/me/work",
        }
        for place, path in paths.items():
            texts[place] = orjson.dumps(board.world.ask(who, "GET", path)).decode()
        for action, params in (("list_pending_proposals", {}), ("get_mission", {"missionId": mission["id"]})):
            headers = {"authorization": f"Bearer {board.world.bearer(who)}"}
            request = RawRequest("POST", "/mcp", "", headers, b"")
            texts[action] = action_calls.act(board.world.core.units, request, action, params).body.decode()
        return {**texts, "stream": str(self.follow(who, mission))}

    def follow(self, who: Person, mission: Json) -> list[MissionEntry]:
        """Return the entries of a mission, as a person gets them, until it is over or waits for a decision."""
        with Stellary.embedded(self.board.world.core.port(who.actor)) as client:
            workspace = client.workspace(self.board.workspace.organization.slug, self.board.workspace.slug)
            received = []
            for entry in workspace.mission(mission["id"]).stream():
                received.append(entry)
                if entry.data.get("status") == "awaiting_approval":
                    break
            return received

    def find_leaks(self, who: Person, mission: Json) -> set[str]:
        """Return where a person gets a name or an id of bob's project."""
        secrets = (MARKER, self.secret_card["key"], self.secret.project["id"], self.secret_card["id"])
        texts = self.read_everything(who, mission)
        return {place for place, text in texts.items() if any(secret in text for secret in secrets)}


READ = Turn(
    calls=[call("get_card_details", cardId=f"{MARKER} plan"), call("list_cards", "b", projectId=f"{MARKER}s")]
)
"""A card that is read, and a call that is refused with the name of a project that is similar."""
OF_MISSIONS = {"mission", "missions", "get_mission", "audit", "stream"}
OF_PROPOSALS = {"proposals", "pending", "of mission", "list_pending_proposals", "/me/work"}


@pytest.mark.parametrize("is_private", [True, False], ids=["private", "private later"])
@pytest.mark.parametrize("mode", ["autonomous", "supervised", "approval"])
def test_readers_get_no_names_of_hidden_projects(board: AgentApi, mode: str, is_private: bool):
    places = OF_MISSIONS if mode == "autonomous" else OF_MISSIONS | OF_PROPOSALS
    scene = Scene(board, is_private=is_private)
    mission = scene.start(mode, READ, scene.changes, TELLING)
    assert places <= scene.find_leaks(scene.bob, mission)
    scene.hide()
    assert scene.find_leaks(scene.cid, mission) == set()
    ask(board, "DELETE", f"{scene.secret.path}/members/{scene.bob.id}")
    assert scene.find_leaks(scene.bob, mission) == set()


def test_what_is_left_of_a_mission_says_that_texts_are_hidden(board: AgentApi):
    scene = Scene(board)
    mission = scene.start("autonomous", READ, TELLING)
    seen = board.world.ask(scene.cid, "GET", board.of_mission(mission))
    assert (seen["status"], seen["result"], seen["progress"]["message"]) == ("completed", HIDDEN, HIDDEN)
    assert (seen["prompt"], seen["error"], seen["tools"]) == ("Do it", None, mission["tools"])
    data = [entry.data for entry in scene.follow(scene.cid, mission)]
    assert {"tool": "list_cards", "params": {}, "outcome": "refused", "error": HIDDEN} in data
    assert {"text": HIDDEN} in data
    assert data[-1] == {"status": "completed", "result": HIDDEN, "error": None}


def test_cards_that_an_action_of_the_host_has_listed_count_as_read(board: AgentApi):
    scene = Scene(board)
    find = Action(
        "find_cards",
        "Find.",
        FindCards,
        LIST_WORKSPACE_CARDS,
        "board.read",
        board_finding.list_workspace_cards,
    )
    board.world.core.env.actions = {**board.world.core.env.actions, find.name: find}
    mission = scene.start("autonomous", Turn(calls=[call("find_cards")]), TELLING)
    assert {"mission", "stream"} <= scene.find_leaks(scene.bob, mission)
    assert scene.find_leaks(scene.cid, mission) == set()


@pytest.mark.parametrize("mode", ["supervised", "approval"])
def test_hidden_proposals_are_decided_by_people_who_see_them(board: AgentApi, mode: str):
    scene = Scene(board)
    mission = scene.start(mode, scene.changes, TELLING)
    visible, hidden = board.proposals(mission)
    path = f"{board.of_mission(mission)}/proposals"
    assert board.world.ask(scene.cid, "GET", path) == [visible]
    for how in ("approve", "reject"):
        assert board.decide(hidden, how, by=scene.cid).status == 404
        answer = board.world.call(scene.cid, "POST", f"{path}/{how}", {})
        assert outcome(answer) == (403, "hidden_projects")
    assert board.proposals(mission) == [visible, hidden]
    assert board.decide(hidden, by=scene.bob).status == 200
    assert board.decide(visible, by=scene.cid).status == 200
    board.run_mission(mission)
    cards = (board.read(scene.card), board.world.ask(scene.bob, "GET", scene.secret.of(scene.secret_card)))
    assert [card["priority"] for card in cards] == ["high", "high"]
    assert scene.find_leaks(scene.cid, mission) == set()


def test_the_last_decision_of_a_batch_names_no_hidden_proposal(board: AgentApi):
    scene = Scene(board)
    visible, hidden = board.proposals(scene.start("approval", scene.changes, TELLING))
    assert board.decide(hidden, by=scene.bob).status == 200
    board.world.ask(scene.bob, "PATCH", scene.secret.of(scene.secret_card), {"title": "Changed"})
    answer = board.decide(visible, by=scene.cid)
    expected = (409, "another approved proposal, about projects that you do not see, cannot be carried out")
    assert (answer.status, orjson.loads(answer.body)["message"]) == expected


def test_proposals_with_tokens_are_listed_unless_they_name_hidden_items(board: AgentApi):
    scene = Scene(board)
    token = board.token(board.agent("supervised"))
    cards = [board.of(scene.card), scene.secret.of(scene.secret_card)]
    visible, hidden = [
        orjson.loads(board.world.call(token, "PATCH", card, {"priority": "high"}).body) for card in cards
    ]
    for who, expected in ((scene.bob, [visible, hidden]), (scene.cid, [visible])):
        assert board.world.ask(who, "GET", f"{board.flat}/proposals") == expected
    assert board.decide(hidden, by=scene.cid).status == 404
    assert board.decide(visible, by=scene.cid).status == 200
    new = {"name": MARKER, "visibility": "private"}
    assert board.world.call(token, "POST", f"{board.flat}/projects", new).status == 202
    assert board.world.ask(scene.cid, "GET", f"{board.flat}/proposals?status=pending") == []


def test_rows_of_earlier_versions_are_shown_to_those_who_see_all_projects(board: AgentApi):
    scene = Scene(board)
    mission = scene.start("supervised", scene.changes)
    with board.world.core.database.writing() as connection:
        for table in (missions, proposals):
            connection.execute(table.update().values(named_projects=None))
    assert {"proposals", "of mission", "mission", "stream"} <= scene.find_leaks(board.owner, mission)
    assert scene.find_leaks(scene.cid, mission) == set()


def test_an_agent_gets_no_name_of_an_item_elsewhere_whose_id_it_writes(board: AgentApi):
    scene = Scene(board)
    agent = board.agent("supervised")
    ask(board, "PATCH", f"{board.agents}/{agent['id']}", {"projectIds": [board.project["id"]]})
    change = {"title": scene.secret_card["id"]}
    response = board.world.call(board.token(agent), "PATCH", board.of(scene.card), change)
    assert (response.status, MARKER in response.body.decode()) == (202, False)


@pytest.mark.slow("runs jobs for two days")
def test_the_reminder_of_a_proposal_is_hidden_with_a_project_that_it_names(board: AgentApi, clock):
    board.world.core.work.begin()
    scene = Scene(board)
    scene.start("supervised", scene.changes)
    for _ in range(8):
        clock.advance(timedelta(hours=6))
        board.world.core.work.run_due()
    reminded = board.world.ask(scene.bob, "GET", "/notifications")
    assert f"*{MARKER} plan*" in str(reminded)
    ask(board, "POST", f"{board.flat}/projects", {"name": "Other", "visibility": "private"})
    assert board.world.ask(scene.bob, "GET", "/notifications") == reminded
    ask(board, "DELETE", f"{scene.secret.path}/members/{scene.bob.id}")
    assert MARKER not in str(board.world.ask(scene.bob, "GET", "/notifications"))


@pytest.mark.parametrize("hidden_from", ["members", "guests", ""])
def test_an_answer_about_a_hidden_project_is_not_posted_on_the_card(board: AgentApi, hidden_from: str):
    scene = Scene(board, is_private=hidden_from == "members")
    if hidden_from == "guests":
        ask(board, "PATCH", f"{board.flat}/members/{scene.cid.id}", {"role": "guest"})
    board.world.core.env.brains = {"built_in": Scripted(READ, TELLING)}
    board.agent("autonomous")
    board.comment(scene.card, "@scribe Do it", by=scene.bob)
    board.world.core.work.run_due()
    answer = ask(board, "GET", f"{board.of(scene.card)}/comments")[-1]["content"]
    expected = "The result may name items of other projects" if hidden_from else f"{MARKER} is done"
    assert answer.startswith(f"@bob, {expected}")
