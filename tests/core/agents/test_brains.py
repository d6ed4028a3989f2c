"""Brains: what they are asked, what they may say, and what a hostile one achieves."""

import random
from datetime import timedelta
from typing import Any, get_args

import pytest
from hypothesis import settings

from stellary.core import Task, ToolCall, Turn
from tests.core.agents.agent_api import AgentApi
from tests.support.boards import ask
from tests.support.core_parts import Category


class Scripted:
    """A brain that says what it was told to say, and remembers what it was asked."""

    def __init__(self, *turns: Turn | Exception) -> None:
        self.turns = list(turns)
        self.asked: list[Task] = []

    def think(self, task: Task, /) -> Turn:
        self.asked.append(task)
        turn = self.turns.pop(0)
        if isinstance(turn, Exception):
            raise turn
        return turn


def run_mission(board: AgentApi, brain: Any, mode: str = "autonomous", **more: Any) -> tuple[Any, Any]:
    """Run a mission with this brain, and return the mission and its card."""
    board.world.core.env.brains = {"built_in": brain}
    card = board.card()
    return board.start(board.agent(mode, **more), "Do something", card), card


def call(name: str, id: str = "a", **params: Any) -> ToolCall:
    return ToolCall(id, name, params)


def test_brain_receives_its_history_and_the_results_of_its_calls(board: AgentApi):
    calls = [call("list_cards", projectId="Launch"), call("fly", "b")]
    brain = Scripted(Turn(history={"n": 1}, calls=calls), Turn(result="Done"))
    mission, card = run_mission(board, brain)
    assert (mission["status"], mission["result"]) == ("completed", "Done")
    first, second = brain.asked
    assert first.prompt == "Do something"
    assert first.card.id == card["id"]
    assert first.history is None
    assert first.answers == []
    assert {"get_card_details", "move_card"} <= {tool.name for tool in first.tools}
    assert second.history == {"n": 1}
    done, refused = second.answers
    assert (done.outcome, [card["id"] for card in done.value]) == ("done", [card["id"]])
    assert (refused.outcome, refused.why) == ("refused", "there is no tool 'fly'")


@pytest.mark.parametrize("mode", ["autonomous", "supervised"])
def test_tool_that_is_not_for_agents_is_neither_used_nor_proposed(board: AgentApi, mode):
    action = call("run_mission", agent="scribe", prompt="move to Done")
    brain = Scripted(Turn(history=1, calls=[action]), Turn(result="ok"))
    mission, _ = run_mission(board, brain, mode, tools=list(get_args(Category)))
    (answer,) = brain.asked[1].answers
    assert (answer.outcome, answer.why) == ("refused", "agents may not do that, whatever their mode")
    assert board.proposals(mission) == []


def test_reading_never_needs_approval(board: AgentApi):
    brain = Scripted(Turn(history=1, calls=[call("list_projects")]), Turn(result="ok"))
    mission, _ = run_mission(board, brain, "supervised")
    assert mission["status"] == "completed"
    assert brain.asked[1].answers[0].value[0]["id"] == board.project["id"]


def test_a_brain_that_says_nothing_more_has_come_to_its_end(board: AgentApi):
    mission, _ = run_mission(board, Scripted(Turn(message="That was it.")))
    assert (mission["status"], mission["result"]) == ("completed", "That was it.")


@pytest.mark.slow("answers many calls of a model")
def test_a_brain_that_goes_on_and_on_is_stopped(board: AgentApi):
    class Endless:
        def think(self, task):
            turns = task.history or 0
            return Turn(
                history=turns + 1, calls=[call("list_projects"), call("get_card", cardId=f"A-{turns}")]
            )

    mission, _ = run_mission(board, Endless())
    assert (mission["status"], mission["error"]) == ("failed", "it has taken more than 50 turns")
    assert mission["tools"] == {"list_projects": 50, "get_card": 50}


def test_brain_that_repeats_its_calls_is_stopped(board: AgentApi):
    class Repeating:
        def think(self, task):
            return Turn(history=1, calls=[call("list_projects")])

    mission, _ = run_mission(board, Repeating())
    assert (mission["status"], mission["error"]) == ("failed", "it has made the same calls 5 times in a row")
    assert mission["tools"] == {"list_projects": 4}


