"""Models as brains: run through pydantic-ai, paused at each tool call, and resumed from stored state."""

import logging
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel

from stellary.core.agents import running
from stellary.core.agents.brains import RulesBrain, add_fallback
from stellary.core.agents.models import ModelBrain
from tests.core.agents.agent_api import AgentApi
from tests.support.boards import ask
from tests.support.core_parts import HANDLERS, JobRunner, llm
from tests.support.provider import (
    Cut,
    Failure,
    Garbage,
    Hangs,
    Provider,
    calls,
    close_all_models,
    model_of,
    run_provider,
    usage_of,
)
from tests.support.waiting import wait_until

Script = list[ModelResponse]
MODELS = ["openai:some"]


@pytest.fixture(autouse=True)
def all_are_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close all brains of a test: a core closes only its last one."""
    yield from close_all_models(monkeypatch)


def use(board: AgentApi, script: Script) -> list[list[ModelMessage]]:
    """Let a scripted model think for agents, and return the list of its requests."""
    requests: list[list[ModelMessage]] = []
    tools: list[list[str]] = []

    async def answer(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Any]:
        requests.append(messages)
        tools.append([tool.name for tool in info.function_tools])
        for number, part in enumerate(script.pop(0).parts):
            if isinstance(part, TextPart):
                yield part.content
            else:
                args = part.args if isinstance(part.args, str) else orjson.dumps(part.args).decode()
                yield {number: DeltaToolCall(part.tool_name, args, tool_call_id=part.tool_call_id)}

    model = FunctionModel(stream_function=answer)
    brains = {"built_in": RulesBrain(), "model": ModelBrain(MODELS, lambda name: model)}
    board.world.core.env.brains = add_fallback(brains)
    return requests


def agent(board: AgentApi, mode: str) -> Any:
    return board.agent(mode, runtime="model", model="openai:some")


def call(tool: str, **args: Any) -> ToolCallPart:
    return ToolCallPart(tool, args)


def test_a_model_works_with_the_tools_of_its_agent(board: AgentApi):
    card = board.card()
    requests = use(
        board,
        [
            ModelResponse([TextPart("Let me see."), call("list_cards", projectId="Launch")]),
            ModelResponse([call("move_card", cardId=card["id"], targetColumn="Done"), call("add_label")]),
            ModelResponse([TextPart("It is in Done.")]),
        ],
    )
    mission = board.mission(agent(board, "autonomous"), "Finish it", card)
    after = board.run_mission(mission)
    assert (after["status"], after["result"]) == ("completed", "It is in Done.")
    assert board.read(card)["columnId"] == board.columns[2]["id"]
    conversation = orjson.dumps(
        [part.content for message in requests[1] for part in message.parts if part.part_kind == "tool-return"]
    )
    assert card["key"].encode() in conversation
    assert ("message", "Let me see.") in board.log(mission)
    assert ("tool_call", "add_label refused") in board.log(mission)


def test_supervised_model_splits_links_notifies_and_moves(board: AgentApi):
    card, blocker = board.card("Release 1.0"), board.card("Fix the login")
    script = [
        ModelResponse(
            [
                call("split_card", cardId=card["id"], titles=["Build", "Publish"]),
                call("add_relation", cardId=card["id"], targetCardId=blocker["key"], type="blocked_by"),
                call("notify", cardId=card["id"], message="It is planned.", to=["creator"]),
                call("move_card", cardId=card["id"], targetColumn="In Progress"),
            ]
        ),
        ModelResponse([TextPart("Planned.")]),
    ]
    use(board, script)
    mission = board.mission(agent(board, "supervised"), "Plan it", card)
    assert board.run_mission(mission)["status"] == "awaiting_approval"
    assert board.read(card) == card
    for proposal in board.proposals(mission):
        assert board.decide(proposal).status == 200
    assert board.run_mission(mission)["result"] == "Planned."
    relations = ask(board, "GET", f"{board.flat_of(card)}/relations")
    expected = [("parent_of", "Build"), ("parent_of", "Publish"), ("blocked_by", "Fix the login")]
    assert [(relation["type"], relation["card"]["title"]) for relation in relations] == expected
    assert board.read(card)["columnId"] == board.columns[1]["id"]
    (notice,) = ask(board, "GET", f"{board.path}/activity?type=notice_given&limit=500")[-1:]
    assert notice["actorId"] == mission["agentId"]


def test_a_model_waits_for_people_and_goes_on_in_another_process(board: AgentApi):
    card = board.card()
    script = [
        ModelResponse(
            [
                call("set_priority", cardId=card["id"], priority="high"),
                call("add_comment", cardId=card["id"], content="Hi"),
            ]
        ),
        ModelResponse([TextPart("One of two.")]),
    ]
    use(board, script)
    mission = board.mission(agent(board, "supervised"), "Make it urgent", card)
    assert board.run_mission(mission)["status"] == "awaiting_approval"
    priority, comment = board.proposals(mission)
    board.decide(priority)
    board.decide(comment, "reject", reason="Too chatty")
    # Nothing of it is in memory.
    requests = use(board, script)
    assert board.run_mission(mission)["result"] == "One of two."
    results = [
        part.content for message in requests[0] for part in message.parts if part.part_kind == "tool-return"
    ]
    assert (results[0]["priority"], results[1]) == ("high", {"rejected": "Too chatty"})


def test_proposals_of_a_model_are_decided_at_the_end(board: AgentApi):
    card = board.card()
    comment = call("add_comment", cardId=card["id"], content="Hi")
    use(board, [ModelResponse([comment]), ModelResponse([TextPart("Said.")])])
    mission = board.mission(agent(board, "approval"), "Say hi", card)
    assert board.run_mission(mission)["status"] == "awaiting_approval"
    ask(board, "POST", f"{board.of_mission(mission)}/proposals/approve")
    assert (board.mission_now(mission)["result"], board.read(card)["commentCount"]) == ("Said.", 1)


@pytest.mark.parametrize("args", ["[1]", '"x"', "", '{"cardId": 5}', '{"cardId": NaN}'])
def test_invalid_arguments_are_reported_to_the_model(board: AgentApi, args: str):
    requests = use(
        board, [ModelResponse([ToolCallPart("add_comment", args)]), ModelResponse([TextPart("Sorry.")])]
    )
    assert board.run_mission(board.mission(agent(board, "autonomous"), "Say hi"))["status"] == "completed"
    (result,) = [
        part.content for message in requests[1] for part in message.parts if part.part_kind == "tool-return"
    ]
    assert "error" in result


@pytest.mark.slow("calls a hundred tools")
def test_excess_tool_calls_are_reported_to_the_model(board: AgentApi):
    many = [call("list_projects") for _ in range(101)]
    requests = use(board, [ModelResponse(many), ModelResponse([TextPart("ok")])])
    board.start(agent(board, "autonomous"), "Look")
    results = [
        part.content for message in requests[1] for part in message.parts if part.part_kind == "tool-return"
    ]
    assert len(results) == 101
    assert results[-1] == {"error": "too many calls in one turn: this one was not executed"}


# ---------------------------------------------------------------------------------------------- an endpoint

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""What an endpoint does has nothing to do with the database."""


