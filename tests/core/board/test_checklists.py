"""Checklists: order, progress, limits, and concurrent changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellary.contract.checklists import AddChecklistItem, ChecklistItem, UpdateChecklistItem
from stellary.contract.errors import Conflict, Invalid
from stellary.contract.refs import ChecklistItemRef
from stellary.core import events
from stellary.core.board import checklists
from stellary.core.board.rules import checklists as rules
from tests.support.boards import ask, status
from tests.support.world import at_once


def items(*titles):
    return [
        ChecklistItem(id=title, title=title, done=False, order=place) for place, title in enumerate(titles)
    ]


def titles(items_):
    assert [item.order for item in items_] == list(range(len(items_)))
    return [item.title for item in items_]


# ------------------------------------------------------------------------------------------------------ the rules


def test_checked_is_another_word_for_done():
    assert rules.add_item([], AddChecklistItem(title="a", checked=True), "a")[0].done
    (item, _) = rules.update_item(items("a", "b"), "a", UpdateChecklistItem(checked=True))
    assert item.done
    (item,) = rules.update_item([item], "a", UpdateChecklistItem(checked=False, done=False))
    assert not item.done
    with pytest.raises(Invalid, match="checked must not contradict done"):
        rules.update_item([item], "a", UpdateChecklistItem(checked=True, done=False))


def test_update_of_an_item_keeps_other_fields():
    before = [ChecklistItem(id="a", title="a", done=True, order=0), *items("x", "b")[1:]]
    assert rules.update_item(before, "a", UpdateChecklistItem()) == before
    (renamed, _) = rules.update_item(before, "a", UpdateChecklistItem(title="other"))
    assert (renamed.title, renamed.done) == ("other", True)


def test_a_checklist_takes_a_hundred_items():
    full = items(*map(str, range(100)))
    with pytest.raises(Conflict) as caught:
        rules.add_item(full, AddChecklistItem(title="new"), "new")
    assert caught.value.code == "checklist_full"


@given(st.lists(st.tuples(st.sampled_from(["add", "move", "delete"]), st.integers(0, 9), st.integers(0, 12))))
def test_checklist_stays_dense_after_any_steps(steps):
    checklist, model = [], []
    for number, (step, which, place) in enumerate(steps):
        id = model[which % len(model)] if model else ""
        if step == "add":
            checklist = rules.add_item(checklist, AddChecklistItem(title="x", order=place), str(number))
            model.insert(place, str(number))
        elif model and step == "move":
            checklist = rules.update_item(checklist, id, UpdateChecklistItem(order=place))
            model.remove(id)
            model.insert(place, id)
        elif model:
            checklist = rules.remove_item(checklist, id)
            model.remove(id)
        assert [(item.id, item.order) for item in checklist] == [(id, at) for at, id in enumerate(model)]


# ------------------------------------------------------------------------------------------------------ the service


@pytest.fixture
def card(board):
    return board.card(checklist=[{"title": "a"}, {"title": "b"}])


def test_items_are_listed_in_their_order(board, card):
    path = f"{board.flat_of(card)}/checklist"
    ask(board, "POST", path, {"title": "first", "order": 0})
    listed_items = ask(board, "GET", path)
    assert [(item["title"], item["order"]) for item in listed_items] == [("first", 0), ("a", 1), ("b", 2)]
    assert listed_items == board.read(card)["checklist"]


def test_progress_is_counted_on_the_card(board, card):
    assert card["checklistProgress"] == {"done": 0, "total": 2, "percent": 0}
    ask(board, "POST", f"{board.flat_of(card)}/checklist", {"title": "c", "done": True})
    assert board.read(card)["checklistProgress"] == {"done": 1, "total": 3, "percent": 33}


def test_a_change_is_a_new_version_of_the_card_and_no_change_is_none(board, card):
    path = f"{board.flat_of(card)}/checklist/{card['checklist'][0]['_id']}"
    ask(board, "PATCH", path, {"done": True})
    assert board.read(card)["version"] == card["version"] + 1
    ask(board, "PATCH", path, {"done": True})
    ask(board, "PATCH", path, {})
    assert board.read(card)["version"] == card["version"] + 1


def test_a_deleted_item_is_gone(board, card):
    first, second = card["checklist"]
    path = f"{board.flat_of(card)}/checklist/{first['_id']}"
    assert ask(board, "DELETE", path) == {"ok": True}
    assert ask(board, "GET", f"{board.flat_of(card)}/checklist") == [second | {"order": 0}]
    assert status(board, "DELETE", path) == 404
    assert status(board, "PATCH", path, {"done": "perhaps"}) == 404


def test_the_hundredth_item_is_the_last(board):
    card = board.card(checklist=[{"title": str(number)} for number in range(99)])
    path = f"{board.flat_of(card)}/checklist"
    answers = at_once(*[lambda: status(board, "POST", path, {"title": "one more"})] * 3)
    assert sorted(answers) == [201, 409, 409]


def tick(board, card, item):
    """Check off an item, and return the events."""
    ref = board.workspace.ref.child(ChecklistItemRef, card["id"], item["_id"])
    with board.world.core.begin(board.owner.actor) as uow:
        checklists.update_checklist_item(uow, ref, UpdateChecklistItem(done=True))
        return list(uow.events)


def test_completing_the_last_open_item_happens_once(board, card):
    first, second = card["checklist"]
    assert [type(event) for event in tick(board, card, first)] == [events.CardUpdated]
    _, completed = tick(board, card, second)
    assert isinstance(completed, events.ChecklistCompleted)
    assert completed.card.checklist_progress.percent == 100
    assert tick(board, card, second) == []


def test_concurrent_ticks_are_all_kept(board):
    for _ in range(5):
        card = board.card(checklist=[{"title": str(number)} for number in range(4)])
        happened = at_once(*[lambda item=item: tick(board, card, item) for item in card["checklist"]])  # noqa: B023
        now = board.read(card)
        assert now["checklistProgress"]["percent"] == 100
        assert now["version"] == card["version"] + 4
        completed = [
            event for emitted in happened for event in emitted if isinstance(event, events.ChecklistCompleted)
        ]
        assert len(completed) == 1
