"""Instructions of the built-in brain: what they do, and what they refuse."""

import csv
import logging
import re
import time
import zlib
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lark
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellary.core.agents.rules import instructions
from stellary.core.agents.rules.instructions import InstructionContext, InstructionError, read
from tests.support.core_parts import (
    ACTIONS,
    Candidate,
    Grammar,
    find_matches,
    first_names,
    grammars,
)
from tests.support.each_case import for_each

WEDNESDAY = date(2026, 4, 1)
CARD: Any = SimpleNamespace(
    id="CARD",
    project_id="PROJECT",
    due_date=datetime(2026, 4, 10, 12, tzinfo=UTC),
    checklist=[
        SimpleNamespace(id="item-1", title="design", done=False),
        SimpleNamespace(id="item-2", title="build", done=True),
        SimpleNamespace(id="item-3", title="test", done=False),
    ],
)
CONTEXT = InstructionContext(CARD, "REQUESTER", WEDNESDAY)


def load_rows(name: str) -> list[dict[str, str]]:
    with (Path(__file__).parent / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


ROWS = [*load_rows("instructions.tsv"), *load_rows("held_back_instructions.tsv")]
DONE = [row["instruction"] for row in ROWS if not row["outcome"].startswith("refused")]


def describe(calls: list[instructions.ParsedAction]) -> str:
    """Return calls in the notation of the tables: ``move_card targetColumn=Done | archive_card archived=true``."""
    return " | ".join(
        " ".join(
            [
                action,
                *(
                    f"{name}={value if isinstance(value, str) else orjson.dumps(value).decode()}"
                    for name, value in params.items()
                    if (name, value) not in [("cardId", "CARD"), ("projectId", "PROJECT")]
                ),
            ]
        )
        for action, params in calls
    )


def normalize(outcome: str) -> str:
    return outcome.replace('": ', '":').replace('", ', '",').replace("}, ", "},")


def try_read(
    prompt: str, context: InstructionContext = CONTEXT
) -> tuple[list[instructions.ParsedAction], str]:
    """Return the calls of a prompt, and the message of its refusal; one of them is empty."""
    try:
        return read(prompt, context), ""
    except InstructionError as refusal:
        return [], str(refusal)


@for_each("row", ROWS)
def test_instruction_has_its_effect_or_is_refused(row: dict[str, str]):
    calls, refusal = try_read(row["instruction"])
    if row["outcome"].startswith("refused: "):
        word = row["outcome"].removeprefix("refused: ")
        assert f"'{word}'" in refusal or f'"{word}"' in refusal
        assert row["nearest"] in refusal
    else:
        assert refusal == ""
        assert describe(calls) == normalize(row["outcome"])


def test_tables_are_large_and_hold_refusals():
    refused = [row for row in ROWS if row["outcome"].startswith("refused: ")]
    assert len(ROWS) >= 360
    assert len(refused) >= 100
    assert all(row["nearest"] for row in refused)


CHANGING = [
    "if it is late",
    "unless Bob objects",
    "when Bob agrees",
    "until Friday",
    "once approved",
    "only on weekends",
    "but not now",
    "or maybe not",
    "except on Friday",
    "later",
    "tomorrow",
    "next week",
    "for every card",
    "in all projects",
    "never",
]
# A text after a colon goes to the end of its line, and a text in quotes may contain any word.
CLOSED = [
    prompt
    for prompt in DONE
    if ":" not in prompt and '"' not in prompt and "'" not in prompt and not prompt.endswith(("?", "!", "."))
]


@given(st.sampled_from(CLOSED), st.sampled_from(CHANGING), st.sampled_from([" ", ", ", ", and ", "; "]))
def test_condition_quantifier_or_delay_at_the_end_is_refused(prompt: str, words: str, separator: str):
    with pytest.raises(InstructionError):
        read(f"{prompt}{separator}{words}", CONTEXT)


@given(
    st.sampled_from(DONE),
    st.sampled_from(
        [
            "if it is late, ",
            "unless Bob objects, ",
            "don't ",
            "do not ",
            "never ",
            "wait, then ",
            "should we ",
            "tomorrow ",
            "in 3 days, ",
            "whenever Bob agrees ",
            "for all cards: ",
            "maybe ",
            "for each card, ",
        ]
    ),
)
def test_condition_negation_quantifier_or_delay_at_the_beginning_is_refused(prompt: str, words: str):
    with pytest.raises(InstructionError):
        read(words + prompt, CONTEXT)


@given(st.lists(st.sampled_from(DONE), min_size=1, max_size=4))
def test_several_instructions_do_what_each_says_or_nothing(prompts: list[str]):
    expected = [call for prompt in prompts for call in read(prompt, CONTEXT)]
    calls, refusal = try_read("\n".join(f"- {prompt}" for prompt in prompts))
    assert calls == expected or "a second value" in refusal or "could be the new card" in refusal


@given(
    st.lists(st.sampled_from(DONE), min_size=1, max_size=3), st.sampled_from(["dance", "sing it", "make tea"])
)
def test_one_unread_instruction_refuses_all(prompts: list[str], unread: str):
    for lines in ([*prompts, unread], [unread, *prompts]):
        with pytest.raises(InstructionError, match="I did not understand"):
            read("\n".join(lines), CONTEXT)


WORDS = [
    *DONE,
    *CHANGING,
    *["and", "then", ",", ";", "-", ":", "to", "'", '"', "due", "9999-12-31", "?"],
    *(". ", "\n", "in 9999 weeks"),
]


@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=20), max_size=12), st.dates())
def test_any_prompt_is_read_or_refused(parts: list[str], today: date):
    calls, refusal = try_read(" ".join(parts), InstructionContext(CARD, "REQUESTER", today))
    assert bool(calls) != bool(refusal)
    assert {action for action, _ in calls} <= set(ACTIONS)