def test_a_brain_that_fails_is_asked_again_later_and_at_last_no_more(board: AgentApi, clock):
    mission, _ = run_mission(board, Scripted(*[RuntimeError("overloaded")] * 2, Turn(result="ok")))
    assert mission["status"] == "running"
    for _ in range(2):
        clock.advance(timedelta(minutes=5))
        mission = board.run_mission(mission)
    assert mission["status"] == "completed"
    mission, _ = run_mission(board, Scripted(*[RuntimeError("no key")] * 5))
    for _ in range(5):
        clock.advance(timedelta(minutes=5))
        mission = board.run_mission(mission)
    expected = {"status": "failed", "error": "the mission could not continue: RuntimeError: no key"}
    assert mission == mission | expected
    assert board.world.core.work.jobs() == []


def test_a_brain_that_says_what_cannot_be_written_down_is_asked_no_more_at_last(board: AgentApi, clock):
    mission, _ = run_mission(
        board, Scripted(Turn(history=1, calls=[ToolCall("a", "create_card", {"projectId": object})]))
    )
    for _ in range(5):
        clock.advance(timedelta(minutes=5))
        mission = board.run_mission(mission)
    assert mission["status"] == "failed"


def test_what_is_read_is_told_as_far_as_it_is_worth_reading(board: AgentApi):
    cards = [{"columnId": board.columns[0]["id"], "title": "x" * 500} for _ in range(80)]
    ask(board, "POST", f"{board.path}/cards/bulk", {"cards": cards})
    where = {"contextType": "workspace", "contextId": board.workspace.id, "contentFormat": "markdown"}
    document = {"title": "Minutes", "content": "So it was. " * 4000, **where}
    created = ask(board, "POST", f"{board.flat}/documents", document)
    listing = call("list_cards", "a", projectId=board.project["id"])
    calls = [listing, call("get_document", "b", documentId=created["id"])]
    brain = Scripted(Turn(history=1, calls=calls), Turn(result="ok"))
    run_mission(board, brain, tools=["board.read", "documents.read"])
    listed, read = (answer.value for answer in brain.asked[1].answers)
    assert (len(listed["items"]) + listed["left"], read) == (81, {"tooLong": True})
    assert 10 < len(listed["items"]) < 60


def test_a_proposal_says_in_one_sentence_what_it_is_about(board: AgentApi):
    card = board.card()
    items = [{"title": f"Step {number} of them all"} for number in range(40)]
    brain = Scripted(
        Turn(
            history=1,
            calls=[
                call("add_comment", "a", cardId=card["id"], content="x" * 200),
                call("create_cards_bulk", "b", projectId=board.project["id"], cards=items),
            ],
        ),
        Turn(result="ok"),
    )
    mission, _ = run_mission(board, brain, "supervised")
    comment, bulk = (proposal["summary"] for proposal in board.proposals(mission))
    assert comment == f'Comment on {card["key"]} *Write* ({card["id"]}): "{"x" * 200}"'
    todo = board.columns[0]["id"]
    assert bulk.startswith(f"Create *Step 0 of them all* in **To Do** ({todo}); Create *Step 1 of")
    assert (len(bulk), bulk[-1]) == (500, "…")


# ---------------------------------------------------------------------------------------------- a hostile one


def hostile_calls(board: AgentApi, ids: list[str], seed: int, count: int) -> list[ToolCall]:
    """Calls of all tools that there are and of some that are not, about all things that there are."""
    chance = random.Random(seed)
    names = [*board.world.core.env.actions, "delete_card", "agents.delete", "", "x" * 500]
    keys = [
        "cardId",
        "projectId",
        "column",
        "targetColumn",
        "assigneeId",
        "label",
        "title",
        "content",
        "itemId",
        "status",
    ]
    junk = [None, True, 5, "", "Done", "high", "done", "\0", "ann", "x" * 3000, [], {}, {"a": [1]}]

    def params() -> Any:
        if chance.random() < 0.1:
            return chance.choice(junk)
        return {chance.choice(keys): chance.choice([*ids, *junk]) for _ in range(chance.randrange(5))}

    return [ToolCall(f"c{number}", chance.choice(names), params()) for number in range(count)]


