"""Every view of values in which every text is hostile: none becomes markup, and none fails."""

from itertools import product
from typing import Any

import attrs
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
from tests.client.display.parsed import parse_view
from tests.client.display.test_markup import HOSTILE, is_plain_text, texts
from tests.support.each_case import for_each

# Fields with a fixed format, and ids by which values refer to each other.
UNCHANGED = {
    *("day", "id", "scope_id", "column_id", "mission_id", "priority_id", "assignee_id", "user_id"),
    *("label_id", "kind"),
}
VALUES: dict[str, Any] = {
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


def replace_texts(value: Any, text: str) -> Any:
    """Return a copy of a value with every text replaced."""
    if isinstance(value, str):
        return text
    if isinstance(value, list):
        return [replace_texts(item, text) for item in value]
    if isinstance(value, dict):
        return {f"{name}{text}": replace_texts(item, text) for name, item in value.items()} | {
            name: replace_texts(item, text) for name, item in value.items()
        }
    if isinstance(value, Value):
        fields = [field.name for field in attrs.fields(type(value)) if field.name not in UNCHANGED]
        return attrs.evolve(value, **{name: replace_texts(getattr(value, name), text) for name in fields})
    return value


@for_each("name, text", product(VALUES, HOSTILE))
def test_hostile_text_is_shown_as_text(name: str, text: str):
    rendered = view(replace_texts(VALUES[name], text), now=NOW)
    assert parse_view(rendered.html()).attributes["class"] == "sty"
    assert is_plain_text(rendered.text(60))
    assert rendered.bundle()["text/plain"].encode()


@settings(max_examples=30)
@given(st.sampled_from(sorted(VALUES)), texts, st.integers(1, 130))
def test_any_text_is_shown_as_text(name: str, text: str, width: int):
    rendered = view(replace_texts(VALUES[name], text), now=NOW)
    parse_view(rendered.html())
    assert is_plain_text(rendered.text(width))


@for_each("name", VALUES)
def test_empty_text_is_accepted(name: str):
    rendered = view(replace_texts(VALUES[name], ""), now=NOW)
    assert parse_view(rendered.html())
    assert rendered.text(40)


def test_hostile_values_replace_every_text():
    assert replace_texts(VALUES["card"], "x").title == "x"
    assert replace_texts(VALUES["log"], "x")[3].data["params"]["tox"] == "x"