@pytest.fixture
def provider(board: AgentApi) -> Iterator[Provider]:
    with run_provider() as provider:
        use_provider(board, provider)
        yield provider


def use_provider(board: AgentApi, provider: Provider, **more: Any) -> None:
    model = model_of(provider)
    board.world.core.env.brains = {"model": ModelBrain(MODELS, lambda name: model, **more)}


def test_request_to_an_endpoint_contains_tools_and_schemas(board: AgentApi, provider: Provider):
    card = board.card()
    provider.answers = [calls(add_comment={"cardId": card["id"], "content": "Hi"}), {"content": "Said."}]
    assert board.run_mission(board.mission(agent(board, "autonomous"), "Say hi", card))["result"] == "Said."
    tools = {tool["function"]["name"]: tool["function"] for tool in provider.requests[0]["tools"]}
    assert {"cardId", "content"} <= set(tools["add_comment"]["parameters"]["properties"])
    assert tools["add_comment"]["parameters"]["required"] == ["content", "cardId"]
    assert provider.requests[0]["stream"]
    assert [message["role"] for message in provider.requests[1]["messages"]][-2:] == ["assistant", "tool"]


def test_overloaded_endpoint_is_retried_later(board: AgentApi, provider: Provider, clock):
    provider.answers = [429, 500, {"content": "At last."}]
    mission = board.mission(agent(board, "autonomous"), "Say hi")
    assert board.run_mission(mission)["status"] == "running"
    for _ in range(2):
        clock.advance(timedelta(minutes=5))
        after = board.run_mission(mission)
    assert (after["status"], after["result"], len(provider.requests)) == ("completed", "At last.", 3)


