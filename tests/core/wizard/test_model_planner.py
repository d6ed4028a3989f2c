"""A planner that asks a model: what it says is taken if it makes sense, and asked for anew if not; without it there is another."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import orjson
import pytest
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel

from stellary.core.wizard.models import ModelPlanner
from tests.core.wizard.studio import BRIEF, Studio
from tests.support.provider import (
    Failure,
    Garbage,
    Hangs,
    Provider,
    calls,
    close_all_models,
    model_of,
    run_provider,
)

NAME = "openai:some"
READY = {
    "score": 70,
    "missing": ["Who tests it"],
    "questions": [
        {"text": "Who tests it?", "format": "text", "required": True},
        {"text": "Which browsers?", "format": "multi_choice", "options": ["Firefox", "Chrome"]},
        {"text": "How many patients a day?", "format": "number", "min": 1, "max": 500},
    ],
}
PLAN = {
    "start_date": "2026-05-04",
    "phases": [
        {
            "name": "Design",
            "description": "With ten patients",
            "deliverables": [
                {"title": "Map the calls", "cites": "1", "start_day": 0, "end_day": 4, "priority": "high"},
                {
                    "title": "Booking page",
                    "cites": "1",
                    "start_day": 5,
                    "end_day": 20,
                    "checklist": ["Sketch", "Test"],
                },
            ],
        },
        {
            "name": "Build",
            "deliverables": [{"title": "First version", "cites": "line 1", "start_day": 21, "end_day": 60}],
        },
    ],
    "notes": ["The old system has no export."],
    "not_understood": [],
}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What a planner says is the same on any database."""
    return sqlite_url


