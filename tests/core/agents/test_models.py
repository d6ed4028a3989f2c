"""Models as brains: asked through pydantic-ai, stopped at each tool, and gone on with from what was stored."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel

from stellary.core.agents.models import ModelBrain
from stellary.core.api.job_runner import HANDLERS, JobRunner
from stellary.core.ports import llm
from tests.core.agents.office import Office
from tests.support.provider import (
    Cut,
    Failure,
    Garbage,
    Hangs,
    Provider,
    calls,
    closing_all,
    model_of,
    provided,
)

Script = list[ModelResponse]


@pytest.fixture(autouse=True)
def all_are_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test may give its core one brain after another; only the last is closed with it."""
    yield from closing_all(monkeypatch)


def use(office: Office, script: Script) -> list[list[ModelMessage]]:
    """Let a model that says what it was told to think for agents; what it was asked."""
    asked: list[list[ModelMessage]] = []
    tools: list[list[str]] = []

    async def answer(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Any]:
        asked.append(messages)
        tools.append([tool.name for tool in info.function_tools])
        for number, part in enumerate(script.pop(0).parts):
            if isinstance(part, TextPart):
                yield part.content
            else:
                args = part.args if isinstance(part.args, str) else orjson.dumps(part.args).decode()
                yield {number: DeltaToolCall(part.tool_name, args, tool_call_id=part.tool_call_id)}

    model = FunctionModel(stream_function=answer)
    office.world.core.env.brains = {"model": ModelBrain(lambda name: model)}
    return asked


def agent(office: Office, mode: str) -> Any:
    return office.agent(mode, runtime="model", model="openai:some")


def call(tool: str, **args: Any) -> ToolCallPart:
    return ToolCallPart(tool, args)


def test_a_model_works_with_the_tools_of_its_agent(office: Office):
    card = office.card()
    asked = use(
        office,
        [
            ModelResponse([TextPart("Let me see."), call("list_cards", projectId="Launch")]),
            ModelResponse([call("move_card", cardId=card["id"], targetColumn="Done"), call("add_label")]),
            ModelResponse([TextPart("It is in Done.")]),
        ],
    )
    mission = office.mission(agent(office, "autonomous"), "Finish it", card)
    after = office.worked(mission)
    assert (after["status"], after["result"]) == ("completed", "It is in Done.")
    assert office.read(card)["columnId"] == office.columns[2]["id"]
    seen = orjson.dumps(
        [part.content for message in asked[1] for part in message.parts if part.part_kind == "tool-return"]
    )
    assert card["id"].encode() in seen
    assert ("message", "Let me see.") in office.log(mission)
    assert ("tool_call", "add_label refused") in office.log(mission)


def test_a_model_waits_for_people_and_goes_on_in_another_process(office: Office):
    card = office.card()
    script = [
        ModelResponse(
            [
                call("set_priority", cardId=card["id"], priority="high"),
                call("add_comment", cardId=card["id"], content="Hi"),
            ]
        ),
        ModelResponse([TextPart("One of two.")]),
    ]
    use(office, script)
    mission = office.mission(agent(office, "supervised"), "Make it urgent", card)
    assert office.worked(mission)["status"] == "awaiting_approval"
    priority, comment = office.proposals(mission)
    office.decide(priority)
    office.decide(comment, "reject", reason="Too chatty")
    # Nothing of it is in memory.
    asked = use(office, script)
    assert office.worked(mission)["result"] == "One of two."
    told = [part.content for message in asked[0] for part in message.parts if part.part_kind == "tool-return"]
    assert (told[0]["priority"], told[1]) == ("high", {"rejected": "Too chatty"})


def test_what_a_model_gathers_is_decided_at_the_end(office: Office):
    card = office.card()
    use(
        office,
        [
            ModelResponse([call("add_comment", cardId=card["id"], content="Hi")]),
            ModelResponse([TextPart("Said.")]),
        ],
    )
    mission = office.mission(agent(office, "approval"), "Say hi", card)
    assert office.worked(mission)["status"] == "awaiting_approval"
    office.world.ask(office.owner, "POST", f"{office.of_mission(mission)}/proposals/approve")
    assert (office.mission_now(mission)["result"], office.read(card)["commentCount"]) == ("Said.", 1)


@pytest.mark.parametrize("args", ["[1]", '"x"', "", '{"cardId": 5}', '{"cardId": NaN}'])
def test_arguments_that_are_none_are_refused_and_the_model_is_told(office: Office, args: str):
    asked = use(
        office, [ModelResponse([ToolCallPart("add_comment", args)]), ModelResponse([TextPart("Sorry.")])]
    )
    mission = office.mission(agent(office, "autonomous"), "Say hi")
    assert office.worked(mission)["status"] == "completed"
    (told,) = [
        part.content for message in asked[1] for part in message.parts if part.part_kind == "tool-return"
    ]
    assert "error" in told


