"""Any sequence of calls: each is answered, the stages follow each other as they may, and the score never falls."""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stellary.contract.errors import Conflict
from stellary.core import Core
from stellary.core.wizard.rules import stages
from tests.core.wizard.draft_api import BRIEF, DraftApi
from tests.support.world import World

MAY_FOLLOW = {
    "framing": {"framing", "refinement", "roadmap"},
    "refinement": {"refinement", "roadmap"},
    "roadmap": {"refinement", "roadmap", "executed"},
    "executed": {"executed"},
}


@pytest.fixture(scope="module")
def api():
    core = Core("sqlite://", bcrypt_rounds=4)
    core.migrate()
    world = World(core)
    yield DraftApi(world, world.person("ann"))
    core.close()


ANSWERS = st.dictionaries(
    st.sampled_from(
        ["work", "goal", "audience", "deadline", "start", "phases", "weeks_0", "limits", "first", "nothing"]
    ),
    st.one_of(
        st.text(max_size=20),
        st.integers(-1, 50),
        st.sampled_from(["2026-05-01", ["A budget"], ["Design"], "Build a page", None, True]),
    ),
    max_size=4,
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("refine"), st.fixed_dictionaries({"answers": ANSWERS})),
        st.tuples(st.just("good"), st.none()),
        st.tuples(
            st.just("generate-roadmap"),
            st.sampled_from([None, {"feedback": "shorter"}, {"feedback": "undo"}, {"feedback": ""}]),
        ),
        st.tuples(
            st.just("execute"), st.sampled_from([None, {"startDate": "2026-05-01"}, {"startDate": "x"}])
        ),
    ),
    max_size=8,
)


def good(draft):
    """Return answers of the right format to all open questions."""
    answers = {}
    for question in draft["questions"]:
        options = question["options"]
        answers[question["id"]] = {
            "text": "Build a page; paint a sign; rent a room",
            "number": 3,
            "date": "2027-01-31",
        }.get(question["format"], options[:1])
        if question["format"] == "single_choice":
            answers[question["id"]] = options[0]
    return {"answers": answers}


@settings(max_examples=30)
@given(text=st.sampled_from(["", "Build a page", BRIEF]), steps=STEPS)
def test_any_sequence_of_calls_keeps_to_the_stages(api, text, steps):
    draft = api.draft(description=text)
    for name, body in steps:
        step, payload = ("refine", good(draft)) if name == "good" else (name, body)
        answer = api.world.call(api.owner, "POST", api.of(draft, step), payload)
        after = api.read(draft)
        if answer.status >= 400:
            assert answer.status in (400, 409)
            assert after == draft
        elif step != "execute":
            assert orjson.loads(answer.body) == after
        assert after["stage"] in MAY_FOLLOW[draft["stage"]]
        assert (after["roadmap"] is not None) == (after["stage"] in ("roadmap", "executed"))
        assert (after["projectId"] is not None) == (after["stage"] == "executed")
        assert draft["readinessScore"] <= after["readinessScore"] <= 100
        assert draft["round"] <= after["round"] <= 4
        assert draft["version"] <= after["version"]
        draft = after


def test_good_answers_are_taken_at_every_stage_but_the_last(api):
    draft = api.draft()
    while draft["questions"]:
        draft = api.ask("POST", api.of(draft, "refine"), good(draft))
        draft = api.plan(draft)
    assert (draft["stage"], draft["readinessScore"]) == ("roadmap", 100)


@pytest.mark.parametrize("stage", ["framing", "refinement"])
def test_nothing_is_executed_without_a_roadmap(stage):
    with pytest.raises(Conflict, match="no roadmap yet"):
        stages.find_next(stage, "execute")