def measure(prompt: str) -> float:
    begin = time.process_time()
    try_read(prompt)
    return time.process_time() - begin


@pytest.mark.parametrize(
    "part",
    [
        "move to a ",
        "add checklist: , and ",
        "set ",
        "comment",
        "assign and ",
        "a; ",
        "due in ",
        "archive, ",
        '"',
        "add label a, ",
        "create cards: archive x, ",
        "comment: archive x, ",
        "a and ",
        "archive if ",
        "- a\n",
        "'a ",
    ],
)
def test_time_is_linear_in_the_length_of_a_prompt(part: str):
    def repeat(length: int) -> str:
        return "add label a " + (part * length)[:length]

    measure("archive")
    short = min(measure(repeat(2_500)) for _ in range(3))
    assert min(measure(repeat(10_000)) for _ in range(3)) < 4 * 4 * short + 0.1


@pytest.mark.slow("compares all rules of a grammar")
def test_grammar_has_no_conflicts(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lark.logger, "level", logging.DEBUG)
    monkeypatch.setattr(lark.logger, "propagate", True)
    plain = lark.Lark
    monkeypatch.setattr(grammars, "Lark", lambda text, **options: plain(text, debug=True, **options))
    Grammar(Path(instructions.__file__))
    assert [record.message for record in caplog.records if "onflict" in record.message] == []


@for_each("head", ["add checklist:", "add labels:", "comment:", "create card:"])
def test_instruction_without_its_text_takes_none_from_the_next_line(head: str):
    with pytest.raises(InstructionError):
        read(f"{head}\nmove to Done", CONTEXT)


def test_bulleted_lines_below_a_colon_are_its_list():
    calls = read("add checklist:\n- pack\n- ship\nmark done", CONTEXT)
    titles = [params["title"] for action, params in calls if action == "add_checklist_item"]
    assert (titles, calls[-1][0]) == (["pack", "ship"], "set_status")


def test_more_than_100_changes_are_refused():
    items = ", ".join(f"item {number}" for number in range(101))
    with pytest.raises(InstructionError, match="this one has 101"):
        read(f"add checklist: {items}", CONTEXT)


