"""Models as brains: asked through pydantic-ai, stopped at each tool, and gone on with from what was stored."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
import pytest
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from stellary.core.agents.models import ModelBrain
from tests.core.agents.office import Office

Script = list[ModelResponse]


@pytest.fixture(autouse=True)
def all_are_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test may give its core one brain after another; only the last is closed with it."""
    made: list[ModelBrain] = []
    whole = ModelBrain.__init__

    def init(self: ModelBrain, *given: Any, **named: Any) -> None:
        whole(self, *given, **named)
        made.append(self)

    monkeypatch.setattr(ModelBrain, "__init__", init)
    yield
    for brain in made:
        brain.close()


def use(office: Office, script: Script) -> list[list[ModelMessage]]:
    """Let a model that says what it was told to think for agents; what it was asked."""
    asked: list[list[ModelMessage]] = []
    tools: list[list[str]] = []

    def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        asked.append(messages)
        tools.append([tool.name for tool in info.function_tools])
        return script.pop(0)

    model = FunctionModel(answer)
    office.world.core.brains = {"model": ModelBrain(lambda name: model)}
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


@pytest.mark.parametrize("args", ["[1]", '"x"', "", '{"cardId": 5}'])
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


class Provider:
    """A small endpoint that speaks as OpenAI's does.

    Attributes:
        answers: A status, or a message, for each request.
        asked: The bodies of the requests.
    """

    def __init__(self) -> None:
        self.answers: list[int | dict[str, Any]] = []
        self.asked: list[Any] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                provider.asked.append(orjson.loads(body))
                answer = provider.answers.pop(0)
                status = answer if isinstance(answer, int) else 200
                said: Any = {"error": {"message": "no", "type": "error"}}
                if not isinstance(answer, int):
                    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", **answer}}
                    said = {
                        "id": "x",
                        "object": "chat.completion",
                        "created": 1,
                        "model": "some",
                        "choices": [choice],
                    }
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.end_headers()
                self.wfile.write(orjson.dumps(said))

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def provider(office: Office) -> Iterator[Provider]:
    from openai import AsyncOpenAI

    made = Provider()
    client = AsyncOpenAI(base_url=made.url, api_key="secret-key", max_retries=0)
    model = OpenAIChatModel("some", provider=OpenAIProvider(openai_client=client))
    office.world.core.brains = {"model": ModelBrain(lambda name: model)}
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_an_endpoint_is_asked_with_the_tools_and_their_schemas(office: Office, provider: Provider):
    card = office.card()
    arguments = orjson.dumps({"cardId": card["id"], "content": "Hi"}).decode()
    function = {"name": "add_comment", "arguments": arguments}
    provider.answers = [
        {"content": None, "tool_calls": [{"id": "call_1", "type": "function", "function": function}]},
        {"content": "Said."},
    ]
    mission = office.mission(agent(office, "autonomous"), "Say hi", card)
    assert office.worked(mission)["result"] == "Said."
    tools = {tool["function"]["name"]: tool["function"] for tool in provider.asked[0]["tools"]}
    assert {"cardId", "content"} <= set(tools["add_comment"]["parameters"]["properties"])
    assert tools["add_comment"]["parameters"]["required"] == ["content", "cardId"]
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


def test_an_endpoint_that_refuses_ends_the_mission_and_no_key_is_told(office: Office, provider: Provider):
    provider.answers = [401]
    after = office.worked(office.mission(agent(office, "autonomous"), "Say hi"))
    assert (after["status"], after["error"]) == (
        "failed",
        "the model openai:some cannot be asked: the provider says 401",
    )


def test_a_model_that_nobody_knows_ends_the_mission(office: Office):
    office.world.core.brains = {"model": ModelBrain()}
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
        office.world.core.brains["model"].close()
        assert threads() == []