def test_a_model_that_wants_too_much_at_once_is_told_what_was_not_done(office: Office):
    many = [call("list_projects") for _ in range(101)]
    asked = use(office, [ModelResponse(many), ModelResponse([TextPart("ok")])])
    office.worked(office.mission(agent(office, "autonomous"), "Look"))
    told = [part.content for message in asked[1] for part in message.parts if part.part_kind == "tool-return"]
    assert (len(told), told[-1]) == (101, {"error": "too many calls at once: this one was not made"})


# ---------------------------------------------------------------------------------------------- an endpoint

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""What an endpoint does has nothing to do with the database."""


@pytest.fixture
def provider(office: Office) -> Iterator[Provider]:
    with provided() as made:
        use_provider(office, made)
        yield made


def use_provider(office: Office, provider: Provider, **more: Any) -> None:
    model = model_of(provider)
    office.world.core.env.brains = {"model": ModelBrain(lambda name: model, **more)}


def test_an_endpoint_is_asked_with_the_tools_and_their_schemas(office: Office, provider: Provider):
    card = office.card()
    provider.answers = [calls(add_comment={"cardId": card["id"], "content": "Hi"}), {"content": "Said."}]
    mission = office.mission(agent(office, "autonomous"), "Say hi", card)
    assert office.worked(mission)["result"] == "Said."
    tools = {tool["function"]["name"]: tool["function"] for tool in provider.asked[0]["tools"]}
    assert {"cardId", "content"} <= set(tools["add_comment"]["parameters"]["properties"])
    assert tools["add_comment"]["parameters"]["required"] == ["content", "cardId"]
    assert provider.asked[0]["stream"]
    roles = [message["role"] for message in provider.asked[1]["messages"]]
    assert roles[-2:] == ["assistant", "tool"]


def test_an_endpoint_that_is_overloaded_is_asked_again_later(office: Office, provider: Provider):
    clock = office.world.stop_clock()
    provider.answers = [429, 500, {"content": "At last."}]
    mission = office.mission(agent(office, "autonomous"), "Say hi")
    assert office.worked(mission)["status"] == "running"
    for _ in range(2):
        clock.advance(timedelta(minutes=5))
        after = office.worked(mission)
    assert (after["status"], after["result"], len(provider.asked)) == ("completed", "At last.", 3)


def test_an_endpoint_says_when_to_ask_again(office: Office, provider: Provider):
    clock = office.world.stop_clock()
    provider.answers = [Failure(429, headers={"retry_after": "90"}), {"content": "At last."}]
    mission = office.mission(agent(office, "autonomous"), "Say hi")
    assert office.worked(mission)["status"] == "running"
    clock.advance(timedelta(seconds=89))
    assert (office.worked(mission)["status"], len(provider.asked)) == ("running", 1)
    clock.advance(timedelta(seconds=1))
    assert office.worked(mission)["result"] == "At last."


REFUSALS = [
    (Failure(401, "Incorrect API key provided: secret-key"), "the provider says 401"),
    (
        Failure(404, "The model `some` does not exist"),
        "the provider says 404: The model `some` does not exist",
    ),
    (Failure(422, " "), "the provider says 422"),
    (Failure(400, "bad  tool\nschema " + "x" * 500), f"the provider says 400: bad tool schema {'x' * 284}"),
    (
        Failure(400, "too long", "context_length_exceeded"),
        "that is more than it takes in at once",
    ),
    (Failure(429, "pay", "insufficient_quota"), "the quota of its account is used up"),
]


@ON_SQLITE
@pytest.mark.parametrize(("answer", "why"), REFUSALS)
def test_what_an_endpoint_would_say_again_ends_the_mission_at_once(
    office: Office, provider: Provider, answer: Failure, why: str
):
    provider.answers = [answer]
    mission = office.mission(agent(office, "autonomous"), "Say hi")
    after = office.worked(mission)
    assert (after["status"], after["error"]) == ("failed", f"the model openai:some cannot be asked: {why}")
    assert office.log(mission)[-1] == ("done", "failed")
    assert len(provider.asked) == 1


TROUBLES = [
    (503, "does not answer at the moment: the provider says 503"),
    (Failure(429), "does not answer at the moment: the provider says 429"),
    (Cut({"content": "This will never be said to its end."}), "cannot be reached"),
    (Cut(calls(add_comment={"content": "This will never be said to its end."})), "cannot be reached"),
    (Garbage(b"<html>Bad gateway</html>"), "says what makes no sense"),
    (Hangs(), "takes too long for an answer"),
    ({"content": ""}, "says what makes no sense"),
    (calls(no_such_tool={}), "says what makes no sense"),
]


@ON_SQLITE
@pytest.mark.parametrize(("answer", "why"), TROUBLES)
def test_what_an_endpoint_does_not_mend_within_five_tries_ends_the_mission(
    office: Office, provider: Provider, answer: Any, why: str
):
    clock = office.world.stop_clock()
    if isinstance(answer, Hangs):
        use_provider(office, provider, seconds=0.2)
    provider.answers = [answer]
    card = office.card()
    mission = office.mission(agent(office, "autonomous"), "Say hi", card)
    for _ in range(4):
        assert office.worked(mission)["status"] == "running"
        clock.advance(timedelta(minutes=5))
    after = office.worked(mission)
    assert after["status"] == "failed"
    assert f"it could not go on: the model openai:some {why}" in after["error"]
    assert office.read(card) == card
    assert office.world.core.work.jobs() == []


@ON_SQLITE
@pytest.mark.parametrize("args", ['{"cardId": ', "nonsense"])
def test_arguments_that_are_no_json_are_asked_for_anew(office: Office, provider: Provider, args: str):
    card = office.card()
    provider.answers = [
        calls(add_comment=args),
        calls(add_comment={"cardId": card["id"], "content": "Hi"}),
        {"content": "Said."},
    ]
    mission = office.mission(agent(office, "autonomous"), "Say hi", card)
    assert office.worked(mission)["result"] == "Said."
    assert "Invalid JSON" in provider.asked[1]["messages"][-1]["content"]
    assert office.read(card)["commentCount"] == 1


def test_a_tool_that_is_not_there_is_not_called_and_the_endpoint_may_think_again(
    office: Office, provider: Provider
):
    provider.answers = [calls(delete_everything={"sure": True}), {"content": "I cannot."}]
    mission = office.mission(agent(office, "autonomous"), "Delete it")
    assert office.worked(mission)["result"] == "I cannot."
    assert office.tried(office.world.ask(office.owner, "GET", office.agents)[0]) == []


def test_a_mission_that_is_cancelled_while_a_model_thinks_ends_its_thinking(
    office: Office, provider: Provider, monkeypatch
):
    monkeypatch.setattr(llm, "LOOK_SECONDS", 0.05)
    provider.answers = [Hangs()]
    mission = office.mission(agent(office, "autonomous"), "Say hi")
    working = threading.Thread(target=office.world.core.work.run_due)
    working.start()
    until(lambda: provider.asked)
    office.world.ask(office.owner, "POST", f"{office.of_mission(mission)}/cancel")
    working.join(5)
    assert not working.is_alive()
    assert office.mission_now(mission)["status"] == "cancelled"


def test_a_worker_that_stops_while_a_model_thinks_leaves_the_mission_to_the_next(
    office: Office, provider: Provider, monkeypatch
):
    monkeypatch.setattr(llm, "LOOK_SECONDS", 0.05)
    provider.answers = [Hangs(), {"content": "Hi."}]
    mission = office.mission(agent(office, "autonomous"), "Say hi")
    work = office.world.core.work
    work.start()
    until(lambda: provider.asked)
    assert work.stop(5)
    assert office.mission_now(mission)["status"] == "running"
    office.world.core.work = JobRunner(office.world.core.units, office.world.core.claims, HANDLERS)
    assert office.worked(mission)["result"] == "Hi."


def until(true: Any) -> None:
    for _ in range(500):
        if true():
            return
        time.sleep(0.01)
    pytest.fail("it never came")


def test_a_model_that_nobody_knows_ends_the_mission(office: Office):
    office.world.core.env.brains = {"model": ModelBrain()}
    after = office.worked(office.mission(office.agent(runtime="model", model="nobody:some"), "Say hi"))
    assert after["status"] == "failed"
    assert after["error"].startswith("the model nobody:some cannot be asked: ")


def test_a_core_that_is_closed_leaves_no_thread_of_its_models(office: Office):
    use(office, [ModelResponse([TextPart("Hi.")]), ModelResponse([TextPart("Again.")])])

    def threads() -> list[threading.Thread]:
        return [each for each in threading.enumerate() if each.name == "stellary-models"]

    for said in ("Hi.", "Again."):
        assert office.worked(office.mission(agent(office, "autonomous"), "Say hi"))["result"] == said
        assert len(threads()) == 1
        # What is asked after that makes a new one.
        office.world.core.env.brains["model"].close()
        assert threads() == []


def test_a_model_without_what_asks_it_ends_the_mission(office: Office, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pydantic_ai.exceptions", None)
    after = office.worked(office.mission(agent(office, "autonomous"), "Say hi"))
    assert after["error"] == (
        "the model openai:some cannot be asked: stellary[agents] is not installed on the server"
    )