def test_retry_after_of_an_endpoint_is_respected(board: AgentApi, provider: Provider, clock):
    provider.answers = [Failure(429, headers={"retry_after": "90"}), {"content": "At last."}]
    mission = board.mission(agent(board, "autonomous"), "Say hi")
    assert board.run_mission(mission)["status"] == "running"
    clock.advance(timedelta(seconds=89))
    assert (board.run_mission(mission)["status"], len(provider.requests)) == ("running", 1)
    clock.advance(timedelta(seconds=1))
    assert board.run_mission(mission)["result"] == "At last."


REFUSALS = [
    (Failure(401, "Incorrect API key provided: secret-key"), "the provider says 401"),
    (
        Failure(404, "The model `some` does not exist"),
        "the provider says 404",
    ),
    (Failure(422, " "), "the provider says 422"),
    (Failure(400, "the key secret-key is not valid"), "the provider says 400"),
    (
        Failure(400, "too long", "context_length_exceeded"),
        "the request exceeds its context window",
    ),
    (Failure(429, "pay", "insufficient_quota"), "the quota of its account is used up"),
]


@ON_SQLITE
@pytest.mark.parametrize(("answer", "why"), REFUSALS)
def test_permanent_error_of_an_endpoint_ends_the_mission(board, provider, caplog, answer, why):
    caplog.set_level(logging.DEBUG, "stellary.core")
    provider.answers = [answer]
    mission = board.mission(agent(board, "autonomous"), "Say hi")
    after = board.run_mission(mission)
    assert (after["status"], after["error"]) == ("failed", f"the model openai:some cannot be asked: {why}")
    assert board.log(mission)[-1] == ("done", "failed")
    assert len(provider.requests) == 1
    assert "secret-key" not in caplog.text
    (record,) = [record for record in caplog.records if record.levelno == logging.DEBUG]
    assert answer.message.replace("secret-key", "***") in record.getMessage()


TROUBLES = [
    (Failure(503, "busy with secret-key"), "does not answer at the moment: the provider says 503"),
    (Failure(429), "does not answer at the moment: the provider says 429"),
    (Cut({"content": "This will never be said to its end."}), "cannot be reached"),
    (Cut(calls(add_comment={"content": "This will never be said to its end."})), "cannot be reached"),
    (Garbage(b"<html>Bad gateway</html>"), "returned an invalid answer"),
    (Hangs(), "takes too long for an answer"),
    ({"content": ""}, "returned an invalid answer"),
    (calls(no_such_tool={}), "returned an invalid answer"),
]


@pytest.mark.slow("runs each mission five times")
@ON_SQLITE
@pytest.mark.parametrize(("answer", "why"), TROUBLES)
def test_mission_ends_after_five_failed_tries(board, provider, caplog, answer, why, clock):
    if isinstance(answer, Hangs):
        use_provider(board, provider, seconds=0.2)
    provider.answers = [answer]
    card = board.card()
    mission = board.mission(agent(board, "autonomous"), "Say hi", card)
    for _ in range(4):
        assert board.run_mission(mission)["status"] == "running"
        clock.advance(timedelta(minutes=5))
    after = board.run_mission(mission)
    assert after["status"] == "failed"
    assert f"the mission could not continue: the model openai:some {why}" in after["error"]
    assert board.read(card) == card
    assert board.world.core.work.jobs() == []
    assert "secret-key" not in caplog.text


@ON_SQLITE
@pytest.mark.parametrize("args", ['{"cardId": ', "nonsense"])
def test_malformed_json_arguments_are_requested_again(board: AgentApi, provider: Provider, args: str):
    card = board.card()
    provider.answers = [
        calls(add_comment=args),
        calls(add_comment={"cardId": card["id"], "content": "Hi"}),
        {"content": "Said."},
    ]
    mission = board.mission(agent(board, "autonomous"), "Say hi", card)
    assert board.run_mission(mission)["result"] == "Said."
    assert "Invalid JSON" in provider.requests[1]["messages"][-1]["content"]
    assert board.read(card)["commentCount"] == 1