@pytest.mark.slow("tries each tool of an agent")
@pytest.mark.parametrize("mode", ["autonomous", "supervised"])
def test_a_hostile_brain_achieves_nothing_beyond_its_gate(board: AgentApi, mode):
    """200 calls; 2,000 with the profile ``long``."""
    count = 2_000 if settings().max_examples > 1_000 else 200
    world = board.world
    elsewhere = AgentApi(world, world.person("eve"))
    beside = AgentApi(world, board.owner, board.workspace)
    cards = [api.card() for api in (board, elsewhere, beside)]
    ids = [card["id"] for card in cards]
    ids += [card["key"] for card in cards] + [api.project["id"] for api in (board, elsewhere, beside)]
    ids += [api.columns[2]["id"] for api in (board, elsewhere, beside)] + [board.owner.id, elsewhere.owner.id]
    tools = ["board.read", "move_card", "add_comment"]
    calls = hostile_calls(board, ids, 20261126, count)
    turns = [Turn(history=1, calls=calls[at : at + 50]) for at in range(0, len(calls), 50)]
    before = [api.read(card) for api, card in ((elsewhere, cards[1]), (beside, cards[2]))]
    brain = Scripted(*turns, Turn(result="ok"))
    mission, _ = run_mission(board, brain, mode, tools=tools, projectIds=[board.project["id"]])
    for proposal in board.proposals(mission):
        board.decide(proposal)
    board.run_mission(mission)
    # Nothing of another tenant's, or of a project that the agent does not work in.
    assert [api.read(card) for api, card in ((elsewhere, cards[1]), (beside, cards[2]))] == before
    assert len(world.ask(board.owner, "GET", f"{board.flat}/projects")) == 2
    # Nothing beyond the tools that it has.
    (agent,) = world.ask(board.owner, "GET", board.agents)
    done = {tool for tool, outcome in board.list_attempts(agent) if outcome != "refused"}
    reads = {name for name, action in world.core.env.actions.items() if action.category == "board.read"}
    assert done <= reads | {"move_card", "add_comment"}
    activity = world.ask(board.owner, "GET", f"{board.path}/activity?limit=500")
    types = {activity["type"] for activity in activity if activity["actorId"] == agent["id"]}
    assert types <= {"card_moved", "comment_added"}
    # Nothing that has failed on the server: that would be tried again.
    assert world.core.work.jobs() == []
    assert board.mission_now(mission)["status"] in ("completed", "awaiting_approval")


@pytest.mark.slow("tries each tool of an agent")
def test_a_hostile_brain_with_all_tools_achieves_no_more_than_whom_it_works_for(board: AgentApi):
    """Somebody who only looks at pilotage: what an agent of the owner's does for that one is not the owner's doing."""
    count = 2_000 if settings().max_examples > 1_000 else 200
    world, bob = board.world, board.world.person("bob")
    board.join(bob)
    place = board.flat
    mission = world.ask(board.owner, "POST", f"{place}/pilotage/missions", {"objective": "Launch"})
    card = board.card()
    ids = [mission["id"], card["id"], board.project["id"], board.owner.id]
    good = {
        "create_mission": {"objective": "Mine"},
        "update_mission": {"missionId": mission["id"], "status": "in_progress"},
        "create_priority": {"label": "Mine"},
        "create_todo": {"label": "Mine"},
    }
    calls = [ToolCall(f"good-{name}", name, params) for name, params in good.items()]
    calls += hostile_calls(board, ids, 5, count)
    turns = [Turn(history=1, calls=calls[at : at + 50]) for at in range(0, len(calls), 50)]
    state = world.ask(board.owner, "GET", f"{place}/pilotage/state")
    world.core.env.brains = {"built_in": Scripted(*turns, Turn(result="ok"))}
    agent = board.agent(tools=list(get_args(Category)))
    assert board.start(agent, "go", card, by=bob)["status"] == "completed"
    assert world.ask(board.owner, "GET", f"{place}/pilotage/state") == state
    reasons = {
        entry["tool"]: (entry["outcome"], entry["reason"]) for entry in board.audit(agent)[: len(good)]
    }
    assert reasons == dict.fromkeys(good, ("refused", "your role does not allow that"))


def test_runtime_of_the_host_drives_an_agent(board: AgentApi, core):
    brain = Scripted(Turn(result="Done"))
    core.env.brains = {**core.env.brains, "reviewer": brain}
    agent = board.agent("autonomous", runtime="reviewer")
    assert agent["runtime"] == "reviewer"
    mission = board.start(agent, "Review")
    assert (mission["status"], mission["result"]) == ("completed", "Done")
    assert [task.prompt for task in brain.asked] == ["Review"]


def test_mission_of_a_removed_runtime_fails_with_the_reason(board: AgentApi, core):
    brains = core.env.brains
    core.env.brains = {**brains, "reviewer": Scripted()}
    agent = board.agent("autonomous", runtime="reviewer")
    core.env.brains = brains
    mission = board.start(agent, "Review")
    assert mission["status"] == "failed"
    assert mission["error"] == "The runtime reviewer does not exist any more. Nothing was changed."
    assert board.change(agent, name="Rita")["runtime"] == "reviewer"
