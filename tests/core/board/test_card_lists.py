"""Card lists: as values and as JSON written directly from rows, with equal content."""

import orjson
import pytest

from stellary.contract.cards import Card, ListCards
from stellary.contract.refs import ProjectRef
from stellary.contract.wire import dump
from stellary.core.board.listing import list_cards
from stellary.core.board.queries import card_lists
from stellary.core.board.queries.card_lists import CardList
from tests.support.core_parts import dump_in_parts


@pytest.fixture
def column(api) -> str:
    """A column with a plain card, one with all that a card can have, and one that is archived."""
    column = api.columns()[0]["id"]
    label = api.ask("POST", "/labels", {"name": 'a "label"'})["id"]
    api.card(column, "plain")
    full = api.card(
        column,
        'é 漢 "quoted" \\',
        description="one\ntwo",
        dueDate="2026-05-01T10:20:30.123Z",
        startDate="2026-04-01",
        assigneeId=api.person.id,
        labelIds=[label],
        checklist=[{"title": 'no "done":true here', "done": False}, {"title": "two", "done": True}],
    )
    api.change(full["id"], status="done")
    api.change(api.card(column, "archived")["id"], archived=True)
    return column


@pytest.fixture
def cards(api, column) -> CardList:
    ref = ProjectRef(api.workspace.organization.slug, api.workspace.slug, api.project["id"])
    with api.world.core.view(api.person.actor) as uow:
        return list_cards(uow, ref, ListCards()).items


def test_json_of_a_list_equals_json_of_its_values(cards):
    assert dump(cards) == dump(list(cards))


@pytest.mark.parametrize("count", [0, 1, 3])
def test_json_in_parts_equals_the_whole(cards, monkeypatch, count):
    monkeypatch.setattr(card_lists, "_TEXTS_MAX", 1)
    parts = [*dump_in_parts({"before": cards[:1], "cards": cards[:count]})]
    assert b"".join(parts) == dump({"before": list(cards)[:1], "cards": list(cards)[:count]})
    assert len(parts) == 6 + count


@pytest.mark.parametrize(("limit", "remaining"), [(2, 0), (3, 3)])
def test_list_that_is_too_long_to_be_remembered_is_released_once_written(
    cards, monkeypatch, limit, remaining
):
    monkeypatch.setattr(card_lists, "_REMEMBERED_MAX", limit)
    monkeypatch.setattr(card_lists, "_RELEASED_AT_ONCE", 2)
    json = dump(list(cards))
    assert b"".join(dump_in_parts(cards)) == json
    assert len(cards) == remaining


def test_json_of_a_card_in_a_list_equals_its_own_json(api, column):
    assert api.list_cards() == [api.read(card["id"]) for card in api.list_cards()]


def test_a_card_of_the_list_is_a_value(cards):
    assert [type(card) for card in cards] == [Card] * 3


def test_a_part_of_the_list_is_a_list(cards):
    assert dump(cards[1:]) == dump(list(cards)[1:])


def test_list_is_indexed_by_position(cards):
    assert cards[1].title == 'é 漢 "quoted" \\'


def test_the_list_equals_a_list_of_the_same_cards(cards):
    assert cards == list(cards)
    assert cards != list(cards)[1:]
    assert cards != 3


def test_assignees_are_known_without_reading_cards(api, cards):
    assert cards.assignee_ids() == {api.person.id}


def test_checklist_progress_counts_done_items(cards):
    assert orjson.loads(dump(cards))[1]["checklistProgress"] == {"done": 1, "total": 2, "percent": 50}