def test_unknown_tool_is_reported_to_the_endpoint(board: AgentApi, provider: Provider):
    provider.answers = [calls(delete_everything={"sure": True}), {"content": "I cannot."}]
    assert board.run_mission(board.mission(agent(board, "autonomous"), "Delete it"))["result"] == "I cannot."
    assert board.list_attempts(ask(board, "GET", board.agents)[0]) == []


def test_cancelled_mission_interrupts_its_model(board: AgentApi, provider: Provider, monkeypatch):
    monkeypatch.setattr(llm, "LOOK_SECONDS", 0.05)
    provider.answers = [Hangs()]
    mission = board.mission(agent(board, "autonomous"), "Say hi")
    working = threading.Thread(target=board.world.core.work.run_due)
    working.start()
    wait_until(lambda: provider.requests)
    ask(board, "POST", f"{board.of_mission(mission)}/cancel")
    working.join(5)
    assert not working.is_alive()
    assert board.mission_now(mission)["status"] == "cancelled"


def test_a_worker_that_stops_while_a_model_thinks_leaves_the_mission_to_the_next(
    board: AgentApi, provider: Provider, monkeypatch
):
    monkeypatch.setattr(llm, "LOOK_SECONDS", 0.05)
    provider.answers = [Hangs(), {"content": "Hi."}]
    mission = board.mission(agent(board, "autonomous"), "Say hi")
    work = board.world.core.work
    work.start()
    wait_until(lambda: provider.requests)
    assert work.stop(5)
    assert board.mission_now(mission)["status"] == "running"
    board.world.core.work = JobRunner(board.world.core.units, board.world.core.claims, HANDLERS)
    after = board.run_mission(mission)
    assert (after["result"], after["usage"]["calls"]) == ("Hi.", 2)


def test_overtaken_worker_adds_to_the_usage_of_the_mission(board: AgentApi, provider: Provider, monkeypatch):
    monkeypatch.setattr(llm, "LOOK_SECONDS", 0.05)
    provider.answers = [Hangs(), {"content": "Hi."}]
    mission = board.mission(agent(board, "autonomous"), "Say hi")
    units, payload = board.world.core.units, {"missionId": mission["id"]}
    overtaken = threading.Thread(target=running.run, args=(units, payload, lambda: None))
    overtaken.start()
    wait_until(lambda: provider.requests)
    running.run(units, payload, lambda: None)
    overtaken.join(5)
    usages = [usage_of(request) for request in provider.requests]
    after = board.mission_now(mission)
    assert (after["result"], after["usage"]["calls"]) == ("Hi.", 2)
    assert after["usage"]["inputTokens"] > sum(usage["prompt_tokens"] for usage in usages[1:])


def test_unknown_model_ends_the_mission(board: AgentApi):
    board.world.core.env.brains = {"model": ModelBrain(["nobody:some"])}
    after = board.start(board.agent(runtime="model", model="nobody:some"), "Say hi")
    assert after["status"] == "failed"
    assert after["error"].startswith("the model nobody:some cannot be asked: ")


@pytest.mark.parametrize("models", [[], MODELS])
def test_model_that_the_server_does_not_allow_is_refused(board: AgentApi, models: list[str]):
    world, unlisted = board.world, "openai-chat:gpt-5-pro"
    message = f"model must be one of the models that this server allows: {', '.join(models) or 'none'}"
    body = {"name": "Scribe", "runtime": "model", "model": unlisted}
    saved = agent(board, "autonomous")
    world.core.env.brains = {"model": ModelBrain(models)}
    for method, path, sent in (
        ("POST", board.agents, body),
        ("PATCH", f"{board.agents}/{saved['id']}", {"model": unlisted}),
    ):
        assert world.error(board.owner, method, path, sent) == (400, message)


def test_model_that_is_not_allowed_any_more_is_not_called(board: AgentApi, provider: Provider):
    saved = agent(board, "autonomous")
    board.world.core.env.brains = {"model": ModelBrain(["openai:other"])}
    after = board.start(saved, "Say hi")
    error = "The agent's model must be one of the models that this server allows: openai:other. Nothing was changed."
    assert (after["status"], after["error"]) == ("failed", error)
    assert provider.requests == []
    suspended = board.change(saved, status="suspended")
    assert (suspended["status"], suspended["model"]) == ("suspended", "openai:some")


