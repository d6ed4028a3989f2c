"""What plain instructions ask for, and what is not understood of them."""

from __future__ import annotations

import time
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellary.core.agents.rules.instructions import read
from stellary.core.api.dispatch import ACTIONS

WEDNESDAY = date(2026, 4, 1)
# What is said, and what it asks for.
SINGLE = {
    "move to Done": ("move_card", {"targetColumn": "Done"}),
    "Please move this card into the Code Review column.": ("move_card", {"targetColumn": "Code Review"}),
    "set priority high": ("set_priority", {"priority": "high"}),
    "Priority: normal": ("set_priority", {"priority": "medium"}),
    "set the priority to none": ("set_priority", {"priority": None}),
    "clear priority": ("set_priority", {"priority": None}),
    "set status in progress": ("set_status", {"status": "in_progress"}),
    "mark it as completed": ("set_status", {"status": "done"}),
    "add checklist: a": ("add_checklist_item", {"title": "a"}),
    "check off 'write tests'": ("toggle_checklist_item", {"itemId": "write tests", "done": True}),
    "uncheck write tests": ("toggle_checklist_item", {"itemId": "write tests", "done": False}),
    "comment: Well done, move on; and so on.": ("add_comment", {"content": "Well done, move on; and so on."}),
    "add a comment saying hello": ("add_comment", {"content": "hello"}),
    "assign to ann@example.com": ("assign_card", {"assigneeId": "ann@example.com"}),
    "assign @ann": ("assign_card", {"assigneeId": "ann"}),
    "unassign": ("assign_card", {"assigneeId": None}),
    "assign to nobody": ("assign_card", {"assigneeId": None}),
    "add label bug": ("add_label", {"label": "bug"}),
    "remove the label bug": ("remove_label", {"label": "bug"}),
    "set due date 2026-05-01": ("update_card", {"dueDate": "2026-05-01"}),
    "due tomorrow": ("update_card", {"dueDate": "2026-04-02"}),
    "due in 2 weeks": ("update_card", {"dueDate": "2026-04-15"}),
    "set due date to friday": ("update_card", {"dueDate": "2026-04-03"}),
    "due next wednesday": ("update_card", {"dueDate": "2026-04-08"}),
    "clear the due date": ("update_card", {"dueDate": None}),
    "start date: today": ("update_card", {"startDate": "2026-04-01"}),
    "rename to Ship it": ("update_card", {"title": "Ship it"}),
    "description: All of it, and more.": ("update_card", {"description": "All of it, and more."}),
    "archive": ("archive_card", {"archived": True}),
    "restore the card": ("archive_card", {"archived": False}),
    "create card: Follow up in To Do": ("create_card", {"title": "Follow up", "column": "To Do"}),
}
COMBINED = {
    "move to Done and set priority high": ["move_card", "set_priority"],
    "add checklist: a, b and c, set priority low": ["add_checklist_item"] * 2 + ["set_priority"],
    "assign to Ann; due tomorrow. Then archive": ["assign_card", "update_card", "archive_card"],
    "- move to Done\n- comment: ok\n\n2. set priority low": ["move_card", "add_comment", "set_priority"],
    "add checklist:\n- design\n- build\nmark done": ["add_checklist_item"] * 2 + ["set_status"],
    "add labels: bug, ui and assign to Ann": ["add_label", "add_label", "assign_card"],
}
BESIDE = {
    "dance": ["dance"],
    "set priority high; dance": ["dance"],
    "dance, then set priority high": ["dance"],
    "move to Done. Make coffee. set status done": ["Make coffee"],
    "set priority enormous": ["set priority enormous"],
    "due 2026-02-30": ["due 2026-02-30"],
}


@pytest.mark.parametrize("prompt", SINGLE)
def test_an_instruction_is_understood(prompt: str):
    found = read(prompt, WEDNESDAY)
    assert [(step.action, dict(step.params)) for step in found.steps] == [SINGLE[prompt]]
    assert found.misunderstood == []


@pytest.mark.parametrize("prompt", COMBINED)
def test_instructions_can_be_combined(prompt: str):
    found = read(prompt, WEDNESDAY)
    assert [step.action for step in found.steps] == COMBINED[prompt]
    assert found.misunderstood == []


@pytest.mark.parametrize("prompt", BESIDE)
def test_what_is_not_understood_is_told(prompt: str):
    assert read(prompt, WEDNESDAY).misunderstood == BESIDE[prompt]


WORDS = [
    *SINGLE,
    *BESIDE,
    "and",
    "then",
    ",",
    ";",
    ". ",
    "\n",
    "- ",
    ":",
    "to",
    "'",
    "due",
    "9999-12-31",
    "in 9999 weeks",
]


@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=20), max_size=12), st.dates())
def test_every_prompt_is_read_and_nothing_gets_lost_in_silence(parts: list[str], today: date):
    prompt = " ".join(parts)
    found = read(prompt, today)
    assert {step.action for step in found.steps} <= set(ACTIONS)
    if any(word.isalpha() for word in prompt.split() if word not in ("and", "then", "also", "please")):
        assert found.steps or found.misunderstood


@pytest.mark.parametrize(
    "part", ["move to a ", "add checklist: , and ", "set ", "comment", "assign and ", "a; ", "due in "]
)
def test_a_long_prompt_is_read_in_no_time(part: str):
    begun = time.perf_counter()
    read((part * 10_000)[:10_000], WEDNESDAY)
    assert time.perf_counter() - begun < 1


@pytest.mark.parametrize("head", ["add checklist:", "add labels:", "comment:", "create card:"])
def test_a_head_that_nothing_follows_is_not_understood_and_takes_nothing_from_what_comes(head):
    found = read(f"{head}\nmove to Done", WEDNESDAY)
    assert [step.action for step in found.steps] == ["move_card"]
    assert [said.rstrip(":") for said in found.misunderstood] == [head.rstrip(":")]
