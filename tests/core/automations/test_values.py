"""Values in the texts and dates of actions: a closed list, checked when saved, and filled when the rule runs."""

from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stellary.contract.actions import CreateCardsParams, UpdateCardParams
from stellary.contract.errors import Invalid
from stellary.core.automations.rules import occurrences, values
from tests.support.boards import ask, error
from tests.support.cpu_time import measure_cpu_time
from tests.support.each_case import for_each

NOW = datetime(2026, 12, 2, 15, 30, tzinfo=UTC)  # a Wednesday
VALUES = {
    "card.dueDate": "2026-12-24T00:00:00+00:00",
    "card.startDate": "",
    "card.title": "a *b*\n{{card.key}}",
}


def test_texts_contain_values_of_the_event(board, bob):
    board.join(bob)
    board.rule(
        "task_moved",
        "add_comment",
        content="{{card.title}} of {{project.name}}, {{card.column}} ({{trigger.fromColumn}}), for {{card.assignee}} by "
        "{{ actor.name }} until {{card.duedate}}{{card.startDate}}, {{card.status}} and {{card.priority}} {{",
    )
    card = board.card("Ship *it*", dueDate="2026-12-24", priority="high", assigneeId=board.owner.id)
    board.world.ask(bob, "PATCH", board.of(card), {"columnId": board.columns[1]["id"]})
    (comment,) = ask(board, "GET", f"{board.of(card)}/comments")
    assert comment["content"] == (
        "Ship *it* of Launch, In Progress (To Do), for ann by bob until 2026-12-24, in_progress and high {{"
    )


def test_values_are_those_of_the_event_even_if_the_rule_runs_later(board, monkeypatch):
    monkeypatch.setattr(occurrences, "UNIT_ACTIONS_MAX", 0)
    rule = board.rule("task_created", "add_comment", content="{{card.title}}")
    card = board.card("First")
    assert board.traces(rule) == []
    board.change(card, title="Second")
    board.world.core.work.run_due()
    (comment,) = ask(board, "GET", f"{board.of(card)}/comments")
    assert comment["content"] == "First"


def test_values_are_escaped_in_the_markdown_of_documents(board):
    board.rule("task_created", "create_document", title="On {{card.title}}", content="# {{card.title}}")
    board.card("*a* [b](c)")
    (document,) = ask(board, "GET", f"{board.flat}/documents")
    (heading,) = ask(board, "GET", f"{board.flat}/documents/{document['id']}")["content"]["content"]
    assert document["title"] == "On *a* [b](c)"
    assert heading["content"] == [{"type": "text", "text": "*a* [b](c)"}]


@for_each(
    "type, params, message",
    [
        (
            "add_comment",
            {"content": "{{card.tilte}}"},
            "{{card.tilte}} is no value; use card.key, card.title",
        ),
        ("add_comment", {"content": "{{}}"}, "{{}} is no value"),
        ("split_card", {"titles": ["a", "{{data.amount}}"]}, "{{data.amount}} is no value"),
        ("move_card", {"targetColumn": "{{card.column}}"}, "targetColumn must be the id or the name"),
        ("set_status", {"status": "{{card.status}}"}, "status must be"),
        ("update_card", {"dueDate": "next monda"}, "dueDate must"),
        ("update_card", {"dueDate": "next someday"}, "dueDate must"),
        ("update_card", {"dueDate": "+3"}, "dueDate must"),
        ("update_card", {"dueDate": ""}, "dueDate must"),
        ("update_card", {"dueDate": "{{card.createdAt}} + 1d"}, "{{card.createdAt}} is no value"),
        ("create_cards_bulk", {"cards": [{"title": "a", "startDate": "soon"}]}, "cards[0].startDate must"),
    ],
)
def test_unknown_value_or_date_is_refused_when_the_rule_is_saved(board, type, params, message):
    body = {"trigger": "task_moved", "action": {"type": type, "params": params}}
    status, text = error(board, "POST", f"{board.path}/automations", body)
    assert status == 400
    assert message in text


@for_each(
    "text, expected",
    [
        ("today", "2026-12-02"),
        ("+3d", "2026-12-05"),
        ("- 2w", "2026-11-18"),
        ("next monday", "2026-12-07"),
        ("Next Wednesday", "2026-12-09"),
        ("next thursday + 1w", "2026-12-10"),
        ("end of month", "2026-12-31"),
        ("end of  month +1d", "2027-01-01"),
        ("{{card.dueDate}} - 1d", "2026-12-23T00:00:00+00:00"),
        ("{{ card.duedate }}", "2026-12-24T00:00:00+00:00"),
        ("2027-01-01", "2027-01-01"),
    ],
)
def test_relative_dates_count_from_the_day_in_utc(text, expected):
    filled = values.fill_params(UpdateCardParams, {"dueDate": text, "title": "+3d"}, VALUES, NOW, ())
    assert filled == {"dueDate": expected, "title": "+3d"}
    cards = {"cards": [{"title": "today", "startDate": text}]}
    assert values.fill_params(CreateCardsParams, cards, VALUES, NOW, ())["cards"][0]["startDate"] == expected


@for_each(
    "text, message",
    [
        ("{{card.startDate}} + 1d", "needs card.startDate, which the card does not have"),
        ("{{card.dueDate}} + 9999w", "is too far away"),
    ],
)
def test_date_that_cannot_be_counted_fails_the_rule(text, message):
    late = {**VALUES, "card.dueDate": "9999-12-24T00:00:00+00:00"}
    with pytest.raises(Invalid, match=message):
        values.fill_params(UpdateCardParams, {"dueDate": text}, late, NOW, ())


def test_changed_dates_and_texts_act_on_cards(board):
    board.world.stop_clock()
    rule = board.rule("task_moved", "update_card", dueDate="{{card.dueDate}} - 1d", title="{{card.title}}!")
    card = board.move(board.card("Ship", dueDate="2026-12-24T10:00:00Z"), 1)
    assert (card["title"], card["dueDate"]) == ("Ship!", "2026-12-23T10:00:00Z")
    board.move(board.card("No date"), 1)
    assert board.results(rule)[-1] == "dueDate needs card.dueDate, which the card does not have"


@given(st.text(alphabet="{} a+-d1next monday", max_size=40))
def test_texts_without_known_values_stay(text):
    assume("a" not in values.find_names(text))
    filled = values.fill_params(UpdateCardParams, {"title": text}, {"a": "b"}, NOW, ())
    assert filled == {"title": text}


@for_each("part", ["{{", "{{a", "next ", "a", " ", "1", "{{ card.dueDate }}", "+"])
def test_texts_and_dates_are_read_in_linear_time(part):
    text = part * (100_000 // len(part))
    params = {"title": text, "dueDate": f"next {text}"}

    def read():
        values.fill_params(UpdateCardParams, values.use_sample_dates(UpdateCardParams, params), {}, NOW, ())

    assert measure_cpu_time(read, enough=0.1) < 0.1