def test_a_core_that_is_closed_leaves_no_thread_of_its_models(board: AgentApi):
    use(board, [ModelResponse([TextPart("Hi.")]), ModelResponse([TextPart("Again.")])])

    def threads() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name == "stellary-models"]

    for reply in ("Hi.", "Again."):
        assert board.start(agent(board, "autonomous"), "Say hi")["result"] == reply
        assert len(threads()) == 1
        # What is asked after that makes a new one.
        board.world.core.env.brains["model"].close()
        assert threads() == []


def test_missing_model_library_ends_the_mission(board: AgentApi, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pydantic_ai.exceptions", None)
    assert board.start(agent(board, "autonomous"), "Say hi")["error"] == (
        "the model openai:some cannot be asked: stellary[agents] is not installed on the server"
    )


ELSE_MODEL = {"runtime": "built_in_else_model", "model": "openai:some"}


def test_model_gets_only_the_tasks_that_are_not_understood(board: AgentApi):
    card = board.card()
    script = [
        ModelResponse(parts=[call("set_priority", cardId=card["id"], priority="high")]),
        ModelResponse(parts=[TextPart("It is urgent now.")]),
    ]
    requests = use(board, script)
    agent = board.agent("supervised", **ELSE_MODEL)
    plain = board.start(agent, "set priority low", card)
    assert board.decide(board.proposals(plain)[0]).status == 200
    assert (
        board.run_mission(plain)["result"] == 'Done: Change LAU-1 *Write*: priority from empty to **"low"**.'
    )
    assert (board.start(agent, "move to Nowhere", card)["status"], requests) == ("failed", [])
    free = board.start(agent, "this one hurts our customers", card)
    assert board.decide(board.proposals(free)[0]).status == 200
    after = board.run_mission(free)
    assert (after["status"], after["result"], len(requests)) == ("completed", "It is urgent now.", 2)
    assert board.read(card)["priority"] == "high"


@pytest.mark.parametrize("why", ["none", "no longer allowed"])
def test_task_is_refused_without_a_model_that_may_get_it(board: AgentApi, why: str):
    requests = use(board, [])
    agent = board.agent("autonomous", **ELSE_MODEL | ({"model": None} if why == "none" else {}))
    board.world.core.env.brains = add_fallback({"built_in": RulesBrain(), "model": ModelBrain()})
    after = board.start(agent, "make it nicer")
    assert after["status"] == "failed"
    assert after["error"].startswith("I did not understand 'nicer'")
    assert requests == []


def test_model_beside_the_built_in_brain_must_be_allowed(board: AgentApi):
    use(board, [])
    body = {"name": "X", **ELSE_MODEL, "model": "openai:other"}
    answer = board.world.call(board.owner, "POST", board.agents, body)
    assert (answer.status, b"must be one of the models that this server allows" in answer.body) == (400, True)


BUILT_IN = {"runtime": "built_in", "model": None}
MODEL = {"runtime": "model", "model": "openai:some"}


@pytest.mark.parametrize(
    ("before", "after", "end"),
    [
        (BUILT_IN, ELSE_MODEL, 'Done: Change LAU-1 *Write*: priority from empty to **"low"**.'),
        (ELSE_MODEL, BUILT_IN, 'Done: Change LAU-1 *Write*: priority from empty to **"low"**.'),
        (MODEL, BUILT_IN, 'Done: Change LAU-1 *Write*: priority from empty to **"low"**.'),
        (MODEL, ELSE_MODEL, "It is low now."),
        (
            BUILT_IN,
            MODEL,
            "The runtime of the agent was changed during the mission, and its model cannot continue it.",
        ),
        (
            ELSE_MODEL,
            MODEL,
            "The runtime of the agent was changed during the mission, and its model cannot continue it.",
        ),
    ],
)
def test_mission_ends_under_another_runtime(board: AgentApi, before: Any, after: Any, end: str):
    card = board.card()
    called = call("set_priority", cardId=card["id"], priority="low")
    use(board, [ModelResponse([called])] * (before is MODEL) + [ModelResponse([TextPart("It is low now.")])])
    agent = board.agent("supervised", **before)
    mission = board.start(agent, "set priority low", card)
    board.change(agent, **after)
    assert board.decide(board.proposals(mission)[0]).status == 200
    ended = board.run_mission(mission)
    assert (ended["result"] or ended["error"]) == end
    assert board.read(card)["priority"] == "low"
