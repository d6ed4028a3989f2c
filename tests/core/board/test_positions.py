"""Positions of cards: gaps, spreading, lines."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellary.core.board.rules.positions import GAP, ROOM, ColumnOrder, assign_positions, spread


def ascends(positions):
    return all(previous < next_ for previous, next_ in itertools.pairwise(positions))


positions = st.integers(-(2**40), 2**40)
rows = st.lists(positions, unique=True, max_size=60).map(sorted)


def test_first_cards_stand_a_gap_apart():
    assert spread(None, 3, None) == [0, GAP, 2 * GAP]


def test_card_at_the_end_stands_a_gap_behind_the_last():
    assert spread(7, 1, None) == [7 + GAP]


def test_card_at_the_beginning_stands_a_gap_before_the_first():
    assert spread(None, 1, 7) == [7 - GAP]


def test_card_between_two_stands_in_the_middle():
    assert spread(0, 1, GAP) == [GAP // 2]


def test_neighbours_without_a_number_between_leave_no_room():
    assert spread(1, 1, 2) is None


@given(positions, st.integers(1, 50), positions)
def test_what_is_spread_lies_between_the_neighbours(before, count, after):
    positions_ = spread(before, count, after)
    if positions_ is None:
        assert after - before <= count
    else:
        assert len(positions_) == count
        assert ascends([before, *positions_, after])


@given(rows, st.data())
def test_settled_row_ascends(row, data):
    unsettled = list(row)
    for _ in range(data.draw(st.integers(0, 30))):
        unsettled.insert(data.draw(st.integers(0, len(unsettled))), None)
    assigned = assign_positions(unsettled)
    assert assigned is not None
    assert len(assigned) == len(unsettled)
    assert ascends(assigned)


def test_card_with_room_moves_no_other_card():
    assert assign_positions([0, None, GAP]) == [0, GAP // 2, GAP]


def test_card_without_room_moves_only_those_around():
    row = [*range(0, 100 * GAP, GAP), *range(100 * GAP, 100 * GAP + 5)]
    row.insert(102, None)
    assigned = assign_positions(row)
    assert ascends(assigned)
    assert assigned[:80] == row[:80]
    assert all(next_ - previous >= ROOM for previous, next_ in itertools.pairwise(assigned))


def test_cards_that_are_new_to_the_right_are_spread_along():
    assigned = assign_positions([0, None, *range(1, 9), None, 9, GAP])
    assert ascends(assigned)
    assert assigned[-1] == GAP


def test_closed_row_without_room_asks_for_more():
    assert assign_positions([0, None, 1], opens_left=False, opens_right=False) is None


@given(rows, st.data())
def test_closed_row_either_ascends_between_its_ends_or_asks_for_more(row, data):
    if len(row) < 2:
        return
    new = [*row]
    new.insert(data.draw(st.integers(1, len(row) - 1)), None)
    assigned = assign_positions(new, opens_left=False, opens_right=False)
    if assigned is not None:
        assert ascends(assigned)
        assert (assigned[0], assigned[-1]) == (row[0], row[-1])


@pytest.mark.slow("inserts thousands of times")
def test_repeated_insertion_at_one_position_rewrites_few_cards():
    row, written = list(range(0, 200 * GAP, GAP)), 0
    for _ in range(3_000):
        row.insert(100, None)
        assigned = assign_positions(row)
        written += sum(old != new for old, new in zip(row, assigned, strict=True))
        row = assigned
    assert ascends(row)
    assert written < 3 * 3_000


@given(rows, st.data())
def test_line_is_a_list_that_knows_positions(row, data):
    cards = {f"{index:03}": position for index, position in enumerate(row)}
    line, model = ColumnOrder(cards.items()), list(cards)
    for step in range(data.draw(st.integers(0, 20))):
        if model and data.draw(st.booleans()):
            card = data.draw(st.sampled_from(model))
            line.remove(card)
            model.remove(card)
        else:
            card, place = f"new{step}", data.draw(st.integers(0, 70))
            line.insert(card, place)
            model.insert(place, card)
    assert line.orders() == {card: place for place, card in enumerate(model)}
    assert [line.order_of(card) for card in model] == list(range(len(model)))
    assert sorted(model, key=(cards | line.positions()).__getitem__) == model
