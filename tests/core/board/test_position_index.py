"""The position index of large columns, compared with counting."""

from bisect import bisect_left, insort

from hypothesis import given
from hypothesis import strategies as st

from stellary.core.board.rules import position_index
from stellary.core.board.rules.position_index import PositionIndex
from stellary.core.board.rules.positions import assign_positions

positions = st.integers(-(2**40), 2**40)


@st.composite
def columns(draw):
    """Draw the positions of a column, and a position index with short ranges."""
    drawn = sorted(draw(st.sets(positions, min_size=1, max_size=60)))
    cuts = sorted(draw(st.sets(st.integers(1, len(drawn)), max_size=6)) - {len(drawn)})
    starts = [0, *cuts]
    ends = [*cuts, len(drawn)]
    # The card with which a stretch began may have left it.
    lows = tuple(
        draw(st.integers(drawn[start - 1] + 1 if start else drawn[0] - 9, drawn[start])) for start in starts
    )
    return drawn, PositionIndex(lows, tuple(end - start for start, end in zip(starts, ends, strict=True)))


def check(column, directory):
    """Check that the index locates each card as counting does."""
    assert directory.total == len(column)
    for index, position in enumerate(column):
        start, before = directory.locate_position(position)
        assert (
            before + sum((start is None or start <= other) and other < position for other in column) == index
        )
        start, skip = directory.locate_index(index)
        assert (column if start is None else column[bisect_left(column, start) :])[skip] == position


@given(columns())
def test_places_are_as_counted(column_and_index):
    check(*column_and_index)


@given(columns(), st.data())
def test_cards_come_and_go(column_and_index, data):
    column, directory = column_and_index
    for _ in range(data.draw(st.integers(1, 30))):
        if len(column) > 1 and data.draw(st.booleans()):
            position = data.draw(st.sampled_from(column))
            column.remove(position)
            directory = directory.with_count(position, -1)
        else:
            position = data.draw(positions.filter(lambda drawn: drawn not in column))
            insort(column, position)
            directory = directory.with_count(position, 1)
        check(column, directory)


@given(columns(), st.data())
def test_cards_are_spread_again(column_and_index, data):
    column, directory = column_and_index
    start = data.draw(st.integers(0, len(column) - 1))
    end = data.draw(st.integers(start + 1, len(column)))
    before = column[start - 1] if start else None
    right = column[end] if end < len(column) else None
    closed = [neighbour for neighbour in (before, right) if neighbour is not None]
    row = ([before] if start else []) + [None] * (end - start) + ([right] if end < len(column) else [])
    new = assign_positions(row, opens_left=before is None, opens_right=right is None)
    if new is None:
        return
    new = [assigned for assigned in new if assigned not in closed]
    moved = list(zip(column[start:end], new, strict=True))
    check([*column[:start], *new, *column[end:]], directory.with_moves(moved))


@given(columns())
def test_directory_reads_as_it_was_written(column_and_index):
    _, directory = column_and_index
    assert PositionIndex.parse(directory.text) == directory


def test_column_without_a_directory():
    assert PositionIndex.parse(None) is None


def test_directory_of_a_column_that_is_there():
    column = list(range(5_000))
    directory = PositionIndex.build(column[:: position_index.STRETCH], len(column))
    assert directory.counts == (1024, 1024, 1024, 1024, 904)
    assert PositionIndex.build(column[:2048:1024], 2048).counts == (1024, 1024)
    for index in (0, 1, 1023, 1024, 4_999):
        start, before = directory.locate_position(index)
        assert before + index - (start or 0) == index


def test_directory_of_a_column_that_has_become_small_is_not_fit():
    assert not PositionIndex((0, 10), (500, 500)).is_fit
    assert PositionIndex((0, 10), (1_000, 500)).is_fit


def test_directory_with_a_long_stretch_is_not_fit():
    assert not PositionIndex((0, 10), (2_049, 500)).is_fit