# The items that the instructions of the figures name, by the parameter that has the name.
NAMES: dict[str, list[Candidate]] = {
    parameter: [Candidate(name, (name,), first_names(name)) for name in names.split(", ")]
    for parameter, names in {
        "targetColumn": "Backlog, To Do, In Progress, In Review, Review, QA, Ready for QA, Ready for release, Blocked, Waiting, Done",
        "assigneeId": "REQUESTER, Priya Shah, Tom Baker, Lena, Maria, Lee, Bob, Carol, Dave, sam@corp.example",
        "label": "bug, ui, p1, backend, design, customer, needs design, tech debt, feature",
        "itemId": "design, build, test, item-1, item-2, item-3",
    }.items()
}
NAMES |= {"column": NAMES["targetColumn"], "to": NAMES["assigneeId"]}


def has_effect(params: dict[str, object]) -> bool:
    """Return whether a call names only what exists. Cards are named by their keys."""
    for parameter, value in params.items():
        names = [name for name in (value if isinstance(value, list) else [value]) if name is not None]
        if any(len(find_matches(name, NAMES[parameter])) != 1 for name in names if parameter in NAMES):
            return False
    cards = [params[name] for name in ("cardId", "targetCardId") if name in params]
    return len({*cards}) == len(cards) and all(re.fullmatch("CARD|[A-Z]+-[0-9]{1,6}", card) for card in cards)


def judge(row: dict[str, str]) -> str:
    """Return ``exact``, ``refused`` or ``wrong`` for a row of the figures."""
    calls, refusal = try_read(row["instruction"])
    if refusal or not all(has_effect(params) for _, params in calls):
        return "refused"
    return "exact" if row["kind"] == "plain" and describe(calls) == normalize(row["outcome"]) else "wrong"


@pytest.mark.parametrize("half", [0, 1], ids=["tuned", "held out"])
def test_most_plain_instructions_are_done_and_none_is_wrong(half: int):
    # The grammar was written with half of the table in view; the other half shows what it does with further sentences.
    rows = [
        row
        for row in load_rows("instruction_figures.tsv")
        if zlib.crc32(row["instruction"].encode()) % 2 == half
    ]
    figures = Counter((row["kind"], judge(row)) for row in rows)
    assert [row["instruction"] for row in rows if judge(row) == "wrong"] == []
    assert min(figures["refuse", "refused"], figures["hostile", "refused"]) >= 55
    assert figures["plain", "exact"] >= (124, 119)[half]


@for_each(
    "prompt",
    [
        "archive cette carte",
        "déplace la carte vers Terminé",
        "Peux-tu l'assigner à Bob ?",
        "la priorité est haute",
    ],
)
def test_french_instruction_is_refused_in_french(prompt: str):
    with pytest.raises(InstructionError, match="Je ne comprends pas") as refusal:
        read(prompt, CONTEXT)
    assert refusal.value.effect == "Rien n'a été modifié."


DATES = [
    ("2026-01-31", "on the 30th", "2026-03-30"),
    ("2026-01-31", "end of next month", "2026-02-28"),
    ("2026-04-01", "friday of next week", "2026-04-10"),
    ("2026-04-01", "this coming monday", "2026-04-06"),
    ("2026-04-01", "Fri, 3 April", "2026-04-03"),
    ("2026-04-01", "Thursday, 3 April", ""),
    ("2026-04-01", "on the 32nd", ""),
    ("2026-04-01", "in 0 days", ""),
    ("2024-02-29", "in ten years", "2034-02-28"),
    ("2026-04-01", "2036-04-01", "2036-04-01"),
    ("2026-04-01", "2036-04-02", ""),
    ("2026-04-01", "2016-03-31", ""),
]


@for_each("today,words,due", DATES)
def test_date_is_as_people_write_it_and_within_ten_years(today: str, words: str, due: str):
    calls, refusal = try_read(
        f"due {words}", InstructionContext(CARD, "REQUESTER", date.fromisoformat(today))
    )
    assert [params["dueDate"] for _, params in calls] == ([due] if due else [])
    assert bool(due) or "a date such as" in refusal
