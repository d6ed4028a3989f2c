"""Every view of a workspace in which everything says something nasty: nothing becomes markup, nothing breaks."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stellary.client.calling.page import Page
from stellary.client.display import view
from stellary.client.testing import make
from stellary.contract.agent_missions import AgentMission
from stellary.contract.search import Hit
from stellary.contract.wire import Value
from stellary.contract.wizard import DraftAnswer, ProjectDraft, Question
from tests.client.display import test_figures as figures
from tests.client.display.boards import NOW, board
from tests.client.display.parsed import parsed
from tests.client.display.test_markup import HOSTILE, nothing_but_text, texts

# What the API tells in a form that is always the same, or by which one thing finds another.
KEPT = {
    "day",
    "id",
    "scope_id",
    "column_id",
    "mission_id",
    "priority_id",
    "assignee_id",
    "user_id",
    "label_id",
    "kind",
}
SEEN: dict[str, Any] = {
    "board": board(figures.FULL),
    "roadmap": figures.ROADMAP,
    "stats": figures.STATS,
    "cockpit": figures.STATE,
    "card": figures.FULL,
    "log": figures.LOG,
    "mission": make(
        AgentMission, started_at=NOW, finished_at=NOW, result="Well.", error="Odd.", pending_proposals=2
    ),
    "plan": figures.PLAN,
    "draft": make(
        ProjectDraft,
        questions=[make(Question, options=["a"])],
        missing=["b"],
        roadmap=figures.PLAN,
        answers=[make(DraftAnswer, value=["c", {"d": "e"}])],
        readiness_score=50,
    ),
    "hits": Page([make(Hit, snippet="f")]),
}


def nasty(made: Any, text: str) -> Any:
    """The same, with that in place of whatever it says."""
    if isinstance(made, str):
        return text
    if isinstance(made, list):
        return [nasty(each, text) for each in made]
    if isinstance(made, dict):
        return {f"{name}{text}": nasty(each, text) for name, each in made.items()} | {
            name: nasty(each, text) for name, each in made.items()
        }
    if isinstance(made, Value):
        fields = [field.name for field in attrs.fields(type(made)) if field.name not in KEPT]
        return attrs.evolve(made, **{name: nasty(getattr(made, name), text) for name in fields})
    return made


@pytest.mark.parametrize("name", SEEN)
@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_nasty_is_shown_as_a_text(name: str, text: str):
    sheet = view(nasty(SEEN[name], text), now=NOW)
    assert parsed(sheet.html()).attributes["class"] == "sty"
    assert nothing_but_text(sheet.text(60))
    assert sheet.bundle()["text/plain"].encode()


@settings(max_examples=30)
@given(st.sampled_from(sorted(SEEN)), texts, st.integers(1, 130))
def test_whatever_is_said_is_shown_as_a_text(name: str, text: str, width: int):
    sheet = view(nasty(SEEN[name], text), now=NOW)
    parsed(sheet.html())
    assert nothing_but_text(sheet.text(width))


@pytest.mark.parametrize("name", SEEN)
def test_nothing_said_is_no_trouble(name: str):
    sheet = view(nasty(SEEN[name], ""), now=NOW)
    assert parsed(sheet.html())
    assert sheet.text(40)


def test_the_values_here_are_nasty_all_over():
    assert nasty(SEEN["card"], "x").title == "x"
    assert nasty(SEEN["log"], "x")[3].data["params"]["tox"] == "x"