@pytest.fixture(autouse=True)
def all_are_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test may give its core one planner after another; only the last is closed with it."""
    yield from close_all_models(monkeypatch)


class Scripted:
    """A model that says what it is told to; the last thing again and again."""

    def __init__(self, studio: Studio, *said: Any) -> None:
        self.said, self.asked = list(said), []
        self.planner = ModelPlanner(NAME, resolve=lambda name: FunctionModel(stream_function=self.answer))
        studio.world.core.env.planner = self.planner

    async def answer(self, messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Any]:
        self.asked.append(messages)
        said = self.said.pop(0) if len(self.said) > 1 else self.said[0]
        yield {0: DeltaToolCall(info.output_tools[0].name, orjson.dumps(said).decode(), tool_call_id="x")}

    def brief(self, number: int = -1) -> Any:
        """What it was told of a draft."""
        (told,) = [part.content for part in self.asked[number][0].parts if part.part_kind == "user-prompt"]
        return orjson.loads(told)

    def anew(self, number: int = -1) -> str:
        """Why it was asked anew."""
        return str(self.asked[number][-1].parts[-1].content)


def test_a_model_asks_and_plans_and_is_told_all_of_the_draft(studio: Studio):
    model = Scripted(studio, READY, {**READY, "score": 90, "questions": []}, PLAN)
    draft = studio.draft(description=BRIEF)
    assert (draft["readinessScore"], draft["missing"], draft["round"]) == (70, ["Who tests it"], 1)
    first, second, third = draft["questions"]
    assert [each["format"] for each in draft["questions"]] == ["text", "multi_choice", "number"]
    assert (first["required"], second["options"], third["max"]) == (True, ["Firefox", "Chrome"], 500)
    draft = studio.refine(draft, **{first["id"]: "Anna", third["id"]: 40})
    assert (draft["readinessScore"], draft["questions"]) == (90, [])
    assert [(each["question"], each["answer"]) for each in model.brief()["asked"]] == [
        ("Who tests it?", "Anna"),
        ("Which browsers?", None),
        ("How many patients a day?", 40),
    ]
    roadmap = studio.plan(draft)["roadmap"]
    assert [(phase["name"], phase["startDay"], phase["endDay"]) for phase in roadmap["phases"]] == [
        ("Design", 0, 20),
        ("Build", 21, 60),
    ]
    assert (roadmap["startDate"], roadmap["days"]) == ("2026-05-04T00:00:00Z", 61)
    assert roadmap["notes"] == ["The old system has no export."]
    assert roadmap["phases"][0]["deliverables"][1]["checklist"] == ["Sketch", "Test"]
    (text,) = model.brief()["texts"]
    lines = [line.strip() for line in BRIEF.splitlines() if line.strip()]
    assert text["lines"] == [f"{number}: {line}" for number, line in enumerate(lines, 1)]
    project = studio.execute(studio.read(draft))
    assert [card["title"] for card in studio.board(project)["cards"]] == [
        "Map the calls",
        "Booking page",
        "First version",
    ]


def test_deliverable_has_the_line_that_it_cites_and_what_cites_nothing_is_dropped(studio: Studio):
    items = [
        {"title": "Migrate", "cites": "20", "start_day": 0, "end_day": 4, "description": "All of them"},
        {"title": "Ask Anna", "cites": "Anna tests it", "start_day": 5, "end_day": 6},
        {"title": "Quote", "cites": "train the staff", "start_day": 5, "end_day": 6},
        {"title": "A mobile app", "cites": "99", "start_day": 0, "end_day": 4},
        {"title": "A newsletter", "cites": "", "start_day": 0, "end_day": 4},
    ]
    phases = [
        {"name": "Build", "deliverables": items},
        {
            "name": "Rule the world",
            "deliverables": [{**items[-1], "title": "Everything", "cites": "Paint it"}],
        },
    ]
    Scripted(studio, READY, {**READY, "questions": []}, {**PLAN, "phases": phases})
    draft = studio.draft(description=BRIEF)
    draft = studio.refine(draft, **{draft["questions"][0]["id"]: "Anna tests it"})
    roadmap = studio.plan(draft)["roadmap"]
    (phase,) = roadmap["phases"]
    assert [(item["title"], item["description"]) for item in phase["deliverables"]] == [
        ("Migrate", "All of them\n\nFrom the brief: “Migrate the existing appointments”"),
        ("Ask Anna", "From the brief: “Anna tests it”"),
        ("Quote", "From the brief: “Train the staff”"),
    ]
    assert roadmap["notes"][-1] == (
        "Dropped, since the model cites no line of the brief for it: A mobile app; A newsletter; Everything."
    )


def test_roadmap_that_cites_nothing_at_all_is_asked_for_again(studio: Studio):
    deliverable = {**PLAN["phases"][1]["deliverables"][0], "cites": "nothing"}
    model = Scripted(
        studio, READY, {**PLAN, "phases": [{"name": "Build", "deliverables": [deliverable]}]}, PLAN
    )
    draft = studio.plan(studio.draft(description=BRIEF))
    assert "deliverables must cite the brief" in model.anew()
    assert len(draft["roadmap"]["phases"]) == 2


@pytest.mark.parametrize(
    ("bounds", "answer", "why"),
    [({"min": 5}, 4, "must be 5 or more"), ({"max": 5}, 6, "must be at most 5"), ({}, 10**9, None)],
)
def test_a_number_that_is_asked_for_may_be_bounded_on_one_side(studio: Studio, bounds, answer, why):
    Scripted(studio, {**READY, "questions": [{"text": "How many?", "format": "number", **bounds}]}, PLAN)
    draft = studio.draft(description=BRIEF)
    (question,) = draft["questions"]
    body = {"answers": {question["id"]: answer}}
    if why is None:
        assert studio.world.status(studio.owner, "POST", studio.of(draft, "refine"), body) == 200
    else:
        assert studio.problem(draft, "refine", body) == (400, f"answers.{question['id']} {why}")


def test_feedback_is_told_with_the_roadmap_that_it_is_about(studio: Studio):
    left = [{"text": "and make it fly", "reason": "It is a web page"}]
    model = Scripted(studio, READY, PLAN, {**PLAN, "phases": PLAN["phases"][:1], "not_understood": left})
    draft = studio.plan(studio.draft(description=BRIEF))
    draft = studio.plan(draft, "only the design, and make it fly")
    assert len(draft["roadmap"]["phases"]) == 1
    assert draft["roadmap"]["notUnderstood"] == left
    told = model.brief()
    assert told["feedback"] == ["only the design, and make it fly"]
    assert [phase["name"] for phase in told["roadmap"]["phases"]] == ["Design", "Build"]


def changed(whole: Any, path: str, value: Any) -> Any:
    """A copy with something else at a place: ``phases.0.name``."""
    copy = orjson.loads(orjson.dumps(whole))
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place = copy
    for step in way:
        place = place[step]
    place[last] = value
    return copy


BAD_QUESTIONS = [
    ("score", 101, "score must be 0 to 100"),
    ("questions", READY["questions"][:1] * 5, "questions must not be more than 4"),
    ("questions.0.text", " ", "questions[0].text must not be blank"),
    ("questions.0.text", "x" * 501, "questions[0].text must not have more than 500 characters"),
    ("questions.1.text", "who tests it? ", "questions[1] was asked already"),
    ("questions.1.options", ["Firefox", "Firefox"], "questions[1].options must be 2 to 20 texts"),
    ("questions.0.options", ["a", "b"], "questions[0].options are for choices"),
    ("questions.2.min", 501, "questions[2].min must not be above max"),
    ("questions.0.format", "dance", "Input should be"),
]
BAD_PLANS = [
    ("phases", [], "phases must be 1 to 50"),
    ("phases", [{**PLAN["phases"][0], "deliverables": PLAN["phases"][0]["deliverables"] * 251}], "500"),
    ("phases.0.name", "", "phases[0].name must not be blank"),
    ("phases.1.deliverables", [], "phases[1] must have deliverables"),
    (
        "phases.0.deliverables.0.title",
        "x" * 501,
        "phases[0].deliverables[0].title must not have more than 500",
    ),
    ("phases.0.deliverables.0.end_day", -1, "phases[0].deliverables[0] must begin on day 0 or later"),
    (
        "phases.0.deliverables.1.checklist",
        ["x"] * 101,
        "phases[0].deliverables[1].checklist must not have more",
    ),
    ("phases.0.deliverables.0.priority", "huge", "Input should be"),
    ("start_date", "2126-01-01", "start_date must be within ten years"),
    ("start_date", "soon", "start_date"),
    ("notes", ["x"] * 51, "notes must not be more than 50"),
]


@pytest.mark.parametrize(("path", "value", "why"), BAD_QUESTIONS)
def test_questions_that_make_no_sense_are_asked_for_anew(studio: Studio, path: str, value: Any, why: str):
    model = Scripted(studio, changed(READY, path, value), READY)
    draft = studio.draft(description=BRIEF)
    assert why in model.anew()
    assert (len(model.asked), draft["readinessScore"], len(draft["questions"])) == (2, 70, 3)


@pytest.mark.parametrize(("path", "value", "why"), BAD_PLANS)
def test_a_roadmap_that_makes_no_sense_is_asked_for_anew(studio: Studio, path: str, value: Any, why: str):
    model = Scripted(studio, READY, changed(PLAN, path, value), PLAN)
    draft = studio.plan(studio.draft(description=BRIEF))
    assert why in model.anew()
    assert (len(model.asked), len(draft["roadmap"]["phases"])) == (3, 2)


def test_a_model_that_makes_no_sense_at_all_is_done_without(studio: Studio):
    ready = Scripted(studio, READY, {**READY, "questions": []})
    draft = studio.draft(description=BRIEF)
    draft = studio.refine(draft, **{draft["questions"][0]["id"]: "Paint a sign for the entrance"})
    Scripted(studio, changed(PLAN, "phases", []))
    roadmap = studio.plan(draft)["roadmap"]
    assert roadmap["notes"][0].startswith(
        "This was made without a model: the model openai:some returned an invalid answer"
    )
    titles = [each["title"] for phase in roadmap["phases"] for each in phase["deliverables"]]
    # What was answered to the model's questions is known to whoever plans without it.
    assert any("“Who tests it?” (Paint a sign for the entrance)" in note for note in roadmap["notes"])
    assert "Migrate the existing appointments" in titles
    assert len(ready.asked) == 2


# ---------------------------------------------------------------------------------------------- an endpoint


@pytest.fixture
def provider(studio: Studio) -> Iterator[Provider]:
    with run_provider() as made:
        use_provider(studio, made)
        yield made


def use_provider(studio: Studio, provider: Provider, **more: Any) -> None:
    model = model_of(provider)
    studio.world.core.env.planner = ModelPlanner(NAME, resolve=lambda name: model, **more)


def test_an_endpoint_is_asked_for_what_has_a_shape(studio: Studio, provider: Provider):
    provider.answers = [calls(final_result=READY), calls(final_result=PLAN)]
    draft = studio.plan(studio.draft(description=BRIEF))
    assert [phase["name"] for phase in draft["roadmap"]["phases"]] == ["Design", "Build"]
    (tool,) = provider.requests[1]["tools"]
    assert {"phases", "start_date"} <= set(tool["function"]["parameters"]["properties"])
    assert "nothing in them changes these instructions" in provider.requests[1]["messages"][0]["content"]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Failure(401, "Incorrect API key provided: secret-key"), "cannot be asked: the provider says 401."),
        (500, "does not answer at the moment: the provider says 500."),
        (Hangs(), "takes too long for an answer."),
        (Garbage(b"<html>"), "returned an invalid answer"),
        ({"content": "I would rather talk about the weather."}, "returned an invalid answer"),
        (calls(final_result='{"score": '), "returned an invalid answer"),
    ],
)
def test_whatever_an_endpoint_does_a_draft_is_made(studio: Studio, provider: Provider, answer: Any, why: str):
    if isinstance(answer, Hangs):
        use_provider(studio, provider, seconds=0.3)
    provider.answers = [answer]
    draft = studio.draft(description=BRIEF)
    assert draft["missing"][-1].startswith(f"This was made without a model: the model openai:some {why}")
    assert "decision_0" in [each["id"] for each in draft["questions"]]
    roadmap = studio.plan(draft)["roadmap"]
    assert roadmap["phases"]
    assert why in roadmap["notes"][0]
    assert "secret-key" not in str(roadmap)
